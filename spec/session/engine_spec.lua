-- The engine object: several in one process, forks, opening, calls (D-120 to D-126, D-173).
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local core, state = signer.test_core, signer.test_state
local refused = signing.assert_refused

describe("engine", function()
    after_each(signing.finish_all)

    it("D-173 two engines with two stores work in one process", function()
        local one = signing.new({ seats = { 1 } })
        local two = signing.new({ seats = { 2 } })
        local commitments = { [1] = one:commit({ member = 1 }), [2] = two:commit({ member = 2 }) }
        local package = one:package(commitments)
        local shares = {
            [1] = one:round2(package, { member = 1 }).signature_share_hex,
            [2] = two:round2(package, { member = 2 }).signature_share_hex,
        }
        local signature = assert(one:aggregate(package, shares)).signature_hex
        assert.is_true(two:verifies(signature))
        assert(two:aggregate(package, shares))
        refused("validation_error", one:open({ member = 2 }))
        one:assert_replay()
        two:assert_replay()
    end)

    it("a second engine on the same store is refused, and works when the first is gone", function()
        local one = signing.new()
        local two = signing.reopen({ folder = one.folder, key_group = one.key_group })
        refused({ code = "internal_error", reason = "state_locked" }, two:open())
        one.engine:close()
        one.engine = nil
        signing.running[one] = nil
        assert(two:open())
    end)

    it("a failed opening leaves nothing behind and is tried again", function()
        local group = signing.new()
        group:restart()
        for _, point in ipairs({ "open", "read", "write", "sync", "rename", "key_provider" }) do
            signer.test_fault.arm(point, "error")
            refused("internal_error", group:open())
            signer.test_fault.clear()
        end
        assert(group:open())
    end)

    it("CC-1 one critical section at a time: a call that holds the engine keeps others out", function()
        local group = signing.new()
        local json = require("tbtc_signer.json")
        local running
        assert(core.call(group.engine, function(self)
            self:enter()
            running = group.engine:parallel({ { "interactive_session_abort", json.encode({ session_id = "session" }) } })
            require("luv").sleep(50)
            assert(running:done() == 0)
            self:leave()
        end))
        assert.is_true(running:finish()[1][1])
    end)

    it("a Lua error in a state stage leaves the engine free", function()
        local group = signing.new()
        local ok = core.call(group.engine, function(self)
            self:enter()
            error("boom")
        end)
        assert.is_false(ok)
        assert(group:open())
    end)

    it("NC-5 what a call took is wiped at its end, whatever happens", function()
        local group = signing.new()
        local package = group:prepare()
        local secrets = group:counts().secrets
        local attempt = group:attempt_id()
        core.call(group.engine, function(self)
            core.allow_members(self, { 1, 2 })
            local seat = signer.interactive_seat.new({ session_id = "session", attempt_id = attempt, member = 1,
                package = signer.frost.signing_package(require("spec.support.vectors").bytes(package)) })
            self:enter()
            signer.interactive_seat.round2.consume(self, seat)
            error("boom")
        end)
        assert.equal(secrets - 1, group:counts().secrets)
        refused("consumed_nonce_replay", group:round2(package))
    end)

    it("CC-1 an operator who does not read stderr holds up no other call", function()
        local folder = signing.folder()
        local file = assert(io.open(folder .. "/script.lua", "w"))
        file:write(([[
            local signing = require("spec.support.signing")
            local group = signing.new({ folder = %q, environment = { TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true" } })
            local request = require("tbtc_signer.json").encode(group:open_request())
            os.execute("timeout 0.3 head -c 200000 /dev/zero >&2") -- fills the pipe
            group.engine:parallel({ { "interactive_session_open", request } }) -- refused, with a line that blocks
            require("luv").sleep(100)
            assert(group:abort())
            assert(group:refused("interactive_round1", group:seat_request()))
            io.open(%q, "w"):close()
            os.exit(0, false)
        ]]):format(folder, folder .. "/done"))
        file:close()
        os.execute(("LUA_PATH='./lua/?.lua;./lua/?/init.lua;./?.lua;;' LUA_CPATH='./%s/?.so;;' "
            .. "sh -c 'lua5.4 %s/script.lua 2>&1 >/dev/null | sleep 1.5'")
            :format(os.getenv("SIGNER_BUILD") or "build/test", folder))
        assert.is_truthy(io.open(folder .. "/done"))
    end)

    it("CC-1 the test build dies where slow work runs under the engine mutex", function()
        local group = signing.new()
        local commitments = require("spec.support.vectors").bytes(group:commit())
        local SIGABRT = 6
        for what, work in pairs({
            ["curve arithmetic"] = function() signer.frost.commitments(commitments) end,
            ["an operator's script"] = function()
                signer.sandbox.evaluate({ source = "return {}", name = "x", input = {}, settings = {} })
            end,
            ["a wait for the store"] = function(call) core.make_ready(call) end,
            ["a key command"] = function() group.engine:check_key_provider() end,
            ["a wait for a Lua state"] = function() group:abort() end,
        }) do
            local within, without
            core.call(group.engine, function(self)
                self:enter()
                within = core.fork(function() work(self) end)
                self:leave()
                without = what == "a wait for the store" and 0 or core.fork(function() work(self) end)
            end)
            assert.equal(SIGABRT, within & 127, what)
            assert.equal(0, without, what)
        end
    end)

    it("D-126 a forked child is refused, touches nothing, and the parent goes on", function()
        local folder = signing.folder()
        signing.run_script(folder, ([[
            local signing = require("spec.support.signing")
            local signer = require("tbtc_signer")
            local group = signing.new({ folder = %q })
            local package = group:prepare()
            local out = io.open(%q, "w")
            local child = signer.test_core.fork(function()
                for _, name in ipairs({ "round1", "open", "abort" }) do
                    local reply, err = group[name](group)
                    out:write(name, " ", reply and "answered" or tostring(err.reason_code), "\n")
                end
                out:close()
            end)
            local share = signing.must(group:round2(package)).signature_share_hex
            io.open(%q, "w"):write(#share):close()
        ]]):format(folder, folder .. "/child", folder .. "/parent"))
        local function read(name)
            local file = io.open(folder .. "/" .. name)
            return file and file:read("a")
        end
        assert.equal("round1 process_forked\nopen process_forked\nabort process_forked\n", read("child"))
        assert.equal("64", read("parent"))
    end)

    it("counters start at zero and are kept by engine", function()
        local one, two = signing.new(), signing.new()
        assert(one:open())
        assert.equal(1, state.counters(one.engine).INTERACTIVE_SESSION_OPEN_CALLS)
        assert.equal(0, state.counters(two.engine).INTERACTIVE_SESSION_OPEN_CALLS)
    end)
end)
