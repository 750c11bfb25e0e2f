--- Work of parts 2 and 3 split over threads: the same results and culprits for any number of them, and no
--- thread is left (frost 6.2, 6.3).
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local frost, curve, fault, run = signer.frost, signer.test_curve, signer.test_fault, signer.test_dkg
local hex = vectors.hex

local PEERS, THRESHOLD = 100, 11 -- more than 1024 commitments, two chunks
local ONE = ("\0"):rep(31) .. "\1"

local function seed(name) return signer.curve.sha256("workers " .. name) end

--- f(1), the coefficients from a round-1 secret.
local function share_for_first(secret)
    local value = ("\0"):rep(32)
    for k = THRESHOLD, 1, -1 do value = curve.add(value, secret:sub(34 + 32 * (k - 1), 33 + 32 * k)) end
    return "\0\x23\x0f\x8a\xb3" .. value
end

local function view()
    local own = { peers = {}, shares = {} }
    own.package, own.first = run.part1(1, PEERS + 1, THRESHOLD, seed("own"))
    for i = 1, PEERS do
        local package, secret = run.part1(i + 1, PEERS + 1, THRESHOLD, seed("peer " .. i))
        own.peers[i] = { i + 1, package }
        own.shares[i] = { i + 1, share_for_first(secret) }
    end
    return own
end

--- Both parts; strings and names only, to compare.
local function parts(own)
    local sent, second, culprit = run.part2(own.first, own.peers)
    if not sent then return { second, culprit and hex(culprit) } end
    local all = {}
    for i, one in ipairs(sent) do all[i] = hex(one[2]) end
    local key, keys, name = run.part3(second, own.peers, own.shares)
    if not key then return { keys, name and hex(name) } end
    return { hex(second), hex(key), hex(keys:encode()), table.concat(all) }
end

local function threads()
    local count = 0
    for _ in io.popen("ls /proc/" .. io.open("/proc/self/stat"):read("n") .. "/task"):lines() do count = count + 1 end
    return count
end

describe("parts 2 and 3 on several threads", function()
    local own, honest

    setup(function()
        own = view()
        honest = parts(own)
        assert.equal(4, #honest, honest[1])
    end)
    after_each(function()
        run.workers(1)
        fault.clear()
    end)

    --- What one thread answers, after comparing it with what 2, 5 and 64 do.
    local function same_everywhere()
        run.workers(1)
        local alone = parts(own)
        for _, workers in ipairs { 2, 5, 64 } do
            run.workers(workers)
            assert.same(alone, parts(own), workers .. " workers")
        end
        return alone
    end

    it("D-016 give the keys and shares that one gives", function()
        assert.same(honest, same_everywhere())
    end)

    it("D-016 name the culprit that one names", function()
        local function with(list, places, change)
            local kept = {}
            for _, place in ipairs(places) do
                kept[place] = list[place]
                list[place] = change(list[place])
            end
            local answer = same_everywhere()
            for place, value in pairs(kept) do list[place] = value end
            return answer
        end
        local function bad_share(one)
            return { one[1], one[2]:sub(1, 5) .. curve.add(one[2]:sub(6), ONE) }
        end
        local function bad_proof(one)
            return { one[1], run.make_round1_package(one[2]:commitments(), own.package:proof()) }
        end
        for _, places in ipairs { { 1 }, { 100 }, { 50, 51 }, { 34, 99 }, { 67, 3 } } do
            local first = frost.identifier(math.min(table.unpack(places)) + 1)
            assert.same({ "FROST_INVALID_SECRET_SHARE", hex(first) }, with(own.shares, places, bad_share))
            assert.same({ "FROST_INVALID_PROOF", hex(first) }, with(own.peers, places, bad_proof))
        end
        -- Errors that cancel each other in a sum without weights.
        local sign = 1
        assert.same({ "FROST_INVALID_SECRET_SHARE", hex(frost.identifier(8)) }, with(own.shares, { 7, 80 }, function(one)
            sign = -sign
            return { one[1], one[2]:sub(1, 5) .. curve.add(one[2]:sub(6), sign < 0 and ONE or curve.negate(ONE)) }
        end))
        -- All points one and the same, and one polynomial the negative of another's.
        local peer = own.peers[20][2]
        with(own.peers, { 20, 60 }, function(one)
            local points = {}
            for k = 1, THRESHOLD do points[k] = peer:commitments()[1] end
            return { one[1], run.make_round1_package(points, peer:proof()) }
        end)
    end)

    it("D-126 leave no thread, and one does the work where no other can be made", function()
        local before = threads()
        run.workers(5)
        fault.arm("thread", "error", 1000000) -- counts
        assert.same(honest, parts(own))
        assert.equal(4 + 2, fault.hits("thread")) -- part 2; part 3: the sums and two chunks
        assert.equal(before, threads())
        fault.arm("thread", "error", 1, true)
        assert.same(honest, parts(own))
        fault.arm("thread", "error", 3, true)
        assert.same(honest, parts(own))
        assert.equal(before, threads())
    end)

    it("are no more than one for a small group", function()
        run.workers(5)
        fault.arm("thread", "error", 1000000)
        local few = { peers = {}, shares = {} }
        few.package, few.first = run.part1(1, 11, THRESHOLD, seed("own"))
        for i = 1, 10 do
            few.peers[i] = { i + 1, (run.part1(i + 1, 11, THRESHOLD, seed("peer " .. i))) }
        end
        assert(run.part2(few.first, few.peers))
        assert.equal(0, fault.hits("thread"))
    end)

    it("survive memory that is short anywhere, with the same answer or none", function()
        run.workers(2)
        for nth = 1, 60, 3 do
            fault.arm("allocation", "error", nth)
            local ok, answer = pcall(parts, own)
            fault.clear()
            if ok and answer[1] ~= "OUT_OF_MEMORY" then assert.same(honest, answer) end
        end
        assert.same(honest, parts(own))
    end)
end)
