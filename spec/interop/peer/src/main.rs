//! The Rust crate frost-secp256k1-tr behind a line protocol, for spec/interop: one request a line, words
//! apart by one blank, byte strings in hex; the answer is one line too, `ok …` or `error <text>`.
//! Lists are a count and then their items. Randomness comes from the given 32-byte seed.

use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};

use frost_secp256k1_tr as frost;
use frost::keys::{dkg, EvenY, KeyPackage, PublicKeyPackage};
use frost::{round1, round2, Identifier, Signature, SigningPackage, VerifyingKey};
use rand_chacha::rand_core::SeedableRng;
use rand_chacha::ChaCha20Rng;

type Fault = Box<dyn std::error::Error>;

struct Words<'a>(std::str::Split<'a, char>);

impl<'a> Words<'a> {
    fn word(&mut self) -> Result<&'a str, Fault> {
        self.0.next().ok_or_else(|| "a word is missing".into())
    }

    fn number(&mut self) -> Result<u16, Fault> {
        Ok(self.word()?.parse()?)
    }

    fn bytes(&mut self) -> Result<Vec<u8>, Fault> {
        let text = self.word()?;
        let text = if text == "-" { "" } else { text };
        (0..text.len()).step_by(2).map(|i| Ok(u8::from_str_radix(&text[i..i + 2], 16)?)).collect()
    }

    fn identifier(&mut self) -> Result<Identifier, Fault> {
        Ok(self.number()?.try_into()?)
    }

    fn rng(&mut self) -> Result<ChaCha20Rng, Fault> {
        let seed: [u8; 32] = self.bytes()?.try_into().map_err(|_| "a seed has 32 bytes")?;
        Ok(ChaCha20Rng::from_seed(seed))
    }

    fn map<T>(&mut self, read: impl Fn(&[u8]) -> Result<T, frost::Error>) -> Result<BTreeMap<Identifier, T>, Fault> {
        let count = self.number()?;
        let mut map = BTreeMap::new();
        for _ in 0..count {
            map.insert(self.identifier()?, read(&self.bytes()?)?);
        }
        Ok(map)
    }
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|b| format!("{b:02x}")).collect()
}

/// part1 identifier max min seed -> package secret
fn part1(words: &mut Words) -> Result<Vec<String>, Fault> {
    let (identifier, max, min) = (words.identifier()?, words.number()?, words.number()?);
    let (secret, package) = dkg::part1(identifier, max, min, &mut words.rng()?)?;
    Ok(vec![hex(package.serialize()?), hex(secret.serialize()?)])
}

/// part2 secret round1-map -> secret, then identifier and package of every recipient
fn part2(words: &mut Words) -> Result<Vec<String>, Fault> {
    let secret = dkg::round1::SecretPackage::deserialize(&words.bytes()?)?;
    let (secret, packages) = dkg::part2(secret, &words.map(dkg::round1::Package::deserialize)?)?;
    let mut answer = vec![hex(secret.serialize()?)];
    for (recipient, package) in packages {
        answer.push(hex(recipient.serialize()));
        answer.push(hex(package.serialize()?));
    }
    Ok(answer)
}

/// part3 secret round1-map round2-map -> key package, public package; brought to even Y as the engine does
fn part3(words: &mut Words) -> Result<Vec<String>, Fault> {
    let secret = dkg::round2::SecretPackage::deserialize(&words.bytes()?)?;
    let round1 = words.map(dkg::round1::Package::deserialize)?;
    let round2 = words.map(dkg::round2::Package::deserialize)?;
    let (key, public) = dkg::part3(&secret, &round1, &round2)?;
    let even = public.has_even_y();
    Ok(vec![hex(key.into_even_y(Some(even)).serialize()?), hex(public.into_even_y(Some(even)).serialize()?)])
}

/// commit key-package seed -> nonces commitments
fn commit(words: &mut Words) -> Result<Vec<String>, Fault> {
    let key = KeyPackage::deserialize(&words.bytes()?)?;
    let (nonces, commitments) = round1::commit(key.signing_share(), &mut words.rng()?);
    Ok(vec![hex(nonces.serialize()?), hex(commitments.serialize()?)])
}

/// package commitments-map message -> signing package
fn package(words: &mut Words) -> Result<Vec<String>, Fault> {
    let commitments = words.map(round1::SigningCommitments::deserialize)?;
    Ok(vec![hex(SigningPackage::new(commitments, &words.bytes()?).serialize()?)])
}

/// sign signing-package nonces key-package root -> share
fn sign(words: &mut Words) -> Result<Vec<String>, Fault> {
    let package = SigningPackage::deserialize(&words.bytes()?)?;
    let nonces = round1::SigningNonces::deserialize(&words.bytes()?)?;
    let key = KeyPackage::deserialize(&words.bytes()?)?;
    let root = words.bytes()?;
    let share = match root.len() {
        0 => round2::sign(&package, &nonces, &key)?,
        _ => round2::sign_with_tweak(&package, &nonces, &key, Some(&root))?,
    };
    Ok(vec![hex(share.serialize())])
}

/// aggregate signing-package shares-map public-package root -> signature
fn aggregate(words: &mut Words) -> Result<Vec<String>, Fault> {
    let package = SigningPackage::deserialize(&words.bytes()?)?;
    let shares = words.map(round2::SignatureShare::deserialize)?;
    let public = PublicKeyPackage::deserialize(&words.bytes()?)?;
    let root = words.bytes()?;
    let signature = match root.len() {
        0 => frost::aggregate(&package, &shares, &public)?,
        _ => frost::aggregate_with_tweak(&package, &shares, &public, Some(&root))?,
    };
    Ok(vec![hex(signature.serialize()?)])
}

/// verify key message signature
fn verify(words: &mut Words) -> Result<Vec<String>, Fault> {
    let key = VerifyingKey::deserialize(&words.bytes()?)?;
    let message = words.bytes()?;
    key.verify(&message, &Signature::deserialize(&words.bytes()?)?)?;
    Ok(vec![])
}

fn answer(line: &str) -> Result<Vec<String>, Fault> {
    let mut words = Words(line.split(' '));
    match words.word()? {
        "part1" => part1(&mut words),
        "part2" => part2(&mut words),
        "part3" => part3(&mut words),
        "commit" => commit(&mut words),
        "package" => package(&mut words),
        "sign" => sign(&mut words),
        "aggregate" => aggregate(&mut words),
        "verify" => verify(&mut words),
        other => Err(format!("no request {other}").into()),
    }
}

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        match answer(&line?) {
            Ok(words) => writeln!(out, "ok {}", words.join(" "))?,
            Err(fault) => writeln!(out, "error {}", fault.to_string().replace('\n', " "))?,
        }
        out.flush()?;
    }
    Ok(())
}
