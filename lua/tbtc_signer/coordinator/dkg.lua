--- The relay of a distributed key generation: carries messages between members, learns no secret, is
--- trusted for nothing but delivery. Runs inside a task (transport/tasks).
local json = require("tbtc_signer.json")
local tasks = require("tbtc_signer.transport.tasks")

local dkg = {}

--- Calls one method at every member, side by side.
--- @return table|nil results by member, table|nil problem {code, message, member}
local function at_all(nodes, members, method, params_of)
    local bodies = {}
    for index, member in ipairs(members) do
        bodies[index] = function()
            local result, problem = nodes:call(member, method, params_of(member))
            return { result = result, problem = problem }
        end
    end
    local by_member = {}
    for index, outcome in ipairs(tasks.all(bodies)) do
        local member = members[index]
        if not outcome.ok then error(outcome.value, 0) end
        if outcome.value.result == nil then
            local problem = outcome.value.problem or { code = "internal_error", message = "no answer" }
            problem.reporter = member
            return nil, problem
        end
        by_member[member] = outcome.value.result
    end
    return by_member
end

local function in_order(members, by_member, pick)
    local list = {}
    for index, member in ipairs(members) do list[index] = pick(by_member[member]) end
    return list
end

--- Views differ: shows the member that noticed it the full view of one that differs, and takes its word
--- on who is to blame.
local function settle_blame(run, problem)
    if problem.code ~= "dkg_views_differ" or not problem.differing then return problem end
    local other = problem.differing[1]
    local shown = run.nodes:call(other, "dkg_entries", { run_id = run.run_id })
    local blame = run.nodes:call(problem.reporter, "dkg_blame", { run_id = run.run_id, lists = { shown } })
    if blame then
        problem.message, problem.culprit, problem.member = blame.message, blame.culprit, blame.member
    end
    return problem
end

--- Runs the four steps with all members of the roster.
--- @param run table {nodes, members, threshold, run_id, session_id, report}
---   nodes:call(member, method, params); report(text) tells the progress
--- @return table|nil {key_group, participant_count, threshold}, table|nil problem
function dkg.run(run)
    local nodes, members, report = run.nodes, run.members, run.report or function() end
    local function step(name, params_of)
        return at_all(nodes, members, name, function(member)
            local params = params_of and params_of(member) or {}
            params.run_id = run.run_id
            return params
        end)
    end

    local first, problem = step("dkg_begin", function()
        return { threshold = run.threshold, session_id = run.session_id }
    end)
    if not first then return nil, problem end
    report(("round 1: %d signed packages"):format(#members))

    local packages = json.raw(json.encode(in_order(members, first, function(entry) return entry end)))
    local second
    second, problem = step("dkg_round1", function() return { packages = packages } end)
    if not second then return nil, problem end
    report(("round 2: %d sealed packages"):format(#members * (#members - 1)))

    local statements = json.raw(json.encode(in_order(members, second, function(entry) return entry.view end)))
    local agreed
    agreed, problem = step("dkg_views", function() return { views = statements } end)
    if not agreed then return nil, settle_blame(run, problem) end
    report("views compared: all members saw the same round 1")

    local boxes = {}
    for _, from in ipairs(members) do
        for _, box in ipairs(second[from].sealed) do
            boxes[box.to] = boxes[box.to] or {}
            table.insert(boxes[box.to], { from = from, box_hex = box.box_hex })
        end
    end
    local stored
    stored, problem = step("dkg_round2", function(member) return { boxes = boxes[member] } end)
    if not stored then return nil, problem end

    local result = stored[members[1]]
    for _, member in ipairs(members) do
        if stored[member].key_group ~= result.key_group then
            return nil, { code = "dkg_views_differ", message = ("member %d derived another key group"):format(member) }
        end
    end
    report("key shares durable at all members")
    return { key_group = result.key_group, participant_count = result.participant_count, threshold = result.threshold }
end

return dkg
