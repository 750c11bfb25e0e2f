-- Opening: every row of sealed-store 35.10 with its reason code, the header checks of 35.3 in their
-- order, and the points of 35.16 item 9 that the vector does not show.
local disk = require("spec.store.disk")
local signer = require("tbtc_signer")

local function checksum(label, data)
    local path = os.tmpname()
    disk.write(path, label .. "\0" .. data)
    local pipe = io.popen(("sha256sum '%s'"):format(path))
    local hex = pipe:read("a"):match("^%x+")
    pipe:close()
    os.remove(path)
    return signer.bytes.unhex(hex:sub(1, 32))
end

local function mark_slot(id, log, seq, chain)
    local head = "TBTCMARK" .. id .. string.pack(">I8I8", log, seq) .. chain
    return head .. checksum("tbtc-signer-store-mark/v1", head)
end

describe("store opening", function()
    local directory, log, snapshot, mark, store_id
    local first_id = ("store_id=%s\n"):format(("-"):rep(64))

    --- A store with log 1: OPEN (seq 1), then two records synced one by one (2, 3). Abandoned.
    before_each(function()
        directory = disk.directory()
        local store = disk.open(directory)
        disk.commit(store, disk.body("first"))
        disk.commit(store, disk.body("two"))
        store_id = store:info().store_id
        store:close(true)
        log = directory .. "/state.store/" .. disk.log_name(1)
        snapshot = directory .. "/state.store/" .. disk.snapshot_name(1)
        mark = directory .. "/state.mark"
    end)
    after_each(function() disk.remove(directory) end)

    --- The next opening is refused with this code and changes nothing; so is the one after.
    local function refused(reason, options)
        local before = disk.picture(directory)
        for _ = 1, 2 do assert.equal(reason, (disk.refusal(directory, options))) end
        assert.equal(before, disk.picture(directory))
    end

    local function opens(texts)
        local reason, store = disk.refusal(directory)
        assert.is_nil(reason)
        assert.same(texts, disk.texts(store))
        return store
    end

    local function forget_id()
        disk.write(directory .. "/state.lock", first_id)
    end

    it("35.10 opens what was written, with a new log, a higher open number and the same state", function()
        local store = opens({ "first", "two" })
        local info = store:info()
        assert.equal(2, info.log_number)
        assert.equal(2, info.open_number)
        assert.equal(4, info.seq)
        assert.equal(2, store:state().open_number)
        assert.equal(3, store:state().generation)
        store:close()
        store = opens({ "first", "two" })
        assert.equal(3, store:info().log_number)
        assert.equal(0, store:info().torn_tail_bytes)
        store:close()
    end)

    describe("header", function()
        local function page() return disk.read(log):sub(1, 4096) end
        local function put(offset, bytes, right)
            local head = page()
            head = head:sub(1, offset) .. bytes .. head:sub(offset + #bytes + 1)
            if right then head = signer.test_forge.header({ key = disk.key, page = head }) end
            disk.patch(log, 0, head)
        end
        --- Only the checksum is made right: what comes after it in 35.3 is seen.
        local function put_checked(offset, bytes)
            put(offset, bytes)
            disk.patch(log, 224, checksum("tbtc-signer-store-header/v1", page():sub(1, 224)))
        end

        it("35.3 a flipped bit anywhere in the header is damage, never a wrong key", function()
            for _, offset in ipairs({ 0, 17, 30, 56, 71, 79, 100, 130, 150, 155, 200, 224, 240, 255, 256, 4095 }) do
                disk.flip(log, offset)
                assert.equal("state_corrupt", (disk.refusal(directory)), "offset " .. offset)
                disk.flip(log, offset)
            end
            opens({ "first", "two" }):close()
        end)

        it("35.3 magic, version and page size come after the checksum", function()
            put_checked(0, "TBTCSTORELOG2")
            refused("state_version_unsupported")
        end)

        it("35.3 another version, before the store id", function()
            put_checked(16, "\0\0\0\2")
            put_checked(24, ("\x23"):rep(32))
            refused("state_version_unsupported")
        end)

        it("35.3 another page size", function()
            put_checked(20, "\0\0\x20\0")
            refused("state_version_unsupported")
        end)

        it("35.3 a file of another store, before its key check", function()
            put_checked(24, ("\x23"):rep(32))
            refused("state_foreign_store")
        end)

        it("35.3 a number that is not the name's, before the key check", function()
            put_checked(72, string.pack(">I8", 9))
            refused("state_corrupt")
        end)

        it("35.3 a parent that is not below the number", function()
            put(80, string.pack(">I8", 1), true)
            refused("state_corrupt")
        end)

        it("35.3 a zero field that is not zero", function()
            put(170, "\1", true)
            refused("state_corrupt")
        end)

        it("35.3 a key check that is not the key's", function()
            put_checked(56, ("\x55"):rep(16))
            refused("state_key_mismatch")
        end)

        it("35.3 a header tag that does not fit the rest", function()
            put(240, ("\x55"):rep(16))
            refused("state_corrupt")
        end)

        it("35.3 another key", function()
            refused("state_key_mismatch", { key = ("\x12"):rep(32) })
        end)

        it("35.10-6 a file shorter than at its publication", function()
            disk.write(log, disk.read(log):sub(1, -9))
            refused("state_corrupt")
        end)

        it("35.7 a file longer than a log gets is refused without being read", function()
            disk.shell("truncate -s 64G '%s'", log)
            assert.equal("state_corrupt", (disk.refusal(directory)))
            disk.shell("truncate -s 1048576 '%s'", log)
            disk.open(directory):close(true)
        end)

        it("35.1 a name with the highest number leaves no number for a new file", function()
            disk.write(directory .. "/state.store/audit-ffffffffffffffff", "x")
            refused("state_corrupt")
        end)

        it("35.10-6 a base that the snapshot does not share", function()
            put(88, string.pack(">I8", 7), true)
            refused("state_corrupt")
        end)
    end)

    it("33 reads a log once, in large pieces", function()
        local function reads(records)
            local folder = disk.directory()
            local other = disk.open(folder)
            for i = 1, records do disk.commit(other, disk.body(tostring(i))) end -- a page each
            other:close(true)
            local size = #disk.read(folder .. "/state.store/" .. disk.log_name(1))
            signer.test_fault.clear()
            other = disk.open(folder)
            local hits = signer.test_fault.hits("read")
            other:close(true)
            disk.remove(folder)
            return hits, size
        end
        local few, small = reads(1)
        local many, large = reads(1000)
        assert.is_true(large > 5000000)
        assert.is_true(many - few <= (large - small) // 262144 + 1, many - few)
    end)

    describe("records", function()
        --- Frames of log 1 that stand on pages of their own: offset, seq, chain.
        local function frame_at(offset)
            local bytes = disk.read(log)
            local len = string.unpack(">I4", bytes, offset + 5)
            return bytes:sub(offset + 1, offset + 96 + len), len
        end
        local function seal(fields)
            fields.key, fields.header = disk.key, disk.read(log):sub(1, 4096)
            fields.random = fields.random or ("\x77"):rep(16)
            return signer.test_forge.frame(fields)
        end
        --- Chain value before the frame at an offset, from the frame itself.
        local function previous(offset) return (frame_at(offset):sub(49, 80)) end
        local function chain_of(offset)
            local _, chain = seal({ body = "", previous = ("\0"):rep(32) })
            assert.equal(32, #chain)
            local path = os.tmpname()
            disk.write(path, "tbtc-signer-store-chain/v1\0" .. frame_at(offset))
            local pipe = io.popen("sha256sum " .. path)
            local hex = pipe:read("a"):match("^%x+")
            pipe:close()
            os.remove(path)
            return signer.bytes.unhex(hex)
        end
        local function set_mark(seq, chain)
            local slot = mark_slot(store_id, 1, seq, chain)
            disk.patch(mark, 0, slot)
            disk.patch(mark, 4096, slot)
        end

        it("35.4 the frames of one batch follow at multiples of 8, those after a sync on a new page", function()
            assert.equal("TSR1", frame_at(4096):sub(1, 4))
            assert.equal("TSR1", frame_at(8192):sub(1, 4))
            assert.equal("TSR1", frame_at(12288):sub(1, 4))
        end)

        it("35.10-7 a record placed behind by hand is accepted: the forged frames of this spec are good ones", function()
            local forged = seal({ seq = 4, durable = 3, body = disk.body("forged"), previous = chain_of(12288) })
            disk.patch(log, 16384, forged)
            opens({ "first", "two", "forged" }):close()
        end)

        it("35.4 a record above 16 MiB ends the log, however well it is sealed", function()
            disk.patch(log, 16384,
                seal({ seq = 4, durable = 3, body = disk.body(("x"):rep(16777212)), previous = chain_of(12288) }))
            local store = opens({ "first", "two" })
            assert.equal(16384, store:info().torn_tail_offset)
            store:close()
        end)

        it("35.10-7 a durable seq that falls ends the log there", function()
            local forged = seal({ seq = 4, durable = 1, body = disk.body("forged"), previous = chain_of(12288) })
            disk.patch(log, 16384, forged)
            local store = opens({ "first", "two" })
            assert.equal(16384, store:info().torn_tail_offset)
            store:close()
        end)

        it("35.10-7 a durable seq that is not below the own one ends the log; it proves what it says", function()
            local forged = seal({ seq = 4, durable = 4, body = disk.body("forged"), previous = chain_of(12288) })
            disk.patch(log, 16384, forged)
            refused("state_corrupt")
        end)

        it("35.10-9 a frame behind damage that knows of a later sync proves that a durable record is lost", function()
            local forged = seal({ seq = 9, durable = 4, body = disk.body("later"), previous = ("\x66"):rep(32) })
            disk.patch(log, 16384, "damage")
            disk.patch(log, 20480 + 8, forged)
            refused("state_corrupt")
        end)

        it("35.10-11 a frame behind damage that knows of no later sync is dropped with it", function()
            local forged = seal({ seq = 9, durable = 3, body = disk.body("later"), previous = ("\x66"):rep(32) })
            disk.patch(log, 16384, "damage")
            disk.patch(log, 20480 + 8, forged)
            local store = opens({ "first", "two" })
            assert.equal(16384, store:info().torn_tail_offset)
            assert.equal(20488 + #forged - 16384, store:info().torn_tail_bytes)
            store:close()
        end)

        it("35.10-9 a frame at an offset that is no multiple of 8 proves nothing", function()
            local forged = seal({ seq = 9, durable = 4, body = disk.body("later"), previous = ("\x66"):rep(32) })
            disk.patch(log, 20480 + 3, forged)
            opens({ "first", "two" }):close()
        end)

        it("35.10-10 a mark above the last record: gone if nothing lies behind, damaged otherwise", function()
            set_mark(4, ("\x66"):rep(32))
            refused("state_rollback_detected")
            disk.patch(log, 16384, "x")
            refused("state_corrupt")
        end)

        it("35.10-12 a mark with another chain value for a record that is there", function()
            set_mark(3, ("\x66"):rep(32))
            refused("state_rollback_detected")
            set_mark(2, chain_of(8192))
            opens({ "first", "two" }):close()
        end)

        it("35.10-12 a mark with another chain value for the base of the oldest log that is read", function()
            opens({ "first", "two" }):close(true)
            local second = directory .. "/state.store/" .. disk.log_name(2)
            local base, chain = string.unpack(">I8c32", disk.read(second), 89)
            local slot = mark_slot(store_id, 2, base, ("\x66"):rep(32))
            disk.patch(mark, 0, slot)
            disk.patch(mark, 4096, slot)
            refused("state_rollback_detected")
            slot = mark_slot(store_id, 2, base, chain)
            disk.patch(mark, 0, slot)
            disk.patch(mark, 4096, slot)
            opens({ "first", "two" }):close()
        end)

        it("35.4 an OPEN whose number does not follow the one before, or whose reason nobody knows", function()
            opens({ "first", "two" }):close(true)
            local second = directory .. "/state.store/" .. disk.log_name(2)
            local page = disk.read(second):sub(1, 4096)
            local base, chain = string.unpack(">I8c32", page, 89)
            os.remove(directory .. "/state.store/" .. disk.snapshot_name(2)) -- both logs are read
            local slot = mark_slot(store_id, 2, base, chain)
            disk.patch(mark, 0, slot)
            disk.patch(mark, 4096, slot)
            local function open_with(number, reason)
                local body = ("\1"):rep(32) .. string.pack(">I8BI8s4", number, reason, 5, "tbtc-signer/x")
                local frame = signer.test_forge.frame({ key = disk.key, header = page, seq = base + 1, durable = base,
                    type = 1, previous = chain, random = ("\x77"):rep(16), body = body })
                disk.patch(second, 4096, frame .. ("\0"):rep(4096 - #frame))
            end
            for _, wrong in ipairs({ { 1, 2 }, { 3, 2 }, { 2, 3 }, { 2, 4 }, { 2, 6 }, { 2, 0 } }) do
                open_with(table.unpack(wrong))
                refused("state_corrupt")
            end
            open_with(2, 5)
            opens({ "first", "two" }):close()
        end)

        it("35.4 the first OPEN behind a snapshot follows the number that the snapshot tells", function()
            opens({ "first", "two" }):close(true)
            local second = directory .. "/state.store/" .. disk.log_name(2)
            local page = disk.read(second):sub(1, 4096)
            local base, chain = string.unpack(">I8c32", page, 89)
            local slot = mark_slot(store_id, 2, base, chain)
            disk.patch(mark, 0, slot)
            disk.patch(mark, 4096, slot)
            for _, wrong in ipairs({ { 1, 2 }, { 3, 2 }, { 7, 2 }, { 2, 3 }, { 0, 4 } }) do
                local body = ("\1"):rep(32) .. string.pack(">I8BI8s4", wrong[1], wrong[2], 5, "tbtc-signer/x")
                local frame = signer.test_forge.frame({ key = disk.key, header = page, seq = base + 1, durable = base,
                    type = 1, previous = chain, random = ("\x77"):rep(16), body = body })
                disk.patch(second, 4096, frame .. ("\0"):rep(4096 - #frame))
                refused("state_corrupt")
            end
        end)

        it("35.10-9 a tail with more beginnings of records than can lie there is made by hand", function()
            -- No key was needed for these: each would be worth opening up to the end of the file.
            local file_size = #disk.read(log)
            local heads, at = {}, 16384
            for index = 0, 4095 do
                local offset = at + 88 * index
                heads[#heads + 1] = "TSR1" .. string.pack(">I4I8I8B", file_size - offset - 96, 9, 8, 2) .. ("\0"):rep(7)
                    .. ("\x55"):rep(56)
            end
            disk.patch(log, at, table.concat(heads))
            local before = disk.picture(directory)
            local reason, failure = disk.refusal(directory)
            assert.equal("state_corrupt", reason)
            assert.truthy(tostring(failure):find("more records begin", 1, true))
            assert.equal(before, disk.picture(directory))
        end)

        it("35.10-11 a torn record that says more than its tail holds is no crowd", function()
            disk.patch(log, 16384, "TSR1" .. string.pack(">I4I8I8B", 900000, 9, 8, 2) .. ("\0"):rep(7) .. ("\x55"):rep(56))
            opens({ "first", "two" }):close()
        end)

        it("35.16-5 bytes in the page gap between two good records", function()
            disk.patch(log, 12287, "x")
            refused("state_corrupt")
        end)

        it("35.16-5 padding that is not zero between two good records", function()
            local frame = frame_at(8192)
            assert.is_true((#frame) % 8 ~= 0)
            disk.patch(log, 8192 + #frame, "x")
            refused("state_corrupt")
        end)

        it("35.16-5 padding that is not zero behind the last record is a torn tail", function()
            local frame = frame_at(12288)
            disk.patch(log, 12288 + #frame, "x")
            local store = opens({ "first", "two" })
            assert.equal(1, store:info().torn_tail_bytes)
            store:close()
        end)

        it("35.4 a record of an unknown type", function()
            disk.patch(log, 16384, (seal({ seq = 4, durable = 3, type = 9, body = "x", previous = chain_of(12288) })))
            refused("state_version_unsupported")
        end)

        it("35.4 an OPEN that is not the first record", function()
            local body = ("\x66"):rep(32) .. string.pack(">I8BI8s4", 2, 2, 0, "w")
            disk.patch(log, 16384, (seal({ seq = 4, durable = 3, type = 1, body = body, previous = chain_of(12288) })))
            refused("state_corrupt")
        end)

        it("35.4 a log that does not begin with OPEN", function()
            local first = seal({ seq = 1, durable = 0, type = 2, body = disk.body("no open"), previous = previous(4096) })
            disk.patch(log, 4096, first .. ("\0"):rep(1024))
            refused("state_corrupt")
        end)

        it("35.4 a record behind CLOSE", function()
            local close, chain = seal({ seq = 4, durable = 3, type = 4, body = ("\0"):rep(8), previous = chain_of(12288) })
            disk.patch(log, 16384, close)
            disk.patch(log, 20480, (seal({ seq = 5, durable = 4, body = disk.body("x"), previous = chain })))
            refused("state_corrupt")
        end)

        it("35.10-13 the rules of the bodies come after the tail rule", function()
            local rule, chain = seal({ seq = 4, durable = 3, body = disk.op(238), previous = chain_of(12288) })
            disk.patch(log, 16384, rule)
            refused("state_version_unsupported")
            set_mark(5, chain)
            refused("state_rollback_detected")
        end)

        it("35.10-13 a body that breaks a rule, a body that is cut, a bound of the whole", function()
            local cases = { { disk.op(239), "state_corrupt" }, { "\5\0\0\0\9x", "state_corrupt" },
                { disk.op(240), "invalid_configuration_value" } }
            for _, case in ipairs(cases) do
                disk.patch(log, 16384, (seal({ seq = 4, durable = 3, body = case[1], previous = chain_of(12288) })))
                refused(case[2])
                disk.patch(log, 16384, ("\0"):rep(4096))
            end
        end)

        it("35.14 a record of another file or at another seq is no record here", function()
            local head = disk.read(log):sub(1, 4096)
            head = head:sub(1, 72) .. string.pack(">I8", 7) .. head:sub(81)
            local foreign = signer.test_forge.frame({ key = disk.key, header = head, seq = 4, durable = 3,
                body = disk.body("foreign"), previous = chain_of(12288), random = ("\x77"):rep(16) })
            disk.patch(log, 16384, foreign)
            opens({ "first", "two" }):close()
        end)
    end)

    describe("mark", function()
        it("35.5 syncs write the slots in turn, from slot 0", function()
            local bytes = disk.read(mark)
            assert.equal(8192, #bytes)
            assert.equal(2, (string.unpack(">I8", bytes, 49)))
            assert.equal(3, (string.unpack(">I8", bytes, 4096 + 49)))
        end)

        it("35.16-8 a mark of another length", function()
            disk.write(mark, disk.read(mark) .. "\0")
            refused("state_corrupt")
            disk.write(mark, "")
            refused("state_corrupt")
        end)

        it("35.16-8 two valid slots with one seq and different content", function()
            disk.patch(mark, 0, mark_slot(store_id, 1, 3, ("\x66"):rep(32)))
            refused("state_corrupt")
        end)

        it("35.10-3 a mark of another store", function()
            disk.patch(mark, 0, mark_slot(("\x23"):rep(32), 1, 2, ("\x66"):rep(32)))
            disk.patch(mark, 4096, mark_slot(("\x23"):rep(32), 1, 3, ("\x66"):rep(32)))
            refused("state_corrupt")
        end)

        it("35.10-4 a mark that names a higher log: the directory is an older copy", function()
            disk.patch(mark, 0, mark_slot(store_id, 2, 9, ("\x66"):rep(32)))
            refused("state_rollback_detected")
        end)

        it("35.10-3 no mark: refused while an id is recorded, and for a used log without one", function()
            os.remove(mark)
            refused("state_corrupt")
            forget_id()
            refused("state_corrupt")
        end)

        it("35.10-3 no mark and no id: an unused log 1 opens, unless its tail is not clean", function()
            disk.patch(log, 8192, ("\0"):rep(8192))
            os.remove(mark)
            forget_id()
            disk.flip(log, 500000)
            refused("state_corrupt")
            disk.flip(log, 500000)
            opens({}):close()
            assert.is_true(disk.exists(mark))
            opens({}):close()
        end)

        it("35.14 P.store restored from a copy is noticed by the mark", function()
            disk.copy(directory .. "/state.store", directory .. "/copy")
            local store = opens({ "first", "two" })
            disk.commit(store, disk.body("three"))
            store:close()
            disk.copy(directory .. "/copy", directory .. "/state.store")
            refused("state_rollback_detected")
        end)
    end)

    describe("snapshot", function()
        it("35.10-6 damaged or missing, and no older one", function()
            disk.flip(snapshot, 4200)
            refused("state_corrupt")
            disk.flip(snapshot, 4200)
            os.rename(snapshot, snapshot .. ".away")
            refused("state_corrupt")
        end)

        it("35.4 without its end, with bytes behind it, with another end", function()
            local bytes = disk.read(snapshot)
            local cases = { bytes:sub(1, -145), bytes .. ("\0"):rep(8), bytes:sub(1, -2) .. "\1", bytes:sub(1, 4096) }
            for _, changed in ipairs(cases) do
                disk.write(snapshot, changed)
                assert.equal("state_corrupt", (disk.refusal(directory)))
            end
            disk.write(snapshot, bytes)
            opens({ "first", "two" }):close()
        end)

        it("35.16-5 with padding that is not zero behind its first part", function()
            local len = string.unpack(">I4", disk.read(snapshot), 4101)
            assert.is_true((96 + len) % 8 > 0)
            disk.patch(snapshot, 4096 + (96 + len) // 8 * 8 + 7, "\1")
            refused("state_corrupt")
        end)

        it("35.10-6 a damaged newest snapshot falls back to the pair before", function()
            local store = opens({ "first", "two" })
            disk.commit(store, disk.body("three"))
            store:close(true)
            disk.flip(directory .. "/state.store/" .. disk.snapshot_name(2), 4200)
            opens({ "first", "two", "three" }):close()
        end)

        it("35.4 a log that ended with CLOSE is followed by the next one on the path", function()
            disk.open(directory):close()
            disk.open(directory):close()
            os.remove(directory .. "/state.store/" .. disk.snapshot_name(3))
            assert.is_true(disk.exists(directory .. "/state.store/" .. disk.log_name(2)))
            opens({ "first", "two" }):close()
        end)

        it("35.3 with a size of its own in the header", function()
            local bytes = disk.read(snapshot)
            local head = bytes:sub(1, 144) .. string.pack(">I8", #bytes) .. bytes:sub(153, 4096)
            disk.patch(snapshot, 0, signer.test_forge.header({ key = disk.key, page = head, kind = 2 }))
            local code, failure = disk.refusal(directory)
            assert.equal("state_corrupt", code)
            assert.truthy(tostring(failure):find("header of snapshot", 1, true))
        end)

        describe("made by hand", function()
            local newest
            --- The newest snapshot with these frames; `last` changes its end, `page` its header.
            local function forge(frames, last, page)
                local bytes = disk.read(newest)
                local head = page and signer.test_forge.header({ key = disk.key, page = page(bytes:sub(1, 4096)), kind = 2 })
                    or bytes:sub(1, 4096)
                local base, base_chain = string.unpack(">I8c32", head, 89)
                local path = os.tmpname()
                disk.write(path, "tbtc-signer-store-snapshot-start/v1\0" .. head:sub(1, 256))
                local pipe = io.popen("sha256sum " .. path)
                local previous = signer.bytes.unhex(pipe:read("a"):match("^%x+"))
                pipe:close()
                os.remove(path)
                local out, at = { head }, 0
                local function add(frame)
                    local parts = { key = disk.key, header = head, kind = 2, previous = previous,
                        random = ("\x77"):rep(16) }
                    at = at + 1
                    parts.seq = at
                    for name, value in pairs(frame) do parts[name] = value end
                    local sealed, chain = signer.test_forge.frame(parts)
                    out[#out + 1] = sealed .. ("\0"):rep(-#sealed % 8)
                    previous = chain
                end
                for _, frame in ipairs(frames) do add(frame) end
                last = last or {}
                add({ type = 17, durable = last.durable, body = string.pack(">I8c32I8", base + (last.base or 0),
                    last.chain or base_chain, #frames + (last.parts or 0)) })
                disk.write(newest, table.concat(out))
            end
            before_each(function()
                opens({ "first", "two" }):close(true)
                newest = directory .. "/state.store/" .. disk.snapshot_name(2)
            end)
            local engine = disk.op(33, string.pack(">I8I8I8", 3, 1, 0))

            it("35.3 the header's is refused, not gone without", function()
                local head = disk.read(newest):sub(1, 4096)
                head = head:sub(1, 16) .. "\0\0\0\2" .. head:sub(21)
                disk.patch(newest, 0, head:sub(1, 224) .. checksum("tbtc-signer-store-header/v1", head:sub(1, 224)))
                refused("state_version_unsupported")
            end)

            it("35.4 a frame of a type that this build does not know", function()
                forge({ { type = 16, body = engine }, { type = 19, body = "x" } })
                refused("state_version_unsupported")
            end)

            it("35.4 an op that this build does not know", function()
                forge({ { type = 16, body = engine .. disk.op(238) } })
                refused("state_version_unsupported")
            end)

            it("35.10-13 what breaks first is answered, whatever the parts behind it hold", function()
                forge({ { type = 16, body = engine .. disk.op(239) }, { type = 16, body = disk.op(238) } })
                refused("state_corrupt")
            end)

            it("35.10-6 good parts made the same way are read", function()
                forge({ { type = 16, body = engine .. disk.body("forged") }, { type = 16, body = disk.body("two") } })
                opens({ "forged", "two" }):close()
            end)

            for damaged = 1, 3 do
                it("35.4 a durable seq in a part is damage, and the older one serves: part " .. damaged, function()
                    local frames = { { type = 16, body = engine .. disk.body("forged") }, { type = 16, body = disk.body("two") },
                        { type = 16, body = disk.body("three") } }
                    frames[damaged].durable = 1
                    forge(frames)
                    opens({ "first", "two" }):close()
                end)
            end

            local broken = {
                ["a durable seq in its end"] = { nil, { durable = 1 } },
                ["another base seq in its end"] = { nil, { base = 1 } },
                ["another base chain in its end"] = { nil, { chain = ("\x66"):rep(32) } },
                ["another number of parts in its end"] = { nil, { parts = 1 } },
                ["a seq that skips one"] = { { seq = 3 } },
                ["another chain value before a part"] = { { previous = ("\x66"):rep(32) } },
                ["another parent than its log"] = { nil, nil, function(head)
                    return head:sub(1, 80) .. string.pack(">I8", 0) .. head:sub(89)
                end },
            }
            for what, how in pairs(broken) do
                it("35.4, 35.16 is damaged by " .. what .. ", and the older one serves", function()
                    local frames = { { type = 16, body = engine .. disk.body("forged") }, { type = 16, body = disk.body("two") } }
                    for name, value in pairs(how[1] or {}) do frames[2][name] = value end
                    forge(frames, how[2], how[3])
                    opens({ "first", "two" }):close()
                end)
            end
        end)

        it("35.10-6 a missing newest snapshot falls back to the pair before", function()
            opens({ "first", "two" }):close(true)
            os.remove(directory .. "/state.store/" .. disk.snapshot_name(2))
            opens({ "first", "two" }):close()
        end)

        it("35.10-6 a missing log below a damaged snapshot", function()
            opens({ "first", "two" }):close(true)
            disk.flip(directory .. "/state.store/" .. disk.snapshot_name(2), 4200)
            os.remove(log)
            refused("state_corrupt")
        end)

        it("35.10-4 the newest log is gone", function()
            opens({ "first", "two" }):close(true)
            os.remove(directory .. "/state.store/" .. disk.log_name(2))
            refused("state_rollback_detected")
        end)

        it("35.10-15 a snapshot above the head is what a cut open left: removed", function()
            disk.copy(snapshot, directory .. "/state.store/" .. disk.snapshot_name(2))
            disk.write(directory .. "/state.store/tmp-0123456789abcdef", "left")
            disk.write(directory .. "/state.mark.tmp-0123456789abcdef", "left")
            local store = opens({ "first", "two" })
            assert.equal(3, store:info().log_number)
            store:close()
            assert.is_false(disk.exists(directory .. "/state.store/" .. disk.snapshot_name(2)))
            assert.is_false(disk.exists(directory .. "/state.store/tmp-0123456789abcdef"))
            assert.is_false(disk.exists(directory .. "/state.mark.tmp-0123456789abcdef"))
        end)

        it("35.8 an opening keeps its own pair and the one before", function()
            opens({ "first", "two" }):close()
            assert.same({ disk.log_name(1), disk.log_name(2), disk.snapshot_name(1), disk.snapshot_name(2), "store-id" },
                disk.names(directory .. "/state.store"))
            opens({ "first", "two" }):close()
            assert.same({ disk.log_name(2), disk.log_name(3), disk.snapshot_name(2), disk.snapshot_name(3), "store-id" },
                disk.names(directory .. "/state.store"))
        end)
    end)

    describe("store id", function()
        it("35.10-2 damaged, cut or missing", function()
            local path = directory .. "/state.store/store-id"
            local bytes = disk.read(path)
            disk.flip(path, 20)
            refused("state_corrupt")
            disk.write(path, bytes:sub(1, 40))
            refused("state_corrupt")
            disk.write(path, bytes .. "x")
            refused("state_corrupt")
            os.remove(path)
            refused("state_corrupt")
        end)

        it("35.9 a lock file whose first line is neither an id nor dashes", function()
            disk.write(directory .. "/state.lock", "store_id=zz\n")
            refused("state_corrupt")
        end)

        it("35.9 a lock file of the reference records nothing", function()
            disk.write(directory .. "/state.lock", "pid=4711\nstate_path=/x\n")
            opens({ "first", "two" }):close()
        end)
    end)

    describe("faults while opening", function()
        after_each(function() signer.test_fault.clear() end)

        it("35.10 a read that fails is state_io, never damage", function()
            for nth = 1, 12 do
                signer.test_fault.arm("read", "error", nth)
                local reason, store = disk.refusal(directory)
                signer.test_fault.clear()
                if store and not reason then
                    store:close(true)
                    break
                end
                assert.equal("state_io", reason, "read " .. nth)
            end
            opens({ "first", "two" }):close()
        end)

        it("35.8 what is published was read back: a write that stored a wrong byte is found before the renaming", function()
            local body = disk.body(("b"):rep(60000))
            local store = opens({ "first", "two" })
            for _ = 1, 3 do disk.commit(store, body) end -- a snapshot of several parts
            store:close()
            local names = disk.names(directory .. "/state.store")
            local refusals = 0
            for nth = 2, 1000 do -- the first is the lock file's, which decides nothing that is read before
                signer.test_fault.arm("write", "write_lies", nth)
                local reason, opened = disk.refusal(directory)
                local hit = signer.test_fault.hits("write") >= nth
                signer.test_fault.clear()
                if not hit then
                    opened:close(true)
                    break
                end
                if reason then
                    refusals = refusals + 1
                    for _, name in ipairs(names) do assert.is_true(disk.exists(directory .. "/state.store/" .. name)) end
                else -- the beginning of an audit file that nobody needed
                    assert.equal(5, #disk.texts(opened))
                    opened:close(true)
                end
            end
            -- snapshot: header, parts, end; log: header, OPEN, zeros; mark
            assert.is_true(refusals >= 23, refusals)
            local again = disk.open(directory)
            assert.equal(5, #disk.texts(again))
            again:close()
        end)

        it("35.10-15 any failing call while publishing leaves a store that opens", function()
            for _, fault in ipairs({ { "write", "error" }, { "write", "no_space" }, { "sync", "error" }, { "rename", "error" },
                { "open", "error" }, { "allocation", "error" } }) do
                for nth = 1, 60 do
                    signer.test_fault.arm(fault[1], fault[2], nth)
                    local reason, store = disk.refusal(directory)
                    local passed = signer.test_fault.hits(fault[1]) < nth
                    signer.test_fault.clear()
                    if not reason then
                        store:close(true)
                    else
                        assert.truthy(({ state_io = 1, state_no_space = 1, OUT_OF_MEMORY = 1 })[reason], reason)
                    end
                    if passed then break end
                end
                opens({ "first", "two" }):close(true)
            end
        end)

        it("35.10-5 a key provider that gives nothing, also where a store would be created", function()
            refused("state_key_unavailable", { key = false })
            local fresh = disk.directory()
            assert.equal("state_key_unavailable", (disk.refusal(fresh, { key = false })))
            assert.same({ "state.lock" }, disk.names(fresh))
            disk.remove(fresh)
        end)
    end)
end)
