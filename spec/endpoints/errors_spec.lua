-- Errors that need a broken machine: each leaves an entry point once. What no entry point can return is
-- listed in docs/unreachable.md (scripts/check-errors compares).
local attestation = require("spec.support.attestation")
local engines = require("spec.support.engines")
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")

local fault, state = signer.test_fault, signer.test_state
local NOW = 1700000000

describe("errors of a broken machine", function()
    after_each(function()
        fault.clear()
        signing.finish_all()
        engines.clean()
    end)

    it("MEMORY_LOCK, D-071: round 1 in production where pages cannot be locked; in development it goes on", function()
        fault.arm("memory_lock", "error", 1, true)
        local group = signing.new()
        local heartbeat = { type = "heartbeat", message_hex = ("ff"):rep(8) .. ("00"):rep(7) .. "01" }
        local options = { message = signer.roast.heartbeat_digest(("\xff"):rep(8) .. ("\0"):rep(7) .. "\1"), intent = heartbeat }
        signing.must(group:open(options))
        local request = group:seat_request(options)
        for name, text in pairs(attestation.variables(attestation.payload(NOW))) do
            state.environment(group.engine, "TBTC_SIGNER_" .. name, text)
        end
        state.environment(group.engine, "TBTC_SIGNER_PROFILE", "production")
        local err = group:refused("interactive_round1", request)
        assert.same({ "internal_error", "memory_lock_unavailable", "signer error detail redacted (see server log)" },
            { err.code, err.reason_code, err.message })
        state.environment(group.engine, "TBTC_SIGNER_PROFILE", "development")
        assert(group:round1(options))
    end)

    it("STATE_NO_SPACE: a full disk refuses, keeps the nonces, and the next call signs", function()
        local group = signing.new()
        local package = group:prepare()
        fault.arm("write", "no_space", 1, true)
        local err = select(2, group:round2(package))
        assert.same({ "internal_error", "state_no_space" }, { err.code, err.reason_code })
        fault.clear()
        assert.equal(0, #group:session().sets[state.CONSUMED])
        assert(group:round2(package))
    end)

    it("STATE_FOREIGN: the log of another store is refused at the first call", function()
        local folders = {}
        for index = 1, 2 do
            local engine = engines.new()
            signing.must(engine:call("persist_distributed_dkg_key_package",
                engines.persist_request("wallet", engine:dkg(3, 2), 1, 2)))
            engine:close()
            folders[index] = engine.folder
        end
        assert(os.execute(("cd %s/state.store && for f in log-*; do cp -p %s/state.store/$f $f; done")
            :format(folders[1], folders[2])))
        local engine = engines.new(nil, { folder = folders[1] })
        assert.equal("internal_error/state_foreign_store", (engine:refuse("interactive_session_open", {
            session_id = "s", member_identifier = 1, message_hex = "00", key_group = "02", threshold = 2,
            attempt_context = { attempt_number = 1, coordinator_identifier = 1, included_participants = { 1 },
                included_participants_fingerprint = "", attempt_id = "" },
        })))
        engine:abandon()
    end)

    it("CONTAINED_FAULT, OUT_OF_MEMORY: each allocation of a call that fails is answered, and the next call works", function()
        local group = signing.new()
        local request = { message_hex = "00", commitments = {
            { identifier = signing.identifier(1), data_hex = group:commit() } } }
        local seen = {}
        for nth = 1, 400 do
            fault.arm("allocation", "error", nth, true) -- one that fails once, Lua asks for again
            local reply, err = group:call("new_signing_package", request)
            local hit = fault.hits("allocation") >= nth
            fault.clear()
            if not hit then break end
            if not reply then
                seen[err.message:find("panic crossed FFI boundary", 1, true) and "contained" or "memory"] = true
                assert.equal("internal_error", err.code)
            end
        end
        assert.same({ contained = true, memory = true }, seen)
        assert(group:call("new_signing_package", request))
    end)
end)
