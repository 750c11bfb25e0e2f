--- `tbtc-signer verify`: checks a BIP-340 signature, or every input of a signed redemption.
local signer = require("tbtc_signer")
local arguments = require("tbtc_signer.cli.arguments")
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
    command:option("--key", "Key group (66 hex) or x-only key (64 hex)."):convert(arguments.hex("--key", { 33, 32 })):count(1)
    command:option("--message", "The signed bytes, hex."):convert(arguments.hex("--message"))
    command:option("--signature", "The signature, 128 hex characters."):convert(arguments.hex("--signature", { 64 }))
    command:option("--tx", "A signed transaction, hex; needs --redemption."):convert(arguments.hex("--tx"))
    command:option("--redemption", "The redemption file with the outputs that are spent.")
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
    local description, problem = redemption.read(options.redemption)
    if not description then
        output.failure(problem)
        return 2
    end
    local ok, result = pcall(redemption.check_signed, hex.decode(options.tx), description, key)
    if not ok then
        local detail = type(result) == "table" and result.detail or tostring(result)
        output.failure("--tx is no signed transaction of this redemption: " .. detail,
            "give the transaction with its witnesses, as `demo` prints it, and the redemption file that it was built from")
        return 2
    end
    local checks = {}
    for index, valid in ipairs(result) do checks[index] = { what = ("input %d"):format(index - 1), valid = valid } end
    return tell(checks)
end

function verify.run(options)
    local key = hex.decode(options.key:sub(-64))
    if not signer.curve.is_point(#options.key == 66 and hex.decode(options.key) or "\2" .. key) then
        output.failure("--key is no public key of secp256k1",
            "give the key group that tbtc-signer dkg printed, or its last 64 characters")
        return 2
    end
    if options.tx and options.redemption then return verify_transaction(options, key) end
    if options.tx or options.redemption or not options.message or not options.signature then
        output.failure("give --message and --signature, or --tx and --redemption")
        return 2
    end
    return tell({ { what = "signature", valid = signer.curve.schnorr_verify(hex.decode(options.signature),
        hex.decode(options.message), key) } })
end

return verify
