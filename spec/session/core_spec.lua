-- The core past the endpoint files: each committing operation checks again whatever must never be
-- wrong, so that a missing line in an endpoint file can spoil an error code, never a nonce (design 4).
local signing = require("spec.support.signing")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")
local core, interactive, state = signer.test_core, signer.interactive, signer.test_state
local interactive_open, interactive_seat = signer.interactive_open, signer.interactive_seat
local interactive_aggregate = signer.interactive_aggregate
local bytes = vectors.bytes

describe("committing operations, called straight", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    local function call(run)
        return core.call(group.engine, run)
    end

    local function assert_error(name, ok, err)
        assert.is_false(ok)
        if type(err) ~= "table" then error(err, 2) end
        assert.equal(name, name:find("%l") and err.code or err.error)
    end

    --- consume without one of the steps before it.
    local function consume(package, options)
        local request = group:seat_request(options)
        return call(function(self)
            core.allow_members(self, { 1, 2, 3 })
            local seat = interactive_seat.new({
                session_id = request.session_id,
                attempt_id = request.attempt_id,
                member = request.member_identifier,
                package = package and signer.frost.signing_package(bytes(package)),
            })
            self:enter()
            interactive_seat.round2.consume(self, seat)
            self:leave()
            core.wait(self)
            return interactive_seat.round2.share(self, seat)
        end)
    end

    local function assert_nothing_spent(commitments)
        assert.equal(0, #group:session().sets[state.CONSUMED])
        if commitments then assert.equal(commitments[1], group:round1().commitments_hex) end
    end

    it("consume alone signs where everything holds, once", function()
        local package = group:prepare()
        local ok, share = consume(package)
        assert.is_true(ok)
        assert.equal("valid", group:verify_share(package, vectors.hex(share)).verdict)
        assert_error("CONSUMED_NONCE", consume(package))
    end)

    it("consume refuses every wrong package", function()
        local package, commitments = group:prepare()
        local third = group:commit({ member = 3 })
        local foreign = group:commit({ session = "second" })
        for _, wrong in ipairs({
            group:package(commitments, { message = ("\1"):rep(32) }),
            group:package({ [1] = commitments[1] }),
            group:package({ [1] = commitments[1], [2] = commitments[2], [3] = third }),
            group:package({ [2] = commitments[2], [3] = third }),
            group:package({ [1] = foreign, [2] = commitments[2] }),
            group:package({ [1] = commitments[1], [9] = commitments[2] }),
        }) do
            assert_error("VALIDATION", consume(wrong))
        end
        assert_error("INTERNAL", consume(nil))
        assert_nothing_spent(commitments)
        assert.is_true(consume(package))
    end)

    it("consume refuses without entry, commitments, marker room, authorization room", function()
        local package = group:prepare()
        assert_error("SESSION_NOT_FOUND", consume(package, { session = "none" }))
        assert_error("NO_LIVE_ATTEMPT", consume(package, { member = 3 }))
        assert(group:open({ member = 3 }))
        assert_error("ROUND_NOT_STARTED", consume(package, { member = 3 }))
        local fill = {}
        for i = 1, 128 do fill[i] = ("%064x"):format(i) end
        state.mark(group.engine, "session", state.AUTHORIZED, fill)
        assert_error("CAPACITY", consume(package))
        assert_nothing_spent()
        state.mark(group.engine, "session", state.CONSUMED, fill)
        assert_error("CAPACITY", consume(package))
    end)

    it("consume runs the gates: rekey, finalized, quarantine of each participant, message binding", function()
        group = signing.new({ environment = { TBTC_SIGNER_ENABLE_AUTO_QUARANTINE = "true" } })
        local package = group:prepare()
        for _, member in ipairs({ 1, 2 }) do
            state.quarantine(group.engine, member, true)
            assert_error("QUARANTINED", consume(package))
            state.quarantine(group.engine, member, false)
        end
        state.text(group.engine, "wallet", state.FINALIZE_FINGERPRINT, "f")
        assert_error("SESSION_FINALIZED", consume(package))
        state.clear(group.engine, "wallet", state.FINALIZE_FINGERPRINT)
        state.environment(group.engine, "TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL", "true")
        assert_error("MISSING_BUILD_TX", consume(package))
        state.environment(group.engine, "TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL", "false")
        assert_nothing_spent()
        state.rekey(group.engine, "wallet", "spec", "")
        assert_error("EMERGENCY_REKEY", consume(package))
        assert_nothing_spent()
    end)

    it("consume does not take a gate that was passed in an earlier critical section", function()
        local package = group:prepare()
        local request = group:seat_request()
        local ok, err = call(function(self)
            core.allow_members(self, { 1, 2 })
            local seat = interactive_seat.new({ session_id = "session", attempt_id = request.attempt_id, member = 1,
                package = signer.frost.signing_package(bytes(package)) })
            self:enter()
            interactive_seat.round2.find_session(self, seat)
            interactive_seat.round2.pass_gates(self, seat)
            self:leave()
            state.rekey(group.engine, "wallet", "spec", "")
            self:enter()
            interactive_seat.round2.consume(self, seat)
        end)
        assert_error("EMERGENCY_REKEY", ok, err)
        assert_nothing_spent()
    end)

    it("consume does not take a package that fitted in an earlier critical section", function()
        local package = group:prepare()
        local attempt = group:attempt_id()
        local ok, err = call(function(self)
            core.allow_members(self, { 1, 2 })
            local seat = interactive_seat.new({ session_id = "session", attempt_id = attempt, member = 1,
                package = signer.frost.signing_package(bytes(package)) })
            self:enter()
            interactive_seat.round2.find_session(self, seat)
            interactive_seat.round2.check_package(self, seat)
            self:leave()
            assert(group:abort())
            group:commit() -- opened again, with other nonces
            self:enter()
            interactive_seat.round2.consume(self, seat)
        end)
        assert_error("VALIDATION", ok, err)
        assert.matches("does not match its round%-1 output", err.detail)
        assert_nothing_spent()
    end)

    it("D-135 consume asks again about members that another script let through", function()
        local package = group:prepare()
        local attempt = group:attempt_id()
        local function consume_after(last)
            return call(function(self)
                local seat = interactive_seat.new({ session_id = "session", attempt_id = attempt, member = 1,
                    package = signer.frost.signing_package(bytes(package)) })
                for _, verdict in ipairs({ { 1, "\1" }, { 2, "\1" }, { 2, last } }) do
                    local sha256 = verdict[2]:rep(32)
                    signer.gates.store_member_verdict(self, verdict[1],
                        { allowed = true, failed = false, embedded = true, sha256 = sha256 })
                    signer.gates.publish_policy(self, "quarantine", sha256)
                end
                self:enter()
                interactive_seat.round2.consume(self, seat)
            end)
        end
        assert_error("ASK_POLICY", consume_after("\2"))
        assert_nothing_spent()
        assert.is_true((consume_after("\1")))
    end)

    it("no share without consumption, without durability, under the lock, or twice", function()
        local package = group:prepare()
        local request = group:seat_request()
        local function with_seat(run)
            return call(function(self)
                core.allow_members(self, { 1, 2 })
                return run(self, interactive_seat.new({ session_id = "session", attempt_id = request.attempt_id, member = 1,
                    package = signer.frost.signing_package(bytes(package)) }))
            end)
        end
        assert_error("INTERNAL", with_seat(function(self, seat) return interactive_seat.round2.share(self, seat) end))
        assert_nothing_spent()
        assert_error("INTERNAL", with_seat(function(self, seat)
            self:enter()
            interactive_seat.round2.consume(self, seat)
            self:leave()
            return interactive_seat.round2.share(self, seat) -- nothing was waited for
        end))
        assert.equal(1, #group:session().sets[state.CONSUMED])
        assert_error("INTERNAL", with_seat(function(self, seat) return interactive_seat.round2.share(self, seat) end))
        assert_error("CONSUMED_NONCE", consume(package))
    end)

    it("R2-7 an earlier wait, or a call that says it never waits, makes no record durable", function()
        local package = group:prepare()
        local attempt = group:attempt_id()
        local function spend(before, after)
            return call(function(self)
                core.allow_members(self, { 1, 2 })
                local seat = interactive_seat.new({ session_id = "session", attempt_id = attempt, member = 1,
                    package = signer.frost.signing_package(bytes(package)) })
                before(self)
                self:enter()
                interactive_seat.round2.consume(self, seat)
                self:leave()
                after(self)
                return interactive_seat.round2.share(self, seat)
            end)
        end
        assert_error("INTERNAL", spend(core.wait, function() end))
        assert.equal(1, #group:session().sets[state.CONSUMED])

        package = group:prepare({ number = 2 })
        attempt = group:attempt_id({ number = 2 })
        local ok, err = spend(function(self) self:never_waits() end, function(self)
            signer.test_fault.arm("sync", "error", 1)
            core.wait(self)
        end)
        signer.test_fault.clear()
        assert_error("STATE_IO", ok, err)
    end)

    it("COM-5 what one call took is nothing to another: its seat, its view, its computation", function()
        local package = group:prepare()
        local attempt = group:attempt_id()
        local kept
        assert.is_true((call(function(self)
            core.allow_members(self, { 1, 2 })
            kept = interactive_seat.new({ session_id = "session", attempt_id = attempt, member = 1,
                package = signer.frost.signing_package(bytes(package)) })
            self:enter()
            interactive_seat.round2.consume(self, kept)
            self:leave()
            core.wait(self)
        end)))
        assert_error("INTERNAL", call(function(self)
            core.wait(self)
            return interactive_seat.round2.share(self, kept)
        end))
        assert_error("CONSUMED_NONCE", consume(package))

        -- The session that an object found goes away; the next call looks for it again.
        group = signing.new({ environment = { TBTC_SIGNER_MAX_SESSIONS = "2" } })
        local other = group:prepare()
        attempt = group:attempt_id()
        call(function(self)
            kept = interactive_seat.new({ session_id = "session", attempt_id = attempt, member = 1,
                package = signer.frost.signing_package(bytes(other)) })
            self:enter()
            interactive_seat.round2.find_session(self, kept)
        end)
        assert(group:abort())
        assert(group:open({ session = "second" }))
        assert.is_nil(group:session())
        assert_error("SESSION_NOT_FOUND", call(function(self)
            self:enter()
            interactive_seat.round2.refuse_consumed(self, kept)
        end))
    end)

    it("NC-5 what an abort or a newer open took away in the same critical section is not consumed", function()
        for _, take_away in ipairs({
            function(self) assert.is_true(interactive.abort(self, "session")) end,
            function(self, newer) interactive_open.commit(self, newer) end,
        }) do
            group = signing.new()
            local package = group:prepare()
            local attempt = group:attempt_id()
            local context = group:context({ number = 2 })
            local ok, err = call(function(self)
                core.allow_members(self, { 1, 2 })
                local seat = interactive_seat.new({ session_id = "session", attempt_id = attempt, member = 1,
                    package = signer.frost.signing_package(bytes(package)) })
                local newer = interactive_open.new({ session_id = "session", member = 1, threshold = 2,
                    key_group = group.key_group,
                    message = signing.MESSAGE, context = context, fingerprint = ("0"):rep(64) })
                self:enter()
                interactive_seat.round2.find_session(self, seat)
                interactive_seat.round2.pass_gates(self, seat)
                take_away(self, newer)
                interactive_seat.round2.consume(self, seat)
            end)
            assert.is_false(ok)
            assert.truthy(err.error == "NO_LIVE_ATTEMPT" or err.code == "validation_error", err.error)
            assert.equal(0, #group:session().sets[state.CONSUMED])
        end
    end)

    it("one call commits once", function()
        local package = group:prepare()
        local attempt = group:attempt_id()
        local ok, err = call(function(self)
            core.allow_members(self, { 1, 2 })
            local seats = {}
            for member = 1, 2 do
                seats[member] = interactive_seat.new({ session_id = "session", attempt_id = attempt, member = member,
                    package = signer.frost.signing_package(bytes(package)) })
            end
            self:enter()
            for member = 1, 2 do interactive_seat.round2.consume(self, seats[member]) end
        end)
        assert_error("INTERNAL", ok, err)
        assert.equal(1, #group:session().sets[state.CONSUMED])
    end)

    it("steps refuse to run without the engine, and void calls", function()
        local kept
        call(function(self) kept = self end)
        assert.is_false((pcall(function() kept:enter() end)))
        local ok = call(function(self)
            interactive_seat.round2.find_session(self, interactive_seat.new({ session_id = "session",
                attempt_id = ("0"):rep(64), member = 1 }))
        end)
        assert.is_false(ok)
        local taken, wrong = call(function(self)
            self:enter()
            interactive_seat.round2.find_session(self, self)
        end)
        assert.is_false(taken)
        assert.truthy(tostring(wrong):find("signer.interactive_seat expected", 1, true), tostring(wrong))
        for _, step in ipairs({
            function(self) signer.persist.retire(self, group.key_group) end,
            function(self) signer.build_tx.commit(self, "session", "", signer.build_tx.plan(self, {}, {})) end,
        }) do
            local committed, err = call(step)
            assert.is_false(committed)
            assert.truthy(tostring(err):find("the engine is not held", 1, true), tostring(err))
        end
        assert.equal(0, group:counts().sessions - 1)
    end)

    local function open_request(changes)
        local context = group:context(changes)
        local want = {
            session_id = "session", member = 1, threshold = 2, key_group = group.key_group, message = signing.MESSAGE,
            context = context, fingerprint = ("0"):rep(64),
        }
        for key, value in pairs(changes or {}) do want[key] = value end
        return want
    end

    local function open(changes)
        return call(function(self)
            core.allow_members(self, { 1, 2, 3 })
            local object = interactive_open.new(open_request(changes))
            self:enter()
            interactive_open.commit(self, object)
            self:leave()
            core.wait(self)
        end)
    end

    it("open alone opens where everything holds", function()
        assert.is_true((open()))
        assert.equal(1, #group:live())
        assert_error("validation_error", open())
        assert.equal(1, #group:live())
    end)

    it("open refuses wrong wallet, threshold, seat, context, participants, consumed and final attempts", function()
        assert_error("DKG_NOT_READY", open({ key_group = "02" .. ("ab"):rep(32) }))
        assert_error("validation_error", open({ threshold = 3 }))
        assert_error("validation_error", open({ member = 9 }))
        local context = group:context()
        context.coordinator_identifier = context.coordinator_identifier % 3 + 1
        assert_error("validation_error", open({ context = context }))
        assert_error("validation_error", open({ included = { 2, 3 } }))
        assert_error("validation_error", open({ included = { 1, 2, 9 } }))
        state.mark(group.engine, "session", state.CONSUMED, "m1@" .. group:attempt_id())
        assert_error("CONSUMED_NONCE", open())
        state.mark(group.engine, "session", state.AGGREGATED, group:attempt_id({ number = 2 }))
        assert_error("ALREADY_AGGREGATED", open({ number = 2 }))
        assert.equal(0, group:counts().live)
    end)

    it("open runs the gates whoever calls", function()
        state.text(group.engine, "wallet", state.FINALIZE_FINGERPRINT, "f")
        assert_error("SESSION_FINALIZED", open())
        state.rekey(group.engine, "wallet", "spec", "")
        assert_error("EMERGENCY_REKEY", open())
        assert.equal(0, group:counts().live)
    end)

    it("aggregate commits nothing that was not computed, and nothing unauthorized", function()
        local package = group:prepare()
        local shares = group:shares(package)
        local attempt = group:attempt_id()
        local function aggregate(run)
            return call(function(self)
                return run(self, interactive_aggregate.new({ session_id = "session", attempt_id = attempt,
                    package = signer.frost.signing_package(bytes(package)),
                    shares = { { identifier = 1, share = bytes(shares[1]) }, { identifier = 2, share = bytes(shares[2]) } } }))
            end)
        end
        assert_error("INTERNAL", aggregate(function(self, work)
            self:enter()
            interactive_aggregate.commit(self, work)
        end))
        assert_error("INTERNAL", aggregate(function(self, work)
            self:enter()
            interactive_aggregate.find_session(self, work)
            interactive_aggregate.copy_keys(self, work)
            self:leave()
            interactive_aggregate.compute(self, work)
            return interactive_aggregate.signature(self, work) -- no record
        end))
        assert.equal(0, group:session().pins)
        local signed = attempt
        attempt = ("0"):rep(64)
        assert_error("VALIDATION", aggregate(function(self, work)
            self:enter()
            interactive_aggregate.copy_keys(self, work)
            self:leave()
            interactive_aggregate.compute(self, work)
            self:enter()
            interactive_aggregate.commit(self, work)
        end))
        assert.equal(0, #group:session().sets[state.AGGREGATED])
        attempt = signed
        -- The record of one package lets no signature of another out.
        local request = group:aggregate_request(package, shares)
        local second = group:prepare({ session = "other" })
        local other = group:shares(second, { session = "other" })
        local elsewhere = group:attempt_id({ session = "other" })
        assert_error("INTERNAL", aggregate(function(self, work)
            local foreign = interactive_aggregate.new({ session_id = "other", attempt_id = elsewhere,
                package = signer.frost.signing_package(bytes(second)),
                shares = { { identifier = 1, share = bytes(other[1]) }, { identifier = 2, share = bytes(other[2]) } } })
            self:enter()
            interactive_aggregate.find_session(self, work)
            interactive_aggregate.copy_keys(self, work)
            interactive_aggregate.find_session(self, foreign)
            interactive_aggregate.copy_keys(self, foreign)
            self:leave()
            interactive_aggregate.compute(self, work)
            interactive_aggregate.compute(self, foreign)
            self:enter()
            interactive_aggregate.commit(self, foreign)
            self:leave()
            core.wait(self)
            return interactive_aggregate.signature(self, work)
        end))
        assert(group:call("interactive_aggregate", request))
    end)

    it("AGG-15 an authorization that went away during the computation ends the call", function()
        local there = signing.new()
        local package = there:prepare()
        local shares = there:shares(package)
        group = signing.new({ seats = { 3 } })
        group:commit({ member = 3 })
        local attempt = group:attempt_id()
        local ok, err = call(function(self)
            local work = interactive_aggregate.new({ session_id = "session", attempt_id = attempt,
                package = signer.frost.signing_package(bytes(package)),
                shares = { { identifier = 1, share = bytes(shares[1]) }, { identifier = 2, share = bytes(shares[2]) } } })
            self:enter()
            interactive_aggregate.require_authorized(self, work)
            interactive_aggregate.copy_keys(self, work)
            self:leave()
            interactive_aggregate.compute(self, work)
            assert(group:abort())
            self:enter()
            interactive_aggregate.commit(self, work)
        end)
        assert_error("VALIDATION", ok, err)
        assert.equal(0, #group:session().sets[state.AGGREGATED])
    end)

    it("AGG-16, RET-3 a session is not evicted while an aggregate computes", function()
        group = signing.new({ environment = { TBTC_SIGNER_MAX_SESSIONS = "2" } })
        local package = group:prepare()
        local shares = group:shares(package)
        local attempt = group:attempt_id()
        local ok, err = call(function(self)
            local work = interactive_aggregate.new({ session_id = "session", attempt_id = attempt,
                package = signer.frost.signing_package(bytes(package)),
                shares = { { identifier = 1, share = bytes(shares[1]) }, { identifier = 2, share = bytes(shares[2]) } } })
            self:enter()
            interactive_aggregate.copy_keys(self, work)
            self:leave()
            assert.equal(1, group:session().pins)
            signing.assert_refused("internal_error", group:open({ session = "second" }))
            interactive_aggregate.compute(self, work)
            self:enter()
            interactive_aggregate.commit(self, work)
            self:leave()
        end)
        assert(ok, err)
        assert.equal(0, group:session().pins)
        assert(group:open({ session = "second" }))
        assert.is_nil(group:session())
    end)

    it("D-142 refuses round 1 and open in production where memory cannot be locked", function()
        signer.test_fault.arm("memory_lock", "error", 1, true)
        group = signing.new()
        assert(group:open())
        local attempt = group:attempt_id()
        state.environment(group.engine, "TBTC_SIGNER_PROFILE", "production")
        assert_error("MEMORY_LOCK", call(function(self)
            core.allow_members(self, { 1 })
            self:enter()
            interactive_seat.round1.prepare(self,
                interactive_seat.new({ session_id = "session", attempt_id = attempt, member = 1 }))
        end))
        local heartbeat = signer.roast.heartbeat_digest(("\xff"):rep(8) .. ("\0"):rep(7) .. "\1")
        state.environment(group.engine, "TBTC_SIGNER_PROFILE", "development")
        local want = open_request({ message = heartbeat, heartbeat = ("ff"):rep(8) .. ("00"):rep(7) .. "01", session_id = "hb",
            context = group:context({ session = "hb", message = heartbeat }) })
        state.environment(group.engine, "TBTC_SIGNER_PROFILE", "production")
        assert_error("MEMORY_LOCK", call(function(self)
            core.allow_members(self, { 1 })
            local object = interactive_open.new(want)
            self:enter()
            interactive_open.commit(self, object)
        end))
    end)
end)
