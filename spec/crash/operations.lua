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

--- One CHANGE made by hand: records of calls that come later.
local function record(name, base, ...)
    local body = table.concat({ ... })
    add({
        name = name,
        base = function(group)
            if base then signer.test_crash.commit(group.engine, registry.changes(base)) end
        end,
        run = function(group)
            local good, why = pcall(signer.test_crash.commit, group.engine, registry.changes(body))
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

local wallet = registry.bound("old", registry.GROUP_A)
record("rekey", nil, registry.op("set", lp("wallet") .. "\16" .. lp("leaked") .. pack(">I8", 1700000000) .. lp("")))
record("quarantine", nil, registry.op("score", pack(">I2 I8", 2, 7)), registry.op("quarantine", pack(">I2 B", 2, 1)))
record("canary", nil, registry.op("canary", pack(">B B I8 I8", 50, 10, 2, 1700000000)))
record("coarse start", registry.create("coarse"),
    registry.set("coarse", 5, lp("start")), registry.set("coarse", 6, lp("message")),
    registry.add("coarse", 1, "attempt"), registry.add("coarse", 2, "round"), registry.op("score", pack(">I2 I8", 3, 1)))
record("coarse finalize", registry.create("coarse") .. registry.set("coarse", 5, lp("start"))
    .. registry.set("coarse", 6, lp("message")),
    registry.set("coarse", 9, lp("finalize")), registry.add("coarse", 3, "round"), registry.add("coarse", 4, "request"),
    registry.clear("coarse", 5), registry.clear("coarse", 6), registry.op("purge"))
record("refresh", registry.create("refresh"),
    registry.set("refresh", 13, lp("refresh")), registry.set("refresh", 15, pack(">I8", 1)),
    registry.op("refresh_epoch", pack(">I8", 1)))
record("eviction", wallet .. registry.add("old", 5, "m1@" .. ("a"):rep(64)) .. registry.set("old", 21, pack(">I4", 1)),
    registry.tombstone("old", registry.GROUP_A, 1), registry.delete("old"))
record("authorization out", wallet .. registry.add("old", 7, ("a"):rep(64)),
    registry.remove("old", 7, ("a"):rep(64)), registry.add("old", 6, "completion"))

require("spec.crash.tools")(add, registry)

return { list = list, signing = signing }
