-- One code serves the live call and the replay: whatever a random workload leaves in memory, its records
-- and its snapshots give again, and every index says what a scan would say. sealed-store 35.6, D-082,
-- D-120, D-123. A failing run names its seed; REGISTRY_SEED repeats it.
local vectors = require("spec.support.vectors")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local hex, lp, pack, op = vectors.hex, registry.lp, string.pack, registry.op
local groups = { registry.GROUP_A, registry.GROUP_B, registry.GROUP_C }
local packages, public = registry.key_material()

local MAX_SESSIONS = 12
local fixed = tonumber(os.getenv("REGISTRY_SEED") or "")
local seeds = fixed and { fixed } or { 1, 2, 3, 4, os.time() }

local function pick(list) return list[math.random(#list)] end
local function u64(value) return pack(">I8", value) end

local function id_at(number) return ("session-%d"):format(number) end

--- Ops that often are legal and sometimes are not; each returns an encoded op or nil.
local actions = {
    function(id) return registry.create(id) end,
    function(id) return registry.bound(id, pick(groups)) end,
    function(id, session) return session and registry.delete(id) end,
    function(id, session, book)
        if not session then return nil end
        local changes = signer.test_changes.new()
        changes:evict(book.state, id)
        return changes:body()
    end,
    function(id) return registry.add(id, 5, ("m%d@%d"):format(math.random(4), math.random(40))) end,
    function(id) return registry.add(id, 6, ("attempt-%d"):format(math.random(40))) end,
    function(id) return registry.add(id, 7, ("%064x"):format(math.random(30))) end,
    function(id) return registry.remove(id, 7, ("%064x"):format(math.random(30))) end,
    function(id) return registry.add(id, math.random(4), ("round-%d"):format(math.random(20))) end,
    function(id, session)
        return registry.set(id, 21, pack(">I4", (session and session.highest_attempt or 0) + math.random(0, 2)))
    end,
    function(id) return registry.set(id, 20, u64(math.random(5))) end,
    function(id) return registry.clear(id, 20) end,
    function(id) return registry.set(id, 1, lp("fingerprint")) end,
    function(id) return registry.set(id, 2, registry.packages_value(packages)) end,
    function(id) return registry.set(id, 3, lp(public)) end,
    function(id) return registry.set(id, 4, registry.dkg_result_value(id, pick(groups))) end,
    function(id) return registry.set(id, 22, pick({ "\1", "\2" })) end,
    function(id) return registry.clear(id, pick({ 1, 2, 3, 4, 18, 22 })) end,
    function(id) return registry.set(id, 11, lp("fingerprint")) .. registry.set(id, 23, u64(math.random(9))) end,
    function(id) return registry.set(id, 16, lp("why") .. u64(1) .. lp(pick({ "", pick(groups) }))) end,
    function(id) return registry.set(id, 18, u64(math.random(3))) end,
    function(id) return registry.set(id, 15, u64(math.random(3))) end,
    function(id) return registry.append(id, 2, u64(math.random(20)) .. u64(1) .. "\0\3\0\0") end,
    function(id)
        return registry.append(id, 3, u64(math.random(20)) .. u64(math.random(20)) .. u64(1) .. "\0\3" .. lp(groups[1]))
    end,
    function(id) return registry.tombstone(id, pick({ "", pick(groups) }), math.random(9)) end,
    function() return op("score", pack(">I2 I8", math.random(5), math.random(0, 3))) end,
    function() return op("quarantine", pack(">I2 B", math.random(5), math.random(0, 1))) end,
    function(_, _, book) return op("canary", "\50\10" .. u64(select(3, book.state:canary()) + 1) .. u64(math.random(9))) end,
    function(_, _, book) return op("refresh_epoch", u64(select(4, book.state:counters()) + 1)) end,
    function() return op("purge") end,
    function(_, _, book) return op("rebase", u64((book.state:counters()) + 1)) end,
    function() return op("anchor_confirmed", u64(math.random(50)) .. ("\5"):rep(32)) end,
    function() return op("trust_append", lp("{certificate}")) end,
    function() return op("trust_intent", lp("{request}")) end,
    function() return op("trust_intent_clear") end,
}

--- One body of a few ops; most of those that are refused as a whole would be legal alone.
local function random_body(book)
    local ops = {}
    for _ = 1, math.random(3) do
        local id = id_at(math.random(MAX_SESSIONS + 3))
        ops[#ops + 1] = pick(actions)(id, book.state:session(id), book) or nil
    end
    return table.concat(ops)
end

local function scan(book)
    local sessions = {}
    for _, id in ipairs(book.state:ids()) do sessions[id] = book.state:session(id) end
    return sessions
end

local function has(session, field) return session.present >> field & 1 == 1 end

--- The wallet of a group by D-043, without an index.
local function wallet_by_scan(ids, sessions, group)
    local lowest
    for _, id in ipairs(ids) do
        local session = sessions[id]
        if has(session, 4) and session.dkg_key_group == group then
            if session.dkg_origin == 2 then return id end
            lowest = lowest or id
        end
    end
    return lowest
end

local function empty(session, first, last, lists)
    for set = first, last do if #session.sets[set] > 0 then return false end end
    for list = 1, lists do if #session.lists[list] > 0 then return false end end
    return true
end

--- Time at which a session may go, nil: it stays (RET-2, D-124).
local function age_by_scan(session, loaded)
    local transaction_fields = 1 << 11 | 1 << 12 | 1 << 23
    if session.present & ~transaction_fields == 0 and empty(session, 1, 7, 3) then return session.build_tx_at end
    if not session.retired or has(session, 16) or not empty(session, 1, 4, 3) then return nil end
    return has(session, 20) and session.retired_at or loaded
end

--- Sessions of the oldest second; which of them came first only the registry knows.
local function evictable_by_scan(book, ids, sessions, loaded)
    local best, best_age = {}, nil
    for _, id in ipairs(ids) do
        local session = sessions[id]
        local age = age_by_scan(session, loaded)
        local old, group = book.state:tombstone(id)
        local number = has(session, 21) and session.highest_attempt or 4294967295
        local possible = not session.needs_tombstone or not old or (number > old and group == session.bound_key_group)
        if age and possible and (not best_age or age <= best_age) then
            if age ~= best_age then best, best_age = {}, age end
            best[id] = true
        end
    end
    return best
end

local function check_indexes(book, loaded)
    local ids, sessions = book.state:ids(), scan(book)
    for _, group in ipairs(groups) do
        assert.equal(wallet_by_scan(ids, sessions, group), book.state:wallet(group))
        local rekeyed = false
        for _, session in pairs(sessions) do rekeyed = rekeyed or session.rekey_key_group == group end
        assert.equal(rekeyed, book.state:key_group_rekeyed(group))
    end
    local expected, oldest = evictable_by_scan(book, ids, sessions, loaded), book.state:oldest_evictable()
    if oldest then assert.is_true(expected[oldest]) else assert.is_nil(next(expected)) end
    for i = 2, #ids do assert.is_true(ids[i - 1] < ids[i]) end
    assert.equal(#ids, (book.state:counts()))
end

local function used_by_scan(book, group)
    for _, session in pairs(scan(book)) do
        local touched = session.bound_key_group == group or session.dkg_key_group == group
        if touched and (has(session, 21) or not empty(session, 1, 7, 0)) then return true end
    end
    for number = 1, MAX_SESSIONS + 3 do
        if select(2, book.state:tombstone(id_at(number))) == group then return true end
    end
    return false
end

local function check_equal(book, other)
    assert.equal(hex(book.state:digest()), hex(other.state:digest()))
    assert.equal((book.state:live_secrets()), (other.state:live_secrets()))
end

local function run(seed, steps)
    math.randomseed(seed)
    local book = registry.new({ max_sessions = MAX_SESSIONS })
    local refused = 0
    local parts, known = book:parts(), 0
    for step = 1, steps do
        local body = random_body(book)
        local before = step % 10 == 0 and book.state:digest()
        local name = body == "" and "nothing" or book:refusal(body)
        if name then
            refused = refused + 1
            if before then assert.equal(hex(before), hex(book.state:digest())) end
        else
            book:put(body)
        end
        if step % 25 == 0 then
            check_indexes(book, 0)
            for _, group in ipairs(groups) do assert.equal(used_by_scan(book, group), book.state:key_group_used(group)) end
        end
        if step % 100 == 0 then
            check_equal(book, book:replayed())
            local copy = book:reloaded(math.random(50, 5000))
            check_equal(book, copy)
            copy.state:loaded(3)
            check_indexes(copy, 3)
            local passed = book:passed_since(parts, known)
            assert.equal(hex(book.state:digest()), hex(passed:digest()))
            passed:close()
            parts, known = book:parts(math.random(50, 5000)), #book.records
        end
    end
    assert.is_true(#book.records > steps // 10)
    assert.is_true(refused > steps // 10)
end

describe("random workload", function()
    for _, seed in ipairs(seeds) do
        it(("35.6, 35.8, D-120 is equal in memory, by its records and snapshot, and passed on, seed %d"):format(seed), function()
            local good, why = pcall(run, seed, 1500)
            if not good then error(("REGISTRY_SEED=%d: %s"):format(seed, tostring(why)), 0) end
        end)
    end
end)

describe("session object", function()
    it("D-120 stays where it is while its content changes, and knows its newest record", function()
        local book = registry.new()
        book:put(registry.bound("a", groups[1]), registry.bound("b", groups[1]))
        local address = book.state:session("a").address
        assert.equal(2, book.state:session("a").last_ticket)
        book:put(registry.add("a", 5, "m1@x"))
        assert.equal(address, book.state:session("a").address)
        assert.equal(3, book.state:session("a").last_ticket)
        assert.equal(2, book.state:session("b").last_ticket)
    end)
end)

describe("index", function()
    it("33 keeps its depth logarithmic, whatever comes and goes in which order", function()
        local orders = { up = {}, down = {}, mixed = {} }
        for i = 1, 4096 do
            orders.up[i], orders.down[i], orders.mixed[i] = i, 4097 - i, (i * 2654435761) % 4099
        end
        for _, order in pairs(orders) do
            local gone, left = {}, {}
            for i, value in ipairs(order) do
                if i % 4 == 0 then left[#left + 1] = value else gone[#gone + 1] = value end
            end
            table.sort(left)
            local depth, count = signer.test_changes.index(order, {})
            assert.is_true(depth <= 24, depth) -- an AA tree: at most 2 log2(n + 1)
            assert.equal(4096, count)
            local shallower, fewer, values = signer.test_changes.index(order, gone)
            assert.is_true(shallower <= 20, shallower)
            assert.equal(1024, fewer)
            assert.same(left, values)
        end
    end)

    it("33 finds and orders thousands of sessions inserted in any order", function()
        local book = registry.new({ max_sessions = 100000 })
        local names = {}
        for i = 1, 3000 do names[i] = ("%08x"):format((i * 2654435761) % 4294967296) end
        local ops = {}
        for i, name in ipairs(names) do ops[i] = registry.bound(name, groups[1]) .. registry.set(name, 20, u64(1 + i % 7)) end
        book:put(table.concat(ops))
        table.sort(names)
        assert.same(names, book.state:ids())
        local gone = {}
        for i = 1, 3000, 3 do gone[#gone + 1] = registry.delete(names[i]) end
        book:put(table.concat(gone))
        local left = {}
        for i, name in ipairs(names) do if i % 3 ~= 1 then left[#left + 1] = name end end
        assert.same(left, book.state:ids())
        check_indexes(book, 0)
    end)
end)
