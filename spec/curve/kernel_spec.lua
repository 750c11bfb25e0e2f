--- The kernel for public points, compared with arithmetic in Lua and with the library.
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local kernel, curve, fault = signer.test_kernel, signer.test_curve, signer.test_fault
local bytes, hex = vectors.bytes, vectors.hex

local P = bytes("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f")
local ZERO, ONE, TOP = ("\0"):rep(32), ("\0"):rep(31) .. "\1", ("\255"):rep(32)
local IDENTITY = ""

-- Plain arithmetic modulo p on eight 32-bit limbs, least first.
local function limbs_of(raw)
    local out = {}
    for i = 1, 8 do out[i] = string.unpack(">I4", raw, 33 - 4 * i) end
    return out
end

local function raw_of(limbs)
    local parts = {}
    for i = 1, 8 do parts[i] = string.pack(">I4", limbs[9 - i]) end
    return table.concat(parts)
end

local MODULUS = limbs_of(P)

local function subtract_if_larger(a, carry)
    local out, borrow = {}, 0
    for i = 1, 8 do
        local value = a[i] - MODULUS[i] - borrow
        borrow = value < 0 and 1 or 0
        out[i] = value & 0xffffffff
    end
    return (carry == 1 or borrow == 0) and out or a
end

local function plain_add(a, b)
    local out, carry = {}, 0
    for i = 1, 8 do
        local value = a[i] + b[i] + carry
        out[i], carry = value & 0xffffffff, value >> 32
    end
    return subtract_if_larger(out, carry)
end

local function plain_mul(a, b)
    local sum = limbs_of(ZERO)
    for i = 8, 1, -1 do
        for bit = 31, 0, -1 do
            sum = plain_add(sum, sum)
            if b[i] >> bit & 1 == 1 then sum = plain_add(sum, a) end
        end
    end
    return sum
end

local function below_p(raw) return subtract_if_larger(limbs_of(raw), 0) end

