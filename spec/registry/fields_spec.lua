-- Values of the session fields 1 to 24 and the items of the lists: exact bytes, strict forms
-- (sealed-store 6.3, 8.1, 35.6, 35.16; D-181).
local vectors = require("spec.support.vectors")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local hex, lp, pack = vectors.hex, registry.lp, string.pack
local id = "session-1"
local packages, public, group = registry.key_material()

local function u16s(...) return pack(">I4", select("#", ...)) .. pack((">" .. ("I2"):rep(select("#", ...))), ...) end

local telemetry = pack(">I4 I4 I2 I2 s4", 1, 2, 3, 4, "timeout") .. "\1" .. u16s(9, 11) .. "\1"
local transition = pack(">I4 I4 s4 s4 s4 s4 I2 I2 s4", 1, 2, "from", "to", "round", "fingerprint", 3, 4, "timeout")
    .. "\0" .. "\1" .. lp("proof") .. lp("hash") .. pack(">I8", 1700000000)

local function history(epoch) return pack(">I8 I8 I2", epoch, 1700000000, 3) .. "\1" .. lp(group) .. "\0" end
local function share_refresh(epoch, share) return pack(">I8 I8 I8 I2 s4", epoch, share, 1700000000, 3, group) end

--- One entry of field 24.
local function refresh(status, fill, members)
    local head = string.char(status) .. fill:rep(32) .. ("\x55"):rep(32) .. ("\x66"):rep(32) .. pack(">I8", 0)
        .. u16s(table.unpack(members or { 1, 2, 5 }))
    if status == 2 then return head end
    return head .. registry.packages_value(packages) .. lp(public)
end

local values = {
    [1] = lp("dkg fingerprint"),
    [2] = registry.packages_value(packages),
    [3] = lp(public),
    [4] = registry.dkg_result_value(id, group),
    [5] = lp("sign fingerprint"),
    [6] = lp("a message that is secret"),
    [7] = lp(id) .. lp("round") .. pack(">I2", 2) .. lp(("\x11"):rep(32)) .. "\1" .. lp(("\x12"):rep(32)) .. "\1"
        .. u16s(1, 5) .. "\1" .. telemetry .. pack(">I2", 1) .. lp(("\x13"):rep(32)),
    [8] = pack(">I4 I2", 3, 5) .. u16s(1, 2, 5) .. lp(("a"):rep(64)) .. lp(("b"):rep(64)),
    [9] = lp("finalize fingerprint"),
    [10] = lp(id) .. lp("round") .. lp(("\x14"):rep(64)),
    [11] = lp("build fingerprint"),
    [12] = lp(id) .. lp("\2\0\0\0tx") .. pack(">I4", 2) .. ("\x21"):rep(32) .. ("\x22"):rep(32)
        .. pack(">I4 I8 s4 I8 s4", 2, 100000, "\x51\x20" .. ("\x23"):rep(32), 5, ""),
    [13] = lp("refresh fingerprint"),
    [14] = lp(id) .. pack(">I8 I4 I2 s4 I2 s4", 7, 2, 1, "\xaa", 2, "\xbb"),
    [15] = pack(">I8", 3),
    [16] = lp("key leaked") .. pack(">I8", 1700000002) .. lp(group),
    [17] = lp(registry.GROUP_B),
    [18] = pack(">I8", 1),
    [19] = pack(">I4", 4),
    [20] = pack(">I8", 1700000003),
    [21] = pack(">I4", 6),
    [22] = "\2",
    [23] = pack(">I8", 1700000004),
    [24] = pack(">I4", 3) .. refresh(3, "\x31") .. refresh(2, "\x32") .. refresh(1, "\x33"),
}

-- A session may hold field 20 only while it has no DKG data.
local function book_with(field)
    local book = registry.new()
    local base = registry.create(id)
    if field == 20 then base = base .. registry.set(id, 17, values[17]) end
    book:put(base, registry.set(id, field, values[field]))
    return book
end

