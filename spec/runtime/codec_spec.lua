-- luacheck: no max line length
-- The schema-driven codec: types, caps, order and omission (abi 1.7, 3.0; D-008, D-018, D-129, D-149).
local cjson = require("cjson")
local signer = require("tbtc_signer")
local engines = require("spec.support.fake_endpoints")

local SCHEMA = [[
    local s = require("tbtc_signer.schema.types")
    local Inner = s.object("Inner", { { "x", s.u8 }, { "y", s.text(4), optional = true } })
    local T = s.object("T", {
        { "u8", s.u8, optional = true }, { "u16", s.u16, optional = true }, { "u32", s.u32, optional = true },
        { "u64", s.u64, optional = true }, { "bool", s.bool, optional = true }, { "text", s.text(8), optional = true },
        { "enum", s.enum({ "heartbeat", "other" }), optional = true }, { "hex", s.hex(8), optional = true },
        { "maybe", s.hex(8, { empty = true }), optional = true }, { "list", s.list(s.u16, 3), optional = true },
        { "map", s.map(s.hex(8), 3), optional = true }, { "inner", Inner, optional = true },
        { "inners", s.list(Inner, 2), optional = true }, { "omitted", s.list(s.u8, 3), optional = true, omit_empty = true },
        { "commitments", s.decoded("commitments", 142), optional = true },
    })
]]

