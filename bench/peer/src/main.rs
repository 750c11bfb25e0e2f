//! The Rust crate frost-secp256k1-tr as a peer of the bench: one request a line, words apart by one blank,
//! byte strings in hex; the answer is one line, `ok …` or `error <text>`. The bench hands over keys and
//! packages, so that both sides work on the same objects, and then asks for times:
//! `run <operation> <count>` answers the nanoseconds that the operation took `count` times.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::time::Instant;

use frost::keys::{dkg, KeyPackage, PublicKeyPackage};
use frost::round1::SigningNonces;
use frost::round2::SignatureShare;
use frost::{Identifier, SigningPackage};
use frost_core::CheaterDetection;
use frost_secp256k1_tr as frost;
use rand_chacha::rand_core::SeedableRng;
use rand_chacha::ChaCha20Rng;

type Fault = Box<dyn std::error::Error>;
type Packages<T> = BTreeMap<Identifier, T>;

/// One signing package with everything that belongs to it. The bench gives one for either parity of R.
struct Case {
    raw: Vec<u8>,
    package: SigningPackage,
    nonces: SigningNonces,
    shares: Packages<SignatureShare>,
    bad: Packages<SignatureShare>,
}

struct Ceremony {
    identifier: Identifier,
    max: u16,
    min: u16,
    secret: dkg::round1::SecretPackage,
    raw: Vec<u8>,
    round1: Packages<dkg::round1::Package>,
    round2_secret: Option<dkg::round2::SecretPackage>,
    round2: Packages<dkg::round2::Package>,
}

#[derive(Default)]
struct State {
    keys: Option<(KeyPackage, PublicKeyPackage)>,
    cases: Vec<Case>,
    ceremony: Option<Ceremony>,
}

