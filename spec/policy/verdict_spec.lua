-- What a verdict of the operator's script leaves in the store: the members of the record, the input once a
-- log, and that a refusal is there when its answer leaves (policy-and-lifecycle 14.4; sealed-store 35.6, op 22).
local cjson = require("cjson")
local child = require("spec.support.child")
local files = require("spec.support.files")
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")
local transactions = require("spec.support.transactions")
local vectors = require("spec.support.vectors")

local refused = signing.assert_refused
local HOOKS = { "firewall", "dkg_admission", "quarantine" }
local SCRIPT = [[return { version = "2.1 beta", evaluate = function(input)
    if input.session_id == "held" then return refuse("too_much", "a coin") end
    if input.session_id == "broken" then error("oh") end
    return allow()
end }]]

--- The verdicts that the log of a store holds, read from a copy.
local function verdicts_of(folder)
    local copy = signing.folder()
    files.copy(folder, copy)
    local store = signer.test_store.open({ path = copy .. "/state.json", key = ("\x5a"):rep(32) })
    local list = {}
    for _, op in ipairs(store:state().verdicts) do
        local at = 3
        local function text()
            local value, after = string.unpack(">s4", op, at)
            at = after
            return value
        end
        local function raw(count)
            at = at + count
            return op:sub(at - count, at - 1)
        end
        local one = { allow = op:byte(2) == 1, policy = text(), version = text(), source = raw(32), rule = text(),
            reason = text(), session = text(), unix_ms = string.unpack(">I8", raw(8)), digest = raw(32) }
        if raw(1) == "\1" then one.input = text() end
        assert(op:byte(1) == 22 and at == #op + 1)
        list[#list + 1] = one
    end
    store:close()
    return list
end

describe("verdict record", function()
    local group, folder

    before_each(function()
        folder = signing.folder()
        for _, hook in ipairs(HOOKS) do files.write(folder .. "/" .. hook .. ".lua", SCRIPT) end
        group = signing.new({ environment = { TBTC_SIGNER_POLICY_DIRECTORY = folder,
            TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true", TBTC_SIGNER_POLICY_RATE_LIMIT_PER_MINUTE = "3" } })
    end)
    after_each(signing.finish_all)

    local function build(id) return group:call("build_taproot_tx", transactions.request(id)) end

    local function assert_one(one, want)
        for name, value in pairs(want) do assert.equal(value, one[name], name) end
        assert.equal(signer.curve.sha256(SCRIPT), one.source)
        assert.equal(1700000000000, one.unix_ms)
        if one.input then assert.equal(signer.curve.sha256(one.input), one.digest) end
    end

    it("14.4, 35.6 an allowing verdict rides in the record of its call, with what the script saw", function()
        assert(build("session"))
        local list = verdicts_of(group.folder)
        assert.equal(1, #list)
        assert_one(list[1], { allow = true, policy = "firewall", version = "2.1_beta", rule = "",
            reason = "", session = "session" })
        local input = cjson.decode(list[1].input)
        assert.equal("build", input.moment)
        assert.equal("session", input.session_id)
        assert.equal(transactions.request().outputs[1].value_sats, input.outputs[1].value_sats)
    end)

    it("14.4, PS-5 a refusal and a failure are records of their own", function()
        refused({ code = "signing_policy_rejected", reason = "operator_policy_refused" }, build("held"))
        refused({ code = "signing_policy_rejected", reason = "operator_policy_failed" }, build("broken"))
        local list = verdicts_of(group.folder)
        assert.equal(2, #list)
        assert_one(list[1], { allow = false, version = "2.1_beta", rule = "too_much", reason = "a_coin", session = "held" })
        assert_one(list[2], { allow = false, version = "2.1_beta", rule = "operator_policy_failed", session = "broken" })
        assert.truthy(list[2].reason:find("oh", 1, true))
        assert.is_nil(group:session("held"))
    end)

    it("14.4 each hook leaves its own: the quarantine script one for each member that it was asked about", function()
        local message = vectors.bytes(assert(build("session")).taproot_key_spend_sighashes_hex[1])
        local package = group:prepare({ message = message })
        assert(group:round2(package, { message = message }))
        local seen = {}
        for _, one in ipairs(verdicts_of(group.folder)) do
            assert_one(one, { allow = true, version = "2.1_beta", session = "session" })
            seen[#seen + 1] = one.policy
        end
        -- build; open with its first binding; round 2: the own seat, the transaction, the package's other member
        assert.same({ "firewall", "quarantine", "firewall", "quarantine", "firewall", "quarantine" }, seen)
    end)

    it("35.6 the input goes with the first verdict on it in a log, and not with later ones", function()
        refused("signing_policy_rejected", build("held"))
        refused("signing_policy_rejected", build("held"))
        local list = verdicts_of(group.folder)
        assert.is_string(list[1].input)
        assert.is_nil(list[2].input)
        assert.equal(list[1].digest, list[2].digest)
    end)

    it("35.6 a verdict whose record was not written has carried nothing", function()
        for i = 1, 3 do assert(build("spent" .. i)) end
        refused({ code = "signing_policy_rejected", reason = "rate_limit_per_minute_exceeded" }, build("session"))
        group.platform:advance_ms(60000)
        signer.test_fault.arm("write", "error")
        refused("internal_error", build("session"))
        signer.test_fault.clear()
        assert(build("session"))
        local list = verdicts_of(group.folder)
        assert.equal("session", list[#list].session)
        assert.is_string(list[#list].input)
    end)

    it("35.6 an open that writes nothing leaves the input to the round 2 that does", function()
        local message = vectors.bytes(assert(build("wallet")).taproot_key_spend_sighashes_hex[1])
        local options = { session = "wallet", message = message }
        local package = group:prepare(options) -- opens of a co-located session append nothing
        assert.equal(1, #verdicts_of(group.folder))
        assert(group:round2(package, options))
        local moments = {}
        for _, one in ipairs(verdicts_of(group.folder)) do
            if one.policy == "firewall" then moments[#moments + 1] = cjson.decode(one.input).moment end
        end
        assert.same({ "build", "sign" }, moments)
    end)

    it("35.6 however many inputs lie between", function()
        refused("signing_policy_rejected", build("held"))
        for i = 1, 80 do build("session" .. i) end
        refused("signing_policy_rejected", build("held"))
        local seen = {}
        for _, one in ipairs(verdicts_of(group.folder)) do
            assert.equal(not seen[one.digest], one.input ~= nil)
            seen[one.digest] = true
        end
    end)

    it("35.6 a verdict that was sealed again into another log carries its input there", function()
        signer.test_fault.arm("sync", "error")
        refused("internal_error", build("held"))
        signer.test_fault.clear()
        refused("signing_policy_rejected", build("held"))
        refused("signing_policy_rejected", build("held"))
        local list = verdicts_of(group.folder)
        assert.equal(3, #list)
        assert.same({ true, false, false }, { list[1].input ~= nil, list[2].input ~= nil, list[3].input ~= nil })
    end)

    it("35.6 in a log that began meanwhile the input is carried again", function()
        refused("signing_policy_rejected", build("held"))
        signer.test_fault.arm("sync", "error")
        refused("internal_error", build("broken"))
        signer.test_fault.clear()
        refused("signing_policy_rejected", build("held"))
        local list = verdicts_of(group.folder)
        assert.same({ "held", "broken", "held" }, { list[1].session, list[2].session, list[3].session })
        assert.is_string(list[3].input)
    end)

    it("35.6 the first verdict in another log carries the input again", function()
        refused("signing_policy_rejected", build("held"))
        group:restart()
        refused("signing_policy_rejected", build("held"))
        local list = verdicts_of(group.folder)
        assert.is_string(list[#list].input)
    end)

    it("PS-5 the refusal's record is there after kill -9 behind the answer", function()
        group.engine:close()
        group.engine = nil
        local run = child.run(([[
            local signing = require("spec.support.signing")
            local transactions = require("spec.support.transactions")
            local group = signing.reopen({ folder = %q, environment = { TBTC_SIGNER_POLICY_DIRECTORY = %q,
                TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true" } })
            local _, err = group:call("build_taproot_tx", transactions.request("held"))
            io.write(err.reason_code)
            io.stdout:flush()
            os.execute("kill -9 $PPID")
        ]]):format(group.folder, folder))
        assert.equal(9, run.signal, run.err)
        assert.equal("operator_policy_refused", run.out)
        local list = verdicts_of(group.folder)
        assert_one(list[#list], { allow = false, rule = "too_much", session = "held" })
    end)
end)
