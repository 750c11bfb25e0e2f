-- Bounds of the state: interactive-session 13, sealed-store 8.1, 13, 35.6; CAP-3, D-068, D-091, D-123.
local vectors = require("spec.support.vectors")
local registry = require("spec.support.registry")

local hex, lp, pack = vectors.hex, registry.lp, string.pack
local A = registry.GROUP_A

local function entry(set, number)
    return set == 7 and ("%064x"):format(number) or ("m%d@attempt"):format(number)
end

local function history(epoch) return pack(">I8 I8 I2", epoch, 1, 3) .. "\0\0" end
local function share_refresh(epoch) return pack(">I8 I8 I8 I2 s4", epoch, epoch, 1, 3, A) end
local transition = pack(">I4 I4 s4 s4 s4 s4 I2 I2 s4", 1, 2, "a", "b", "c", "d", 3, 4, "timeout") .. "\0\0" .. lp("hash")
    .. pack(">I8", 1)

--- A session with `count` entries of a set or items of a list.
local function filled(count, make)
    local book = registry.new()
    book:put(registry.bound("s", A))
    local ops = {}
    for i = 1, count do ops[i] = make(i) end
    book:put(table.concat(ops))
    return book
end

--- The parts of a snapshot of `book` with one more op behind.
local function with_op_behind(book, bytes)
    local parts = book:parts()
    parts[#parts + 1] = bytes
    return parts
end

describe("replay registry", function()
    for set = 1, 7 do
        it(("CAP-3 refuses entry 129 of set %d as a bound when live, as damage on replay"):format(set), function()
            local book = filled(127, function(i) return registry.add("s", set, entry(set, i)) end)
            book:put(registry.add("s", set, entry(set, 128)))
            local name, detail = book:refusal(registry.add("s", set, entry(set, 129)))
            assert.equal("CAPACITY", name)
            assert.truthy(detail:find("new session_id", 1, true))
            assert.equal(128, #book.state:session("s").sets[set])
            assert.is_nil(registry.replay_error("part", book:parts()))
            assert.equal("STATE_CORRUPT",
                registry.replay_error("part", with_op_behind(book, registry.add("s", set, entry(set, 129)))))
        end)
    end

    it("CAP-3 takes an entry again where one left in the same body", function()
        local book = filled(128, function(i) return registry.add("s", 7, entry(7, i)) end)
        assert.is_nil((book:refusal(registry.remove("s", 7, entry(7, 5)), registry.add("s", 7, entry(7, 129)))))
        assert.equal("CAPACITY", (book:refusal(registry.add("s", 7, entry(7, 129)), registry.remove("s", 7, entry(7, 5)))))
    end)

    it("35.6 keeps 128 entries of 1024 bytes in order", function()
        local book = filled(128, function(i) return registry.add("s", 5, ("%03d"):format((i * 37) % 128) .. ("x"):rep(1021)) end)
        local set = book.state:session("s").sets[5]
        for i = 1, 128 do assert.equal(("%03d"):format(i - 1), set[i]:sub(1, 3)) end
        assert.equal(hex(book.state:digest()), hex(book:reloaded().state:digest()))
    end)
end)

describe("list", function()
    it("35.6 refuses transition record 257", function()
        local book = filled(256, function() return registry.append("s", 1, transition) end)
        assert.equal("CAPACITY", (book:refusal(registry.append("s", 1, transition))))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", with_op_behind(book, registry.append("s", 1, transition))))
    end)

    for list, make in pairs({ [2] = history, [3] = share_refresh }) do
        it(("35.6 drops the oldest of list %d beyond 256"):format(list), function()
            local book = filled(256, function(i) return registry.append("s", list, make(i)) end)
            book:put(registry.append("s", list, make(257)))
            local items = book.state:session("s").lists[list]
            assert.equal(256, #items)
            assert.equal(hex(make(2)), hex(items[1]))
            assert.equal(hex(make(257)), hex(items[256]))
            assert.equal(hex(book.state:digest()), hex(book:reloaded().state:digest()))
            local behind = with_op_behind(book, registry.append("s", list, make(258)))
            assert.equal("STATE_CORRUPT", registry.replay_error("part", behind))
        end)
    end
end)

describe("sessions", function()
    it("D-091 refuses one more than the limit when live", function()
        local book = registry.new({ max_sessions = 3 })
        for i = 1, 3 do book:put(registry.bound("s" .. i, A)) end
        assert.equal("CAPACITY", (book:refusal(registry.create("s4"))))
        assert.is_nil((book:refusal(registry.delete("s2"), registry.create("s4"))))
        assert.equal("CAPACITY", (book:refusal(registry.create("s4"), registry.delete("s2"))))
        assert.equal(3, (book.state:counts()))
    end)

    it("34.4 calls a limit below the stored count a configuration error, at the end of the replay only", function()
        local book = registry.new({ max_sessions = 3 })
        for i = 1, 3 do book:put(registry.bound("s" .. i, A)) end
        book:put(registry.delete("s1"))
        local replica = registry.new({ max_sessions = 2 })
        for _, record in ipairs(book.records) do replica.state:replay(record.kind, record.body, record.seq, record.chain) end
        assert.has_no.errors(function() replica.state:finish() end)
        replica.state:set_max_sessions(1)
        local good, why = pcall(replica.state.finish, replica.state)
        assert.is_false(good)
        assert.equal("CONFIGURATION", why.error)
    end)
end)

describe("tombstones", function()
    local limit = 1048576

    -- The limit itself takes a million records: they come in as a snapshot would bring them.
    it("D-123 end at 1048576: then nothing that needs one is evicted, and none is dropped", function()
        local book = registry.new()
        book:put(registry.bound("s", A), registry.add("s", 5, "m1@a"), registry.set("s", 21, pack(">I4", 1)))
        book:put(registry.create("t"), registry.set("t", 23, pack(">I8", 5)))
        local state = registry.blank()
        for _, part in ipairs(book:parts()) do state:replay("part", part) end
        local head, tail = "\9\0\0\0\40", pack(">I4 I4", 0, 1)
        for first = 0, limit - 2, 1024 do
            local ops = {}
            for number = first, math.min(first + 1023, limit - 2) do
                ops[#ops + 1] = head .. pack(">I8 I8 I8 I8", (number * 0x9E3779B97F4A7C15) ~ 5, 1, 2, number) .. tail
            end
            state:replay("part", table.concat(ops))
        end
        state:finish()
        assert.equal(limit - 1, select(3, state:counts()))
        assert.equal("s", state:oldest_evictable())
        state:replay("change", registry.tombstone("new", A, 1), 2, ("\1"):rep(32))
        assert.equal(limit, select(3, state:counts()))
        assert.equal("t", state:oldest_evictable())
        local changes = registry.changes(registry.tombstone("newer", A, 1))
        local good, why = pcall(state.check, state, changes)
        assert.is_false(good)
        assert.equal("CAPACITY", why.error)
        assert.has_no.errors(function() state:check(registry.changes(registry.tombstone("new", A, 2))) end)
        assert.equal(1, (state:tombstone("new")))
        state:close()
    end)
end)

describe("snapshot", function()
    it("35.6 names no operator without a score or quarantine", function()
        local book = registry.new()
        for _, bytes in ipairs({ registry.op("score", pack(">I2 I8", 3, 0)), registry.op("quarantine", "\0\3\0") }) do
            assert.equal("STATE_CORRUPT", registry.replay_error("part", with_op_behind(book, bytes)))
        end
    end)

    it("35.6 has no part behind a record", function()
        local book = registry.new():reloaded()
        assert.has_no.errors(function() book.state:replay("part", registry.create("a"), 1, ("\0"):rep(32)) end)
        book:put(registry.create("b"))
        local good, why = pcall(book.state.replay, book.state, "part", registry.create("c"), 1, ("\0"):rep(32))
        assert.is_false(good)
        assert.equal("STATE_CORRUPT", why.error)
    end)
end)

describe("max_sessions", function()
    it("D-091 is read at each check", function()
        local book = registry.new({ max_sessions = 1 })
        book:put(registry.create("a"))
        assert.equal("CAPACITY", (book:refusal(registry.create("b"))))
        book.state:set_max_sessions(2)
        assert.is_nil((book:refusal(registry.create("b"))))
    end)
end)
