--- Hashes of the ciphersuite, and the RFC 9591 suite through the same functions.
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local curve = signer.curve
local bytes, hex = vectors.bytes, vectors.hex

describe("hashes of the ciphersuite", function()
    local file = vectors.load("frost/hashes")

    it("expand messages under every tag", function()
        for _, case in ipairs(file.cases) do
            for tag, expected in pairs(case.expand_48) do
                assert.equal(expected, hex(curve.expand_48(file.context .. tag, bytes(case.message))))
            end
        end
    end)

    it("give H1, H3, HDKG and HID", function()
        for _, case in ipairs(file.cases) do
            for name, tag in pairs { H1 = "rho", H3 = "nonce", HDKG = "dkg", HID = "id" } do
                assert.equal(case[name], hex(curve.hash_to_scalar(file.context .. tag, bytes(case.message))))
            end
        end
    end)

    it("give H2 as the tagged challenge reduced, H4 and H5 as plain prefixes", function()
        for _, case in ipairs(file.cases) do
            local message = bytes(case.message)
            assert.equal(case.H2, hex(signer.test_curve.reduce(curve.tagged_hash("BIP0340/challenge", message))))
            assert.equal(case.H4, hex(curve.sha256(file.context .. "msg" .. message)))
            assert.equal(case.H5, hex(curve.sha256(file.context .. "com" .. message)))
        end
    end)
end)

describe("RFC 9591, secp256k1", function()
    local file = vectors.load("rfc9591/secp256k1")

    it("nonces and binding factors come out under its context", function()
        for _, s in ipairs(file.signers) do
            local share
            for _, entry in ipairs(file.shares) do if entry.member == s.member then share = bytes(entry.share) end end
            assert.equal(s.hiding, hex(curve.hash_to_scalar(file.context .. "nonce", bytes(s.hiding_random) .. share)))
            assert.equal(s.binding, hex(curve.hash_to_scalar(file.context .. "nonce", bytes(s.binding_random) .. share)))
            assert.equal(s.binding_factor, hex(curve.hash_to_scalar(file.context .. "rho", bytes(s.binding_factor_input))))
            assert.equal(s.hiding_commitment, hex(signer.test_curve.mul_base(bytes(s.hiding))))
        end
    end)

    it("the binding factor input is made of H4 and H5", function()
        local encoded = ""
        for _, s in ipairs(file.signers) do
            encoded = encoded .. signer.frost.identifier(s.member) .. bytes(s.hiding_commitment) .. bytes(s.binding_commitment)
        end
        for _, s in ipairs(file.signers) do
            local input = bytes(file.group_key) .. curve.sha256(file.context .. "msg" .. bytes(file.message))
                .. curve.sha256(file.context .. "com" .. encoded) .. signer.frost.identifier(s.member)
            assert.equal(s.binding_factor_input, hex(input))
        end
    end)

    it("signature shares follow from its challenge and our Lagrange factors", function()
        local t = signer.test_curve
        local members = {}
        for i, s in ipairs(file.signers) do members[i] = s.member end
        local factors = signer.frost.lagrange(members)
        local signature = bytes(file.signature)
        local challenge = curve.hash_to_scalar(file.context .. "chal",
            signature:sub(1, 33) .. bytes(file.group_key) .. bytes(file.message))
        local sum = ("\0"):rep(32)
        for i, s in ipairs(file.signers) do
            local share
            for _, entry in ipairs(file.shares) do if entry.member == s.member then share = bytes(entry.share) end end
            local nonce = t.add(bytes(s.hiding), t.mul(bytes(s.binding), bytes(s.binding_factor)))
            local z = t.add(nonce, t.mul(t.mul(factors[i], share), challenge))
            assert.equal(s.signature_share, hex(z))
            sum = t.add(sum, z)
        end
        assert.equal(hex(signature:sub(34)), hex(sum))
    end)
end)
