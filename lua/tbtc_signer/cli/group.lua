--- What dkg, sign and tx share: a roster, connections, and a task to run in.
local arguments = require("tbtc_signer.cli.arguments")
local engines = require("tbtc_signer.cli.engines")
local hints = require("tbtc_signer.cli.hints")
local nodes = require("tbtc_signer.cli.nodes")
local output = require("tbtc_signer.cli.output")
local roster = require("tbtc_signer.node.roster")
local tasks = require("tbtc_signer.transport.tasks")

local group = {}

--- Reads the roster, connects, and runs `body(nodes, connected, failed)`; its result is the exit status.
--- @param options table {roster = path, timeout = seconds that an answer may take}
--- @param body function
--- @param start_ms integer|nil how long members that are just being started are waited for
--- @return integer status
function group.with(options, body, start_ms)
    local path = options.roster
    local members, problem = roster.read(path, engines.crypto.sha256)
    if not members then
        output.failure(problem,
            "a roster comes from: tbtc-signer node roster entry-*.json > roster.json")
        return 2
    end
    local net = nodes.new(members)
    net.timeout_ms = options.timeout * 1000
    local ok, status = tasks.run(function()
        local connected, failed = net:connect_all(0)
        if start_ms and #failed > 0 then
            output.progress("waiting for member%s %s", #failed == 1 and "" or "s", group.names(failed))
            net:close()
            connected, failed = net:connect_all(start_ms)
        end
        return body(net, connected, failed)
    end)
    net:close()
    if not ok then error(status, 0) end
    return status
end

--- The option --timeout.
--- @param command userdata of argparse
--- @param seconds integer the default
function group.timeout_option(command, seconds)
    command:option("--timeout", "Seconds that a node may take for one answer; then it counts as lost.")
        :default(tostring(seconds)):convert(arguments.integer("--timeout", 1, 3600))
end

--- Lists members that cannot be reached, for a failure's text.
--- @param failed table {{member, problem}}
--- @return string
function group.names(failed)
    local names = {}
    for index, entry in ipairs(failed) do names[index] = entry.member end
    return output.ranges(names)
end

--- Why an attempt failed, in one line: spent before, or who failed where, and the first reason.
--- @param number integer attempt number
--- @param lost table {phase, failed}
--- @return string
function group.lost(number, lost)
    local problem = lost.failed[1] and lost.failed[1].problem or {}
    if problem.code == "consumed_nonce_replay" or problem.code == "interactive_attempt_already_aggregated" then
        return ("attempt %d was spent before; the next number is taken"):format(number)
    end
    return ("attempt %d failed in %s: member%s %s: %s"):format(number, lost.phase, #lost.failed == 1 and "" or "s",
        group.names(lost.failed), problem.message or "no reason given")
end

--- Tells a failure and gives the exit status: 1 where a rule said no, 2 otherwise.
--- @param problem table {code, message, member?}
--- @return integer
function group.fail(problem)
    output.failure(problem, hints.of(problem))
    local refused = { signing_policy_rejected = true, quarantine_policy_rejected = true, lifecycle_policy_rejected = true,
        admission_policy_rejected = true, provenance_gate_rejected = true, dkg_views_differ = true }
    return refused[problem.code] and 1 or 2
end

return group
