-- Members with real engines, real node keys and sealed packages; the relay in between may lie.
local signer = require("tbtc_signer")
local files = require("spec.support.files")
local ceremony = require("tbtc_signer.node.ceremony")
local hex = require("tbtc_signer.hex")
local roster = require("tbtc_signer.node.roster")

local crypto = {
    sha256 = signer.curve.sha256,
    verify = function(key, digest, signature) return #signature == 64 and signer.node_keys.verify(digest, signature, key) end,
}

local SIZE = 3

describe("a key generation behind a relay", function()
    local folder, engines, keys, group

    before_each(function()
        folder = files.folder()
        engines, keys = {}, {}
        local members = {}
        for member = 1, SIZE do
            engines[member] = signer.engine({ environment = {
                TBTC_SIGNER_PROFILE = "development",
                TBTC_SIGNER_STATE_PATH = ("%s/state-%d"):format(folder, member),
                TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("5a"):rep(32),
            } })
            keys[member] = signer.node_keys.create(engines[member], ("%s/keys-%d"):format(folder, member))
            local public = keys[member]:public()
            members[member] = { member = member, sealing_key = public.sealing, signing_key = public.signing }
        end
        group = assert(roster.new({ schema = roster.SCHEMA, members = members }, crypto.sha256))
    end)

    after_each(function()
        for member = 1, SIZE do
            keys[member]:close()
            engines[member]:close(false)
        end
        files.remove(folder)
    end)

    local function new_run(member, run_id)
        return assert(ceremony.new({
            engine = engines[member], keys = keys[member], crypto = crypto, roster = group, member = member,
            run_id = run_id or "run", threshold = 2, session_id = "wallet",
        }))
    end

    local function until_views(twist)
        local runs, packages, statements, boxes = {}, {}, {}, {}
        for member = 1, SIZE do
            runs[member] = new_run(member)
            packages[member] = assert(runs[member]:begin())
        end
        for member = 1, SIZE do
            local reply, problem = runs[member]:round1(twist and twist(member, packages, runs) or packages)
            assert(reply, problem and problem.message)
            statements[member] = reply.view
            for _, box in ipairs(reply.sealed) do
                boxes[box.to] = boxes[box.to] or {}
                table.insert(boxes[box.to], { from = member, to = box.to, box_hex = box.box_hex })
            end
        end
        return runs, statements, boxes
    end

    it("ends with one key group in every store; no share was readable on the way", function()
        local runs, statements, boxes = until_views()
        local groups = {}
        for member = 1, SIZE do
            assert(runs[member]:views(statements))
            local reply, problem = runs[member]:round2(boxes[member])
            assert(reply, problem and problem.message)
            groups[reply.key_group] = true
        end
        assert.is_string(next(groups))
        assert.is_nil(next(groups, (next(groups))))
    end)

    it("D-018 refuses a box that was changed, swapped, repeated from another sender, or left out", function()
        for _, spoil in ipairs({
            function(list) list[1].box_hex = list[1].box_hex:gsub("^..", function(b) return b == "00" and "01" or "00" end) end,
            function(list) list[1].box_hex, list[2].box_hex = list[2].box_hex, list[1].box_hex end,
            function(list) list[2] = { from = list[1].from, box_hex = list[1].box_hex } end,
            function(list) list[2] = nil end,
        }) do
            local runs, statements, boxes = until_views()
            assert(runs[1]:views(statements))
            spoil(boxes[1])
            local reply, problem = runs[1]:round2(boxes[1])
            assert.is_nil(reply)
            assert.is_string(problem.message)
        end
    end)

    it("names the member that shows two faces", function()
        local other
        local runs, statements = until_views(function(member, packages)
            if member ~= 3 then return packages end
            -- Member 2 makes and signs a second package, for member 3 alone.
            other = new_run(2)
            local second = assert(other:begin())
            return { packages[1], second, packages[3] }
        end)
        local _, problem = runs[1]:views(statements)
        assert.equal("dkg_views_differ", problem.code)
        local blame = runs[1]:blame({ runs[3]:entries() })
        assert.same({ "member", 2 }, { blame.culprit, blame.member })
        other:close()
    end)

    it("names the member whose share does not fit its commitments", function()
        local runs, statements, boxes = until_views()
        for member = 1, SIZE do assert(runs[member]:views(statements)) end
        -- Member 2 seals for member 1 a share of another polynomial.
        local function name(member) return ('"%064x"'):format(member) end
        local _, first = engines[2]:call("dkg_part1", { participant_identifier = name(2), max_signers = SIZE, min_signers = 2 })
        local reply, shares = engines[2]:call("dkg_part2", { secret_package_hex = "@1", round1_packages = {
            { identifier = name(1), package_hex = runs[1].own.package_hex },
            { identifier = name(3), package_hex = runs[3].own.package_hex },
        } }, first)
        local share = shares[tonumber(reply.packages[1].package_hex:sub(2))]
        local forged = keys[2]:seal(share, group:find(1).sealing_key,
            "tbtc-signer-dkg-round2/v1\0" .. runs[1].view_hash .. string.pack(">I2I2", 2, 1))
        for _, box in ipairs(boxes[1]) do if box.from == 2 then box.box_hex = hex.encode(forged) end end
        local _, problem = runs[1]:round2(boxes[1])
        assert.equal("validation_error", problem.code)
        assert.same({ ('"%064x"'):format(2) }, problem.culprits)
    end)
end)
