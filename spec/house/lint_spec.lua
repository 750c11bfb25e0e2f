-- The checks of `make lint` find what is planted, in a small tree of their own.
local files = require("spec.support.files")

local tree

local function shell(command)
    local status, output = files.run(command .. " 2>&1")
    return status == 0, output
end

local function plant(path, text)
    assert(os.execute(("mkdir -p '%s/%s'"):format(tree, path:match("^(.*)/"))))
    files.write(tree .. "/" .. path, text)
end

before_each(function()
    tree = files.folder()
end)

after_each(function()
    files.remove(tree)
end)

describe("scripts/requirements", function()
    local HEAD = "| Number | Demands | Shown in |\n| --- | --- | --- |\n"
    local script = require("luv").cwd() .. "/scripts/requirements"

    local function requirements(argument)
        return shell(("cd '%s' && lua5.4 %s %s"):format(tree, script, argument or ""))
    end

    before_each(function()
        plant("src/a.c", "/* R2-7, sealed-store 35.4 and frost 6.1; BIP-340 */\n")
        plant("spec/store/a_spec.lua", 'it("35.4, R2-7 holds", function() end)\n')
    end)

    it("passes a page that lists what is used, and fills its last column", function()
        plant("docs/requirements.md", HEAD .. "| R2-7 | x | |\n| sealed-store 35.4 | y | |\n| frost 6.1 | z | |\n")
        assert.is_true(requirements())
        assert.is_true(requirements("--write"))
        assert.equal(HEAD .. "| R2-7 | x | store/a |\n| sealed-store 35.4 | y | store/a |\n| frost 6.1 | z | |\n",
            files.read(tree .. "/docs/requirements.md"))
        assert.is_true(requirements())
    end)

    it("finds a number without an entry, an entry without a use, twice the same, and a spec that does not carry it", function()
        plant("docs/requirements.md", HEAD .. "| R2-7 | x | store/b |\n| R2-7 | x | |\n| R2-8 | y | |\n| frost 6.1 | z | |\n")
        local ok, output = requirements()
        assert.is_false(ok)
        for _, pattern in ipairs({ "store/b does not carry R2%-7", "R2%-7 stands there twice", "nothing uses R2%-8",
            "sealed%-store 35%.4 is used %(.-%) and has no entry" }) do
            assert.matches(pattern, output)
        end
    end)
end)

describe("scripts/layers", function()
    local function layers() return shell("lua5.4 scripts/layers " .. tree) end

    local function finds(pattern)
        local ok, output = layers()
        assert.is_false(ok, output)
        assert.matches(pattern, output)
    end

    it("passes what points to its own row or down", function()
        plant("src/store/a.c", '#include "store/a.h"\n#include "custody/vault.h"\n#include "base/bytes.h"\n#include <stdio.h>\n')
        plant("src/binding/b.c", '#include <lua.h>\n#include "session/call.h"\n')
        plant("src/abi/c.c", '#include "frost_tbtc.h"\n#include "runtime/runtime.h"\n')
        plant("lua/tbtc_signer/cli/d.lua", 'require("tbtc_signer.coordinator.e")\nlocal c = require "signer.codec"\n')
        plant("lua/tbtc_signer/schema/e.lua", '-- see require("tbtc_signer.cli.main")\n')
        local ok, output = layers()
        assert.is_true(ok, output)
        assert.equal("", output)
    end)

    it("finds an include that points up", function()
        plant("src/frost/a.c", '#include "base/bytes.h"\n#include "custody/vault.h"\n')
        finds("^src/frost/a%.c:2: frost must not reach up to custody\n$")
    end)

    it("finds one in a header and in a list", function()
        plant("src/base/a.h", '#  include "curve/point.h"\n')
        finds("src/base/a%.h:1")
        plant("src/session/settings.def", '#include "runtime/x.h"\n')
        finds("src/session/settings%.def:1: session must not reach up to runtime")
    end)

    it("finds Lua below the bindings", function()
        plant("src/session/a.c", "#include <lua.h>\n")
        finds("session must not know Lua")
        plant("src/session/a.c", "#include <lauxlib.h>\n")
        finds("session must not know Lua")
    end)

    it("finds an include without its folder, and a folder without a row", function()
        plant("src/base/a.c", '#include "bytes.h"\n')
        finds("not named from src/")
        plant("src/helpers/b.c", "\n")
        finds("src/helpers/b%.c:1: helpers has no row")
        plant("src/abi/c.c", '#include "helpers/b.h"\n')
        finds("src/abi/c%.c:1")
    end)

    it("finds a require that points up, however it is written", function()
        for _, line in ipairs({ 'require("tbtc_signer.cli.main")', "local m = require 'tbtc_signer.cli.main'",
            'x = require( "tbtc_signer.cli." .. name)', 'f(require("tbtc_signer.json"), require("tbtc_signer.cli"))' }) do
            plant("lua/tbtc_signer/endpoints/a.lua", line .. "\n")
            finds("^lua/tbtc_signer/endpoints/a%.lua:1: endpoints must not reach up to cli\n$")
        end
    end)

    it("finds a Lua folder without a row", function()
        plant("lua/tbtc_signer/misc/a.lua", "\n")
        finds("misc has no row")
    end)
end)