--- Values at the edges: around 0, p and 2^256, sparse ones, and hashes.
local function samples()
    local list = { ZERO, ONE, P, TOP }
    for _, text in ipairs {
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2e",
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30",
        "00000000000000000000000000000000000000000000000000000001000003d0",
        "00000000000000000000000000000000000000000000000000000001000003d1",
        "00000000000000000000000000000000000000000000000000000001000003d2",
        "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffe",
        "8000000000000000000000000000000000000000000000000000000000000000",
        "ffffffffffffffff0000000000000000ffffffffffffffff0000000000000000",
        "0000000000000000ffffffffffffffff0000000000000000ffffffffffffffff",
    } do list[#list + 1] = bytes(text) end
    for i = 1, 6 do list[#list + 1] = signer.curve.sha256("field " .. i) end
    return list
end

describe("the field", function()
    local list = samples()

    it("brings every representative below p", function()
        for _, a in ipairs(list) do
            assert.equal(hex(raw_of(below_p(a))), hex(kernel.encode(a)))
            assert.equal(raw_of(below_p(a)) == ZERO, kernel.is_zero(a))
        end
    end)

    it("adds and subtracts, representatives above p included", function()
        for _, a in ipairs(list) do
            for _, b in ipairs(list) do
                local sum = raw_of(plain_add(below_p(a), below_p(b)))
                assert.equal(hex(sum), hex(kernel.encode(kernel.add(a, b))))
                assert.equal(hex(raw_of(below_p(a))), hex(kernel.encode(kernel.sub(kernel.add(a, b), b))))
                assert.equal(hex(raw_of(below_p(a))), hex(kernel.encode(kernel.add(kernel.sub(a, b), b))))
            end
        end
    end)

    it("multiplies, representatives above p included", function()
        for i, a in ipairs(list) do
            for j = i, #list do
                local product = raw_of(plain_mul(below_p(a), below_p(list[j])))
                assert.equal(hex(product), hex(kernel.encode(kernel.mul(a, list[j]))))
                assert.equal(hex(product), hex(kernel.encode(kernel.mul(list[j], a))))
            end
        end
    end)

    it("inverts, zero to zero", function()
        for _, a in ipairs(list) do
            local expected = kernel.is_zero(a) and ZERO or ONE
            assert.equal(hex(expected), hex(kernel.encode(kernel.mul(a, kernel.inverse(a)))))
        end
        assert.is_true(kernel.is_zero(kernel.inverse(P)))
    end)
end)

local function scalar(name) return curve.reduce(signer.curve.sha256(name)) end

--- The same sum by the library's functions.
local function by_library(terms)
    local sum = IDENTITY
    for _, term in ipairs(terms) do
        local point = term[2] or curve.mul_base(ONE)
        sum = curve.point_add(sum, curve.mul_public(term[1] or ONE, point))
    end
    return sum
end

-- A build with SIGNER_NO_KERNEL has none.
local sums = kernel.name() == "library" and pending or describe

sums("sums of the kernel", function()
    local LAMBDA = bytes("5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72")

    it("agree with the library for every factor at an edge", function()
        local p = curve.mul_base(scalar("p"))
        local factors = { ZERO, ONE, LAMBDA, curve.negate(LAMBDA), curve.mul(LAMBDA, LAMBDA) }
        for bit = 0, 255, 5 do
            factors[#factors + 1] = curve.reduce(("\0"):rep(31 - bit // 8) .. string.char(1 << bit % 8) .. ("\0"):rep(bit // 8))
        end
        for i = 1, 40 do factors[#factors + 1] = scalar("factor " .. i) end
        for _, factor in ipairs(factors) do
            for _, value in ipairs { factor, curve.negate(factor), curve.add(factor, ONE) } do
                assert.equal(hex(by_library { { value, p } }), hex(kernel.multi_mul { { value, p } }))
            end
        end
    end)

    it("agree with the library across passes, with identities, ones, repeats and opposites among the terms", function()
        local p = curve.mul_base(scalar("p"))
        for _, count in ipairs { 0, 1, 2, 3, 5, 63, 64, 65, 130 } do
            local terms = {}
            for i = 1, count do
                local factor, point = scalar("factor " .. i), curve.mul_base(scalar("point " .. i))
                if i % 4 == 0 then factor = false end
                if i % 7 == 0 then point = false end
                if i % 9 == 0 then point = IDENTITY end
                if i % 10 == 0 then point, factor = p, scalar("same") end
                if i % 11 == 0 then point, factor = curve.point_negate(p), scalar("same") end
                if i % 13 == 0 then factor = ZERO end
                terms[i] = { factor, point }
            end
            assert.equal(hex(by_library(terms)), hex(kernel.multi_mul(terms)), count .. " terms")
        end
    end)

    it("meet equal and opposite points inside the chain", function()
        local p = curve.mul_base(scalar("p"))
        local twice, minus = curve.point_add(p, p), curve.point_negate(p)
        local lambda_p = curve.mul_public(LAMBDA, p)
        local a = scalar("a")
        for _, terms in ipairs {
            { { a, p }, { a, p } },
            { { a, p }, { a, minus } },
            { { a, p }, { curve.negate(a), p } },
            { { a, twice }, { curve.negate(curve.add(a, a)), p } },
            { { false, p }, { false, p }, { false, twice } },
            { { false, p }, { false, minus }, { a, p } },
            { { LAMBDA, p }, { curve.negate(ONE), lambda_p } },
            { { a, lambda_p }, { curve.negate(curve.mul(a, LAMBDA)), p } },
            { { a, false }, { curve.negate(a), false }, { false, p } },
        } do
            assert.equal(hex(by_library(terms)), hex(kernel.multi_mul(terms)))
        end
    end)

    it("of a polynomial agree with the library for every small x", function()
        local points, factors = {}, {}
        for k = 1, 9 do points[k] = k == 5 and IDENTITY or curve.mul_base(scalar("coefficient " .. k)) end
        for x = 0, 40 do factors[#factors + 1] = x end
        for _, x in ipairs { 99, 100, 127, 128, 129, 255, 256, 341, 682, 65535, 65536, 0xfffffffe, 0xffffffff } do
            factors[#factors + 1] = x
        end
        for _, x in ipairs(factors) do
            local terms, power = {}, ONE
            for k = 1, #points do
                terms[k] = { power, points[k] }
                power = curve.mul(power, ("\0"):rep(24) .. string.pack(">I8", x))
            end
            assert.equal(hex(by_library(terms)), hex(kernel.horner(points, x)), "x = " .. x)
        end
        assert.equal(IDENTITY, kernel.horner({}, 3))
    end)

    it("of a polynomial pass through the identity and through equal points", function()
        local p = curve.mul_base(scalar("p"))
        for _, x in ipairs { 1, 2, 3, 5, 6, 7, 100 } do
            local xp = curve.mul_public(("\0"):rep(24) .. string.pack(">I8", x), p)
            assert.equal(hex(curve.mul_base(ONE)), hex(kernel.horner({ curve.mul_base(ONE), curve.point_negate(xp), p }, x)))
            assert.equal(hex(curve.point_add(xp, xp)), hex(kernel.horner({ xp, p }, x)))
        end
    end)

    it("come from the library when there is no memory for the kernel", function()
        local terms = { { scalar("a"), curve.mul_base(scalar("p")) }, { scalar("b"), false } }
        local expected = by_library(terms)
        fault.arm("allocation", "error", 1, true)
        local alone, whole = kernel.multi_mul(terms), curve.multi_mul(terms)
        fault.clear()
        assert.is_nil(alone)
        assert.equal(hex(expected), hex(whole))
    end)
end)
