--- What the random workload does: changes that are legal now, most through the typed builders. An action answers a
-- list of changes or an encoded body, or nil where it cannot be done.
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local records = signer.test_records
local pack, lp = string.pack, registry.lp

local actions = {}

--- A session of its own whose list 2 tells, by number, which CHANGEs are there; in a NOTE the anchor's seq does.
actions.JOURNAL = "journal"

local FRESH_MAX, REKEYS_MAX, ROUNDS_MAX, CERTIFICATES_MAX = 40, 60, 40, 12
local TIME = 1700000000

local function built(fill)
    local changes = signer.test_changes.new()
    fill(changes)
    return changes
end

--- A session of the kind that the workload opens and evicts, or nil.
local function any_session(run)
    local names = run.names
    for _ = 1, 8 do
        local id = #names > 0 and names[1 + run.random(#names)]
        local session = id and run.memory.sessions[id]
        if session then return id, session end
    end
    return nil
end

local function number_of(session) return session["field 21"] and string.unpack(">I4", session["field 21"]) or 0 end

local function u64_of(text) return text and string.unpack(">I8", text) or 0 end

local function size_of(session, set)
    local count, first = 0, nil
    for key in pairs(session) do
        if key:sub(1, 5) == "set " .. string.char(set) then
            count = count + 1
            if not first or key < first then first = key end
        end
    end
    return count, first and string.unpack(">s4", first, 6)
end

local function verdict(run)
    local length = 1 + run.random(run.random(4) == 0 and 9000 or 300)
    local text = ("%016x"):format(run.random(1 << 48)) .. ("v"):rep(length) -- an input that no log carries yet
    return registry.op("verdict", "\1" .. lp("firewall") .. lp("1") .. ("\1"):rep(32) .. lp("rule") .. lp("") .. lp("")
        .. pack(">I8", 1700000000000) .. signer.curve.sha256(text) .. "\1" .. lp(text))
end

-- -- coarse rounds ---------------------------------------------------------------------------------------------

local function begin_round(changes, id, number)
    local round = { session_id = id, round_id = "r" .. number, required_contributions = 2, own_member = 1,
        own_share = ("\19"):rep(32), signing = number % 2 == 0 and { 1, 2 } or nil,
        telemetry = number % 3 == 0 and { reason = "timeout", excluded = { 3 } } or nil }
    local attempt = number % 4 > 0 and { attempt_number = number, included = { 1, 2 }, attempt_id = "a" .. number } or nil
    records.round(changes, id, "start " .. number, "message " .. number, round, attempt)
end

local function end_round(changes, id, session)
    for field = 5, 8 do
        if session["field " .. field] then changes:clear(id, field) end
    end
end

local function coarse(run, number)
    local id = "c" .. run.random(5)
    local session = run.memory.sessions[id]
    return built(function(changes)
        if not session then changes:create(id) end
        if not session or not session["field 5"] then return begin_round(changes, id, number) end
        local filler = ("x"):rep(run.random(900))
        local set = 1 + run.random(4)
        if size_of(session, set) < 8 then changes:add(id, set, ("round-%d-%s"):format(number, filler)) end
        if run.random(3) == 0 then -- finalize
            records.finalized(changes, id, "finalize " .. number, { session_id = id, round_id = "r" })
            end_round(changes, id, session)
            if run.random(8) == 0 then changes:purge() end
            return
        end
        end_round(changes, id, session)
        begin_round(changes, id, number)
        if session["list 1"] and #session["list 1"] >= 40 then return end
        records.transition(changes, id, { from_attempt = number, to_attempt = number + 1, reason = "timeout",
            excluded = { 1 + run.random(9) }, recorded_at_unix = TIME,
            share_proof_fingerprint = run.random(2) == 0 and "proof" or nil })
        changes:score(1 + run.random(9), 1 + run.random(1000))
    end)
end

-- -- refreshes ---------------------------------------------------------------------------------------------------

