-- The crash matrix in its short form: some hits of every fault point in every operation that writes, chosen by a
-- seed (sealed-store 35.7; formal 4.1). The whole one: make crash.
local child = require("spec.support.child")

describe("crash matrix", function()
    it("every case leaves the state before or after, and what left implies its record", function()
        local build = os.getenv("SIGNER_BUILD") or "build/test"
        local seed = tonumber(os.getenv("SIGNER_SEED")) or os.time()
        local few = child.sanitized and "--few" or ""
        local command = "SIGNER_BUILD='%s' scripts/crash --sample %s --seed %d --json '%s/crash-sample.json' 2>/dev/null"
        local pipe = assert(io.popen(command:format(build, few, seed, build)))
        local text = pipe:read("a")
        local good = pipe:close()
        print("\n" .. text)
        if not good then error("replay: scripts/crash --sample --seed " .. seed) end
        local cases, failures = text:match("(%d+) cases, (%d+) failures")
        assert.is_true(tonumber(cases) > (child.sanitized and 100 or 400))
        assert.equal("0", failures)
    end)
end)
