--- The crash matrix: every operation that writes x every hit of every fault point x every kind of failure. Each
-- case runs in a process of its own on a copy of the store; then the store is opened again and compared with the
-- state before and after the operation: never between, and what left implies "after".
local luv = require("luv")
local signer = require("tbtc_signer")
local operations = require("spec.crash.operations")

local signing = operations.signing
local fault, fork, digest_of = signer.test_fault, signer.test_core.fork, signer.test_crash.digest

local matrix = { operations = operations.list }

--- Points in the order of the table, with the kinds that mean something there.
matrix.points = {
    { "open", { "error", "no_space", "crash" } },
    { "read", { "error", "short", "crash" } },
    { "write", { "error", "no_space", "short", "torn", "crash" } },
    { "sync", { "error", "no_space", "sync_lies", "crash" } },
    { "rename", { "error", "no_space", "crash" } },
    { "unlink", { "error", "crash" } },
    { "key_provider", { "error", "crash" } },
    { "clock", { "error", "jump_back", "crash" } },
    { "random", { "error", "crash" } },
    { "after_append", { "error", "crash" } },
    { "after_sync", { "error", "crash" } },
    { "after_share", { "error", "crash" } },
    { "memory_lock", { "error", "crash" } },
    { "allocation", { "error", "crash" } },
}

local function shell(...) assert(os.execute((...):format(select(2, ...)))) end

local function read_all(path)
    local file = io.open(path, "rb")
    local text = file and file:read("a")
    if file then file:close() end
    return text
end

local function group_on(operation, folder, key_group, variables)
    local environment = {}
    for name, value in pairs(variables or operation.environment or {}) do environment[name] = value end
    if operation.policy then environment.TBTC_SIGNER_POLICY_DIRECTORY = folder .. "/policies" end
    local group = signing.reopen({ folder = folder, key_group = key_group, environment = environment })
    signing.running[group] = nil
    return group
end

local function write_policies(operation, folder)
    shell("mkdir -p '%s/policies'", folder)
    for _, hook in ipairs({ "firewall", "dkg_admission", "quarantine" }) do
        local file = assert(io.open(("%s/policies/%s.lua"):format(folder, hook), "wb"))
        file:write(operation.policy)
        file:close()
    end
end

local NO_KEY_GROUP = ("02"):rep(33)

--- The store that every case of an operation gets a copy of. @return string key group
local function make_base(operation, folder)
    shell("rm -rf '%s'; mkdir -m 700 '%s'", folder, folder)
    if operation.policy then write_policies(operation, folder) end
    if operation.empty then
        if operation.fill then operation.fill(folder) end
        return NO_KEY_GROUP
    end
    local environment = operation.base_environment
    if environment then environment.TBTC_SIGNER_POLICY_DIRECTORY = folder .. "/policies" end
    local group = signing.new({ folder = folder, environment = environment })
    signing.running[group] = nil
    if operation.base then operation.base(group) end
    group.engine:close()
    if operation.fill then operation.fill(folder) end
    return group.key_group
end

--- Opens what the operation needs and makes what lives in memory. Draws the same randomness in each process.
local function prepare(operation, folder, key_group)
    local group = group_on(operation, folder, key_group)
    local given
    if operation.tool then
        group.platform:seed(99)
    elseif not operation.opens then
        group:counts()
        group.platform:seed(99)
        given = operation.prepare and operation.prepare(group)
    end
    return group, given
end

local function ask(operation, group, given)
    if operation.ask then return operation.ask(group, given) end
    return given
end

