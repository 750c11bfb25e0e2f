-- kill -9 of a real process at every kind of file call: nothing that was acknowledged is lost, nothing is
-- doubled or reordered, and the store opens (sealed-store 35.14; formal CH-N).
local disk = require("spec.store.disk")

local build = os.getenv("SIGNER_BUILD") or "build/test"

--- Runs the child; answers the texts it tried and those whose wait returned.
local function run(directory, fault, kind, nth)
    local command = ("SIGNER_BUILD='%s' lua5.4 spec/store/child.lua '%s' work %s %s %d 12 2>/dev/null"):format(build, directory,
        fault, kind, nth)
    local pipe = assert(io.popen(command))
    local tried, done = {}, {}
    for line in pipe:lines() do
        local verb, text = line:match("^(%a+) (%S+)$")
        if verb == "try" then tried[#tried + 1] = text end
        if verb == "done" then done[#done + 1] = text end
    end
    local _, how, status = pipe:close()
    return tried, done, how == "signal" or status == 137
end

describe("store crash", function()
    local function campaign(fault, step, highest)
        local directory = disk.directory()
        local kept, deaths = {}, 0 -- texts that are in the store, in order
        for nth = 1, highest, step do
            local tried, done, died = run(directory, fault, "crash", nth)
            if died then deaths = deaths + 1 end
            local reason, store = disk.refusal(directory)
            assert.is_nil(reason, fault .. " " .. nth)
            local texts = disk.texts(store)
            store:close(true)
            for i, text in ipairs(texts) do texts[i] = text:match("^%S+") end
            -- old ones first, then what was acknowledged, then perhaps the one that was tried last
            local expected = {}
            for _, text in ipairs(kept) do expected[#expected + 1] = text end
            for _, text in ipairs(done) do expected[#expected + 1] = text end
            if #texts > #expected then expected[#expected + 1] = tried[#tried] end
            assert.same(expected, texts, fault .. " " .. nth)
            assert.is_true(#tried - #done <= 1)
            kept = texts
            if not died then break end
        end
        disk.remove(directory)
        return deaths
    end

    it("CH-N11 at writes: frames, marks, headers, zeros, the lock", function()
        assert.is_true(campaign("write", 3, 120) > 5)
    end)

    it("CH-N11 at syncs of log, mark and directories", function()
        assert.is_true(campaign("sync", 1, 60) > 5)
    end)

    it("CH-N11 at renamings and deletions", function()
        assert.is_true(campaign("rename", 1, 12) > 5)
        assert.is_true(campaign("unlink", 1, 8) > 2)
    end)

    it("CH-N11 at openings of files", function()
        assert.is_true(campaign("open", 3, 90) > 5)
    end)
end)
