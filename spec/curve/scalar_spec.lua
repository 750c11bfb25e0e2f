--- Scalars modulo the group order, compared with the library's seckey functions.
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local curve = signer.test_curve
local bytes, hex = vectors.bytes, vectors.hex

local ORDER = bytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
local ORDER_MINUS_1 = bytes("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140")
local ZERO, ONE = ("\0"):rep(32), ("\0"):rep(31) .. "\1"

--- Deterministic test values: hashes, and values near 0, n and 2^256.
local function samples(count)
    local list = { ONE, ("\0"):rep(31) .. "\2", ORDER_MINUS_1 }
    list[4] = ("\0"):rep(16) .. ("\255"):rep(16)
    list[5] = ("\255"):rep(15) .. ("\0"):rep(17)
    for i = 1, count do list[#list + 1] = curve.reduce(signer.curve.sha256("scalar " .. i)) end
    return list
end

describe("scalars", function()
    it("decode only below the group order", function()
        assert.is_true(curve.is_scalar(ZERO))
        assert.is_true(curve.is_scalar(ORDER_MINUS_1))
        assert.is_false(curve.is_scalar(ORDER))
        assert.is_false(curve.is_scalar(("\255"):rep(32)))
    end)

    it("add and multiply as the library does", function()
        local list = samples(40)
        for _, a in ipairs(list) do
            for _, b in ipairs(list) do
                assert.equal(hex(curve.library_add(a, b) or ZERO), hex(curve.add(a, b)))
                assert.equal(hex(curve.library_mul(a, b)), hex(curve.mul(a, b)))
            end
        end
    end)

    it("take zero where the library refuses it", function()
        for _, a in ipairs(samples(3)) do
            assert.equal(a, curve.add(a, ZERO))
            assert.equal(ZERO, curve.mul(a, ZERO))
            assert.equal(ZERO, curve.add(a, curve.negate(a)))
        end
        assert.equal(ZERO, curve.negate(ZERO))
        assert.equal(ZERO, curve.inverse(ZERO))
    end)

    it("subtract and negate", function()
        local list = samples(10)
        for _, a in ipairs(list) do
            assert.equal(curve.sub(ZERO, a), curve.negate(a))
            assert.equal(a, curve.negate_if(a, false))
            assert.equal(curve.negate(a), curve.negate_if(a, true))
            for _, b in ipairs(list) do assert.equal(a, curve.add(curve.sub(a, b), b)) end
        end
    end)

    it("invert, one by one and in a batch with zeros", function()
        local list = { ZERO }
        for _, a in ipairs(samples(20)) do list[#list + 1] = a end
        list[#list + 1] = ZERO
        local batch = curve.inverse_batch(list)
        for i, a in ipairs(list) do
            assert.equal(hex(curve.inverse(a)), hex(batch[i]))
            if a ~= ZERO then assert.equal(hex(ONE), hex(curve.mul(a, batch[i]))) end
        end
    end)

    it("reduce 256 bits", function()
        assert.equal(ZERO, curve.reduce(ORDER))
        assert.equal("000000000000000000000000000000014551231950b75fc4402da1732fc9bebe", hex(curve.reduce(("\255"):rep(32))))
        assert.equal(ORDER_MINUS_1, curve.reduce(ORDER_MINUS_1))
    end)

    it("reduce 384 bits: high * 2^192 + low, by the library", function()
        local shift = ("\0"):rep(7) .. "\1" .. ("\0"):rep(24)
        for i = 1, 40 do
            local wide = (signer.curve.sha256("high " .. i) .. signer.curve.sha256("low " .. i)):sub(1, 48)
            if i == 1 then wide = ("\255"):rep(48) end
            local high, low = ("\0"):rep(8) .. wide:sub(1, 24), ("\0"):rep(8) .. wide:sub(25)
            local expected = curve.library_add(curve.library_mul(high, shift), low)
            assert.equal(hex(expected), hex(curve.reduce_wide(wide)))
        end
        assert.equal(ZERO, curve.reduce_wide(("\0"):rep(48)))
    end)

    it("sum the repair shares of the published vectors", function()
        for _, case in ipairs(vectors.load("frost/published_sums").sums) do
            local sum = ZERO
            for _, term in ipairs(case.terms) do sum = curve.add(sum, bytes(term)) end
            assert.equal(case.sum, hex(sum))
        end
    end)
end)
