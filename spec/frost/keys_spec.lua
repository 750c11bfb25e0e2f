--- Key packages and public packages: even-Y, tweak, the check of their degree (frost 4, D-041, D-140).
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local frost, test, curve = signer.frost, signer.test_frost, signer.test_curve
local bytes, hex = vectors.bytes, vectors.hex

local function fails_with(name, action)
    local ok, err = pcall(action)
    assert.is_false(ok)
    assert.equal(name, type(err) == "table" and err.error or err)
end

local cases = vectors.load("frost/signing").cases

--- A case by the parity of its stored key.
local function stored(parity)
    for _, case in ipairs(cases) do
        if case.parity.stored_key == parity then return case end
    end
end

describe("identifiers", function()
    it("are members as 32 bytes, and back", function()
        assert.equal(("\0"):rep(30) .. "\1\2", frost.identifier(258))
        assert.equal(258, frost.member(frost.identifier(258)))
        assert.equal(65535, frost.member(frost.identifier(65535)))
        assert.is_nil(frost.member(("\0"):rep(29) .. "\1\0\0"))
    end)

    it("are never zero, nor the group order or above", function()
        fails_with("FROST_FIELD", function() frost.identifier(0) end)
        fails_with("FROST_FIELD", function() frost.identifier(("\0"):rep(32)) end)
        fails_with("FROST_FIELD", function() frost.identifier(("\255"):rep(32)) end)
        fails_with("FROST_FIELD", function() frost.identifier(65536) end)
    end)
end)

describe("a key package", function()
    local key = bytes(stored("even").signers[1].key_package)

    it("is one encoding", function()
        assert.equal(hex(key), hex(test.parse_key_package(key)))
        local fields = test.key_package(key)
        assert.equal(hex(key), hex(test.make_key_package(fields.identifier, fields.signing_share, fields.verifying_share,
            fields.verifying_key, fields.min_signers)))
    end)

    it("D-041 is refused when its share does not belong to its verifying share", function()
        local fields = test.key_package(key)
        local other = test.make_key_package(1, curve.add(fields.signing_share, ("\0"):rep(31) .. "\1"), fields.verifying_share,
            fields.verifying_key, 2)
        assert.is_string(test.parse_key_package(other))
        fails_with("FROST_INCORRECT_PACKAGE", function() test.key_package(other) end)
    end)

    it("stays as it is when the group key has even Y, whatever the share's parity", function()
        for _, signer_of in ipairs(stored("even").signers) do
            assert.equal(signer_of.key_package, hex(test.key_package_even_y(bytes(signer_of.key_package))))
        end
    end)

    it("is negated in every linear field when the group key has odd Y", function()
        for _, signer_of in ipairs(stored("odd").signers) do
            local before = test.key_package(bytes(signer_of.key_package))
            local after = test.key_package(test.key_package_even_y(bytes(signer_of.key_package)))
            assert.equal(curve.negate(before.signing_share), after.signing_share)
            assert.equal(curve.point_negate(before.verifying_share), after.verifying_share)
            assert.equal("\2" .. before.verifying_key:sub(2), after.verifying_key)
            assert.equal(before.identifier, after.identifier)
        end
    end)

    it("is tweaked on its even form: key, share and verifying share by the same value", function()
        for _, parity in ipairs { "even", "odd" } do
            for _, root in ipairs { false, ("\7"):rep(32) } do
                local raw = bytes(stored(parity).signers[1].key_package)
                local even = test.key_package(test.key_package_even_y(raw))
                local t = curve.reduce(signer.curve.tagged_hash("TapTweak", even.verifying_key:sub(2) .. (root or "")))
                local after = test.key_package(test.key_package_tweak(raw, root or nil))
                assert.equal(curve.add(even.signing_share, t), after.signing_share)
                assert.equal(hex(curve.point_add(even.verifying_key, curve.mul_base(t))), hex(after.verifying_key))
                assert.equal(hex(curve.point_add(even.verifying_share, curve.mul_base(t))), hex(after.verifying_share))
            end
        end
    end)
end)

describe("a public package", function()
    it("follows its key packages through even-Y and tweak", function()
        for _, case in ipairs(cases) do
            local root = case.root and bytes(case.root)
            local keys = frost.public_package(bytes(case.public_package))
            local even = test.public_even_y(keys)
            local tweaked = test.public_tweak(keys, root)
            for _, s in ipairs(case.signers) do
                local key = test.key_package(test.key_package_even_y(bytes(s.key_package)))
                assert.equal(hex(key.verifying_share), hex(even:share(s.member)))
                assert.equal(hex(key.verifying_key), hex(even:key()))
                key = test.key_package(test.key_package_tweak(bytes(s.key_package), root))
                assert.equal(hex(key.verifying_share), hex(tweaked:share(s.member)))
                assert.equal(hex(key.verifying_key), hex(tweaked:key()))
            end
        end
    end)

    it("is assembled sorted, from a full key or its x", function()
        local keys = frost.public_package(bytes(stored("even").public_package))
        local list = {}
        for _, identifier in ipairs(keys:identifiers()) do
            table.insert(list, 1, { identifier, keys:share(identifier) })
        end
        assert.equal(hex(keys:encode()), hex(frost.make_public_package(list, keys:key(), keys:min_signers()):encode()))
        assert.equal(hex(keys:encode()), hex(frost.make_public_package(list, keys:key():sub(2), keys:min_signers()):encode()))
        list[2] = list[1]
        fails_with("FROST_DUPLICATED_IDENTIFIER", function() frost.make_public_package(list, keys:key()) end)
        fails_with("FROST_IDENTIFIER_COUNT", function() frost.make_public_package({}, keys:key()) end)
    end)

    it("knows no share of a stranger", function()
        assert.is_nil(frost.public_package(bytes(stored("even").public_package)):share(999))
    end)
end)

describe("D-140 the check of the degree", function()
    local function rebuilt(keys, change, key)
        local list = {}
        for i, identifier in ipairs(keys:identifiers()) do list[i] = { identifier, keys:share(identifier) } end
        if change then list[change][2] = curve.point_add(list[change][2], curve.mul_base(("\1"):rep(32))) end
        return frost.make_public_package(list, key or keys:key())
    end

    for _, case in ipairs(vectors.load("frost/dkg_seeded").cases) do
        local keys = frost.public_package(bytes(case.public_package))
        local t, n = math.tointeger(case.min_signers), #case.members

        it(("accepts %d of %d with its threshold"):format(t, n), function()
            keys:check_degree(t)
        end)

        it(("refuses %d of %d under a lower threshold, accepts a higher one"):format(t, n), function()
            fails_with("FROST_INCORRECT_PACKAGE", function() keys:check_degree(t - 1) end)
            keys:check_degree(n)
        end)

        it(("refuses %d of %d with any one share or the key changed"):format(t, n), function()
            for i = 1, n do
                fails_with("FROST_INCORRECT_PACKAGE", function() rebuilt(keys, i):check_degree(t) end)
            end
            for _, key in ipairs { curve.mul_base(("\1"):rep(32)), curve.point_negate(keys:key()) } do
                fails_with("FROST_INCORRECT_PACKAGE", function() rebuilt(keys, nil, key):check_degree(t) end)
            end
        end)

        it(("refuses thresholds outside %d shares"):format(n), function()
            fails_with("FROST_MIN_SIGNERS", function() keys:check_degree(0) end)
            fails_with("FROST_MIN_SIGNERS", function() keys:check_degree(n + 1) end)
        end)
    end
end)
