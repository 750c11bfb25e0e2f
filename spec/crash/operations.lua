--- What the crash matrix drives: every operation that writes. Each has a store to begin with, a prelude (what
-- lives in memory before the operation) and the operation itself.
--   base(group)       once, on the store that every case gets a copy of
--   prepare(group)    in the process of the case, before the fault is armed; answers what `run` needs. It warms
--                     the endpoint up, so that the allocations of loading its sources are not counted
--   ask(group, given) the request, made before the fault is armed (default: `given` itself)
--   run(group, asked) the operation: the reply, or nil and the error
--   opens = true      the operation is the opening itself: nothing is open before it
--   empty = true      no store to begin with
--   fill(folder)      changes the files of the closed store, or puts some where there is none
--   tool = true       an offline act: no engine is open, before and after are what an opening finds
--     new_lock        the lock file gets another id
--     views           list of settings under which an opening is tried (default: those of the operation)
--     done            reason code of the act where it was finished already
--     check(folder, side)   what else must hold
--   released(reply)   what may leave only when the record is there (a share, a signature)
local engines = require("spec.support.engines")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")
local transactions = require("spec.support.transactions")

local lp, pack = registry.lp, string.pack
local list = {}

local function add(operation) list[#list + 1] = operation end

--- A request through the engine, in its wire form with secrets as handles.
local function request(group, name, body)
    return engines.methods.call({ raw = group.engine }, name, body)
end

local function commit(group, ...)
    local body = table.concat({ ... })
    signer.test_crash.commit(group.engine, registry.changes(body))
end

--- A record of a call that comes later. `base`: what the session is to begin with, an encoded body or a function.
-- @param make function(changes, group)  fills the list of changes
local function record(name, base, make)
    add({
        name = name,
        base = function(group)
            if type(base) == "function" then base(group) elseif base then commit(group, base) end
        end,
        run = function(group)
            local good, why = pcall(function()
                local changes = signer.test_changes.new()
                make(changes, group)
                signer.test_crash.commit(group.engine, changes)
            end)
            if good then return {} end
            return nil, why
        end,
    })
end

add({ name = "create", opens = true, empty = true, run = function(group)
    local good, why = pcall(group.counts, group)
    if good then return {} end
    return nil, why
end })

add({ name = "open", opens = true, run = function(group)
    local good, why = pcall(group.counts, group)
    if good then return {} end
    return nil, why
end })

add({ name = "close", run = function(group)
    group.engine:close()
    group.engine = nil
    return {}
end })

add({
    name = "persist",
    prepare = function(group)
        local keys = engines.methods.dkg(
            { must = function(_, name, body) return assert(request(group, name, body)) end }, 3, 2)
        local given = engines.persist_request("dkg", keys, 2, 2)
        given.threshold = 3
        assert(not request(group, "persist_distributed_dkg_key_package", given))
        given.threshold = 2
        return given
    end,
    run = function(group, given) return request(group, "persist_distributed_dkg_key_package", given) end,
})

add({
    name = "retire",
    prepare = function(group)
        assert(request(group, "retire_distributed_dkg_key_packages", { key_group = registry.GROUP_A }))
    end,
    run = function(group)
        return request(group, "retire_distributed_dkg_key_packages", { key_group = group.key_group })
    end,
})

add({
    name = "first binding",
    prepare = function(group) assert(group:open({ session = "warm" })) end,
    ask = function(group) return group:open_request() end,
    run = function(group, asked) return group:call("interactive_session_open", asked) end,
})

add({
    name = "round 2",
    prepare = function(group) return group:prepare() end,
    ask = function(group, package)
        local asked = group:seat_request()
        asked.signing_package_hex = package
        return asked
    end,
    run = function(group, asked) return group:call("interactive_round2", asked) end,
    released = function(reply) return reply.signature_share_hex end,
    spent = "consumed_nonce_replay",
})

add({
    name = "aggregate",
    prepare = function(group)
        local package = group:prepare()
        return { package, group:shares(package) }
    end,
    ask = function(group, given) return group:aggregate_request(given[1], given[2]) end,
    run = function(group, asked) return group:call("interactive_aggregate", asked) end,
    released = function(reply) return reply.signature_hex end,
    spent = "interactive_attempt_already_aggregated",
})

add({
    name = "build transaction",
    prepare = function(group) assert(request(group, "build_taproot_tx", transactions.request("warm"))) end,
    run = function(group) return request(group, "build_taproot_tx", transactions.request("tx")) end,
})

add({
    name = "policy refusal",
    environment = { TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true" },
    policy = "return { evaluate = function() return refuse('no') end }",
    prepare = function(group) assert(not request(group, "build_taproot_tx", transactions.request("warm"))) end,
    run = function(group)
        local reply, err = request(group, "build_taproot_tx", transactions.request("tx"))
        if not reply and err.code == "signing_policy_rejected" then return {} end -- it may be said: the NOTE is there
        return nil, err
    end,
})

local records = signer.test_records
local TIME = 1700000000
local bound = registry.bound("old", registry.GROUP_A)
local round = { session_id = "coarse", round_id = "r2", required_contributions = 2, own_member = 1, signing = { 1, 2 },
    own_share = ("\x13"):rep(32) }
local attempt = { attempt_number = 2, coordinator = 2, included = { 1, 2 }, fingerprint = "fp", attempt_id = "a2" }
local checkpoint = ("\1"):rep(97) .. ("\0"):rep(7) .. ("\1"):rep(112) .. pack(">I8", 1) .. ("\2"):rep(336)

--- A coarse round in progress.
local function coarse_base(group)
    local changes = signer.test_changes.new()
    changes:create("coarse")
    records.round(changes, "coarse", "start 1", "message 1", round, attempt)
    signer.test_crash.commit(group.engine, changes)
end

local function refresh(status, fill)
    return { status = status, refresh_id = fill:rep(32), context = ("\x55"):rep(32), transcript = ("\x66"):rep(32),
        old_epoch = 0, participants = { 1, 2, 3 } }
end

local function staged(group)
    local changes = signer.test_changes.new()
    records.refreshes_open(changes, "wallet", group.engine, { refresh(1, "\x33") })
    signer.test_crash.commit(group.engine, changes)
end

record("rekey", nil, function(changes) changes:rekey("wallet", "leaked", TIME, nil) end)
record("quarantine", nil, function(changes)
    changes:score(2, 7)
    changes:quarantine(2, true)
end)
record("canary", nil, function(changes) changes:canary(50, 10, 2, TIME) end)
record("coarse start", coarse_base, function(changes, group)
    records.round_clear(changes, "coarse", group.engine)
    records.round(changes, "coarse", "start 2", "message 2", round, attempt)
    changes:add("coarse", 1, "attempt")
    changes:add("coarse", 2, "round")
    records.transition(changes, "coarse", { from_attempt = 1, to_attempt = 2, from_attempt_id = "a1", to_attempt_id = "a2",
        previous_round_id = "r1", previous_request_fingerprint = "start 1", from_coordinator = 1, to_coordinator = 2,
        reason = "invalid_share", excluded = { 3 }, share_proof_fingerprint = "proof", transcript_hash = "hash",
        recorded_at_unix = TIME })
    changes:score(3, 1)
    changes:quarantine(3, true)
end)
record("coarse finalize", coarse_base, function(changes, group)
    records.finalized(changes, "coarse", "finalize", { session_id = "coarse", round_id = "r2", signature = ("\7"):rep(64) })
    changes:add("coarse", 3, "r2")
    changes:add("coarse", 4, "finalize")
    records.round_clear(changes, "coarse", group.engine)
    changes:purge()
end)
record("refresh", registry.create("refresh"), function(changes)
    records.refreshed(changes, "refresh", "refresh", { session_id = "refresh", refresh_epoch = 1,
        shares = { { member = 1, encrypted_share = "\xaa" } } }, 1)
    records.refresh_history(changes, "refresh", { refresh_epoch = 1, refreshed_at_unix = TIME, share_count = 1 }, false)
    changes:refresh_epoch(1)
end)
record("refresh back-fill", registry.create("refresh")
    .. registry.append("refresh", 2, pack(">I8 I8 I2", 1, TIME, 3) .. "\0\0"), function(changes)
    records.refresh_history(changes, "refresh", { refresh_epoch = 1, refreshed_at_unix = TIME, share_count = 3,
        request_fingerprint = "late" }, true)
end)
record("share stage", nil, function(changes, group)
    records.refreshes_open(changes, "wallet", group.engine, { refresh(1, "\x33") })
end)
record("share cancel", staged, function(changes, group)
    records.refreshes_open(changes, "wallet", group.engine, { refresh(3, "\x33") })
end)
record("share activate", staged, function(changes, group)
    records.refreshes_open(changes, "wallet", group.engine, { refresh(2, "\x33") })
    changes:u64("wallet", 18, 1)
    changes:refresh_epoch(1)
    records.share_refreshed(changes, "wallet", { refresh_epoch = 1, share_epoch = 1, refreshed_at_unix = TIME, participants = 3,
        key_group = group.key_group })
    changes:purge()
end)
record("retire staged", staged, function(changes, group) records.retire(changes, "wallet", group.engine) end)
record("anchor note", nil, function(changes)
    records.anchor_confirmed(changes, 3, ("\x32"):rep(32))
    records.checkpoint_set(changes, 1, checkpoint)
end)
record("trust note", nil, function(changes)
    records.trust_intent(changes, "{request}")
    records.trust_append(changes, "{certificate 1}")
    records.trust_append(changes, "{certificate 2}")
    records.checkpoint_set(changes, 1, checkpoint)
    records.checkpoint_clear(changes, 1)
    records.trust_intent_clear(changes)
end)
record("eviction", bound .. registry.add("old", 5, "m1@" .. ("a"):rep(64)) .. registry.set("old", 21, pack(">I4", 1)),
    function(changes)
        changes:op(9, signer.curve.sha256("old") .. lp(registry.GROUP_A) .. pack(">I4", 1))
        changes:delete("old")
    end)
record("authorization out", bound .. registry.add("old", 7, ("a"):rep(64)), function(changes)
    changes:remove("old", 7, ("a"):rep(64))
    changes:add("old", 6, "completion")
end)

require("spec.crash.tools")(add, registry)

return { list = list, signing = signing }
