-- Each rule of the ops, broken once: sealed-store 35.4, 35.6; D-043, D-123, D-124, D-125, D-185.
local vectors = require("spec.support.vectors")
local registry = require("spec.support.registry")

local hex, lp, pack, op = vectors.hex, registry.lp, string.pack, registry.op
local A, B = registry.GROUP_A, registry.GROUP_B
local packages, public = registry.key_material()

local function u64(value) return pack(">I8", value) end
local function u32(value) return pack(">I4", value) end

--- Declares a case: `before` is applied, then `body` must meet the error (nil: it is accepted).
local function case(title, before, body, wanted)
    it(title, function()
        local book = registry.new()
        if before ~= "" then book:put(before) end
        local digest = book.state:digest()
        assert.equal(wanted, (book:refusal(body)))
        assert.equal(hex(digest), hex(book.state:digest()))
    end)
end

local s = "s"
local message = registry.bound(s, A)
local wallet = registry.create(s) .. registry.set(s, 1, lp("f")) .. registry.set(s, 2, registry.packages_value(packages))
    .. registry.set(s, 3, lp(public)) .. registry.set(s, 4, registry.dkg_result_value(s, A)) .. registry.set(s, 22, "\2")
local transaction = registry.create(s) .. registry.set(s, 11, lp("f"))
    .. registry.set(s, 12, lp(s) .. lp("tx") .. u32(0) .. u32(0)) .. registry.set(s, 23, u64(9))
local consumed = message .. registry.add(s, 5, "m1@a") .. registry.set(s, 21, u32(4))
local rekey = registry.set(s, 16, lp("why") .. u64(1) .. lp(A))

describe("body", function()
    case("35.6 is one op or more", "", "", "STATE_CORRUPT")
    for _, number in ipairs({ 0, 10, 15, 23, 31, 36, 47, 54, 63, 64, 200, 255 }) do
        case(("35.4 knows no op %d: another version"):format(number), "", op(number, ""), "STATE_VERSION")
    end
    for _, name in ipairs({ "engine_state", "witness_base", "witness_digests" }) do
        case("35.6 has " .. name .. " in a snapshot only", "", message .. op(name, u64(1)), "STATE_CORRUPT")
    end
    case("35.4 has anchor ops in a NOTE only", "", message .. op("anchor_confirmed", u64(1) .. ("\1"):rep(32)), "STATE_CORRUPT")
    case("35.4 has the witness base in a CHANGE only", "", op("rebase", u64(1)), "STATE_CORRUPT")
    for title, tail in pairs({ ["ends with its last op"] = "\1\0\0", ["has no op longer than itself"] = "\1\0\0\0\9"
        .. lp("x") }) do
        it("35.6 " .. title, function()
            local book = registry.new()
            local good, why = pcall(book.state.replay, book.state, "change", message .. tail, 2, ("\1"):rep(32))
            assert.is_false(good)
            assert.equal("STATE_CORRUPT", why.error)
        end)
    end
    case("D-068 changes nothing when its last op is refused", consumed, registry.add(s, 5, "m2@a") .. registry.add(s, 5, "m1@a"),
        "STATE_CORRUPT")
end)

describe("SESSION_CREATE", function()
    case("35.6 refuses a session that exists", message, registry.create(s), "STATE_CORRUPT")
    case("35.6 refuses one that the body made", "", registry.create(s) .. registry.create(s), "STATE_CORRUPT")
    case("35.6 refuses an empty id", "", registry.create(""), "STATE_CORRUPT")
    case("35.6 refuses an id that is no UTF-8", "", registry.create("\xff"), "STATE_CORRUPT")
    case("35.6 refuses bytes behind the id", "", op("create", lp(s) .. "\0"), "STATE_CORRUPT")
    case("35.6 may follow a deletion in the same body", "", registry.create(s) .. registry.delete(s) .. registry.create(s), nil)
end)