--- In a child: the operation under one fault. Writes what it saw into `report`:
--  verdict, code, what was released, digest in memory, hits of each point.
local function run_case(operation, folder, key_group, armed, report)
    local group, given = prepare(operation, folder, key_group)
    local before = (operation.opens or operation.tool) and "" or digest_of(group.engine)
    local asked = ask(operation, group, given)
    fault.clear()
    if armed then fault.arm(armed.point, armed.kind, armed.nth) end
    local reply, err = operation.run(group, asked)
    local hits = {}
    for index, point in ipairs(matrix.points) do hits[index] = fault.hits(point[1]) end
    fault.clear()
    local memory = ""
    if group.engine and not operation.tool then
        local good, text = pcall(digest_of, group.engine)
        memory = good and text or ""
    end
    local file = assert(io.open(report, "wb"))
    file:write(string.pack(">s4s4s4s4s4", reply and "ok" or "refused",
        err and tostring(err.code or err.error) or "", reply and operation.released and operation.released(reply) or "",
        before, memory), string.pack((">I4"):rep(#hits), table.unpack(hits)))
    file:close()
end

local function read_report(path)
    local bytes = read_all(path)
    if not bytes then return nil end
    local report, at = { hits = {} }, 1
    for _, name in ipairs({ "verdict", "code", "released", "before", "memory" }) do
        report[name], at = string.unpack(">s4", bytes, at)
    end
    for index = 1, #matrix.points do report.hits[index], at = string.unpack(">I4", bytes, at) end
    return report
end

local function copy(from, to) shell("rm -rf '%s'; cp -a '%s' '%s'", to, from, to) end

--- The operation on a store that it had left as before.
local function operation_again(operation, group)
    group.platform:seed(99)
    local given = operation.prepare and operation.prepare(group)
    return (operation.run(group, ask(operation, group, given)))
end

local index_of = {}
for index, point in ipairs(matrix.points) do index_of[point[1]] = index end

-- Signals that a case ends with.
local KILLED, ABORTED = 9, 6

--- Runs the case in a child. @return table|nil its report; nil where it died as it had to
local function run_child(operation, place, key_group, armed)
    local folder, report_path = place .. "/case", place .. "/report"
    copy(place .. "/base", folder)
    os.remove(report_path)
    local status = fork(function() run_case(operation, folder, key_group, armed, report_path) end)
    local report = read_report(report_path)
    local deadly = armed.kind == "crash" and KILLED or armed.point == "random" and ABORTED
    -- Allocations and readings of the clock are one more or less, by what is drawn at random and by how long the key
    -- command takes: a fault that was not reached changes nothing.
    local missed = report and (armed.point == "allocation" or armed.point == "clock")
        and report.hits[index_of[armed.point]] < armed.nth
    if deadly and not missed then
        assert(status == deadly and not report, "the process did not die at its fault")
    else
        assert(status == 0 and report, "the process died")
        assert(report.verdict == "ok" or report.code ~= "", "it failed without a typed error")
    end
    return report
end

-- A clock that was wrong or gone records another time (D-039): what is durable must be what was in memory.
local function after_of(armed, report, known)
    local wrong = armed.point == "clock" and report and report.verdict == "ok" and report.memory ~= ""
    return wrong and report.memory or known.after
end

-- Half of the very first lock file, or of one whose id changes: sectors are old or new (sealed-store 35.14), so no
-- disk leaves this. It is refused, and nothing is there that could be lost.
local function half_a_lock(operation, armed, why)
    return (operation.empty or operation.new_lock) and armed.kind == "torn" and why:find("the lock file", 1, true)
end

--- One case from fork to verdict. @return string "before" or "after"; raises what is wrong
local function judge(operation, place, key_group, armed, known)
    local report = run_child(operation, place, key_group, armed)
    local group = group_on(operation, place .. "/case", key_group)
    local good, found = pcall(digest_of, group.engine)
    local why = not good and tostring(type(found) == "table" and found.detail or found)
    if why and half_a_lock(operation, armed, why) then return "before" end
    assert(good, "the store does not open: " .. tostring(why))
    local after = after_of(armed, report, known)
    if operation.opens and armed.point == "clock" then after = found end -- creation wrote the time
    local side = found == after and "after" or found == known.before and "before"
    assert(side, "a state between before and after")
    if report then
        if report.verdict == "ok" then assert(found == after, "it succeeded and is not there") end
        if report.released ~= "" then assert(found == after, "a share left without its marker") end
        assert(report.memory == after or report.memory == known.before or operation.opens or not group.engine
            or operation.name == "close", "a state in memory between before and after")
    end
    if operation.spent and side == "after" then
        local reply, err = operation.run(group, ask(operation, group, known.given))
        assert(not reply and err.code == operation.spent, "a spent attempt answered again")
    end
    if side == "before" and not operation.spent and not operation.opens and operation.name ~= "close" then
        assert(operation_again(operation, group), "it does not succeed afterwards")
        assert(digest_of(group.engine) == known.after, "another state when it is done afterwards")
    end
    group.engine:close(true)
    return side
end

-- -- offline acts ---------------------------------------------------------------------------------------------

--- What an engine finds, under each of the settings that the act may leave behind: digests, or refusals.
local function view(operation, folder, key_group)
    local parts, why = {}, ""
    for _, variables in ipairs(operation.views or { operation.environment or {} }) do
        local group = group_on(operation, folder, key_group, variables)
        local good, found = pcall(digest_of, group.engine)
        if not good then
            if type(found) ~= "table" then error(found, 0) end
            why, found = found.detail, "refused " .. tostring(found.reason_code or found.error)
        end
        parts[#parts + 1] = found
        group.engine:close(true)
    end
    return table.concat(parts, " "), why
end

--- The act once more, as the operator would do it. @return table|nil reply, table|nil error
local function act_again(operation, folder, key_group)
    local group = group_on(operation, folder, key_group)
    group.platform:seed(100)
    local reply, err = operation.run(group)
    if group.engine then group.engine:close(true) end
    return reply, err
end

--- One case of an act that no engine holds: an opening finds before or after; and the act done again finishes.
local function judge_tool(operation, place, key_group, armed, known)
    local report = run_child(operation, place, key_group, armed)
    local folder, twin = place .. "/case", place .. "/twin"
    copy(folder, twin)
    local found, why = view(operation, folder, key_group)
    if half_a_lock(operation, armed, why) then return "before" end
    local wrong_time = armed.point == "clock" and report and report.verdict == "ok"
        and not found:find("^refused")
    local side = (found == known.after or wrong_time) and "after" or found == known.before and "before"
    assert(side, "a state between before and after: " .. why)
    if report and report.verdict == "ok" then
        assert(side == "after" or known.before == known.after, "it succeeded and is not there")
        assert(report.released == known.released, "it gave out something else")
    end
    if operation.check then operation.check(folder, side) end
    local reply, err = act_again(operation, twin, key_group)
    if not reply then
        assert(side == "after" and operation.done == (err.reason_code or err.code),
            "it cannot be done again: " .. tostring(err.detail or err.reason_code or err.code))
    end
    local finished = view(operation, twin, key_group)
    assert(finished == known.after or (wrong_time and finished == found), "another state when it is done again")
    if operation.check then operation.check(twin, "after") end
    return side
end

local function measure_tool(operation, place, key_group)
    copy(place .. "/base", place .. "/case")
    local before = view(operation, place .. "/case", key_group)
    copy(place .. "/base", place .. "/case")
    local status = fork(function() run_case(operation, place .. "/case", key_group, nil, place .. "/report") end)
    local report = read_report(place .. "/report")
    assert(status == 0 and report and report.verdict == "ok", operation.name .. ": " .. (report and report.code or "died"))
    local after = view(operation, place .. "/case", key_group)
    if operation.check then operation.check(place .. "/case", "after") end
    return { before = before, after = after, hits = report.hits, released = report.released }
end

--- Dry run: the states before and after, and how often each point is hit.
local function measure(operation, place, key_group)
    copy(place .. "/base", place .. "/case")
    local status = fork(function() run_case(operation, place .. "/case", key_group, nil, place .. "/report") end)
    local report = read_report(place .. "/report")
    assert(status == 0 and report and report.verdict == "ok", operation.name .. ": " .. (report and report.code or "died"))
    local group, given = group_on(operation, place .. "/case", key_group), nil
    local after = digest_of(group.engine)
    group.engine:close(true)
    if operation.spent then -- what the operation was asked, for the question whether it answers again
        local status_again = fork(function()
            copy(place .. "/base", place .. "/given")
            local twin, asked = prepare(operation, place .. "/given", key_group)
            local file = assert(io.open(place .. "/asked", "wb"))
            if type(asked) == "table" then
                file:write(string.pack(">s4s4s4", asked[1], asked[2][1], asked[2][2]))
            else
                file:write(string.pack(">s4", asked))
            end
            file:close()
            twin.engine:close(true)
        end)
        assert(status_again == 0)
        local bytes = assert(read_all(place .. "/asked"))
        local package, at = string.unpack(">s4", bytes)
        given = package
        if at <= #bytes then
            local first, second = string.unpack(">s4s4", bytes, at)
            given = { package, { first, second } }
        end
    end
    return { before = operation.opens and after or report.before, after = after, hits = report.hits, given = given }
end

--- Which hits of a point are tried: all, or a sample of `share` of them.
local function chosen(hits, share, random)
    local list = {}
    for nth = 1, hits do
        if share >= 1 or random() < share then list[#list + 1] = nth end
    end
    if #list == 0 and hits > 0 and share > 0 then list[1] = math.min(hits, 1 + math.floor(random() * hits)) end
    return list
end

--- Runs the matrix.
-- @param options table  place = folder to work in; share = of the hits of file calls that are tried, 1 = all;
--   allocations = the same of allocations; seed; only = name of one operation; say = function(text)
-- @return table  { operations = {{name, points = {{point, hits, cases, before, after}}, failures}}, cases, failures }
function matrix.run(options)
    math.randomseed(options.seed)
    local result = { seed = options.seed, operations = {}, cases = 0, failures = {}, hits = 0 }
    for _, operation in ipairs(matrix.operations) do
        if not options.only or options.only == operation.name then
            local key_group = make_base(operation, options.place .. "/base")
            local known = (operation.tool and measure_tool or measure)(operation, options.place, key_group)
            local row = { name = operation.name, points = {} }
            for index, point in ipairs(matrix.points) do
                local name, kinds = point[1], point[2]
                local cell = { point = name, hits = known.hits[index], cases = 0, before = 0, after = 0 }
                local share = name == "allocation" and options.allocations or options.share
                for _, nth in ipairs(chosen(cell.hits, share, math.random)) do
                    for _, kind in ipairs(kinds) do
                        local armed = { point = name, kind = kind, nth = nth }
                        local good, side = pcall(operation.tool and judge_tool or judge, operation, options.place,
                            key_group, armed, known)
                        cell.cases = cell.cases + 1
                        if good then
                            cell[side] = cell[side] + 1
                        else
                            result.failures[#result.failures + 1] = ("%s: %s %d %s: %s"):format(operation.name, name, nth, kind,
                                tostring(side))
                        end
                    end
                end
                result.cases = result.cases + cell.cases
                result.hits = result.hits + cell.hits
                row.points[index] = cell
            end
            result.operations[#result.operations + 1] = row
            if options.say then options.say(row) end
        end
    end
    return result
end

--- One line of the table: for each point its hits and, behind the stroke, the cases that were tried.
function matrix.line(row)
    local cells = { ("%-18s"):format(row.name) }
    for _, cell in ipairs(row.points) do
        cells[#cells + 1] = ("%9s"):format(cell.hits == 0 and "." or cell.hits .. "/" .. cell.cases)
    end
    return table.concat(cells, " ")
end

function matrix.head()
    local cells = { ("%-18s"):format("operation") }
    for _, point in ipairs(matrix.points) do cells[#cells + 1] = ("%9s"):format(point[1]:sub(1, 9)) end
    return table.concat(cells, " ")
end

--- A folder in memory where there is one: the cases are about order, not about speed.
function matrix.place()
    local base = luv.fs_access("/dev/shm", "W") and "/dev/shm" or "/tmp"
    return assert(luv.fs_mkdtemp(base .. "/signer-crash.XXXXXX"))
end

return matrix
