-- Calls on several threads: interactive-session 20 in the form of D-120, D-121.
local signing = require("spec.support.signing")
local luv = require("luv")
local signer = require("tbtc_signer")
local json = require("tbtc_signer.json")
local state = signer.test_state
local fault = signer.test_fault
local refused = signing.assert_refused

describe("concurrency", function()
    local group

    before_each(function() group = signing.new() end)
    after_each(signing.finish_all)

    --- @param calls table  array of {endpoint, request}
    local function start(calls)
        local list = {}
        for i, call in ipairs(calls) do list[i] = { call[1], json.encode(call[2]) } end
        return group.engine:parallel(list)
    end

    --- @return table  array of {ok, reply or error}
    local function finish(running)
        local answers = running:finish()
        for _, answer in ipairs(answers) do answer[2] = json.decode(answer[2]) end
        return answers
    end

    local function count(answers, code)
        local successes, failures = 0, 0
        for _, answer in ipairs(answers) do
            if answer[1] then
                successes = successes + 1
            elseif answer[2].code == code then
                failures = failures + 1
            else
                error(answer[2].code .. ": " .. answer[2].message)
            end
        end
        return successes, failures
    end

    --- Waits until `hits` threads stand at the point.
    local function await(point, hits)
        local deadline = os.time() + 120
        while fault.hits(point) < hits do
            assert(os.time() <= deadline, "nobody came to " .. point)
            luv.sleep(5)
        end
    end

    local function round2(package, options)
        local request = group:seat_request(options)
        request.signing_package_hex = package
        return { "interactive_round2", request }
    end

    it("CC-3 of eight round 2 calls for one seat one gives a share", function()
        local package = group:prepare()
        local calls = {}
        for i = 1, 8 do calls[i] = round2(package) end
        local successes, replays = count(finish(start(calls)), "consumed_nonce_replay")
        assert.equal(1, successes)
        assert.equal(7, replays)
        group:assert_replay()
    end)

    it("CC-3 a second caller waits while the first one's record is not synced", function()
        local package = group:prepare()
        fault.arm("sync", "pause")
        local first = start({ round2(package) })
        await("sync", 1)
        local second = start({ round2(package), { "interactive_round1", group:seat_request() } })
        luv.sleep(50)
        assert.equal(0, first:done())
        assert.equal(0, second:done())
        fault.release()
        assert.equal(1, (count(finish(first))))
        assert.equal(2, select(2, count(finish(second), "consumed_nonce_replay")))
    end)

    it("D-126 a child forked while the state opens is refused, does not wait, and the opening goes on", function()
        local options = { session = "later" }
        local request = group:open_request(options)
        group:restart(true)
        fault.arm("sync", "pause")
        local opening = start({ { "interactive_session_open", request } })
        await("sync", 1)
        local status = signer.test_core.fork(function()
            fault.clear()
            local _, err = group:call("interactive_session_open", request)
            os.exit(err and err.reason_code == "process_forked" and 7 or 1)
        end)
        fault.release()
        assert.equal(7 << 8, status)
        assert.equal(1, (count(finish(opening))))
        assert(group:call("interactive_session_open", request))
    end)

    it("D-120 calls that came while a sync hung share the next one", function()
        local package, others = group:prepare(), {}
        for i = 1, 7 do
            local options = { session = "share-" .. i }
            others[i] = round2(group:prepare(options), options)
        end
        fault.arm("sync", "pause")
        local first = start({ round2(package) })
        await("sync", 1)
        local written = fault.hits("write")
        local running = start(others)
        await("write", written + 7)
        fault.release()
        assert.equal(1, (count(finish(first))))
        assert.equal(7, (count(finish(running))))
        assert.is_true(fault.hits("sync") < 8, fault.hits("sync") .. " syncs")
    end)

    it("D-120 a call for another session goes on while a sync hangs", function()
        local package = group:prepare()
        assert(group:open({ session = "second" }))
        fault.arm("sync", "pause")
        local running = start({ round2(package) })
        await("sync", 1)
        assert(group:round1({ session = "second" }))
        assert(group:open({ session = "second", number = 2 }))
        assert.equal("indeterminate", group:verify_share(package, ("00"):rep(32), { session = "none" }).verdict)
        assert.is_true(assert(group:abort()).aborted)
        fault.release()
        assert.equal(1, (count(finish(running))))
    end)

    it("D-120 an answer that rests on a retirement, or on an eviction, waits for its record", function()
        local asking = { { "interactive_session_open", group:open_request() },
            { "retire_distributed_dkg_key_packages", { key_group = group.key_group } } }
        for _, keeps in ipairs({ false, true }) do
            if keeps then -- the wallet's session stays: it holds a transaction
                group = signing.new()
                state.transaction(group.engine, "wallet",
                    { session_id = "wallet", tx = "\1", sighashes = { ("\1"):rep(32) }, prevouts = { { 1, "\x51" } } })
                asking[1][2], asking[2][2] = group:open_request(), { key_group = group.key_group }
            end
            fault.arm("sync", "pause")
            local retiring = start({ asking[2] })
            await("sync", 1)
            local waiting = start(asking)
            luv.sleep(50)
            assert.equal(0, waiting:done())
            fault.release()
            assert.equal(1, (count(finish(retiring))))
            local again, refusals = count(finish(waiting), "dkg_not_ready")
            assert.same({ 1, 1 }, { again, refusals })
        end
    end)

    it("AGG-14 of eight aggregates one gives a signature", function()
        local package = group:prepare()
        local shares = group:shares(package)
        local calls = {}
        for i = 1, 8 do calls[i] = { "interactive_aggregate", group:aggregate_request(package, shares) } end
        local successes, replays = count(finish(start(calls)), "interactive_attempt_already_aggregated")
        assert.equal(1, successes)
        assert.equal(7, replays)
    end)

    it("R1-2, D-121 of eight round 1 calls all give the same commitments, and one counts as fresh", function()
        assert(group:open())
        local calls = {}
        for i = 1, 8 do calls[i] = { "interactive_round1", group:seat_request() } end
        local answers = finish(start(calls))
        assert.equal(8, (count(answers)))
        for i = 2, 8 do assert.equal(answers[1][2].commitments_hex, answers[i][2].commitments_hex) end
        assert.equal(1, state.counters(group.engine).INTERACTIVE_ROUND1_SUCCESS)
        assert.equal(answers[1][2].commitments_hex, group:round1().commitments_hex)
    end)

    it("OPEN-4 of eight equal opens one is fresh", function()
        local calls = {}
        for i = 1, 8 do calls[i] = { "interactive_session_open", group:open_request() } end
        local fresh = 0
        for _, answer in ipairs(finish(start(calls))) do
            assert.is_true(answer[1])
            if not answer[2].idempotent then fresh = fresh + 1 end
        end
        assert.equal(1, fresh)
        assert.equal(1, #group:live())
        group:assert_replay()
    end)

    it("CC-2 eight first callers open the state once", function()
        local package = group:prepare()
        assert(group:round2(package))
        group:restart()
        fault.arm("key_provider", "none", 1, true)
        local calls = {}
        for i = 1, 8 do calls[i] = { "interactive_round1", group:seat_request() } end
        assert.equal(8, select(2, count(finish(start(calls)), "consumed_nonce_replay")))
        assert.equal(1, fault.hits("key_provider"))
    end)

    it("CAP-1 the cap holds under concurrent opens", function()
        group = signing.new({ environment = { TBTC_SIGNER_MAX_LIVE_INTERACTIVE_SESSIONS = "3" } })
        local calls = {}
        for i = 1, 8 do calls[i] = { "interactive_session_open", group:open_request({ session = "s" .. i }) } end
        local successes, full = count(finish(start(calls)), "internal_error")
        assert.equal(3, successes)
        assert.equal(5, full)
    end)

    it("whole attempts on eight threads, different sessions and the same one", function()
        local calls, packages = {}, {}
        for i = 1, 8 do
            local options = { session = "s" .. i }
            packages[i] = group:prepare(options)
            calls[#calls + 1] = round2(packages[i], signing.with(options, { member = 1 }))
            calls[#calls + 1] = round2(packages[i], signing.with(options, { member = 2 }))
            calls[#calls + 1] = round2(packages[i], signing.with(options, { member = 2 }))
        end
        local answers = finish(start(calls))
        local shares, again = count(answers, "consumed_nonce_replay")
        assert.equal(16, shares)
        assert.equal(8, again)
        group:assert_replay()
    end)

    it("CC-4 a poisoned engine answers internal_error and changes nothing", function()
        local package = group:prepare()
        signer.test_core.poison(group.engine)
        refused("internal_error", group:round2(package))
        refused("internal_error", group:open({ session = "second" }))
        assert.equal(2, group:counts().live)
    end)

    it("a rekey while a nonce pair is drawn leaves no nonces behind (D-062)", function()
        assert(group:open())
        local secrets = group:counts().secrets
        fault.arm("before_draw", "pause")
        local running = start({ { "interactive_round1", group:seat_request() } })
        await("before_draw", 1)
        state.rekey(group.engine, "wallet", "spec", group.key_group)
        fault.release()
        assert.equal(1, select(2, count(finish(running), "lifecycle_policy_rejected")))
        assert.equal(0, group:counts().live)
        assert.equal(secrets, group:counts().secrets)
    end)

    it("D-121 an entry that was opened anew while the pair was drawn gets a pair of its own", function()
        assert(group:open())
        fault.arm("before_draw", "pause")
        local running = start({ { "interactive_round1", group:seat_request() } })
        await("before_draw", 1)
        assert(group:abort())
        assert(group:open())
        fault.release()
        local answers = finish(running)
        assert.is_true(answers[1][1])
        assert.equal(2, fault.hits("before_draw"))
        assert.equal(answers[1][2].commitments_hex, group:round1().commitments_hex)
    end)

    it("D-121 an abort while the pair is drawn: no entry, no nonces", function()
        assert(group:open())
        local secrets = group:counts().secrets
        fault.arm("before_draw", "pause")
        local running = start({ { "interactive_round1", group:seat_request() } })
        await("before_draw", 1)
        assert(group:abort())
        fault.release()
        assert.equal(1, select(2, count(finish(running), "session_not_found")))
        assert.equal(secrets, group:counts().secrets)
    end)
end)
