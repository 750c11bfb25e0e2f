-- Marker texts and the heartbeat digest: interactive-session 5 and 23, policy 5.6.
local vectors = require("spec.support.vectors")
local roast = require("tbtc_signer").roast

local attempt = ("a"):rep(64)
local message = ("\x42"):rep(32)
local root = ("\x11"):rep(32)
local package = vectors.bytes("000102030405060708090a0b0c0d0e0f")

describe("marker", function()
    it("int 5 writes a consumed marker by member and attempt", function()
        assert.equal("m7@" .. attempt, roast.consumed_marker(7, attempt))
        assert.equal("m65535@" .. attempt, roast.consumed_marker(65535, attempt))
    end)

    it("R2-18, int 5 knows the consumed forms that are honoured on read", function()
        assert.equal("m7@" .. attempt .. "@v2", roast.consumed_marker(7, attempt, "v2"))
        assert.equal(attempt, roast.consumed_marker(7, attempt, "bare"))
    end)

    it("int 5 writes an aggregated marker by attempt, message and root", function()
        local digest = roast.message_digest(message)
        local text = attempt .. "@425ed4e4a36b30ea21b90e21c712c649e8214c29b7eaf68089d1039c6e55384c"
        assert.equal(text .. "@keypath", roast.aggregated_marker(attempt, digest))
        assert.equal(text .. "@" .. ("11"):rep(32), roast.aggregated_marker(attempt, digest, root))
        assert.equal(text, roast.aggregated_marker(attempt, digest, root, "digest"))
        assert.equal(attempt, roast.aggregated_marker(attempt, digest, nil, "bare"))
    end)

    it("int 23 hashes an authorization of attempt, root and package", function()
        assert.equal("f78c2d9822a78743595456ab2d506413e439325903d9e0e34043833d61c27f79",
            roast.authorization_marker(attempt, nil, package))
        assert.equal("628ab40bb39faadfb19c602bfec9bd3b4f29616432a9ca542ab38cb517cac800",
            roast.authorization_marker(attempt, root, package))
    end)

    it("int 23 hashes a completed package", function()
        assert.equal("53b0a82a73ba5f644c2d0b3a00f6078ddd61edf30ad63f04f51229774f71fa9e",
            roast.completion_marker(nil, package))
        assert.equal("261e1e60c99d5727e6f5bbfa8cc6b4cf5ae652fbd5ccd02535b4827d9920078c",
            roast.completion_marker(root, package))
    end)

    it("int 23 gives the worked fingerprint and attempt id", function()
        local fingerprint = roast.fingerprint({ 1, 2, 3 })
        assert.equal("15238e6d62d215d581997c04d14e284fa74a2eca25a587e377d76c0e930f645f", fingerprint)
        assert.equal("a2051ece842296125f8693e363aa122de5eefc5a649237cebd48f87e34da90da", roast.attempt_id({
            session_id = "session-a",
            message_digest = roast.message_digest(message),
            attempt_number = 1,
            coordinator_identifier = 2,
            included_participants_fingerprint = fingerprint,
        }))
    end)
end)

describe("heartbeat", function()
    local function digest(hex)
        local bytes = roast.heartbeat_digest(vectors.bytes(hex))
        return bytes and vectors.hex(bytes)
    end

    it("HB-1 signs the double hash of its 16 bytes", function()
        assert.equal("38d30dacec5083c902952ce99fc0287659ad0b1ca2086827a8e78b0bef2c8bc1",
            digest("ffffffffffffffff0000000000000001"))
        assert.equal("a40335ded2ff941b0f305bd507913845f6a2d0847d68a02e08acaf347b6a3c8a",
            digest("ffffffffffffffff0123456789abcdef"))
    end)

    it("HB-2 is not the single hash", function()
        assert.equal("7e6f1ad0dcc726b7fd45df7373af64daa146e1635baac00b6fa80b031a101a47",
            vectors.hex(roast.message_digest(vectors.bytes("ffffffffffffffff0000000000000001"))))
    end)

    it("pol 5.6 is 16 bytes that begin with eight ff", function()
        for _, hex in ipairs({ "", "ffffffffffffffff", "ffffffffffffffff00000000000000", "ffffffffffffffff000000000000000100",
            "fffffffffffffffe0000000000000001", "00ffffffffffffff0000000000000001" }) do
            assert.is_nil(digest(hex))
        end
    end)
end)
