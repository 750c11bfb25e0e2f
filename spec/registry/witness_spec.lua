-- The witness history: generations, base, carried records, purge. sealed-store 20.1, 35.7, 35.8; D-088,
-- D-089.
local vectors = require("spec.support.vectors")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local hex, pack, op = vectors.hex, string.pack, registry.op
local sha256 = signer.curve.sha256

local function hash_fields(domain, ...)
    local parts = { domain .. "\0" }
    for _, field in ipairs({ ... }) do parts[#parts + 1] = registry.lp(field) end
    return sha256(table.concat(parts))
end

local fingerprint = hash_fields("tbtc-signer-durable-session-store-fingerprint-v2",
    "tbtc-signer-durable-session-store-identity/v2", "encrypted-file-v1", registry.STORE_ID)

local function commitment(generation, previous, digest)
    return sha256("tbtc-signer-state-witness-commitment-v2\0" .. fingerprint .. pack(">I8", generation) .. previous .. digest)
end

--- Commits `count` records that each change something.
local function busy(book, count)
    for _ = 1, count do
        local changes = signer.test_changes.new()
        book.score = (book.score or 0) + 1
        changes:score(1, book.score)
        book:commit(changes)
    end
end

--- Checks the whole retained history against the formulas, from the base on.
local function check_history(book)
    local tip, base = book.state:counters()
    local previous = book.state:witness(base)
    for generation = base, tip do
        local before, digest, after = book.state:witness(generation)
        assert.equal(hex(previous), hex(before))
        assert.equal(hex(commitment(generation, before, digest)), hex(after))
        previous = after
    end
end

describe("witness history", function()
    it("D-088 links each generation to the one before", function()
        local book = registry.new()
        busy(book, 5)
        check_history(book)
        assert.equal(hex(book.records[3].chain), hex(select(2, book.state:witness(4))))
        assert.is_nil((book.state:witness(7)))
        assert.is_nil((book.state:witness(0)))
    end)

    it("D-088 counts no NOTE", function()
        local book = registry.new()
        busy(book, 1)
        book:put(op("anchor_confirmed", pack(">I8", 1) .. ("\1"):rep(32)))
        assert.equal(2, (book.state:counters()))
    end)

    it("35.6 carries up to 2000 digests in an op of the snapshot, and reads them back", function()
        local book = registry.new()
        busy(book, 4001)
        local counts = {}
        for _, entry in ipairs(book.state:snapshot()) do
            if entry[1] == 35 then counts[#counts + 1] = #entry[2] // 32 end
        end
        assert.same({ 2000, 2000, 1 }, counts)
        local copy = book:reloaded()
        assert.equal(hex(book.state:digest()), hex(copy.state:digest()))
        for _, generation in ipairs({ 1, 512, 513, 2000, 4002 }) do
            assert.same({ book.state:witness(generation) }, { copy.state:witness(generation) })
        end
    end)
end)

describe("witness base", function()
    it("35.8 is due once 2 (g - base + 1) exceeds the maximum, and moves to g - floor(maximum / 4)", function()
        for _, maximum in ipairs({ 2, 3, 8, 13 }) do
            local book = registry.new()
            for generation = 2, 40 do
                local _, base = book.state:counters()
                local due = book.state:rebase_due(maximum)
                assert.equal(2 * (generation - base + 1) > maximum and generation - maximum // 4 or nil, due)
                local changes = signer.test_changes.new()
                changes:score(1, generation)
                if due then changes:rebase(due) end
                book:commit(changes)
                assert.equal(due or base, select(2, book.state:counters()))
                check_history(book)
            end
            assert.equal(hex(book.state:digest()), hex(book:replayed().state:digest()))
            assert.equal(hex(book.state:digest()), hex(book:reloaded().state:digest()))
        end
    end)

    it("35.8 forgets what lies below and keeps the tip, across many chunks", function()
        local book = registry.new()
        busy(book, 3000)
        local kept = { book.state:witness(2900) }
        local changes = signer.test_changes.new()
        changes:purge()
        changes:rebase(2900)
        book:commit(changes)
        assert.same({ 3002, 2900, 0, 0 }, { book.state:counters() })
        assert.is_nil((book.state:witness(2899)))
        assert.same(kept, { book.state:witness(2900) })
        busy(book, 2000)
        check_history(book)
        assert.equal(hex(book.state:digest()), hex(book:reloaded().state:digest()))
    end)

    it("35.6 stays within the retained history", function()
        local book = registry.new()
        busy(book, 3)
        local function rebase(generation) return op("purge") .. op("rebase", pack(">I8", generation)) end
        assert.equal("STATE_CORRUPT", (book:refusal(rebase(1))))
        assert.equal("STATE_CORRUPT", (book:refusal(rebase(0))))
        assert.is_nil((book:refusal(rebase(2))))
        assert.is_nil((book:refusal(rebase(5))))
        assert.equal("STATE_CORRUPT", (book:refusal(rebase(6))))
        assert.equal("STATE_CORRUPT", (book:refusal(rebase(3) .. op("rebase", pack(">I8", 2)))))
    end)
end)

describe("carried record", function()
    --- The state that replay of the new log would give.
    local function rewritten(book, shift, fill)
        local replica = registry.new()
        for i, record in ipairs(book.records) do
            local carried = i > shift
            replica.state:replay(record.kind, record.body, carried and record.seq + 1 or record.seq,
                carried and (fill .. string.char(i)):rep(16) or record.chain)
        end
        return replica
    end

    local function carry(book, shift, fill, moved)
        for i = shift + 1, #book.records do
            local record = book.records[i]
            book.state:rechained(record.kind, record.seq + (moved and 1 or 0), record.seq + 1, (fill .. string.char(i)):rep(16))
        end
    end

    local function mixed()
        local book = registry.new()
        busy(book, 2)
        local changes = signer.test_changes.new()
        changes:purge()
        book:commit(changes)
        book:put(op("anchor_confirmed", pack(">I8", 1) .. ("\1"):rep(32)))
        busy(book, 2)
        book:put(op("anchor_confirmed", pack(">I8", 2) .. ("\1"):rep(32)))
        busy(book, 1)
        return book
    end

    it("35.8 gets the digest of its new frame, and all later commitments follow", function()
        for shift = 0, 8 do
            local book = mixed()
            carry(book, shift, "A")
            check_history(book)
            assert.equal(hex(rewritten(book, shift, "A").state:digest()), hex(book.state:digest()))
        end
    end)

    it("35.7 may be carried again when the new log failed too", function()
        local book = mixed()
        carry(book, 2, "A")
        carry(book, 2, "B", true)
        assert.equal(hex(rewritten(book, 2, "B").state:digest()), hex(book.state:digest()))
    end)

    it("35.8 moves the purge seq with its record", function()
        local book = mixed()
        local seq = book.records[3].seq
        assert.equal(seq, book.state:purge_seq())
        carry(book, 4, "A")
        assert.equal(seq, book.state:purge_seq())
        book = mixed()
        carry(book, 2, "A")
        assert.equal(seq + 1, book.state:purge_seq())
    end)

    it("35.8 reaches a record below a base that moved meanwhile, also across a chunk", function()
        for _, before in ipairs({ 3, 1030 }) do
            local book = registry.new()
            busy(book, before)
            local changes = signer.test_changes.new()
            changes:score(9, 1)
            changes:rebase(before + 2)
            book:commit(changes)
            local shift = math.max(1, before - 20)
            local replica = registry.new()
            for i, record in ipairs(book.records) do
                local carried = i > shift
                local chain = carried and ("A" .. string.char(i % 256)):rep(16) or record.chain
                replica.state:replay(record.kind, record.body, carried and record.seq + 1 or record.seq, chain)
                if carried then book.state:rechained(record.kind, record.seq, record.seq + 1, chain) end
            end
            check_history(book)
            assert.equal(hex(replica.state:digest()), hex(book.state:digest()))
        end
    end)
end)

describe("open number", function()
    it("35.4, D-105 is that of the newest OPEN and stays in the snapshot", function()
        local book = registry.new()
        book.state:opened(1)
        busy(book, 1)
        book.state:opened(2)
        assert.equal(2, select(3, book.state:counters()))
        assert.equal(2, select(3, book:reloaded().state:counters()))
    end)
end)

describe("snapshot", function()
    local function parts() return registry.new():parts() end
    local bound = registry.bound("s", registry.GROUP_A)

    it("35.6 is read whatever the size of its parts", function()
        local book = registry.new()
        busy(book, 30)
        for i = 1, 20 do book:put(registry.bound("s" .. i, registry.GROUP_A), registry.add("s" .. i, 5, "m1@a")) end
        for _, limit in ipairs({ 1, 100, 1000 }) do
            assert.equal(hex(book.state:digest()), hex(book:reloaded(limit).state:digest()))
        end
    end)

    it("35.6 begins with ENGINE_STATE, once", function()
        assert.is_nil(registry.replay_error("part", parts()))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", { bound }))
        local twice = parts()
        twice[2] = op("engine_state", pack(">I8 I8 I8", 1, 0, 0))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", twice))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", { op("engine_state", pack(">I8 I8 I8", 0, 0, 0)) }))
    end)

    it("35.6 needs a base and every digest up to its generation", function()
        local head = op("engine_state", pack(">I8 I8 I8", 3, 0, 0))
        local base = op("witness_base", pack(">I8", 1) .. ("\1"):rep(64))
        local function digests(count) return op("witness_digests", ("\2"):rep(32 * count)) end
        assert.is_nil(registry.replay_error("part", { head .. base .. digests(2) }))
        assert.is_nil(registry.replay_error("part", { head .. base .. digests(1), digests(1) }))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", { head .. base .. digests(1) }))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", { head .. base .. digests(3) }))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", { head .. digests(2) }))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", { head }))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", { head .. base .. base }))
        assert.equal("STATE_CORRUPT", registry.replay_error("part",
            { head .. op("witness_base", pack(">I8", 4) .. ("\1"):rep(64)) }))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", { head .. base .. op("witness_digests", ("\2"):rep(33)) }))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", { head .. base .. op("witness_digests", "") }))
    end)

    it("35.6 only sets what is absent", function()
        local two = {
            op("canary", "\10\10" .. pack(">I8 I8", 2, 0)), registry.create("s"), registry.set("s", 19, pack(">I4", 2)),
            registry.add("s", 5, "m1@a"), registry.tombstone("t", "", 9), op("score", "\0\1" .. pack(">I8", 4)),
            op("quarantine", "\0\1\1"), op("refresh_epoch", pack(">I8", 9)),
        }
        local first = bound .. registry.set("s", 19, pack(">I4", 1)) .. registry.add("s", 5, "m1@a")
            .. registry.tombstone("t", "", 8) .. op("score", "\0\1" .. pack(">I8", 3)) .. op("quarantine", "\0\1\1")
            .. op("refresh_epoch", pack(">I8", 8))
        for _, again in ipairs(two) do
            local bodies = parts()
            bodies[2] = first
            assert.is_nil(registry.replay_error("part", bodies))
            bodies[3] = again
            assert.equal("STATE_CORRUPT", registry.replay_error("part", bodies))
        end
    end)

    it("35.6 sets an anchor's receipt, each checkpoint and an intent once", function()
        local function checkpoint(kind)
            return op("checkpoint_set", kind .. ("\1"):rep(97) .. ("\0"):rep(7) .. ("\3"):rep(112) .. pack(">I8", 1)
                .. ("\4"):rep(336))
        end
        local once = { op("anchor_confirmed", pack(">I8", 7) .. ("\5"):rep(32)), checkpoint("\1"), checkpoint("\2"),
            op("trust_intent", string.pack(">s4", "{request}")) }
        local bodies = parts()
        bodies[2] = table.concat(once)
        assert.is_nil(registry.replay_error("part", bodies))
        for _, again in ipairs(once) do
            bodies[3] = again
            assert.equal("STATE_CORRUPT", registry.replay_error("part", bodies))
        end
    end)

    it("35.6 is not read into a state that has a history, and its base comes once", function()
        local head = op("engine_state", pack(">I8 I8 I8", 3, 0, 0))
        local base = op("witness_base", pack(">I8", 1) .. ("\1"):rep(64))
        local digests = op("witness_digests", ("\2"):rep(64))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", { head .. base .. digests .. base .. digests }))
        assert.equal("STATE_CORRUPT", registry.replay_error("part", { head .. op("witness_base", pack(">I8", 0) .. ("\1"):rep(64))
            .. op("witness_digests", ("\2"):rep(96)) }))
        local genesis = registry.new().state
        local good, why = pcall(genesis.replay, genesis, "part", head, 1, ("\0"):rep(32))
        assert.is_false(good)
        assert.equal("STATE_CORRUPT", why.error)
    end)

    it("35.6 is whole before the first record behind it", function()
        local head = op("engine_state", pack(">I8 I8 I8", 3, 0, 0))
        local base = op("witness_base", pack(">I8", 1) .. ("\1"):rep(64))
        local state = registry.blank()
        state:replay("part", head .. base .. op("witness_digests", ("\2"):rep(32)), 1, ("\0"):rep(32))
        for _, kind in ipairs({ "change", "note" }) do
            local body = kind == "change" and bound or op("anchor_confirmed", pack(">I8", 7) .. ("\5"):rep(32))
            local good, why = pcall(state.replay, state, kind, body, 9, ("\1"):rep(32))
            assert.is_false(good)
            assert.equal("STATE_CORRUPT", why.error)
        end
    end)

    it("35.6 removes, clears and deletes nothing", function()
        for _, removal in ipairs({ registry.delete("s"), registry.clear("s", 17), op("purge"), op("rebase", pack(">I8", 1)),
            op("verdict", "") }) do
            local bodies = parts()
            bodies[2] = bound
            bodies[3] = removal
            assert.equal("STATE_CORRUPT", registry.replay_error("part", bodies))
        end
    end)

    it("35.6 does not come behind a record", function()
        local book = registry.new()
        book:put(bound)
        local good, why = pcall(book.state.replay, book.state, "part", registry.create("t"), 9, ("\1"):rep(32))
        assert.is_false(good)
        assert.equal("STATE_CORRUPT", why.error)
    end)
end)
