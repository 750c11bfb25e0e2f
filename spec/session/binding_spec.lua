-- Message binding at open and round 2 with the firewall on: interactive-session 14 (G-4 to G-6, G-13),
-- policy-and-lifecycle 5.5, D-128, D-135.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")
local state = signer.test_state
local refused = signing.assert_refused

local ENFORCED = { TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true" }

describe("message binding", function()
    local group

    before_each(function() group = signing.new({ environment = ENFORCED }) end)
    after_each(signing.finish_all)

    local function build(session, changes)
        local request = {
            session_id = session or "session",
            inputs = { { txid_hex = ("11"):rep(32), vout = 0, value_sats = 100000,
                script_pubkey_hex = "5120" .. group.key_group:sub(3) } },
            outputs = { { script_pubkey_hex = "0014" .. ("22"):rep(20), value_sats = 90000 } },
        }
        for key, value in pairs(changes or {}) do request[key] = value end
        local reply = signing.must(group:call("build_taproot_tx", request))
        return vectors.bytes(reply.taproot_key_spend_sighashes_hex[1])
    end

    it("G-5 refuses without a built transaction", function()
        refused({ code = "signing_policy_rejected", reason = "missing_policy_checked_build_tx" }, group:open())
        assert.is_nil(group:session())
    end)

    it("G-5 signs what the built transaction authorizes, and nothing else", function()
        local sighash = build()
        local options = { message = sighash }
        refused({ code = "signing_policy_rejected", reason = "signing_message_not_bound_to_policy_checked_build_tx" },
            group:open())
        local package = group:prepare(options)
        local signature = assert(group:aggregate(package, group:shares(package, options), options)).signature_hex
        assert.is_true(group:verifies(signature, sighash))
    end)

    it("G-4 in the form of D-002: digests of the transaction itself authorize nothing", function()
        build()
        local tx = vectors.bytes(signing.must(group:call("build_taproot_tx", {
            session_id = "session",
            inputs = { { txid_hex = ("11"):rep(32), vout = 0, value_sats = 100000,
                script_pubkey_hex = "5120" .. group.key_group:sub(3) } },
            outputs = { { script_pubkey_hex = "0014" .. ("22"):rep(20), value_sats = 90000 } },
        })).tx_hex)
        local once = signer.curve.sha256(tx)
        for _, digest in ipairs({ once, signer.curve.sha256(once) }) do
            refused({ code = "signing_policy_rejected", reason = "signing_message_not_bound_to_policy_checked_build_tx" },
                group:open({ message = digest }))
        end
    end)

    it("BIND-1 a build in one session authorizes nothing in another", function()
        local sighash = build("other")
        refused({ code = "signing_policy_rejected", reason = "missing_policy_checked_build_tx" },
            group:open({ message = sighash }))
    end)

    it("BIND-2, R2-10 a tightened rule between open and round 2 stops round 2; cleared, the nonces work", function()
        local options = { message = build() }
        local package, commitments = group:prepare(options)
        state.environment(group.engine, "TBTC_SIGNER_POLICY_ALLOWED_SCRIPT_CLASSES", "p2tr")
        refused({ code = "signing_policy_rejected", reason = "script_class_not_allowlisted" },
            group:round2(package, options))
        refused({ code = "signing_policy_rejected", reason = "script_class_not_allowlisted" },
            group:open(signing.with(options, { member = 3 })))
        state.environment(group.engine, "TBTC_SIGNER_POLICY_ALLOWED_SCRIPT_CLASSES", nil)
        assert.equal(0, #group:session().sets[state.CONSUMED])
        assert.equal(commitments[1], group:round1(options).commitments_hex)
        assert(group:round2(package, options))
    end)

    it("R2-10 a transaction that was replaced after the open stops round 2", function()
        local options = { message = build() }
        local package = group:prepare(options)
        state.transaction(group.engine, "session", { session_id = "session", tx = "\1", sighashes = { options.message },
            prevouts = { { 1, "\x51" } } })
        refused({ code = "signing_policy_rejected", reason = "invalid_policy_checked_build_tx_artifact" },
            group:round2(package, options))
        assert.equal(0, #group:session().sets[state.CONSUMED])
    end)

    it("G-10 a heartbeat beside a built transaction is ambiguous", function()
        build()
        local message = signer.roast.heartbeat_digest(("\xff"):rep(8) .. ("\0"):rep(7) .. "\1")
        refused({ code = "signing_policy_rejected", reason = "ambiguous_signing_policy_artifact" },
            group:open({ message = message,
                intent = { type = "heartbeat", message_hex = ("ff"):rep(8) .. ("00"):rep(7) .. "01" } }))
    end)

    it("G-12 counts both kinds of rejection", function()
        refused("signing_policy_rejected", group:open())
        refused("signing_policy_rejected",
            group:open({ intent = { type = "heartbeat", message_hex = ("00"):rep(16) } }))
        local counters = state.counters(group.engine)
        assert.equal(1, counters.BUILD_TAPROOT_TX_POLICY_REJECT)
        assert.equal(1, counters.HEARTBEAT_SIGNING_POLICY_REJECT)
    end)

    it("G-13 the root is bound by open, and is no part of the attempt id", function()
        local options = { message = build() }
        local rooted = signing.with(options, { root = signing.ROOT })
        assert.equal(group:attempt_id(options), group:attempt_id(rooted))
        local package = group:prepare(rooted)
        local signature = assert(group:aggregate(package, group:shares(package, rooted), rooted)).signature_hex
        assert.is_true(group:verifies(signature, options.message, signing.ROOT))
    end)

    describe("with an operator's script", function()
        local function policy(source)
            local folder = signing.folder()
            local file = assert(io.open(folder .. "/firewall.lua", "w"))
            file:write(source)
            file:close()
            for _, name in ipairs({ "quarantine", "dkg_admission" }) do
                os.execute(("cp policies/%s.lua '%s/'"):format(name, folder))
            end
            return folder
        end

        it("D-128 a refusal stops open and round 2, and lets the nonces live", function()
            local options = { message = build() }
            local package, commitments = group:prepare(options)
            state.environment(group.engine, "TBTC_SIGNER_POLICY_DIRECTORY", policy([[
                return { settings = {}, evaluate = function(input) return refuse("too_late", input.moment) end }
            ]]))
            refused({ code = "signing_policy_rejected", reason = "operator_policy_refused", text = "too_late: sign" },
                group:round2(package, options))
            refused("signing_policy_rejected", group:open(signing.with(options, { member = 3 })))
            assert.equal(0, #group:session().sets[state.CONSUMED])
            state.environment(group.engine, "TBTC_SIGNER_POLICY_DIRECTORY", nil)
            assert.equal(commitments[1], group:round1(options).commitments_hex)
            assert(group:round2(package, options))
        end)

        it("D-128 a script that loops is a refusal within bounded time", function()
            local options = { message = build() }
            local package = group:prepare(options)
            state.environment(group.engine, "TBTC_SIGNER_POLICY_DIRECTORY", policy("while true do end"))
            refused({ code = "signing_policy_rejected", reason = "operator_policy_failed" }, group:round2(package, options))
            state.environment(group.engine, "TBTC_SIGNER_POLICY_DIRECTORY", nil)
            assert(group:round2(package, options))
        end)

        it("PS-3 a refusal of the floor is answered as such", function()
            local options = { message = build() }
            local package = group:prepare(options)
            state.environment(group.engine, "TBTC_SIGNER_POLICY_DIRECTORY", policy("while true do end"))
            state.rekey(group.engine, "session", "spec", "")
            refused("lifecycle_policy_rejected", group:round2(package, options))
        end)

        it("PS-2 nothing of it stops an abort", function()
            local options = { message = build() }
            group:prepare(options)
            state.environment(group.engine, "TBTC_SIGNER_POLICY_DIRECTORY", policy("while true do end"))
            assert.is_true(assert(group:abort()).aborted)
        end)
    end)
end)
