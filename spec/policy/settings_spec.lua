-- Settings: profile, the two sources, text forms, defaults and ranges (policy-and-lifecycle 1, 2).
local signer = require("tbtc_signer")
local child = require("spec.support.child")

local settings = signer.settings

local function source(variables)
    local environment = {}
    for name, text in pairs(variables or {}) do environment["TBTC_SIGNER_" .. name] = text end
    return settings.environment(environment)
end

--- Name of the error that a reading raises, and its detail.
local function refusal(read, ...)
    local ok, problem = pcall(read, ...)
    assert.is_false(ok)
    return problem.error, problem.detail
end

describe("the environment of the process", function()
    --- An engine whose environment forgets an answer at the next question, as POSIX lets getenv do.
    local function read(kind, member, text)
        local core = signer.test_core
        local engine = core.engine({ environment = {
            TBTC_SIGNER_PROFILE = "production", ["TBTC_SIGNER_" .. member:upper()] = text,
        } })
        local _, value = core.call(engine, function(call) return settings[kind](call, member) end)
        engine:close(true)
        return value
    end

    it("CFG-3 the question whether to warn comes before a text is taken, not while it is read", function()
        assert.equal(true, read("flag", "enforce_admission_policy", "true"))
        assert.equal(3, read("number", "worker_threads", "3"))
        assert.equal("/scripts", read("text", "policy_directory", "/scripts"))
    end)
end)

describe("profile", function()
    it("PRF-1 is production where nothing is set", function()
        assert.is_true(settings.is_production(source()))
        assert.is_true(settings.firewall_enforced(source()))
        assert.is_true(settings.provenance_enforced(source()))
    end)

    it("PRF-2 takes development with blanks and capitals", function()
        assert.is_false(settings.is_production(source({ PROFILE = " Development " })))
        assert.is_false(settings.is_production(source({ PROFILE = "DEVELOPMENT" })))
    end)

    it("D-020 takes blank for unset and an unknown word for production", function()
        assert.is_true(settings.is_production(source({ PROFILE = "  " })))
        assert.is_true(settings.is_production(source({ PROFILE = "prod" })))
        assert.is_true(settings.is_production(source({ PROFILE = "development2" })))
    end)

    it("PRF-4 keeps the two gates on in production whatever their flags say", function()
        local off = source({ ENFORCE_PROVENANCE_GATE = "false", ENFORCE_SIGNING_POLICY_FIREWALL = "false" })
        assert.is_true(settings.provenance_enforced(off))
        assert.is_true(settings.firewall_enforced(off))
    end)

    it("turns the two gates on by their flags in development only", function()
        local off = source({ PROFILE = "development" })
        assert.is_false(settings.provenance_enforced(off))
        assert.is_false(settings.firewall_enforced(off))
        local on = source({ PROFILE = "development", ENFORCE_PROVENANCE_GATE = "on", ENFORCE_SIGNING_POLICY_FIREWALL = "1" })
        assert.is_true(settings.provenance_enforced(on))
        assert.is_true(settings.firewall_enforced(on))
    end)

    it("CFG-3, PRF-3 warns once about the environment and once about an unknown profile", function()
        local run = child.run([[
            local source = signer.settings.environment({ TBTC_SIGNER_PROFILE = "prod" })
            for _ = 1, 3 do
                signer.settings.is_production(source)
                signer.settings.number(source, "max_sessions")
            end
            local quiet = signer.settings.environment({ TBTC_SIGNER_PROFILE = "development" })
            signer.settings.number(quiet, "max_sessions")
        ]])
        assert.equal(0, run.status)
        local _, unknown = run.err:gsub("neither production nor development", "")
        local _, environment = run.err:gsub("settings are read from the environment", "")
        assert.same({ 1, 1 }, { unknown, environment })
    end)
end)

