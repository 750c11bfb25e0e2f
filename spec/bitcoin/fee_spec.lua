-- Fees before a signature exists: D-144, policy-and-lifecycle 5.3 rule 5b.
local bitcoin = require("tbtc_signer").bitcoin

describe("fee", function()
    it("D-144 weighs 16.5 virtual bytes of witness an input", function()
        assert.equal(4 * 94 + 2 + 66, bitcoin.signed_weight(94, 1))
        assert.equal(4 * 200 + 2 + 3 * 66, bitcoin.signed_weight(200, 3))
    end)

    it("D-144 weighs what the signed transaction weighs", function()
        local tx = {
            inputs = { { txid = ("01"):rep(32), vout = 0 }, { txid = ("02"):rep(32), vout = 0 } },
            outputs = { { value_sats = 1, script = "\x51\x20" .. ("\1"):rep(32) } },
        }
        local plain = #bitcoin.serialize(tx)
        local signed = #bitcoin.serialize_signed(tx, { ("\1"):rep(64), ("\2"):rep(64) })
        assert.equal(3 * plain + signed, bitcoin.signed_weight(plain, 2))
    end)

    it("rounds virtual bytes and rates up", function()
        assert.equal(111, bitcoin.virtual_bytes(444))
        assert.equal(112, bitcoin.virtual_bytes(445))
        assert.equal(1000, bitcoin.fee_rate(111, 444))
        assert.equal(1010, bitcoin.fee_rate(112, 444))
    end)

    it("D-144 lets the limit itself pass", function()
        assert.is_false(bitcoin.fee_rate_exceeds(111, 1000, 444))
        assert.is_true(bitcoin.fee_rate_exceeds(112, 1000, 444))
        assert.is_false(bitcoin.fee_rate_exceeds(0, 0, 444))
        assert.is_true(bitcoin.fee_rate_exceeds(1, 0, 444))
    end)

    it("D-144 computes in 128 bits", function()
        assert.is_true(bitcoin.fee_rate_exceeds(math.maxinteger, 1000, 444))
        assert.is_false(bitcoin.fee_rate_exceeds(2100000000000000, math.maxinteger, math.maxinteger))
        assert.is_true(bitcoin.fee_rate_exceeds(math.maxinteger, math.maxinteger, 3999))
        assert.is_false(bitcoin.fee_rate_exceeds(math.maxinteger, math.maxinteger, 4000))
        assert.equal(-1, bitcoin.fee_rate(math.maxinteger, 1)) -- saturated: 2^64 - 1
    end)
end)
