--- What each policy script is given (policy-and-lifecycle 14.4, D-136): one schema a hook, the same live,
-- in the record, in a dry run and in a replay. C builds the text (src/session/policy_input.c). Integers
-- are integers, an absent member is nil.
local s = require("tbtc_signer.schema.types")

local TEXT = 65536
local ENTRIES = 65536

local class = s.enum({ "p2pkh", "p2sh", "p2wpkh", "p2wsh", "p2tr", "other" })

local Input = s.object("FirewallInputEntry", {
    { "txid_hex", s.text(64) },
    { "vout", s.u32 },
    { "value_sats", s.u64 },
    { "script_hex", s.text(TEXT) },
    { "class", class },
})

local Output = s.object("FirewallOutputEntry", {
    { "value_sats", s.u64 },
    { "script_hex", s.text(TEXT) },
    { "class", class },
})

return {
    -- `moment`: "build" when a transaction is made, "sign" when a seat opens or gives its share.
    firewall = s.object("FirewallInput", {
        { "moment", s.enum({ "build", "sign" }) },
        { "session_id", s.text(128) },
        { "inputs", s.list(Input, ENTRIES) },
        { "outputs", s.list(Output, ENTRIES) },
        { "input_total_sats", s.u64 },
        { "output_total_sats", s.u64 },
        { "fee_sats", s.u64 },
    }, { strict = true }),
    dkg_admission = s.object("DkgAdmissionInput", {
        { "session_id", s.text(128) },
        { "key_group", s.text(66) },
        { "participant_identifier", s.u16 },
        { "threshold", s.u16 },
        { "participants", s.list(s.u16, 256) },
    }, { strict = true }),
    quarantine = s.object("QuarantineInput", {
        { "member_identifier", s.u16 },
    }, { strict = true }),
}
