--- Distributed key generation, and the dealer (frost 5, 6, 7, D-042).
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local frost, dkg = signer.frost, signer.dkg
local test, run = signer.test_frost, signer.test_dkg
local curve = signer.test_curve
local bytes, hex = vectors.bytes, vectors.hex

local HEADER = "\0\x23\x0f\x8a\xb3"

--- Round-1 map without `own`.
local function others(packages, own)
    local list = {}
    for _, entry in ipairs(packages) do
        if entry[1] ~= own then list[#list + 1] = entry end
    end
    return list
end

--- Runs parts 1 and 2 of a whole group; shares[to] = {{from, bytes}, …}.
local function ceremony(members, min_signers, seed_of)
    local group = { packages = {}, secrets = {}, round2 = {}, shares = {} }
    for i, member in ipairs(members) do
        local package, secret = run.part1(member, #members, min_signers, seed_of(member))
        group.packages[i], group.secrets[member], group.shares[member] = { member, package }, secret, {}
    end
    for _, member in ipairs(members) do
        local shares, secret = run.part2(group.secrets[member], others(group.packages, member))
        group.round2[member] = secret
        for _, entry in ipairs(shares) do
            local inbox = group.shares[frost.member(entry[1])]
            inbox[#inbox + 1] = { member, entry[2] }
        end
    end
    return group
end

local function part3(group, member)
    return run.part3(group.round2[member], others(group.packages, member), group.shares[member])
end

local function seed(member) return signer.curve.sha256("member " .. member) end

local function integers(list)
    local out = {}
    for i, value in ipairs(list) do out[i] = math.tointeger(value) end
    return out
end

describe("randomness", function()
    it("is the ChaCha20 stream of the seed", function()
        local stream = vectors.load("frost/hashes").stream
        assert.equal(stream.first_96, hex(run.stream(bytes(stream.seed), 3)))
    end)
end)

describe("seeded key generation", function()
    for _, case in ipairs(vectors.load("frost/dkg_seeded").cases) do
        local members, min_signers = integers(case.members), math.tointeger(case.min_signers)
        local seeds = {}
        for _, p in ipairs(case.participants) do seeds[math.tointeger(p.member)] = bytes(p.seed) end

        it(("%d of %d gives every byte"):format(min_signers, #members), function()
            local group = ceremony(members, min_signers, function(member) return seeds[member] end)
            for i, p in ipairs(case.participants) do
                local member = math.tointeger(p.member)
                assert.equal(p.round1_package, hex(group.packages[i][2]:encode()))
                assert.equal(p.round1_secret, hex(group.secrets[member]))
                assert.equal(p.round2_secret, hex(group.round2[member]))
                for _, sent in ipairs(p.round2_packages) do
                    for _, entry in ipairs(group.shares[math.tointeger(sent.to)]) do
                        if entry[1] == member then assert.equal(sent.hex, hex(entry[2])) end
                    end
                end
                local key, keys = part3(group, member)
                assert.equal(p.key_package, hex(key))
                assert.equal(case.public_package, hex(keys:encode()))
                assert.equal(case.key_group, hex(keys:key()))
                assert.equal(case.verifying_key_x, hex(keys:key():sub(2)))
                for _, share in ipairs(case.verifying_shares) do
                    assert.equal(share.share, hex(keys:share(bytes(share.identifier))))
                end
            end
        end)

        it(("%d of %d: the form without min_signers"):format(min_signers, #members), function()
            local keys = frost.public_package(bytes(case.public_package_native))
            assert.is_nil(keys:min_signers())
            assert.equal(case.public_package_native, hex(keys:encode()))
        end)
    end
end)

describe("published key generation", function()
    local function encode_secret(p, file)
        local raw = frost.identifier(p.member) .. string.char(#p.coefficients)
        for _, coefficient in ipairs(p.coefficients) do raw = raw .. bytes(coefficient) end
        raw = raw .. string.char(#p.commitments)
        for _, commitment in ipairs(p.commitments) do raw = raw .. bytes(commitment) end
        return raw .. string.char(math.tointeger(file.min_signers), math.tointeger(file.max_signers))
    end

    local function packages_of(file)
        local list = {}
        for i, p in ipairs(file.participants) do
            local points = {}
            for k, commitment in ipairs(p.commitments) do points[k] = bytes(commitment) end
            list[i] = { math.tointeger(p.member), run.make_round1_package(points, bytes(p.proof)) }
        end
        return list
    end

    it("verifies the proofs, deals the shares, ends in the keys", function()
        local file = vectors.load("frost/published_dkg")
        local packages, inbox, secrets = packages_of(file), { {}, {}, {} }, {}
        for i, p in ipairs(file.participants) do
            local shares, secret = run.part2(encode_secret(p, file), others(packages, i))
            secrets[i] = secret
            for _, entry in ipairs(shares) do table.insert(inbox[frost.member(entry[1])], { i, entry[2] }) end
        end
        local odd = file.group_key:sub(1, 2) == "03"
        for i, p in ipairs(file.participants) do
            for _, received in ipairs(p.received) do
                for _, entry in ipairs(inbox[i]) do
                    if entry[1] == received.from then assert.equal(received.share, hex(entry[2]:sub(6))) end
                end
            end
            local key = test.key_package((run.part3(secrets[i], others(packages, i), inbox[i])))
            -- the file stops before even Y
            local share, verifying = bytes(p.signing_share), bytes(p.verifying_share)
            assert.equal(hex(odd and curve.negate(share) or share), hex(key.signing_share))
            assert.equal(hex(odd and curve.point_negate(verifying) or verifying), hex(key.verifying_share))
            assert.equal("02" .. file.group_key:sub(3), hex(key.verifying_key))
        end
    end)

    it("refuses a bad proof and names its sender", function()
        local file = vectors.load("frost/published_dkg_bad_proof")
        local packages = packages_of(file)
        for _, own in ipairs { 2, 3 } do
            local shares, name, culprit = run.part2(encode_secret(file.participants[own], file), others(packages, own))
            assert.is_nil(shares)
            assert.equal("FROST_INVALID_PROOF", name)
            assert.equal(file.culprit, frost.member(culprit))
        end
    end)
end)

describe("part 1", function()
    it("D-042 refuses t = 1, N = 1 and t above N", function()
        local function name_of(max, min) return select(2, run.part1(1, max, min, seed(1))) end
        assert.equal("FROST_MIN_SIGNERS", name_of(3, 1))
        assert.equal("FROST_MIN_SIGNERS", name_of(3, 0))
        assert.equal("FROST_MAX_SIGNERS", name_of(1, 2))
        assert.equal("FROST_MIN_SIGNERS", name_of(2, 3))
    end)

    it("makes a secret package that says what it is", function()
        local _, secret = run.part1(300, 200, 130, seed(1))
        local identifier, min_signers, max_signers = run.round1_secret(secret)
        assert.same({ frost.identifier(300), 130, 200 }, { identifier, min_signers, max_signers })
        assert.has_error(function() run.round1_secret(secret .. "\0") end)
        assert.has_error(function() run.round1_secret(secret:sub(1, -2)) end)
    end)
end)

describe("part 2", function()
    local group = ceremony({ 1, 2, 3 }, 2, seed)
    local own, peers = group.secrets[1], others(group.packages, 1)

    local function refusal(list)
        local shares, name, culprit = run.part2(own, list)
        assert.is_nil(shares)
        return name, culprit and frost.member(culprit)
    end

    it("wants a package of every other participant, and none of its own", function()
        assert.equal("FROST_PACKAGE_COUNT", refusal { peers[1] })
        assert.equal("FROST_PACKAGE_COUNT", refusal(group.packages))
        assert.equal("FROST_UNKNOWN_IDENTIFIER", refusal { { 1, peers[1][2] }, peers[2] })
        assert.equal("FROST_DUPLICATED_IDENTIFIER", refusal { peers[1], peers[1] })
    end)

    it("wants t commitments before it looks at any proof, and names the sender", function()
        local long = run.part1(3, 3, 3, seed(3))
        local name, culprit = refusal { { 2, peers[2][2] }, { 3, long } }
        assert.same({ "FROST_COMMITMENT_COUNT", 3 }, { name, culprit })
    end)

    it("binds a proof to its sender", function()
        local name, culprit = refusal { { 2, peers[2][2] }, { 3, peers[1][2] } }
        assert.same({ "FROST_INVALID_PROOF", 2 }, { name, culprit })
    end)

    it("refuses a proof that is no signature at all", function()
        local points, proof = peers[1][2]:commitments(), peers[1][2]:proof()
        for _, bad in ipairs { ("\0"):rep(31) .. "\5" .. proof:sub(33), proof:sub(1, 32) .. ("\255"):rep(32) } do
            local name, culprit = refusal { { 2, run.make_round1_package(points, bad) }, peers[2] }
            assert.same({ "FROST_INVALID_PROOF", 2 }, { name, culprit })
        end
    end)

    it("is not misled by proofs whose errors cancel", function()
        local one, list = ("\0"):rep(31) .. "\1", {}
        for i, change in ipairs { curve.add, curve.sub } do
            local package = peers[i][2]
            local proof = package:proof()
            proof = proof:sub(1, 32) .. change(proof:sub(33), one)
            list[i] = { peers[i][1], run.make_round1_package(package:commitments(), proof) }
        end
        assert.same({ "FROST_INVALID_PROOF", 2 }, { refusal(list) })
        assert.same({ "FROST_INVALID_PROOF", 3 }, { refusal { peers[1], list[2] } })
    end)

    it("gives the same whatever the order of the map", function()
        local forward, secret = run.part2(own, peers)
        local backward, again = run.part2(own, { peers[2], peers[1] })
        assert.same(forward, backward)
        assert.equal(secret, again)
    end)
end)

describe("part 3", function()
    local group = ceremony({ 1, 2, 3, 4 }, 3, seed)
    local one = ("\0"):rep(31) .. "\1"

    local function refusal(packages, shares, secret)
        local key, name, culprit = run.part3(secret or group.round2[1], packages, shares)
        assert.is_nil(key)
        return name, culprit and frost.member(culprit)
    end

    local function changed(list, at, entry)
        local copy = { table.unpack(list) }
        copy[at] = entry
        return copy
    end

    local packages, shares = others(group.packages, 1), group.shares[1]

    it("gives everyone the same public package, and key packages that sign together", function()
        local first, entries, signer_keys, secret = nil, {}, {}, {}
        for member = 1, 4 do
            local key, keys = part3(group, member)
            first = first or keys
            assert.equal(hex(first:encode()), hex(keys:encode()))
            signer_keys[member] = key
        end
        first:check_degree(3)
        for i, member in ipairs { 1, 2, 4 } do
            secret[member] = test.nonces(signer_keys[member], seed("hiding" .. member), seed("binding" .. member))
            entries[i] = { member, frost.commitments(secret[member]:sub(70)) }
        end
        local package = frost.make_signing_package(entries, "message")
        local sigs = {}
        for i, member in ipairs { 1, 2, 4 } do sigs[i] = { member, test.sign(package, secret[member], signer_keys[member]) } end
        local signature = frost.aggregate(package, sigs, first)
        assert.is_true(signer.curve.schnorr_verify(signature, "message", first:key():sub(2)))
    end)

    it("names the sender of a wrong share", function()
        for at = 1, 3 do
            local bad = HEADER .. curve.add(shares[at][2]:sub(6), one)
            local name, culprit = refusal(packages, changed(shares, at, { shares[at][1], bad }))
            assert.same({ "FROST_INVALID_SECRET_SHARE", shares[at][1] }, { name, culprit })
        end
    end)

    it("is not misled by errors that cancel", function()
        local list = changed(shares, 1, { shares[1][1], HEADER .. curve.add(shares[1][2]:sub(6), one) })
        list = changed(list, 2, { shares[2][1], HEADER .. curve.sub(shares[2][2]:sub(6), one) })
        local name, culprit = refusal(packages, list)
        assert.same({ "FROST_INVALID_SECRET_SHARE", shares[1][1] }, { name, culprit })
    end)

    it("D-042 checks all commitment counts again, and names the sender", function()
        local long = run.part1(4, 4, 4, seed(4))
        local name, culprit = refusal(changed(packages, 3, { 4, long }), shares)
        assert.same({ "FROST_COMMITMENT_COUNT", 4 }, { name, culprit })
    end)

    it("D-042 refuses an own share that is not the one of the own commitments", function()
        local raw = group.round2[1]
        local at = 32 + 1 + 3 * 33
        local secret = raw:sub(1, at) .. curve.add(raw:sub(at + 1, at + 32), one) .. raw:sub(at + 33)
        assert.equal("FROST_INCORRECT_PACKAGE", (refusal(packages, shares, secret)))
    end)

    it("wants both maps complete and of the same senders", function()
        local three = { packages[1], packages[2] }
        assert.equal("FROST_PACKAGE_COUNT", (refusal(three, shares)))
        assert.equal("FROST_UNKNOWN_IDENTIFIER", (refusal(changed(packages, 1, { 1, packages[1][2] }), shares)))
        assert.equal("FROST_UNKNOWN_IDENTIFIER", (refusal(packages, changed(shares, 1, { 1, shares[1][2] }))))
        assert.equal("FROST_PACKAGE_COUNT", (refusal(packages, { shares[1], shares[2] })))
        assert.equal("FROST_INCORRECT_PACKAGE", (refusal(packages, changed(shares, 1, { 9, shares[1][2] }))))
        assert.equal("FROST_INCORRECT_PACKAGE", (refusal(packages, changed(shares, 1, shares[2]))))
    end)

    it("works with identifiers beyond u16", function()
        local far = signer.curve.sha256("far")
        local ids = { 1, far, 3 }
        local list, secrets = {}, {}
        for i, identifier in ipairs(ids) do
            local package, secret = run.part1(identifier, 3, 2, seed(i))
            list[i], secrets[i] = { identifier, package }, secret
        end
        local inbox, round2 = { {}, {}, {} }, {}
        for i in ipairs(ids) do
            local sent
            sent, round2[i] = run.part2(secrets[i], others(list, ids[i]))
            for _, entry in ipairs(sent) do
                for j, identifier in ipairs(ids) do
                    if frost.identifier(identifier) == entry[1] then table.insert(inbox[j], { ids[i], entry[2] }) end
                end
            end
        end
        local _, keys = run.part3(round2[2], others(list, far), inbox[2])
        keys:check_degree(2)
    end)
end)

describe("D-042 the hash of the round-1 map", function()
    local group = ceremony({ 1, 2, 3 }, 2, seed)

    it("is SHA-256 over the ascending map", function()
        local raw = ""
        for _, entry in ipairs(group.packages) do raw = raw .. frost.identifier(entry[1]) .. entry[2]:encode() end
        assert.equal(hex(signer.curve.sha256(raw)), hex(dkg.map_hash(group.packages)))
        local p = group.packages
        assert.equal(dkg.map_hash(p), dkg.map_hash { p[3], p[1], p[2] })
        assert.not_equal(dkg.map_hash(p), dkg.map_hash { p[3], p[1] })
    end)
end)

describe("the dealer", function()
    for _, case in ipairs(vectors.load("frost/dealer_seeded").cases) do
        it(("gives every byte: %s of %d, key %s…"):format(case.threshold, #case.members, case.key_group:sub(1, 6)), function()
            local packages, keys = run.deal(integers(case.members), math.tointeger(case.threshold), bytes(case.seed))
            assert.equal(case.public_package, hex(keys:encode()))
            assert.equal(case.key_group, hex(keys:key()))
            local by_identifier = {}
            for _, entry in ipairs(case.key_packages) do by_identifier[frost.identifier(entry.member)] = entry.hex end
            for i, identifier in ipairs(keys:identifiers()) do
                assert.equal(by_identifier[identifier], hex(packages[i]))
            end
            keys:check_degree(math.tointeger(case.threshold))
        end)
    end

    it("refuses what is no group", function()
        local function name_of(members, threshold) return select(2, run.deal(members, threshold, seed(1))) end
        assert.equal("FROST_MIN_SIGNERS", name_of({ 1, 2 }, 1))
        assert.equal("FROST_MIN_SIGNERS", name_of({ 1, 2 }, 3))
        assert.equal("FROST_MAX_SIGNERS", name_of({ 1 }, 2))
        assert.equal("FROST_FIELD", name_of({ 0, 2 }, 2))
        assert.equal("FROST_DUPLICATED_IDENTIFIER", name_of({ 2, 2 }, 2))
    end)
end)
