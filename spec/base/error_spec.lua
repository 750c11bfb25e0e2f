-- The one list of failures (src/base/errors.def).
local base = require("tbtc_signer").test_base

describe("error list", function()
    it("finds every error by its name", function()
        for i, info in ipairs(base.errors()) do
            if i > 1 then assert.is_true(info.found_by_name, info.error) end
        end
    end)

    it("D-129 gives every gate error a reason code", function()
        local gates = {
            provenance_gate_rejected = true, admission_policy_rejected = true, signing_policy_rejected = true,
            quarantine_policy_rejected = true, lifecycle_policy_rejected = true,
        }
        local seen = {}
        for _, info in ipairs(base.errors()) do
            if gates[info.code] then
                assert.is_string(info.reason_code, info.error)
                seen[info.code] = true
            end
        end
        assert.same(gates, seen)
    end)

    it("D-004 spells reason codes in lower case, each once a code", function()
        local seen = {}
        for _, info in ipairs(base.errors()) do
            if info.reason_code then
                assert.matches("^[a-z0-9_]+$", info.reason_code)
                local key = info.code .. "/" .. info.reason_code
                assert.is_nil(seen[key], key)
                seen[key] = true
            end
        end
    end)
end)