local function refresh(run, number)
    local id = "f" .. run.random(3)
    local session = run.memory.sessions[id]
    local history = session and session["list 2"]
    return built(function(changes)
        if not session then changes:create(id) end
        if history and run.random(4) == 0 then
            records.refresh_history(changes, id, { refresh_epoch = u64_of(history[#history]), refreshed_at_unix = TIME,
                share_count = 3, request_fingerprint = "late " .. number }, true)
            return
        end
        local epoch = u64_of(run.memory.engine.epoch) + 1
        records.refreshed(changes, id, "refresh " .. number, { session_id = id, refresh_epoch = epoch,
            shares = { { member = 1, encrypted_share = ("s"):rep(run.random(40)) } } },
            u64_of(session and session["field 15"]) + 1)
        records.refresh_history(changes, id, { refresh_epoch = epoch, refreshed_at_unix = TIME, share_count = 1 }, false)
        changes:refresh_epoch(epoch)
    end)
end

local materials = {}

--- A wallet: made, its shares staged, cancelled, activated, retired.
local function wallet(run, number)
    local index = 1 + run.random(2)
    local id = "w" .. index
    local session = run.memory.sessions[id]
    materials[index] = materials[index] or { registry.key_material(string.char(index)) }
    local packages, public, group = table.unpack(materials[index])
    if not session then
        return built(function(changes)
            changes:create(id)
            changes:key_packages(id, run.engine, { { 1, packages[1] }, { 5, packages[3] } })
            changes:public_package(id, public)
            changes:dkg_result(id, group, 3, 2, TIME)
            changes:u8(id, 22, 2)
        end)
    end
    local open = session["field 24"]
    local status = open and open:byte(5)
    local choice = run.random(8)
    return built(function(changes)
        local entry = { refresh_id = open and open:sub(6, 37) or signer.curve.sha256("refresh " .. number),
            context = ("\x55"):rep(32), transcript = ("\x66"):rep(32), participants = { 1, 2, 5 } }
        if choice == 0 then
            records.retire(changes, id, run.engine)
        elseif status ~= 1 then
            entry.status, entry.refresh_id = 1, signer.curve.sha256("refresh " .. number)
            records.refreshes_open(changes, id, run.engine, { entry })
        elseif choice < 4 then
            entry.status = 3
            records.refreshes_open(changes, id, run.engine, { entry })
        else
            local epoch, share = u64_of(run.memory.engine.epoch) + 1, u64_of(session["field 18"]) + 1
            entry.status = 2
            records.refreshes_open(changes, id, run.engine, { entry })
            changes:u64(id, 18, share)
            changes:refresh_epoch(epoch)
            records.share_refreshed(changes, id, { refresh_epoch = epoch, share_epoch = share, refreshed_at_unix = TIME,
                participants = 3, key_group = group })
            changes:purge()
        end
    end)
end

-- -- the rest ------------------------------------------------------------------------------------------------------

local list = {
    { 22, function(run, number)
        if #run.names >= FRESH_MAX then return nil end
        local id = "n" .. number
        run.names[#run.names + 1] = id
        return registry.bound(id, registry.GROUP_A)
    end },
    { 34, function(run, number) -- as round 2
        local id, session = any_session(run)
        if not id or size_of(session, 5) >= ROUNDS_MAX or size_of(session, 7) >= ROUNDS_MAX then return nil end
        return registry.add(id, 5, ("m%d@%064x"):format(1 + run.random(5), number))
            .. registry.add(id, 7, ("%064x"):format(number))
            .. registry.set(id, 21, pack(">I4", number_of(session) + run.random(2)))
    end },
    { 16, function(run, number) -- as aggregate
        local id, session = any_session(run)
        if not id or size_of(session, 6) >= ROUNDS_MAX then return nil end
        local _, entry = size_of(session, 7)
        return entry and registry.remove(id, 7, entry) .. registry.add(id, 6, ("attempt-%d"):format(number))
    end },
    { 4, function(run) -- eviction
        local id, session = any_session(run)
        if not id then return nil end
        for index, name in ipairs(run.names) do
            if name == id then table.remove(run.names, index) break end
        end
        local holds = session["field 21"] or size_of(session, 5) + size_of(session, 6) + size_of(session, 7) > 0
        return (holds and registry.tombstone(id, registry.GROUP_A, number_of(session)) or "") .. registry.delete(id)
    end },
    { 1, function(run, number) -- rekey
        if run.rekeys >= REKEYS_MAX then return nil end
        run.rekeys = run.rekeys + 1
        local id = "r" .. number
        return built(function(changes)
            changes:create(id)
            changes:rekey(id, "leaked", TIME, registry.GROUP_B)
        end)
    end },
    { 6, function(run) return built(function(changes) changes:score(1 + run.random(9), 1 + run.random(1000)) end) end },
    { 4, function(run)
        local operator = 1 + run.random(9)
        local inside = run.memory.engine["quarantine " .. pack(">I2", operator)]
        return built(function(changes) changes:quarantine(operator, not inside) end)
    end },
    { 3, function(run)
        local canary = run.memory.engine.canary
        local version = canary and string.unpack(">I8", canary, 3) or 1
        return built(function(changes) changes:canary(50, 10, version + 1, TIME) end)
    end },
    { 6, coarse },
    { 3, refresh },
    { 3, wallet },
    { 1, function() return registry.op("purge") end },
}

local total_weight = 0
for _, action in ipairs(list) do total_weight = total_weight + action[1] end

--- A NOTE of the anchor and of trust.
local function note(run, number)
    local engine = run.memory.engine
    return built(function(changes)
        records.anchor_confirmed(changes, number, signer.curve.sha256("anchor"))
        local choice = run.random(4)
        if choice == 0 and not engine["checkpoint 1"] then
            records.checkpoint_set(changes, 1, ("\1"):rep(97) .. ("\0"):rep(7) .. ("\1"):rep(112) .. pack(">I8", number)
                .. ("\2"):rep(336))
        elseif choice == 0 then
            records.checkpoint_clear(changes, 1)
        elseif choice == 1 and #(engine.certificates or {}) < CERTIFICATES_MAX then
            records.trust_intent(changes, "{request}")
            records.trust_append(changes, ("{certificate %d}"):format(number))
            records.trust_intent_clear(changes)
        end
    end)
end

--- What is done next. @return changes, boolean whether it is a NOTE
function actions.next(run, number)
    if run.random(20) == 0 then return note(run, number), true end
    local given
    repeat
        local at = run.random(total_weight)
        for _, action in ipairs(list) do
            at = at - action[1]
            if at < 0 then
                given = action[2](run, number)
                break
            end
        end
    until given
    local changes = registry.changes(run.memory.sessions[actions.JOURNAL] and "" or registry.create(actions.JOURNAL))
    changes:join(type(given) == "string" and registry.changes(given) or given)
    local tail = registry.append(actions.JOURNAL, 2, pack(">I8 I8 I2", number, TIME, 3) .. "\0\0")
    changes:join(registry.changes(run.random(8) == 0 and tail .. verdict(run) or tail))
    return changes, false
end

return actions
