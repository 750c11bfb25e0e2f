-- The signing-policy firewall at the build (policy-and-lifecycle 5): rules, their order, the rate.
local engines = require("spec.support.engines")
local signer = require("tbtc_signer")
local transactions = require("spec.support.transactions")

local input, output, request = transactions.input, transactions.output, transactions.request
local p2tr, p2wpkh = transactions.p2tr, transactions.p2wpkh
local REJECT = "signing_policy_rejected/"

describe("firewall", function()
    local engine

    --- An engine with the firewall on, at `hour` UTC.
    local function start(variables, hour)
        local platform = signer.test_platform.new({ wall_ms = (1700006400 - 1700006400 % 86400 + (hour or 12) * 3600) * 1000,
            monotonic_ms = 1000000 })
        local all = { ENFORCE_SIGNING_POLICY_FIREWALL = "true" }
        for name, text in pairs(variables or {}) do all[name] = text end
        engine = engines.new(all, { platform = platform })
        engine.clock = platform
        return engine
    end

    after_each(function()
        if engine then engine:close() end
        engine = nil
        engines.clean()
    end)

    local function builds(changes) return engine:must("build_taproot_tx", request(nil, changes)) end

    local function refuses(changes)
        local code, envelope = engine:refuse("build_taproot_tx", request(nil, changes))
        return code, envelope
    end

    it("is off in development unless it is turned on", function()
        engine = engines.new()
        engine:must("build_taproot_tx", request(nil, { outputs = { output(1000, "6a") } }))
    end)

    it("FW-6 passes the five classes by default and refuses OP_RETURN", function()
        start()
        builds({ inputs = { input(1, 1000000) }, outputs = {
            output(1, "76a914" .. ("22"):rep(20) .. "88ac"), output(1, "a914" .. ("22"):rep(20) .. "87"), output(1, p2wpkh()),
            output(1, "0020" .. ("22"):rep(32)), output(1, p2tr()),
        } })
        local code, envelope = engine:refuse("build_taproot_tx", request("s2", { outputs = { output(0, "6a0401020304") } }))
        assert.equal(REJECT .. "script_class_not_allowlisted", code)
        assert.equal("recoverable", envelope.recovery_class)
        assert.truthy(envelope.message:find(
            "signing policy rejected for session s2: script_class_not_allowlisted: ", 1, true)) -- ERR-1
    end)

    it("FW-1 takes a template one byte longer or shorter for `other`", function()
        start({ POLICY_ALLOWED_SCRIPT_CLASSES = "p2tr,p2wpkh,p2wsh,p2pkh,p2sh" })
        for _, script in ipairs({ p2tr():sub(1, -3) , p2tr() .. "00", p2wpkh() .. "51", "0014" .. ("22"):rep(19),
            "76a914" .. ("22"):rep(20) .. "88acac", "5220" .. ("22"):rep(32), "" }) do
            local code = engine:refuse("build_taproot_tx", request(nil, { outputs = { output(1, script) } }))
            -- A p2tr push cut short does not even parse (D-151).
            local expected = script == p2tr():sub(1, -3) and "validation_error" or script == "0014" .. ("22"):rep(19)
                and "validation_error" or REJECT .. "script_class_not_allowlisted"
            assert.equal(expected, code, script)
        end
    end)

    it("FW-2 takes class names trimmed and in any case, `other` admits what parses, unknown ones are refused", function()
        start({ POLICY_ALLOWED_SCRIPT_CLASSES = " P2TR , other" })
        builds({ outputs = { output(1, "6a"), output(1) } })
        assert.equal(REJECT .. "script_class_not_allowlisted",
            (engine:refuse("build_taproot_tx", request("s2", { outputs = { output(1, p2wpkh()) } }))))
        engine:close()
        start({ POLICY_ALLOWED_SCRIPT_CLASSES = "p2tr,p2trx" })
        assert.equal(REJECT .. "invalid_policy_configuration", (refuses())) -- D-022
    end)

    it("FW-3 takes each limit inclusively", function()
        local outputs = { output(40000), output(60000) }
        for name, values in pairs({
            POLICY_MAX_OUTPUT_COUNT = { "2", "1", "output_count_exceeds_policy_limit" },
            POLICY_MAX_TOTAL_OUTPUT_VALUE_SATS = { "100000", "99999", "total_output_value_exceeds_policy_limit" },
            POLICY_MAX_OUTPUT_VALUE_SATS = { "60000", "59999", "single_output_value_exceeds_policy_limit" },
        }) do
            start({ [name] = values[1] })
            builds({ outputs = outputs })
            engine:close()
            start({ [name] = values[2] })
            assert.equal(REJECT .. values[3], (refuses({ outputs = outputs })))
            engine:close()
            engine = nil
        end
    end)

    it("FW-6 lets 10000 outputs pass and refuses 10001", function()
        start()
        local outputs = {}
        for index = 1, 10000 do outputs[index] = output(1, p2wpkh()) end
        builds({ outputs = outputs })
        outputs[10001] = output(1, p2wpkh())
        assert.equal(REJECT .. "output_count_exceeds_policy_limit",
            (engine:refuse("build_taproot_tx", request("s2", { outputs = outputs }))))
    end)

    it("5.3 answers the rules in their order", function()
        -- Each step mends the rule that answered before; every later rule is broken from the start.
        local steps = {
            { { POLICY_RATE_LIMIT_PER_MINUTE = "0" }, "invalid_policy_configuration" },
            { { POLICY_MAX_OUTPUT_COUNT = "1" }, "output_count_exceeds_policy_limit" },
            { { POLICY_MAX_TOTAL_OUTPUT_VALUE_SATS = "10" }, "total_output_value_exceeds_policy_limit" },
            { { POLICY_MAX_OUTPUT_VALUE_SATS = "10" }, "single_output_value_exceeds_policy_limit" },
            { { POLICY_ALLOWED_SCRIPT_CLASSES = "p2sh" }, "script_class_not_allowlisted" },
            { { POLICY_MAX_FEE_SATS = "10" }, "fee_exceeds_policy_limit" },
            { { POLICY_MAX_FEE_RATE_SAT_PER_KVB = "1" }, "fee_rate_exceeds_policy_limit" },
            { { POLICY_ALLOWED_UTC_START_HOUR = "1", POLICY_ALLOWED_UTC_END_HOUR = "2" }, "request_outside_allowed_utc_window" },
        }
        for first = 1, #steps do
            local variables = {}
            for index = first, #steps do
                for name, text in pairs(steps[index][1]) do variables[name] = text end
            end
            start(variables)
            assert.equal(REJECT .. steps[first][2], (refuses({ outputs = { output(1000), output(2000) } })))
            engine:close()
        end
        engine = nil
    end)

    it("rules 4 and 5 run output by output", function()
        start({ POLICY_MAX_OUTPUT_VALUE_SATS = "10" })
        assert.equal(REJECT .. "script_class_not_allowlisted", (refuses({ outputs = { output(1, "6a"), output(50) } })))
        assert.equal(REJECT .. "single_output_value_exceeds_policy_limit",
            (refuses({ outputs = { output(50), output(1, "6a") } })))
    end)

    it("refuses everything under a broken configuration", function()
        for _, variables in ipairs({
            { POLICY_MAX_OUTPUT_COUNT = "x" }, { POLICY_MAX_OUTPUT_VALUE_SATS = "-1" }, { POLICY_RATE_LIMIT_PER_MINUTE = "0" },
            { POLICY_ALLOWED_SCRIPT_CLASSES = "" }, { POLICY_ALLOWED_SCRIPT_CLASSES = "," },
            { POLICY_ALLOWED_UTC_START_HOUR = "9" }, { POLICY_ALLOWED_UTC_END_HOUR = "9" },
            { POLICY_ALLOWED_UTC_START_HOUR = "5", POLICY_ALLOWED_UTC_END_HOUR = "5" },
            { POLICY_ALLOWED_UTC_START_HOUR = "5", POLICY_ALLOWED_UTC_END_HOUR = "24" },
            { POLICY_MAX_INPUT_COUNT = "x" }, { POLICY_MAX_FEE_RATE_SAT_PER_KVB = "0" },
            { POLICY_REQUIRE_WALLET_PREVOUTS = "maybe" }, { ENFORCE_SIGNING_POLICY_FIREWALL = "ture" },
        }) do
            start(variables)
            assert.equal(REJECT .. "invalid_policy_configuration", (refuses()))
            engine:close()
        end
        engine = nil
    end)

    it("5.3.1 knows windows within a day and over midnight", function()
        local function allowed(from, to, hour)
            start({ POLICY_ALLOWED_UTC_START_HOUR = from, POLICY_ALLOWED_UTC_END_HOUR = to }, hour)
            local reply, envelope = engine:call("build_taproot_tx", request())
            engine:close()
            engine = nil
            if not reply then assert.equal("request_outside_allowed_utc_window", envelope.reason_code) end
            return reply ~= nil
        end
        for hour, expected in pairs({ [8] = false, [9] = true, [16] = true, [17] = false }) do
            assert.equal(expected, allowed("9", "17", hour), hour)
        end
        for hour, expected in pairs({ [21] = false, [22] = true, [0] = true, [5] = true, [6] = false }) do
            assert.equal(expected, allowed("22", "6", hour), hour)
        end
        assert.is_true(allowed("0", "23", 22))
        assert.is_false(allowed("0", "23", 23))
    end)

    it("5.3.1 answers clock_unavailable where the window needs a clock", function()
        start({ POLICY_ALLOWED_UTC_START_HOUR = "9", POLICY_ALLOWED_UTC_END_HOUR = "17" })
        builds()
        engine.clock:fail_clock("wall")
        assert.equal(REJECT .. "clock_unavailable", (refuses()))
    end)

    describe("fees (field case 4)", function()
        local changes = { inputs = { input(1, 100000000) }, outputs = { output(100000) } }

        it("D-027 lets almost everything go to fees while the settings are unset", function()
            start()
            builds(changes)
        end)

        it("D-144 refuses by the absolute limit, inclusively, and spends no token", function()
            start({ POLICY_MAX_FEE_SATS = "99899999", POLICY_RATE_LIMIT_PER_MINUTE = "1" })
            for _ = 1, 3 do assert.equal(REJECT .. "fee_exceeds_policy_limit", (refuses(changes))) end
            builds({ inputs = { input(1, 100000000) }, outputs = { output(100001) } })
        end)

        it("D-144 refuses by the rate over the estimated signed size", function()
            -- 94 bytes without witness: 4 * 94 + 2 + 66 = 444 weight units; 444 sat are 4000 sat per kvB.
            local exact = { outputs = { output(100000 - 444) } }
            start({ POLICY_MAX_FEE_RATE_SAT_PER_KVB = "4000" })
            builds(exact)
            engine:close()
            start({ POLICY_MAX_FEE_RATE_SAT_PER_KVB = "3999" })
            assert.equal(REJECT .. "fee_rate_exceeds_policy_limit", (refuses(exact)))
            builds({ outputs = { output(100000 - 443) } })
        end)
    end)

    describe("rate", function()
        local serial = 0
        local function build()
            serial = serial + 1
            local reply, envelope = engine:call("build_taproot_tx", request("r" .. serial))
            if not reply then assert.equal("rate_limit_per_minute_exceeded", envelope.reason_code) end
            return reply ~= nil
        end

        it("RL-1 fills at the start, refills by the second, loses fractions on each probe", function()
            start({ POLICY_RATE_LIMIT_PER_MINUTE = "2" })
            assert.same({ true, true, false }, { build(), build(), build() })
            engine.clock:advance_ms(29000)
            assert.is_false(build())
            engine.clock:advance_ms(1000)
            assert.is_false(build())
            engine.clock:advance_ms(1000)
            assert.is_true(build())
        end)

        it("RL-1 passes one after 30 s without a probe between", function()
            start({ POLICY_RATE_LIMIT_PER_MINUTE = "2" })
            assert.same({ true, true }, { build(), build() })
            engine.clock:advance_ms(30000)
            assert.same({ true, false }, { build(), build() })
        end)

        it("RL-2 passes 60 at once, then one a second", function()
            start()
            for _ = 1, 60 do assert.is_true(build()) end
            assert.is_false(build())
            engine.clock:advance_ms(1000)
            assert.same({ true, false }, { build(), build() })
        end)

        it("RL-4, D-026 is untouched by a wall clock that moves", function()
            start({ POLICY_RATE_LIMIT_PER_MINUTE = "1" })
            assert.is_true(build())
            engine.clock:set_wall_ms(1)
            assert.is_false(build())
            engine.clock:set_wall_ms(1900000000000)
            assert.is_false(build())
        end)

        it("FW-4, TX-2 costs nothing for a refused build and for a retry", function()
            start({ POLICY_RATE_LIMIT_PER_MINUTE = "1" })
            assert.equal(REJECT .. "script_class_not_allowlisted", (refuses({ outputs = { output(1, "6a") } })))
            builds()
            for _ = 1, 5 do builds() end
            assert.is_false(build())
        end)
    end)

    it("FW-5 counts and logs each refusal", function()
        start()
        local function count() return signer.test_state.counters(engine.raw).BUILD_TAPROOT_TX_POLICY_REJECT end
        refuses({ outputs = { output(1, "6a") } })
        refuses({ outputs = { output(200000) } }) -- a validation error is none
        assert.equal(1, count())
        builds()
        local counters = signer.test_state.counters(engine.raw)
        assert.same({ 3, 1, 1 },
            { counters.BUILD_TAPROOT_TX_CALLS, counters.BUILD_TAPROOT_TX_SUCCESS, counters.BUILD_TAPROOT_TX_POLICY_REJECT })
        builds() -- a retry is a call, not a success
        counters = signer.test_state.counters(engine.raw)
        assert.same({ 4, 1 }, { counters.BUILD_TAPROOT_TX_CALLS, counters.BUILD_TAPROOT_TX_SUCCESS })
    end)
end)
