-- Hex, readers, buffers (src/base/bytes).
local signer = require("tbtc_signer")
local base, fault = signer.test_base, signer.test_fault

describe("hex", function()
    it("encodes every byte in lower case", function()
        for byte = 0, 255 do assert.equal(("%02x"):format(byte), base.hex_encode(string.char(byte))) end
        assert.equal("", base.hex_encode(""))
    end)

    it("encodes every byte alike wherever it stands in a longer text", function()
        local function slow(raw) return (raw:gsub(".", function(char) return ("%02x"):format(char:byte()) end)) end
        for byte = 0, 255 do
            local raw = ""
            for i = 0, 35 do raw = raw .. string.char((byte + i * 37) % 256) end -- two stretches of 16, and more
            for len = 0, #raw do assert.equal(slow(raw:sub(1, len)), base.hex_encode(raw:sub(1, len))) end
        end
    end)

    it("decodes every byte in either case", function()
        for byte = 0, 255 do
            assert.equal(string.char(byte), base.hex_decode(("%02x"):format(byte)))
            assert.equal(string.char(byte), base.hex_decode(("%02X"):format(byte)))
        end
        assert.equal("\xab\xcd", base.hex_decode("aBCd"))
        assert.equal("", base.hex_decode(""))
    end)

    it("refuses every other character at either place", function()
        for byte = 0, 255 do
            local character = string.char(byte)
            local digit = character:find("^%x$") ~= nil
            assert.equal(digit, base.hex_decode(character .. "0") ~= nil, byte)
            assert.equal(digit, base.hex_decode("0" .. character) ~= nil, byte)
            assert.equal(digit, base.hex_decode("0000" .. character .. "00000") ~= nil, byte)
        end
    end)

    it("decodes and refuses alike wherever a character stands in a longer text", function()
        local text = ("0123456789abcdefABCDEF9876543210"):rep(2) .. "fe" -- two stretches of 32, and more
        local function slow(hex)
            if not hex:find("^[%x]*$") then return nil end
            return (hex:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
        end
        for at = 1, #text do
            for byte = 0, 255 do
                local changed = text:sub(1, at - 1) .. string.char(byte) .. text:sub(at + 1)
                assert.equal(slow(changed), base.hex_decode(changed), at .. " " .. byte)
            end
        end
        for len = 0, #text, 2 do assert.equal(slow(text:sub(1, len)), base.hex_decode(text:sub(1, len))) end
    end)

    it("refuses an odd length", function()
        assert.is_nil(base.hex_decode("0"))
        assert.is_nil(base.hex_decode("abc"))
    end)
end)

describe("buffer", function()
    it("writes numbers in both orders, framed bytes, text, hex and zeros", function()
        assert.equal("\1\2\3\4\5\6\7\8\9\10\11\12\13\14\15", base.write({
            { "u8", 1 }, { "be16", 0x0203 }, { "be32", 0x04050607 }, { "be64", 0x08090a0b0c0d0e0f },
        }))
        assert.equal("\3\2\7\6\5\4\15\14\13\12\11\10\9\8", base.write({
            { "le16", 0x0203 }, { "le32", 0x04050607 }, { "le64", 0x08090a0b0c0d0e0f },
        }))
        assert.equal("\0\0\0\3abc\0\0\0\0text00ff\0\0raw", base.write({
            { "lp", "abc" }, { "lp", "" }, { "text", "text" }, { "hex", "\0\xff" }, { "zeros", 2 }, { "raw", "raw" },
            { "hex", "" }, { "zeros", 0 }, { "raw", "" },
        }))
    end)

    it("grows over many appends", function()
        local list, expected = {}, {}
        for i = 1, 3000 do list[i], expected[i] = { "be16", i }, string.pack(">I2", i) end
        assert.equal(table.concat(expected), base.write(list))
    end)

    it("reports a failed allocation once, at the end", function()
        for nth = 1, 3 do
            fault.arm("allocation", "error", nth)
            local ok, reason = pcall(base.write, { { "zeros", 200 }, { "zeros", 200 }, { "zeros", 1000 }, { "u8", 1 } })
            fault.clear()
            assert.is_false(ok)
            assert.equal("OUT_OF_MEMORY", reason.error)
        end
    end)

    it("reserves what the next appends need, and refuses sizes that cannot be", function()
        local error, failed, capacity = base.reserve(0, 1)
        assert.same({ "OK", false, 256 }, { error, failed, capacity })
        error, failed, capacity = base.reserve(200, 57)
        assert.same({ "OK", false, 512 }, { error, failed, capacity })
        for _, extra in ipairs({ math.maxinteger, -1, math.mininteger }) do
            error, failed = base.reserve(1, extra)
            assert.same({ "OUT_OF_MEMORY", true }, { error, failed })
        end
    end)

    it("wipes what it clears", function()
        assert.is_true(base.wiped(("secret"):rep(20)))
    end)
end)

describe("reader", function()
    it("reads what a buffer wrote", function()
        local bytes = base.write({
            { "u8", 200 }, { "be16", 65535 }, { "be32", 4294967295 }, { "be64", -1 },
            { "le16", 258 }, { "le32", 16909060 }, { "le64", 72623859790382856 }, { "lp", "abc" }, { "lp", "" },
        })
        local values, left, failed, done =
            base.read(bytes, { "u8", "be16", "be32", "be64", "le16", "le32", "le64", "lp", "lp" })
        assert.same({ 200, 65535, 4294967295, -1, 258, 16909060, 72623859790382856, "abc", "" }, values)
        assert.same({ 0, false, true }, { left, failed, done })
    end)

    it("yields zeros past the end, and stays failed", function()
        for kind, width in pairs({ u8 = 1, be16 = 2, be32 = 4, be64 = 8, le16 = 2, le32 = 4, le64 = 8 }) do
            local values, left, failed, done = base.read(("\xff"):rep(width - 1), { kind, "u8" })
            assert.same({ 0, 0 }, values)
            assert.same({ width - 1, true, false }, { left, failed, done })
        end
    end)

    it("refuses a frame that is longer than what follows", function()
        for _, bytes in ipairs({ "", "\0\0\0", "\0\0\0\1", "\0\0\0\4abc", "\xff\xff\xff\xffabc" }) do
            local values, _, failed, done = base.read(bytes, { "lp" })
            assert.same({ false }, values)
            assert.same({ true, false }, { failed, done })
        end
    end)

    it("is not done while bytes are left, and done at once over nothing", function()
        local _, left, failed, done = base.read("ab", { "u8" })
        assert.same({ 1, false, false }, { left, failed, done })
        _, left, failed, done = base.read("", {})
        assert.same({ 0, false, true }, { left, failed, done })
    end)
end)
