-- luacheck: no max line length
-- The strict reader: what it refuses while reading (abi 1.7, D-007, D-130, D-149).
local cjson = require("cjson")
local engines = require("spec.support.fake_endpoints")
local vectors = require("spec.support.vectors")

describe("json", function()
    local engine

    setup(function()
        engine = engines.new({ endpoints = {
            ignore = [[
                local s = require("tbtc_signer.schema.types")
                local T = s.object("T", { { "n", s.u64, optional = true }, { "t", s.text(65536), optional = true } })
                return { request = T, response = T, gates = function(_, request) return request end }
            ]],
        } })
    end)

    teardown(function() engine:close() end)

    local function read(text)
        local ok, reply = engine:request("ignore", text)
        return ok, cjson.decode(reply)
    end

    local function accepts(text)
        local ok, reply = read(text)
        assert.is_true(ok, text:sub(1, 80) .. " -> " .. tostring(reply.message))
        return reply
    end

    local function refuses(text, reason)
        local ok, reply = read(text)
        assert.is_false(ok, text:sub(1, 80))
        assert.are.equal("validation_error", reply.code)
        assert.are.equal("recoverable", reply.recovery_class)
        local expected = "validation failed: JSON request payload is invalid: "
        assert.are.equal(expected, reply.message:sub(1, #expected))
        if reason then assert.truthy(reply.message:find(reason, 1, true), reply.message) end
    end

    describe("D-130 public parsing cases as the value of an ignored member", function()
        local cases = vectors.load("json/parsing")

        it("accepts every accepted one", function()
            for _, case in ipairs(cases.accepted) do accepts('{"ignored":' .. vectors.bytes(case.hex) .. "}") end
        end)

        it("refuses every refused one", function()
            for _, case in ipairs(cases.refused) do refuses('{"ignored":' .. vectors.bytes(case.hex) .. "}") end
        end)

        it("agrees with lua-cjson on every text that both accept", function()
            cjson.decode_max_depth(200)
            local compared = 0
            for _, case in ipairs(cases.accepted) do
                local text = vectors.bytes(case.hex)
                local ok, value = pcall(cjson.decode, text)
                if ok and type(value) == "table" and type(value[1]) == "string" and #value == 1 then
                    local reply = accepts('{"t":' .. text:match("%[(.*)%]") .. "}")
                    assert.are.equal(value[1], reply.t, case.name)
                    compared = compared + 1
                end
            end
            assert.is_true(compared > 30)
        end)
    end)

    it("refuses a text cut short at each byte", function()
        local text = '{"n":18446744073709551615,"x":[{"y":"\\ud83d\\ude00é"},null,true,false,-1.5e+3],"t":"a\\n"}'
        for length = 0, #text - 1 do refuses(text:sub(1, length)) end
        accepts(text)
    end)

    it("wants one object and nothing behind it", function()
        for _, text in ipairs({ "", " ", "[]", "null", "1", '"x"', "[1,2]" }) do refuses(text) end
        refuses("{}x", "text behind the value")
        refuses("{}\0", "text behind the value")
        refuses("{}{}", "text behind the value")
        accepts(" \t\r\n{} \t\r\n")
        refuses("\f{}")
    end)

    describe("duplicates", function()
        it("refuses known and unknown members, at any depth", function()
            refuses('{"n":1,"n":1}', "duplicate member")
            refuses('{"z":1,"z":2}', "duplicate member")
            refuses('{"z":[{"a":{},"b":1,"a":2}]}', "duplicate member")
            refuses('{"":1,"":2}', "duplicate member")
        end)

        it("compares what the names stand for", function()
            refuses('{"z":1,"\\u007a":2}', "duplicate member")
            refuses('{"\\ud83d\\ude00":1,"😀":2}', "duplicate member")
            accepts('{"z":1,"\\u007az":2,"zzz":3}')
            accepts('{"a\\u0000":1,"a":2,"a\\u0000b":3}')
        end)

        it("lets equal names stand in different objects", function()
            accepts('{"a":{"a":{"a":1}},"b":{"a":1},"c":[{"a":1},{"a":2}]}')
        end)
    end)

    it("D-130 takes 256 members in one object, unknown ones counted, and no more", function()
        local members = {}
        for i = 1, 256 do members[i] = ('"m%d":{"k":%d}'):format(i, i) end
        accepts("{" .. table.concat(members, ",") .. "}")
        members[257] = '"n":1'
        refuses("{" .. table.concat(members, ",") .. "}", "too many members in one object")
        refuses('{"deep":{' .. table.concat(members, ",") .. "}}", "too many members in one object")
    end)

    it("D-149 passes depth 128 and refuses 129, arrays and objects alike", function()
        accepts('{"z":' .. ("["):rep(127) .. ("]"):rep(127) .. "}")
        refuses('{"z":' .. ("["):rep(128) .. ("]"):rep(128) .. "}", "nesting too deep")
        accepts(('{"z":'):rep(128) .. "1" .. ("}"):rep(128))
        refuses(('{"z":'):rep(129) .. "1" .. ("}"):rep(129), "nesting too deep")
    end)

    it("survives nesting of 100,000", function()
        refuses('{"z":' .. ("["):rep(100000), "nesting too deep")
        refuses('{"z":' .. ("["):rep(100000) .. ("]"):rep(100000) .. "}", "nesting too deep")
        refuses(('{"z":'):rep(100000), "nesting too deep")
    end)

    it("keeps 256 long names with one beginning cheap", function()
        local beginning = ("x"):rep(60000)
        local members = {}
        for i = 1, 256 do members[i] = ('"%s%d":0'):format(beginning, i) end
        local started = os.clock()
        accepts("{" .. table.concat(members, ",") .. "}")
        assert.is_true(os.clock() - started < 10)
    end)

    it("refuses a byte order mark, bad UTF-8 and lone surrogates", function()
        refuses("\xef\xbb\xbf{}", "byte order mark")
        for _, bytes in ipairs({ "\x80", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x80\x80\x80",
            "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "\xe2\x82", "\xf0\x9f\x98" }) do
            refuses('{"t":"' .. bytes .. '"}', "invalid UTF-8")
            refuses('{"' .. bytes .. '":1}', "invalid UTF-8")
        end
        for _, escape in ipairs({ "\\ud800", "\\udc00", "\\ud800\\ud800", "\\ud800x", "\\udfff\\ud800", "\\ud83d\\u0041" }) do
            refuses('{"t":"' .. escape .. '"}', "lone surrogate")
            refuses('{"z":"' .. escape .. '"}', "lone surrogate")
        end
        assert.are.equal("\u{10ffff}\u{ffff}\u{0}", accepts('{"t":"\\udbff\\udfff\\uffff\\u0000"}').t)
    end)

    it("finds what is no plain character wherever it stands in a longer text", function()
        for len = 0, 24 do
            local before, behind = ("x"):rep(len), ("\x7f"):rep(24 - len)
            for byte = 0, 31 do refuses('{"t":"' .. before .. string.char(byte) .. behind .. '"}', "control character") end
            for _, bytes in ipairs({ "\x80", "\xff", "\xc3" }) do
                refuses('{"t":"' .. before .. bytes .. behind .. '"}', "invalid UTF-8")
            end
            refuses('{"t":"' .. before .. '"' .. behind .. '"}', "expected")
            assert.equal(before .. "é" .. behind, accepts('{"t":"' .. before .. "é" .. behind .. '"}').t)
            assert.equal(before .. '"' .. behind, accepts('{"t":"' .. before .. '\\"' .. behind .. '"}').t)
            assert.equal(before .. "\\" .. behind, accepts('{"t":"' .. before .. "\\\\" .. behind .. '"}').t)
            refuses('{"t":"' .. before, "unexpected end")
        end
        for byte = 32, 127 do
            local character = string.char(byte)
            if not character:find('["\\]') then
                assert.equal(character:rep(9), accepts('{"t":"' .. character:rep(9) .. '"}').t)
            end
        end
    end)

    it("refuses control characters and unknown escapes", function()
        for byte = 0, 31 do refuses('{"t":"' .. string.char(byte) .. '"}', "control character") end
        for _, escape in ipairs({ "\\a", "\\x41", "\\u12", "\\u123g", "\\", "\\'", "\\\0" }) do refuses('{"t":"' .. escape .. '"}') end
        assert.are.equal('"\\/\b\f\n\r\t\127', accepts('{"t":"\\"\\\\\\/\\b\\f\\n\\r\\t\127"}').t)
    end)
end)
