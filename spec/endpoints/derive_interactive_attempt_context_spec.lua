-- derive_interactive_attempt_context: interactive-session 12.3, 5 and 23; new_signing_package: abi 3.6.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local refused = signing.assert_refused
local vectors = require("spec.support.vectors")

describe("derive_interactive_attempt_context", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    local function derive(changes)
        local want = {
            session_id = "session-a", message_hex = ("42"):rep(32), key_group = "kg", threshold = 2, attempt_number = 1,
            included_participants = { 3, 1, 2 },
        }
        for key, value in pairs(changes or {}) do want[key] = value end
        return group:call("derive_interactive_attempt_context", want)
    end

    it("DE-1 checks session, message, attempt number, threshold, set, size, significant bytes in order", function()
        local broken = { session_id = " ", message_hex = "zz", attempt_number = 0, threshold = 0, included_participants = {} }
        local steps = {
            { "session_id", "session_id", "session" },
            { "message_hex", "message_hex", ("ab"):rep(33) },
            { "attempt_number", "attempt_number", 1 },
            { "threshold", "threshold", 3 },
            { "included", "included_participants", { 0, 1, 2 } },
            { "contain 0", "included_participants", { 1, 1, 2 } },
            { "twice", "included_participants", { 1, 2 } },
            { "threshold", "included_participants", { 1, 2, 3 } },
        }
        for _, step in ipairs(steps) do
            local err = refused("validation_error", derive(broken))
            assert.truthy(err.message:lower():find(step[1], 1, true), step[1] .. ": " .. err.message)
            broken[step[2]] = step[3]
        end
        local err = refused("validation_error", derive(broken))
        assert.truthy(err.message:find("32", 1, true), err.message)
        refused({ code = "validation_error", text = "message_hex" }, derive({ message_hex = "" }))
    end)

    it("DE-2 gives a context that open accepts", function()
        assert(group:open())
    end)

    it("DE-3 sorts, and gives one identifier a participant", function()
        local reply = assert(derive())
        assert.same({ 1, 2, 3 }, reply.attempt_context.included_participants)
        assert.equal("15238e6d62d215d581997c04d14e284fa74a2eca25a587e377d76c0e930f645f",
            reply.attempt_context.included_participants_fingerprint)
        assert.same({ { participant_identifier = 1, frost_identifier = ('"%064x"'):format(1) },
            { participant_identifier = 2, frost_identifier = ('"%064x"'):format(2) },
            { participant_identifier = 3, frost_identifier = ('"%064x"'):format(3) } }, reply.frost_identifiers)
    end)

    it("DE-4, D-150 the threshold changes nothing, and 1 is accepted", function()
        local two = assert(derive())
        assert.same(two, assert(derive({ threshold = 1 })))
        assert.same(two, assert(derive({ threshold = 3 })))
    end)

    it("DE-5 does not ask for the wallet", function()
        assert(derive({ key_group = "nobody's", included_participants = { 60000, 60001 } }))
    end)

    it("agrees with the worked values of section 23", function()
        local digest = vectors.bytes("425ed4e4a36b30ea21b90e21c712c649e8214c29b7eaf68089d1039c6e55384c")
        assert.equal("a2051ece842296125f8693e363aa122de5eefc5a649237cebd48f87e34da90da", signer.roast.attempt_id({
            session_id = "session-a", message_digest = digest, attempt_number = 1, coordinator_identifier = 2,
            included_participants_fingerprint = "15238e6d62d215d581997c04d14e284fa74a2eca25a587e377d76c0e930f645f",
        }))
    end)
end)

describe("new_signing_package", function()
    local group, commitments

    before_each(function()
        group = signing.new()
        commitments = { [1] = group:commit({ member = 1 }), [2] = group:commit({ member = 2 }) }
    end)
    after_each(signing.finish_all)

    local function assemble(list, message)
        return group:call("new_signing_package", { message_hex = message or "00", commitments = list })
    end

    it("sorts the commitments and takes identifiers in every allowed form", function()
        local one, two = { identifier = signing.identifier(1), data_hex = commitments[1] },
            { identifier = signing.identifier(2), data_hex = commitments[2] }
        local package = assert(assemble({ one, two })).signing_package_hex
        assert.equal(package, assert(assemble({ two, one })).signing_package_hex)
        one = { identifier = ("  %064X "):format(1), data_hex = commitments[1]:upper() }
        assert.equal(package, assert(assemble({ one, two })).signing_package_hex)
    end)

    it("accepts an empty message", function()
        assert(assemble({ { identifier = signing.identifier(1), data_hex = commitments[1] } }, ""))
    end)

    it("refuses an empty list, duplicates, bad identifiers, bad commitments", function()
        local one = { identifier = signing.identifier(1), data_hex = commitments[1] }
        refused("validation_error", assemble({}))
        refused("validation_error", assemble({ one, one }))
        for _, text in ipairs({ "", '"', '""', "1", ('"%064x'):format(1), ("%064x"):format(0), ("f"):rep(64),
            ("%066x"):format(1) }) do
            refused("validation_error", assemble({ { identifier = text, data_hex = commitments[1] } }))
        end
        for _, text in ipairs({ "", "zz", commitments[1]:sub(1, 140), commitments[1] .. "00" }) do
            refused("validation_error", assemble({ { identifier = signing.identifier(1), data_hex = text } }))
        end
    end)
end)
