-- Append, group commit, room, and the failures of sealed-store 35.7 (D-082 to D-084, D-096, D-120).
local disk = require("spec.store.disk")
local lfs = require("lfs")
local signer = require("tbtc_signer")

local fault = signer.test_fault

describe("store commit", function()
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

    local function log_path(number)
        return directory .. "/state.store/" .. disk.log_name(number or store:info().log_number)
    end

    local function failure_of(call, ...)
        local good, failure = pcall(call, ...)
        assert.is_false(good)
        return failure.reason_code or failure.error
    end

    --- What a later process finds: after a crash, not after a clean end.
    local function reopened()
        store:close(true)
        fault.clear()
        store = disk.open(directory)
        return disk.texts(store)
    end

    --- Clear fields of the frame at an offset: seq, durable seq, type.
    local function head_of(offset, number)
        return select(2, string.unpack(">I4I8I8B", disk.read(log_path(number)), offset + 5))
    end

    describe("order", function()
        it("35.4 a frame says which seq was durable when it was built", function()
            disk.commit(store, disk.body("first"))
            disk.append(store, disk.body("second"))
            disk.commit(store, disk.body("third"))
            local seq, durable = head_of(8192)
            assert.same({ 2, 1 }, { seq, durable })
            seq, durable = head_of(12288)
            assert.same({ 3, 2 }, { seq, durable })
            seq, durable = head_of(12288 + 112) -- same batch: durable seq stands still
            assert.same({ 4, 2 }, { seq, durable })
            assert.same({ "first", "second", "third" }, reopened())
        end)

        it("35.7 an appended record is not durable before its wait", function()
            local ticket = disk.append(store, disk.body("first"))
            assert.equal(0, store:durable_ticket())
            assert.is_false(store:is_uncertain(ticket))
            store:wait(ticket)
            assert.equal(ticket, store:durable_ticket())
            store:wait(ticket) -- again: nothing to do
        end)

        it("D-120 one sync covers every record appended before it", function()
            local first = disk.append(store, disk.body("first"))
            local second = disk.append(store, disk.body("second"))
            fault.clear()
            store:wait(second)
            store:wait(first)
            assert.equal(1, fault.hits("sync"))
        end)

        it("D-088 NOTE and CLOSE are written and replayed, only CHANGE counts", function()
            disk.commit(store, disk.op(50, "note"), "note")
            assert.equal(1, store:state().generation)
            store:close()
            store = disk.open(directory)
            assert.equal(1, store:state().generation)
            assert.same({ "\50note" }, store:state().ops)
            local seq, _, kind = head_of(12288, 1)
            assert.same({ 3, 4 }, { seq, kind })
        end)

        it("35.8 the end syncs the log and then the mark", function()
            disk.commit(store, disk.body("x"))
            fault.clear()
            store:close()
            assert.equal(2, fault.hits("sync"))
            assert.equal(2, fault.hits("write")) -- CLOSE, mark
        end)

        it("35.4 OPEN and empty bodies are not appended; a body of 16 MiB is, a larger one is not", function()
            assert.equal("INTERNAL", failure_of(store.append, store, "open", "x"))
            assert.equal("INTERNAL", failure_of(store.append, store, "change", ""))
            assert.equal("capacity_exceeded", failure_of(store.append, store, "change", ("x"):rep(16777217)))
            local text = ("y"):rep(16777216 - 5)
            disk.commit(store, disk.body(text))
            assert.is_true(reopened()[1] == text)
        end)

        it("35.4 a snapshot takes no op that makes a part above 16 MiB", function()
            local place = directory .. "/other"
            disk.shell("mkdir -m 700 '%s'", place)
            assert.equal("capacity_exceeded", (disk.refusal(place, { genesis = { { 5, ("x"):rep(16777212) } } })))
            disk.open(place, { genesis = { { 5, ("x"):rep(16777211) } } }):close()
        end)

        it("a ticket that was never given is a fault of the caller", function()
            assert.equal("INTERNAL", failure_of(store.wait, store, 1))
        end)
    end)

    describe("cost", function()
        it("33 calls and bytes of one record do not grow with the state", function()
            local function cost()
                local before = store:info().log_bytes_used
                fault.clear()
                disk.commit(store, disk.body("0123456789"))
                return { fault.hits("write"), fault.hits("sync"), fault.hits("open"), fault.hits("read") },
                    store:info().log_bytes_used - before
            end
            disk.commit(store, disk.body("0123456789"))
            local calls, bytes = cost()
            assert.same({ 2, 1, 0, 0 }, calls) -- frame, sync, mark
            assert.equal(4096, bytes)
            for i = 1, 100 do disk.append(store, disk.body(("x"):rep(1000) .. i)) end
            store:wait(disk.append(store, disk.body("z")))
            cost()
            local later, later_bytes = cost()
            assert.same(calls, later)
            assert.equal(bytes, later_bytes)
        end)
    end)

    describe("room", function()
        --- Fills the log until an ordinary record finds no room.
        local function fill()
            while store:is_ready(false, 60000) do store:append("change", disk.body(("f"):rep(60000))) end
        end

        it("35.7 zeros are really written, by whole MiB, and the reserve stays", function()
            fill()
            local used = store:info().log_bytes_used
            assert.is_true(1048576 - used >= 524288 and 1048576 - used < 524288 + 65000)
            disk.commit(store, disk.body(("f"):rep(60000)))
            local attributes = lfs.attributes(log_path())
            assert.equal(2097152, attributes.size)
            assert.is_true(attributes.blocks * 512 >= 2097152)
            assert.is_true(disk.read(log_path()):sub(-65536) == ("\0"):rep(65536))
        end)

        it("35.4 the record behind an extension starts on a page of its own: its sync saw the one before", function()
            fill()
            local used = store:info().log_bytes_used
            assert.is_true(used % 4096 > 0 and used % 4096 < 4000)
            disk.append(store, disk.body(("f"):rep(60000)))
            assert.equal("TSR1", disk.read(log_path()):sub((used + 4095) // 4096 * 4096 + 1):sub(1, 4))
        end)

        it("35.7 without space ordinary records are F1 and protecting ones go on to the end of the room", function()
            fill()
            local texts = #disk.texts(store)
            fault.arm("write", "no_space", 1, true)
            assert.equal("state_no_space", failure_of(store.make_ready, store))
            assert.equal("AGAIN", failure_of(store.append, store, "change", disk.body(("f"):rep(60000))))
            fault.clear()
            assert.is_true(store:is_ready(true, 60000))
            local number = store:info().log_number
            local reserved = 0
            while store:is_ready(true, 60000) do
                store:wait((store:append("change", disk.body(("r"):rep(60000)), true)))
                reserved = reserved + 1
            end
            assert.is_true(reserved >= 7)
            fault.arm("write", "no_space", 1, true)
            assert.equal("state_no_space", failure_of(store.make_ready, store, true))
            fault.clear()
            assert.equal(number, store:info().log_number) -- nothing else changed
            disk.commit(store, disk.body("after"))
            assert.equal(number, store:info().log_number)
            assert.equal(texts + reserved + 1, #reopened())
        end)

        it("35.7 an extension whose sync finds no space, with no record under it, is F1 and the log stays", function()
            fill()
            store:wait((store:append("change", disk.body("last"), true)))
            local number, texts = store:info().log_number, #disk.texts(store)
            for _ = 1, 2 do
                fault.arm("sync", "no_space", 1)
                assert.equal("state_no_space", failure_of(store.make_ready, store))
                assert.equal("AGAIN", failure_of(store.append, store, "change", disk.body(("f"):rep(60000))))
            end
            fault.arm("sync", "no_space", 2, true) -- protecting records need no other log
            disk.commit(store, disk.body("protected"), "change", true)
            fault.clear()
            disk.commit(store, disk.body(("f"):rep(60000)))
            assert.equal(number, store:info().log_number)
            assert.equal(texts + 2, #reopened())
        end)

        it("35.7 an extension whose sync finds no space over an unsynced record is F2 for that record", function()
            fill()
            assert.is_true(#disk.texts(store) > 0)
            fault.arm("sync", "no_space", 1)
            assert.has_no_error(function() store:make_ready() end)
            assert.equal(2, store:info().log_number)
            assert.equal(#disk.texts(store), #store:state().moved)
            assert.equal(#disk.texts(store), #reopened())
        end)

        it("35.7 an extension that fails otherwise kills the log, and what it held goes to a new one", function()
            fill()
            local ticket = store:durable_ticket()
            fault.arm("sync", "error", 1)
            assert.has_no_error(function() store:make_ready() end) -- the dead log is left behind at once
            assert.equal(2, store:info().log_number)
            assert.is_true(store:durable_ticket() > ticket)
            local count = #disk.texts(store)
            assert.equal(count, #store:state().moved)
            assert.equal(count, #reopened())
        end)
    end)

    describe("F1: nothing done", function()
        for _, kind in ipairs({ "error", "no_space", "short", "torn" }) do
            it("35.7 a frame whose write fails (" .. kind .. ") closes the log; what it held is kept", function()
                local ticket = disk.append(store, disk.body("before"))
                fault.arm("write", kind, 1)
                local reason = failure_of(store.append, store, "change", disk.body(("x"):rep(100)))
                assert.equal(kind == "no_space" and "state_no_space" or "state_io", reason)
                assert.equal("AGAIN", failure_of(store.append, store, "change", disk.body("y")))
                store:wait(ticket) -- its one sync
                assert.equal(1, store:info().log_number)
                disk.commit(store, disk.body("after"))
                assert.equal(2, store:info().log_number)
                assert.same({}, store:state().moved)
                assert.equal(1, store:info().open_number) -- reason 4 does not count
                assert.same({ "before", "after" }, reopened())
                assert.equal(2, store:info().open_number)
            end)
        end

        it("35.7 without a wait between, the closed log is synced before the next one begins", function()
            disk.append(store, disk.body("before"))
            fault.arm("write", "torn", 1)
            failure_of(store.append, store, "change", disk.body(("x"):rep(100)))
            fault.clear()
            disk.commit(store, disk.body("after"))
            assert.same({}, store:state().moved)
            assert.same({ "before", "after" }, reopened())
        end)

        it("35.7 a failure before the first byte leaves the log good", function()
            fault.arm("allocation", "error", 1)
            assert.equal("OUT_OF_MEMORY", failure_of(store.append, store, "change", disk.body("x")))
            assert.is_true(store:is_ready())
            disk.commit(store, disk.body("after"))
            assert.equal(1, store:info().log_number)
        end)
    end)

    describe("F2: durability unknown", function()
        local function strike()
            local ticket = disk.append(store, disk.body("struck"))
            fault.arm("sync", "error", 1)
            assert.equal("state_io", failure_of(store.wait, store, ticket))
            return ticket
        end

        it("35.7 a failed sync is never asked again: the record moves to a new log with the next append", function()
            disk.commit(store, disk.body("before"))
            local ticket = strike()
            assert.is_true(store:is_uncertain(ticket))
            assert.equal(1, store:durable_ticket())
            assert.equal("AGAIN", failure_of(store.append, store, "change", disk.body("x")))
            fault.clear()
            disk.commit(store, disk.body("after"))
            -- log 2: file, directory, mark, directory of the mark; then the sync of "after"
            assert.equal(5, fault.hits("sync"))
            assert.same({ "3>4" }, store:state().moved)
            assert.is_false(store:is_uncertain(ticket))
            assert.equal(2, store:info().log_number)
            assert.equal(2, (string.unpack(">I8", disk.read(log_path()), 89))) -- base: the last synced record
            assert.same({ "before", "struck", "after" }, reopened())
        end)

        it("D-120 a call that only depends on the record writes it again as well", function()
            local ticket = strike()
            fault.clear()
            store:wait(ticket)
            assert.equal(ticket, store:durable_ticket())
            assert.same({ "struck" }, reopened())
        end)

        it("35.7 later records of the dead log move too, in their order", function()
            local first = disk.append(store, disk.body("one"))
            disk.append(store, disk.body("two"))
            local last = disk.append(store, disk.body("three"))
            fault.arm("sync", "error", 1)
            failure_of(store.wait, store, first)
            store:wait(last)
            assert.same({ "2>3", "3>4", "4>5" }, store:state().moved)
            assert.same({ "one", "two", "three" }, reopened())
        end)

        it("35.7 a new log that fails keeps the records; the next attempt has a higher number and the same base", function()
            local points = { "open", "write", "sync", "rename", "read" }
            local ticket = strike()
            for _, point in ipairs(points) do
                fault.arm(point, "error", 1)
                assert.equal("state_io", failure_of(store.wait, store, ticket), point)
                assert.is_true(store:is_uncertain(ticket))
                fault.clear()
            end
            fault.arm("write", "no_space", 1, true)
            assert.equal("state_no_space", failure_of(store.make_ready, store))
            fault.clear()
            fault.arm("sync", "error", 2) -- the directory, after the rename
            assert.equal("state_io", failure_of(store.wait, store, ticket))
            fault.clear()
            store:wait(ticket)
            assert.equal(9, store:info().log_number)
            local page = disk.read(log_path())
            assert.same({ 1, 1, 97 }, { string.unpack(">I8I8", page, 81) }) -- parent, base
            assert.same({ "struck" }, reopened())
        end)

        it("35.7 a sync that failed twice over two logs still loses nothing", function()
            local ticket = strike()
            fault.clear()
            store:wait(ticket)
            local second = disk.append(store, disk.body("second"))
            fault.arm("sync", "error", 1)
            failure_of(store.wait, store, second)
            fault.clear()
            disk.commit(store, disk.body("third"))
            assert.same({ "struck", "second", "third" }, reopened())
            disk.commit(store, disk.body("fourth"))
            assert.same({ "struck", "second", "third", "fourth" }, reopened())
        end)

        it("35.16-1 a failed mark: the records are durable, the calls answer F2, the next log starts from there", function()
            local ticket = disk.append(store, disk.body("struck"))
            fault.arm("write", "error", 1)
            assert.equal("state_io", failure_of(store.wait, store, ticket))
            fault.clear()
            assert.equal(ticket, store:durable_ticket())
            assert.is_false(store:is_uncertain(ticket))
            store:wait(ticket)
            disk.commit(store, disk.body("after"))
            assert.same({}, store:state().moved)
            assert.equal(2, (string.unpack(">I8", disk.read(log_path()), 89)))
            assert.same({ "struck", "after" }, reopened())
        end)

        it("35.5 after a failed mark both slots are written anew", function()
            local ticket = disk.append(store, disk.body("struck"))
            fault.arm("write", "torn", 1)
            failure_of(store.wait, store, ticket)
            fault.clear()
            store:make_ready()
            local bytes = disk.read(directory .. "/state.mark")
            assert.is_true(bytes:sub(1, 4096) == bytes:sub(4097))
            assert.same({ 2, 3, 57 }, { string.unpack(">I8I8", bytes, 41) }) -- log, seq of its OPEN
        end)

        it("35.7 a process that dies before the rewriting: the record is there or not, never half", function()
            disk.commit(store, disk.body("before"))
            strike()
            local texts = reopened()
            assert.equal("before", texts[1])
            assert.is_true(#texts == 1 or texts[2] == "struck")
        end)

        it("D-096 a sync that lies is not noticed by a living process, whatever the mark says", function()
            fault.arm("sync", "sync_lies", 1, true)
            disk.commit(store, disk.body("first"))
            assert.same({ "first" }, reopened())
        end)
    end)

    describe("threads", function()
        it("D-120 what threads append side by side is found again, each one's in its order", function()
            local durable, failed = store:run_threads(8, 30, 100)
            assert.same({ 240, 0 }, { durable, failed })
            local texts = reopened()
            assert.equal(240, #texts)
            local seen = {}
            for _, text in ipairs(texts) do
                local thread, record = string.unpack(">I1I2", text)
                assert.equal(record, (seen[thread] or -1) + 1) -- each thread's records in its order
                seen[thread] = record
            end
        end)

        it("35.7 nobody sleeps on where syncs are so quick that a waiter looks for their end", function()
            store:close()
            local command = "timeout 120 lua5.4 spec/store/child.lua '%s' threads 6000 2>/dev/null"
            local pipe = assert(io.popen(command:format(directory)))
            assert.equal("45000", pipe:read("l"))
            pipe:close()
            store = disk.open(directory)
        end)

        it("35.7 a sync that fails among threads loses no acknowledged record and keeps the order", function()
            for _, point in ipairs({ "sync", "write", "rename" }) do
                for nth = 5, 25, 10 do
                    local before = #disk.texts(store)
                    fault.arm(point, "error", nth)
                    local durable, failed = store:run_threads(4, 15, 200)
                    fault.clear()
                    assert.equal(60, durable + failed)
                    assert.is_true(failed <= 4, ("%d failed"):format(failed))
                    local texts = reopened()
                    assert.is_true(#texts >= before + durable)
                    assert.is_true(#texts <= before + 60)
                end
            end
        end)
    end)
end)
