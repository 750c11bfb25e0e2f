--- `tbtc-signer verify`: checks a BIP-340 signature, or every input of a signed redemption.
local signer = require("tbtc_signer")
local hex = require("tbtc_signer.hex")
local output = require("tbtc_signer.cli.output")
local redemption = require("tbtc_signer.cli.redemption")

local verify = {}

function verify.describe(parser, common)
    local command = common(parser:command("verify", "Check a signature, or all signatures of a transaction."))
    command:epilog([[
Examples:
  tbtc-signer verify --key <key group or x-only key> --message <hex> --signature <128 hex>
  tbtc-signer verify --tx <signed transaction, hex> --redemption redemption.json --key <key group>
Exit 0: all valid; 1: one is not.]])
    command:option("--key", "Key group (66 hex) or x-only key (64 hex)."):count(1)
    command:option("--message", "The signed bytes, hex.")
    command:option("--signature", "The signature, 128 hex characters.")
    command:option("--tx", "A signed transaction, hex.")
    command:option("--redemption", "The redemption file with the outputs that are spent.")
end

local function unhex(text, len)
    local bytes = hex.decode(text)
    return bytes and (not len or #bytes == len) and bytes or nil
end

local function tell(checks)
    local all = true
    for _, check in ipairs(checks) do
        all = all and check.valid
        output.line("%s  %s", check.valid and output.paint("green", "valid  ") or output.paint("red", "INVALID"), check.what)
    end
    output.document({ valid = all, checks = checks })
    return all and 0 or 1
end

local function verify_transaction(options, key)
    local raw = unhex(options.tx)
    local description, problem = redemption.read(options.redemption)
    if not raw or not description then
        output.failure(problem or "--tx is not hex")
        return 2
    end
    local ok, result = pcall(redemption.check_signed, raw, description, key)
    if not ok then
        output.failure(type(result) == "table" and result.detail or tostring(result))
        return 2
    end
    local checks = {}
    for index, valid in ipairs(result) do checks[index] = { what = ("input %d"):format(index - 1), valid = valid } end
    return tell(checks)
end

function verify.run(options)
    local key = unhex(options.key:sub(-64), 32)
    if not key or (#options.key ~= 64 and #options.key ~= 66) then
        output.failure("--key must have 64 or 66 hex characters")
        return 2
    end
    if options.tx then return verify_transaction(options, key) end
    local message, signature = unhex(options.message), unhex(options.signature, 64)
    if not message or not signature then
        output.failure("give --message (hex) and --signature (128 hex characters), or --tx with --redemption")
        return 2
    end
    return tell({ { what = "signature", valid = signer.curve.schnorr_verify(signature, message, key) } })
end

return verify
