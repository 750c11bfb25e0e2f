-- Rotation, snapshots beside running calls, deletion, PURGE, audit files (sealed-store 35.8; D-037, D-097).
local disk = require("spec.store.disk")
local signer = require("tbtc_signer")

local fault = signer.test_fault

describe("store rotation", function()
    local directory, store

    before_each(function()
        directory = disk.directory()
        store = disk.open(directory)
    end)
    after_each(function()
        fault.clear()
        store = nil
        collectgarbage()
        disk.remove(directory)
    end)

    local function names()
        return disk.names(directory .. "/state.store")
    end

    local function has(name)
        return disk.exists(directory .. "/state.store/" .. name)
    end

    local function reopened(options)
        store:close(true)
        fault.clear()
        store = disk.open(directory, options)
        return disk.texts(store)
    end

    --- Appends until the head log has used more than a number of bytes; answers how many records.
    local function fill(bytes)
        local count = 0
        while store:info().log_bytes_used <= bytes do
            disk.append(store, disk.body(("%06d"):format(count) .. ("f"):rep(60000)))
            count = count + 1
        end
        return count
    end

    it("35.8 a log that has used 4 MiB is followed by the next one, with a snapshot at its base", function()
        local count = fill(4194304)
        assert.equal(1, store:info().log_number)
        disk.commit(store, disk.body("next"))
        local info = store:info()
        assert.equal(2, info.log_number)
        assert.equal(1, info.open_number) -- a rotation does not count
        assert.same({ disk.log_name(1), disk.log_name(2), disk.snapshot_name(1), disk.snapshot_name(2), "store-id" }, names())
        local page = disk.read(directory .. "/state.store/" .. disk.log_name(2))
        assert.same({ 1, count + 1, 97 }, { string.unpack(">I8I8", page, 81) }) -- parent, base seq
        assert.equal(count + 1, #reopened())
    end)

    it("35.8 the state of a snapshot beside running calls is only passed on; that of an opening is not", function()
        assert.equal(0, store:state().passing)
        fill(4194304)
        disk.commit(store, disk.body("next"))
        assert.equal(1, store:state().passing)
        store:close()
        store = disk.open(directory)
        assert.equal(0, store:state().passing)
    end)

    it("35.8 the pair before is kept until the next one; then it goes, lowest first", function()
        fill(4194304)
        disk.commit(store, disk.body("second"))
        local used = disk.read(directory .. "/state.store/" .. disk.snapshot_name(2))
        fill(2 * #used) -- twice the snapshot
        disk.commit(store, disk.body("third"))
        assert.equal(3, store:info().log_number)
        assert.same({ disk.log_name(2), disk.log_name(3), disk.snapshot_name(2), disk.snapshot_name(3), "store-id" }, names())
        local texts = disk.texts(store)
        assert.same(texts, reopened())
    end)

    it("35.8 concurrent appends go on over several rotations and lose nothing", function()
        local durable, failed = store:run_threads(4, 60, 60000)
        assert.same({ 240, 0 }, { durable, failed })
        assert.is_true(store:info().log_number >= 2)
        local seen, texts = {}, reopened()
        assert.equal(240, #texts)
        for _, text in ipairs(texts) do
            local thread, record = string.unpack(">I1I2", text)
            assert.equal(record, (seen[thread] or -1) + 1)
            seen[thread] = record
        end
    end)

    it("35.8 a snapshot that fails is reported and made at the next trigger", function()
        fill(4194304)
        fault.arm("open", "error", 4) -- log, mark, then what the replay reads
        disk.commit(store, disk.body("next"))
        fault.clear()
        assert.equal(2, store:info().log_number)
        assert.is_false(has(disk.snapshot_name(2)))
        local count = #disk.texts(store)
        fill(4194304)
        disk.commit(store, disk.body("third"))
        assert.is_true(has(disk.snapshot_name(3)))
        assert.is_true(has(disk.log_name(1))) -- still the pair before
        assert.is_true(#reopened() > count)
    end)

    it("35.8 a rotation that fails before its renaming leaves the log good", function()
        local count = fill(4194304)
        fault.arm("open", "error", 1)
        disk.commit(store, disk.body("next"))
        fault.clear()
        assert.equal(1, store:info().log_number)
        assert.equal(count + 1, #reopened())
    end)

    it("35.7 from the renaming on the old log is dead, whatever the renaming returned", function()
        local count = fill(4194304)
        store:wait(count)
        for _, point in ipairs({ "rename", "sync" }) do
            fault.arm(point, "error", point == "sync" and 2 or 1)
            store:make_ready() -- another new log follows at once
            fault.clear()
            disk.commit(store, disk.body("next"))
            assert.is_true(store:info().log_number >= 3)
            assert.same({}, store:state().moved)
            local texts = disk.texts(store)
            assert.same(texts, reopened())
            fill(2 * 4194304 + 100000)
            store:wait(store:durable_ticket())
        end
    end)

    describe("PURGE (D-097)", function()
        local purge = disk.op(21)

        it("all older files are gone before the reply", function()
            disk.commit(store, disk.body("secret"))
            store:close()
            store = disk.open(directory)
            disk.commit(store, disk.body("more") .. purge)
            local number = store:info().log_number
            assert.same({ disk.log_name(number), disk.snapshot_name(number), "store-id" }, names())
            assert.equal(5, store:state().purge_seq) -- OPEN, secret, CLOSE, OPEN, more
            assert.same({ "secret", "more" }, reopened())
        end)

        it("does not wait for a lull among running calls", function()
            local durable, failed, met = store:run_threads(6, 300, 60, true)
            assert.same({ 1800, 0 }, { durable, failed })
            assert.is_true(met < 900, met)
            assert.is_false(has(disk.log_name(1)))
            assert.equal(1800, #reopened())
        end)

        it("the directory is synced after it, and only then", function()
            disk.commit(store, disk.body("x") .. purge)
            disk.commit(store, disk.body("y"))
            local number = store:info().log_number
            assert.is_true(has(disk.log_name(number)))
            assert.is_false(has(disk.log_name(number - 1)))
        end)

        it("a deletion that fails is made up for at the next opening; the call succeeds all the same", function()
            for _, point in ipairs({ "unlink", "rename", "open" }) do
                local purged = store:info().log_number
                fault.arm(point, "error", 1, true)
                disk.commit(store, disk.body(point) .. purge)
                fault.clear()
                assert.is_true(has(disk.log_name(purged)), point)
                local texts = disk.texts(store)
                assert.same(texts, reopened())
                assert.is_false(has(disk.log_name(purged)) or has(disk.snapshot_name(purged)), point)
            end
        end)

        it("a PURGE that is carried into a new log purges from its new place", function()
            disk.commit(store, disk.body("secret"))
            local ticket = disk.append(store, disk.body("x") .. purge)
            fault.arm("sync", "error", 1)
            assert.is_false(pcall(store.wait, store, ticket))
            fault.clear()
            store:wait(ticket)
            assert.equal(4, store:state().purge_seq)
            local number = store:info().log_number
            assert.same({ disk.log_name(number), disk.snapshot_name(number), "store-id" }, names())
            assert.same({ "secret", "x" }, reopened())
        end)

        it("files off the path go too", function()
            local ticket = disk.append(store, disk.body("x"))
            fault.arm("sync", "error", 1)
            assert.is_false(pcall(store.wait, store, ticket))
            fault.arm("sync", "error", 2) -- log 2 gets its name and is given up
            assert.is_false(pcall(store.wait, store, ticket))
            fault.clear()
            assert.is_true(has(disk.log_name(2)))
            store:wait(ticket)
            assert.equal(3, store:info().log_number)
            assert.same({ "x" }, reopened())
            assert.is_false(has(disk.log_name(2)))
        end)
    end)

    describe("audit files (D-037)", function()
        local function verdict(text) return disk.op(22, text) end

        it("keep the verdicts of a deleted log, from CHANGE and NOTE, in order", function()
            disk.commit(store, disk.body("one") .. verdict("allow one"))
            disk.commit(store, verdict("refuse two"), "note")
            disk.commit(store, disk.body("three"))
            disk.commit(store, disk.op(21))
            assert.same({ "\22allow one", "\22refuse two" }, store:audit(1))
            assert.is_false(has(disk.log_name(1)))
            local texts = disk.texts(store)
            assert.same(texts, reopened())
            assert.same({ "\22allow one", "\22refuse two" }, store:audit(1))
        end)

        it("also those of a log that this process never read: it goes at a later opening", function()
            disk.commit(store, disk.body("one") .. verdict("allow one"))
            reopened()
            disk.commit(store, verdict("refuse two"), "note")
            for _ = 1, 3 do reopened() end
            assert.is_false(has(disk.log_name(1)) or has(disk.log_name(2)))
            assert.same({ "\22allow one" }, store:audit(1))
            assert.same({ "\22refuse two" }, store:audit(2))
        end)

        it("also those of a log that the opening read, when the same process deletes it", function()
            disk.commit(store, disk.body("one") .. verdict("allow one"))
            reopened()
            disk.commit(store, disk.op(21))
            assert.is_false(has(disk.log_name(1)))
            assert.same({ "\22allow one" }, store:audit(1))
        end)

        it("a log whose verdicts cannot be written for now is kept; after a PURGE it goes all the same", function()
            disk.commit(store, disk.body("one") .. verdict("allow one"))
            reopened()
            store:close(true)
            store = nil
            for call = 1, 100 do -- the first one that an opening survives is the audit file's
                fault.arm("write", "no_space", call, true)
                local good, result = pcall(disk.open, directory)
                fault.clear()
                store = good and result or nil
                if good then break end
            end
            assert.is_true(has(disk.log_name(1)))
            reopened()
            assert.is_false(has(disk.log_name(1)))
            assert.same({ "\22allow one" }, store:audit(1))
            disk.commit(store, disk.body("two") .. verdict("allow two"))
            local number = store:info().log_number
            fault.arm("clock", "error", 3) -- log, snapshot, audit
            disk.commit(store, disk.op(21))
            fault.clear()
            assert.is_false(has(disk.log_name(number)))
        end)

        it("a log without a verdict leaves none", function()
            disk.commit(store, disk.body("one") .. disk.op(21))
            assert.is_false(has("audit-0000000000000001"))
        end)

        it("a log in which the replay found no verdict is not read again when it goes", function()
            local function opened_at_deletion(body)
                disk.commit(store, body)
                fill(4194304)
                disk.commit(store, disk.body("second"))
                fill(2 * #disk.read(directory .. "/state.store/" .. disk.snapshot_name(2)))
                fault.clear()
                disk.commit(store, disk.body("third"))
                local opened = fault.hits("open")
                assert.is_false(has(disk.log_name(1)))
                return opened
            end
            local with = opened_at_deletion(disk.body("one") .. verdict("allow one"))
            assert.same({ "\22allow one" }, store:audit(1))
            store:close(true)
            disk.remove(directory)
            directory = disk.directory()
            store = disk.open(directory)
            assert.equal(with - 3, opened_at_deletion(disk.body("one"))) -- its header, the log, the audit file
            assert.is_false(has("audit-0000000000000001"))
        end)

        it("the newest ones stay within the limit", function()
            store:close()
            local one = 4096 + 8192
            store = disk.open(directory, { audit_bytes = 2 * one })
            for i = 1, 4 do disk.commit(store, verdict(i .. ("v"):rep(5000)) .. disk.body("x") .. disk.op(21)) end
            local kept = {}
            for _, name in ipairs(names()) do kept[#kept + 1] = name:match("^audit%-%x+$") end
            assert.equal(2, #kept)
            assert.equal(("4v"), store:audit(tonumber(kept[2]:sub(7), 16))[1]:sub(2, 3))
        end)

        it("a limit of 0 keeps none", function()
            store:close()
            store = disk.open(directory, { audit_bytes = 0 })
            disk.commit(store, verdict("v") .. disk.body("x") .. disk.op(21))
            for _, name in ipairs(names()) do assert.is_nil(name:match("^audit")) end
        end)
    end)

    it("35.16-3 snapshot parts are packed greedily up to 65536 bytes, a larger op has its own", function()
        for _, size in ipairs({ 30000, 30000, 5526, 1, 70000, 10 }) do disk.commit(store, disk.body(("p"):rep(size))) end
        store:close()
        store = disk.open(directory)
        local bytes = disk.read(directory .. "/state.store/" .. disk.snapshot_name(2))
        local lengths, at = {}, 4096
        while at < #bytes do
            local len = string.unpack(">I4", bytes, at + 5)
            lengths[#lengths + 1] = len
            at = at + (96 + len + 7) // 8 * 8
        end
        -- 29 (op 33) + 30005 + 30005 = 60039; + 5531 = 65570 does not fit any more
        assert.same({ 60039, 5531 + 6, 70005, 15, 48 }, lengths)
    end)
end)
