-- The list of failures in Lua: names in, typed objects out (abi 4, D-004).
require("tbtc_signer")
local errors = require("tbtc_signer.errors")

describe("errors", function()
    local function raised(...)
        local ok, object = pcall(...)
        assert.is_false(ok)
        return object
    end

    it("raise gives code, reason code, class and detail of the name", function()
        local object = raised(errors.raise, "STATE_LOCKED", "held by %d", 5)
        assert.are.same({ "STATE_LOCKED", "internal_error", "state_locked", "terminal", "held by 5" },
            { object.error, object.code, object.reason_code, object.recovery_class, object.detail })
        assert.are.equal("internal_error: state_locked: held by 5", tostring(object))
    end)

    it("raise without a detail gives the default text, and takes a single text as it is", function()
        assert.are.equal("no such session", raised(errors.raise, "SESSION_NOT_FOUND").detail)
        assert.are.equal("100%s", raised(errors.raise, "VALIDATION", "100%s").detail)
    end)

    it("a detail may be longer than a C failure holds", function()
        local text = ("x"):rep(3000)
        assert.are.equal(text, raised(errors.raise, "VALIDATION", text).detail)
    end)

    it("raise_with adds members", function()
        local object = raised(errors.raise_with, "SHARE_VERIFICATION", { candidate_culprits = { 1, 2 } }, "%d", 2)
        assert.are.same({ 1, 2 }, object.candidate_culprits)
        assert.are.equal("aggregate_share_verification_failed", object.code)
        assert.are.equal("2", object.detail)
    end)

    it("is tells error objects from other values", function()
        local object = raised(errors.raise, "VALIDATION")
        assert.is_true(errors.is(object))
        assert.is_true(errors.is(object, "VALIDATION"))
        assert.is_false(errors.is(object, "INTERNAL"))
        for _, value in ipairs({ "VALIDATION", 5, {}, { error = 5 }, true }) do assert.is_false(errors.is(value)) end
    end)

    it("an unknown name is a programming error", function()
        assert.are.equal("string", type(raised(errors.raise, "NO_SUCH_NAME")))
        assert.is_nil(errors.info("NO_SUCH_NAME"))
        assert.are.equal("attestation_expired", errors.info("ATTESTATION_EXPIRED").reason_code)
    end)
end)
