-- luacheck: no max line length
-- The policy sandbox: what a script can do, each limit alone, and the attacks that sandboxes of others
-- fell to (policy-and-lifecycle 14.4, D-128, D-135, D-136; PS-4).
local signer = require("tbtc_signer")
local sandbox = signer.sandbox

describe("sandbox", function()
    local function evaluate(body, options)
        local arguments = { source = "return { evaluate = function(input, settings) " .. body .. " end }", name = "spec", input = {} }
        for name, value in pairs(options or {}) do arguments[name] = value end
        return sandbox.evaluate(arguments)
    end

    local function allows(body, options)
        local verdict = evaluate(body, options)
        assert.are.same({ allowed = true, failed = false, code = "", detail = "" }, verdict)
    end

    local function fails(body, detail, options)
        local verdict = evaluate(body, options)
        assert.is_true(verdict.failed, "it did not fail: " .. verdict.code)
        assert.is_false(verdict.allowed)
        assert.are.equal("", verdict.code)
        if detail then assert.truthy(verdict.detail:find(detail, 1, true), verdict.detail) end
        allows("return allow()")
    end

    describe("verdicts", function()
        it("are made by allow and refuse", function()
            allows("return allow()")
            assert.are.same({ allowed = false, failed = false, code = "too_big", detail = "value_5" },
                evaluate("return refuse('too_big', 'value ' .. 5)"))
            assert.are.same({ allowed = false, failed = false, code = "x", detail = "" }, evaluate("return refuse('x')"))
        end)

        it("35.6 carry the version that the script names, a text of at most 64 bytes, cleaned", function()
            local function of(version, body)
                return sandbox.evaluate({ name = "spec", input = {}, source = ("return { version = %s, evaluate = function() %s end }")
                    :format(version, body or "return allow()") })
            end
            assert.equal("1.0.2_rc_", of('"1.0.2 rc\\1"').version)
            assert.equal(("v"):rep(64), of(('"%s"'):format(("v"):rep(64))).version)
            assert.equal("7", of('"7"', "error('no')").version)
            assert.equal("7", of('"7"', "return refuse('no')").version)
            assert.is_nil(of('""').version)
            assert.is_nil(of("nil").version)
            for _, bad in ipairs({ "1", "true", "{}", ('"%s"'):format(("v"):rep(65)) }) do
                local verdict = of(bad)
                assert.is_true(verdict.failed)
                assert.truthy(verdict.detail:find("version", 1, true))
                assert.is_nil(verdict.version)
            end
        end)

        it("are the only thing that counts", function()
            for _, value in ipairs({ "", "true", "false", "nil", "1", "'allow'", "{}", "allow", "{ allowed = true }", "allow(), 1", "1, allow()" }) do
                fails("return " .. value, "returned_no_verdict")
            end
        end)

        it("a refused script code is a failure", function()
            for _, code in ipairs({ "''", "'UPPER'", "'with space'", "'dash-ed'", "('x'):rep(65)", "'\\0'", "5", "nil", "{}", "true", "'\\u{e9}'" }) do
                fails("return refuse(" .. code .. ")")
            end
            assert.are.equal(("x"):rep(64), evaluate("return refuse(('x'):rep(64))").code)
        end)

        it("a detail is cleaned as a log value, one `_` per character, at most 1024 bytes", function()
            assert.are.equal("a_b_-.:/Z9__", evaluate("return refuse('c', 'a b\\n-.:/Z9\\u{e9}\\u{1f600}')").detail)
            assert.are.equal(1024, #evaluate("return refuse('c', ('x'):rep(1024))").detail)
            fails("return refuse('c', ('x'):rep(1025))", "detail_longer")
            fails("return refuse('c', 5)")
            fails("return refuse('c', {})")
        end)

        it("an error of any kind is a failure", function()
            fails("error('broken')", "broken")
            fails("error({})", "no_text")
            fails("error()", "no_text")
            fails("return nothing.x", "attempt_to_index")
            fails("local function f() return f() + 1 end return f()")
        end)
    end)

    describe("scripts", function()
        local function source(text)
            return sandbox.evaluate({ source = text, name = "spec", input = {} })
        end

        it("are text chunks that return a table with evaluate", function()
            for _, text in ipairs({ "", "return 1", "return {}", "return { evaluate = 1 }", "syntax error", "return nil", "error('x')" }) do
                assert.is_true(source(text).failed, text)
            end
            assert.is_true(source(string.dump(function() return {} end)).failed)
            assert.is_true(source("\27Lua").failed)
        end)

        it("have at most 256 KiB", function()
            local rest = "return { evaluate = function() return allow() end }"
            assert.is_true(source(("-"):rep(262144 - #rest - 1) .. "\n" .. rest).allowed)
            local long = source(("-"):rep(262144 - #rest) .. "\n" .. rest)
            assert.is_true(long.failed)
            assert.truthy(long.detail:find("source_longer", 1, true))
        end)

        it("begin anew each time: nothing carries over", function()
            local text = "kept = (kept or 0) + 1; string.kept = (string.kept or 0) + 1; " ..
                "return { evaluate = function() if kept == 1 and string.kept == 1 then return allow() end return refuse('kept') end }"
            assert.is_true(source(text).allowed)
            assert.is_true(source(text).allowed)
        end)
    end)

    describe("input", function()
        it("arrives as plain values with their subtypes", function()
            allows([[
                local list = input.list
                if input.integer == math.maxinteger and math.type(input.small) == "integer" and input.text == "a\0b" and input.yes == true
                    and input.no == false and #list == 3 and list[3].x == "y" and input.absent == nil and #input.empty == 0 then
                    return allow()
                end
                return refuse("wrong")
            ]], { input = { integer = math.maxinteger, small = 5, text = "a\0b", yes = true, no = false, list = { 1, 2, { x = "y" } }, empty = {} } })
        end)

        it("is a copy", function()
            local input = { list = { 1 } }
            allows("input.list[1] = 2; input.x = 1; return allow()", { input = input })
            assert.are.same({ list = { 1 } }, input)
        end)

        it("refuses what is not plain: floats, functions, userdata, odd keys, loops", function()
            local endless = {}
            endless[1] = endless
            for _, value in ipairs({ 1.5, 2 ^ 53, print, io.stdout, coroutine.create(print), endless }) do
                assert.is_true(evaluate("return allow()", { input = { value } }).failed, tostring(value))
                assert.is_true(evaluate("return allow()", { settings = { value } }).failed)
            end
            assert.is_true(evaluate("return allow()", { input = { [1] = 1, x = 2 } }).failed)
            assert.is_true(evaluate("return allow()", { input = { [1.5] = 1 } }).failed)
            assert.is_true(evaluate("return allow()", { input = { [true] = 1 } }).failed)
        end)

        it("has at most 2 MiB as it is carried: room for the 1 MiB of JSON that a loader lets through", function()
            local list = {}
            for i = 1, 41 do list[i] = ("x"):rep(50000) .. i end
            allows("return allow()", { input = list })
            list[42] = ("x"):rep(50000)
            local verdict = evaluate("return allow()", { input = list })
            assert.is_true(verdict.failed)
            assert.truthy(verdict.detail:find("2097152", 1, true))
        end)
    end)

    describe("settings", function()
        local text = [[return {
            settings = { max = { default = 5, description = "most" }, names = { default = {} }, on = { default = true }, label = { default = "x" } },
            evaluate = function(_, settings)
                if settings.max == 7 and settings.on == true and #settings.names == 0 and settings.label == "y" then return allow() end
                return refuse("other", settings.max .. settings.label)
            end }]]

        it("are the operator's, else the default", function()
            assert.is_true(sandbox.evaluate({ source = text, name = "s", input = {}, settings = { max = 7, label = "y" } }).allowed)
            assert.are.equal("5x", sandbox.evaluate({ source = text, name = "s", input = {} }).detail)
        end)

        it("must be declared and of the kind of their default", function()
            for _, settings in ipairs({ { maxx = 7 }, { max = "7" }, { max = true }, { on = 1 }, { names = "a" }, { label = 1 }, { 5 } }) do
                assert.is_true(sandbox.evaluate({ source = text, name = "s", input = {}, settings = settings }).failed)
            end
        end)

        it("inspect settles them without asking", function()
            local seen = sandbox.inspect({ source = text, name = "s", settings = { max = 9 } })
            assert.is_false(seen.failed)
            assert.are.same({ max = 9, names = {}, on = true, label = "x" }, seen.settings)
            assert.is_true(sandbox.inspect({ source = text, name = "s", settings = { other = 1 } }).failed)
            assert.is_true(sandbox.inspect({ source = "return {}", name = "s" }).failed)
            assert.is_true(sandbox.inspect({ source = "return { settings = { x = { default = 1.5 } }, evaluate = print }", name = "s" }).failed)
        end)
    end)

    describe("environment", function()
        it("is the allow-list and nothing else", function()
            local names = {}
            for _, name in ipairs({ "_G", "_VERSION", "collectgarbage", "coroutine", "debug", "dofile", "getmetatable", "io", "load", "loadfile",
                "loadstring", "module", "next", "os", "package", "print", "rawequal", "rawget", "rawlen", "rawset", "require", "setmetatable",
                "utf8", "warn", "xpcall" }) do
                names[#names + 1] = ("if %s ~= nil then return refuse('has_%s') end"):format(name, name:lower())
            end
            for _, name in ipairs({ "string.dump", "string.gmatch", "string.gsub", "string.match", "string.pack", "string.packsize", "string.unpack",
                "math.random", "math.randomseed", "math.huge", "math.pi", "math.sqrt", "math.sin", "table.foreach" }) do
                names[#names + 1] = ("if %s ~= nil then return refuse('has_%s') end"):format(name, name:gsub("%.", "_"))
            end
            allows(table.concat(names, "\n") .. "\nreturn allow()")
        end)

        it("pairs goes in one order: integers ascending, then texts by bytes", function()
            assert.are.equal("-3:1:2:10:B:a:aa:b:", evaluate([[
                local t = { b = 1, aa = 1, a = 1, B = 1, [10] = 1, [2] = 1, [1] = 1, [-3] = 1 }
                local order = ""
                for key in pairs(t) do order = order .. key .. ":" end
                return refuse("order", order)
            ]]).detail)
            fails("for _ in pairs({ [true] = 1 }) do end return allow()", "keys_must_be")
            fails("for _ in pairs({ [{}] = 1 }) do end return allow()", "keys_must_be")
            allows("for key in pairs({ 1, 2, 3 }) do if key > 3 then error('x') end end return allow()")
        end)

        it("pairs stands a table that changes meanwhile", function()
            assert.are.equal("a:c:", evaluate([[
                local t, order = { a = 1, b = 2, c = 3 }, ""
                for key in pairs(t) do order = order .. key .. ":"; t.b = nil; t[key] = nil; t.d = 1 end
                return refuse("order", order)
            ]]).detail)
        end)

        it("tostring and format show no address", function()
            assert.are.equal("table_function_userdata_function", evaluate(
                "return refuse('x', tostring({}) .. ' ' .. tostring(function() end) .. ' ' .. tostring(allow()) .. ' ' .. tostring(print or pairs))").detail)
            for _, format in ipairs({ "%p", "%q", "%f", "%g", "%a", "%e", "%i%p" }) do fails(("return refuse('x', ('%s'):format(1, {}))"):format(format), "format") end
            fails("return refuse('x', ('%s'):format({}))", "has_no_text")
            fails("return refuse('x', ('%s'):format(allow))", "has_no_text")
            allows("if ('%05d %x %s %s %s %%'):format(42, 255, 'a', true, nil) == '00042 ff a true nil %' then return allow() end")
        end)

        it("find is plain", function()
            allows("if ('a.b'):find('.') == 2 and not ('ab'):find('.') and ('abc'):find('c', -1) == 3 and ('x'):find('', 5) == nil then return allow() end")
        end)

        it("string methods are ours, and arithmetic on texts is gone", function()
            allows("if ('x'):rep(3) == 'xxx' and ('Ab'):lower() == 'ab' and #('x') == 1 then return allow() end")
            fails("return ('10' + 1) and allow()")
            fails("local s = 'x' return s.gsub('a', 'b', 'c') and allow()")
        end)

        it("the useful rest works", function()
            allows([[
                local t = { 3, 1, 2 }
                table.sort(t, function(a, b) return a > b end)
                table.insert(t, 9); table.insert(t, 1, 7); table.remove(t); table.remove(t, 1)
                local ok, problem = pcall(error, "x")
                if table.concat(t, ",") == "3,2,1" and select("#", table.unpack(t)) == 3 and not ok and problem == "x"
                    and math.max(1, 5) == 5 and tonumber("8") == 8 and #table.pack(1, 2) == 2
                    and #table.move(t, 1, 3, 2) == 4 then return allow() end
            ]])
        end)
    end)

    describe("limits", function()
        it("instructions: an endless loop ends", function()
            fails("while true do end", "instruction_limit")
            fails("repeat until false", "instruction_limit")
            fails("::again:: goto again", "instruction_limit")
            fails("for _ = 1, math.maxinteger do end", "instruction_limit")
        end)

        it("instructions: a chunk that never returns its table", function()
            local verdict = sandbox.evaluate({ source = "while true do end", name = "spec", input = {} })
            assert.are.equal("instruction_limit", verdict.detail)
        end)

        it("instructions: ten millions, no more", function()
            allows("local n = 0 for i = 1, 2000000 do n = n + 1 end return allow()")
            fails("local n = 0 for i = 1, 6000000 do n = n + 1 end return allow()", "instruction_limit")
        end)

        it("memory: 16 MiB", function()
            fails("local t = {} for i = 1, 400000 do t[i] = { i } end return allow()", "limit")
            allows("local t = {} for i = 1, 100000 do t[i] = i end return allow()")
            fails("local t = {} for i = 1, 1000 do t[i] = ('x'):rep(60000) .. i end return allow()", "limit")
        end)

        it("memory: garbage does not count", function()
            allows("for i = 1, 3000 do local _ = ('x'):rep(8000) .. i end return allow()")
        end)

        it("memory: budgets of every size end in a failure or a verdict, never in a crash", function()
            for _, bytes in ipairs({ 0, 1, 100, 1000, 5000, 10000, 15000, 20000, 25000, 30000, 40000 }) do
                local verdict = evaluate("local t = {} for i = 1, 50 do t[i] = ('x'):rep(i) end return allow()", { memory = bytes })
                assert.is_true(verdict.failed or verdict.allowed)
                if bytes < 5000 then assert.is_true(verdict.failed) end
            end
        end)

        it("instructions: budgets of every size", function()
            for _, count in ipairs({ 0, 1, 1000, 10000 }) do
                fails("for _ = 1, 100000 do end return allow()", "instruction_limit", { instructions = count })
            end
        end)

        it("strings: 65,536 bytes", function()
            allows("local s = ('x'):rep(65536) if #s == 65536 then return allow() end")
            fails("local s = ('x'):rep(65536) .. 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' return allow()", "string_longer")
            fails("local s = 'x' while true do s = s .. s end", "string_longer")
        end)
    end)

    describe("attacks", function()
        it("pcall does not outlive a limit", function()
            fails("while true do pcall(function() while true do end end) end", "instruction_limit")
            fails("pcall(function() while true do end end) return allow()", "instruction_limit")
            fails("local s = 'x' while true do pcall(function() s = s .. s end) end", "longer")
            fails("local t = {} while true do pcall(function() while true do t[#t + 1] = {} end end) end", "limit")
            fails("pcall(function() local t = {} while true do t[#t + 1] = {} end end) return allow()", "limit")
        end)

        it("pcall in pcall in pcall", function()
            fails("local function f() pcall(f) end f() while true do f() end", "limit")
            fails("local depth = 0 local function f() depth = depth + 1 local ok, why = pcall(f) if not ok then error(why) end end f()", "nested")
        end)

        it("no finalizer, no metatable, no close", function()
            fails("return setmetatable({}, { __gc = function() while true do end end }) and allow()")
            fails("local x <close> = {} return allow()", "non-closable")
            fails("return getmetatable('').__index and allow()")
            fails("local m = allow() m.x = 1 return m")
        end)

        it("rep, format, concat, unpack, sort and move cannot be blown up", function()
            fails("return (('x'):rep(1 << 40)) and allow()", "rep")
            fails("return (('x'):rep(65537)) and allow()", "rep")
            fails("return ((''):rep(math.maxinteger)) and allow()", "rep")
            fails("return (('x'):rep(10, ('y'):rep(60000))) and allow()", "rep")
            fails("return ('%99999999d'):format(1) and allow()")
            fails("return (('%99d'):rep(1000)):format(1) and allow()")
            fails("return ('%s'):rep(60):format(table.unpack({ ('x'):rep(60000), ('x'):rep(60000) })) and allow()", "format")
            fails("local t = {} for i = 1, 4000 do t[i] = ('x'):rep(100) end return table.concat(t) and allow()", "concat")
            fails("local t = {} for i = 1, 5000 do t[i] = 'x' end return table.concat(t) and allow()", "concat")
            fails("return table.concat({ 1, 2 }, ',', 1, 1 << 40) and allow()", "concat")
            fails("return select('#', table.unpack({}, 1, 1 << 30)) and allow()", "unpack")
            fails("return select('#', table.unpack({}, math.mininteger, math.maxinteger)) and allow()", "unpack")
            fails("return table.move({}, 1, 1 << 30, 2) and allow()", "move")
            fails("return table.move({}, math.mininteger, math.maxinteger, 2) and allow()", "move")
            fails("local t = {} for i = 1, 5000 do t[i] = i end table.sort(t) return allow()", "sort")
            fails("local t = {} for i = 1, 4000 do t[i] = i end while true do table.sort(t) end", "instruction_limit")
            fails("table.sort({ 1, 2, 3, 4 }, function() while true do end end) return allow()", "instruction_limit")
            fails("local t = { 1, 2, 3 } local function f(a, b) table.sort({ 1, 2 }, f) return a < b end table.sort(t, f) return allow()", "nested")
        end)

        it("work that one instruction can do is charged", function()
            local started = os.clock()
            fails("local a, b = ('x'):rep(65000) .. 'a', ('x'):rep(65000) .. 'b' while true do local _ = a < b end", "instruction_limit")
            fails("local a, b = ('x'):rep(65000), ('x'):rep(64999) .. 'y' while true do local _ = a == b end", "instruction_limit")
            fails("local t = {} for i = 1, 200000 do t[i] = i end while true do table.insert(t, 1, 1); table.remove(t, 1) end", "instruction_limit")
            fails("local t = {} for i = 1, 100000 do t[i] = i end while true do for _ in pairs(t) do break end end", "limit")
            fails("local s = ('9'):rep(65000) while true do local _ = tonumber(s) end", "instruction_limit")
            fails("local s = ('a'):rep(60000) local m = ('a'):rep(30000) .. 'b' while true do local _ = s:find(m) end", "instruction_limit")
            fails("local s = ('9'):rep(4000) while true do local _ = tonumber(s) end", "instruction_limit")
            fails("local s = ('x'):rep(60000) while true do s:byte(1, 250) end", "instruction_limit")
            fails("local x, y = ('x'):rep(30000), ('y'):rep(30000) while true do local _ = x .. y end", "instruction_limit")
            fails("local t = {} for i = 1, 250000 do t[i] = {} end while true do local _ = {} end", "limit")
            assert.is_true(os.clock() - started < 60)
        end)

        it("values of a call, a return or ... do not grow: one instruction would move them all", function()
            local started = os.clock()
            local many = {}
            for i = 1, 100 do many[i] = i end
            local list = table.concat(many, ",")
            local limit = "more_than_250_values"
            fails("local function g() end local function f(n, ...) if n == 0 then while true do g(...) end end return f(n - 1, " ..
                list .. ", ...) end f(1500)", limit)
            fails("local function f(n) if n == 0 then return end return " .. list .. ", f(n - 1) end while true do local _ = { f(1500) } end",
                limit)
            fails("local function f(n, ...) return n > 0 and pcall(f, n - 1, " .. list .. ", ...) end while true do f(10) end", limit)
            fails("pcall(string.byte, ('x'):rep(251), 1, -1) return allow()", limit)
            allows("local function f(...) return ... end if select('#', f(('x'):rep(250):byte(1, -1))) == 250 then return allow() end")
            assert.is_true(os.clock() - started < 20)
        end)

        it("collections under memory pressure are charged", function()
            local started = os.clock()
            fails("local t = {} for i = 1, 224000 do t[i] = {} end while true do local _ = {} end", "limit")
            assert.is_true(os.clock() - started < 6)
        end)

        it("deep source nesting is an error, not a crash", function()
            for _, text in ipairs({ ("("):rep(100000), ("{"):rep(100000), "return " .. ("-"):rep(1):rep(100000) .. "1",
                ("function() "):rep(1000), "x = " .. ("a."):rep(60000) .. "b", ("do "):rep(50000), "return " .. ("not "):rep(50000) .. "1",
                "return " .. ("'a'.."):rep(30000) .. "'a'" }) do
                assert.is_true(sandbox.evaluate({ source = text, name = "spec", input = {} }).failed)
            end
        end)

        it("the same input gives the same verdict in every locale", function()
            local before = os.setlocale()
            local body = "if ('B' < 'a') and (('\\u{e9}'):upper() == '\\u{e9}') and tostring(1.5) == '1.5' then return allow() end return refuse('locale')"
            allows(body)
            for _, name in ipairs({ "C.UTF-8", "de_DE.UTF-8", "en_US.UTF-8", "tr_TR.UTF-8" }) do
                os.setlocale(name)
                local verdict = evaluate(body)
                os.setlocale(before)
                assert.is_true(verdict.allowed)
            end
        end)
    end)
end)
