-- Protection data as JSON (sealed-store 35.13): no secret in it, and an import only ever adds refusals.
local cjson = require("cjson")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local importer = signer.test_import
local ID, CHAIN = ("\x22"):rep(32), ("\x33"):rep(32)
local lp = registry.lp

local function export(test) return importer.protection(test.state, ID, 5, CHAIN) end
local function unite(test, json)
    local counts = importer.unite(test.state, json, test.seq + 1)
    test.seq = test.seq + 8
    return counts
end
local function u32(value) return string.pack(">I4", value) end
local function u64(value) return string.pack(">I8", value) end

local function rich()
    local test = registry.new()
    test:put(registry.bound("m1", registry.GROUP_A), registry.add("m1", 5, "m1@aa"), registry.add("m1", 6, "done"),
        registry.add("m1", 7, ("ab"):rep(32)), registry.set("m1", 21, u32(4)), registry.create("old"),
        registry.add("old", 1, "attempt"),
        registry.op("tombstone", signer.curve.sha256("gone") .. lp(registry.GROUP_B) .. u32(9)),
        registry.create("w"), registry.set("w", 16, lp("stop") .. u64(17) .. lp(registry.GROUP_C)),
        registry.op("score", string.pack(">I2I8", 3, 7)), registry.op("quarantine", string.pack(">I2B", 4, 1)),
        registry.create("empty"))
    return test
end