struct Words<'a>(std::str::Split<'a, char>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Result<&'a str, Fault> {
        self.0.next().ok_or_else(|| "a word is missing".into())
    }

    fn number<T: std::str::FromStr>(&mut self) -> Result<T, Fault>
    where
        T::Err: std::error::Error + 'static,
    {
        Ok(self.word()?.parse()?)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, Fault> {
        let text = self.word()?;
        (0..text.len()).step_by(2).map(|i| Ok(u8::from_str_radix(&text[i..i + 2], 16)?)).collect()
    }

    fn identifier(&mut self) -> Result<Identifier, Fault> {
        Ok(self.number::<u16>()?.try_into()?)
    }

    fn shares(&mut self, count: u16) -> Result<Packages<SignatureShare>, Fault> {
        (0..count).map(|_| Ok((self.identifier()?, SignatureShare::deserialize(&self.bytes()?)?))).collect()
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

fn random() -> ChaCha20Rng {
    ChaCha20Rng::from_seed([7; 32])
}

/// keys public-package key-package: forgets everything older
fn load_keys(state: &mut State, words: &mut Words) -> Result<String, Fault> {
    let public = PublicKeyPackage::deserialize(&words.bytes()?)?;
    let key = KeyPackage::deserialize(&words.bytes()?)?;
    *state = State { keys: Some((key, public)), ..State::default() };
    Ok(String::new())
}

/// case signing-package nonces count shares… bad-shares…
fn load_case(state: &mut State, words: &mut Words) -> Result<String, Fault> {
    let raw = words.bytes()?;
    let package = SigningPackage::deserialize(&raw)?;
    let nonces = SigningNonces::deserialize(&words.bytes()?)?;
    let count = words.number()?;
    let shares = words.shares(count)?;
    let bad = words.shares(count)?;
    let (key, public) = state.keys.as_ref().ok_or("no keys")?;
    let share = frost::round2::sign(&package, &nonces, key)?;
    let signature = frost::aggregate(&package, &shares, public)?;
    state.cases.push(Case { raw, package, nonces, shares, bad });
    Ok(format!("{} {}", hex(share.serialize()), hex(signature.serialize()?)))
}

/// ceremony identifier max min -> own round-1 package
fn begin_ceremony(state: &mut State, words: &mut Words) -> Result<String, Fault> {
    let (identifier, max, min) = (words.identifier()?, words.number()?, words.number()?);
    let (secret, package) = dkg::part1(identifier, max, min, &mut random())?;
    let raw = package.serialize()?;
    let answer = hex(&raw);
    state.ceremony = Some(Ceremony {
        identifier,
        max,
        min,
        secret,
        raw,
        round1: BTreeMap::new(),
        round2_secret: None,
        round2: BTreeMap::new(),
    });
    Ok(answer)
}

/// peer identifier round-1-package round-2-package
fn load_peer(state: &mut State, words: &mut Words) -> Result<String, Fault> {
    let ceremony = state.ceremony.as_mut().ok_or("no ceremony")?;
    let identifier = words.identifier()?;
    ceremony.round1.insert(identifier, dkg::round1::Package::deserialize(&words.bytes()?)?);
    ceremony.round2.insert(identifier, dkg::round2::Package::deserialize(&words.bytes()?)?);
    if ceremony.round1.len() + 1 == usize::from(ceremony.max) {
        ceremony.round2_secret = Some(dkg::part2(ceremony.secret.clone(), &ceremony.round1)?.0);
    }
    Ok(String::new())
}

fn time(count: usize, mut operation: impl FnMut(usize) -> Result<(), Fault>) -> Result<String, Fault> {
    let start = Instant::now();
    for i in 0..count {
        operation(i)?;
    }
    Ok(start.elapsed().as_nanos().to_string())
}

fn run_signing(state: &State, operation: &str, count: usize) -> Result<String, Fault> {
    let (key, public) = state.keys.as_ref().ok_or("no keys")?;
    let case = |i: usize| &state.cases[i % state.cases.len()];
    let mut random = random();
    match operation {
        "round1" => time(count, |_| {
            black_box(frost::round1::commit(key.signing_share(), &mut random));
            Ok(())
        }),
        "round2" => time(count, |i| {
            black_box(frost::round2::sign(&case(i).package, &case(i).nonces, key)?);
            Ok(())
        }),
        "aggregate" => time(count, |i| {
            black_box(frost::aggregate(&case(i).package, &case(i).shares, public)?);
            Ok(())
        }),
        "aggregate_one" | "aggregate_all" => time(count, |i| {
            let search = if operation == "aggregate_one" { CheaterDetection::FirstCheater } else { CheaterDetection::AllCheaters };
            match frost_core::aggregate_custom(&case(i).package, &case(i).bad, public, search) {
                Err(frost::Error::InvalidSignatureShare { culprits }) if culprits.len() == 1 => Ok(()),
                _ => Err("no culprit".into()),
            }
        }),
        "verify" => time(count, |i| {
            let (identifier, share) = case(i).shares.iter().next().ok_or("no share")?;
            let verifying_share = public.verifying_shares().get(identifier).ok_or("no verifying share")?;
            frost_core::verify_signature_share(*identifier, verifying_share, share, &case(i).package, public.verifying_key())?;
            Ok(())
        }),
        "parse_signing" => time(count, |i| {
            black_box(SigningPackage::deserialize(&case(i).raw)?);
            Ok(())
        }),
        other => Err(format!("no operation {other}").into()),
    }
}

fn run_ceremony(ceremony: &Ceremony, operation: &str, count: usize) -> Result<String, Fault> {
    let mut random = random();
    match operation {
        "part1" => time(count, |_| {
            black_box(dkg::part1(ceremony.identifier, ceremony.max, ceremony.min, &mut random)?);
            Ok(())
        }),
        "part2" => time(count, |_| {
            black_box(dkg::part2(ceremony.secret.clone(), &ceremony.round1)?);
            Ok(())
        }),
        "part3" => time(count, |_| {
            let secret = ceremony.round2_secret.as_ref().ok_or("no part 2")?;
            black_box(dkg::part3(secret, &ceremony.round1, &ceremony.round2)?);
            Ok(())
        }),
        "parse_dkg" => time(count, |_| {
            black_box(dkg::round1::Package::deserialize(&ceremony.raw)?);
            Ok(())
        }),
        other => Err(format!("no operation {other}").into()),
    }
}

/// run operation count -> nanoseconds
fn run(state: &State, words: &mut Words) -> Result<String, Fault> {
    let (operation, count) = (words.word()?, words.number()?);
    match operation {
        "part1" | "part2" | "part3" | "parse_dkg" => {
            run_ceremony(state.ceremony.as_ref().ok_or("no ceremony")?, operation, count)
        }
        _ => run_signing(state, operation, count),
    }
}

fn answer(state: &mut State, line: &str) -> Result<String, Fault> {
    let mut words = Words(line.split(' '));
    match words.word()? {
        "keys" => load_keys(state, &mut words),
        "case" => load_case(state, &mut words),
        "ceremony" => begin_ceremony(state, &mut words),
        "peer" => load_peer(state, &mut words),
        "run" => run(state, &mut words),
        other => Err(format!("no request {other}").into()),
    }
}

fn main() -> io::Result<()> {
    let mut state = State::default();
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        match answer(&mut state, &line?) {
            Ok(words) => writeln!(out, "ok {words}")?,
            Err(fault) => writeln!(out, "error {}", fault.to_string().replace('\n', " "))?,
        }
        out.flush()?;
    }
    Ok(())
}
