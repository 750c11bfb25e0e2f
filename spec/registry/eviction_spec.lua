-- Indexes over the sessions: which one goes first, which one is the wallet, what is known of a key
-- group. interactive-session 13 (RET), D-013, D-043, D-067, D-070, D-122 to D-125.
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local lp, pack = registry.lp, string.pack
local A, B = registry.GROUP_A, registry.GROUP_B

local function u64(value) return pack(">I8", value) end
local function u32(value) return pack(">I4", value) end
local function retired(id, at) return registry.bound(id, A) .. registry.set(id, 20, u64(at)) end
local function transaction(id, at)
    return registry.create(id) .. registry.set(id, 11, lp("f")) .. registry.set(id, 12, lp(id) .. lp("tx") .. u32(0) .. u32(0))
        .. registry.set(id, 23, u64(at))
end
local function wallet(id, group, origin)
    return registry.create(id) .. registry.set(id, 1, lp("f")) .. registry.set(id, 4, registry.dkg_result_value(id, group))
        .. registry.set(id, 22, string.char(origin))
end

--- Evicts until nothing may go; the order in which they went.
local function eviction_order(book)
    local order = {}
    local oldest = book.state:oldest_evictable()
    while oldest do
        order[#order + 1] = oldest
        local changes = signer.test_changes.new()
        changes:evict(book.state, oldest)
        book:commit(changes)
        assert.is_nil(book.state:session(oldest))
        oldest = book.state:oldest_evictable()
    end
    return order
end

describe("eviction", function()
    it("RET-2 takes the oldest retired session, by time, then by id after a load", function()
        local book = registry.new()
        book:put(retired("c", 30), retired("b", 20), retired("a", 30), retired("d", 10))
        local copy = book:reloaded()
        copy.state:loaded(500)
        assert.same({ "d", "b", "a", "c" }, eviction_order(copy))
    end)

    it("RET-2 takes those of one second in the order in which they fell idle, not the one still to aggregate", function()
        local book = registry.new()
        for _, id in ipairs({ "z", "a", "m" }) do
            book:put(registry.bound(id, A))
            book.state:set_live(id, true)
        end
        for _, id in ipairs({ "m", "z", "a" }) do book.state:set_live(id, false, 30) end
        assert.same({ "m", "z", "a" }, eviction_order(book))
    end)

    it("D-124 takes idle built transactions by their build time among them, without tombstone", function()
        local book = registry.new()
        book:put(retired("r", 20), transaction("t1", 10), transaction("t2", 30))
        assert.same({ "t1", "r", "t2" }, eviction_order(book))
        assert.equal(0, select(3, book.state:counts()))
    end)

    it("RET-3 never takes the session of the call, a pinned one, or one with live seats", function()
        local book = registry.new()
        book:put(retired("a", 10), retired("b", 20), retired("c", 30), retired("d", 40))
        book.state:set_live("a", true)
        book.state:set_pins("b", 1)
        assert.equal("d", book.state:oldest_evictable("c"))
        book.state:set_pins("b", 0)
        assert.equal("b", book.state:oldest_evictable("c"))
    end)

    it("D-067 leaves a tombstone with the highest number, and takes none that breaks its rules", function()
        local book = registry.new()
        book:put(retired("a", 10), registry.add("a", 5, "m1@x"), registry.set("a", 21, u32(7)))
        assert.same({ "a" }, eviction_order(book))
        assert.same({ 7, A }, { book.state:tombstone("a") })
        -- the same id again: bound to another wallet, or at a number that does not rise, it stays
        book:put(registry.bound("a", B), registry.add("a", 5, "m1@y"), registry.set("a", 21, u32(8)))
        assert.is_nil(book.state:oldest_evictable())
        book = registry.new()
        book:put(registry.tombstone("a", A, 7))
        book:put(registry.bound("a", A), registry.add("a", 5, "m1@y"), registry.set("a", 21, u32(7)))
        assert.is_nil(book.state:oldest_evictable())
        book:put(registry.set("a", 21, u32(8)))
        assert.same({ "a" }, eviction_order(book))
        assert.equal(8, (book.state:tombstone("a")))
    end)

    it("13 never takes wallets, rekeyed sessions, coarse registries or lists", function()
        local book = registry.new()
        book:put(wallet("w", A, 2), retired("rekeyed", 1), registry.set("rekeyed", 16, lp("why") .. u64(1) .. lp(A)),
            retired("coarse", 1), registry.add("coarse", 1, "x"), retired("refreshed", 1),
            registry.append("refreshed", 2, u64(1) .. u64(1) .. "\0\3\0\0"))
        assert.is_nil(book.state:oldest_evictable())
    end)

    it("D-123 evicts, leaves the tombstone and does the call's own change in one record", function()
        local book = registry.new({ max_sessions = 2 })
        book:put(retired("a", 10), registry.add("a", 5, "m1@x"), registry.set("a", 21, u32(7)), retired("b", 20))
        local changes = signer.test_changes.new()
        changes:evict(book.state, book.state:oldest_evictable())
        changes:create("c")
        changes:text("c", 17, A)
        book:commit(changes)
        assert.same({ "b", "c" }, book.state:ids())
        assert.equal(7, (book.state:tombstone("a")))
    end)
end)

describe("retirement in memory", function()
    it("D-122 counts a bound session without live seats as retired, field 20 or not", function()
        local book = registry.new()
        book:put(registry.bound("a", A), retired("b", 5), wallet("w", B, 2), registry.create("n"), registry.set("n", 19, u32(1)))
        assert.same({ 4, 2, 0 }, { book.state:counts() })
        book.state:set_live("a", true)
        book.state:set_live("b", true)
        assert.equal(4, select(2, book.state:counts()))
        assert.is_false(book.state:session("b").retired)
        book.state:set_live("b", false, 50)
        assert.is_true(book.state:session("b").retired)
        assert.equal(3, select(2, book.state:counts()))
    end)

    it("RET-1, D-122 orders by the time its last seat went, else by field 20, else by the load", function()
        local book = registry.new()
        book:put(registry.bound("early", A), registry.bound("late", A), retired("stored", 60), registry.bound("never", A))
        for _, id in ipairs({ "early", "late", "never" }) do book.state:set_live(id, true) end
        book.state:set_live("late", false, 90)
        book.state:set_live("early", false, 30)
        book.state:set_live("never", false, 0)
        assert.same({ "never", "early", "stored", "late" }, eviction_order(book))
    end)

    it("D-070, D-122 retires what is idle at load with its stored time, else the load time", function()
        local book = registry.new()
        book:put(registry.bound("active", A), retired("old", 10), retired("future", 900), transaction("t", 20))
        book.state:set_live("active", true)
        local copy = book:reloaded()
        assert.equal("active", copy.state:oldest_evictable()) -- before the load time is known: oldest
        copy.state:loaded(500)
        assert.same({ "old", "t", "active", "future" }, eviction_order(copy))
    end)

    it("D-122 writes nothing: memory-only retirement leaves the snapshot as it is", function()
        local book = registry.new()
        book:put(registry.bound("a", A))
        local digest = book.state:digest()
        book.state:set_live("a", true)
        book.state:set_live("a", false, 77)
        book.state:loaded(99)
        assert.equal(digest, book.state:digest())
    end)
end)

describe("wallet lookup", function()
    it("D-043 prefers the own session, then the distributed owner, then the lowest id", function()
        local book = registry.new()
        book:put(wallet("c", A, 1), wallet("b", A, 1), wallet("d", A, 2), wallet("e", B, 1))
        assert.equal("d", book.state:wallet(A))
        assert.equal("c", book.state:wallet(A, "c"))
        assert.equal("d", book.state:wallet(A, "e"))
        book:put(registry.clear("d", 4))
        assert.equal("b", book.state:wallet(A))
        book:put(registry.clear("b", 4), registry.clear("c", 4))
        assert.is_nil(book.state:wallet(A))
        assert.equal("e", book.state:wallet(B))
        assert.is_nil(book.state:wallet("02ab"))
    end)

    it("D-043 follows a change of origin", function()
        local book = registry.new()
        book:put(wallet("b", A, 1), wallet("c", A, 1))
        assert.equal("b", book.state:wallet(A))
        book:put(registry.set("c", 22, "\2"))
        assert.equal("c", book.state:wallet(A))
    end)
end)

describe("key group", function()
    it("D-013, D-123 is used once a session or a tombstone says so", function()
        local book = registry.new()
        book:put(wallet("w", A, 2), retired("a", 1))
        assert.is_false(book.state:key_group_used(A))
        book:put(registry.add("a", 5, "m1@x"), registry.set("a", 21, u32(1)))
        assert.is_true(book.state:key_group_used(A))
        assert.is_false(book.state:key_group_used(B))
        eviction_order(book)
        assert.is_nil(book.state:session("a"))
        assert.is_true(book.state:key_group_used(A))
        assert.is_true(book:reloaded().state:key_group_used(A))
    end)

    it("D-013 is used by a co-located session's own attempts", function()
        local book = registry.new()
        book:put(wallet("w", A, 2), registry.add("w", 6, "x"))
        assert.is_true(book.state:key_group_used(A))
    end)

    it("D-125 is rekeyed for every session, after a retire too", function()
        local book = registry.new()
        book:put(wallet("w", A, 2), registry.set("w", 16, lp("why") .. u64(1) .. lp(A)))
        book:put(registry.clear("w", 1), registry.clear("w", 4), registry.clear("w", 22))
        assert.is_true(book.state:key_group_rekeyed(A))
        assert.is_false(book.state:key_group_rekeyed(B))
        assert.is_true(book:reloaded().state:key_group_rekeyed(A))
    end)
end)
