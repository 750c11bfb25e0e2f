--- Byte formats: published encodings, refused encodings, and one encoding an object (frost 3, D-040).
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local frost, dkg = signer.frost, signer.dkg
local test, test_dkg = signer.test_frost, signer.test_dkg
local bytes, hex = vectors.bytes, vectors.hex

--- Decodes and encodes again, by kind.
local codecs = {
    key_package = test.parse_key_package,
    public_package = function(raw) return frost.public_package(raw):encode() end,
    commitments = function(raw) return frost.commitments(raw):bytes() end,
    signing_package = function(raw) return frost.signing_package(raw):encode() end,
    round1_package = function(raw) return dkg.round1_package(raw):encode() end,
    round2_package = function(raw) return "\0\x23\x0f\x8a\xb3" .. test_dkg.round2_share(raw) end,
    nonces = test.decode_nonces,
    signature_share = function(raw)
        if #raw ~= 32 or not signer.test_curve.is_scalar(raw) then error("no share") end
        return raw
    end,
}
codecs.public_package_with_min_signers = codecs.public_package

describe("published encodings", function()
    local file = vectors.load("frost/published_encodings")
    local value = {}
    for name, text in pairs(file.values) do value[name] = type(text) == "string" and bytes(text) or text end

    local function commitments()
        return frost.commitments("\0\x23\x0f\x8a\xb3" .. value.point .. value.second_point)
    end

    local made = {
        key_package = function()
            return test.make_key_package(value.identifier, value.scalar, value.point, value.point, value.min_signers)
        end,
        public_package = function()
            return frost.make_public_package({ { value.identifier, value.point } }, value.point):encode()
        end,
        public_package_with_min_signers = function()
            return frost.make_public_package({ { value.identifier, value.point } }, value.point, value.min_signers):encode()
        end,
        round1_package = function() return test_dkg.make_round1_package({ value.point }, value.proof):encode() end,
        signing_package = function()
            return frost.make_signing_package({ { value.identifier, commitments() } }, value.message):encode()
        end,
        commitments = function() return commitments():bytes() end,
        signature_share = function() return value.scalar end,
        round2_package = function() return "\0\x23\x0f\x8a\xb3" .. value.scalar end,
    }

    for _, object in ipairs(file.objects) do
        if made[object.kind] then
            it(object.kind .. " is made of its values and read back", function()
                assert.equal(object.hex, hex(made[object.kind]()))
                assert.equal(object.hex, hex(codecs[object.kind](bytes(object.hex))))
            end)
        end
    end

    it("a round-1 secret whose counts differ is refused, though its form is right", function()
        for _, object in ipairs(file.objects) do
            if object.kind == "round1_secret" then
                assert.has_error(function() test_dkg.round1_secret(bytes(object.hex)) end)
            end
        end
    end)
end)

