-- Round-1 packages are decoded once: what part 2 was given serves part 3 and the other seats of the node (frost 6.2, 6.3).
local engines = require("spec.support.engines")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local hex = vectors.hex

local function id(member) return ("\"%064x\""):format(member) end

describe("kept round-1 packages", function()
    local engine

    before_each(function() engine = engines.new() end)
    after_each(function()
        engine:close()
        engines.clean()
    end)

    local function info() return signer.test_kept.round1_packages(engine.raw) end

    it("serve part 3 and the other seats", function()
        local keys = engine:dkg(4, 3)
        assert.equal(4, #keys)
        local seen = info()
        assert.same({ 4, 4, 4 * 3 - 4 + 4 * 3 }, { seen.count, seen.missed, seen.found })
    end)

    it("give what the bytes say: the same answers as without them, and no other bytes the kept package", function()
        local first, packages = {}, {}
        for member = 1, 3 do
            local reply = engine:must("dkg_part1",
                { participant_identifier = id(member), max_signers = 3, min_signers = 2 })
            first[member], packages[member] = reply.secret_package_hex, reply.package
        end
        local function part2(of, last)
            return of:call("dkg_part2", { secret_package_hex = first[1], round1_packages = {
                packages[2], { identifier = id(3), package_hex = last or packages[3].package_hex } } })
        end
        assert(part2(engine))
        local text = packages[3].package_hex
        for _, at in ipairs({ #text, #text - 70, 20, 1 }) do -- the proof's scalar and point, a commitment, the header
            local digit = ("%x"):format(tonumber(text:sub(at, at), 16) ~ 1)
            local changed = text:sub(1, at - 1) .. digit .. text:sub(at + 1)
            local reply, problem = part2(engine, changed)
            assert.is_nil(reply)
            local again = select(2, part2(engine, changed))
            assert.same(problem, again)
            assert.same({ id(3) }, problem.culprits)
        end
        assert(part2(engine)) -- the kept one did not change
    end)

    it("are bounded in bytes", function()
        local secret = engine:must("dkg_part1", { participant_identifier = id(1), max_signers = 255, min_signers = 255 })
        local points = signer.test_dkg.part1(2, 255, 255, signer.curve.sha256("other")):commitments()
        local most, dropped, last = info().bytes_max, false, 0
        for round = 1, 2 do
            local list = {}
            for member = 2, 255 do -- proofs that do not hold
                local proof = signer.test_dkg.part1(2, 2, 2, signer.curve.sha256(round .. " " .. member)):proof()
                list[#list + 1] = { identifier = id(member),
                    package_hex = hex(signer.test_dkg.make_round1_package(points, proof):encode()) }
            end
            engine:refuse("dkg_part2", { secret_package_hex = secret.secret_package_hex, round1_packages = list })
            local seen = info()
            assert.is_true(seen.bytes <= most and seen.bytes > 0)
            dropped, last = dropped or seen.bytes < last, seen.bytes
        end
        assert.is_true(dropped)
    end)

    it("whose digests were chosen to meet push out each other, not the rest", function()
        local function is_chosen(raw) return signer.curve.sha256(raw):byte(1) == 7 end
        local secret = engine:must("dkg_part1", { participant_identifier = id(1), max_signers = 41, min_signers = 2 })
        local start = signer.test_dkg.part1(2, 41, 2, signer.curve.sha256("start")):encode()
        local number, others = 0, {}
        local function package(chosen)
            local raw
            repeat
                number = number + 1
                raw = start:sub(1, -5) .. string.pack(">I4", number) -- the end of the proof's scalar
            until is_chosen(raw) == chosen
            return { identifier = id(#others + 2), package_hex = hex(raw) }
        end
        local function offer(chosen)
            others = {}
            while #others < 40 do others[#others + 1] = package(chosen) end
            engine:refuse("dkg_part2", { secret_package_hex = secret.secret_package_hex, round1_packages = others })
        end
        offer(false)
        local before = info()
        assert.equal(40, before.count)
        local size = before.bytes // before.count
        for _ = 1, 3 do
            offer(true)
            local seen = info()
            assert.is_true(seen.count > 40 and seen.count <= 40 + seen.list_max)
            assert.equal(seen.count * size, seen.bytes)
        end
    end)
end)
