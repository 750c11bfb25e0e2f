--- Signing policy: asked when a transaction is built and again when a seat opens an attempt or gives its
-- share for it, always after the built-in rules of the signing-policy firewall.
--
-- This default refuses nothing. To write your own, copy the folder policies/ to a place of yours, edit
-- this file there, and set TBTC_SIGNER_POLICY_DIRECTORY (or the init member policy_directory) to it.
-- A script can only refuse what the built-in rules allow; it can never allow what they refuse. An error,
-- a limit (10,000,000 instructions, 16 MiB of memory, 1 MiB of input) or an answer other than
-- `allow()` or `refuse(code, detail)` counts as a refusal too. 1 MiB holds 8,000 to 9,000 outputs: a script of
-- yours is given no longer transaction, so that one is refused.
--
-- What `input` holds (integers are integers, satoshis throughout):
--
--     input.moment              "build" or "sign"
--     input.session_id          of the signing session
--     input.inputs[i]           { txid_hex, vout, value_sats, script_hex, class }: outputs that are spent
--     input.outputs[i]          { value_sats, script_hex, class }
--     input.input_total_sats    input.output_total_sats    input.fee_sats
--
-- `class` is one of p2pkh, p2sh, p2wpkh, p2wsh, p2tr, other. `settings` holds the defaults declared
-- below. There is no clock, no file, no randomness: the same input gives the same verdict, so a verdict
-- that was recorded can be checked later.
--
-- A script may name its `version`, a text of at most 64 bytes, which goes into the record of each verdict
-- beside the SHA-256 of the source. A code for refuse is made of a-z, 0-9 and _ (at most 64); it stands in
-- the answer that the host gets.
-- policies/samples/ has examples that do refuse.

return {
    settings = {},

    evaluate = function()
        return allow()
    end,
}
