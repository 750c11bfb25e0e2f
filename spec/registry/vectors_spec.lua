-- The worked example of the store, read by the registry: sealed-store 35.6, 35.8, 35.15, 20.1.
local vectors = require("spec.support.vectors")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local example = vectors.load("registry/records")
local hex, bytes = vectors.hex, vectors.bytes

describe("worked example", function()
    local book = registry.new()
    local bodies = {}
    for i, change in ipairs(example.changes) do bodies[i] = bytes(change.body) end

    it("35.6, 35.9 gives the genesis snapshot byte for byte", function()
        local ops = registry.new().state:snapshot()
        assert.equal(#example.snapshot, #ops)
        for i, wanted in ipairs(example.snapshot) do
            assert.equal(wanted.op, ops[i][1])
            assert.equal(wanted.payload, hex(ops[i][2]))
        end
    end)

    it("35.6 builds the first binding, the consumption and the second binding byte for byte", function()
        local id = "wallet-1/msg-1"
        local first = signer.test_changes.new()
        first:create(id)
        first:text(id, 17, registry.GROUP_A)
        assert.equal(example.changes[1].body, hex(first:body()))
        local second = signer.test_changes.new()
        second:add(id, 5, "m1@" .. ("a"):rep(64))
        second:add(id, 7, ("b"):rep(64))
        second:u32(id, 21, 1)
        assert.equal(example.changes[2].body, hex(second:body()))
        local third = signer.test_changes.new()
        third:create("wallet-1/msg-2")
        third:text("wallet-1/msg-2", 17, registry.GROUP_A)
        assert.equal(example.changes[3].body, hex(third:body()))
    end)

    it("35.8, D-088 counts one generation a CHANGE and commits to the chain value of its record", function()
        for i, change in ipairs(example.changes) do
            book.state:replay("change", bodies[i], change.seq, bytes(change.chain))
        end
        assert.equal(#example.changes + 1, (book.state:counters()))
        for _, point in ipairs(example.witness) do
            local previous, digest, commitment = book.state:witness(point.generation)
            assert.equal(point.previous_commitment, hex(previous))
            assert.equal(point.image_digest, hex(digest))
            assert.equal(point.commitment, hex(commitment))
        end
    end)

    it("35.6 holds what the records say", function()
        local session = book.state:session("wallet-1/msg-1")
        assert.same({ "m1@" .. ("a"):rep(64) }, session.sets[5])
        assert.same({ ("b"):rep(64) }, session.sets[7])
        assert.equal(1, session.highest_attempt)
        assert.equal(registry.GROUP_A, session.bound_key_group)
        assert.same({ "wallet-1/msg-1", "wallet-1/msg-2" }, book.state:ids())
    end)

    it("D-123 names a tombstone by the SHA-256 of the session id", function()
        local digest = example.session_digest
        local changes = signer.test_changes.new()
        changes:tombstone(book.state, digest.session_id)
        assert.equal("09" .. "0000006a" .. digest.sha256 .. "00000042" .. hex(registry.GROUP_A) .. "00000001",
            hex(changes:body()))
    end)

    it("35.6 gives equal snapshots after replay and after reload", function()
        local copy = book:reloaded()
        assert.equal(hex(book.state:digest()), hex(copy.state:digest()))
        assert.equal(4, (copy.state:counters()))
    end)
end)
