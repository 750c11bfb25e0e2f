-- The C operations past the endpoint files: what must hold whoever calls them (design 4; D-135).
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")
local transactions = require("spec.support.transactions")
local vectors = require("spec.support.vectors")

local core, gates, build_tx = signer.test_core, signer.gates, signer.build_tx
local bytes = vectors.bytes

describe("core of the build", function()
    local engine, platform

    before_each(function()
        platform = signer.test_platform.new({ wall_ms = 1700000000000, monotonic_ms = 1000000 })
        engine = core.engine({ platform = platform, environment = {
            TBTC_SIGNER_PROFILE = "development", TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true",
            TBTC_SIGNER_STATE_PATH = signing.folder() .. "/state", TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("5a"):rep(32),
        } })
    end)
    after_each(function()
        engine:close()
        signing.finish_all()
    end)

    local function decoded(request)
        for _, item in ipairs(request.inputs) do
            item.txid_hex, item.script_pubkey_hex = bytes(item.txid_hex), bytes(item.script_pubkey_hex)
        end
        for _, item in ipairs(request.outputs) do item.script_pubkey_hex = bytes(item.script_pubkey_hex) end
        return request
    end

    local ALLOWED = { allowed = true, failed = false, sha256 = signer.curve.sha256("script"), version = "", code = "",
        detail = "" }

    --- One build with the verdict that `ask(call, json)` stores. Name of the error, or "ok".
    local function build(id, ask)
        local ok, result = core.call(engine, function(call)
            local request = decoded(transactions.request(id))
            local plan = build_tx.plan(call, request.inputs, request.outputs)
            gates.publish_policy(call, "firewall", signer.curve.sha256("script"))
            if ask then ask(call, plan:policy_input(id)) end
            call:enter()
            local outcome = build_tx.commit(call, id, ("0"):rep(64), plan)
            call:leave()
            core.wait(call)
            return outcome
        end)
        return ok and "ok" or result.error
    end

    local function allow(call, json) gates.store_verdict(call, "firewall", signer.curve.sha256(json), ALLOWED) end

    it("D-135 wants a verdict, on this input, of this hook, by the script in force", function()
        assert.equal("ASK_POLICY", build("a"))
        assert.equal("ASK_POLICY", build("a", function(call)
            gates.store_verdict(call, "firewall", signer.curve.sha256("another input"), ALLOWED)
        end))
        assert.equal("ASK_POLICY", build("a", function(call, json)
            gates.store_verdict(call, "dkg_admission", signer.curve.sha256(json), ALLOWED)
        end))
        assert.equal("ASK_POLICY", build("a", function(call, json)
            allow(call, json)
            gates.publish_policy(call, "firewall", signer.curve.sha256("replaced meanwhile"))
        end))
        assert.equal("ok", build("a", allow))
    end)

    it("takes a verdict that both allows and failed for a failure, and one that does neither for a refusal", function()
        for name, changes in pairs({
            OPERATOR_FAILED = { failed = true }, OPERATOR_REFUSED = { allowed = false, code = "no" },
        }) do
            local answer = {}
            for key, value in pairs(ALLOWED) do answer[key] = value end
            for key, value in pairs(changes) do answer[key] = value end
            assert.equal(name, build("b", function(call, json)
                gates.store_verdict(call, "firewall", signer.curve.sha256(json), answer)
            end))
        end
    end)

    it("refuses what the floor refuses although a verdict allows it", function()
        engine:set("TBTC_SIGNER_POLICY_ALLOWED_SCRIPT_CLASSES", "p2sh")
        assert.equal("SCRIPT_CLASS", build("c", allow))
    end)

    it("CFG-4 reads the environment at each use", function()
        assert.equal("ok", build("d", allow))
        engine:set("TBTC_SIGNER_POLICY_MAX_OUTPUT_COUNT", "0")
        assert.equal("OUTPUT_COUNT", build("e", allow))
        engine:set("TBTC_SIGNER_POLICY_MAX_OUTPUT_COUNT", nil)
        assert.equal("ok", build("e", allow))
    end)

    it("RL-3 cuts the stock to a lower limit at once, and a higher one adds nothing at once", function()
        for index = 1, 20 do assert.equal("ok", build("r" .. index, allow)) end
        engine:set("TBTC_SIGNER_POLICY_RATE_LIMIT_PER_MINUTE", "1")
        assert.equal("ok", build("r21", allow))
        assert.equal("RATE_LIMIT", build("r22", allow))
        engine:set("TBTC_SIGNER_POLICY_RATE_LIMIT_PER_MINUTE", "60")
        assert.equal("RATE_LIMIT", build("r22", allow))
        platform:advance_ms(1000)
        assert.equal("ok", build("r22", allow))
    end)

    it("D-026 takes no token where the monotonic clock fails", function()
        assert.equal("ok", build("m", allow))
        platform:fail_clock("monotonic")
        assert.equal("CLOCK", build("n", allow))
        platform:fail_clock("none")
        assert.equal("ok", build("n", allow))
    end)
end)