describe("scripts/layout", function()
    local function layout() return shell("lua5.4 scripts/layout " .. tree) end

    local function finds(pattern)
        local ok, output = layout()
        assert.is_false(ok, output)
        assert.matches(pattern, output)
    end

    it("finds words of unfinished work and paths of one machine", function()
        for _, word in ipairs({ "TO" .. "DO", "FIX" .. "ME: later", "XX" .. "X" }) do
            plant("lua/a.lua", "-- " .. word .. "\n")
            finds("^lua/a%.lua:1: unfinished work")
        end
        plant("lua/a.lua", 'open("/ho' .. 'me/somebody/x")\n')
        finds("a path of one machine")
    end)

    it("finds white space at the end and tabs", function()
        plant("src/base/a.c", "int a; \n")
        finds("white space")
        plant("src/base/a.c", "\tint a;\n")
        finds("a tab")
    end)

    it("finds files and functions that are too long", function()
        plant("src/base/a.c", ("int a;\n"):rep(601))
        finds("a file of 601 lines")
        plant("src/base/a.c", "static int f(void) {\n" .. ("    g();\n"):rep(66) .. "}\n")
        finds("src/base/a%.c:1: a function of 66 lines")
        plant("src/base/a.c", "static int f(int a,\n             int b) {\n" .. ("    g();\n"):rep(66) .. "}\n")
        finds("a function of 66 lines")
        plant("src/base/a.c", ("static int f(void) {\n" .. ("    g();\n"):rep(60) .. "}\n"):rep(2))
        assert.is_true((layout()))
    end)

    it("finds allocations, clocks and string calls that pass by their door", function()
        for _, line in ipairs({ "void *p = malloc(1);", "x = strdup(y);", "clock_gettime(CLOCK_REALTIME, &t);",
            "t = time(NULL);", "strcat(a, b);", "return rand();" }) do
            plant("src/store/a.c", "    " .. line .. "\n")
            finds("^src/store/a%.c:1")
        end
    end)

    it("finds files that prose names and that are not there", function()
        plant("src/base/a.c", "/* See base/b.h and src/base/c.h. */\n")
        finds("src/base/a.c:1: base/b.h is not there\nsrc/base/a.c:1: src/base/c.h is not there")
        plant("src/base/b.h", "int a;\n")
        plant("src/base/c.h", "int a;\n")
        assert.is_true((layout()))
        plant("README.md", "`lua/a.lua` and `endpoints/b.lua`\n")
        finds("README.md:1: lua/a.lua is not there\nREADME.md:1: endpoints/b.lua is not there")
    end)

    it("lets comments, strings, names and members be", function()
        plant("src/store/a.c", '/* malloc(1) */ int my_time(void); // rand()\n/* a\n malloc(2) */ x->time(y); s = "malloc(3)";\n')
        local ok, output = layout()
        assert.is_true(ok, output)
    end)
end)