describe("SESSION_DELETE", function()
    case("35.6 takes a per-message session", message, registry.delete(s), nil)
    case("35.6 takes one that holds nothing", registry.create(s), registry.delete(s), nil)
    case("D-124 takes one that holds only a built transaction", transaction, registry.delete(s), nil)
    case("D-124 takes a transaction without its fingerprint", registry.create(s) .. registry.set(s, 23, u64(9)),
        registry.delete(s), nil)
    case("35.6 needs the session", "", registry.delete(s), "STATE_CORRUPT")
    case("35.6 never takes a wallet", wallet, registry.delete(s), "STATE_CORRUPT")
    case("35.6 never takes one that holds only a public package", registry.create(s) .. registry.set(s, 3, lp(public)),
        registry.delete(s), "STATE_CORRUPT")
    case("35.6 never takes one with a refresh count", registry.create(s) .. registry.set(s, 15, u64(1)), registry.delete(s),
        "STATE_CORRUPT")
    case("35.6 never takes a rekey event", message .. rekey, registry.delete(s), "STATE_CORRUPT")
    for set = 1, 4 do
        case(("35.6 never takes entries of set %d"):format(set), message .. registry.add(s, set, "x"), registry.delete(s),
            "STATE_CORRUPT")
    end
    case("35.6 never takes a list", message .. registry.append(s, 2, u64(1) .. u64(2) .. "\0\3\0\0"), registry.delete(s),
        "STATE_CORRUPT")
    for set = 5, 7 do
        local entry = set == 7 and ("a"):rep(64) or "m1@a"
        case(("D-123 needs a tombstone with entries of set %d"):format(set), message .. registry.add(s, set, entry),
            registry.delete(s), "STATE_CORRUPT")
        case(("D-123 takes entries of set %d without a number as unknown"):format(set),
            message .. registry.add(s, set, entry), registry.delete(s) .. registry.tombstone(s, A, 4294967295), nil)
        case(("D-123 takes no lower number for entries of set %d without one"):format(set),
            message .. registry.add(s, set, entry), registry.delete(s) .. registry.tombstone(s, A, 4294967294), "STATE_CORRUPT")
    end
    case("D-123 needs a tombstone with a highest number", message .. registry.set(s, 21, u32(4)), registry.delete(s),
        "STATE_CORRUPT")
    case("D-123 takes markers with their tombstone", consumed, registry.delete(s) .. registry.tombstone(s, A, 4), nil)
    case("D-123 takes the tombstone first", consumed, registry.tombstone(s, A, 4) .. registry.delete(s), nil)
    case("D-123 takes no tombstone of a lower number", consumed, registry.delete(s) .. registry.tombstone(s, A, 3),
        "STATE_CORRUPT")
    case("D-123 takes no tombstone of another key group", consumed, registry.delete(s) .. registry.tombstone(s, B, 4),
        "STATE_CORRUPT")
    case("D-123 takes no tombstone of another session", consumed, registry.delete(s) .. registry.tombstone("t", A, 4),
        "STATE_CORRUPT")
    case("D-125 takes a retired wallet whose fields go in the same body", wallet, registry.clear(s, 1) .. registry.clear(s, 2)
        .. registry.clear(s, 3) .. registry.clear(s, 4) .. registry.clear(s, 22) .. registry.delete(s) .. op("purge"), nil)
end)

