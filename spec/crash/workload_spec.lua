-- Random operations, faults, kills and power losses against a model (sealed-store 35.14; D-095, D-096): the short
-- form of `make workload`, and the four mutants of the store that it must notice.
local child = require("spec.support.child")
local workload = require("spec.crash.workload")

describe("random workload", function()
    it("leaves after every opening what the model says", function()
        local seed = tonumber(os.getenv("SIGNER_SEED")) or os.time()
        local operations = child.sanitized and 800 or 3000
        local run, why = workload.run({ seed = seed, operations = operations })
        if not run then error(("%s\nreplay: make workload SEED=%d OPERATIONS=%d"):format(why, seed, operations)) end
        print(("\nworkload: seed %d, %d operations, %d acknowledged, %d openings, %d faults"):format(seed, run.count,
            run.acknowledged, run.opened, run.faults))
        assert.is_true(run.faults > 20)
        assert.is_true(run.acknowledged > operations / 4)
    end)

    it("CH-N13 under syncs that lie: a state of the history or a refusal, never another; a true opening lasts", function()
        local seed = tonumber(os.getenv("SIGNER_SEED")) or os.time()
        local run, why = workload.lies({ seed = seed, disks = child.sanitized and 6 or 40 })
        if not run then
            error(("%s\nreplay: SIGNER_SEED=%d scripts/check test spec/crash/workload_spec.lua"):format(why, seed))
        end
        print(("\nlies: seed %d, %d disks, %d operations, %d openings, %d refused, %d to an earlier state"):format(seed,
            run.disks, run.count, run.opened, run.refused, run.forgotten))
        assert.is_true(run.opened > run.disks)
    end)

    local mutants = {
        "no snapshot at the opening", "a second sync of one descriptor", "the old log after the rename of a new one",
        "a write into a page that a sync has seen",
    }
    local quick = { 1, 4, 2, 4 } -- seeds that need few operations; others follow
    for number, name in ipairs(mutants) do
        it("35.14 notices the mutant: " .. name, function()
            if child.sanitized then return pending("plain build only: some thousand operations each") end
            for try = 0, 5 do
                local seed = quick[number] + try
                local run, why = workload.run({ seed = seed, operations = 6000, mutant = number, storm = true })
                if not run then
                    assert.is_string(why)
                    return
                end
            end
            error("the mutant was not noticed")
        end)
    end
end)
