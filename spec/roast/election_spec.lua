-- The coordinator's election: roast 3.4 and 4, and the generator behind it.
local vectors = require("spec.support.vectors")
local signer = require("tbtc_signer")
local roast, generator = signer.roast, signer.test_roast

local TABLE_CALLS = 7800000000000

local function digest(bytes)
    return vectors.hex(roast.message_digest(bytes))
end

local function word(bytes, index)
    return (string.unpack(">i8", bytes, 8 * index + 1))
end

describe("generator table", function()
    it("roast 4.2 begins from its own seeding", function()
        local initial = generator.table(0)
        assert.equal(669248216578436, word(initial, 0))
        assert.equal(1469611300446292, word(initial, 1))
        assert.equal(370407604398995, word(initial, 2))
        assert.equal(977913825765807, word(initial, 606))
        assert.equal("c3775f27531b242d67b2116c0d91a147013c4d5954caf717e18565f4e32fbc42", digest(initial))
    end)

    it("roast 4.2 jumps over any number of calls", function()
        assert.equal("793196ed1e9c62a99e3e5aff1c7bd21ee25d0dd9a07016c516c0b3863cea90e8", digest(generator.table(1000)))
    end)

    it("roast 4.2 computes the 607 words", function()
        local cooked = generator.table(TABLE_CALLS)
        assert.equal(-4181792142133755926, word(cooked, 0))
        assert.equal(-4576982950128230565, word(cooked, 1))
        assert.equal(1395769623340756751, word(cooked, 2))
        assert.equal(-3074039370013608197, word(cooked, 303))
        assert.equal(8382142935188824023, word(cooked, 604))
        assert.equal(9103922860780351547, word(cooked, 605))
        assert.equal(4152330101494654406, word(cooked, 606))
        assert.equal("71ca56841e25ce194c2600faac906bb84e97d268a3bc453ff9f1a1410af1d228", digest(cooked))
    end)
end)

describe("generator", function()
    it("roast 4.1 normalizes seeds and draws as math/rand does", function()
        local zero = { 8717895732742165505, 2259404117704393152 }
        local one = { 5577006791947779410, 8674665223082153551 }
        local minus_one = { 0xb29581df080302ac, 0x87a299f05f40e9af }
        for seed, words in pairs({
            [0] = zero, [2147483647] = zero, [-2147483647] = zero, [3 * 2147483647] = zero,
            [1] = one, [math.maxinteger] = one,
            [-1] = minus_one, [2147483646] = minus_one,
            [math.mininteger] = { 7681445645332086223, 0xde0d4d54c03bce8f },
            [-2028522963755751589] = { 0xa6c06e15bd0f164c, 7739572224797417502 },
        }) do
            assert.same(words, generator.words(seed, 2), seed)
        end
    end)

    it("roast 4.1 draws as if all words were seeded at first", function()
        local function step(x) return x * 48271 % 2147483647 end
        local cooked, words = generator.table(TABLE_CALLS), {}
        local seed, drawn = 20211126, {}
        local x = seed
        for _ = 1, 20 do x = step(x) end
        for i = 0, 606 do
            local first = step(x)
            local second = step(first)
            x = step(second)
            words[i] = first << 40 ~ second << 20 ~ x ~ word(cooked, i)
        end
        local tap, feed = 0, 334
        for i = 1, 2000 do
            tap, feed = (tap - 1) % 607, (feed - 1) % 607
            words[feed] = words[feed] + words[tap]
            drawn[i] = words[feed]
        end
        assert.same(drawn, generator.words(seed, 2000))
    end)
end)

describe("shuffle", function()
    it("roast 4.1 gives the order that Go gives, over 606 cases, six with a rejected draw", function()
        local set = vectors.load("roast/go_shuffle")
        assert.equal(606, #set.cases)
        for _, case in ipairs(set.cases) do
            local members = {}
            for i = 1, case.count do members[i] = 1 + (i - 1) * 257 end
            local seed = math.tointeger(tonumber(case.seed)) + math.tointeger(case.number)
            local shuffled = roast.shuffle(members, seed)
            local raw = {}
            for i, member in ipairs(shuffled) do raw[i] = string.pack(">I2", member) end
            local name = case.seed .. " + " .. case.number .. " over " .. case.count
            assert.equal(case.first, shuffled[1], name)
            assert.equal(case.order, digest(table.concat(raw)):sub(1, 16), name)
        end
    end)

    it("roast 4.2 shuffles the traced example", function()
        assert.same({ 3, 5, 1, 4, 2 }, roast.shuffle({ 1, 2, 3, 4, 5 }, -2028522963755751589))
    end)

    it("roast 4.2 elects what the reference pins for its unit suite", function()
        local seed = 6879463052285329321
        for number, first in ipairs({ 2, 1, 2 }) do assert.equal(first, roast.shuffle({ 1, 2 }, seed + number)[1]) end
        for number, first in pairs({ 3, 2, [4] = 1 }) do
            assert.equal(first, roast.shuffle({ 1, 2, 3 }, seed + number)[1])
        end
    end)

    it("leaves an empty and a single list as they are", function()
        assert.same({}, roast.shuffle({}, 7))
        assert.same({ 9 }, roast.shuffle({ 9 }, 7))
    end)
end)

describe("coordinator", function()
    it("roast 3.4, 4 gives the seeds and coordinators of the reference", function()
        local set = vectors.load("roast/coordinators")
        assert.equal(10, #set.cases)
        for _, case in ipairs(set.cases) do
            local inputs = {
                session_id = case.session_id,
                key_group = case.key_group,
                message = vectors.bytes(case.padded_message),
                threshold = 1,
            }
            assert.equal(math.tointeger(tonumber(case.shuffle_seed)), roast.shuffle_seed(inputs), case.name)
            assert.equal(case.coordinator, roast.coordinator(inputs, case.attempt_number, case.included), case.name)
        end
    end)

    it("roast 4 does not depend on the order of the members", function()
        local inputs = { session_id = "s", key_group = "k", message = "m", threshold = 1 }
        local members, reversed = {}, {}
        for i = 1, 51 do members[i], reversed[52 - i] = 3 * i, 3 * i end
        assert.equal(roast.coordinator(inputs, 5, members), roast.coordinator(inputs, 5, reversed))
    end)

    it("roast 3.4 adds the attempt number to the seed, wrapping at 64 bits", function()
        local members = { 1, 2, 3, 4, 5, 6, 7 }
        local inputs = { session_id = "s", key_group = "k", message = "m", threshold = 1 }
        local seed = roast.shuffle_seed(inputs)
        for _, number in ipairs({ 1, 2, 9, 4294967295 }) do
            assert.equal(roast.shuffle(members, seed + number - 1)[1], roast.coordinator(inputs, number, members))
        end
    end)

    it("roast 4 elects nobody from an empty set", function()
        local inputs = { session_id = "s", key_group = "k", message = "m", threshold = 1 }
        local ok, reason = pcall(roast.coordinator, inputs, 1, {})
        assert.is_false(ok)
        assert.equal("validation_error", reason.code)
    end)
end)
