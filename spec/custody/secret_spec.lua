--- Secrets as Lua objects: passed on, closed, never read (D-018).
local signer = require("tbtc_signer")
local test_vault = signer.test_vault

describe("a secret handle", function()
    local vault

    before_each(function() vault = test_vault.new{} end)
    after_each(function() vault:close() end)

    it("is wiped when it is closed, when its block ends, and when it is collected", function()
        local secret = vault:secret("one")
        assert.are.equal("one", test_vault.read(secret))
        assert.is_true(secret:is_open())
        secret:close()
        secret:close()
        assert.is_false(secret:is_open())
        assert.are.equal(0, vault:usage().live_slots)
        do
            local block <close> = vault:secret("two")
            assert.is_true(block:is_open())
        end
        assert.are.equal(0, vault:usage().live_slots)
        vault:secret("three")
        collectgarbage()
        collectgarbage()
        assert.are.equal(0, vault:usage().live_slots)
    end)

    it("D-018 shows nothing: no address, no fields, no metatable, no text", function()
        local secret <close> = vault:secret("secret text")
        assert.are.equal("signer.secret", tostring(secret))
        assert.is_nil(secret.handle)
        assert.is_false(getmetatable(secret))
        assert.is_false(pcall(function() return #secret end))
        assert.is_false(pcall(function() return secret .. "" end))
        assert.is_false(pcall(function() secret.field = 1 end))
    end)

    it("is stale, not a trap, after its vault is gone", function()
        local secret = vault:secret("one")
        vault:close()
        assert.is_false(secret:is_open())
        assert.is_nil(test_vault.read(secret))
        secret:close()
    end)

    it("is refused as an argument once it is closed", function()
        local secret = vault:secret("one")
        secret:close()
        local good, why = pcall(test_vault.read, secret)
        assert.is_false(good)
        assert.are.equal("VALIDATION", why.error)
        assert.is_false(pcall(test_vault.read, {}))
    end)
end)
