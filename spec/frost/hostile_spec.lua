--- Hostile packages and shares: every path on public points gives the same verdicts and names the same
--- culprits, and no package makes the work much longer than an honest one.
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local frost, curve, kernel, run = signer.frost, signer.test_curve, signer.test_kernel, signer.test_dkg
local hex = vectors.hex

local PEERS, THRESHOLD = 100, 5
local ONE = ("\0"):rep(31) .. "\1"
local best = kernel.name()

local function on_every_path(work)
    local answers = {}
    for _, path in ipairs { "library", "portable", "assembly", "vector" } do
        if kernel.use(path) then answers[path] = work() end
    end
    kernel.use(best)
    for path, answer in pairs(answers) do assert.same(answers.library, answer, path) end
    return answers.library
end

local function seed(name) return signer.curve.sha256("hostile " .. name) end

--- Identifier of peer i: some are beyond 32 bits, and small where only the low bits are looked at.
local function identifier_of(i)
    if i % 10 == 0 then return ("\0"):rep(23) .. "\1" .. string.pack(">I8", i) end
    if i % 10 == 5 then return ("\0"):rep(27) .. "\1" .. string.pack(">I4", i) end
    return frost.identifier(i + 1)
end

-- Coefficients from the constant term, which the proof fixes.
local kinds = {
    honest = function(_, first, k) return k == 1 and first or curve.reduce(seed("coefficient " .. k)) end,
    equal = function(_, first) return first end,
    opposite = function(_, first, k) return k % 2 == 1 and first or curve.negate(first) end,
    one_in_all = function(_, first, k) return k == 1 and first or ONE end,
    cancelling = function(i, first, k)
        if k == 1 then return first end
        local value = curve.reduce(seed("pair " .. k))
        return i % 2 == 0 and value or curve.negate(value)
    end,
}

local function value_at(coefficients, x)
    local value = ("\0"):rep(32)
    for k = #coefficients, 1, -1 do value = curve.add(curve.mul(value, x), coefficients[k]) end
    return value
end

