-- build_taproot_tx (policy-and-lifecycle 6): vectors, claims, replay, order of checks.
local engines = require("spec.support.engines")
local signer = require("tbtc_signer")
local transactions = require("spec.support.transactions")
local vectors = require("spec.support.vectors")

local input, output, request = transactions.input, transactions.output, transactions.request
local MAX_MONEY = 2100000000000000

describe("build_taproot_tx", function()
    local engine

    before_each(function() engine = engines.new() end)
    after_each(function()
        engine:close()
        engines.clean()
    end)

    local function builds(changes) return engine:must("build_taproot_tx", request(nil, changes)) end
    local function refuses(changes) return (engine:refuse("build_taproot_tx", request(nil, changes))) end

    it("TX-1 gives the bytes and sighashes of the vectors", function()
        for index, vector in ipairs(vectors.load("bip341/built_transactions").cases) do
            local inputs, outputs = {}, {}
            for place, item in ipairs(vector.inputs) do
                inputs[place] = {
                    txid_hex = item.txid, vout = item.vout, value_sats = item.value_sats, script_pubkey_hex = item.script,
                }
            end
            for place, item in ipairs(vector.outputs) do
                outputs[place] = { script_pubkey_hex = item.script, value_sats = item.value_sats }
            end
            if vector.version == 1 then
                local reply = engine:must("build_taproot_tx", { session_id = "v" .. index, inputs = inputs, outputs = outputs })
                assert.equal(vector.serialized or reply.tx_hex, reply.tx_hex)
                assert.same(vector.sighashes, reply.taproot_key_spend_sighashes_hex)
                assert.equal("v" .. index, reply.session_id)
            end
        end
    end)

    it("TX-1 fingerprints the request as the vector has it", function()
        local schema = require("tbtc_signer.schema.transaction").BuildTaprootTxRequest
        local bare = request()
        local bytes = vectors.bytes
        bare.inputs[1].txid_hex = bytes(bare.inputs[1].txid_hex)
        bare.inputs[1].script_pubkey_hex = bytes(bare.inputs[1].script_pubkey_hex)
        bare.outputs[1].script_pubkey_hex = bytes(bare.outputs[1].script_pubkey_hex)
        assert.equal("27fe0d388e43a6f869197692e481e28821966ae519641a127176c22e947ab2c9",
            signer.codec.fingerprint(schema, bare))
    end)

    it("D-026, D-124 builds nothing without a wall clock, whose time decides an eviction; answers retries", function()
        engine:close()
        local machine = signer.test_platform.new({ wall_ms = 1700000000000, monotonic_ms = 1 })
        engine = engines.new(nil, { platform = machine })
        local first = builds()
        machine:fail_clock("wall")
        assert.same(first, builds())
        local before = signer.test_state.counts(engine.raw)
        local code, envelope = engine:refuse("build_taproot_tx", request("s2"))
        assert.equal("internal_error", code)
        assert.truthy(envelope.message:find("clock", 1, true))
        assert.same(before, signer.test_state.counts(engine.raw))
        assert.is_nil(signer.test_state.session(engine.raw, "s2"))
        machine:fail_clock("none")
        engine:must("build_taproot_tx", request("s2"))
    end)

    it("TX-2 answers a retry with the same bytes and writes nothing", function()
        local _, _, first = engine:call("build_taproot_tx", request())
        local before = signer.test_state.counts(engine.raw)
        local _, _, second = engine:call("build_taproot_tx", request())
        assert.equal(first, second)
        assert.same(before, signer.test_state.counts(engine.raw))
    end)

    it("TX-2 answers a retry after a restart", function()
        local first = builds()
        engine = engine:reopen()
        assert.same(first, builds())
    end)

    it("TX-3, D-009 takes letter case for nothing", function()
        local upper = { inputs = { input(1, nil, ("5120" .. ("AB"):rep(32))) } }
        builds({ inputs = { input(1, nil, ("5120" .. ("ab"):rep(32))) } })
        builds(upper)
    end)

    it("refuses another request under the same session", function()
        builds()
        assert.equal("session_conflict", refuses({ outputs = { output(98000) } }))
        assert.equal("session_conflict", refuses({ outputs = { output(1, "zz") } })) -- before its own faults
    end)

    it("TX-4 refuses a retry once the class list is stricter, and keeps the result", function()
        engine:close()
        local on = { ENFORCE_SIGNING_POLICY_FIREWALL = "true" }
        engine = engines.new(on)
        local first = builds()
        engine = engine:reopen({ ENFORCE_SIGNING_POLICY_FIREWALL = "true", POLICY_ALLOWED_SCRIPT_CLASSES = "p2sh" })
        assert.equal("signing_policy_rejected/script_class_not_allowlisted", refuses())
        engine = engine:reopen(on)
        assert.same(first, builds())
    end)

    it("repeats the fee rules on a retry, on the prevouts that it kept (D-144)", function()
        builds()
        engine = engine:reopen({ ENFORCE_SIGNING_POLICY_FIREWALL = "true", POLICY_MAX_FEE_SATS = "999" })
        assert.equal("signing_policy_rejected/fee_exceeds_policy_limit", refuses())
        engine = engine:reopen({ ENFORCE_SIGNING_POLICY_FIREWALL = "true", POLICY_MAX_FEE_SATS = "1000" })
        builds()
    end)

    it("TX-5 finds an outpoint that appears twice, in whatever case", function()
        local one, two = input(0xab), input(0xab)
        two.txid_hex = two.txid_hex:upper()
        assert.equal("validation_error", refuses({ inputs = { one, two } }))
        two.vout = 1
        builds({ inputs = { one, two } })
    end)

    it("TX-6 takes all money and not one more, in one input and in the sum", function()
        builds({ inputs = { input(1, MAX_MONEY) } })
        for _, inputs in ipairs({ { input(1, MAX_MONEY + 1) }, { input(1, MAX_MONEY), input(2, 1) } }) do
            assert.equal("validation_error",
                (engine:refuse("build_taproot_tx", request("s2", { inputs = inputs }))))
        end
        assert.equal("validation_error", (engine:refuse("build_taproot_tx", request("s2",
            { inputs = { input(1, MAX_MONEY) }, outputs = { output(MAX_MONEY), output(1) } }))))
    end)

    it("takes amounts exactly, up to u64, in the request", function()
        local function body(value)
            return ('{"session_id":"u","inputs":[{"txid_hex":"%s","vout":0,"value_sats":%s,"script_pubkey_hex":"%s"}],'
                .. '"outputs":[{"script_pubkey_hex":"","value_sats":1}]}'):format(("00"):rep(32), value, transactions.p2tr())
        end
        for _, value in ipairs({ "18446744073709551615", "9223372036854775808", "2100000000000001" }) do
            local code, envelope = engine:refuse("build_taproot_tx", body(value))
            assert.equal("validation_error", code)
            assert.truthy(envelope.message:find("inputs[0] holds more than all money", 1, true), envelope.message)
        end
        for _, value in ipairs({ "18446744073709551616", "1.0", "1e3", "-1", '"1"', "-0" }) do
            assert.equal("validation_error", (engine:refuse("build_taproot_tx", body(value))))
        end
        engine:must("build_taproot_tx", body("2099999999999999"))
    end)

    it("TX-7 takes outputs up to the inputs, and not one above", function()
        builds({ outputs = { output(100000) } })
        assert.equal("validation_error", (engine:refuse("build_taproot_tx", request("s2", { outputs = { output(100001) } }))))
    end)

    it("TX-8 spends p2tr outputs only", function()
        assert.equal("validation_error", refuses({ inputs = { input(1, nil, transactions.p2wpkh()) } }))
        assert.equal("validation_error", refuses({ inputs = { input(1, nil, "") } }))
    end)

    it("TX-9 takes output scripts that parse", function()
        for _, script in ipairs({ "4c", "05aabb", "4d01", "zz", "6" }) do
            assert.equal("validation_error", refuses({ outputs = { output(1, script) } }), script)
        end
        builds({ outputs = { output(1, "6a"), output(1, "") } })
    end)

    it("TX-10 refuses every build of a rekeyed session, retries too", function()
        builds()
        signer.test_state.rekey(engine.raw, "s1", "lost device", "")
        assert.equal("lifecycle_policy_rejected/emergency_rekey_required", refuses())
        assert.equal("lifecycle_policy_rejected/emergency_rekey_required", refuses({ outputs = { output(1) } }))
    end)

    it("TX-11 leaves no session behind a failed first build", function()
        refuses({ outputs = { output(200000) } })
        assert.is_nil(signer.test_state.session(engine.raw, "s1"))
    end)

    it("6.3 checks in its order", function()
        local function message(changes, id)
            local _, envelope = engine:refuse("build_taproot_tx", request(id, changes))
            return envelope.message
        end
        local bad = { inputs = {}, outputs = {}, script_tree_hex = "" }
        local raw = '{"session_id":"%s","inputs":[%s],"outputs":[%s],"script_tree_hex":%s}'
        local function raw_message(...)
            local _, envelope = engine:refuse("build_taproot_tx", raw:format(...))
            return envelope.message
        end
        assert.truthy(raw_message("a b", "", "", '""'):find("session_id", 1, true))
        assert.truthy(raw_message("a", "", "", '""'):find("inputs must not be empty", 1, true))
        local good = ('{"txid_hex":"%s","vout":0,"value_sats":5,"script_pubkey_hex":"%s"}')
            :format(("00"):rep(32), transactions.p2tr())
        local nine = '{"script_pubkey_hex":"","value_sats":9}'
        assert.truthy(raw_message("a", good, "", '""'):find("outputs must not be empty", 1, true))
        assert.truthy(raw_message("a", good, nine, '""'):find("script_tree_hex", 1, true))
        assert.truthy(raw_message("a", good, nine, "null"):find("outputs hold more", 1, true))
        bad.inputs = { input(1, MAX_MONEY + 1), input(2) }
        bad.outputs = { output(MAX_MONEY + 1) }
        bad.script_tree_hex = nil
        assert.truthy(message(bad):find("inputs[0] holds more than all money", 1, true))
        bad.inputs[1].value_sats = 1
        bad.inputs[2].txid_hex = "00"
        assert.truthy(message(bad):find("inputs[1] has a txid_hex", 1, true))
        bad.inputs[2] = input(1)
        assert.truthy(message(bad):find("inputs[1] spends an outpoint", 1, true))
        bad.inputs[2] = input(2, 5, "zz")
        assert.truthy(message(bad):find("inputs[1] has a script_pubkey_hex that is no hex", 1, true))
        bad.inputs[2] = input(2, 5, "05aa")
        assert.truthy(message(bad):find("inputs[1] has a script_pubkey_hex that does not parse", 1, true))
        bad.inputs[2] = input(2, 5, "51")
        assert.truthy(message(bad):find("inputs[1] does not spend a p2tr output", 1, true))
        bad.inputs[2] = input(2)
        assert.truthy(message(bad):find("outputs[0] holds more than all money", 1, true))
    end)

    it("D-028 caps the inputs by the setting where the firewall is on, else by 10000", function()
        engine:close()
        engine = engines.new({ ENFORCE_SIGNING_POLICY_FIREWALL = "true", POLICY_MAX_INPUT_COUNT = "2" })
        builds({ inputs = { input(1), input(2) } })
        assert.equal("validation_error",
            (engine:refuse("build_taproot_tx", request("s2", { inputs = { input(1), input(2), input(3) } }))))
        engine:close()
        engine = engines.new({ POLICY_MAX_INPUT_COUNT = "2" })
        builds({ inputs = { input(1), input(2), input(3) } })
    end)

    it("refuses a new session at capacity, with its reason", function()
        engine:close()
        engine = engines.new({ MAX_SESSIONS = "1" })
        signer.test_state.create(engine.raw, "kept")
        signer.test_state.rekey(engine.raw, "kept", "keeps it", "")
        assert.equal("internal_error/capacity_exceeded", refuses())
    end)

    it("D-124 gives the slot of an idle transaction to a new one", function()
        engine:close()
        engine = engines.new({ MAX_SESSIONS = "2" })
        for index = 1, 4 do engine:must("build_taproot_tx", request("s" .. index)) end
        assert.is_nil(signer.test_state.session(engine.raw, "s1"))
    end)

    it("gives nothing back when the record cannot be written, and builds on the next call", function()
        builds()
        signer.test_fault.arm("write", "error")
        local code = engine:refuse("build_taproot_tx", request("s2"))
        signer.test_fault.clear()
        assert.truthy(code:find("internal_error", 1, true))
        engine:must("build_taproot_tx", request("s2"))
    end)
end)