describe("D-040 refuses", function()
    for _, case in ipairs(vectors.load("frost/decode_negative").cases) do
        it(case.kind .. ": " .. case.why, function()
            local ok, err = pcall(codecs[case.kind], bytes(case.hex))
            assert.is_false(ok)
            if type(err) == "table" then
                assert.truthy(({ FROST_DESERIALIZATION = 1, FROST_FIELD = 1, FROST_GROUP = 1 })[err.error], err.error)
            end
        end)
    end

    it("varints in longer form, and numbers above u16", function()
        local key = bytes(vectors.load("frost/signing").cases[1].signers[1].key_package)
        for _, case in ipairs(vectors.load("frost/hashes").varints) do
            local raw = key:sub(1, 135) .. bytes(case.hex)
            assert.equal(hex(raw), hex(test.parse_key_package(raw)))
            local longer = raw:sub(1, -2) .. string.char(raw:byte(-1) | 0x80) .. "\0"
            assert.has_error(function() test.parse_key_package(longer) end)
        end
        assert.has_error(function() test.parse_key_package(key:sub(1, 135) .. "\x80\x80\x04") end)
        assert.has_error(function() test.parse_key_package(key:sub(1, 135) .. "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01") end)
    end)

    it("a public package with min_signers zero or with none of its shares", function()
        local keys = frost.public_package(bytes(vectors.load("frost/signing").cases[1].public_package))
        local raw = keys:encode()
        assert.has_error(function() frost.public_package(raw:sub(1, -2) .. "\0") end)
        assert.has_error(function() frost.public_package("\0\x23\x0f\x8a\xb3\0" .. keys:key()) end)
    end)

    it("frost 3.4 a public package answers with what is wrong first in its bytes, of points too", function()
        local raw = frost.public_package(bytes(vectors.load("frost/dkg_seeded").cases[1].public_package)):encode()
        local count = raw:byte(6)
        local function point(entry) return 7 + 65 * entry + 32 end
        local function refusal(...)
            local changed = raw
            for _, at in ipairs({ ... }) do changed = changed:sub(1, at - 1) .. "\7" .. changed:sub(at + 1) end
            local ok, err = pcall(frost.public_package, changed)
            return not ok and err.error
        end
        for entry = 0, count do assert.equal("FROST_GROUP", refusal(point(entry) - (entry == count and 32 or 0))) end
        local order = 7 + 65 -- the second identifier becomes the largest
        assert.equal("FROST_DESERIALIZATION", refusal(order))
        assert.equal("FROST_GROUP", refusal(order, point(0)))
        assert.equal("FROST_GROUP", refusal(order, point(1)))
        assert.equal("FROST_DESERIALIZATION", refusal(order, point(count) - 32))
    end)

    it("a proof of possession whose R is no x of a point, or whose z is no scalar", function()
        local raw = bytes(vectors.load("frost/dkg_seeded").cases[1].participants[1].round1_package)
        assert.equal(hex(raw), hex(dkg.round1_package(raw):encode()))
        local function refusal(r, z)
            local ok, err = pcall(dkg.round1_package, raw:sub(1, -65) .. (r or raw:sub(-64, -33)) .. (z or raw:sub(-32)))
            assert.is_false(ok)
            return err.error
        end
        assert.equal("FROST_GROUP", refusal(("\0"):rep(31) .. "\5"))
        assert.equal("FROST_GROUP", refusal(("\255"):rep(32)))
        assert.equal("FROST_FIELD", refusal(nil, ("\255"):rep(32)))
    end)

    it("counts that the bytes cannot hold, however large", function()
        for _, count in ipairs { "\x7f", "\xff\xff\xff\xff\x0f", "\xff\xff\xff\xff\x7f", "\x80\x80\x80\x80\x80\x80\x01" } do
            for _, kind in ipairs { "public_package", "signing_package", "round1_package" } do
                assert.has_error(function() codecs[kind]("\0\x23\x0f\x8a\xb3" .. count .. ("\0"):rep(200)) end)
            end
        end
    end)
end)

describe("every accepted byte string", function()
    local case = vectors.load("frost/signing").cases[1]
    local run = vectors.load("frost/dkg_seeded").cases[1]
    local samples = {
        key_package = case.signers[1].key_package,
        public_package = case.public_package,
        public_package_with_min_signers = run.public_package,
        commitments = case.signers[1].commitments,
        signing_package = case.signing_package,
        round1_package = run.participants[1].round1_package,
        round2_package = run.participants[1].round2_packages[1].hex,
        nonces = case.signers[1].nonces,
    }

    for kind, text in pairs(samples) do
        local raw, codec = bytes(text), codecs[kind]

        it("of a " .. kind .. " is its own encoding: one bit changed anywhere", function()
            assert.equal(text, hex(codec(raw)))
            for at = 1, #raw do
                for _, bit in ipairs { 1, 2, 4, 128 } do
                    local changed = raw:sub(1, at - 1) .. string.char(raw:byte(at) ~ bit) .. raw:sub(at + 1)
                    local ok, again = pcall(codec, changed)
                    if ok then assert.equal(hex(changed), hex(again)) end
                end
            end
        end)

        it("of a " .. kind .. " has its full length", function()
            for len = 0, #raw - 1 do
                local ok, again = pcall(codec, raw:sub(1, len))
                -- a public package may end before min_signers
                if ok then assert.equal(hex(raw:sub(1, len)), hex(again)) end
                assert.is_true(not ok or kind:find("^public") ~= nil)
            end
            assert.has_error(function() codec(raw .. "\0") end)
        end)
    end
end)
