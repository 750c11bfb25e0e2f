local fake = require("spec.support.fake_keys")
local roster = require("tbtc_signer.node.roster")

describe("a roster", function()
    it("D-156 sorts its members, and its digest covers every key but no socket", function()
        local value = fake.roster(3)
        value.members[1], value.members[3] = value.members[3], value.members[1]
        local first = assert(roster.new(value, fake.sha256))
        assert.same({ 1, 2, 3 }, first:numbers())
        value.members[2].socket = "/somewhere"
        assert.equal(first.digest, roster.new(value, fake.sha256).digest)
        value.members[2].sealing_key = ("ab"):rep(32)
        assert.not_equal(first.digest, roster.new(value, fake.sha256).digest)
    end)

    local function refused(change, pattern)
        local value = fake.roster(3)
        change(value)
        local group, problem = roster.new(value, fake.sha256)
        assert.is_nil(group)
        assert.matches(pattern, problem)
    end

    it("D-160 refuses two nodes with one key", function()
        refused(function(value) value.members[2].signing_key = value.members[1].signing_key end, "share a key")
        refused(function(value) value.members[2].signing_key = value.members[3].sealing_key end, "share a key")
    end)

    it("refuses a wrong schema, number, key form, and too few members", function()
        refused(function(value) value.schema = "other" end, "schema")
        refused(function(value) value.members[2].member = 0 end, "1..65535")
        refused(function(value) value.members[2].member = 1 end, "listed twice")
        refused(function(value) value.members[2].sealing_key = "00" end, "64 hex")
        refused(function(value) value.members = { value.members[1] } end, "2 to 256")
    end)
end)
