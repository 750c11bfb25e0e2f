-- Builders of the records that hold structs: exact bytes, accepted and kept, bounds refused when they are saved
-- (sealed-store 6.3, 35.6; D-097, D-181, D-185).
local engines = require("spec.support.engines")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local hex, lp, pack, op = vectors.hex, registry.lp, string.pack, registry.op
local records = signer.test_records
local group = registry.GROUP_A
local id = "s"

--- A list of changes made by one builder.
local function built(name, ...)
    local changes = signer.test_changes.new()
    records[name](changes, ...)
    return changes
end

local function u16s(...) return pack(">I4", select("#", ...)) .. pack((">" .. ("I2"):rep(select("#", ...))), ...) end
local function bytes(fill, count) return fill:rep(count or 32) end

local round = {
    session_id = id, round_id = "round", required_contributions = 2, message_digest = bytes("\x11"),
    taproot_root = bytes("\x12"), signing = { 1, 5 }, own_member = 1, own_share = bytes("\x13"),
    telemetry = { from_attempt = 1, to_attempt = 2, from_coordinator = 3, to_coordinator = 4, reason = "timeout",
        excluded = { 9, 11 }, coordinator_rotated = 1 },
}
local attempt = { attempt_number = 3, coordinator = 5, included = { 1, 2, 5 }, fingerprint = ("a"):rep(64),
    attempt_id = ("b"):rep(64) }
local round_bytes = lp(id) .. lp("round") .. pack(">I2", 2) .. lp(bytes("\x11")) .. "\1" .. lp(bytes("\x12")) .. "\1"
    .. u16s(1, 5) .. "\1" .. pack(">I4 I4 I2 I2 s4", 1, 2, 3, 4, "timeout") .. "\1" .. u16s(9, 11) .. "\1"
    .. pack(">I2", 1) .. lp(bytes("\x13"))
local transition = { from_attempt = 1, to_attempt = 2, from_attempt_id = "from", to_attempt_id = "to",
    previous_round_id = "round", previous_request_fingerprint = "fingerprint", from_coordinator = 3, to_coordinator = 4,
    reason = "timeout", share_proof_fingerprint = "proof", transcript_hash = "hash", recorded_at_unix = 1700000000 }
local checkpoint = ("\1"):rep(97) .. ("\0"):rep(7) .. ("\1"):rep(112) .. pack(">I8", 1) .. ("\2"):rep(336)

--- name, arguments, the body that 35.6 says
local cases = {
    { "round", { id, "fp", "message", round, attempt }, registry.set(id, 5, lp("fp")) .. registry.set(id, 6, lp("message"))
        .. registry.set(id, 7, round_bytes) .. registry.set(id, 8, pack(">I4 I2", 3, 5) .. u16s(1, 2, 5) .. lp(("a"):rep(64))
        .. lp(("b"):rep(64))) },
    { "round", { id, "fp", "m", { session_id = id, own_member = 2 } },
        registry.set(id, 5, lp("fp")) .. registry.set(id, 6, lp("m"))
        .. registry.set(id, 7, lp(id) .. lp("") .. "\0\0" .. lp(bytes("\0")) .. "\0\0\0" .. "\0\2" .. lp(bytes("\0"))) },
    { "finalized", { id, "fp", { session_id = id, round_id = "round", signature = bytes("\x14", 64) } },
        registry.set(id, 9, lp("fp")) .. registry.set(id, 10, lp(id) .. lp("round") .. lp(bytes("\x14", 64))) },
    { "transition", { id, transition }, registry.append(id, 1, pack(">I4 I4 s4 s4 s4 s4 I2 I2 s4", 1, 2, "from", "to", "round",
        "fingerprint", 3, 4, "timeout") .. "\0" .. "\1" .. lp("proof") .. lp("hash") .. pack(">I8", 1700000000)) },
    { "refreshed", { id, "fp", { session_id = id, refresh_epoch = 7, shares = { { member = 1, encrypted_share = "\xaa" },
        { member = 2, encrypted_share = "\xbb" } } }, 3 }, registry.set(id, 13, lp("fp"))
        .. registry.set(id, 14, lp(id) .. pack(">I8 I4 I2 s4 I2 s4", 7, 2, 1, "\xaa", 2, "\xbb"))
        .. registry.set(id, 15, pack(">I8", 3)) },
    { "refresh_history", { id, { refresh_epoch = 7, refreshed_at_unix = 5, share_count = 3, key_group = group }, false },
        registry.append(id, 2, pack(">I8 I8 I2", 7, 5, 3) .. "\1" .. lp(group) .. "\0") },
    { "share_refreshed",
        { id, { refresh_epoch = 7, share_epoch = 1, refreshed_at_unix = 5, participants = 3, key_group = group } },
        registry.append(id, 3, pack(">I8 I8 I8 I2 s4", 7, 1, 5, 3, group)) },
    { "imported", { 4, bytes("\x31"), 1700000000 },
        op("imported", pack(">I2", 4) .. bytes("\x31") .. pack(">I8", 1700000000)) },
    { "anchor_confirmed", { 9, bytes("\x32") }, op("anchor_confirmed", pack(">I8", 9) .. bytes("\x32")), note = true },
    { "checkpoint_set", { 1, checkpoint }, op("checkpoint_set", "\1" .. checkpoint), note = true },
    { "trust_append", { "{certificate}" }, op("trust_append", lp("{certificate}")), note = true },
    { "trust_intent", { "{request}" }, op("trust_intent", lp("{request}")), note = true },
}