describe("flags", function()
    it("D-131 take eight words, trimmed, in any case", function()
        for text, expected in pairs({
            ["1"] = true, ["true"] = true, yes = true, on = true, [" TRUE "] = true, Yes = true,
            ["0"] = false, ["false"] = false, no = false, off = false, [" Off"] = false,
        }) do
            assert.equal(expected, settings.flag(source({ ENABLE_AUTO_QUARANTINE = text }), "enable_auto_quarantine"))
        end
        assert.is_false(settings.flag(source(), "enable_auto_quarantine"))
    end)

    it("D-131, D-145 refuse every other text, blank too, with the error of their family", function()
        for _, text in ipairs({ "ture", "2", "", " ", "+1", "on on", "enabled" }) do
            assert.equal("CONFIGURATION", (refusal(settings.flag, source({ ALLOW_BOOTSTRAP = text }), "allow_bootstrap")))
            assert.equal("ADMISSION_CONFIGURATION",
                (refusal(settings.flag, source({ ENFORCE_ADMISSION_POLICY = text }), "enforce_admission_policy")))
            local off = source({ PROFILE = "development", ENFORCE_SIGNING_POLICY_FIREWALL = text })
            assert.equal("SIGNING_CONFIGURATION", (refusal(settings.firewall_enforced, off)))
        end
    end)
end)

describe("numbers", function()
    local function read(member, text)
        return settings.number(source({ [member:upper()] = text }), member)
    end

    it("have the defaults of the tables", function()
        for member, expected in pairs({
            roast_coordinator_timeout_ms = 30000, refresh_cadence_seconds = 86400, max_sessions = 1024,
            max_live_interactive_sessions = 64, interactive_session_ttl_seconds = 3600, state_corrupt_backup_limit = 5,
            state_key_command_timeout_secs = 30, state_witness_max_records = 262144, admission_min_participants = 2,
            admission_min_threshold = 2, policy_max_output_count = 10000, policy_max_input_count = 10000,
            policy_max_output_value_sats = 2100000000000000, policy_max_total_output_value_sats = 2100000000000000,
            policy_rate_limit_per_minute = 60, policy_heartbeat_rate_limit_per_minute = 60,
            auto_quarantine_fault_threshold = 3, auto_quarantine_timeout_penalty = 1,
            auto_quarantine_invalid_share_penalty = 2, canary_max_start_sign_round_p95_ms = 5000,
            canary_max_finalize_sign_round_p95_ms = 5000, canary_max_policy_reject_rate_bps = 1000,
            canary_min_samples = 100, canary_max_sample_age_seconds = 3600, expected_inputs_per_signing = 25,
            policy_audit_max_bytes = 67108864, state_store_anchor_window = 64,
        }) do
            assert.equal(expected, settings.number(source(), member), member)
        end
        for _, member in ipairs({ "policy_max_fee_sats", "policy_max_fee_rate_sat_per_kvb", "policy_allowed_utc_start_hour",
            "canary_max_interactive_round1_p95_ms", "canary_min_policy_samples" }) do
            assert.is_nil(settings.number(source(), member), member)
        end
    end)

    it("are trimmed decimals, u64 exact", function()
        assert.equal(1000, read("roast_coordinator_timeout_ms", " 1000 "))
        assert.equal(-1, read("max_sessions", "18446744073709551615"))
        assert.equal(math.mininteger, read("max_sessions", "9223372036854775808"))
        assert.equal(9007199254740993, read("policy_max_output_value_sats", "9007199254740993"))
    end)

    it("D-021 refuses what is no decimal or out of range, and clamps nothing", function()
        for member, texts in pairs({
            roast_coordinator_timeout_ms = { "999", "300001", "+30000", "30000.0", "3e4", "0x7530", "-1", "", " ", "1 000" },
            refresh_cadence_seconds = { "59", "2592001" },
            max_sessions = { "0", "18446744073709551616", "99999999999999999999999" },
            max_live_interactive_sessions = { "0" },
            interactive_session_ttl_seconds = { "0", "31536001" },
            state_corrupt_backup_limit = { "0", "101" },
            canary_min_samples = { "0", "257" },
            canary_max_policy_reject_rate_bps = { "10001" },
            canary_max_sample_age_seconds = { "604801" },
            expected_inputs_per_signing = { "0", "10001" },
            policy_audit_max_bytes = { "1099511627777" },
            state_key_command_timeout_secs = { "0", "301" },
            auto_quarantine_fault_threshold = { "0" },
        }) do
            for _, text in ipairs(texts) do
                local error_name, detail = refusal(read, member, text)
                assert.equal("CONFIGURATION", error_name, member .. " = " .. text)
                assert.truthy(detail:find("TBTC_SIGNER_" .. member:upper(), 1, true))
            end
        end
        for _, member in ipairs({ "policy_max_output_count", "policy_rate_limit_per_minute", "policy_max_fee_sats" }) do
            assert.equal("SIGNING_CONFIGURATION", (refusal(read, member, "x")))
        end
        assert.equal("SIGNING_CONFIGURATION", (refusal(read, "policy_rate_limit_per_minute", "0")))
        assert.equal("SIGNING_CONFIGURATION", (refusal(read, "policy_heartbeat_rate_limit_per_minute", "0")))
        assert.equal("ADMISSION_CONFIGURATION", (refusal(read, "admission_min_threshold", "65536")))
        assert.equal("VALIDATION", (refusal(read, "state_witness_rotation_threshold_records", "02")))
    end)

    it("LOG-2 never shows the value in the refusal", function()
        local _, detail = refusal(read, "max_sessions", "sekrit")
        assert.is_nil(detail:find("sekrit", 1, true))
    end)
end)

