-- Transactions: policy-and-lifecycle 6.2 to 6.6, BIP-341.
local vectors = require("spec.support.vectors")
local signer = require("tbtc_signer")
local bitcoin, fault = signer.bitcoin, signer.test_fault
local bytes, hex = vectors.bytes, vectors.hex

local function read_case(case)
    local tx = { version = case.version, inputs = {}, outputs = {} }
    for i, input in ipairs(case.inputs) do
        tx.inputs[i] = { txid = input.txid, vout = input.vout, value_sats = input.value_sats, script = bytes(input.script) }
    end
    for i, output in ipairs(case.outputs) do
        tx.outputs[i] = { value_sats = output.value_sats, script = bytes(output.script) }
    end
    return tx
end

local function integers(case)
    for _, list in ipairs({ case.inputs, case.outputs }) do
        for _, entry in ipairs(list) do
            entry.value_sats = math.tointeger(entry.value_sats)
            entry.vout = math.tointeger(entry.vout)
        end
    end
    case.version = math.tointeger(case.version)
    return case
end

local cases = vectors.load("bip341/built_transactions").cases
for _, case in ipairs(cases) do integers(case) end

local function rejected(call, ...)
    local ok, reason = pcall(call, ...)
    assert.is_false(ok)
    assert.equal("validation_error", reason.code)
end

