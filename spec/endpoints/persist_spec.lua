-- persist_distributed_dkg_key_package and retire_distributed_dkg_key_packages (abi 3.5; policy 4; D-013,
-- D-125, D-140; field case 2).
local engines = require("spec.support.engines")
local signer = require("tbtc_signer")
local transactions = require("spec.support.transactions")

local state = signer.test_state
local PERSIST, RETIRE = "persist_distributed_dkg_key_package", "retire_distributed_dkg_key_packages"

local function copy(value)
    if type(value) ~= "table" then return value end
    local out = {}
    for key, item in pairs(value) do out[key] = copy(item) end
    return out
end

describe("persist", function()
    local engine, keys

    local function start(variables)
        engine = engines.new(variables)
        keys = engine:dkg(3, 2)
    end

    before_each(function() start() end)
    after_each(function()
        signer.test_fault.clear()
        engine:close()
        engines.clean()
    end)

    local function request(index, changes)
        local all = copy(engines.persist_request("wallet", keys, index or 1, 2))
        for name, value in pairs(changes or {}) do all[name] = value end
        return all
    end

    local function refused(changes, index)
        local code, envelope = engine:refuse(PERSIST, request(index, changes))
        return code, envelope.message
    end

    local function key_group() return "02" .. keys[1].public_key_package.verifying_key end

    it("gathers the seats of a wallet; the time is that of the first", function()
        local first = engine:must(PERSIST, request(1))
        assert.equal(key_group(), first.key_group)
        assert.equal(3, first.participant_count)
        assert.equal(2, first.threshold)
        for seat = 2, 3 do assert.same(first, engine:must(PERSIST, request(seat))) end
        assert.equal(4, state.counts(engine.raw).generation) -- genesis and one record a seat
    end)

    it("answers members in the order of the ABI", function()
        local _, _, text = engine:call(PERSIST, request(1))
        assert.truthy(text:find('^{"session_id":"wallet","key_group":"%x+","participant_count":3,"threshold":2,'
            .. '"created_at_unix":%d+}$'))
    end)

    it("D-122 appends nothing for equal content, before and after a restart", function()
        engine:must(PERSIST, request(1))
        local before = state.counts(engine.raw).generation
        engine:must(PERSIST, request(1))
        assert.equal(before, state.counts(engine.raw).generation)
    end)

    it("survives a restart", function()
        for seat = 1, 3 do engine:must(PERSIST, request(seat)) end
        engine = engine:reopen()
        assert.equal(3, #state.session(engine.raw, "wallet").seats)
    end)

    it("abi 3.5 checks its own members first", function()
        for _, case in ipairs({
            { { session_id = "a b" }, "session_id" }, { { participant_identifier = 0 }, "participant_identifier" },
            { { threshold = 1 }, "threshold" }, { { threshold = 4 }, "threshold" },
            { { participant_count = 4 }, "participant_count" },
        }) do
            local code, message = refused(case[1])
            assert.equal("validation_error", code)
            assert.truthy(message:find(case[2], 1, true), message)
        end
    end)

    it("abi 3.5 refuses a public package that is none", function()
        local public = request().public_key_package
        local function with(change)
            local other = copy(public)
            change(other)
            return { public_key_package = other }
        end
        local first = next(public.verifying_shares)
        for _, change in ipairs({
            function(it) it.verifying_shares = {} end,
            function(it) it.verifying_shares["x"] = it.verifying_shares[first] end,
            function(it) it.verifying_shares[first] = "zz" end,
            function(it) it.verifying_shares[first] = "02" .. ("ff"):rep(32) end,
            function(it) it.verifying_key = ("ff"):rep(32) end,
            function(it) it.verifying_key = "00" end,
            -- not canonical: above 65535
            function(it)
                it.verifying_shares[("\"%s\""):format("01" .. ("0"):rep(62))] = it.verifying_shares[first]
                it.verifying_shares[first] = nil
            end,
            -- two texts of one identifier
            function(it)
                it.verifying_shares[first:gsub('"', "")] = it.verifying_shares[first]
            end,
        }) do
            local code, message = refused(with(change))
            assert.equal("validation_error", code)
            assert.truthy(message:find("public_key_package", 1, true), message)
        end
    end)

    it("abi 3.5 checks the key package against the request and the public package", function()
        local other = engine:dkg(3, 2)
        local three = engine:dkg(3, 3)
        local function text(changes)
            local code, message = refused(changes)
            assert.equal("validation_error", code)
            return message
        end
        assert.truthy(text({ key_package = { identifier = "x", data_hex = keys[1].key_package.data_hex } })
            :find("identifier is no identifier", 1, true))
        assert.truthy(text({ key_package = {
            identifier = keys[2].key_package.identifier, data_hex = keys[1].key_package.data_hex,
        } })
            :find("does not match its content", 1, true))
        assert.truthy(text({ participant_identifier = 2 }):find("another participant", 1, true))
        assert.truthy(text({ key_package = three[1].key_package }):find("holds threshold 3", 1, true))
        assert.truthy(text({ key_package = other[1].key_package }):find("different group keys", 1, true))
        assert.truthy(text({ key_package = keys[1].key_package, threshold = 3 }):find("holds threshold 2", 1, true))
    end)

    it("frost 6.4 refuses a signing share that does not belong to its verifying share", function()
        local encoded = signer.test_policy.reveal(keys[1].key_package.data_hex)
        -- header 5, identifier 32, then the signing share
        local other = signer.test_policy.reveal(keys[2].key_package.data_hex):sub(38, 69)
        local forged = signer.test_policy.secret(engine.raw, encoded:sub(1, 37) .. other .. encoded:sub(70))
        local code, message = refused({ key_package = { identifier = keys[1].key_package.identifier, data_hex = forged } })
        assert.equal("validation_error", code)
        assert.truthy(message:find("does not belong to the verifying share", 1, true), message)
    end)

    it("refuses a key package that does not decode", function()
        local encoded = signer.test_policy.reveal(keys[1].key_package.data_hex)
        for _, text in ipairs({ "", encoded:sub(1, -2), encoded .. "\0", ("\255"):rep(#encoded) }) do
            local forged = signer.test_policy.secret(engine.raw, text)
            local code, message = refused({ key_package = { identifier = keys[1].key_package.identifier, data_hex = forged } })
            assert.equal("validation_error", code)
            assert.truthy(message:find("key_package: ", 1, true), message)
        end
    end)

    it("D-140 refuses verifying shares that do not belong together", function()
        local public = request().public_key_package
        local one, two = keys[2].key_package.identifier, keys[3].key_package.identifier
        public.verifying_shares[one], public.verifying_shares[two] = public.verifying_shares[two], public.verifying_shares[one]
        local code, message = refused({ public_key_package = public })
        assert.equal("validation_error", code)
        assert.truthy(message:find("do not belong to the group key", 1, true), message)
    end)

    it("refuses a verifying share of this seat that is another's", function()
        local public = request().public_key_package
        local own, other = keys[1].key_package.identifier, keys[2].key_package.identifier
        public.verifying_shares[own] = public.verifying_shares[other]
        local _, message = refused({ public_key_package = public })
        assert.truthy(message:find("verifying share differs", 1, true), message)
    end)

    it("D-043 gives a key group to one session", function()
        engine:must(PERSIST, request(1))
        assert.equal("session_conflict", (refused({ session_id = "other" }, 2)))
    end)

    it("refuses another wallet under the same session", function()
        engine:must(PERSIST, request(1))
        local other = engine:dkg(3, 2)
        assert.equal("session_conflict", (engine:refuse(PERSIST, engines.persist_request("wallet", other, 1, 2))))
    end)

    it("refuses a session that signs for another wallet", function()
        state.create(engine.raw, "wallet")
        state.text(engine.raw, "wallet", state.BOUND_KEY_GROUP, key_group())
        assert.equal("session_conflict", (refused()))
    end)

    it("refuses a new session at capacity", function()
        engine:close()
        start({ MAX_SESSIONS = "1" })
        state.create(engine.raw, "kept")
        state.rekey(engine.raw, "kept", "keeps it", "")
        assert.equal("internal_error/capacity_exceeded", (refused()))
    end)

    it("D-125 refuses a rekeyed key group under any session, after a retire too", function()
        engine:must(PERSIST, request(1))
        state.rekey(engine.raw, "wallet", "lost", key_group())
        for _, id in ipairs({ "wallet", "other" }) do
            assert.equal("lifecycle_policy_rejected/emergency_rekey_required", (refused({ session_id = id })))
        end
        engine:must(RETIRE, { key_group = key_group() })
        assert.equal("lifecycle_policy_rejected/emergency_rekey_required", (refused({ session_id = "other" })))
    end)

    it("keeps nothing when the record cannot be written, and stores on the next call", function()
        engine:must("build_taproot_tx", transactions.request()) -- opens the store
        signer.test_fault.arm("write", "error")
        assert.truthy(refused():find("internal_error", 1, true))
        signer.test_fault.clear()
        assert.is_nil(state.session(engine.raw, "wallet"))
        engine:must(PERSIST, request())
    end)

    describe("admission (policy-and-lifecycle 4)", function()
        local function admitted(variables, changes)
            engine:close()
            variables.ENFORCE_ADMISSION_POLICY = variables.ENFORCE_ADMISSION_POLICY or "true"
            start(variables)
            local reply, envelope = engine:call(PERSIST, request(1, changes))
            return reply and "ok" or envelope.code .. "/" .. tostring(envelope.reason_code), envelope
        end

        it("ADM-1 asks nothing while it is off, whatever the settings hold", function()
            assert.equal("ok", (admitted({ ENFORCE_ADMISSION_POLICY = "false", ADMISSION_MIN_PARTICIPANTS = "x",
                ADMISSION_REQUIRED_IDENTIFIERS = "9" })))
        end)

        it("answers each reason, in order", function()
            local all = { ADMISSION_MIN_PARTICIPANTS = "x", ADMISSION_MIN_THRESHOLD = "3", ADMISSION_REQUIRED_IDENTIFIERS = "9,4",
                ADMISSION_ALLOWLIST_IDENTIFIERS = "1" }
            local function next_reason(name, mended, value)
                local code = admitted(copy(all))
                assert.equal("admission_policy_rejected/" .. name, code)
                all[mended] = value
            end
            next_reason("invalid_policy_configuration", "ADMISSION_MIN_PARTICIPANTS", "4")
            next_reason("participant_count_below_policy_minimum", "ADMISSION_MIN_PARTICIPANTS", "3")
            next_reason("threshold_below_policy_minimum", "ADMISSION_MIN_THRESHOLD", "2")
            local _, envelope = admitted(copy(all))
            assert.truthy(envelope.message:find( -- ADM-4: the lowest
                "admission policy rejected for session wallet: required_identifier_missing: participant 4", 1, true))
            next_reason("required_identifier_missing", "ADMISSION_REQUIRED_IDENTIFIERS", "1,3")
            next_reason("participant_identifier_not_allowlisted", "ADMISSION_ALLOWLIST_IDENTIFIERS", "1,2,3,4")
            assert.equal("ok", (admitted(copy(all))))
        end)

        it("ADM-2, ADM-3 counts a rejection and leaves no state", function()
            admitted({ ADMISSION_MIN_PARTICIPANTS = "4" })
            assert.equal(1, state.counters(engine.raw).RUN_DKG_ADMISSION_REJECT)
            assert.is_nil(state.session(engine.raw, "wallet"))
        end)

        it("ADM-6 comes before quarantine, and both before the key package", function()
            local bad = { key_package = { identifier = "x", data_hex = keys[1].key_package.data_hex } }
            local variables = { ADMISSION_MIN_PARTICIPANTS = "4", ENABLE_AUTO_QUARANTINE = "true" }
            engine:close()
            variables.ENFORCE_ADMISSION_POLICY = "true"
            start(variables)
            bad.key_package.data_hex = keys[1].key_package.data_hex
            state.quarantine(engine.raw, 2, true)
            assert.equal("admission_policy_rejected/participant_count_below_policy_minimum", (refused(bad)))
            local old = keys
            engine = engine:reopen({ ENABLE_AUTO_QUARANTINE = "true" })
            keys = engine:dkg(3, 2)
            assert.is_table(old)
            bad.key_package.data_hex = keys[1].key_package.data_hex
            assert.equal("quarantine_policy_rejected/operator_auto_quarantined", (refused(bad)))
            engine = engine:reopen({ ENABLE_AUTO_QUARANTINE = "true", AUTO_QUARANTINE_DAO_ALLOWLIST_IDENTIFIERS = "2" })
            keys = engine:dkg(3, 2)
            bad.key_package.data_hex = keys[1].key_package.data_hex
            assert.equal("validation_error", (refused(bad)))
            assert.equal(0, state.counters(engine.raw).AUTO_QUARANTINE_ENFORCEMENTS)
        end)

        it("7.2 answers a broken quarantine configuration with internal_error", function()
            engine:close()
            start({ ENABLE_AUTO_QUARANTINE = "true", AUTO_QUARANTINE_FAULT_THRESHOLD = "0" })
            assert.equal("internal_error/invalid_configuration_value", (refused()))
        end)
    end)
end)

describe("retire", function()
    local engine

    before_each(function() engine = engines.new() end)
    after_each(function()
        engine:close()
        engines.clean()
    end)

    local function wallet(id, seats)
        local keys = engine:dkg(3, 2)
        for seat = 1, seats do engine:must(PERSIST, engines.persist_request(id, keys, seat, 2)) end
        return "02" .. keys[1].public_key_package.verifying_key
    end

    local function retire(group) return engine:must(RETIRE, { key_group = group }) end

    it("field case 2: takes back what never signed, once, and refuses what has", function()
        local a, b = wallet("a", 3), wallet("b", 3)
        state.mark(engine.raw, "a", state.CONSUMED, "marker")
        assert.same({ key_group = b, retired = true, retired_key_package_count = 3 }, retire(b))
        assert.same({ key_group = b, retired = false, retired_key_package_count = 0 }, retire(b))
        local code, envelope = engine:refuse(RETIRE, { key_group = a })
        assert.equal("lifecycle_policy_rejected/key_group_in_use", code)
        assert.truthy(envelope.message:find("session a", 1, true))
        engine = engine:reopen()
        assert.equal(3, #state.session(engine.raw, "a").seats)
        assert.is_nil(state.session(engine.raw, "b"))
        assert.same({ key_group = b, retired = false, retired_key_package_count = 0 }, retire(b))
    end)

    it("D-013 takes 66 lower-case hex characters of a point", function()
        local group = wallet("a", 1)
        for _, text in ipairs({ "", "x", group:upper(), group:sub(1, -3), group .. "00",
            "02" .. ("ff"):rep(32), "04" .. group:sub(3), " " .. group }) do
            assert.equal("validation_error", (engine:refuse(RETIRE, { key_group = text })))
        end
        assert.is_true(retire(group).retired)
    end)

    it("answers a group that was never here with false", function()
        local other = engines.new()
        local keys = other:dkg(2, 2)
        assert.is_false(retire("02" .. keys[1].public_key_package.verifying_key).retired)
        other:close()
    end)

    it("D-123 looks at the sessions that sign for the wallet, and at tombstones", function()
        local group = wallet("a", 1)
        state.create(engine.raw, "signing")
        state.text(engine.raw, "signing", state.BOUND_KEY_GROUP, group)
        state.mark(engine.raw, "signing", state.CONSUMED, "marker")
        assert.equal("lifecycle_policy_rejected/key_group_in_use", (engine:refuse(RETIRE, { key_group = group })))
    end)

    it("D-013 keeps the rekey event and what else the entry holds", function()
        local group = wallet("a", 2)
        state.rekey(engine.raw, "a", "lost", group)
        assert.equal(2, retire(group).retired_key_package_count)
        local session = state.session(engine.raw, "a")
        assert.is_table(session)
        assert.equal(0, #session.seats)
    end)

    it("keeps a built transaction of the session", function()
        local group = wallet("s1", 1)
        engine:must("build_taproot_tx", transactions.request("s1"))
        retire(group)
        engine:must("build_taproot_tx", transactions.request("s1"))
    end)

    it("lets the wallet's key group be persisted again", function()
        local keys = engine:dkg(3, 2)
        engine:must(PERSIST, engines.persist_request("a", keys, 1, 2))
        retire("02" .. keys[1].public_key_package.verifying_key)
        engine:must(PERSIST, engines.persist_request("b", keys, 1, 2))
    end)
end)
