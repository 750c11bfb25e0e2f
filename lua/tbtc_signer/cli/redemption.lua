--- A redemption as a file: outpoints, amounts, outputs. Turned into a request of build_taproot_tx, and,
--- with signatures, into the transaction that goes to the network.
local signer = require("tbtc_signer")
local engines = require("tbtc_signer.cli.engines")
local hex = require("tbtc_signer.hex")
local json = require("tbtc_signer.json")

local redemption = { SIZE_MAX = 16 * 1024 * 1024 }

--- The sample that comes with the program: in the source tree, or where it was installed.
--- @return string path
function redemption.sample_path()
    local uv = require("luv")
    local here = (uv.fs_realpath(arg[0]) or arg[0]):match("^(.*)/[^/]*$") or "."
    for _, place in ipairs({ "/../policies", "/../share/tbtc-signer/policies" }) do
        local path = here .. place .. "/samples/redemption.json"
        if uv.fs_stat(path) then return path end
    end
    return "policies/samples/redemption.json"
end

--- @param path string|nil nil = the sample
--- @return table|nil {inputs, outputs}, string|nil problem
function redemption.read(path)
    path = path or redemption.sample_path()
    local value, problem = json.read(path, redemption.SIZE_MAX)
    if not value then return nil, problem end
    if type(value) ~= "table" or type(value.inputs) ~= "table" or type(value.outputs) ~= "table" or #value.inputs == 0 then
        return nil, path
            .. ": needs inputs {txid_hex, vout, value_sats} and outputs {script_pubkey_hex, value_sats}"
    end
    return value
end

--- The script of the wallet's own key-path output: OP_1 and the x-only key.
--- @param key_group string 66 hex characters
--- @return string hex
function redemption.wallet_script(key_group) return "5120" .. key_group:sub(3) end

--- @param description table
--- @param session_id string
--- @param key_group string|nil whose script fills inputs without one
--- @return table request of build_taproot_tx
function redemption.request(description, session_id, key_group)
    local inputs = {}
    for index, input in ipairs(description.inputs) do
        inputs[index] = {
            txid_hex = input.txid_hex, vout = input.vout, value_sats = input.value_sats,
            script_pubkey_hex = input.script_pubkey_hex or (key_group and redemption.wallet_script(key_group)),
        }
    end
    local outputs = {}
    for index, item in ipairs(description.outputs) do
        outputs[index] = { script_pubkey_hex = item.script_pubkey_hex, value_sats = item.value_sats }
    end
    return { session_id = session_id, inputs = inputs, outputs = outputs }
end

function redemption.txid(tx_hex) return signer.bitcoin.txid(hex.decode(tx_hex)) end

--- @param tx_hex string without witness
--- @param signatures string[] hex, one an input
--- @return string hex with witnesses
function redemption.signed(tx_hex, signatures)
    local raw = {}
    for index, signature in ipairs(signatures) do raw[index] = hex.decode(signature) end
    return hex.encode(signer.bitcoin.serialize_signed(signer.bitcoin.parse(hex.decode(tx_hex)), raw))
end

--- Checks every input of a signed transaction against the wallet's key.
--- @param signed string bytes with witnesses
--- @param description table the redemption, for values and scripts of the outputs that are spent
--- @param key_x string 32 bytes
--- @return boolean[] valid, one an input; raises an error object where the bytes are no such transaction
function redemption.check_signed(signed, description, key_x)
    local tx, signatures = signer.bitcoin.parse_signed(signed)
    if #tx.inputs ~= #description.inputs then
        error({ detail = ("the transaction has %d inputs, the redemption %d"):format(#tx.inputs, #description.inputs) }, 0)
    end
    local wallet = hex.decode("5120") .. key_x
    for index, input in ipairs(description.inputs) do
        tx.inputs[index].value_sats = input.value_sats
        tx.inputs[index].script = input.script_pubkey_hex and hex.decode(input.script_pubkey_hex) or wallet
    end
    local valid = {}
    for index, digest in ipairs(signer.bitcoin.sighashes(tx)) do
        valid[index] = signer.curve.schnorr_verify(signatures[index], digest, key_x)
    end
    return valid
end

--- Raises unless the signature holds under the wallet's output key.
function redemption.check_signature(key_group, message_hex, signature_hex)
    if not signer.curve.schnorr_verify(hex.decode(signature_hex), hex.decode(message_hex), hex.decode(key_group:sub(3))) then
        error({ code = "invalid_signature", message = "a signature does not verify under the wallet's key" }, 0)
    end
end

--- @param preimage_hex string
--- @return string hex of SHA-256(SHA-256(preimage))
function redemption.heartbeat_digest(preimage_hex)
    local sha256 = engines.crypto.sha256
    return hex.encode(sha256(sha256(hex.decode(preimage_hex))))
end

return redemption
