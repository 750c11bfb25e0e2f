--- `tbtc-signer tx`: builds a redemption under the signing policy, at the nodes of a roster or here.
local uv = require("luv")
local arguments = require("tbtc_signer.cli.arguments")
local engines = require("tbtc_signer.cli.engines")
local group = require("tbtc_signer.cli.group")
local output = require("tbtc_signer.cli.output")
local processes = require("tbtc_signer.cli.processes")
local redemption = require("tbtc_signer.cli.redemption")
local hex = require("tbtc_signer.hex")
local tasks = require("tbtc_signer.transport.tasks")

local tx = {}

function tx.describe(parser, common)
    local command = common(parser:command("tx", "Build a transaction under the signing policy."))
    command:epilog([[
Examples:
  tbtc-signer tx redemption.json --key-group 02…                       tries the policy here; nothing is stored
  tbtc-signer tx redemption.json --key-group 02… --roster roster.json --session redeem-1
The file holds {"inputs": [{txid_hex, vout, value_sats, script_pubkey_hex?}], "outputs": [{script_pubkey_hex, value_sats}]}.
Inputs without a script are taken to pay to the wallet. TBTC_SIGNER_POLICY_* settings hold here as in a node.]])
    command:argument("file", "The redemption, JSON.")
    command:option("--key-group", "The wallet: 66 hex characters."):convert(arguments.hex("--key-group", { 33 }))
    command:option("--roster", "Build at all nodes of this roster.")
    group.timeout_option(command, 30)
    command:option("--session", "Session id, the one to sign under later; with --roster it must be given.")
        :convert(arguments.session("--session"))
end

local function show(reply)
    local txid = redemption.txid(reply.tx_hex)
    output.line("txid        %s", txid)
    for index, digest in ipairs(reply.taproot_key_spend_sighashes_hex) do
        output.line("sighash %-3d %s", index - 1, digest)
    end
    output.line("unsigned    %s", reply.tx_hex)
    output.document({ txid = txid, tx_hex = reply.tx_hex, sighashes_hex = reply.taproot_key_spend_sighashes_hex,
        session_id = reply.session_id })
    return 0
end

--- A throw-away engine: development profile, firewall enforced, a store in a folder that is removed.
local function build_here(request)
    local folder
    processes.on_interrupt(function() if folder then processes.remove_tree(folder) end end)
    folder = assert(uv.fs_mkdtemp((os.getenv("TMPDIR") or "/tmp") .. "/tbtc-tx-XXXXXX"))
    local engine = engines.new({
        TBTC_SIGNER_PROFILE = "development",
        TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true",
        TBTC_SIGNER_STATE_PATH = folder .. "/state",
        TBTC_SIGNER_STATE_KEY_PROVIDER = "env",
        TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = hex.encode(uv.random(32)),
    })
    local _, reply, problem = engines.heard(engine.call, engine, "build_taproot_tx", request)
    engine:close(true)
    processes.remove_tree(folder)
    return reply, problem
end

local function build_at_nodes(options, request)
    return group.with(options, function(nodes, connected, failed)
        if #failed > 0 then output.progress("not reachable: members %s", group.names(failed)) end
        if #connected == 0 then return group.fail({ code = "node_unreachable", message = "no node can be reached" }) end
        local bodies = {}
        for index, member in ipairs(connected) do
            bodies[index] = function()
                local result, problem = nodes:call(member, "call", { endpoint = "build_taproot_tx", request = request })
                if problem then problem.member = member end
                return { result = result, problem = problem }
            end
        end
        local first
        for _, outcome in ipairs(tasks.all(bodies)) do
            if not outcome.ok then error(outcome.value, 0) end
            if outcome.value.problem then return group.fail(outcome.value.problem) end
            first = first or outcome.value.result
        end
        output.progress("built at %d nodes under session %s", #connected, options.session)
        return show(first)
    end)
end

function tx.run(options)
    local description, problem = redemption.read(options.file)
    if not description then
        output.failure(problem, "--help tells what the file holds; policies/samples/redemption.json is one")
        return 2
    end
    for index, input in ipairs(description.inputs) do
        if not input.script_pubkey_hex and not options.key_group then
            output.failure(("input %d has no script_pubkey_hex"):format(index - 1), "give --key-group, if it pays to the wallet")
            return 2
        end
    end
    if options.roster and not options.session then
        output.failure("--roster needs --session", "give the session id that the inputs will be signed under")
        return 2
    end
    local request = redemption.request(description, options.session or "tx-preview", options.key_group)
    if options.roster then return build_at_nodes(options, request) end
    local reply, why = build_here(request)
    if not reply then return group.fail(why) end
    return show(reply)
end

return tx
