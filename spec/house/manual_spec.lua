-- What the documents say must be so: every setting with its default, the example that runs, the links.
local function read(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("a")
    file:close()
    return text
end

local function run(line)
    local pipe = assert(io.popen(line .. ' 2>&1; echo "exit $?"'))
    local text = pipe:read("a")
    pipe:close()
    return text
end

describe("the documents", function()
    it("list every setting with its default, and no other", function()
        local page = read("docs/operations.md")
        local told, known = {}, 0
        for name, default in page:gmatch("\n| `([A-Z0-9_]+)` | ([^|]*) |") do told[name] = default end
        for name, default in read("src/session/settings.def"):gmatch('\nSETTING%(([A-Z0-9_]+), "[^"]*", %w+, ([^ ]+), ') do
            local text = default == "NULL" and "none" or ("`%s`"):format(default:match('^"(.*)"$'))
            assert.equal(name .. " " .. text, name .. " " .. tostring(told[name]))
            told[name], known = nil, known + 1
        end
        assert.is_true(known > 50)
        assert.is_nil(next(told))
    end)

    it("list every function of the Lua module, and no other", function()
        local told, real = {}, {}
        for table_name, name in read("docs/lua.md"):gmatch("`([%l_]+)%.([%l_%d]+)[%({`]") do
            if table_name ~= "signer" and table_name ~= "tbtc_signer" then told[table_name .. "." .. name] = true end
        end
        local list = run([[env -u LD_PRELOAD LUA_CPATH='build/?.so;;' lua5.4 -e 'for name, value in
            pairs(require("tbtc_signer")) do if type(value) == "table" then for key in pairs(value) do
            print(name .. "." .. key) end end end']])
        for line in list:gmatch("([%w_]+%.[%w_]+)\n") do
            real[line] = true
            assert.is_true(told[line] == true, line .. " is not on the page")
        end
        assert.is_true(next(real) ~= nil)
        for line in pairs(told) do assert.is_true(real[line] == true, line .. " does not exist") end
    end)

    it("tell for every code and reason code what to do, and know no other", function()
        local section = read("docs/operations.md"):match("\n### Reason codes\n(.-)\n### ")
        local told, list = {}, read("src/base/errors.def")
        for row in section:gmatch("\n(|[^\n]*)") do
            for code in row:match("^|(.-)|"):gmatch("`([%l_]+)`") do told[code] = true end
        end
        for code in section:match("Rules that said no %b()"):gmatch("`([%l_]+)`") do told[code] = true end
        local known = {}
        for code in list:gmatch('\nCODE%([%u_]+, "([%l_]+)"') do known[code] = true end
        for code in list:gmatch('\nERROR%([%u_]+, [%u_]+, "([%l_]+)"') do known[code] = true end
        for code in pairs(known) do assert.is_true(told[code], code .. " is not in docs/operations.md") end
        for code in pairs(told) do assert.is_true(known[code], code .. " is no code of ours") end
    end)

    it("have an example of the Lua module that signs", function()
        local text = run("env -u LD_PRELOAD LUA_CPATH='build/?.so;;' lua5.4 scripts/examples/two_of_three.lua")
        assert.matches("valid      true\n", text)
        assert.matches("exit 0\n$", text)
    end)

    it("have an example of the C interface that compiles without a warning and builds a transaction", function()
        local program = os.tmpname()
        local text = run(("cc -std=c11 -Wall -Wextra -Werror -Iinclude scripts/examples/transaction.c -Lbuild -lfrost_tbtc -o %s "
            .. "&& env -u LD_PRELOAD LD_LIBRARY_PATH=build${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} %s"):format(program, program))
        os.remove(program)
        assert.matches("\"tx_hex\":\"0100", text)
        assert.matches("signing_policy_rejected", text)
        assert.matches("exit 0\n$", text)
    end)

    it("link to headings that are there", function()
        local page, slugs = read("docs/operations.md"), {}
        for heading in page:gmatch("\n#+ ([^\n]+)") do
            slugs[heading:lower():gsub("[^%w%- ]", ""):gsub(" ", "-")] = true
        end
        for target in page:gmatch("%]%(#([^)]+)%)") do assert.is_true(slugs[target], "no heading for #" .. target) end
    end)

    it("link to files that are there", function()
        for path in run("ls README.md docs/*.md"):gmatch("(%S+%.md)\n") do
            local folder = path:match("^(.*/)") or ""
            for target in read(path):gmatch("%]%(([^)#]+)%)") do
                local file = target:match("^https?:") and true or io.open(folder .. target)
                assert.is_truthy(file, path .. " links to " .. target)
                if io.type(file) then file:close() end
            end
        end
    end)
end)
