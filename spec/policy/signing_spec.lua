-- Policy at the signing points: message binding, heartbeat intent, quarantine, rekey (policy-and-lifecycle
-- 5.5, 5.6, 7.2, 8.3; interactive-session 14).
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")
local transactions = require("spec.support.transactions")
local vectors = require("spec.support.vectors")

local refused, state = signing.assert_refused, signer.test_state
local FIREWALL = { TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true" }

local function with(variables)
    local all = { TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true" }
    for name, text in pairs(variables or {}) do all["TBTC_SIGNER_" .. name] = text end
    return all
end

local function policy(reason) return { code = "signing_policy_rejected", reason = reason } end

describe("policy at signing", function()
    after_each(signing.finish_all)

    --- Builds under the session id and gives the sighashes as bytes.
    local function build(group, session_id, changes)
        local reply, err = group:call("build_taproot_tx", transactions.request(session_id or "session", changes))
        assert(reply, err and err.message)
        local list = {}
        for index, text in ipairs(reply.taproot_key_spend_sighashes_hex) do list[index] = vectors.bytes(text) end
        return list
    end

    --- The group with another environment, on the same store.
    local function again(group, variables)
        group.environment = with(variables)
        return group:restart(true)
    end

    describe("message binding", function()
        it("5.5 asks for nothing while the firewall is off", function()
            assert(signing.new():open())
        end)

        it("5.5.3 wants a transaction", function()
            refused(policy("missing_policy_checked_build_tx"), signing.new({ environment = FIREWALL }):open())
        end)

        it("5.5.6 signs each sighash of the built transaction and nothing else", function()
            local group = signing.new({ environment = FIREWALL })
            local list = build(group, nil, { inputs = { transactions.input(1), transactions.input(2) } })
            refused(policy("signing_message_not_bound_to_policy_checked_build_tx"), group:open())
            assert(group:open({ message = list[1] }))
            assert(group:open({ message = list[2], member = 2 })) -- BIND-5
            refused(policy("signing_message_not_bound_to_policy_checked_build_tx"),
                group:open({ message = list[1]:sub(2), member = 3 }))
        end)

        it("BIND-1 binds to the session that built", function()
            local group = signing.new({ environment = FIREWALL })
            local list = build(group, "other")
            refused(policy("missing_policy_checked_build_tx"), group:open({ message = list[1] }))
        end)

        it("signs to the end under the firewall", function()
            local group = signing.new({ environment = FIREWALL })
            local message = build(group)[1]
            local package = group:prepare({ message = message })
            local shares = group:shares(package, { message = message })
            local reply = assert(group:aggregate(package, shares, { message = message }))
            assert.is_true(group:verifies(reply.signature_hex, message))
        end)

        it("BIND-2 stops round 2 by a rule that fails by then, consumes nothing, and lets it pass later", function()
            local group = signing.new({ environment = with({ POLICY_ALLOWED_UTC_START_HOUR = "22",
                POLICY_ALLOWED_UTC_END_HOUR = "23" }) })
            local open_hour = group.platform:wall_ms() -- 22:13 UTC
            local message = build(group)[1]
            local package = group:prepare({ message = message })
            group.platform:set_wall_ms(open_hour + 3600000)
            refused(policy("request_outside_allowed_utc_window"), group:round2(package, { message = message }))
            assert.is_nil(next((group:session().sets or {})[state.CONSUMED] or {}))
            group.platform:set_wall_ms(open_hour)
            assert(group:round2(package, { message = message }))
        end)

        it("BIND-3, 5.5.4 refuses an artifact that does not hold together", function()
            local group = signing.new({ environment = FIREWALL })
            local message = build(group, "made")[1]
            local sample = { value = 100000, script = vectors.bytes(transactions.p2tr()) }
            local tx = vectors.bytes(assert(group:call("build_taproot_tx", transactions.request("made"))).tx_hex)
            local prevouts = { { sample.value, sample.script } }
            for index, artifact in ipairs({
                { session_id = "elsewhere", tx = tx, sighashes = { message }, prevouts = prevouts },
                { tx = tx .. "\0", sighashes = { message }, prevouts = prevouts },
                { tx = tx:sub(1, -2), sighashes = { message }, prevouts = prevouts },
                { tx = tx, sighashes = {}, prevouts = {} },
                { tx = tx, sighashes = { message, message }, prevouts = prevouts },
                { tx = tx, sighashes = { message }, prevouts = {} },
            }) do
                local id = "artifact" .. index
                artifact.session_id = artifact.session_id or id
                state.transaction(group.engine, id, artifact)
                refused(policy("invalid_policy_checked_build_tx_artifact"), group:open({ session = id, message = message }))
            end
        end)

        it("5.5.5 runs the rules as they are now, without the rate", function()
            local group = signing.new({ environment = with({ POLICY_RATE_LIMIT_PER_MINUTE = "1" }) })
            local message = build(group)[1]
            for number = 1, 3 do assert(group:open({ message = message, number = number })) end
            for name, case in pairs({
                POLICY_MAX_OUTPUT_COUNT = { "0", "output_count_exceeds_policy_limit" },
                POLICY_MAX_TOTAL_OUTPUT_VALUE_SATS = { "98999", "total_output_value_exceeds_policy_limit" },
                POLICY_MAX_OUTPUT_VALUE_SATS = { "98999", "single_output_value_exceeds_policy_limit" },
                POLICY_ALLOWED_SCRIPT_CLASSES = { "p2wpkh", "script_class_not_allowlisted" },
                POLICY_MAX_FEE_SATS = { "999", "fee_exceeds_policy_limit" }, -- field case 4: on the kept prevouts
                POLICY_MAX_FEE_RATE_SAT_PER_KVB = { "1", "fee_rate_exceeds_policy_limit" },
                POLICY_RATE_LIMIT_PER_MINUTE = { "x", "invalid_policy_configuration" },
            }) do
                again(group, { [name] = case[1] })
                refused(policy(case[2]), group:open({ message = message, number = 4 }))
            end
            assert.equal(1, state.counters(group.engine).BUILD_TAPROOT_TX_POLICY_REJECT) -- BIND-4, of the last engine
        end)

        it("5.5.7 ties the prevout to the wallet's key and root (D-027)", function()
            local group = signing.new({ environment = with({ POLICY_REQUIRE_WALLET_PREVOUTS = "true" }) })
            local key_x = vectors.bytes(group.key_group):sub(2)
            local function script(root)
                return "5120" .. vectors.hex(signer.bitcoin.output_key(key_x, root))
            end
            local plain = build(group, "plain", { inputs = { transactions.input(1, nil, script()) } })[1]
            assert(group:open({ session = "plain", message = plain }))
            refused(policy("prevout_not_bound_to_wallet_key"),
                group:open({ session = "plain", message = plain, root = signing.ROOT, member = 2 }))
            local rooted = build(group, "rooted", { inputs = { transactions.input(1, nil, script(signing.ROOT)) } })[1]
            assert(group:open({ session = "rooted", message = rooted, root = signing.ROOT }))
            local foreign = build(group, "foreign")[1]
            refused(policy("prevout_not_bound_to_wallet_key"), group:open({ session = "foreign", message = foreign }))
        end)
    end)

    describe("heartbeat intent (5.6)", function()
        local function intent(text) return { type = "heartbeat", message_hex = text or "ffffffffffffffff0000000000000001" } end
        local DIGEST = vectors.bytes("38d30dacec5083c902952ce99fc0287659ad0b1ca2086827a8e78b0bef2c8bc1")

        it("HB-1 signs the double hash, firewall on or off", function()
            assert(signing.new({ environment = FIREWALL }):open({ intent = intent(), message = DIGEST }))
            assert(signing.new():open({ intent = intent("FFFFFFFFFFFFFFFF0123456789ABCDEF"),
                message = vectors.bytes("a40335ded2ff941b0f305bd507913845f6a2d0847d68a02e08acaf347b6a3c8a") }))
        end)

        it("HB-2, G-7 answers its reasons in order", function()
            local group = signing.new()
            local single = vectors.bytes("7e6f1ad0dcc726b7fd45df7373af64daa146e1635baac00b6fa80b031a101a47")
            refused(policy("heartbeat_signing_message_mismatch"), group:open({ intent = intent(), message = single }))
            for _, case in ipairs({
                { intent(), DIGEST, signing.ROOT }, { intent("zz"), DIGEST },
                { intent("ffffffffffffffff00000000000001"), DIGEST },
                { intent("fffffffffffffffe0000000000000001"), DIGEST }, { intent(), DIGEST:sub(2) },
                { intent("ffffffffffffffff000000000000000102"), DIGEST }, { intent(""), DIGEST },
            }) do
                refused(policy("invalid_heartbeat_signing_intent"),
                    group:open({ intent = case[1], message = case[2], root = case[3] }))
            end
            build(group, "both")
            refused(policy("ambiguous_signing_policy_artifact"),
                group:open({ session = "both", intent = intent(), message = DIGEST }))
            assert.equal(9, state.counters(group.engine).HEARTBEAT_SIGNING_POLICY_REJECT)
        end)

        it("HB-3, HB-5, HB-7 costs one token a fresh open, of the wallet's own budget", function()
            local group = signing.new({ environment = { TBTC_SIGNER_POLICY_HEARTBEAT_RATE_LIMIT_PER_MINUTE = "2" } })
            local options = { intent = intent(), message = DIGEST }
            assert(group:open(options))
            for _ = 1, 3 do assert(group:open(options)) end
            assert(group:open(signing.with(options, { member = 2 })))
            refused(policy("heartbeat_rate_limit_per_minute_exceeded"), group:open(signing.with(options, { member = 3 })))
            build(group, "unbothered")
            local package = group:package({ [1] = assert(group:round1(options)).commitments_hex,
                [2] = assert(group:round1(signing.with(options, { member = 2 }))).commitments_hex }, options)
            assert(group:round2(package, options))
            group.platform:advance_ms(30000)
            assert(group:open(signing.with(options, { member = 3 })))
        end)

        it("HB-3 refuses under a broken setting only when a token is due", function()
            local group = signing.new({ environment = { TBTC_SIGNER_POLICY_HEARTBEAT_RATE_LIMIT_PER_MINUTE = "0" } })
            refused(policy("invalid_policy_configuration"), group:open({ intent = intent(), message = DIGEST }))
            assert(group:open())
        end)
    end)

    describe("quarantine and rekey", function()
        local ON = { TBTC_SIGNER_ENABLE_AUTO_QUARANTINE = "true" }

        it("7.2 blocks the own member at open, a co-signer at round 2, and nobody while it is off", function()
            local group = signing.new({ environment = ON })
            state.quarantine(group.engine, 1, true)
            refused({ code = "quarantine_policy_rejected", reason = "operator_auto_quarantined" }, group:open())
            state.quarantine(group.engine, 1, false)
            local package = group:prepare()
            state.quarantine(group.engine, 2, true)
            refused({ code = "quarantine_policy_rejected", reason = "operator_auto_quarantined" }, group:round2(package))
            state.quarantine(group.engine, 2, false)
            assert(group:round2(package))
            local off = signing.new()
            state.quarantine(off.engine, 1, true)
            assert(off:open())
        end)

        it("Q-4 lets off whom the allowlist names", function()
            local group = signing.new({ environment = { TBTC_SIGNER_ENABLE_AUTO_QUARANTINE = "true",
                TBTC_SIGNER_AUTO_QUARANTINE_DAO_ALLOWLIST_IDENTIFIERS = "1" } })
            state.quarantine(group.engine, 1, true)
            assert(group:open())
        end)

        it("RK-2 an event on the wallet blocks its signing sessions and their builds", function()
            local group = signing.new()
            assert(group:open())
            state.rekey(group.engine, group.wallet, "lost", group.key_group)
            refused({ code = "lifecycle_policy_rejected", reason = "emergency_rekey_required" }, group:open({ member = 2 }))
            refused({ code = "lifecycle_policy_rejected", reason = "emergency_rekey_required" },
                group:call("build_taproot_tx", transactions.request("session")))
        end)
    end)
end)