describe("FIELD_SET", function()
    case("35.6 needs the session", "", registry.set(s, 17, lp(A)), "STATE_CORRUPT")
    case("35.6 needs the session to be left", message, registry.delete(s) .. registry.set(s, 19, u32(1)), "STATE_CORRUPT")
    case("35.6 binds a key group once", message, registry.set(s, 17, lp(B)), "STATE_CORRUPT")
    case("35.6 binds a key group once, the same too", message, registry.set(s, 17, lp(A)), "STATE_CORRUPT")
    case("35.6 sets a rekey event once", message .. rekey, rekey, "STATE_CORRUPT")
    for field, width in pairs({ [15] = u64, [18] = u64, [21] = u32 }) do
        local before = registry.create(s) .. registry.set(s, field, width(5))
        case(("35.6 lets field %d rise"):format(field), before, registry.set(s, field, width(6)), nil)
        case(("35.6 lets field %d stay"):format(field), before, registry.set(s, field, width(5)), nil)
        case(("35.6 never lets field %d fall"):format(field), before, registry.set(s, field, width(4)), "STATE_CORRUPT")
    end
    case("35.6 replaces other fields", message .. registry.set(s, 20, u64(5)), registry.set(s, 20, u64(3)), nil)
    case("RET-7 refuses a retired time on an unbound session", registry.create(s), registry.set(s, 20, u64(5)), "STATE_CORRUPT")
    for field, value in pairs({ [1] = lp("f"), [2] = registry.packages_value(packages), [3] = lp(public),
        [4] = registry.dkg_result_value(s, A) }) do
        case(("RET-7 refuses a retired time on a session with field %d"):format(field), message .. registry.set(s, field, value),
            registry.set(s, 20, u64(5)), "STATE_CORRUPT")
        case(("RET-7 refuses field %d on a retired session"):format(field), message .. registry.set(s, 20, u64(5)),
            registry.set(s, field, value), "STATE_CORRUPT")
    end
    case("RET-7 takes key data when the retired time goes in the same body", message .. registry.set(s, 20, u64(5)),
        registry.set(s, 1, lp("f")) .. registry.clear(s, 20), nil)
end)

describe("distributed owner", function()
    local function owner(id, origin) return registry.create(id) .. registry.set(id, 4, registry.dkg_result_value(id, A))
        .. registry.set(id, 22, origin) end
    case("D-043 is one for a key group", owner("a", "\2"), owner("b", "\2"), "STATE_CORRUPT")
    case("D-043 is one for a key group inside a body", "", owner("a", "\2") .. owner("b", "\2"), "STATE_CORRUPT")
    case("D-043 lets dealer sessions repeat a key group", owner("a", "\1") .. owner("b", "\2"), owner("c", "\1"), nil)
    case("D-043 may move within one body", owner("a", "\2"),
        registry.clear("a", 4) .. registry.clear("a", 22) .. owner("b", "\2"), nil)
    case("D-043 does not become one by a change of origin", owner("a", "\2") .. owner("b", "\1"), registry.set("b", 22, "\2"),
        "STATE_CORRUPT")
end)