describe("protection data", function()
    it("35.13 has its members in order, what protects and nothing that allows", function()
        assert.equal('{"schema":"tbtc-signer-store-protection/v1","store_id":"' .. ("22"):rep(32) .. '","seq":5,"chain":"'
            .. ("33"):rep(32) .. '","sessions":[{"session_id":"m1","bound_key_group":"' .. registry.GROUP_A
            .. '","sets":{"consumed_interactive_attempt_markers":["m1@aa"],"aggregated_interactive_attempt_markers":["done"]},'
            .. '"highest_attempt_number":4},{"session_id":"old","sets":{"consumed_attempt_ids":["attempt"]}},{"session_id":"w",'
            .. '"bound_key_group":"' .. registry.GROUP_C
            .. '","sets":{},"emergency_rekey_event":{"reason":"stop","triggered_at_unix":17}}],"tombstones":[{"session_digest":"'
            .. signer.curve.sha256("gone"):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
            .. '","highest_attempt_number":9}],"operator_fault_scores":{"3":7},"quarantined_operator_identifiers":[4],'
            .. '"canary_rollout":{"current_percent":10,"previous_percent":10,"config_version":1,"last_action_unix":1700000000}}',
            export(rich()))
    end)

    it("35.13 no share and no message is in it", function()
        local packages, public, group = registry.key_material()
        local test = registry.new()
        test:put(registry.create("w"), registry.set("w", 2, registry.packages_value(packages)), registry.set("w", 3, lp(public)),
            registry.set("w", 4, registry.dkg_result_value("w", group)), registry.set("w", 6, lp("message")),
            registry.add("w", 1, "a"))
        local json = export(test)
        assert.falsy(json:find("hex", 1, true))
        assert.truthy(json:find(group, 1, true))
        assert.falsy(json:find("message", 1, true))
    end)

    it("35.13 an empty store takes all of it: sessions become tombstones, kill switches sessions", function()
        local test = registry.new()
        local counts = unite(test, export(rich()))
        assert.same({ sessions = 3, entries = 0, tombstones = 3, events = 1, operators = 2, canary = false }, counts)
        assert.equal(4, (test.state:tombstone("m1")))
        assert.is_nil(test.state:session("m1"))
        assert.equal(lp("stop") .. u64(17) .. lp(registry.GROUP_C), test.state:field("w", 16))
        assert.is_true(test.state:key_group_rekeyed(registry.GROUP_C))
        assert.equal(7, (test.state:operator(3)))
        assert.is_true(select(2, test.state:operator(4)))
    end)

    it("35.13 a session with markers and no number becomes a tombstone with the highest one", function()
        local test = registry.new()
        unite(test, export(rich()))
        local again = cjson.decode(export(test))
        local numbers = {}
        for _, stone in ipairs(again.tombstones) do numbers[#numbers + 1] = stone.highest_attempt_number end
        table.sort(numbers)
        assert.same({ 4, 9, 4294967295 }, numbers)
    end)

    it("35.13 importing into the same store, or twice, changes nothing", function()
        local test = rich()
        local before = test.state:digest()
        local counts = unite(test, export(test))
        assert.equal(0, counts.entries + counts.tombstones + counts.events + counts.operators)
        assert.equal(before, test.state:digest())
        local other = registry.new()
        unite(other, export(test))
        before = other.state:digest()
        unite(other, export(test))
        assert.equal(before, other.state:digest())
    end)

    it("35.13 never lowers a floor: higher numbers, scores, events and the lower percent stay", function()
        local test = registry.new()
        test:put(registry.bound("m1", registry.GROUP_A), registry.add("m1", 5, "m9@zz"), registry.set("m1", 21, u32(40)),
            registry.op("tombstone", signer.curve.sha256("gone") .. lp(registry.GROUP_B) .. u32(90)), registry.create("w"),
            registry.set("w", 16, lp("earlier") .. u64(1) .. lp("")), registry.op("score", string.pack(">I2I8", 3, 70)))
        unite(test, export(rich()))
        assert.equal(u32(40), test.state:field("m1", 21))
        assert.is_true(test.state:set_holds("m1", 5, "m9@zz"))
        assert.is_true(test.state:set_holds("m1", 5, "m1@aa"))
        assert.is_false(test.state:set_holds("m1", 7, ("ab"):rep(32)))
        assert.equal(lp("earlier") .. u64(1) .. lp(""), test.state:field("w", 16))
        assert.equal(70, (test.state:operator(3)))
        local json = cjson.decode(export(test))
        for _, stone in ipairs(json.tombstones) do assert.not_equal(9, stone.highest_attempt_number) end
    end)

    it("35.13 a tombstone of a session that lives here raises its number", function()
        local test = registry.new()
        test:put(registry.bound("gone", registry.GROUP_B))
        unite(test, export(rich()))
        assert.equal(u32(9), test.state:field("gone", 21))
    end)

    it("35.13 is one record, all or nothing, also with tombstones of sessions of the same text", function()
        local source = rich()
        source:put(registry.op("tombstone", signer.curve.sha256("m1") .. lp(registry.GROUP_A) .. u32(12)),
            registry.op("tombstone", signer.curve.sha256("w") .. lp("") .. u32(6)),
            registry.op("tombstone", signer.curve.sha256("old") .. lp("") .. u32(3)))
        local test = registry.new()
        local before = (test.state:counts())
        unite(test, export(source))
        assert.equal(before + 1, (test.state:counts()))
        local number, group = test.state:tombstone("m1")
        assert.same({ 12, registry.GROUP_A }, { number, group })
        assert.equal(u32(6), test.state:field("w", 21))
        assert.is_nil((test.state:tombstone("w")))
        assert.equal(4294967295, (test.state:tombstone("old")))
        local here = registry.new()
        here:put(registry.bound("m1", registry.GROUP_A), registry.create("old"))
        unite(here, export(source))
        assert.equal(u32(12), here.state:field("m1", 21))
        assert.equal(u32(3), here.state:field("old", 21))
    end)

    it("35.13 the lower canary percent stays", function()
        local high = registry.new()
        high:put(registry.op("canary", string.pack(">BBI8I8", 50, 10, 2, 5)))
        local low = export(registry.new())
        assert.is_true(unite(high, low).canary)
        assert.equal(10, (high.state:canary()))
        local fresh = registry.new()
        local raised = registry.new()
        raised:put(registry.op("canary", string.pack(">BBI8I8", 100, 50, 2, 5)))
        assert.is_false(unite(fresh, export(raised)).canary)
        assert.equal(10, (fresh.state:canary()))
    end)

    it("35.13 a union above 128 fails, and says which bound", function()
        local here, there = registry.new(), registry.new()
        local one, two = { registry.create("s") }, { registry.create("s") }
        for i = 1, 128 do
            one[#one + 1] = registry.add("s", 5, "a" .. i)
            two[#two + 1] = registry.add("s", 5, "b" .. i)
        end
        here:put(table.concat(one))
        there:put(table.concat(two))
        local good, why = pcall(importer.unite, here.state, export(there), 9)
        assert.is_false(good)
        assert.equal("CAPACITY", why.error)
    end)

    it("35.13 is strict: order, names, forms; nothing is given out then", function()
        local json = export(rich())
        local test = registry.new()
        local before = test.state:digest()
        local function swapped(from, to)
            local text, count = json:gsub(from, to)
            assert.truthy(count > 0)
            return text
        end
        for index, text in ipairs({ "", "{}", "[]", json .. " x", swapped("/v1", "/v2"), swapped('"seq":5', '"seq":-5'),
            swapped('"seq":5', '"seq":5,"more":1'), swapped('"seq":5,', ""), swapped('"sets":{},', ""),
            swapped('"session_id":"w"', '"session_id":""'), swapped("consumed_attempt_ids", "consumed_things"),
            swapped('"session_digest":"%x%x', '"session_digest":"'), swapped('"3":7', '"03":7'),
            swapped("%[4%]", "[0]"), swapped('"reason":"stop",', ""), swapped('"store_id":"2', '"store_id":"x') }) do
            local good, why = pcall(importer.unite, test.state, text, 2)
            assert.is_false(good, "case " .. index)
            assert.equal("VALIDATION", why.error, "case " .. index)
        end
        assert.equal(before, test.state:digest())
    end)
end)
