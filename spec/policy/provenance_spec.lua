-- The provenance gate (policy-and-lifecycle 3): each reason with all earlier inputs valid.
local attestation = require("spec.support.attestation")
local engines = require("spec.support.engines")
local signer = require("tbtc_signer")
local provenance = require("tbtc_signer.gates.provenance")

local NOW = 1800000000 - 1000
local DERIVE = "dkg_part1"
local REQUEST = { participant_identifier = ("%064x"):format(1), max_signers = 3, min_signers = 2 }

describe("provenance gate", function()
    local running = {}

    after_each(function()
        for _, engine in ipairs(running) do engine:close() end
        running = {}
        engines.clean()
    end)

    local function engine_with(variables, now)
        local platform = signer.test_platform.new({ wall_ms = (now or NOW) * 1000, monotonic_ms = 5000 })
        local engine = engines.new(variables, { platform = platform })
        engine.clock = platform
        running[#running + 1] = engine
        return engine
    end

    local function answer(changes, payload, now)
        local variables = attestation.variables(payload or attestation.payload(NOW))
        for name, text in pairs(changes) do variables[name] = text or nil end
        return engine_with(variables, now):refuse(DERIVE, REQUEST)
    end

    it("PROV-1 looks at nothing while it is off", function()
        engine_with({ PROVENANCE_TRUST_ROOT = "nonsense", MIN_APPROVED_VERSION = "x" }):must(DERIVE, REQUEST)
    end)

    it("lets a valid attestation pass", function()
        engine_with(attestation.variables(attestation.payload(NOW))):must(DERIVE, REQUEST)
    end)

    it("takes the attestation of the vector, from its first to its last second", function()
        local variables = {
            ENFORCE_PROVENANCE_GATE = "true",
            PROVENANCE_ATTESTATION_STATUS = " Approved ",
            PROVENANCE_ATTESTATION_PAYLOAD = '{"status":"approved","runtime_version":"0.1.0","expires_at_unix":1800000000}',
            PROVENANCE_TRUST_ROOT = "25d1dff95105f5253c4022f628a996ad3a0d95fbf21d468a1b33f8c160d8f517",
            PROVENANCE_ATTESTATION_SIGNATURE_HEX = "1741860e2e951469ef9a44446eb0af365121ec0bffd852f9094115c4ee502974"
                .. "ee00ed3bb14d15e7b100a1fc50cfeafa8b137203c7a1ce2565f0bcd492be67c4",
            MIN_APPROVED_VERSION = "0.1.0",
        }
        engine_with(variables, 1799395200):must(DERIVE, REQUEST)
        engine_with(variables, 1800000000):must(DERIVE, REQUEST)
        assert.equal("provenance_gate_rejected/attestation_expiry_too_far_in_future",
            (engine_with(variables, 1799395199):refuse(DERIVE, REQUEST)))
        assert.equal("provenance_gate_rejected/attestation_expired",
            (engine_with(variables, 1800000001):refuse(DERIVE, REQUEST)))
    end)

    local function reason(number, name, changes, payload, now)
        it(("PROV-%d answers %s"):format(number, name), function()
            local code, envelope = answer(changes, payload, now)
            assert.equal("provenance_gate_rejected/" .. name, code)
            assert.equal("terminal", envelope.recovery_class)
            assert.truthy(envelope.message:find("provenance gate rejected: " .. name .. ": ", 1, true))
        end)
    end

    local function payload(changes) return attestation.payload(NOW, changes) end

    reason(2, "missing_attestation_status", { PROVENANCE_ATTESTATION_STATUS = false })
    reason(2, "missing_attestation_status", { PROVENANCE_ATTESTATION_STATUS = " " })
    reason(3, "unapproved_attestation_status", { PROVENANCE_ATTESTATION_STATUS = "pending" })
    reason(4, "missing_trust_root", { PROVENANCE_TRUST_ROOT = false })
    reason(5, "invalid_trust_root_format", { PROVENANCE_TRUST_ROOT = "zz" })
    reason(5, "invalid_trust_root_format", { PROVENANCE_TRUST_ROOT = ("00"):rep(31) })
    reason(5, "invalid_trust_root_format", { PROVENANCE_TRUST_ROOT = ("ff"):rep(32) })
    reason(6, "missing_attestation_payload", { PROVENANCE_ATTESTATION_PAYLOAD = "\t" })
    reason(7, "missing_attestation_signature", { PROVENANCE_ATTESTATION_SIGNATURE_HEX = false })
    reason(8, "invalid_attestation_signature_format", { PROVENANCE_ATTESTATION_SIGNATURE_HEX = ("00"):rep(63) })
    reason(9, "attestation_signature_verification_failed", { PROVENANCE_ATTESTATION_SIGNATURE_HEX = ("00"):rep(64) })
    reason(10, "invalid_attestation_payload", {}, "no json")
    reason(10, "invalid_attestation_payload", {}, payload({ more = "1" }):gsub('"more"', '"status"'))
    reason(10, "invalid_attestation_payload", {}, payload({ runtime_version = "1" }))
    reason(10, "invalid_attestation_payload", {}, payload({ status = "" }))
    reason(10, "invalid_attestation_payload", {}, payload({ expires_at_unix = "1.5" }))
    reason(11, "attestation_status_mismatch", {}, payload({ status = '"revoked"' }))
    reason(12, "runtime_version_not_attested", {}, payload({ runtime_version = '"0.1.1"' }))
    reason(14, "missing_attestation_expiry", {}, payload({ expires_at_unix = "" }))
    reason(14, "missing_attestation_expiry", {}, payload({ expires_at_unix = "null" }))
    reason(15, "attestation_expired", {}, payload({ expires_at_unix = tostring(NOW - 1) }))
    reason(16, "attestation_expiry_too_far_in_future", {}, payload({ expires_at_unix = tostring(NOW + 604801) }))
    reason(16, "attestation_expiry_too_far_in_future", {}, payload({ expires_at_unix = "18446744073709551615" }))
    reason(17, "missing_minimum_approved_version", { MIN_APPROVED_VERSION = false })
    reason(18, "invalid_minimum_approved_version", { MIN_APPROVED_VERSION = "v0.1.0" })
    reason(19, "runtime_version_below_minimum", { MIN_APPROVED_VERSION = "0.1.1" })

    it("PROV-13 answers clock_unavailable", function()
        local engine = engine_with(attestation.variables(payload()))
        engine.clock:fail_clock("wall")
        assert.equal("provenance_gate_rejected/clock_unavailable", (engine:refuse(DERIVE, REQUEST)))
    end)

    it("takes an expiry at exactly 7 days and at exactly now, ignores unknown members", function()
        for _, text in ipairs({ payload({ expires_at_unix = tostring(NOW + 604800) }),
            payload({ expires_at_unix = tostring(NOW) }), payload({ more = '{"a":[1]}' }),
            payload({ status = '" APPROVED"', runtime_version = '"0.1.0 "' }) }) do
            engine_with(attestation.variables(text)):must(DERIVE, REQUEST)
        end
    end)

    it("PROV-20 lets blanks around the payload be, and no change inside it", function()
        local variables = attestation.variables(payload())
        variables.PROVENANCE_ATTESTATION_PAYLOAD = payload() .. " "
        engine_with(variables):must(DERIVE, REQUEST)
        variables.PROVENANCE_ATTESTATION_PAYLOAD = payload():gsub(":", ": ", 1)
        assert.equal("provenance_gate_rejected/attestation_signature_verification_failed",
            (engine_with(variables):refuse(DERIVE, REQUEST)))
    end)

    it("PROV-21 stops the next call once the attestation has aged out", function()
        local engine = engine_with(attestation.variables(payload()))
        engine:must(DERIVE, REQUEST)
        engine.clock:advance_ms(1001000)
        assert.equal("provenance_gate_rejected/attestation_expired", (engine:refuse(DERIVE, REQUEST)))
    end)

    it("D-012 gates every call of this part but init and the liveness policy", function()
        local engine = engine_with({ ENFORCE_PROVENANCE_GATE = "true" })
        local missing = "provenance_gate_rejected/missing_attestation_status"
        assert.equal(missing, (engine:refuse("dkg_part1", REQUEST)))
        assert.equal(missing, (engine:refuse("build_taproot_tx", '{"session_id":" ","inputs":[],"outputs":[]}')))
        assert.equal(missing, (engine:refuse("retire_distributed_dkg_key_packages", { key_group = "x" })))
        assert.equal(30000, engine:must("roast_liveness_policy").coordinator_timeout_ms)
    end)

    it("D-012 gates parts 2 and 3 of the key generation", function()
        local engine = engine_with(attestation.variables(payload()))
        local first = engine:must("dkg_part1", REQUEST)
        engine.clock:advance_ms(1001000)
        local expired = "provenance_gate_rejected/attestation_expired"
        local two = { secret_package_hex = first.secret_package_hex, round1_packages = { first.package } }
        assert.equal(expired, (engine:refuse("dkg_part2", two)))
        local share = { identifier = first.package.identifier, package_hex = first.secret_package_hex }
        two.round2_packages = { share }
        assert.equal(expired, (engine:refuse("dkg_part3", two)))
    end)

    it("compares versions numerically; a pre-release is below its release only", function()
        local function below(runtime, minimum)
            return provenance.below(provenance.parse_version(runtime), provenance.parse_version(minimum))
        end
        assert.is_false(below("0.1.0", "0.1.0"))
        assert.is_true(below("0.1.0-rc1", "0.1.0"))
        assert.is_false(below("0.1.0", "0.1.0-rc9"))
        assert.is_false(below("0.1.0-rc1", "0.1.0-rc9"))
        assert.is_false(below("0.1.1-rc1", "0.1.0"))
        assert.is_false(below("1.0.0+b7", "1.0.0"))
        assert.is_false(below("0.10.0", "0.9.0"))
        assert.is_true(below("18446744073709551614.0.0", "18446744073709551615.0.0"))
        for _, text in ipairs({ "1.0", "1.0.0.0", "v1.0.0", "1.0.x", "", "1..0", "1.0.18446744073709551616", "-1.0.0" }) do
            assert.is_nil(provenance.parse_version(text), text)
        end
    end)
end)