describe("FIELD_CLEAR", function()
    case("35.6 needs the field", message, registry.clear(s, 20), "STATE_CORRUPT")
    case("35.6 refuses bytes behind the field", message .. registry.set(s, 20, u64(5)), op("clear", lp(s) .. "\20\0"),
        "STATE_CORRUPT")
    for field, value in pairs({ [15] = u64(1), [16] = lp("why") .. u64(1) .. lp(""), [21] = u32(1) }) do
        case(("35.6 never clears field %d"):format(field), registry.create(s) .. registry.set(s, field, value),
            registry.clear(s, field), "STATE_CORRUPT")
    end
    case("35.6 never clears field 17", message, registry.clear(s, 17), "STATE_CORRUPT")

    it("35.6 empties list 3 with field 18", function()
        local book = registry.new()
        book:put(registry.create(s), registry.set(s, 18, u64(1)), registry.append(s, 3, u64(1) .. u64(1) .. u64(9)
            .. "\0\3" .. lp(A)))
        assert.equal(1, #book.state:session(s).lists[3])
        book:put(registry.clear(s, 18))
        assert.equal(0, #book.state:session(s).lists[3])
        assert.equal(0, book.state:session(s).share_epoch)
    end)
end)

describe("SET_ADD", function()
    case("35.6 refuses an entry that is there", consumed, registry.add(s, 5, "m1@a"), "STATE_CORRUPT")
    case("35.6 refuses an empty entry", message, registry.add(s, 5, ""), "STATE_CORRUPT")
    case("35.6 takes an entry of 1024 bytes", message, registry.add(s, 5, ("x"):rep(1024)), nil)
    case("35.6 refuses an entry of 1025 bytes", message, registry.add(s, 5, ("x"):rep(1025)), "STATE_CORRUPT")
    case("35.6 refuses an entry that is no UTF-8", message, registry.add(s, 5, "\x80"), "STATE_CORRUPT")
    case("RS-4 takes 64 lower-case hex in set 7", message, registry.add(s, 7, ("0f"):rep(32)), nil)
    case("RS-4 refuses upper-case hex in set 7", message, registry.add(s, 7, ("0F"):rep(32)), "STATE_CORRUPT")
    case("RS-4 refuses 63 characters in set 7", message, registry.add(s, 7, ("0"):rep(63)), "STATE_CORRUPT")
    case("RS-4 refuses 65 characters in set 7", message, registry.add(s, 7, ("0"):rep(65)), "STATE_CORRUPT")
    it("RS-4 takes no other character in set 7, nor in a key group, at any place", function()
        local book = registry.new()
        book:put(message)
        local function each(text, places, body)
            for _, at in ipairs(places) do
                for byte = 0, 255 do
                    local char = string.char(byte)
                    local wanted = not char:find("[0-9a-f]") and "STATE_CORRUPT" or nil
                    assert.equal(wanted, (book:refusal(body(text:sub(1, at - 1) .. char .. text:sub(at + 1)))), at .. " " .. byte)
                end
            end
        end
        each(("0f"):rep(32), { 1, 8, 9, 64 }, function(text) return registry.add(s, 7, text) end)
        each(A, { 3, 8, 64, 65, 66 }, function(text) return registry.bound("t", text) end)
    end)
    case("35.4 knows no set 0", message, registry.add(s, 0, "x"), "STATE_VERSION")
    case("35.4 knows no set 8", message, registry.add(s, 8, "x"), "STATE_VERSION")
    case("35.6 refuses bytes behind the entry", message, op("add", lp(s) .. "\5" .. lp("x") .. "\0"), "STATE_CORRUPT")

    it("35.6 keeps the entries ascending by their bytes", function()
        local book = registry.new()
        book:put(message, registry.add(s, 5, "b"), registry.add(s, 5, "ab"), registry.add(s, 5, "a"))
        book:put(registry.add(s, 5, "aa"))
        assert.same({ "a", "aa", "ab", "b" }, book.state:session(s).sets[5])
        assert.is_true(book.state:set_holds(s, 5, "aa"))
        assert.is_false(book.state:set_holds(s, 5, "aaa"))
    end)
end)

describe("SET_REMOVE", function()
    local entry = ("ab"):rep(32)
    for set = 1, 6 do
        case(("35.6 never removes from set %d"):format(set), message .. registry.add(s, set, entry), registry.remove(s,
            set, entry),
            "STATE_CORRUPT")
    end
    case("35.6 needs the entry", message, registry.remove(s, 7, entry), "STATE_CORRUPT")
    case("35.6 removes an authorization while its completion comes", message .. registry.add(s, 7, entry),
        registry.remove(s, 7, entry) .. registry.add(s, 7, ("cd"):rep(32)), nil)
end)

describe("TOMBSTONE", function()
    local first = registry.tombstone("t", A, 4)
    case("35.6 takes a new one", "", first, nil)
    case("35.6 raises one", first, registry.tombstone("t", A, 5), nil)
    case("35.6 refuses the same number", first, first, "STATE_CORRUPT")
    case("35.6 refuses a lower number", first, registry.tombstone("t", A, 3), "STATE_CORRUPT")
    case("35.6 refuses another key group", first, registry.tombstone("t", B, 5), "STATE_CORRUPT")
    case("35.6 refuses a lower number inside a body", "", first .. registry.tombstone("t", A, 3), "STATE_CORRUPT")
    case("35.13 takes one without key group", "", registry.tombstone("t", "", 4), nil)
    case("35.6 refuses a key group of wrong form", "", registry.tombstone("t", "02ab", 4), "STATE_CORRUPT")
    case("35.6 refuses bytes behind it", "", op("tombstone", ("\1"):rep(32) .. lp(A) .. u32(1) .. "\0"), "STATE_CORRUPT")

    it("35.6 counts one that a body makes and raises once", function()
        local book = registry.new()
        book:put(first, registry.tombstone("t", A, 9), registry.tombstone("u", "", 4294967295))
        assert.equal(2, select(3, book.state:counts()))
        assert.same({ 9, A }, { book.state:tombstone("t") })
        assert.same({ 4294967295, "" }, { book.state:tombstone("u") })
        assert.is_nil((book.state:tombstone("v")))
    end)
end)

describe("engine op", function()
    local function canary(now, before, version) return op("canary", string.char(now, before) .. u64(version) .. u64(9)) end
    case("35.6 raises the canary version by 1", "", canary(50, 10, 2), nil)
    case("35.6 refuses the same canary version", "", canary(50, 10, 1), "STATE_CORRUPT")
    case("35.6 refuses a jump of the canary version", "", canary(50, 10, 3), "STATE_CORRUPT")
    case("8.1 refuses a canary percent of 20", "", canary(20, 10, 2), "STATE_CORRUPT")
    case("8.1 refuses a previous percent of 0", "", canary(50, 0, 2), "STATE_CORRUPT")
    case("35.6 lets the refresh epoch rise", op("refresh_epoch", u64(5)), op("refresh_epoch", u64(9)), nil)
    case("35.6 refuses the same refresh epoch", op("refresh_epoch", u64(5)), op("refresh_epoch", u64(5)), "STATE_CORRUPT")
    case("35.6 refuses refresh epoch 0", "", op("refresh_epoch", u64(0)), "STATE_CORRUPT")
    case("8.1 refuses a score of operator 0", "", op("score", "\0\0" .. u64(1)), "STATE_CORRUPT")
    case("8.1 refuses a quarantine of operator 0", "", op("quarantine", "\0\0\1"), "STATE_CORRUPT")
    case("35.6 refuses a quarantine of 2", "", op("quarantine", "\0\1\2"), "STATE_CORRUPT")
    case("35.6 refuses bytes behind a quarantine", "", op("quarantine", "\0\1\1\0"), "STATE_CORRUPT")
    case("35.6 refuses a PURGE with bytes", "", op("purge", "\0"), "STATE_CORRUPT")
    local imported = op("imported", "\0\3" .. ("\7"):rep(32) .. u64(1))
    case("35.6 takes IMPORTED in the first CHANGE", "", imported, nil)
    case("35.6 refuses IMPORTED in a later CHANGE", message, imported, "STATE_CORRUPT")
    case("35.6 refuses IMPORTED twice", "", imported .. imported, "STATE_CORRUPT")

    it("35.6 keeps scores and quarantines by operator", function()
        local book = registry.new()
        book:put(op("score", "\0\9" .. u64(3)), op("quarantine", "\0\9\1"), op("quarantine", "\0\2\1"), op("score",
            "\0\5" .. u64(7)))
        assert.same({ 3, true }, { book.state:operator(9) })
        assert.same({ 0, true }, { book.state:operator(2) })
        local order = {}
        for _, entry in ipairs(book.state:snapshot()) do
            if entry[1] == 18 or entry[1] == 19 then order[#order + 1] = { entry[1], string.unpack(">I2", entry[2]) } end
        end
        for _, entry in ipairs(order) do entry[3] = nil end
        assert.same({ { 19, 2 }, { 18, 5 }, { 18, 9 }, { 19, 9 } }, order)
        book:put(op("score", "\0\9" .. u64(0)), op("quarantine", "\0\9\0"))
        assert.same({ 0, false }, { book.state:operator(9) })
        assert.equal(hex(book.state:digest()), hex(book:reloaded().state:digest()))
    end)
end)

describe("VERDICT", function()
    local function verdict(input)
        return op("verdict", "\0" .. lp("firewall") .. lp("1") .. ("\1"):rep(32) .. lp("rule") .. lp("reason") .. lp("")
            .. u64(1) .. ("\2"):rep(32) .. input)
    end
    case("35.6 rides in a CHANGE", "", message .. verdict("\0"), nil)
    case("35.4 is a NOTE by itself", "", verdict("\1" .. lp("{}")), nil)
    case("35.6 carries an input of 65536 bytes", "", verdict("\1" .. lp(("x"):rep(65536))), nil)
    case("35.6 refuses an input of 65537 bytes", "", verdict("\1" .. lp(("x"):rep(65537))), "STATE_CORRUPT")
    case("35.6 refuses a flag of 2", "", verdict("\2"), "STATE_CORRUPT")
    case("35.6 refuses bytes behind it", "", verdict("\0\0"), "STATE_CORRUPT")

    it("35.6 refuses an input that the log carries already, also within one body, live and at replay", function()
        local carried, other = verdict("\1" .. lp("{}")), verdict("\1" .. lp("{}")):gsub(("\2"):rep(32), ("\3"):rep(32))
        local book = registry.new()
        assert.equal("STATE_CORRUPT", (book:refusal(carried .. carried)))
        assert.equal("STATE_CORRUPT", (book:refusal(carried .. other .. carried)))
        book:put(carried)
        assert.equal("STATE_CORRUPT", (book:refusal(carried)))
        assert.is_nil((book:refusal(other)))
        assert.is_nil((book:refusal(verdict("\0"))))
        assert.equal("STATE_CORRUPT", registry.replay_error("note", { carried, other, carried }))
        book.state:opened(2) -- another log, which carries nothing yet
        assert.is_nil((book:refusal(carried)))
    end)

    it("35.6 a log that begins behind a record carries none of its inputs; one that it was moved into does", function()
        local book = registry.new()
        local bodies = {}
        for i = 1, 3 do
            bodies[i] = verdict("\1" .. lp("{}")):gsub(("\2"):rep(32), string.char(i):rep(32))
            book:put(bodies[i])
        end
        local last = book.seq
        -- the first is durable; the others are sealed again behind the OPEN of the next log
        for seq = last - 1, last do book.state:rechained("note", seq, seq + 1, ("\7"):rep(32)) end
        book.state:log_begins(last - 2)
        assert.is_nil((book:refusal(bodies[1])))
        assert.equal("STATE_CORRUPT", (book:refusal(bodies[2])))
        assert.equal("STATE_CORRUPT", (book:refusal(bodies[3])))
        book.state:log_begins(last) -- the second has this seq now
        assert.is_nil((book:refusal(bodies[2])))
        assert.equal("STATE_CORRUPT", (book:refusal(bodies[3])))
        book.state:log_begins(last + 1)
        assert.is_nil((book:refusal(bodies[3])))
    end)

    it("35.6, D-088 changes no engine state and is not counted", function()
        local book = registry.new()
        local digest = book.state:digest()
        local changes = require("tbtc_signer").test_changes.new()
        changes:verdict({ allow = false, policy = "firewall", version = "1", source_sha256 = ("\1"):rep(32), rule = "rule",
            reason = "reason", unix_ms = 1, input_digest = ("\2"):rep(32) })
        assert.equal(hex(verdict("\0")), hex(changes:body()))
        assert.equal("note", book:commit(changes).kind)
        assert.equal(hex(digest), hex(book.state:digest()))
    end)
end)

describe("anchor record", function()
    local function checkpoint(generation, fill)
        return (fill or "\1"):rep(97) .. ("\0"):rep(7) .. ("\3"):rep(112) .. u64(generation) .. ("\4"):rep(336)
    end
    local confirmed = op("anchor_confirmed", u64(7) .. ("\5"):rep(32))
    local latest = op("checkpoint_set", "\1" .. checkpoint(1))
    local intent = op("trust_intent", lp("{request}"))
    case("35.6 lets the confirmed seq stay", confirmed, confirmed, nil)
    case("35.6 refuses an older receipt", confirmed, op("anchor_confirmed", u64(6) .. ("\5"):rep(32)), "STATE_CORRUPT")
    case("35.6 takes a checkpoint of 560 bytes", "", latest, nil)
    case("35.6 refuses one of 559", "", op("checkpoint_set", "\1" .. checkpoint(1):sub(2)), "STATE_CORRUPT")
    case("24.4 refuses one whose zero bytes are not", "", op("checkpoint_set", "\1" .. ("\1"):rep(560)), "STATE_CORRUPT")
    case("24.4 refuses one of generation 0", "", op("checkpoint_set", "\1" .. checkpoint(0)), "STATE_CORRUPT")
    case("D-185 never writes a pending checkpoint", "", op("checkpoint_set", "\3" .. checkpoint(1)), "STATE_CORRUPT")
    case("D-185 refuses a base beyond the tip", "", op("checkpoint_set", "\2" .. checkpoint(2)), "STATE_CORRUPT")
    case("35.6 clears what is there", latest, op("checkpoint_clear", "\1"), nil)
    case("35.6 clears nothing else", latest, op("checkpoint_clear", "\2"), "STATE_CORRUPT")
    case("35.6 takes a certificate of 120 KiB", "", op("trust_append", lp(("x"):rep(122880))), nil)
    case("27 refuses a longer one", "", op("trust_append", lp(("x"):rep(122881))), "STATE_CORRUPT")
    case("35.6 refuses an empty certificate", "", op("trust_append", lp("")), "STATE_CORRUPT")
    case("35.6 clears an intent that is there", intent, op("trust_intent_clear"), nil)
    case("35.6 clears no other", "", op("trust_intent_clear"), "STATE_CORRUPT")
    case("28.3 installs a transition in one NOTE", "", intent .. op("trust_append", lp("{certificate}")) .. latest
        .. op("trust_intent_clear"), nil)

    it("35.6 keeps the records and gives them last in the snapshot", function()
        local book = registry.new()
        book:put(message)
        book:put(registry.set(s, 19, u32(1)))
        book:put(confirmed, latest, op("trust_append", lp("{one}")), op("trust_append", lp("{two}")), intent)
        book:put(op("checkpoint_set", "\2" .. checkpoint(2)))
        local anchor = book:reloaded().state:anchor()
        assert.same({ 7, ("\5"):rep(32) }, { anchor.confirmed_seq, anchor.confirmed_chain })
        assert.same({ checkpoint(1), checkpoint(2) }, { anchor.latest, anchor.base })
        assert.same({ "{one}", "{two}" }, anchor.certificates)
        assert.equal("{request}", anchor.intent)
        local snapshot, order = book.state:snapshot(), {}
        for i = #snapshot - 5, #snapshot do order[#order + 1] = snapshot[i][1] end
        assert.same({ 48, 49, 49, 51, 51, 52 }, order)
    end)

    it("D-088 counts no NOTE; D-185 moves the witness base to the base checkpoint", function()
        local book = registry.new()
        book:put(message)
        book:put(registry.set(s, 19, u32(1)))
        book:put(confirmed)
        assert.same({ 3, 1, 0, 0 }, { book.state:counters() })
        book:put(op("checkpoint_set", "\2" .. checkpoint(2)))
        assert.same({ 3, 2, 0, 0 }, { book.state:counters() })
        assert.is_nil((book.state:witness(1)))
        assert.equal(hex(book.state:digest()), hex(book:reloaded().state:digest()))
        assert.equal("STATE_CORRUPT", (book:refusal(op("checkpoint_set", "\2" .. checkpoint(1)))))
    end)
end)
