-- init_signer_config (policy-and-lifecycle 2.2; abi 3.1, Appendix A) and roast_liveness_policy.
local attestation = require("spec.support.attestation")
local engines = require("spec.support.engines")
local signer = require("tbtc_signer")
local transactions = require("spec.support.transactions")

local NOW = 1800000000
local ANCHOR_KEY = "0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" -- RFC 8032, test 1
local OTHER_KEY = "0x3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"  -- test 2

local function spki(key)
    local vectors = require("spec.support.vectors")
    return "0x" .. vectors.hex(signer.curve.sha256(vectors.bytes("302a300506032b6570032100" .. key:sub(3))))
end

local function anchors(changes)
    local all = {
        profile = "development",
        state_anchor_binding_hash = "0x" .. ("01"):rep(32),
        state_anchor_response_public_key = ANCHOR_KEY,
        state_anchor_response_public_key_spki_sha256 = spki(ANCHOR_KEY),
        state_witness_rotation_threshold_records = 1024,
        state_anchor_protocol_id = "0x" .. ("02"):rep(32),
        state_anchor_stream_id = "0x" .. ("03"):rep(32),
        state_anchor_activation_manifest_hash = "0x" .. ("04"):rep(32),
        state_anchor_activation_manifest_sequence = 1,
        state_anchor_offline_authority_public_key = OTHER_KEY,
        state_anchor_offline_authority_public_key_spki_sha256 = spki(OTHER_KEY),
        state_anchor_trust_certificate_digest = "0x" .. ("05"):rep(32),
    }
    all.state_anchor_trust_certificate_sequence = 7
    for name, value in pairs(changes or {}) do all[name] = value or nil end
    return all
end

local function production(changes)
    local variables = attestation.variables(attestation.payload(NOW))
    local all = {
        profile = "production", state_path = "/nowhere/state", state_key_provider = "command", state_key_command = "exit 1",
        provenance_attestation_status = "approved",
        provenance_attestation_payload = variables.PROVENANCE_ATTESTATION_PAYLOAD,
        provenance_attestation_signature_hex = variables.PROVENANCE_ATTESTATION_SIGNATURE_HEX,
        provenance_trust_root = variables.PROVENANCE_TRUST_ROOT,
        min_approved_version = "0.1.0",
    }
    for name, value in pairs(changes or {}) do all[name] = value or nil end
    return all
end

