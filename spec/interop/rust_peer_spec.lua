--- Groups of mixed implementations: ours and the Rust crate frost-secp256k1-tr 3.0.0 (spec/interop/peer)
--- make keys and sign together. Pending where cargo, the crate or the network is missing.
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local frost, dkg, run, test = signer.frost, signer.dkg, signer.test_dkg, signer.test_frost
local bytes, hex = vectors.bytes, vectors.hex

local PEER = "build/peer/debug/peer"
local BUILD = "command -v cargo >/dev/null 2>&1 && env -u LD_PRELOAD CARGO_TARGET_DIR=build/peer timeout 300 "
    .. "cargo build --quiet --locked --manifest-path spec/interop/peer/Cargo.toml >build/peer.log 2>&1"

--- Sends the requests to one run of the peer.
--- @param requests table  list of lists of words
--- @return table  one list of words an answer, `ok` or `error` first
local function ask(requests)
    local path = os.tmpname()
    local file = assert(io.open(path, "wb"))
    for _, words in ipairs(requests) do file:write(table.concat(words, " "), "\n") end
    file:close()
    local pipe = assert(io.popen("env -u LD_PRELOAD " .. PEER .. " < " .. path))
    local answers = {}
    for line in pipe:lines() do
        local words = {}
        for word in line:gmatch("%S+") do words[#words + 1] = word end
        answers[#answers + 1] = words
    end
    pipe:close()
    os.remove(path)
    assert.equal(#requests, #answers)
    return answers
end

--- One request that must succeed.
local function ask_one(...)
    local answer = ask({ { ... } })[1]
    assert.equal("ok", answer[1], table.concat(answer, " "))
    return table.unpack(answer, 2)
end

--- A map in the peer's words: count, then member and hex.
local function map_words(list)
    local words = { tostring(#list) }
    for _, entry in ipairs(list) do
        words[#words + 1] = tostring(entry[1])
        words[#words + 1] = hex(entry[2])
    end
    return table.concat(words, " ")
end

local function others(list, own)
    local out = {}
    for _, entry in ipairs(list) do
        if entry[1] ~= own then out[#out + 1] = entry end
    end
    return out
end

local function decoded(list)
    local out = {}
    for i, entry in ipairs(list) do out[i] = { entry[1], dkg.round1_package(entry[2]) } end
    return out
end

local function seed(name) return signer.curve.sha256("interop " .. name) end

-- The three parts by either side, on bytes.
local sides = {
    ours = {
        part1 = function(member, max, min, random)
            local package, secret = run.part1(member, max, min, random)
            return package:encode(), secret
        end,
        part2 = function(secret, packages)
            local shares, next_secret = run.part2(secret, decoded(packages))
            local sent = {}
            for i, entry in ipairs(shares) do sent[i] = { frost.member(entry[1]), entry[2] } end
            return next_secret, sent
        end,
        part3 = function(secret, packages, shares)
            local key, keys = run.part3(secret, decoded(packages), shares)
            return key, keys:encode()
        end,
        commit = function(key, random)
            local stream = run.stream(random, 2)
            local nonces = test.nonces(key, stream:sub(1, 32), stream:sub(33))
            return nonces, nonces:sub(70)
        end,
        sign = function(package, nonces, key, root)
            return (test.sign(frost.signing_package(package), nonces, key, root))
        end,
    },
    rust = {
        part1 = function(member, max, min, random)
            local package, secret = ask_one("part1", tostring(member), tostring(max), tostring(min), hex(random))
            return bytes(package), bytes(secret)
        end,
        part2 = function(secret, packages)
            local words = { ask_one("part2", hex(secret), map_words(packages)) }
            local sent = {}
            for i = 2, #words, 2 do sent[#sent + 1] = { frost.member(bytes(words[i])), bytes(words[i + 1]) } end
            return bytes(words[1]), sent
        end,
        part3 = function(secret, packages, shares)
            local key, keys = ask_one("part3", hex(secret), map_words(packages), map_words(shares))
            return bytes(key), bytes(keys)
        end,
        commit = function(key, random)
            local nonces, commitments = ask_one("commit", hex(key), hex(random))
            return bytes(nonces), bytes(commitments)
        end,
        sign = function(package, nonces, key, root)
            return bytes((ask_one("sign", hex(package), hex(nonces), hex(key), root and hex(root) or "-")))
        end,
    },
}

--- A whole key generation; `side_of(member)` names the implementation of a seat.
local function ceremony(members, min, name, side_of)
    local packages, secrets, inbox, out = {}, {}, {}, { keys = {}, public = {} }
    for i, member in ipairs(members) do
        local package, secret = side_of(member).part1(member, #members, min, seed(name .. member))
        packages[i], secrets[member], inbox[member] = { member, package }, secret, {}
    end
    for _, member in ipairs(members) do
        local secret, sent = side_of(member).part2(secrets[member], others(packages, member))
        secrets[member] = secret
        for _, entry in ipairs(sent) do table.insert(inbox[entry[1]], { member, entry[2] }) end
    end
    for _, member in ipairs(members) do
        out.keys[member], out.public[member] = side_of(member).part3(secrets[member], others(packages, member), inbox[member])
    end
    out.packages, out.secrets, out.inbox = packages, secrets, inbox
    return out
end

local function all(side) return function() return sides[side] end end

local function mixed(member) return member % 2 == 1 and sides.ours or sides.rust end

describe("the Rust crate", function()
    local ready = os.execute(BUILD)
    local function check(title, action)
        if ready then it(title, action) else pending(title .. " (no cargo, crate or network)") end
    end

    check("makes the same bytes from the same seeds, in every part", function()
        for _, case in ipairs { { { 1, 2, 3 }, 2 }, { { 2, 5, 9, 258, 65535 }, 3 } } do
            local ours = ceremony(case[1], case[2], "same", all("ours"))
            local rust = ceremony(case[1], case[2], "same", all("rust"))
            for i, member in ipairs(case[1]) do
                assert.equal(hex(rust.packages[i][2]), hex(ours.packages[i][2]))
                assert.equal(hex(rust.secrets[member]), hex(ours.secrets[member]))
                assert.equal(hex(rust.keys[member]), hex(ours.keys[member]))
                assert.equal(hex(rust.public[member]), hex(ours.public[member]))
                for j, entry in ipairs(rust.inbox[member]) do assert.equal(hex(entry[2]), hex(ours.inbox[member][j][2])) end
            end
        end
    end)

    check("makes a key and signs with us, each side aggregating, with and without a root", function()
        local odd = {}
        for turn = 1, 6 do
            local members = { 1, 2, 3, 4 }
            local group = ceremony(members, 3, "mixed" .. turn, mixed)
            for _, member in ipairs(members) do assert.equal(hex(group.public[1]), hex(group.public[member])) end
            local root = turn % 2 == 0 and seed("root" .. turn) or nil
            local message = turn == 5 and "" or seed("message" .. turn)
            local set = turn % 3 == 0 and { 1, 2, 3, 4 } or { 1, 2, 4 }
            local nonces, list, entries = {}, {}, {}
            for i, member in ipairs(set) do
                local commitments
                nonces[member], commitments = mixed(member).commit(group.keys[member], seed("nonces" .. turn .. member))
                list[i], entries[i] = { member, commitments }, { member, frost.commitments(commitments) }
            end
            local package = frost.make_signing_package(entries, message)
            local words = message == "" and "-" or hex(message)
            assert.equal(hex(package:encode()), (ask_one("package", map_words(list), words)))
            local shares = {}
            for i, member in ipairs(set) do
                shares[i] = { member, mixed(member).sign(package:encode(), nonces[member], group.keys[member], root) }
            end
            local keys = frost.public_package(group.public[1])
            local signature = frost.aggregate(package, shares, keys, 3, root)
            assert.is_string(signature)
            assert.equal(hex(signature), (ask_one("aggregate", hex(package:encode()), map_words(shares), hex(group.public[1]),
                root and hex(root) or "-")))
            ask_one("verify", "02" .. hex(keys:effective_key(root)), words, hex(signature))
            odd[test.round(package, keys:key(), root).odd] = true
        end
        assert.is_true(odd[true] and odd[false], "both parities of the group commitment were met")
    end)

    check("draws the same nonces and makes the same shares", function()
        local group = ceremony({ 1, 2, 3 }, 2, "shares", all("ours"))
        for _, root in ipairs { false, seed("root") } do
            local entries, nonces = {}, {}
            for i = 1, 2 do
                local ours, commitments = sides.ours.commit(group.keys[i], seed("pair" .. i))
                assert.equal(hex(ours), hex((sides.rust.commit(group.keys[i], seed("pair" .. i)))))
                nonces[i], entries[i] = ours, { i, frost.commitments(commitments) }
            end
            local package = frost.make_signing_package(entries, "message"):encode()
            for i = 1, 2 do
                assert.equal(hex(sides.rust.sign(package, nonces[i], group.keys[i], root or nil)),
                    hex(sides.ours.sign(package, nonces[i], group.keys[i], root or nil)))
            end
        end
    end)

    check("refuses what we refuse, in the same words", function()
        local group = ceremony({ 1, 2, 3 }, 2, "refusals", all("ours"))
        local packages = others(group.packages, 1)
        local function words_of(name, secret, list)
            return select(2, run[name](secret, decoded(list)))
        end
        local _, secret = sides.ours.part1(1, 3, 2, seed("refusals1"))
        local long = sides.ours.part1(3, 3, 3, seed("long"))
        for _, case in ipairs {
            { { packages[1] }, "FROST_PACKAGE_COUNT", "Incorrect number of packages." },
            { { packages[1], { 1, packages[2][2] } }, "FROST_UNKNOWN_IDENTIFIER", "Unknown identifier." },
            { { packages[1], { 3, long } }, "FROST_COMMITMENT_COUNT", "Incorrect number of commitments." },
            { { packages[1], { 3, packages[1][2] } }, "FROST_INVALID_PROOF", "The proof of knowledge is not valid." },
        } do
            assert.equal(case[2], words_of("part2", secret, case[1]))
            local answer = ask({ { "part2", hex(secret), map_words(case[1]) } })[1]
            assert.equal("error " .. case[3], table.concat(answer, " "))
        end
    end)
end)
