--- Offline acts and openings that do more than open, for the crash matrix: taking over an old state file, rekey, adopt,
-- compact, protection data out and in, a damaged store set aside.
local disk = require("spec.store.disk")
local engines = require("spec.support.engines")
local signer = require("tbtc_signer")
local transactions = require("spec.support.transactions")

local tools, lp, pack = signer.store_tools, require("spec.support.registry").lp, string.pack

local STATE = "/state.json" -- of spec.support.signing
local KEY_VARIABLE = "TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX"
local NEW_KEY = ("6b"):rep(32)
local NEW_KEY_COMMAND = { command = "printf " .. NEW_KEY }
local VERDICTS = "return { evaluate = function() return refuse('no') end }"

--- An act as the matrix runs it: a reply, or nil and the error.
local function act(tool)
    return function(group)
        local good, result = pcall(tool, group.engine)
        if good then return type(result) == "table" and result or {} end
        if type(result) ~= "table" then error(result, 0) end
        return nil, result
    end
end

local PAYLOAD = '{"schema_version":1,"sessions":{"old":{"consumed_interactive_attempt_markers":["m1@%s"],"bound_key_group":"%s"},'
    .. '"coarse":{"consumed_attempt_ids":["a1"],"consumed_sign_round_ids":["r1"]}},"refresh_epoch_counter":7,'
    .. '"operator_fault_scores":{"3":2},"quarantined_operator_identifiers":[11],"canary_rollout":{"current_percent":50,'
    .. '"previous_percent":10,"config_version":4,"last_action_unix":1700000099}}'

local function old_file(registry, generation)
    return function(folder)
        disk.write(folder .. STATE, signer.test_import.seal({ key = ("\x5a"):rep(32), nonce = ("\x24"):rep(24),
            payload = PAYLOAD:format(("ab"):rep(32), registry.GROUP_A), generation = generation }))
    end
end

--- The old file goes when the store is there, and not before.
local function taken_over(folder, side)
    local kept = 0
    for _, name in ipairs(disk.names(folder)) do kept = kept + (name:find("^state%.json%.imported%-") and 1 or 0) end
    assert(disk.exists(folder .. STATE) == (side == "before"), "the old file is " .. side)
    assert(kept == (side == "after" and 1 or 0), "the old file was kept " .. kept .. " times")
end

--- Every file is whole under the key, and none is there under another one.
local function whole(folder, key)
    local engine = signer.test_core.engine({ environment = { TBTC_SIGNER_PROFILE = "development",
        TBTC_SIGNER_STATE_PATH = folder .. STATE, [KEY_VARIABLE] = key } })
    local inspection = tools.inspect(engine)
    for index = 1, inspection:count() do
        local file = inspection:check(index)
        assert(not file.fault, file.fault and file.fault.message)
    end
    inspection:close()
    engine:close(true)
end

local function protection(registry)
    local test = registry.new()
    test:put(registry.bound("m1", registry.GROUP_A), registry.add("m1", 5, "m1@aa"), registry.set("m1", 21, pack(">I4", 4)))
    test:put(registry.op("score", pack(">I2I8", 3, 9)), registry.op("quarantine", pack(">I2 B", 7, 1)))
    test:put(registry.create("r"), registry.set("r", 16, lp("leaked") .. pack(">I8", 1700000000) .. lp(registry.GROUP_B)))
    return signer.test_import.protection(test.state, ("\x22"):rep(32), 5, ("\x33"):rep(32))
end

return function(add, registry)
    add({ name = "import at start", opens = true, empty = true, fill = old_file(registry), run = function(group)
        local good, why = pcall(group.counts, group)
        if good then return {} end
        return nil, why
    end })

    add({ name = "import by tool", tool = true, empty = true, fill = old_file(registry, 41), done = "state_import_conflict",
        check = taken_over, run = act(function(engine) return tools.take_over(engine, 41) end) })

    add({
        name = "rekey of the store", tool = true, done = "state_key_mismatch",
        policy = VERDICTS, base_environment = { TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true" },
        views = { {}, { [KEY_VARIABLE] = NEW_KEY } },
        base = function(group) -- verdicts, so that there are audit files
            for round = 1, 3 do
                assert(not engines.methods.call({ raw = group.engine }, "build_taproot_tx", transactions.request("tx" .. round)))
                group:restart(true)
            end
        end,
        run = act(function(engine) return tools.rekey(engine, NEW_KEY_COMMAND) end),
        check = function(folder, side) whole(folder, side == "after" and NEW_KEY or ("5a"):rep(32)) end,
    })

    add({ name = "adopt", tool = true, new_lock = true, run = act(tools.adopt), fill = function(folder)
        os.remove(folder .. STATE .. ".mark")
        os.remove(folder .. STATE .. ".lock")
    end })

    add({ name = "compact", tool = true, run = act(tools.compact),
        base = function(group) for _ = 1, 2 do group:restart(true):counts() end end })

    add({
        name = "protection out", tool = true,
        base = function(group)
            signer.test_crash.commit(group.engine, registry.changes(registry.bound("b", registry.GROUP_A)))
        end,
        run = act(function(engine)
            local inspection = tools.inspect(engine)
            local text = inspection:protection()
            local refusal = inspection:facts().refusal
            inspection:close()
            if not text then error(refusal, 0) end
            return { text = text }
        end),
        released = function(reply) return reply.text end,
    })

    local json = protection(registry)
    add({ name = "protection in", tool = true, run = act(function(engine) return tools.import(engine, json) end) })

    add({
        name = "set aside", tool = true, new_lock = true,
        environment = { TBTC_SIGNER_STATE_CORRUPTION_POLICY = "quarantine_and_reset" },
        views = { {} },
        fill = function(folder)
            for _, name in ipairs(disk.names(folder .. STATE .. ".store")) do
                if name:find("^log%-") then disk.flip(folder .. STATE .. ".store/" .. name, 4200) end
            end
        end,
        run = act(signer.test_state.counts),
        check = function(folder, side)
            local kept = disk.exists(folder .. STATE .. ".store/store-id") and 1 or 0
            for _, name in ipairs(disk.names(folder)) do
                if name:find("^state%.json%.store%.corrupt%-") then kept = kept + 1 end
            end
            assert(kept == (side == "after" and 2 or 1), "the damaged store is not kept")
        end,
    })
end
