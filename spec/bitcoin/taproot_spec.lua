-- Taproot output keys: BIP-341.
local vectors = require("spec.support.vectors")
local bitcoin = require("tbtc_signer").bitcoin
local bytes, hex = vectors.bytes, vectors.hex

describe("Taproot output key", function()
    local wallet = vectors.load("bip341/wallet")

    it("BIP-341 has the keys and scripts of the wallet vectors, with and without a root", function()
        local with_root = 0
        for _, case in ipairs(wallet.output_keys) do
            local key = bitcoin.output_key(bytes(case.internal_key), case.root and bytes(case.root))
            assert.equal(case.output_key, hex(key))
            assert.equal(case.script, hex(bitcoin.p2tr_script(key)))
            if case.root then with_root = with_root + 1 end
        end
        assert.equal(7, #wallet.output_keys)
        assert.equal(6, with_root)
    end)

    it("BIP-341 tells the parity that control blocks carry", function()
        for _, case in ipairs(wallet.output_keys) do
            if case.odd ~= nil then
                local _, odd = bitcoin.output_key(bytes(case.internal_key), case.root and bytes(case.root))
                assert.equal(case.odd, odd)
            end
        end
    end)

    it("refuses an x of no point", function()
        for _, key in ipairs({ ("00"):rep(32), ("ff"):rep(32), ("00"):rep(31) .. "05",
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f" }) do
            local ok, reason = pcall(bitcoin.output_key, bytes(key))
            assert.is_false(ok, key)
            assert.equal("FROST_GROUP", reason.error)
        end
    end)
end)
