-- interactive_aggregate: interactive-session 11.
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local state = signer.test_state
local refused = signing.assert_refused
local vectors = require("spec.support.vectors")
local bytes, hex = vectors.bytes, vectors.hex

describe("interactive_aggregate", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    --- Package and shares of a whole attempt.
    local function signed(options)
        local package, commitments = group:prepare(options)
        return package, group:shares(package, options), commitments
    end

    --- Commitments and shares that are made here, so that the engine never consumes for them.
    local function fill(set, count)
        local list = {}
        for i = 1, count or 128 do list[i] = ("%064x"):format(i) end
        state.mark(group.engine, "session", set, list)
    end

    it("answers session, attempt in lower case and a signature that verifies", function()
        local package, shares = signed()
        local reply = assert(group:aggregate(package, shares, { attempt_id = group:attempt_id():upper() }))
        assert.equal(group:attempt_id(), reply.attempt_id)
        assert.equal(128, #reply.signature_hex)
        assert.is_true(group:verifies(reply.signature_hex))
        group:assert_replay()
    end)

    it("AGG phase A answers forms in order before the session is looked for", function()
        local package, shares = signed()
        local want = group:aggregate_request("zz", {}, { session = " ", attempt_id = "x" })
        local function answer(text, changes)
            for key, value in pairs(changes) do want[key] = value end
            refused({ code = "validation_error", text = text }, group:call("interactive_aggregate", want))
        end
        answer("session_id", {})
        answer("attempt_id", { session_id = "none" })
        answer("attempt_id", { attempt_id = ("a"):rep(63) })
        answer("signing_package_hex", { attempt_id = ("a"):rep(64) })
        answer("signature_shares", { signing_package_hex = package, taproot_merkle_root_hex = "" })
        answer("identifier", { signature_shares = { { identifier = '""', data_hex = shares[1] } } })
        answer("32 bytes", { signature_shares = { { identifier = signing.identifier(1), data_hex = "00" } } })
        answer("scalar", { signature_shares = { { identifier = signing.identifier(1), data_hex = ("ff"):rep(32) } } })
        local twice = { identifier = signing.identifier(1), data_hex = shares[1] }
        answer("Duplicated identifier", { signature_shares = { twice, twice } })
        answer("taproot_merkle_root_hex", { signature_shares = { { identifier = signing.identifier(1), data_hex = shares[1] } },
            taproot_merkle_root_hex = "" })
        want.taproot_merkle_root_hex = nil
        refused("session_not_found", group:call("interactive_aggregate", want))
    end)

    it("AGG phase A: session, completed, authorized, repeated package", function()
        local package, shares, commitments = signed()
        refused("session_not_found", group:aggregate(package, shares, { session = "none" }))
        local other = group:package(commitments, { message = ("\1"):rep(32) })
        refused({ code = "validation_error", text = "not authorized" }, group:aggregate(other, shares))
        assert(group:aggregate(package, shares))
        refused("interactive_attempt_already_aggregated", group:aggregate(package, shares))
    end)

    it("AGG-1 runs no policy gate", function()
        group = signing.new({ environment = { TBTC_SIGNER_ENABLE_AUTO_QUARANTINE = "true" } })
        local package, shares = signed()
        state.quarantine(group.engine, 1, true)
        state.text(group.engine, "wallet", state.FINALIZE_FINGERPRINT, "f")
        state.rekey(group.engine, "wallet", "spec", group.key_group)
        assert(group:aggregate(package, shares))
    end)

    it("AGG-2 (i) the authorization marker of attempt, package and root is enough", function()
        local package, shares = signed()
        assert(group:abort())
        assert(group:aggregate(package, shares))
    end)

    it("AGG-2 (ii) a committed seat of the package is enough", function()
        -- shares come from a second engine of the same wallet
        local remote = signing.new({ seats = { 2, 3 } })
        local commitments = { [1] = group:commit({ member = 1 }), [2] = remote:commit({ member = 2 }) }
        local package = group:package(commitments)
        local two = assert(remote:round2(package, { member = 2 })).signature_share_hex
        local err = refused("aggregate_share_verification_failed",
            group:aggregate(package, { [1] = ("00"):rep(31) .. "01", [2] = two }))
        assert.same({ 1 }, err.candidate_culprits)
        assert.equal(0, #group:session().sets[state.CONSUMED])
    end)

    it("AGG-2 (iii), D-065 a committed seat that the package leaves out is enough, coordinator or not", function()
        for observer = 1, 3 do
            local here = signing.new({ seats = { observer } })
            local there = signing.new({})
            local members = {}
            for member = 1, 3 do
                if member ~= observer then members[#members + 1] = member end
            end
            local options = { members = members }
            local package = there:prepare(options)
            local shares = there:shares(package, options)
            here:commit({ member = observer })
            local signature = assert(here:aggregate(package, shares)).signature_hex
            assert.is_true(here:verifies(signature))
            assert.equal(0, #here:live())
            assert.equal(1, #here:session().sets[state.AUTHORIZED])
            assert.equal(1, here:session().highest) -- D-123
            assert.equal(1700000000, here:session().retired_at)
            here:assert_replay()
        end
    end)

    it("AGG-2, AGG-3 an open seat without commitments authorizes nothing", function()
        local here = signing.new({ seats = { 3 } })
        local there = signing.new()
        local package = there:prepare()
        local shares = there:shares(package)
        assert(here:open({ member = 3 }))
        refused({ code = "validation_error", text = "not authorized" }, here:aggregate(package, shares))
    end)

    it("AGG-4 another root than that of the shares is not authorized", function()
        local package, shares = signed({ root = signing.ROOT })
        refused({ code = "validation_error", text = "not authorized" },
            group:aggregate(package, shares, { attempt_id = group:attempt_id() }))
        refused({ code = "validation_error", text = "not authorized" },
            group:aggregate(package, shares, { root = ("\x12"):rep(32) }))
        assert(group:aggregate(package, shares, { root = signing.ROOT }))
    end)

    it("AGG-5 names every failing member, ascending, with the pinned text", function()
        group = signing.new({ threshold = 3, participants = 4 })
        local options = { members = { 1, 2, 3 }, included = { 1, 2, 3, 4 } }
        local package, shares = signed(options)
        local bad = { [1] = shares[1], [2] = shares[1], [3] = shares[1] }
        local err = refused("aggregate_share_verification_failed", group:aggregate(package, bad, options))
        assert.same({ 2, 3 }, err.candidate_culprits)
        assert.truthy(err.message:find(
            ("InteractiveAggregate: 2 signature share(s) failed verification for attempt [%s] in session [session]")
            :format(group:attempt_id(options)), 1, true))
        assert(group:aggregate(package, shares, options))
    end)

    it("AGG-6 answers errors that no share causes without culprits", function()
        local package, shares = signed()
        for _, list in ipairs({ { [1] = shares[1] }, { [1] = shares[1], [3] = shares[2] },
            { [1] = shares[1], [2] = shares[2], [3] = shares[2] } }) do
            local err = refused("validation_error", group:aggregate(package, list))
            assert.is_nil(err.candidate_culprits)
        end
    end)

    it("D-069 refuses duplicate identifiers and takes shares in any order", function()
        local package, shares = signed()
        local want = group:aggregate_request(package, shares)
        want.signature_shares[3] = want.signature_shares[1]
        refused("validation_error", group:call("interactive_aggregate", want))
        want.signature_shares = { want.signature_shares[2], want.signature_shares[1] }
        assert(group:call("interactive_aggregate", want))
    end)

    it("AGG-7 a failure writes no marker", function()
        local package, shares = signed()
        local generation = group:counts().generation
        refused("aggregate_share_verification_failed", group:aggregate(package, { [1] = shares[1], [2] = shares[1] }))
        assert.equal(generation, group:counts().generation)
        assert.equal(0, #group:session().sets[state.AGGREGATED])
    end)

    it("AGG-8 a signature that does not verify, although every share does, leaves no marker and blames nobody", function()
        group = signing.new({ terms = 3 }) -- two shares do not determine this polynomial
        local package, shares = signed()
        for member, share in pairs(shares) do
            assert.equal("valid", group:verify_share(package, share, { member = member }).verdict)
        end
        local generation = group:counts().generation
        local err = refused("validation_error", group:aggregate(package, shares))
        assert.is_nil(err.candidate_culprits)
        assert.equal(generation, group:counts().generation)
        assert.equal(0, #group:session().sets[state.AGGREGATED])
        assert.equal(0, group:session().pins)
    end)

    it("AGG-9, AGG-13, AGG-17 completes after a restart, once, and is refused after another", function()
        local package, shares = signed()
        group:restart()
        assert(group:aggregate(package, shares))
        refused("interactive_attempt_already_aggregated", group:aggregate(package, shares))
        group:restart()
        local err = refused("interactive_attempt_already_aggregated", group:aggregate(package, shares))
        assert.truthy(err.message:find(("interactive attempt [%s] already aggregated in session [session]")
            :format(group:attempt_id()), 1, true))
    end)

    it("AGG-10 exchanges the authorization for the completion, in one record", function()
        local package, shares = signed()
        local before = group:session().sets[state.AUTHORIZED]
        local generation = group:counts().generation
        assert(group:aggregate(package, shares))
        local after = group:session().sets[state.AUTHORIZED]
        assert.equal(1, #before)
        assert.equal(1, #after)
        assert.not_equal(before[1], after[1])
        assert.equal(generation + 1, group:counts().generation)
    end)

    it("AGG-10 needs no room with the exact authorization, and one slot without", function()
        local package, shares = signed()
        fill(state.AUTHORIZED, 127)
        assert(group:aggregate(package, shares))
        local here, there = signing.new({ seats = { 3 } }), signing.new()
        package = there:prepare()
        shares = there:shares(package)
        here:commit({ member = 3 })
        group = here
        fill(state.AUTHORIZED, 128)
        refused({ code = "internal_error", reason = "capacity_exceeded" }, here:aggregate(package, shares))
    end)

    it("CAP-3 refuses a full registry of completions", function()
        local package, shares = signed()
        fill(state.AGGREGATED, 128)
        refused({ code = "internal_error", reason = "capacity_exceeded" }, group:aggregate(package, shares))
    end)

    it("AGG-11 the same package never completes under another attempt", function()
        local here, there = signing.new({ seats = { 3 } }), signing.new()
        local package = there:prepare()
        local shares = there:shares(package)
        here:commit({ member = 3 })
        assert(here:aggregate(package, shares))
        here:commit({ member = 3, number = 2 })
        refused({ code = "validation_error", text = "already aggregated" },
            here:aggregate(package, shares, { number = 2 }))
    end)

    it("AGG-12 wipes the entries of attempt, message and root, and no others", function()
        group = signing.new({ participants = 5 })
        local all = { included = { 1, 2, 3, 4, 5 } }
        local package = group:prepare(all)
        group:commit(signing.with(all, { member = 3 }))
        group:commit(signing.with(all, { member = 4, root = signing.ROOT }))
        group:commit(signing.with(all, { member = 5, number = 2 }))
        local shares = group:shares(package, all)
        assert(group:aggregate(package, shares, all))
        local members = {}
        for _, entry in ipairs(group:live()) do members[#members + 1] = entry.member end
        table.sort(members)
        assert.same({ 4, 5 }, members)
        group:assert_replay()
    end)

    it("S-7 another message under an attempt's id is refused and leaves its nonces alone", function()
        local package, commitments = group:prepare()
        local options = { session = "second", message = ("\1"):rep(32) }
        local other, other_shares = signed(options)
        refused({ code = "validation_error", text = "not authorized" },
            group:aggregate(other, other_shares, { attempt_id = group:attempt_id() }))
        assert.equal(commitments[1], group:round1().commitments_hex)
        assert(group:round2(package))
    end)

    it("AGG-16 keeps no pin after any end", function()
        local package, shares = signed()
        refused("aggregate_share_verification_failed", group:aggregate(package, { [1] = shares[1], [2] = shares[1] }))
        assert.equal(0, group:session().pins)
        assert(group:aggregate(package, shares))
        assert.equal(0, group:session().pins)
    end)

    it("AGG-18, D-053 an older version's completion names no root: it holds for all, siblings go when they call", function()
        local package, shares = signed({ root = signing.ROOT })
        local plain = group:prepare({ session = "plain" })
        local digest = hex(signer.roast.message_digest(signing.MESSAGE))
        for _, session in ipairs({ "session", "plain" }) do
            local older = ("%s@%s"):format(group:attempt_id({ session = session }), digest)
            state.mark(group.engine, session, state.AGGREGATED, older)
        end
        refused("interactive_attempt_already_aggregated", group:aggregate(package, shares, { root = signing.ROOT }))
        assert.equal(2, #group:live("plain"))
        for member = 1, 2 do
            refused("interactive_attempt_already_aggregated", group:round2(plain, { session = "plain", member = member }))
            assert.equal(2 - member, #group:live("plain"))
        end
        group:restart()
        refused("interactive_attempt_already_aggregated", group:aggregate(package, shares, { root = signing.ROOT }))
    end)

    it("AGG-19 gives the bytes of a plain aggregation", function()
        local package, shares = signed()
        local signature = assert(group:aggregate(package, shares)).signature_hex
        local verifying = {}
        for member = 1, 3 do
            verifying[member] = { member, group:session("wallet").verifying_shares[member] }
        end
        local keys = signer.frost.make_public_package(verifying, bytes(group.key_group), 2)
        local plain = signer.frost.aggregate(signer.frost.signing_package(bytes(package)),
            { { 1, bytes(shares[1]) }, { 2, bytes(shares[2]) } }, keys, 2)
        assert.equal(signature, hex(plain))
    end)

    it("dkg_not_ready once the wallet is gone", function()
        local package, shares = signed()
        state.clear(group.engine, "wallet", state.PUBLIC_PACKAGE)
        refused("internal_error", group:aggregate(package, shares))
    end)

    it("TM-1 counts calls and signatures", function()
        local package, shares = signed()
        refused("aggregate_share_verification_failed", group:aggregate(package, { [1] = shares[1], [2] = shares[1] }))
        assert(group:aggregate(package, shares))
        local counters = state.counters(group.engine)
        assert.equal(2, counters.INTERACTIVE_AGGREGATE_CALLS)
        assert.equal(1, counters.INTERACTIVE_AGGREGATE_SUCCESS)
    end)
end)
