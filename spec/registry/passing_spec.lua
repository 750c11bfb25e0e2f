-- A state that is read for the next snapshot only: every rule is checked, but a session that no record touches is kept
-- as the ops that told it. sealed-store 35.6, 35.8, 35.16 (3).
local vectors = require("spec.support.vectors")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local hex, lp, pack = vectors.hex, registry.lp, string.pack
local fault = signer.test_fault
local A = registry.GROUP_A
local packages, public, group = registry.key_material()
local chain = ("\9"):rep(32)

local function marker(i) return ("%064x"):format(i) end

--- A per-message session with something of each kind that it can hold.
local function message(id, i)
    return registry.bound(id, A) .. registry.set(id, 20, pack(">I8", i)) .. registry.set(id, 21, pack(">I4", i))
        .. registry.add(id, 5, "m1@" .. marker(i)) .. registry.add(id, 5, "m2@" .. marker(i)) .. registry.add(id, 7, marker(i))
end

local function name(i) return ("session-%03d"):format(i) end

--- A wallet and `count` sessions that signed with it.
local function furnished(count)
    local book = registry.new({ max_sessions = 1000 })
    local wallet = "a wallet"
    book:put(registry.create(wallet), registry.set(wallet, 2, registry.packages_value(packages)),
        registry.set(wallet, 3, lp(public)), registry.set(wallet, 4, registry.dkg_result_value(wallet, group)),
        registry.set(wallet, 22, "\2"))
    for i = 1, count do book:put(message(name(i), i)) end
    return book
end

local function same(book, state) assert.equal(hex(book.state:digest()), hex(state:digest())) end

