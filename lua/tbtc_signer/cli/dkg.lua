--- `tbtc-signer dkg`: relays a distributed key generation between the nodes of a roster.
local arguments = require("tbtc_signer.cli.arguments")
local dkg_relay = require("tbtc_signer.coordinator.dkg")
local group = require("tbtc_signer.cli.group")
local output = require("tbtc_signer.cli.output")

local dkg = {}

local START_MS = 5000 -- all members take part, and they may have been started a moment ago

function dkg.describe(parser, common)
    local command = common(parser:command("dkg", "Make a key with all nodes of a roster; this command only relays."))
    command:epilog([[
Example:
  tbtc-signer dkg --roster roster.json --threshold 3 --session wallet-1
Every member must be running. Prints the key group, which names the wallet from now on.]])
    command:option("--roster", "The roster file."):count(1)
    command:option("--threshold", "Members that must sign together, at least 2.")
        :convert(arguments.integer("--threshold", 2, 256)):count(1)
    command:option("--session", "Session id of the wallet."):convert(arguments.session("--session")):count(1)
    group.timeout_option(command, 300)
    command:option("--run-id", "Name of this run, used once (default: made of session and time).")
end

function dkg.run(options)
    return group.with(options, function(nodes, connected, failed)
        if #failed > 0 then
            return group.fail({ code = "node_unreachable",
                message = ("all %d members take part in a key generation; not reachable: %s; %s")
                    :format(nodes.roster:size(), group.names(failed), failed[1].problem.message) })
        end
        local result, problem = dkg_relay.run({
            nodes = nodes, members = connected, threshold = options.threshold, session_id = options.session,
            run_id = options.run_id or ("%s-%d"):format(options.session:sub(1, 100), os.time()),
            report = function(text) output.progress("%s", text) end,
        })
        if not result then return group.fail(problem) end
        output.line("key group  %s", result.key_group)
        output.line("members    %d, threshold %d", result.participant_count, result.threshold)
        output.document(result)
        return 0
    end, START_MS)
end

return dkg