describe("init_signer_config", function()
    local engine

    before_each(function()
        engine = engines.new(nil, { platform = signer.test_platform.new({ wall_ms = NOW * 1000, monotonic_ms = 1000 }) })
    end)
    after_each(function()
        engine:close()
        engines.clean()
    end)

    local function install(request) return engine:must("init_signer_config", request) end

    --- The failure, which must name the member and leave nothing installed.
    local function refused(request, member)
        local code, envelope = engine:refuse("init_signer_config", request)
        if member then assert.truthy(envelope.message:find(member, 1, true), envelope.message) end
        return code
    end

    it("calls memory that runs out by its name, never a bad value", function()
        local nth = 0
        repeat
            nth = nth + 1
            signer.test_fault.arm("allocation", "error", nth)
            local good, problem = pcall(signer.settings.candidate, { profile = "development", max_sessions = 5 })
            local struck = signer.test_fault.hits("allocation") >= nth
            signer.test_fault.clear()
            if not good then assert.equal("OUT_OF_MEMORY", problem.error, problem.detail) end
        until not struck
        assert.is_true(nth > 3)
    end)

    it("CFG-5 installs once, answers the same bytes again, refuses others", function()
        local first = install({ profile = "development" })
        assert.same({
            installed = true, idempotent = false, configured_key_count = 1,
            config_fingerprint = "f15a89503677e6a8828791d43a1646f5d875275c34799f658447766a81eab2b1",
        }, first)
        local again = install('{ "profile" : "development" , "max_sessions":null }')
        assert.is_true(again.idempotent)
        assert.equal(1, again.configured_key_count)
        local code, envelope = engine:refuse("init_signer_config", { profile = "Development" })
        assert.equal("validation_error", code)
        assert.truthy(envelope.message:find(first.config_fingerprint, 1, true))
    end)

    it("fingerprints in the declared order (vector)", function()
        local reply = install('{"roast_coordinator_timeout_ms":45000,"profile":"development"}')
        assert.equal("d96e46457dca15ce8d4726237d1cf9197edd1a3c800fb801b0cfbe003c1d62c9", reply.config_fingerprint)
        assert.equal(2, reply.configured_key_count)
    end)

    it("answers members in the order of the ABI", function()
        local _, _, text = engine:call("init_signer_config", { profile = "development" })
        assert.truthy(text:find('^{"installed":true,"idempotent":false,"config_fingerprint":"%x+","configured_key_count":1}$'))
    end)

    it("CFG-1 reads no environment once it is installed", function()
        engine:close()
        engine = engines.new({ ROAST_COORDINATOR_TIMEOUT_MS = "45000" })
        assert.equal(45000, engine:must("roast_liveness_policy").coordinator_timeout_ms)
        install({ profile = "development" })
        assert.equal(30000, engine:must("roast_liveness_policy").coordinator_timeout_ms)
    end)

    it("CFG-6, CFG-2 refuses unknown members and leaves the environment in force", function()
        engine:close()
        engine = engines.new({ ROAST_COORDINATOR_TIMEOUT_MS = "45000" })
        for _, body in ipairs({ '{"max_sesions":5}', '{"state_encryption_key_hex":"00"}',
            '{"profile":"development","x":null}' }) do
            assert.equal("validation_error", refused(body))
        end
        assert.equal(45000, engine:must("roast_liveness_policy").coordinator_timeout_ms)
    end)

    it("CFG-6 names the member that it does not know, as far as it is a name", function()
        local function message(body)
            local code, envelope = engine:refuse("init_signer_config", body)
            assert.equal("validation_error", code)
            return envelope.message
        end
        assert.truthy(message('{"max_sesions":5}'):find("unknown member 'max_sesions'", 1, true))
        assert.truthy(message('{"profile":"development","\\u0078":null}'):find("unknown member 'x'", 1, true))
        assert.truthy(message('{"":1}'):find("unknown member ''", 1, true))
        assert.truthy(message('{"a\\nb\\u00e9\\"c":1}'):find("unknown member 'a_b___c'", 1, true))
        local long = ("n"):rep(100)
        assert.truthy(message(('{"%s":1}'):format(long)):find("unknown member '" .. long:sub(1, 64) .. "' and more", 1, true))
    end)

    it("refuses wrong types at once", function()
        for _, body in ipairs({
            '{"profile":1}', '{"max_sessions":"5"}', '{"max_sessions":-1}', '{"max_sessions":1.0}', '{"max_sessions":1e3}',
            '{"max_sessions":18446744073709551616}', '{"allow_bootstrap":1}', '{"allow_bootstrap":"true"}',
            '{"admission_required_identifiers":[65536]}', '{"admission_required_identifiers":"1"}',
            '{"policy_allowed_script_classes":[1]}', '{"policy_allowed_utc_start_hour":256}',
            '{"profile":"development","profile":"development"}', "[]", '""', "", '["development"]',
        }) do
            assert.equal("validation_error", refused(body))
        end
    end)

    it("CFG-7 takes {} for production, which wants a state path", function()
        assert.equal("validation_error", refused("{}", "state_path"))
    end)

    it("2.2.1 refuses blank texts, empty lists, unknown profiles, zero bytes", function()
        for member, values in pairs({
            state_path = { '""', '" "', '"a\\u0000b"' }, profile = { '"prod"', '" "', '""' }, state_key_command = { '"\\t"' },
            admission_required_identifiers = { "[]" }, policy_allowed_script_classes = { "[]", '[" "]', '["p2tr",""]' },
        }) do
            for _, value in ipairs(values) do
                local profile = member == "profile" and "" or '"profile":"development",'
                assert.equal("validation_error", refused(("{%s%q:%s}"):format(profile, member, value), member))
            end
        end
    end)

    it("D-021, D-022, CFG-12, CFG-13 refuse bad values with the name of the member, gate on or off", function()
        for member, values in pairs({
            roast_coordinator_timeout_ms = { 999, 300001 }, refresh_cadence_seconds = { 59, 2592001 }, max_sessions = { 0 },
            max_live_interactive_sessions = { 0 }, interactive_session_ttl_seconds = { 0, 31536001 },
            state_corrupt_backup_limit = { 0, 101 }, state_corruption_policy = { "reset" }, state_key_provider = { "hsm" },
            state_key_command_timeout_secs = { 0, 301 }, admission_min_threshold = { 65536 },
            admission_allowlist_identifiers = { { 0 }, { 1, 0 } }, admission_required_identifiers = { { 0 } },
            policy_allowed_script_classes = { { "p2trx" }, { "p2tr,p2wpkh" } }, policy_rate_limit_per_minute = { 0 },
            policy_heartbeat_rate_limit_per_minute = { 0 }, policy_allowed_utc_start_hour = { 9, 24 },
            auto_quarantine_fault_threshold = { 0 }, auto_quarantine_timeout_penalty = { 0 },
            auto_quarantine_dao_allowlist_identifiers = { { 0 } }, canary_min_samples = { 0, 257 },
            canary_max_policy_reject_rate_bps = { 10001 }, canary_max_sample_age_seconds = { 0, 604801 },
            state_witness_max_records = { 1, 1000001 }, policy_max_fee_rate_sat_per_kvb = { 0 },
            expected_inputs_per_signing = { 0, 10001 }, state_store_anchor_window = { 0, 65537 },
            worker_threads = { 0, 65 },
            state_store_anchor = { "paper", "counter_file" }, state_store_anchor_path = { "/x" }, purpose = { "testing" },
            state_path = { '"/x"' },
        }) do
            for _, value in ipairs(values) do
                local named = member:gsub("_start_hour$", "_")
                assert.equal("validation_error", refused({ profile = "development", [member] = value }, named))
            end
        end
        assert.equal("validation_error", refused({ profile = "development", policy_allowed_utc_start_hour = 5,
            policy_allowed_utc_end_hour = 5 }, "policy_allowed_utc_end_hour"))
        install({ profile = "development" }) -- CFG-8: nothing of that left a trace
    end)

    it("reports admission before the firewall before quarantine before the state path", function()
        local request = { admission_min_threshold = 70000, policy_rate_limit_per_minute = 0, auto_quarantine_fault_threshold = 0,
            policy_heartbeat_rate_limit_per_minute = 0, state_witness_max_records = 0, state_key_provider = "x" }
        for _, member in ipairs({ "admission_min_threshold", "policy_rate_limit_per_minute",
            "policy_heartbeat_rate_limit_per_minute", "auto_quarantine_fault_threshold" }) do
            refused(request, member)
            request[member] = nil
        end
        refused(request, "state_path")
        request.state_path = "/x"
        refused(request, "state_witness_max_records")
        request.state_witness_max_records = nil
        refused(request, "state_key_provider")
    end)

    it("CFG-9 takes a production configuration that is whole, and names what is missing", function()
        for member, code in pairs({
            state_path = "validation_error", state_key_provider = "validation_error", state_key_command = "validation_error",
            provenance_attestation_status = "provenance_gate_rejected/missing_attestation_status",
            provenance_attestation_payload = "provenance_gate_rejected/missing_attestation_payload",
            provenance_attestation_signature_hex = "provenance_gate_rejected/missing_attestation_signature",
            provenance_trust_root = "provenance_gate_rejected/missing_trust_root",
            min_approved_version = "provenance_gate_rejected/missing_minimum_approved_version",
        }) do
            assert.equal(code, refused(production({ [member] = false })), member)
        end
        assert.equal("validation_error", refused(production({ state_key_provider = "env" }), "state_key_provider"))
        assert.equal(9, install(production()).configured_key_count)
    end)

    it("CFG-10 does not exempt later calls from the attestation", function()
        engine:close()
        local clock = signer.test_platform.new({ wall_ms = NOW * 1000, monotonic_ms = 1000 })
        engine = engines.new(nil, { platform = clock })
        install(production())
        local request = { participant_identifier = ("%064x"):format(1), max_signers = 3, min_signers = 2 }
        engine:must("dkg_part1", request)
        clock:advance_ms(2000000)
        assert.equal("provenance_gate_rejected/attestation_expired", (engine:refuse("dkg_part1", request)))
    end)

    it("D-024 never opens the store", function()
        install({ profile = "development", state_path = engine.folder .. "/deep/state" })
        assert.is_nil(io.open(engine.folder .. "/deep"))
        assert.is_nil(io.open(engine.folder .. "/state.lock"))
    end)

    it("2.8 takes a policy directory whose scripts can be read and run", function()
        local function write(name, text)
            local file = assert(io.open(engine.folder .. "/" .. name .. ".lua", "wb"))
            file:write(text)
            file:close()
        end
        local request = { profile = "development", policy_directory = engine.folder }
        assert.equal("validation_error", refused({ profile = "development", policy_directory = "/nowhere" }, "policy_directory"))
        assert.equal("validation_error", refused(request, "no readable firewall.lua"))
        local allow = "return { evaluate = function() return allow() end }"
        for _, name in ipairs({ "firewall", "dkg_admission" }) do write(name, allow) end
        write("quarantine", "return {")
        assert.equal("validation_error", refused(request, "policy_directory: quarantine.lua"))
        write("quarantine", allow)
        install(request)
    end)

    it("puts the installed values to use", function()
        install({ profile = "development", enforce_signing_policy_firewall = true, policy_allowed_script_classes = { "P2WPKH" },
            state_path = engine.folder .. "/state" })
        assert.equal("signing_policy_rejected/script_class_not_allowlisted",
            (engine:refuse("build_taproot_tx", transactions.request())))
    end)

    it("pol 2.8 takes the counter file with its path, and not beside anchor pins", function()
        local counter = { state_store_anchor = "counter_file", state_store_anchor_path = "/elsewhere/counter" }
        assert.equal("validation_error", refused(anchors(counter), "state_store_anchor"))
        counter.profile = "development"
        install(counter)
    end)

    it("CFG-15, CFG-16 takes anchor members together, four alone in development", function()
        for name in pairs(anchors()) do
            if name ~= "profile" then
                assert.equal("validation_error", refused(anchors({ [name] = false }), name))
            end
        end
        for name, value in pairs({
            state_anchor_binding_hash = "0x" .. ("00"):rep(32), state_anchor_stream_id = "0x" .. ("AB"):rep(32),
            state_anchor_protocol_id = ("01"):rep(32), state_anchor_response_public_key = "0x01" .. ("00"):rep(31),
            state_anchor_response_public_key_spki_sha256 = "0x" .. ("01"):rep(32),
            state_witness_rotation_threshold_records = 262144 - 7, state_anchor_activation_manifest_sequence = 0,
            state_anchor_trust_certificate_digest = "0x" .. ("01"):rep(31),
        }) do
            assert.equal("validation_error", refused(anchors({ [name] = value }), name))
        end
        assert.equal("validation_error", refused(anchors({ state_anchor_offline_authority_public_key = ANCHOR_KEY,
            state_anchor_offline_authority_public_key_spki_sha256 = spki(ANCHOR_KEY) }), "must differ"))
        install(anchors({ state_witness_rotation_threshold_records = 262144 - 8 }))
    end)

    it("CFG-15 takes the first four alone in development", function()
        local four = { profile = "development" }
        for _, name in ipairs({ "state_anchor_binding_hash", "state_anchor_response_public_key",
            "state_anchor_response_public_key_spki_sha256", "state_witness_rotation_threshold_records" }) do
            four[name] = anchors()[name]
        end
        install(four)
    end)

    it("2.6 takes the provisioning purpose without anchors and with four records", function()
        local purpose = "state_anchor_bootstrap_provisioning"
        assert.equal("validation_error", refused({ profile = "development", purpose = purpose }, "state_witness_max_records"))
        assert.equal("validation_error", refused(anchors({ purpose = purpose, state_witness_max_records = 4 }), "purpose"))
        install({ profile = "development", purpose = purpose, state_witness_max_records = 4 })
    end)

    it("takes every member of the table", function()
        for _, setting in ipairs(signer.settings.list()) do
            local value = ({ flag = "true", identifiers = "[1]", classes = '["p2tr"]', text = '"x"', word = '"x"',
                bytes32 = '"x"' })[setting.type] or "1"
            local code, envelope = engine:call("init_signer_config",
                ('{"profile":"development","%s":%s}'):format(setting.member, value))
            local text = code and "" or envelope.message
            assert.is_nil(text:find("JSON request payload is invalid: " .. setting.member, 1, true), text)
            if code then
                engine:close()
                engine = engines.new()
            end
        end
        assert.equal(77, #signer.settings.list())
    end)
end)

describe("roast_liveness_policy", function()
    it("answers the constants in their order, and refuses a bad time-out (D-021)", function()
        local engine = engines.new()
        local _, _, text = engine:call("roast_liveness_policy")
        assert.equal('{"coordinator_timeout_ms":30000,"timeout_source":"keep_core_wall_clock",'
            .. '"advance_trigger":"coordinator_timeout","exclusion_evidence_policy":"timeout_or_invalid_share_proof"}', text)
        engine:close()
        engine = engines.new({ ROAST_COORDINATOR_TIMEOUT_MS = "999" })
        assert.equal("internal_error/invalid_configuration_value", (engine:refuse("roast_liveness_policy")))
        engine:close()
        engines.clean()
    end)
end)
