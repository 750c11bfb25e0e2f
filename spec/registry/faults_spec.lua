-- Memory that runs out while a change is checked leaves the state as it was; once a change is checked,
-- applying it asks for nothing. sealed-store 35.7 (F1), D-068, D-123.
local vectors = require("spec.support.vectors")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local hex, lp, pack, op = vectors.hex, registry.lp, string.pack, registry.op
local fault = signer.test_fault
local A, B = registry.GROUP_A, registry.GROUP_B
local packages, public, group = registry.key_material()

--- A book with something of everything.
local function furnished()
    local book = registry.new()
    book:put(registry.bound("old", A), registry.add("old", 5, "m1@a"), registry.set("old", 21, pack(">I4", 3)),
        registry.set("old", 20, pack(">I8", 5)))
    book:put(registry.create("wallet"), registry.set("wallet", 2, registry.packages_value(packages)),
        registry.set("wallet", 3, lp(public)), registry.set("wallet", 4, registry.dkg_result_value("wallet", group)),
        registry.set("wallet", 22, "\2"), registry.append("wallet", 2, pack(">I8 I8 I2", 1, 1, 3) .. "\0\0"))
    book:put(op("score", "\0\1" .. pack(">I8", 4)), op("quarantine", "\0\2\1"))
    book:put(op("trust_append", lp("{certificate}")))
    return book
end

local whole = registry.delete("old") .. registry.tombstone("old", A, 3) .. registry.bound("new", B)
    .. registry.add("new", 5, "m1@b") .. registry.add("new", 7, ("a"):rep(64)) .. registry.set("new", 21, pack(">I4", 1))
    .. registry.set("wallet", 2, registry.packages_value(packages)) .. registry.set("wallet", 3, lp(public))
    .. registry.set("wallet", 16, lp("why") .. pack(">I8", 1) .. lp(group)) .. registry.set("wallet", 6, lp("message"))
    .. registry.set("wallet", 12, lp("wallet") .. lp("tx") .. pack(">I4 I4 I8 s4", 0, 1, 7, "script"))
    .. registry.append("wallet", 2, pack(">I8 I8 I2", 2, 1, 3) .. "\0\0") .. op("score", "\0\9" .. pack(">I8", 1))
    .. op("refresh_epoch", pack(">I8", 2)) .. op("purge")

--- Makes each allocation of `check` fail in turn; returns how many there were. Some it can do without (points that
--- are read one by one then).
local function fail_each(book, changes, check)
    local before, secrets, spared = book.state:digest(), book.state:live_secrets(), 0
    for nth = 1, 10000 do
        fault.arm("allocation", "error", nth)
        local good, why = pcall(check)
        local hits = fault.hits("allocation")
        fault.clear()
        if good and hits < nth then return nth - 1 end
        if good then
            spared = spared + 1
            assert.is_true(spared <= 2)
            book.state:drop()
        else
            assert.equal("OUT_OF_MEMORY", why.error)
        end
        assert.equal(hex(before), hex(book.state:digest()))
        assert.equal(secrets, book.state:live_secrets())
        assert.is_nil(book.state:session("new"))
        assert.equal("old", book.state:oldest_evictable())
    end
    error("never succeeded with " .. tostring(changes))
end

describe("allocation fault", function()
    after_each(function() fault.clear() end)

    it("D-068 at any point of the check leaves state, indexes and vault untouched", function()
        local book = furnished()
        local changes = registry.changes(whole)
        local points = fail_each(book, changes, function() book.state:check(changes) end)
        assert.is_true(points > 25, points)
        book:commit(changes)
        assert.equal(3, (book.state:tombstone("old")))
        assert.equal(hex(book.state:digest()), hex(book:replayed().state:digest()))
    end)

    it("35.7 cannot strike once the change is checked", function()
        local book = furnished()
        local changes = registry.changes(whole)
        book.state:check(changes)
        fault.arm("allocation", "error", 1, true)
        book.state:prepare(changes)
        book.state:apply(changes, 99, ("\7"):rep(32), 1)
        local hits = fault.hits("allocation")
        fault.clear()
        assert.equal(0, hits)
        assert.equal("wallet", book.state:wallet(group))
    end)

    it("35.7 nor for certificates and inputs: their room is taken by the check", function()
        local book = furnished()
        local note = op("verdict", "\0" .. lp("firewall") .. lp("1") .. ("\1"):rep(32) .. lp("rule") .. lp("reason") .. lp("")
            .. pack(">I8", 1) .. ("\2"):rep(32) .. "\1" .. lp("{}"))
        for i = 1, 9 do note = note .. op("trust_append", lp(("certificate %d "):format(i):rep(100))) end
        local changes, before = registry.changes(note), #book.state:anchor().certificates
        assert.is_true(fail_each(book, changes, function() book.state:check(changes) end) >= 4)
        fault.arm("allocation", "error", 1, true)
        book.state:prepare(changes)
        book.state:apply(changes, 99, ("\7"):rep(32), 1)
        local hits = fault.hits("allocation")
        fault.clear()
        assert.equal(0, hits)
        book.state:check(registry.changes(op("trust_append", lp("another"))))
        assert.equal(before + 9, #book.state:anchor().certificates)
    end)

    it("D-068 in a builder is answered by the check", function()
        local told, spared = 0, 0
        for nth = 1, 20 do
            local book = furnished()
            fault.arm("allocation", "error", nth)
            local changes = signer.test_changes.new()
            -- the binding decodes with memory of its own before the builder runs
            local built = pcall(changes.key_packages, changes, "wallet", book.state, { { 1, packages[1] } })
                and pcall(changes.public_package, changes, "wallet", public)
            local hits = fault.hits("allocation")
            fault.clear()
            if built and hits >= nth then
                local good, why = pcall(book.state.check, book.state, changes)
                assert.is_true(good or why.error == "OUT_OF_MEMORY")
                spared, told = spared + (good and 1 or 0), told + (good and 0 or 1)
                book.state:drop()
            end
            changes:free()
            assert.is_true(not built or book.state:live_secrets() == 2)
        end
        assert.is_true(told > 5 and spared < told)
    end)

    it("35.10 in a replay is told as such", function()
        local book = furnished()
        local parts = book:parts()
        local failed = 0
        for nth = 1, 100 do
            local state = registry.blank()
            fault.arm("allocation", "error", nth)
            local good, why = pcall(state.replay, state, "part", parts[1])
            fault.clear()
            if not good then
                failed = failed + 1
                assert.equal("OUT_OF_MEMORY", why.error)
            end
            state:close()
        end
        assert.is_true(failed > 10)
    end)
end)

describe("check", function()
    it("D-123 changes nothing before it is applied", function()
        local book = furnished()
        local before = book.state:digest()
        local changes = registry.changes(whole)
        book.state:check(changes)
        assert.equal(hex(before), hex(book.state:digest()))
        assert.is_nil(book.state:session("new"))
        assert.is_nil((book.state:tombstone("old")))
        assert.is_false(book.state:key_group_rekeyed(group))
        book.state:drop()
        assert.equal(hex(before), hex(book.state:digest()))
        book:commit(changes)
        assert.is_true(book.state:key_group_rekeyed(group))
        assert.is_true(book.state:key_group_used(A))
    end)

    it("D-123 of another list forgets the one before", function()
        local book = furnished()
        local first, second = registry.changes(whole), registry.changes(registry.create("second"))
        book.state:check(first)
        book.state:check(second)
        book.state:apply(second, 9, ("\1"):rep(32))
        assert.is_nil(book.state:session("new"))
        assert.is_table(book.state:session("second"))
        assert.equal(2, book.state:live_secrets())
    end)
end)