describe("lists", function()
    local function identifiers(text)
        return settings.identifiers(source({ ADMISSION_REQUIRED_IDENTIFIERS = text }), "admission_required_identifiers")
    end

    it("are sorted, without duplicates and empty tokens", function()
        assert.same({ 1, 2, 65535 }, identifiers(" 2, 65535,,1 ,2"))
        assert.is_nil(identifiers(nil))
    end)

    it("D-022 refuses 0, only commas, blank, and what is no u16", function()
        for _, text in ipairs({ "0", "1,0", ",", ",,", "", " ", "65536", "a", "1;2", "+1", "1.0" }) do
            assert.equal("ADMISSION_CONFIGURATION", (refusal(identifiers, text)), text)
        end
    end)
end)

describe("state path and key provider", function()
    it("is a trimmed path", function()
        assert.equal("/x/y", settings.state_path(source({ STATE_PATH = " /x/y " })))
    end)

    it("must be set in production, blank counting as unset", function()
        assert.equal("CONFIGURATION", (refusal(settings.state_path, source())))
        assert.equal("CONFIGURATION", (refusal(settings.state_path, source({ STATE_PATH = " " }))))
    end)

    it("has a default in development", function()
        assert.truthy(settings.state_path(source({ PROFILE = "development" })):find("/frost_tbtc_engine_state.json", 1, true))
    end)

    it("D-145 refuses a path that begins or ends with a quote", function()
        for _, path in ipairs({ '"/x"', "'/x", "/x'" }) do
            local error_name, detail = refusal(settings.state_path, source({ STATE_PATH = path }))
            assert.equal("CONFIGURATION", error_name)
            assert.is_nil(detail:find("/x", 1, true)) -- LOG-5
        end
    end)

    it("knows its words only", function()
        assert.equal("command", settings.word(source({ STATE_KEY_PROVIDER = " Command " }), "state_key_provider"))
        assert.equal("CONFIGURATION", (refusal(settings.word, source({ STATE_KEY_PROVIDER = "vault" }), "state_key_provider")))
        assert.equal("CONFIGURATION",
            (refusal(settings.word, source({ STATE_CORRUPTION_POLICY = "reset" }), "state_corruption_policy")))
    end)
end)

describe("start", function()
    it("12.2, D-147 warns once about gates that are off and caps that are too small", function()
        local run = child.run([[
            local source = signer.settings.environment({
                TBTC_SIGNER_PROFILE = "development", TBTC_SIGNER_STATE_PATH = "/x", TBTC_SIGNER_POLICY_DIRECTORY = "/p",
            })
            signer.settings.warn_start(source, 5)
            signer.settings.warn_start(source, 5)
        ]])
        for _, text in ipairs({ "provenance gate is off", "admission policy is off", "auto-quarantine is off",
            "signing-policy firewall is off", "state path override: /x", "script firewall of policy_directory is not asked",
            "max_live_interactive_sessions is 64; 25 inputs with 5 seats here need 125" }) do
            local _, count = run.err:gsub(text:gsub("%p", "%%%0"), "")
            assert.equal(1, count, text)
        end
    end)
end)
