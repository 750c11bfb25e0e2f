-- What the two shared objects show (abi 2, host 1; D-134).
local child = require("spec.support.child")
local host = require("spec.support.host")

local CALLS = {
    "abi_version", "build_taproot_tx", "derive_interactive_attempt_context", "dkg_part1", "dkg_part2", "dkg_part3", "free_buffer",
    "init_signer_config", "interactive_aggregate", "interactive_round1", "interactive_round2", "interactive_session_abort",
    "interactive_session_open", "new_signing_package", "persist_distributed_dkg_key_package",
    "retire_distributed_dkg_key_packages", "roast_liveness_policy", "verify_signature_share", "version",
}

local function symbols(arguments, path)
    local pipe = assert(io.popen("LD_PRELOAD= nm -D " .. arguments .. " " .. path))
    local list = {}
    for line in pipe:lines() do list[#list + 1] = line:match("(%S+)$"):match("^[^@]+") end
    pipe:close()
    table.sort(list)
    return list
end

describe("exports", function()
    it("of the library are the calls and nothing else", function()
        local expected = {}
        for index, name in ipairs(CALLS) do expected[index] = "frost_tbtc_" .. name end
        assert.are.same(expected, symbols("--defined-only", host.library))
    end)

    it("of the Lua module are its opening function", function()
        assert.are.same({ "luaopen_tbtc_signer" }, symbols("--defined-only", host.build .. "/tbtc_signer.so"))
    end)

    it("are declared in the header, one by one", function()
        local header = child.read_all("include/frost_tbtc.h")
        local declared = {}
        for name in header:gmatch("\n[%w ]+%f[%w]frost_tbtc_([%w_]+)%(") do declared[#declared + 1] = name end
        table.sort(declared)
        assert.are.same(CALLS, declared)
    end)

    it("the header serves C and C++", function()
        local include = "-Iinclude -fsyntax-only -Wall -Wextra -Wpedantic -Werror include/frost_tbtc.h"
        assert.is_truthy(os.execute("LD_PRELOAD= gcc -x c -std=c99 " .. include))
        assert.is_truthy(os.execute("LD_PRELOAD= clang -x c++ -std=c++11 " .. include))
    end)

    it("D-134 every Lua function that is called is looked at (scripts/lua-functions writes the list)", function()
        local known = {}
        for name in child.read_all("src/runtime/lua_functions.def"):gmatch("LUA_FUNCTION%(([%w_]+)%)") do known[name] = true end
        for _, object in ipairs({ host.library, host.build .. "/tbtc_signer.so" }) do
            for _, name in ipairs(symbols("-u", object)) do
                if name:find("^lua[L_]") or name:find("^luaopen_") then assert.is_true(known[name], name) end
            end
        end
    end)

    it("the library stands alone: no Lua source is read from disk", function()
        local run = child.run(([[
            local abi = signer.test_abi.open(%q)
            local status, text = abi:call("frost_tbtc_roast_liveness_policy")
            assert(status == 0, text)
        ]]):format(host.library), { before = "env LUA_PATH=/nonexistent" })
        assert.are.equal(0, run.status, run.err)
    end)
end)
