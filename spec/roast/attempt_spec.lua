-- Attempt contexts: roast 1-5, interactive-session 5, OPEN-12, DE-1.
local vectors = require("spec.support.vectors")
local roast = require("tbtc_signer").roast

local function message_bytes()
    local bytes = {}
    for i = 0, 31 do bytes[#bytes + 1] = string.char(i) end
    return table.concat(bytes)
end

local function inputs(changes)
    local fields = {
        session_id = "session-roast-seed-vector-1",
        key_group = "024d79b696a25e478a1c747fcaad380addbd8b2ef7c333126ab2e2c3b2533b7df2",
        message = message_bytes(),
        threshold = 3,
    }
    for name, value in pairs(changes or {}) do fields[name] = value end
    return fields
end

--- The error object that `call` raises.
local function failure(call, ...)
    local ok, reason = pcall(call, ...)
    assert.is_false(ok)
    assert.is_table(reason)
    return reason
end

local function refused(reason_code, pattern, call, ...)
    local reason = failure(call, ...)
    assert.equal("validation_error", reason.code)
    assert.equal(reason_code, reason.reason_code)
    assert.matches(pattern, reason.detail)
end

describe("attempt context", function()
    it("roast 3.2, 3.3 gives the fingerprints and attempt ids of the reference", function()
        local set = vectors.load("roast/attempt_contexts")
        assert.equal("FROST-ROAST-INCLUDED-FPR-v1", set.fingerprint_domain)
        assert.equal("FROST-ROAST-ATTEMPT-ID-v1", set.attempt_id_domain)
        assert.equal(6, #set.cases)
        for _, case in ipairs(set.cases) do
            assert.equal(case.fingerprint, roast.fingerprint(case.included), case.name)
            assert.equal(case.attempt_id, roast.attempt_id({
                session_id = case.session_id,
                message_digest = vectors.bytes(case.message_digest),
                attempt_number = case.attempt_number,
                coordinator_identifier = case.coordinator,
                included_participants_fingerprint = case.fingerprint,
            }), case.name)
        end
    end)

    it("roast 19 derives the worked example", function()
        local first = roast.derive(inputs(), 1, { 5, 4, 3, 2, 1 })
        assert.same({
            attempt_number = 1,
            coordinator_identifier = 3,
            included_participants = { 1, 2, 3, 4, 5 },
            included_participants_fingerprint = "7228529c82397ecbac12f15800d5fe726f281aa94c7f8823c1068d61b8154422",
            attempt_id = "10a70a8a4241d2d42d87b5b709232895b03f39837b94769d641474ab00b264c0",
        }, first)
        local second = roast.derive(inputs(), 2, { 1, 2, 3, 4, 5 })
        assert.equal(4, second.coordinator_identifier)
        assert.equal("9f1d6306b114b07cda55ce08adbb78da9b6591c0b4cdb461454b0896fc33686f", second.attempt_id)
        local smaller = roast.derive(inputs(), 2, { 1, 2, 3, 4 })
        assert.equal(3, smaller.coordinator_identifier)
        assert.equal("ac918a6bc87f0d78b03c038889e8bcfcdba024f2d0746fc191d9e69c3a4affbc",
            smaller.included_participants_fingerprint)
        assert.equal("c5173fb49c5ea0a62658c992d6325c9e0ace36dccd4eb43fa105d7746b717182", smaller.attempt_id)
    end)

    it("roast 2 digests and pads a message in two different ways", function()
        assert.equal("630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd",
            vectors.hex(roast.message_digest(message_bytes())))
        assert.equal(("\0"):rep(32), roast.padded_message(""))
        assert.equal(("\0"):rep(32), roast.padded_message(("\0"):rep(40)))
        assert.equal(("\0"):rep(31) .. "\7", roast.padded_message("\7"))
        assert.equal(("\1"):rep(32), roast.padded_message(("\0"):rep(8) .. ("\1"):rep(32)))
        refused(nil, "32 significant bytes", roast.padded_message, ("\1"):rep(33))
        refused(nil, "32 significant bytes", roast.padded_message, "\0\1" .. ("\0"):rep(32))
    end)

    it("roast 2 shares a seed but no attempt id between messages that differ in leading zeros", function()
        local short, long = inputs({ message = "\1\2" }), inputs({ message = "\0\1\2" })
        assert.equal(roast.shuffle_seed(short), roast.shuffle_seed(long))
        assert.not_equal(roast.derive(short, 1, { 1, 2, 3 }).attempt_id, roast.derive(long, 1, { 1, 2, 3 }).attempt_id)
    end)

    it("DE-4 derives the same values under every threshold", function()
        assert.same(roast.derive(inputs({ threshold = 1 }), 7, { 1, 2, 3 }), roast.derive(inputs(), 7, { 1, 2, 3 }))
    end)

    it("DE-1 refuses in its order", function()
        local long = ("\1"):rep(33)
        local zero = inputs({ threshold = 0, message = long })
        refused("attempt_context_invalid", "attempt_number", roast.derive, zero, 0, {})
        refused(nil, "threshold", roast.derive, zero, 1, {})
        refused("attempt_context_invalid", "empty", roast.derive, inputs({ message = long }), 1, {})
        refused("attempt_context_invalid", "contain 0", roast.derive, inputs({ message = long }), 1, { 1, 0 })
        refused("attempt_context_invalid", "contains 2 twice", roast.derive, inputs({ message = long }), 1, { 2, 1, 2 })
        refused("attempt_context_invalid", "threshold", roast.derive, inputs({ message = long }), 1, { 2, 1 })
        refused(nil, "32 significant bytes", roast.derive, inputs({ message = long }), 1, { 3, 2, 1 })
    end)

    it("D-150 derives from threshold 1 and for one member", function()
        local context = roast.derive(inputs({ threshold = 1 }), 1, { 65535 })
        assert.equal(65535, context.coordinator_identifier)
        assert.same(context, roast.validate(context, inputs({ threshold = 1 })))
    end)

    it("derives for 256 members and for the highest attempt number", function()
        local members = {}
        for i = 1, 256 do members[i] = 65536 - i end
        local context = roast.derive(inputs({ threshold = 256 }), 4294967295, members)
        assert.equal(256, #context.included_participants)
        assert.equal(65280, context.included_participants[1])
        assert.same(context, roast.validate(context, inputs()))
    end)
end)

describe("validation of an attempt context", function()
    local function context(changes)
        local fields = roast.derive(inputs(), 1, { 1, 2, 3, 4, 5 })
        for name, value in pairs(changes or {}) do fields[name] = value end
        return fields
    end

    it("OPEN-5 accepts unsorted participants and either case, and answers the canonical form", function()
        local canonical = context()
        local loose = context({
            included_participants = { 3, 5, 1, 2, 4 },
            included_participants_fingerprint = canonical.included_participants_fingerprint:upper(),
            attempt_id = canonical.attempt_id:upper(),
        })
        assert.same(canonical, roast.validate(loose, inputs()))
    end)

    -- Each row breaks its own step and every later one, so that the order shows.
    it("OPEN-12 checks in its order", function()
        local broken = context({
            attempt_number = 0,
            coordinator_identifier = 0,
            included_participants = {},
            included_participants_fingerprint = ("0"):rep(64),
            attempt_id = "short",
        })
        local given = inputs({ message = ("\1"):rep(33), threshold = 6 })
        local function step(reason_code, pattern, changes, message)
            refused(reason_code, pattern, roast.validate, broken, given)
            for name, value in pairs(changes or {}) do broken[name] = value end
            if message then given.message = message end
        end
        local invalid = "attempt_context_invalid"
        step(invalid, "attempt_number", { attempt_number = 1 })
        step(invalid, "coordinator_identifier must not be 0", { coordinator_identifier = 9 })
        step(invalid, "empty", { included_participants = { 0, 1, 1 } })
        step(invalid, "contain 0", { included_participants = { 1, 5, 1 } })
        step(invalid, "1 twice", { included_participants = { 1, 2, 3, 4, 5 } })
        step(invalid, "threshold")
        given.threshold = 5
        step(invalid, "not in included_participants", { coordinator_identifier = 4 })
        step(nil, "32 significant bytes", nil, message_bytes())
        step("coordinator_mismatch", "coordinator", { coordinator_identifier = 3 })
        step(invalid, "fingerprint", { included_participants_fingerprint = context().included_participants_fingerprint })
        step("attempt_id_mismatch", "attempt_id", { attempt_id = context().attempt_id })
        assert.same(context(), roast.validate(broken, given))
    end)

    it("roast 14.3 refuses a coordinator, number, set or session of another attempt", function()
        refused("coordinator_mismatch", "coordinator", roast.validate, context({ coordinator_identifier = 4 }), inputs())
        refused("coordinator_mismatch", "coordinator", roast.validate, context({ attempt_number = 2 }), inputs())
        local smaller = roast.derive(inputs(), 2, { 1, 2, 3, 4 })
        refused("attempt_context_invalid", "fingerprint", roast.validate,
            context({ included_participants_fingerprint = smaller.included_participants_fingerprint }), inputs())
        local elsewhere = failure(roast.validate, context(), inputs({ session_id = "another" }))
        assert.equal("validation_error", elsewhere.code)
    end)

    it("roast 3.3 binds number and message into the attempt id", function()
        -- Both attempts elect member 3 from one set, so that only the id can tell them apart.
        local number = 2
        repeat
            number = number + 1
        until roast.coordinator(inputs(), number, { 1, 2, 3, 4, 5 }) == 3
        refused("attempt_id_mismatch", "attempt_id", roast.validate, context({ attempt_number = number }), inputs())
        local padded = inputs({ message = "\0" .. message_bytes() })
        refused("attempt_id_mismatch", "attempt_id", roast.validate, context(), padded)
    end)

    it("takes a text of a wrong length for a mismatch, not for its prefix", function()
        local canonical = context()
        for _, id in ipairs({ "", canonical.attempt_id .. "0", canonical.attempt_id:sub(1, 63), " " .. canonical.attempt_id }) do
            refused("attempt_id_mismatch", "attempt_id", roast.validate, context({ attempt_id = id }), inputs())
        end
        local nul = canonical.attempt_id:sub(1, 63) .. "\0"
        refused("attempt_id_mismatch", "attempt_id", roast.validate, context({ attempt_id = nul }), inputs())
    end)
end)