describe("field value", function()
    for field = 1, 24 do
        it(("35.6 keeps field %d byte for byte, through a snapshot too"):format(field), function()
            local book = book_with(field)
            assert.equal(hex(values[field]), hex(book.state:field(id, field)))
            local copy = book:reloaded()
            assert.equal(hex(values[field]), hex(copy.state:field(id, field)))
            assert.equal(hex(book.state:digest()), hex(copy.state:digest()))
        end)

        it(("35.4 refuses field %d with a byte missing or a byte too many"):format(field), function()
            local book = registry.new()
            local base = registry.create(id)
            if field == 20 then base = base .. registry.set(id, 17, values[17]) end
            local value = values[field]
            assert.equal("STATE_CORRUPT", (book:refusal(base, registry.set(id, field, value .. "\0"))))
            for cut = 1, math.min(#value, 12) do
                assert.equal("STATE_CORRUPT", (book:refusal(base, registry.set(id, field, value:sub(1, #value - cut)))))
            end
        end)
    end

    it("35.4 refuses an unknown field as another version", function()
        local book = registry.new()
        assert.equal("STATE_VERSION", (book:refusal(registry.create(id), registry.set(id, 0, "\0"))))
        assert.equal("STATE_VERSION", (book:refusal(registry.create(id), registry.set(id, 25, "\0"))))
        assert.equal("STATE_VERSION", (book:refusal(registry.create(id), registry.clear(id, 25))))
    end)

    it("35.6 a key package that is accepted encodes back to its bytes: no other form of it is", function()
        local whole = packages[1]
        local function one(encoded) return pack(">I4 I2 s4", 1, 1, encoded) end
        local function try(encoded)
            local book = registry.new()
            local body = registry.create(id) .. registry.set(id, 2, one(encoded))
            if book:refusal(body) then return false end
            book:put(body)
            assert.equal(hex(one(encoded)), hex(book.state:field(id, 2)))
            return true
        end
        assert.is_true(try(whole))
        -- the threshold is a varint: a second byte, and one that says nothing, are other bytes for the same number
        local threshold = whole:byte(-1)
        assert.is_true(threshold < 0x80)
        for _, other in ipairs({ string.char(threshold | 0x80, 0), string.char(threshold | 0x80, 0x80, 0),
            string.char(threshold | 0x80) }) do
            assert.is_false(try(whole:sub(1, -2) .. other))
        end
        local accepted = 0
        for bit = 0, 8 * #whole - 1 do
            local at = bit // 8 + 1
            local flipped = whole:sub(1, at - 1) .. string.char(whole:byte(at) ~ (1 << bit % 8)) .. whole:sub(at + 1)
            if try(flipped) then accepted = accepted + 1 end
        end
        assert.is_true(accepted > 0) -- another group key, another threshold: other packages, each with one form
    end)

    it("35.8 a state that is only read for a snapshot decodes no package, and gives the same snapshot", function()
        local book = registry.new()
        book:put(registry.create(id), registry.set(id, 2, values[2]), registry.set(id, 3, values[3]),
            registry.set(id, 4, values[4]), registry.set(id, 22, values[22]), registry.set(id, 24, values[24]))
        local snapshot, passing = book:passed_on()
        assert.same(book.state:snapshot(), snapshot)
        assert.is_true(book.state:live_secrets() > 2)
        assert.equal(2, passing:live_secrets()) -- fields 2 and 24 as they are
        passing:replay("change", registry.clear(id, 24), 9, ("\9"):rep(32))
        passing:replay("change", registry.set(id, 2, "no package"), 10, ("\9"):rep(32))
        assert.equal(1, passing:live_secrets())
        assert.equal("no package", passing:field(id, 2))
        passing:close()
    end)

    it("35.6 shows the members of each composite field", function()
        local book = registry.new()
        book:put(registry.create(id), registry.set(id, 2, values[2]), registry.set(id, 3, values[3]),
            registry.set(id, 4, values[4]), registry.set(id, 12, values[12]), registry.set(id, 16, values[16]),
            registry.set(id, 22, values[22]), registry.set(id, 24, values[24]))
        local session = book.state:session(id)
        assert.same({ 1, 5 }, session.seats)
        assert.equal(3, session.public_shares)
        assert.equal(group, session.dkg_key_group)
        assert.equal(id, session.dkg_session_id)
        assert.same({ 3, 2, 2 }, { session.participants, session.threshold, session.dkg_origin })
        assert.equal("\2\0\0\0tx", session.transaction.tx)
        assert.same({ ("\x21"):rep(32), ("\x22"):rep(32) }, session.transaction.sighashes)
        assert.same({ { 100000, "\x51\x20" .. ("\x23"):rep(32) }, { 5, "" } }, session.transaction.prevouts)
        assert.same({ "key leaked", group }, { session.rekey_reason, session.rekey_key_group })
        assert.equal(3, session.refreshes)
    end)
end)

describe("builder", function()
    it("35.6 writes the composite fields as the decoder reads them", function()
        local book = registry.new()
        local changes = signer.test_changes.new()
        changes:create(id)
        changes:key_packages(id, book.state, { { 1, packages[1] }, { 5, packages[3] } })
        changes:public_package(id, public)
        changes:dkg_result(id, group, 3, 2, 1700000001)
        changes:transaction(id, "\2\0\0\0tx", { ("\x21"):rep(32), ("\x22"):rep(32) },
            { { 100000, "\x51\x20" .. ("\x23"):rep(32) }, { 5, "" } })
        changes:rekey(id, "key leaked", 1700000002, group)
        local wanted = registry.create(id) .. registry.set(id, 2, values[2]) .. registry.set(id, 3, values[3])
            .. registry.set(id, 4, values[4]) .. registry.set(id, 12, values[12]) .. registry.set(id, 16, values[16])
        assert.equal(hex(wanted), hex(changes:body()))
        local record = book:commit(changes)
        changes:free()
        local replica = book:replayed()
        assert.equal(hex(wanted), hex(record.body))
        assert.equal(hex(book.state:digest()), hex(replica.state:digest()))
    end)

    it("35.6 copies key packages: the caller's handles stay the caller's", function()
        local book = registry.new()
        local changes = signer.test_changes.new()
        changes:create(id)
        changes:key_packages(id, book.state, { { 1, packages[1] } })
        assert.equal(1, book.state:live_secrets())
        changes:free()
        assert.equal(0, book.state:live_secrets())
    end)

    it("35.6 joins lists of changes in their order", function()
        local book = registry.new()
        local front, changes = signer.test_changes.new(), signer.test_changes.new()
        front:create(id)
        changes:key_packages(id, book.state, { { 1, packages[1] } })
        front:join(changes)
        changes:free()
        assert.equal(2, front:count())
        book:commit(front)
        front:free()
        assert.equal(1, book.state:live_secrets())
        assert.is_true(book.state:has_seat(id, 1))
    end)
end)

describe("secret", function()
    it("store 14 lies in the vault and not in the session's own memory", function()
        for _, field in ipairs({ 2, 6, 7, 14, 24 }) do
            local book = book_with(field)
            assert.equal(0, book.state:raw_len(id, field))
            assert.is_true(book.state:live_secrets() > 0)
        end
    end)

    it("store 14 is wiped when its field is cleared, replaced or refused", function()
        local book = book_with(2)
        assert.equal(2, book.state:live_secrets())
        book:put(registry.set(id, 2, pack(">I4 I2 s4", 1, 2, packages[2])))
        assert.equal(1, book.state:live_secrets())
        assert.equal("STATE_CORRUPT", (book:refusal(registry.set(id, 2, values[2]), registry.clear(id, 3))))
        assert.equal(1, book.state:live_secrets())
        book:put(registry.clear(id, 2))
        assert.equal(0, book.state:live_secrets())
    end)

    it("store 14 is given back when the append fails", function()
        local book = registry.new()
        local changes = registry.changes(registry.create(id) .. registry.set(id, 2, values[2]))
        book.state:check(changes)
        assert.equal(2, book.state:live_secrets())
        book.state:drop()
        assert.equal(0, book.state:live_secrets())
        assert.is_nil(book.state:session(id))
    end)
end)

--- Each of these is refused as a wrong form of the field.
local malformed = {
    [1] = { { "is empty", lp("") }, { "is no UTF-8", lp("\xc0\x80") }, { "is a lone surrogate", lp("\xed\xa0\x80") } },
    [2] = {
        { "has no package", pack(">I4", 0) },
        { "names member 0", pack(">I4 I2 s4", 1, 0, packages[1]) },
        { "descends", pack(">I4 I2 s4 I2 s4", 2, 5, packages[3], 1, packages[1]) },
        { "names a member twice", pack(">I4 I2 s4 I2 s4", 2, 1, packages[1], 1, packages[1]) },
        { "gives a package to another member", pack(">I4 I2 s4", 1, 2, packages[1]) },
        { "has a package cut short", pack(">I4 I2 s4", 1, 1, packages[1]:sub(1, -2)) },
        { "says more packages than a group may have", pack(">I4", 257) },
    },
    [3] = { { "is no package", lp("x") }, { "is cut short", lp(public:sub(1, -2)) } },
    [4] = {
        { "has a key group that is no point's text", registry.dkg_result_value(id, group:upper()) },
        { "has a short key group", registry.dkg_result_value(id, group:sub(1, 64)) },
        { "has a key group of prefix 04", registry.dkg_result_value(id, "04" .. group:sub(3)) },
        { "names no session", registry.dkg_result_value("", group) },
    },
    [6] = { { "is empty", lp("") } },
    [7] = {
        { "writes an empty omitted array", lp(id) .. lp("round") .. pack(">I2", 2) .. lp("") .. "\0" .. "\1" .. pack(">I4", 0)
            .. "\0" .. pack(">I2", 1) .. lp("share") },
        { "has a flag of 2", lp(id) .. lp("round") .. pack(">I2", 2) .. lp("") .. "\2" .. "\0\0" .. pack(">I2", 1)
            .. lp("share") },
    },
    [8] = { { "has too many members", pack(">I4 I2 I4", 3, 5, 257) .. ("\0\1"):rep(257) .. lp("") .. lp("") } },
    [12] = {
        { "says more sighashes than it has", lp(id) .. lp("tx") .. pack(">I4", 3) .. ("\x21"):rep(32) .. pack(">I4", 0) },
        { "says more prevouts than it has", lp(id) .. lp("tx") .. pack(">I4", 0) .. pack(">I4", 4294967295) },
    },
    [14] = { { "has too many shares", lp(id) .. pack(">I8 I4", 7, 257) } },
    [16] = {
        { "has a blank reason", lp(" \t\n") .. pack(">I8", 1) .. lp("") },
        { "has an empty reason", lp("") .. pack(">I8", 1) .. lp("") },
        { "has a wrong key group", lp("why") .. pack(">I8", 1) .. lp("02ab") },
    },
    [17] = { { "is no key group", lp("wallet") }, { "is upper case", lp(registry.GROUP_A:upper()) } },
    [20] = { { "is zero (RET-7)", pack(">I8", 0) } },
    [22] = { { "is 0", "\0" }, { "is 3", "\3" } },
    [24] = {
        { "is empty", pack(">I4", 0) },
        { "has an unknown status", pack(">I4", 1) .. refresh(4, "\x31") },
        { "has a zero id", pack(">I4", 1) .. refresh(1, "\0") },
        { "has two staged ones", pack(">I4", 2) .. refresh(1, "\x31") .. refresh(1, "\x32") },
        { "has two active ones", pack(">I4", 2) .. refresh(2, "\x31") .. refresh(2, "\x32") },
        { "has an id twice", pack(">I4", 2) .. refresh(3, "\x31") .. refresh(1, "\x31") },
        { "has one participant", pack(">I4", 1) .. refresh(2, "\x31", { 1 }) },
        { "has participants that do not ascend", pack(">I4", 1) .. refresh(2, "\x31", { 2, 1 }) },
        { "keeps a share of nobody in it", pack(">I4", 1) .. refresh(1, "\x31", { 1, 2 }) },
    },
}

describe("malformed field", function()
    for field, cases in pairs(malformed) do
        for _, case in ipairs(cases) do
            it(("8.1, 35.6 refuses field %d that %s"):format(field, case[1]), function()
                local book = registry.new()
                local base = registry.create(id)
                if field == 20 then base = base .. registry.set(id, 17, values[17]) end
                assert.equal("STATE_CORRUPT", (book:refusal(base, registry.set(id, field, case[2]))))
                assert.equal(0, book.state:live_secrets())
            end)
        end
    end

    it("D-041 refuses a key package whose share does not give its verifying share", function()
        local key = signer.test_frost.key_package(packages[1])
        local wrong = signer.test_frost.make_key_package(key.identifier, ("\0"):rep(31) .. "\1", key.verifying_share,
            key.verifying_key, key.min_signers)
        local book = registry.new()
        assert.equal("STATE_CORRUPT", (book:refusal(registry.create(id), registry.set(id, 2, pack(">I4 I2 s4", 1, 1, wrong)))))
    end)

    it("D-181 holds at most eight cancelled refreshes", function()
        local function cancelled(count)
            local entries = {}
            for i = 1, count do entries[i] = refresh(3, string.char(0x40 + i)) end
            return pack(">I4", count) .. table.concat(entries)
        end
        local book = registry.new()
        assert.is_nil((book:refusal(registry.create(id), registry.set(id, 24, cancelled(8)))))
        assert.equal("STATE_CORRUPT", (book:refusal(registry.create(id), registry.set(id, 24, cancelled(9)))))
    end)
end)

describe("list item", function()
    local items = { [1] = transition, [2] = history(7), [3] = share_refresh(7, 1) }

    for list, item in pairs(items) do
        it(("35.6 keeps an item of list %d byte for byte and refuses it cut or prolonged"):format(list), function()
            local book = registry.new()
            book:put(registry.create(id), registry.append(id, list, item))
            assert.same({ item }, book.state:session(id).lists[list])
            assert.equal(hex(book.state:digest()), hex(book:reloaded().state:digest()))
            assert.equal("STATE_CORRUPT", (book:refusal(registry.append(id, list, item .. "\0"))))
            for cut = 1, 10 do
                assert.equal("STATE_CORRUPT", (book:refusal(registry.append(id, list, item:sub(1, #item - cut)))))
            end
        end)
    end

    it("35.4 refuses an unknown list as another version", function()
        local book = registry.new()
        assert.equal("STATE_VERSION", (book:refusal(registry.create(id), registry.append(id, 4, transition))))
        assert.equal("STATE_VERSION", (book:refusal(registry.create(id), registry.append(id, 0, transition))))
    end)

    it("8.1 refuses epoch 0 and epochs that do not rise", function()
        local book = registry.new()
        book:put(registry.create(id), registry.append(id, 2, history(7)), registry.append(id, 3, share_refresh(7, 1)))
        assert.equal("STATE_CORRUPT", (book:refusal(registry.append(id, 2, history(7)))))
        assert.equal("STATE_CORRUPT", (book:refusal(registry.append(id, 3, share_refresh(7, 2)))))
        assert.equal("STATE_CORRUPT", (book:refusal(registry.append(id, 3, share_refresh(8, 1)))))
        assert.is_nil((book:refusal(registry.append(id, 2, history(8)), registry.append(id, 3, share_refresh(8, 2)))))
        assert.equal("STATE_CORRUPT", (registry.new():refusal(registry.create(id), registry.append(id, 2, history(0)))))
    end)

    it("35.6 replaces the last item of list 2 only", function()
        local book = registry.new()
        local replace = function(list, item) return registry.op("replace_last", lp(id) .. string.char(list) .. item) end
        book:put(registry.create(id), registry.append(id, 2, history(5)), registry.append(id, 2, history(7)))
        assert.equal("STATE_CORRUPT", (book:refusal(replace(1, transition))))
        assert.equal("STATE_CORRUPT", (book:refusal(replace(3, share_refresh(9, 9)))))
        assert.equal("STATE_CORRUPT", (book:refusal(replace(2, history(5)))))
        local filled = pack(">I8 I8 I2", 7, 1700000000, 3) .. "\1" .. lp(group) .. "\1" .. lp("fingerprint")
        book:put(replace(2, filled))
        assert.same({ history(5), filled }, book.state:session(id).lists[2])
        assert.equal("STATE_CORRUPT", (registry.new():refusal(registry.create(id), replace(2, history(1)))))
    end)
end)
