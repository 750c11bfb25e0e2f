-- luacheck: no max line length
-- The library inside programs of different kinds (abi 1, host 1; D-126, D-134, D-146).
local child = require("spec.support.child")
local host = require("spec.support.host")

describe("host", function()
    local folder

    before_each(function() folder = child.folder() end)
    after_each(function() child.remove(folder) end)

    local function lines(run)
        local found = {}
        for name, status, reply in run.out:gmatch("(%S+) (%d) ([^\n]*)\n") do found[#found + 1] = { name = name, status = tonumber(status), reply = reply } end
        return found
    end

    it("that knows nothing of Lua loads it with dlopen(RTLD_NOW) and is served", function()
        local run = host.run("plain_host")
        assert.are.equal(0, run.status, run.err)
        local answers = lines(run)
        assert.are.equal("tbtc-signer/0.1.0-bootstrap", answers[1].reply)
        assert.are.equal('{"abi_major":4,"abi_minor":4,"extensions":[]}', answers[2].reply)
        assert.are.equal(0, answers[3].status)
        assert.are.equal(0, answers[4].status)
        assert.are.equal(1, answers[5].status)
    end)

    it("with a Lua 5.4 state of its own is served, and its state lives on", function()
        local run = host.run("lua54_host", "-I/usr/include/lua5.4 -llua5.4")
        assert.are.equal(0, run.status, run.err)
        assert.truthy(run.out:find("counter 21", 1, true))
        assert.are.equal(0, lines(run)[1].status)
    end)

    it("D-134 that exports Lua 5.3 is refused by a typed error, not by a crash", function()
        local run = host.run("lua53_host", "-rdynamic -Wl,--whole-archive -l:liblua5.3.a -Wl,--no-whole-archive -lm")
        assert.are.equal(0, run.status, run.err)
        local answers = lines(run)
        assert.are.equal(0, answers[1].status)
        assert.are.equal(0, answers[2].status)
        for i = 3, 6 do
            assert.are.equal(1, answers[i].status)
            assert.are.equal('{"code":"internal_error","message":"signer error detail redacted (see server log)",' ..
                '"recovery_class":"terminal","reason_code":"lua_runtime_mismatch"}', answers[i].reply)
        end
    end)

    it("D-134 that uses Lua 5.3 as a shared library beside it is served", function()
        local run = host.run("lua53_host", "-llua5.3 -lm")
        assert.are.equal(0, run.status, run.err)
        assert.are.equal(0, lines(run)[3].status)
    end)

    it("D-146 that calls from a thread of 256 KiB stays below 192 KiB", function()
        if child.sanitized then return pending("plain build only: the sanitizers' frames are larger") end
        local run = host.run("stack_host", nil, folder)
        assert.are.equal(0, run.status, run.err)
        assert.is_true(tonumber(run.out:match("stack (%d+)")) <= 192 * 1024, run.out)
    end)

    it("D-126 that forks: the child is answered process_forked, even amid calls; the parent goes on", function()
        local run = host.run("fork_host", nil, folder)
        assert.are.equal(0, run.status, run.err)
        assert.are.equal("internal_error", lines(run)[1].reply:match('"code":"([^"]+)"'))
        assert.truthy(run.out:find("parent signs", 1, true))
    end)

    it("whose stderr is a pipe that nobody reads is served, without a signal; its own SIGPIPE stays", function()
        local run = host.run("pipe_host")
        assert.is_nil(run.signal)
        assert.are.equal(0, run.status, run.err)
        assert.are.equal("invalid_configuration_value", lines(run)[1].reply:match('"reason_code":"([^"]+)"'), run.out)
        assert.are.same({ "waiting 0", "waiting 1" }, { run.out:match("(waiting %d)\n(waiting %d)") })
        assert.truthy(run.out:find("full passed", 1, true), run.out)
    end)

    it("that runs out of memory at any allocation gets an answer that it can give back", function()
        if child.sanitized then return pending("plain build only: the sanitizers answer for malloc") end
        local run = host.run("memory_host", "-rdynamic")
        assert.are.equal(0, run.status, run.err)
        local failures, successes = run.out:match("failures (%d+) successes (%d+)")
        assert.is_true(tonumber(failures) > 1600 and tonumber(successes) > 1000, run.out)
    end)

    it("COM-5, CC-3, D-126 that shows one seat two packages from threads, forks, and has a failing machine: one share a nonce pair", function()
        if child.sanitized then return pending("plain build only: a child forked amid threads, under the sanitizers") end
        local seed = tonumber(os.getenv("SIGNER_SEED")) or os.time()
        local run = host.run("hostile_host", "-rdynamic -lpthread", ("%s 3 %d"):format(folder, seed))
        assert.are.equal(0, run.status, ("SIGNER_SEED=%d\n%s"):format(seed, run.err))
        assert.is_true(tonumber(run.out:match("shares (%d+)")) > 0, run.out)
    end)

    it("whose files may not grow gets an answer, not the signal that ends programs", function()
        for i, bytes in ipairs({ 1000, 20000, 200000, 1000, 20000, 200000 }) do
            local run = host.run("limit_host", nil, ("%s %d %d"):format(folder, bytes, i > 3 and 1 or 0))
            assert.are.equal(0, run.status, run.err)
            assert.truthy(run.out:find('round1 1 {"code":"internal_error"', 1, true), run.out)
            assert.truthy(run.out:find('"reason_code":"state_io"', 1, true), run.out)
        end
    end)

    it("that cancels a thread amid a call: the call ends first, its share is given, others are served", function()
        if child.sanitized then return pending("plain build only: threads cancelled under the sanitizers") end
        local run = host.run("cancel_host", "-rdynamic -lpthread", folder)
        assert.are.equal(0, run.status, run.err)
        assert.are.equal("cancelled, share given\nothers are served\nbuffer given back\n", run.out)
    end)

    it("in a build that is optimized across files keeps what stands in its registers", function()
        local run = host.run("registers_host", "-O2 -flto -Isrc src/abi/registers.c")
        assert.are.equal("kept whole\n", run.out)
    end)

    it("with eight threads sees no double share and no unexpected answer", function()
        local run = host.run("threads", "-O1", folder .. " 2 8")
        assert.are.equal(0, run.status, run.err)
    end)
end)