--- The ops on sessions of a state's snapshot.
local function told(state)
    local ops = {}
    for _, entry in ipairs(state:snapshot()) do
        if entry[1] <= 7 then ops[#ops + 1] = pack(">Bs4", entry[1], entry[2]) end
    end
    return table.concat(ops)
end

--- A passing state that got the head of a snapshot, and then these parts.
local function passed(...)
    local state = registry.blank(true)
    for _, head in ipairs(registry.new():parts()) do state:replay("part", head) end
    for _, part in ipairs({ ... }) do state:replay("part", part) end
    return state
end

--- The error that a part meets there; nil: none.
local function refusal(part)
    local state = passed()
    local good, why = pcall(state.replay, state, "part", part)
    state:close()
    return not good and why.error or nil
end

describe("a state that is only passed on", function()
    after_each(function() fault.clear() end)

    it("35.8 keeps sessions as they were told, but for the last of a part and those with a key", function()
        local book = furnished(20)
        local parts = book:parts(2000)
        local state = book:passed_since(parts, #book.records)
        same(book, state)
        assert.is_true(#parts > 3)
        assert.is_true(state:parked() >= 20 - #parts and state:parked() < 20, state:parked())
        assert.equal(1, state:live_secrets()) -- in the vault, and nowhere else
        assert.is_table(state:session("a wallet"))
        assert.is_nil(state:session(name(1)))
        state:close()
    end)

    it("35.8 builds a session that a record touches, and gives out what it became", function()
        local book = furnished(20)
        local parts, known = book:parts(), #book.records
        local before = book:passed_since(parts, known):parked()
        book:put(registry.add(name(3), 6, "attempt"))
        book:put(registry.delete(name(4)), registry.tombstone(name(4), A, 4))
        book:put(registry.set(name(20), 21, pack(">I4", 99)), registry.remove(name(20), 7, marker(20)))
        book:put(registry.delete(name(7)), registry.tombstone(name(7), A, 7), registry.bound(name(7), group))
        book:put(registry.bound("a new one", A))
        local state = book:passed_since(parts, known)
        same(book, state)
        assert.equal(before - 3, state:parked()) -- the last one of the part was none
        assert.is_nil(state:session(name(4)))
        assert.equal(99, state:session(name(20)).highest_attempt)
        state:close()
    end)

    it("35.6 refuses on a parked session what it refuses on any", function()
        local book = furnished(9)
        local parts, known = book:parts(), #book.records
        for _, body in ipairs({
            registry.create(name(3)), registry.add(name(3), 5, "m1@" .. marker(3)), registry.set(name(3), 21, pack(">I4", 2)),
            registry.set(name(3), 17, lp(group)), registry.delete(name(3)), registry.remove(name(3), 5, "m1@" .. marker(3)),
            registry.clear(name(3), 11), registry.create("another") .. registry.create("another"),
        }) do
            assert.equal("STATE_CORRUPT", (book:refusal(body)))
            local state = book:passed_since(parts, known)
            local good, why = pcall(state.replay, state, "change", body, book.seq + 1, chain)
            assert.is_false(good)
            assert.equal("STATE_CORRUPT", why.error)
            state:close()
        end
    end)

    it("35.6 checks every op of a session that it parks", function()
        local good = message("a", 1) .. message("b", 2) .. message("c", 3)
        assert.is_nil(refusal(good))
        for _, bad in ipairs({
            registry.set("a", 17, lp("no key group")), registry.set("a", 21, "\0"), registry.add("a", 7, "short"),
            registry.add("a", 5, ""), registry.add("a", 5, "m1@" .. marker(1)), registry.set("a", 20, pack(">I8", 1)),
            registry.create("a"), registry.add("a", 5, "\xff"), registry.append("a", 2, "short"),
        }) do
            assert.equal("STATE_CORRUPT", refusal(message("a", 1) .. bad .. message("b", 2)), hex(bad))
        end
        -- behind the last op: a retired time belongs to a per-message session
        assert.equal("STATE_CORRUPT", refusal(registry.create("a") .. registry.set("a", 20, pack(">I8", 1)) .. message("b", 2)))
        assert.equal("STATE_VERSION", refusal(registry.create("a") .. registry.set("a", 99, "x") .. message("b", 2)))
    end)

    it("35.6 knows a parked session when it is told again", function()
        local a, b = message("a", 1), message("b", 2)
        assert.equal("STATE_CORRUPT", refusal(a .. b .. registry.create("a")))
        assert.equal("STATE_CORRUPT", refusal(a .. b .. registry.add("a", 5, "m1@" .. marker(1))))
        local state = passed(a .. b .. registry.add("a", 6, "later"), message("c", 3))
        assert.equal(hex(a), hex(told(passed(a))))
        assert.is_truthy(told(state):find("later", 1, true))
        state:close()
    end)

    it("35.6 knows it also in the part that the snapshot begins with", function()
        local head = table.concat(registry.new():parts())
        local part = head .. message("a", 1) .. message("b", 2) .. registry.add("a", 6, "later") .. message("c", 3)
        local state, full = registry.blank(true), registry.blank(false)
        state:replay("part", part)
        full:replay("part", part)
        assert.equal(hex(full:digest()), hex(state:digest()))
        for _, read in ipairs({ state, full }) do
            read:finish()
            read:close()
        end
    end)

    it("35.6 judges a session behind the last op of a part, not where the next one begins", function()
        local retired = registry.create("a") .. registry.set("a", 20, pack(">I8", 1))
        assert.equal("STATE_CORRUPT", refusal(retired .. message("b", 2)))
        assert.is_nil(refusal(retired .. message("b", 2) .. registry.set("a", 17, lp(A))))
    end)

    it("35.6 gives a snapshot in its one order, however it was told", function()
        local function field(id, i) return registry.set(id, 21, pack(">I4", i)) end
        local bound, retired = registry.set("a", 17, lp(A)), registry.set("a", 20, pack(">I8", 1))
        local first, second, other = registry.add("a", 5, "m1@x"), registry.add("a", 5, "m2@x"), registry.add("a", 6, "y")
        local item = registry.append("a", 2, pack(">I8 I8 I2", 1, 1, 3) .. "\0\0")
        local behind = message("b", 2) .. message("c", 3)
        local canonical = registry.create("a") .. bound .. retired .. field("a", 1) .. first .. second .. other .. item
        local parked = passed(canonical .. behind)
        assert.equal(2, parked:parked())
        assert.equal(hex(canonical .. behind), hex(told(parked)))
        for _, shuffled in ipairs({
            registry.create("a") .. retired .. bound .. field("a", 1) .. first .. second .. other .. item,
            registry.create("a") .. bound .. retired .. field("a", 1) .. second .. first .. other .. item,
            registry.create("a") .. bound .. retired .. field("a", 1) .. other .. first .. second .. item,
            registry.create("a") .. bound .. retired .. first .. field("a", 1) .. second .. other .. item,
            registry.create("a") .. bound .. retired .. item .. field("a", 1) .. first .. second .. other,
            registry.create("a") .. bound .. registry.create("aa") .. retired .. field("a", 1) .. first .. second .. other
                .. item,
        }) do
            local between = shuffled:find(registry.create("aa"), 1, true) and registry.create("aa") or ""
            local state = passed(shuffled .. behind)
            assert.equal(hex(canonical .. between .. behind), hex(told(state)))
            state:close()
        end
        local stone = registry.tombstone("gone", A, 1)
        local torn = passed(registry.create("a") .. bound .. stone .. retired .. field("a", 1) .. first .. second .. other
            .. item .. behind)
        assert.equal(hex(passed(stone .. canonical .. behind):digest()), hex(torn:digest()))
        torn:close()
        local falling = passed(message("c", 3) .. message("b", 2) .. message("a", 1) .. message("d", 4))
        assert.equal(hex(message("a", 1) .. message("b", 2) .. message("c", 3) .. message("d", 4)), hex(told(falling)))
        falling:close()
    end)

    it("35.16 (3) takes a session that two parts tell", function()
        local a, b, c = message("a", 1), message("b", 2), message("c", 3)
        for cut = 1, 6 do
            local at, ops = 1, {}
            while at <= #b do
                local _, _, after = string.unpack(">B s4", b, at)
                ops[#ops + 1], at = b:sub(at, after - 1), after
            end
            local state = passed(a .. table.concat(ops, "", 1, cut), table.concat(ops, "", cut + 1) .. c .. message("d", 4))
            assert.equal(hex(a .. b .. c .. message("d", 4)), hex(told(state)))
            state:close()
        end
    end)

    it("35.10 counts parked sessions against the bound", function()
        local book = furnished(9)
        local state = book:passed_since(book:parts(), #book.records)
        assert.is_true(state:parked() > 5)
        state:set_max_sessions(10)
        state:finish()
        state:set_max_sessions(9)
        local good, why = pcall(state.finish, state)
        assert.is_false(good)
        assert.equal("CONFIGURATION", why.error)
        state:close()
    end)

    it("D-088 knows every commitment, though it works them out only when asked", function()
        local book = furnished(3)
        local parts, known = book:parts(), #book.records
        for i = 1, 1300 do
            local changes = signer.test_changes.new()
            changes:score(1, i)
            if i == 1290 then changes:rebase(1200) end
            book:commit(changes)
        end
        local state = book:passed_since(parts, known)
        same(book, state)
        local tip, base = book.state:counters()
        assert.equal(1200, base)
        for _, generation in ipairs({ tip, base, base + 1, tip - 3 }) do
            assert.same({ book.state:witness(generation) }, { state:witness(generation) })
        end
        state:close()
    end)

    it("D-068 a memory that ends while it is read, or while a parked session is built, is told as such", function()
        local book = furnished(9)
        local parts, known = book:parts(), #book.records
        book:put(registry.add(name(3), 6, "attempt"))
        local failed = 0
        for nth = 1, 400 do
            fault.arm("allocation", "error", nth)
            local good, state = pcall(book.passed_since, book, parts, known)
            local hits = fault.hits("allocation")
            fault.clear()
            if good then
                if hits < nth then same(book, state) end
                state:close()
            else
                failed = failed + 1
                assert.equal("OUT_OF_MEMORY", state.error)
            end
            if hits < nth then break end
        end
        assert.is_true(failed > 60, failed)
    end)
end)