--- A member's view of a key generation whose other packages are of the given kinds by turns.
local function view(order, small_identifiers)
    local own = {}
    own.package, own.first = run.part1(1, PEERS + 1, THRESHOLD, seed("own"))
    own.peers, own.shares = {}, {}
    for i = 1, PEERS do
        local identifier = small_identifiers and frost.identifier(i + 1) or identifier_of(i)
        local member = small_identifiers and i + 1 or identifier
        local package, secret = run.part1(member, PEERS + 1, THRESHOLD, seed("peer " .. i))
        local coefficients, points = {}, {}
        for k = 1, THRESHOLD do
            coefficients[k] = kinds[order[(i - 1) % #order + 1]](i, secret:sub(34, 65), k)
            points[k] = curve.mul_base(coefficients[k])
        end
        own.peers[i] = { member, run.make_round1_package(points, package:proof()) }
        own.shares[i] = { member, "\0\x23\x0f\x8a\xb3" .. value_at(coefficients, ONE) }
    end
    return own
end

--- Both parts; strings and names only, to compare.
local function parts(own)
    local sent, second, culprit = run.part2(own.first, own.peers)
    if not sent then return { second, culprit and hex(culprit) } end
    local key, keys, name = run.part3(second, own.peers, own.shares)
    if not key then return { keys, name and hex(name) } end
    return { hex(second), hex(key), hex(keys:encode()) }
end

describe("a member with 100 hostile packages", function()
    local hostile = view { "equal", "opposite", "one_in_all", "cancelling", "honest" }

    it("ends in the same keys on every path", function()
        local answer = on_every_path(function() return parts(hostile) end)
        assert.equal(3, #answer, answer[1])
    end)

    it("names the same first culprit for bad shares and bad proofs", function()
        local good = hostile.shares[41][2]
        for _, place in ipairs { 1, 41, 100 } do
            local kept = hostile.shares[place]
            hostile.shares[place] = { kept[1], good:sub(1, -2) .. string.char(good:byte(-1) ~ 1) }
            local answer = on_every_path(function() return parts(hostile) end)
            assert.equal("FROST_INVALID_SECRET_SHARE", answer[1])
            hostile.shares[place] = kept
            local peer = hostile.peers[place]
            hostile.peers[place] = { peer[1], run.make_round1_package(peer[2]:commitments(), hostile.peers[3][2]:proof()) }
            if place ~= 3 then
                answer = on_every_path(function() return parts(hostile) end)
                assert.equal("FROST_INVALID_PROOF", answer[1])
            end
            hostile.peers[place] = peer
        end
    end)

    it("that cancel each other's errors is not deceived", function()
        local function shift(place, by)
            local kept = hostile.shares[place]
            hostile.shares[place] = { kept[1], kept[2]:sub(1, 5) .. curve.add(kept[2]:sub(6), by) }
            return kept
        end
        local a, b = shift(7, ONE), shift(8, curve.negate(ONE))
        local answer = on_every_path(function() return parts(hostile) end)
        hostile.shares[7], hostile.shares[8] = a, b
        assert.equal("FROST_INVALID_SECRET_SHARE", answer[1])
    end)

    it("works at most three times as long", function()
        local function time(own)
            local start = os.clock()
            assert.equal(3, #parts(own))
            return os.clock() - start
        end
        local honest, quickest = view({ "honest" }, true), math.huge
        for _, kind in ipairs { "equal", "opposite", "one_in_all", "cancelling" } do
            local own, least, rounds = view({ kind }, true), math.huge, 0
            repeat -- processor time, in turns: a busy machine needs more of them, one that is too slow never gets there
                quickest, least, rounds = math.min(quickest, time(honest)), math.min(least, time(own)), rounds + 1
            until (rounds >= 3 and least < 3 * quickest) or rounds == 50
            assert.is_true(least < 3 * quickest, kind)
        end
    end)
end)

describe("identifiers beyond 32 bits", function()
    local members, threshold = 60, 40

    --- Part 3 of a member among others, one in `every` of whom has a long identifier.
    local function part3(every)
        local _, first = run.part1(1, members, threshold, seed("own"))
        local peers, shares = {}, {}
        for i = 2, members do
            local member = i % every == 0 and identifier_of(10 * i) or i
            local made, secret = run.part1(member, members, threshold, seed("peer " .. i))
            local share = ("\0"):rep(32)
            for k = 0, threshold - 1 do share = curve.add(share, secret:sub(34 + 32 * k, 65 + 32 * k)) end
            peers[#peers + 1], shares[#shares + 1] = { member, made }, { member, "\0\x23\x0f\x8a\xb3" .. share }
        end
        local _, second = assert(run.part2(first, peers))
        return function()
            local start = os.clock()
            local key, keys = assert(run.part3(second, peers, shares))
            return os.clock() - start, { hex(key), hex(keys:encode()) }
        end
    end

    it("give the same keys on every path, and one in six takes at most three times as long", function()
        local short, long = part3(math.huge), part3(6)
        on_every_path(function() return select(2, long()) end)
        local quickest, least, rounds = math.huge, math.huge, 0
        repeat
            quickest, least, rounds = math.min(quickest, (short())), math.min(least, (long())), rounds + 1
        until (rounds >= 3 and least < 3 * quickest) or rounds == 50
        assert.is_true(least < 3 * quickest)
    end)
end)

describe("shares of an aggregate", function()
    local v = vectors.load("frost/signing").cases[1]

    it("with equal and with cancelling commitments have the same culprits on every path", function()
        local keys = frost.public_package(vectors.bytes(v.public_package))
        local members, d = keys:identifiers(), curve.mul_base(seed("d"))
        for _, other in ipairs { d, curve.point_negate(d) } do
            local entries, shares = {}, {}
            for i, member in ipairs(members) do
                local point = i % 2 == 0 and other or d
                entries[i] = { member, frost.commitments("\0\x23\x0f\x8a\xb3" .. point .. d) }
                shares[i] = { member, seed("share " .. i) }
            end
            local package = frost.make_signing_package(entries, "m")
            on_every_path(function()
                local signature, culprits = frost.aggregate(package, shares, keys)
                local list = { signature or "none" }
                for _, culprit in ipairs(culprits or {}) do list[#list + 1] = hex(culprit) end
                assert.equal(#members + 1, #list)
                return list
            end)
        end
    end)
end)
