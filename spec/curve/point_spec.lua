--- Points with an explicit identity, over the library's public interface.
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local curve = signer.test_curve
local bytes, hex = vectors.bytes, vectors.hex

local IDENTITY = ""
local ZERO, ONE, TWO = ("\0"):rep(32), ("\0"):rep(31) .. "\1", ("\0"):rep(31) .. "\2"
local G = bytes("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
local TWICE_G = bytes("02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5")

local function scalar(name) return curve.reduce(signer.curve.sha256(name)) end

local function small(value) return ("\0"):rep(24) .. string.pack(">I8", value) end

describe("points", function()
    it("D-040 decode with prefix 02 or 03, x below p, on the curve", function()
        assert.is_true(signer.curve.is_point(G))
        for prefix = 0, 255 do
            local ok = prefix == 2 or prefix == 3
            assert.equal(ok, signer.curve.is_point(string.char(prefix) .. G:sub(2)), "prefix " .. prefix)
        end
        assert.is_false(signer.curve.is_point(bytes("02fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f")))
        assert.is_false(signer.curve.is_point(bytes("020000000000000000000000000000000000000000000000000000000000000005")))
        assert.is_false(signer.curve.is_point(bytes(vectors.load("frost/published_encodings").no_point)))
        assert.is_false(signer.curve.is_point(G:sub(1, 32)))
    end)

    it("lift an x to the even point", function()
        assert.equal(hex(G), hex(curve.point_lift(G:sub(2))))
        assert.has_error(function() curve.point_lift(ZERO) end)
    end)

    it("multiply the generator, zero included", function()
        assert.equal(IDENTITY, curve.mul_base(ZERO))
        assert.equal(hex(G), hex(curve.mul_base(ONE)))
        assert.equal(hex(TWICE_G), hex(curve.mul_base(TWO)))
        for i = 1, 5 do
            local a = scalar("base " .. i)
            assert.equal(hex(curve.mul_base(a)), hex(curve.mul_public(a, G)))
        end
    end)

    it("add with the identity, doubles and opposites", function()
        local p = curve.mul_base(scalar("p"))
        assert.equal(p, curve.point_add(p, IDENTITY))
        assert.equal(p, curve.point_add(IDENTITY, p))
        assert.equal(IDENTITY, curve.point_add(IDENTITY, IDENTITY))
        assert.equal(IDENTITY, curve.point_add(p, curve.point_negate(p)))
        assert.equal(hex(TWICE_G), hex(curve.point_add(G, G)))
        assert.equal(IDENTITY, curve.mul_public(scalar("p"), IDENTITY))
        assert.equal(IDENTITY, curve.mul_public(ZERO, p))
    end)

    it("sum many terms as one by one", function()
        for _, count in ipairs { 0, 1, 2, 3, 7, 40, 127, 128, 129, 300 } do
            local terms, expected = {}, IDENTITY
            for i = 1, count do
                local factor = i % 3 ~= 0 and scalar("factor " .. i)
                local point = i % 5 ~= 0 and curve.mul_base(scalar("point " .. i))
                if i % 11 == 7 then point = IDENTITY end
                if i % 13 == 8 then factor = ZERO end
                terms[i] = { factor, point }
                expected = curve.point_add(expected, curve.mul_public(factor or ONE, point or G))
            end
            assert.equal(hex(expected), hex(curve.multi_mul(terms)), count .. " terms")
        end
    end)

    it("sum terms that cancel, repeat or double on the way", function()
        local a, p = scalar("a"), curve.mul_base(scalar("p"))
        local minus = curve.point_negate(p)
        assert.equal(IDENTITY, curve.multi_mul { { a, p }, { a, minus } })
        assert.equal(IDENTITY, curve.multi_mul { { a, p }, { curve.negate(a), p } })
        assert.equal(hex(curve.mul_public(TWO, p)), hex(curve.multi_mul { { false, p }, { false, p } }))
        local terms, expected = {}, IDENTITY
        for i = 1, 64 do
            terms[i] = { a, i % 4 == 0 and minus or p }
            expected = curve.point_add(expected, curve.mul_public(a, terms[i][2]))
        end
        assert.equal(hex(expected), hex(curve.multi_mul(terms)))
        local factors = { ONE, TWO, curve.negate(ONE), curve.negate(TWO) }
        for _, value in ipairs { 3, 15, 16, 255, 65535 } do factors[#factors + 1] = small(value) end
        for _, factor in ipairs(factors) do
            assert.equal(hex(curve.mul_public(factor, p)), hex(curve.multi_mul { { factor, p } }))
        end
    end)

    it("evaluate a polynomial in the exponent", function()
        for _, x in ipairs { ONE, TWO, small(3), small(100), small(65535), scalar("far") } do
            local points, expected, power = {}, IDENTITY, ONE
            for k = 1, 6 do
                points[k] = k == 4 and IDENTITY or curve.mul_base(scalar("coefficient " .. k))
                expected = curve.point_add(expected, curve.mul_public(power, points[k]))
                power = curve.mul(power, x)
            end
            assert.equal(hex(expected), hex(curve.horner(points, x)))
        end
        assert.equal(IDENTITY, curve.horner({}, TWO))
    end)

    it("pass through the identity inside a polynomial", function()
        local p = curve.mul_base(scalar("p"))
        -- 5 * p - 5p at x = 5, then the constant
        local points = { G, curve.mul_public(curve.negate(small(5)), p), p }
        assert.equal(hex(G), hex(curve.horner(points, small(5))))
    end)
end)