describe("codec", function()
    local engine

    setup(function()
        engine = engines.new({ endpoints = {
            echo = SCHEMA .. [[return { request = T, response = T, gates = function(_, request) return request end }]],
            types = SCHEMA .. [[
                local R = s.object("R", { { "text", s.text(4096) } })
                local function show(value)
                    if type(value) == "table" then
                        if value.undecodable then return "undecodable: " .. value.undecodable end
                        local names, parts = {}, {}
                        for name in pairs(value) do names[#names + 1] = tostring(name) end
                        table.sort(names)
                        for _, name in ipairs(names) do
                            local item = value[name]
                            if item == nil then item = value[math.tointeger(tonumber(name))] end
                            parts[#parts + 1] = name .. "=" .. show(item)
                        end
                        return "{" .. table.concat(parts, ",") .. "}"
                    end
                    local kind = math.type(value) or type(value)
                    return kind .. ":" .. (kind == "userdata" and "object" or tostring(value))
                end
                return { request = T, response = R, gates = function(_, request) return { text = show(request) } end }
            ]],
            strict = [[
                local s = require("tbtc_signer.schema.types")
                local T = s.object("T", { { "a", s.u8 }, { "b", s.u8, optional = true } }, { strict = true })
                return { request = T, response = T, gates = function(_, request) return request end }
            ]],
            bad_reply = SCHEMA .. [[
                local R = s.object("R", { { "must", s.u8 }, { "u64", s.u64, optional = true }, { "hex", s.hex(8), optional = true } })
                local replies = {
                    text = { must = "1" }, float = { must = 1.0 }, missing = {}, wide = { must = 256 }, negative = { must = -1 },
                    number = { must = 1, hex = 5 }, none = nil,
                }
                return { request = T, response = R, gates = function(_, request) return replies[request.text] end }
            ]],
            order = [[
                local s = require("tbtc_signer.schema.types")
                local T = s.object("T", { { "z", s.u8 }, { "a", s.text(9) }, { "m", s.map(s.u8, 9) }, { "e", s.list(s.u8, 1), optional = true },
                    { "o", s.list(s.u8, 1), optional = true, omit_empty = true } })
                return { response = T, gates = function()
                    return { a = "q\"\\\0\x1f/\u{e9}\127", z = 1, e = {}, o = {}, m = { b = 1, a = 2, ["a\0"] = 3, B = 4, [""] = 5 } }
                end }
            ]],
        } })
    end)

    teardown(function() engine:close() end)

    local function shown(body)
        local ok, reply = engine:request("types", body)
        assert.is_true(ok, reply)
        return cjson.decode(reply).text
    end

    local function echoes(body, expected)
        local ok, reply = engine:request("echo", body)
        assert.is_true(ok, reply)
        assert.are.equal(expected or body, reply)
    end

    local function refuses(body, reason, endpoint)
        local ok, reply = engine:request(endpoint or "echo", body)
        assert.is_false(ok, body:sub(1, 80))
        local envelope = cjson.decode(reply)
        assert.are.equal("validation_error", envelope.code)
        assert.truthy(envelope.message:find(reason, 1, true), envelope.message)
    end

    describe("integers", function()
        local largest = { u8 = "255", u16 = "65535", u32 = "4294967295", u64 = "18446744073709551615" }
        local above = { u8 = "256", u16 = "65536", u32 = "4294967296", u64 = "18446744073709551616" }

        for _, name in ipairs({ "u8", "u16", "u32", "u64" }) do
            it("takes 0 to " .. largest[name] .. " as " .. name .. " exactly", function()
                echoes(('{"%s":0}'):format(name))
                echoes(('{"%s":%s}'):format(name, largest[name]))
                refuses(('{"%s":%s}'):format(name, above[name]), name .. ": expected an integer from 0 to " .. largest[name])
                refuses(('{"%s":99999999999999999999999999}'):format(name), "expected an integer")
            end)
        end

        it("keeps 2^53+1, 2^63-1, 2^63 and 2^64-1 apart", function()
            for _, number in ipairs({ "9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551614" }) do
                echoes(('{"u64":%s}'):format(number))
                refuses(('{"u32":%s}'):format(number), "u32: expected an integer")
            end
            assert.are.equal("{u64=integer:-9223372036854775808}", shown('{"u64":9223372036854775808}'))
        end)

        it("refuses whatever is written in another way", function()
            for _, text in ipairs({ "-0", "-1", "1.0", "1e3", "1E0", '"1"', "true", "[1]", "{}", "0.0" }) do
                for name in pairs(largest) do refuses(('{"%s":%s}'):format(name, text), "expected an integer") end
            end
            for _, text in ipairs({ "01", "+1", "1.", "0x1", "1_0", "NaN", "--1" }) do refuses(('{"u8":%s}'):format(text), "") end
        end)
    end)

    it("reads each type as the value that it names", function()
        assert.are.equal("{bool=boolean:true,enum=string:heartbeat,hex=string:abc,inner={x=integer:1},list={1=integer:7,2=integer:8}," ..
            "map={k=string:z},text=string:été,u8=integer:3}",
            shown('{"u8":3,"bool":true,"text":"\\u00e9t\\u00e9","enum":"heart\\u0062eat","hex":"616263","inner":{"x":1},"list":[7,8],"map":{"k":"7A"}}'))
    end)

    it("writes members in the order of the schema, whatever order they came in", function()
        echoes('{"text":"a","u8":1,"inner":{"y":"q","x":2}}', '{"u8":1,"text":"a","inner":{"x":2,"y":"q"}}')
    end)

    it("sorts maps by key bytes, omits empty lists where the schema says so, and escapes what JSON must", function()
        local ok, reply = engine:request("order")
        assert.is_true(ok)
        assert.are.equal([[{"z":1,"a":"q\"\\\u0000\u001f/é]] .. "\127" .. [[","m":{"":5,"B":4,"a":2,"a\u0000":3,"b":1},"e":[]}]], reply)
    end)

    it("treats null as absent for an optional member only", function()
        echoes('{"u8":null,"list":null,"inner":null,"hex":null}', "{}")
        refuses('{"inner":{"x":null}}', "inner.x: must not be null")
        refuses('{"list":[null]}', "list[0]: expected an integer")
        refuses('{"map":{"a":null}}', "map[0]: expected a string")
    end)

    it("names a missing member by its place", function()
        refuses('{"inner":{}}', "inner.x: missing member")
        refuses('{"inners":[{"x":1},{"y":"a"}]}', "inners[1].x: missing member")
    end)

    it("refuses an array for an object and an object for an array", function()
        refuses('{"inner":[1]}', "inner: expected an object")
        refuses('{"map":[1]}', "map: expected an object")
        refuses('{"list":{}}', "list: expected an array")
        refuses('{"text":1}', "text: expected a string")
        refuses('{"bool":1}', "bool: expected true or false")
        refuses('{"bool":"true"}', "bool: expected true or false")
    end)

    it("counts text in decoded bytes", function()
        echoes('{"text":"12345678"}')
        echoes('{"text":"\\u0031\\u0032345678"}', '{"text":"12345678"}')
        echoes('{"text":"éééé"}')
        refuses('{"text":"123456789"}', "text: longer than 8 bytes")
        refuses('{"text":"ééééé"}', "text: longer than 8 bytes")
    end)

    it("D-008 refuses over-long lists, maps and hex while reading", function()
        echoes('{"list":[1,2,3]}')
        refuses('{"list":[1,2,3,4]}', "list: more than 3 entries")
        refuses('{"list":[1,2,3,"never looked at"', "list: more than 3 entries")
        refuses('{"map":{"a":"00","b":"00","c":"00","d":"00"}}', "map: more than 3 entries")
        refuses('{"hex":"0011223344"}', "hex: longer than 8 bytes")
        refuses('{"inners":[{"x":1},{"x":2},{"x":3}]}', "inners: more than 2 entries")
    end)

    it("refuses an unknown choice", function()
        refuses('{"enum":"transaction"}', "enum: unknown value")
        refuses('{"enum":"heartbea"}', "enum: unknown value")
        refuses('{"enum":1}', "enum: expected a string")
    end)

    it("keeps hex that cannot be decoded for the endpoint", function()
        assert.are.equal("{hex=undecodable: not hex}", shown('{"hex":"0g"}'))
        assert.are.equal("{hex=undecodable: hex text of odd length}", shown('{"hex":"123"}'))
        assert.are.equal("{hex=undecodable: must not be empty}", shown('{"hex":""}'))
        assert.are.equal("{hex=undecodable: not hex}", shown('{"hex":" 11 "}'))
        assert.are.equal("{hex=undecodable: not hex}", shown('{"hex":"0x11"}'))
        assert.are.equal("{maybe=string:}", shown('{"maybe":""}'))
        echoes('{"hex":"aBCd"}', '{"hex":"abcd"}')
        echoes('{"hex":"\\u0061b"}', '{"hex":"ab"}')
        assert.are.equal("{hex=undecodable: not hex}", shown('{"hex":"é"}'))
    end)

    it("decodes objects once, on receipt, and keeps a failed decode", function()
        local point = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
        local other = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
        assert.are.equal("{commitments=userdata:object}", shown(('{"commitments":"00230f8ab3%s%s"}'):format(point, other)))
        assert.truthy(shown('{"commitments":"00"}'):find("{commitments=undecodable: ", 1, true))
        assert.truthy(shown('{"commitments":"zz"}'):find("{commitments=undecodable: not hex", 1, true))
    end)

    it("refuses unknown members where the schema is strict", function()
        local ok = engine:request("strict", '{"a":1}')
        assert.is_true(ok)
        refuses('{"a":1,"c":2}', "unknown member", "strict")
        refuses('{"a":1,"A":2}', "unknown member", "strict")
    end)

    it("answers a reply that does not fit its schema with an internal error", function()
        for _, text in ipairs({ "text", "float", "missing", "wide", "negative", "number", "none" }) do
            local ok, reply = engine:request("bad_reply", ('{"text":"%s"}'):format(text))
            assert.is_false(ok, text)
            assert.are.equal("internal_error", cjson.decode(reply).code)
        end
    end)

    describe("fingerprint", function()
        local types = require("tbtc_signer.schema.types")
        local Config = types.object("Config", {
            { "profile", types.text(100), optional = true },
            { "roast_coordinator_timeout_ms", types.u64, optional = true },
        })

        it("CFG-5 is SHA-256 over the compact JSON in declared order", function()
            assert.are.equal("f15a89503677e6a8828791d43a1646f5d875275c34799f658447766a81eab2b1",
                signer.codec.fingerprint(Config, { profile = "development" }))
            assert.are.equal("d96e46457dca15ce8d4726237d1cf9197edd1a3c800fb801b0cfbe003c1d62c9",
                signer.codec.fingerprint(Config, { roast_coordinator_timeout_ms = 45000, profile = "development" }))
        end)

        it("raises for a value that does not fit", function()
            assert.has_error(function() signer.codec.fingerprint(Config, { profile = 5 }) end)
            assert.are.equal(64, #signer.codec.fingerprint(Config, {}))
        end)
    end)

    describe("schema", function()
        local types = require("tbtc_signer.schema.types")

        it("refuses tables that are no types", function()
            assert.has_error(function() signer.codec.fingerprint({}, {}) end)
            assert.has_error(function() signer.codec.fingerprint({ kind = "nothing" }, {}) end)
            assert.has_error(function() signer.codec.fingerprint(types.decoded("no such kind", 2), {}) end)
            local endless = types.list(types.u8, 1)
            endless.element = endless
            assert.has_error(function() signer.codec.fingerprint(endless, {}) end)
        end)
    end)
end)