describe("record builder", function()
    teardown(engines.clean)

    for index, case in ipairs(cases) do
        it(("35.6 %s (%d) writes its exact bytes, and they are kept"):format(case[1], index), function()
            local changes = built(case[1], table.unpack(case[2], 1, 5))
            assert.equal(hex(case[3]), hex(changes:body()))
            assert.equal(not case.note, changes:counted())
            local book = registry.new()
            if case[1] ~= "imported" then book:put(registry.create(id)) end
            book:commit(changes)
            assert.equal(hex(book.state:digest()), hex(book:reloaded().state:digest()))
            assert.equal(hex(book.state:digest()), hex(book:replayed().state:digest()))
        end)
    end

    it("35.6 op 8 replaces the last refresh only, op 50 and 53 need something to clear", function()
        local book = registry.new()
        book:put(registry.create(id))
        local function refusal(changes)
            local good, why = pcall(book.state.check, book.state, changes)
            book.state:drop()
            return not good and why.error or nil
        end
        local record = { refresh_epoch = 7, refreshed_at_unix = 5, share_count = 3 }
        assert.equal("STATE_CORRUPT", refusal(built("refresh_history", id, record, true)))
        book:commit(built("refresh_history", id, record, false))
        record.request_fingerprint = "late"
        assert.equal("STATE_CORRUPT", refusal(built("refresh_history", id, record, false)))
        book:commit(built("refresh_history", id, record, true))
        assert.same({ pack(">I8 I8 I2", 7, 5, 3) .. "\0\1" .. lp("late") }, book.state:list(id, 2))
        assert.equal("STATE_CORRUPT", refusal(built("checkpoint_clear", 1)))
        assert.equal("STATE_CORRUPT", refusal(built("trust_intent_clear")))
        book:commit(built("checkpoint_set", 1, checkpoint))
        book:commit(built("checkpoint_clear", 1))
        book:commit(built("trust_intent", "{}"))
        book:commit(built("trust_intent_clear"))
    end)

    it("35.6 bounds are refused when a record is saved, as when it is read", function()
        local many = {}
        for i = 1, 257 do many[i] = i end
        local function with(base, change)
            local copy = {}
            for name, value in pairs(base) do copy[name] = value end
            for name, value in pairs(change) do copy[name] = value end
            return copy
        end
        local bad = {
            built("round", id, "", "m", round), built("round", id, "fp", "", round),
            built("round", id, "fp", "m", with(round, { session_id = "" })),
            built("round", id, "fp", "m", with(round, { round_id = "\xff" })),
            built("round", id, "fp", "m", with(round, { signing = many })),
            built("round", id, "fp", "m", round, with(attempt, { included = many })),
            built("finalized", id, "fp", { session_id = "", round_id = "r" }),
            built("transition", id, with(transition, { reason = "\xc0" })),
            built("transition", id, with(transition, { excluded = many })),
            built("refresh_history", id, { refresh_epoch = 0 }, false),
            built("share_refreshed", id, { refresh_epoch = 1, share_epoch = 1, key_group = "no group" }),
            built("checkpoint_set", 3, checkpoint), built("checkpoint_set", 1, ("\1"):rep(560)),
            built("trust_append", ("x"):rep(122881)), built("trust_append", ""), built("trust_intent", "\xff"),
        }
        for index, changes in ipairs(bad) do
            local book = registry.new()
            book:put(registry.create(id))
            local good, why = pcall(book.state.check, book.state, changes)
            assert.is_false(good, "case " .. index)
            assert.equal("STATE_CORRUPT", why.error, "case " .. index)
            assert.equal("STATE_CORRUPT", registry.replay_error(changes:counted() and "change" or "note", { changes:body() }))
        end
        local full = registry.new()
        full:put(registry.create(id))
        for _ = 1, 256 do full:commit(built("transition", id, transition)) end
        local good, why = pcall(full.state.check, full.state, built("transition", id, transition))
        assert.same({ false, "CAPACITY" }, { good, why.error })
    end)

    describe("over an engine's wallet", function()
        local engine, wallet

        before_each(function()
            engine = engines.new()
            wallet = signer.test_state.wallet(engine.raw, { session_id = "w", seed = "x", threshold = 2, participants = 3,
                seats = { 1, 3 } })
        end)
        after_each(function() engine:abandon() end)

        local function entry(status, fill)
            return { status = status, refresh_id = bytes(fill), context = bytes("\x55"), transcript = bytes("\x66"),
                old_epoch = 0, participants = { 1, 2, 3 } }
        end

        local function snapshot() return table.concat(signer.test_crash.snapshot(engine.raw)) end

        it("D-181 field 24 holds staged, active and cancelled shares, through a restart", function()
            local changes = built("refreshes_open", "w", engine.raw, { entry(3, "\x31"), entry(2, "\x32"), entry(1, "\x33") })
            signer.test_crash.commit(engine.raw, changes)
            local before = signer.test_crash.digest(engine.raw)
            assert.truthy(snapshot():find(bytes("\x33"), 1, true))
            engine = engine:reopen()
            assert.equal(hex(before), hex(signer.test_crash.digest(engine.raw)))
            local good, why = pcall(signer.test_crash.commit, engine.raw,
                built("refreshes_open", "w", engine.raw, { entry(1, "\x34"), entry(1, "\x35") }))
            assert.is_false(good)
            assert.equal("STATE_CORRUPT", why.error)
        end)

        it("D-097 retiring the wallet clears its open refreshes too, and every older file goes", function()
            signer.test_crash.commit(engine.raw, built("refreshes_open", "w", engine.raw, { entry(1, "\x33") }))
            signer.test_crash.commit(engine.raw, registry.changes(registry.set("w", 18, pack(">I8", 1))))
            engine:must("retire_distributed_dkg_key_packages", { key_group = wallet })
            assert.is_nil(snapshot():find(bytes("\x33"), 1, true))
            assert.is_nil(signer.test_state.session(engine.raw, "w"))
            local files = require("spec.store.disk").names(engine.folder .. "/state.store")
            assert.equal(3, #files) -- store-id, one snapshot, one log
        end)

        it("35.6 a coarse round's fields go together", function()
            signer.test_crash.commit(engine.raw, built("round", "w", "fp", "message", round, attempt))
            local cleared = built("round_clear", "w", engine.raw)
            assert.equal(registry.clear("w", 5) .. registry.clear("w", 6) .. registry.clear("w", 7) .. registry.clear("w", 8),
                cleared:body())
            signer.test_crash.commit(engine.raw, cleared)
            assert.equal(0, #built("round_clear", "w", engine.raw):body())
        end)
    end)
end)