describe("transaction", function()
    it("TX-1 has the bytes, txid and sighashes of the vectors", function()
        assert.equal(3, #cases)
        for _, case in ipairs(cases) do
            local tx = read_case(case)
            local serialized = bitcoin.serialize(tx)
            if case.serialized then assert.equal(case.serialized, hex(serialized)) end
            assert.equal(case.txid, bitcoin.txid(serialized))
            local digests = bitcoin.sighashes(tx)
            assert.equal(#case.sighashes, #digests)
            for i, digest in ipairs(digests) do assert.equal(case.sighashes[i], hex(digest)) end
        end
    end)

    it("BIP-341 has the default sighash of the wallet vectors", function()
        local wallet = vectors.load("bip341/wallet")
        local tx = bitcoin.parse(bytes(wallet.transaction))
        assert.equal(9, #tx.inputs)
        assert.equal(wallet.transaction, hex(bitcoin.serialize(tx)))
        for i, prevout in ipairs(wallet.prevouts) do
            tx.inputs[i].value_sats, tx.inputs[i].script = math.tointeger(prevout.value_sats), bytes(prevout.script)
        end
        local digests = bitcoin.sighashes(tx)
        assert.equal(1, #wallet.default_sighashes)
        for _, case in ipairs(wallet.default_sighashes) do
            assert.equal(case.sighash, hex(digests[math.tointeger(case.input) + 1]))
        end
    end)

    it("pol 6.5 commits each sighash to every field", function()
        local function first(change)
            local tx = read_case(cases[1])
            if change then change(tx) end
            return hex(bitcoin.sighashes(tx)[1])
        end
        local seen = { [first()] = true }
        for _, change in ipairs({
            function(tx) tx.version = 2 end,
            function(tx) tx.lock_time = 1 end,
            function(tx) tx.inputs[2].txid = ("ab"):rep(32) end,
            function(tx) tx.inputs[2].vout = 8 end,
            function(tx) tx.inputs[2].sequence = 0 end,
            function(tx) tx.inputs[2].value_sats = 250001 end,
            function(tx) tx.inputs[2].script = bytes("5120" .. ("23"):rep(32)) end,
            function(tx) tx.outputs[2].value_sats = 139999 end,
            function(tx) tx.outputs[2].script = "" end,
            function(tx) tx.outputs[3] = { value_sats = 0, script = "" } end,
        }) do
            local digest = first(change)
            assert.is_nil(seen[digest])
            seen[digest] = true
        end
    end)

    it("pol 6.5 needs the script of every prevout", function()
        local tx = read_case(cases[1])
        tx.inputs[2].script = nil
        rejected(bitcoin.sighashes, tx)
    end)

    it("pol 6.4 writes compact sizes of every width, and reads them back", function()
        for _, len in ipairs({ 0, 1, 0xfc, 0xfd, 0xffff, 0x10000 }) do
            local tx = read_case(cases[3])
            tx.outputs[1].script = ("\x6a"):rep(len)
            local serialized = bitcoin.serialize(tx)
            local parsed = bitcoin.parse(serialized)
            assert.equal(len, #parsed.outputs[1].script)
            assert.equal(serialized, bitcoin.serialize(parsed))
        end
        for _, count in ipairs({ 0xfc, 0xfd, 300 }) do
            local tx = read_case(cases[3])
            for i = 1, count do
                tx.outputs[i] = { value_sats = i, script = "" }
                tx.inputs[i] = { txid = ("00"):rep(32), vout = i, value_sats = 1, script = "\x51" }
            end
            local parsed = bitcoin.parse(bitcoin.serialize(tx))
            assert.equal(count, #parsed.outputs)
            assert.equal(count, parsed.inputs[count].vout)
            assert.equal(count, #bitcoin.sighashes(tx))
        end
    end)
end)

describe("reading a transaction", function()
    local whole = bitcoin.serialize(read_case(cases[1]))

    it("pol 6.4 gives back what was written", function()
        local tx = bitcoin.parse(whole)
        assert.equal(1, tx.version)
        assert.equal(0, tx.lock_time)
        assert.same({ txid = ("aa"):rep(31) .. "bb", vout = 7, sequence = 0xffffffff }, tx.inputs[2])
        assert.same({ value_sats = 140000, script = bytes("5120" .. ("44"):rep(32)) }, tx.outputs[2])
        assert.equal(whole, bitcoin.serialize(tx))
    end)

    it("pol 5.5 refuses a transaction cut at any byte, and one with a byte behind", function()
        for len = 0, #whole - 1 do rejected(bitcoin.parse, whole:sub(1, len)) end
        rejected(bitcoin.parse, whole .. "\0")
    end)

    local function altered(position, replacement)
        return whole:sub(1, position - 1) .. replacement .. whole:sub(position + 1)
    end

    it("refuses sizes that a shorter form could say", function()
        rejected(bitcoin.parse, altered(5, "\xfd\x02\x00"))
        rejected(bitcoin.parse, altered(5, "\xfe\x02\x00\x00\x00"))
        rejected(bitcoin.parse, altered(5, "\xff\x02\0\0\0\0\0\0\0"))
        assert.equal("\2", whole:sub(5, 5))
    end)

    it("refuses input scripts, empty lists and counts beyond the bytes", function()
        assert.equal("\0", whole:sub(42, 42))
        rejected(bitcoin.parse, altered(42, "\1\x51"))
        rejected(bitcoin.parse, altered(42, "\1"))
        rejected(bitcoin.parse, bytes("0100000000") .. whole:sub(88))
        rejected(bitcoin.parse, whole:sub(1, 87) .. bytes("0000000000"))
        rejected(bitcoin.parse, bytes("01000000ffffffffffffffffff") .. whole:sub(6))
        rejected(bitcoin.parse, bytes("01000000fe00000100") .. whole:sub(6))
        fault.clear()
        rejected(bitcoin.parse, bytes("01000000fdffff") .. whole:sub(6))
        assert.equal(0, fault.hits("allocation"))
    end)

    it("fails without a leak when memory ends", function()
        for nth = 1, 2 do
            fault.arm("allocation", "error", nth)
            local ok, reason = pcall(bitcoin.parse, whole)
            fault.clear()
            assert.is_false(ok)
            assert.equal("OUT_OF_MEMORY", reason.error)
        end
        fault.arm("allocation", "error", 1, true)
        local ok, reason = pcall(bitcoin.serialize, read_case(cases[1]))
        fault.clear()
        assert.is_false(ok)
        assert.equal("OUT_OF_MEMORY", reason.error)
    end)
end)

describe("signed transaction", function()
    local tx = read_case(cases[1])
    local signatures = { ("\1"):rep(64), ("\2"):rep(64) }
    local whole = bitcoin.serialize_signed(tx, signatures)

    it("BIP-144 carries one signature an input between outputs and lock time", function()
        local plain = hex(bitcoin.serialize(tx))
        local expected = plain:sub(1, 8) .. "0001" .. plain:sub(9, -9)
            .. "0140" .. ("01"):rep(64) .. "0140" .. ("02"):rep(64) .. "00000000"
        assert.equal(expected, hex(whole))
    end)

    it("reads back, and keeps its txid", function()
        local parsed, read = bitcoin.parse_signed(whole)
        assert.same(signatures, read)
        assert.equal(cases[1].txid, bitcoin.txid(bitcoin.serialize(parsed)))
    end)

    it("refuses cuts, bytes behind, other witnesses and the unsigned form", function()
        for len = 0, #whole - 1 do rejected(bitcoin.parse_signed, whole:sub(1, len)) end
        rejected(bitcoin.parse_signed, whole .. "\0")
        rejected(bitcoin.parse_signed, bitcoin.serialize(tx))
        rejected(bitcoin.parse, whole)
        local start = #whole - 4 - 2 * 66 + 1
        for _, head in ipairs({ "\0\x40", "\2\x40", "\1\x41", "\1\x3f" }) do
            rejected(bitcoin.parse_signed, whole:sub(1, start - 1) .. head .. whole:sub(start + 2))
        end
        rejected(bitcoin.parse_signed, whole:sub(1, 4) .. "\0\2" .. whole:sub(7))
    end)

    it("needs one signature an input", function()
        assert.has_error(function() bitcoin.serialize_signed(tx, { signatures[1] }) end)
        assert.has_error(function() bitcoin.serialize_signed(tx, { signatures[1], "short" }) end)
    end)
end)
