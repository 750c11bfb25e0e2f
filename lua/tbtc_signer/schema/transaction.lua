--- Request and response of build_taproot_tx (policy-and-lifecycle 6.1). The order of the members is the
-- order of the request fingerprint; hex is fingerprinted in lower case (D-009).
local s = require("tbtc_signer.schema.types")

local LONG = 65536
local SCRIPT = 4096
local ENTRIES = 65536 -- while reading; the setting of the input count comes later (D-130)

local Input = s.object("BuildTaprootTxInput", {
    { "txid_hex", s.hex(LONG) },
    { "vout", s.u32 },
    { "value_sats", s.u64 },
    { "script_pubkey_hex", s.hex(SCRIPT) },
})

local Output = s.object("BuildTaprootTxOutput", {
    { "script_pubkey_hex", s.hex(SCRIPT, { empty = true }) },
    { "value_sats", s.u64 },
})

return {
    BuildTaprootTxRequest = s.object("BuildTaprootTxRequest", {
        { "session_id", s.text(LONG) },
        { "inputs", s.list(Input, ENTRIES) },
        { "outputs", s.list(Output, ENTRIES) },
        { "script_tree_hex", s.text(LONG), optional = true },
    }),
    BuildTaprootTxResult = s.object("BuildTaprootTxResult", {
        { "session_id", s.text(LONG) },
        { "tx_hex", s.hex(16777216) },
        { "taproot_key_spend_sighashes_hex", s.list(s.hex(64), ENTRIES), omit_empty = true },
    }),
}
