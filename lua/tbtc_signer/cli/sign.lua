--- `tbtc-signer sign`: one message, signed by the nodes of a roster.
local arguments = require("tbtc_signer.cli.arguments")
local group = require("tbtc_signer.cli.group")
local output = require("tbtc_signer.cli.output")
local redemption = require("tbtc_signer.cli.redemption")
local signing = require("tbtc_signer.coordinator.signing")

local sign = {}

function sign.describe(parser, common)
    local command = common(parser:command("sign", "Sign one message with the nodes of a roster."))
    command:epilog([[
Examples:
  tbtc-signer sign --roster roster.json --key-group 02… --threshold 3 --session s1 --heartbeat ffffffffffffffff0000000000000001
  tbtc-signer sign --roster roster.json --key-group 02… --threshold 3 --session redeem-1 --message <sighash>
Where the firewall is on, a message must be a sighash of the transaction built under the same session (tbtc-signer tx).]])
    command:option("--roster", "The roster file."):count(1)
    command:option("--key-group", "The wallet: 66 hex characters."):convert(arguments.hex("--key-group", { 33 })):count(1)
    command:option("--threshold", "Threshold of the wallet."):convert(arguments.integer("--threshold", 2, 256)):count(1)
    command:option("--session", "Session id of this signing; a redemption's: the one that tx was given.")
        :convert(arguments.session("--session")):count(1)
    command:mutex(
        command:option("--message", "The bytes to sign, hex."):convert(arguments.hex("--message")),
        command:option("--heartbeat", "A heartbeat preimage: 32 hex characters, the first 16 are f.")
            :convert(arguments.hex("--heartbeat", { 16 }))
    )
    command:option("--root", "Taproot merkle root, 64 hex characters."):convert(arguments.hex("--root", { 32 }))
    group.timeout_option(command, 30)
    command:option("--members", "Only these members, for example 1,3,4 or 1-5."):convert(arguments.members("--members"))
end

--- The connected members that --members names; all of them without it.
local function chosen_members(wanted, connected)
    if not wanted then return connected end
    local members = {}
    for _, member in ipairs(connected) do if wanted[member] then members[#members + 1] = member end end
    return members
end

--- The lowest member of --members that the roster does not list.
local function stranger(wanted, roster)
    local unknown
    for member in pairs(wanted or {}) do
        if not roster:find(member) and member < (unknown or math.huge) then unknown = member end
    end
    return unknown
end

local function too_few(options, members, failed)
    local away = #failed > 0 and ("; not reachable: members " .. group.names(failed)) or ""
    local left_out = options.members and " (of those that --members names)" or ""
    return group.fail({ code = "too_few_members",
        message = ("%d members must sign and %d can be asked%s%s"):format(options.threshold, #members, left_out, away),
        hint = options.members and #failed == 0 and "name more members, or leave --members out" or nil })
end

local function message_of(options)
    if options.message then return options.message end
    return redemption.heartbeat_digest(options.heartbeat),
        { type = "heartbeat", message_hex = options.heartbeat }
end

function sign.run(options)
    if not options.message and not options.heartbeat then
        output.failure("give --message or --heartbeat")
        return 2
    end
    if options.message == "" then
        output.failure("--message is empty: there is nothing to sign")
        return 2
    end
    return group.with(options, function(nodes, connected, failed)
        local unknown = stranger(options.members, nodes.roster)
        if unknown then
            output.failure(("--members: the roster has no member %d"):format(unknown))
            return 2
        end
        if options.threshold > nodes.roster:size() then
            output.failure(("--threshold is %d, and the roster has %d members"):format(options.threshold, nodes.roster:size()),
                "give the threshold that the key was made with: tbtc-signer dkg printed it")
            return 2
        end
        local members = chosen_members(options.members, connected)
        if #members < options.threshold then return too_few(options, members, failed) end
        local message, intent = message_of(options)
        local signature, outcome = signing.sign({
            nodes = nodes, session_id = options.session, key_group = options.key_group, threshold = options.threshold,
            message_hex = message, root_hex = options.root, intent = intent, members = members,
            on_failure = function(number, lost) output.progress("%s", group.lost(number, lost)) end,
        })
        if not signature then return group.fail(outcome) end
        output.line("signature  %s", signature)
        output.line("signers    %s (attempt %d)", output.ranges(outcome.signers), outcome.number)
        output.document({ signature_hex = signature, message_hex = message, signers = outcome.signers,
            attempt_number = outcome.number })
        return 0
    end)
end

return sign
