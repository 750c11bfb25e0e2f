--- What a forked child sees (D-126, D-137).
local signer = require("tbtc_signer")
local test_vault, test_provider = signer.test_vault, signer.test_key_provider
local engines = require("spec.support.engines")

local ROUND1 = { session_id = "session", member_identifier = 1, attempt_id = ("ab"):rep(32) }

--- The code and reason with which a call that needs the state is refused.
local function ask(engine)
    return (engine:refuse("interactive_round1", ROUND1))
end

describe("a forked child", function()
    teardown(engines.clean)

    it("D-126 reads zeros where secrets lie, and every call of the vault refuses", function()
        local vault = test_vault.new{ must_lock = true }
        local handle = vault:new("bytes", "a secret of the parent")
        assert.are.same({ zero = true, borrows = false, holds = false, new = "PROCESS_FORKED", check = "PROCESS_FORKED",
            own_vault = true }, vault:fork(handle, "bytes"))
        assert.are.equal("a secret of the parent", vault:borrow(handle, "bytes"))
        vault:close()
    end)

    it("D-137 runs the handlers that are registered, in the child only", function()
        local in_child, in_parent = test_vault.fork_handlers()
        assert.are.equal(2, in_child)
        assert.are.equal(0, in_parent)
    end)

    it("D-126 is refused by every call that needs the parent's state", function()
        local engine = engines.new()
        assert.are.equal("session_not_found", ask(engine))
        assert.are.equal("internal_error/process_forked", test_vault.in_child(function() return ask(engine) end))
        assert.are.equal("session_not_found", ask(engine))
        engine:close()
    end)

    it("D-137 does not keep the store locked when its parent lets go", function()
        local engine = engines.new()
        assert.are.equal("session_not_found", ask(engine))
        local child = test_provider.spawn_exit(60000, 0)
        engine:abandon()
        local again = engines.new({}, { folder = engine.folder })
        local answer
        for _ = 1, 3000 do -- the child runs its handler some time after the fork
            answer = ask(again)
            if answer == "session_not_found" then break end
            os.execute("sleep 0.02")
        end
        assert.are.equal("session_not_found", answer)
        again:close()
        assert.is_true(test_provider.alive(child))
        os.execute("kill " .. child)
        test_provider.wait(child)
    end)
end)
