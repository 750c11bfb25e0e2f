-- dkg_part1 to dkg_part3 (abi 3.5, frost 6): forms, limits, culprits, custody.
local engines = require("spec.support.engines")
local signer = require("tbtc_signer")

local fault = signer.test_fault

local function id(member) return ("\"%064x\""):format(member) end

describe("distributed key generation", function()
    local engine

    before_each(function() engine = engines.new() end)
    after_each(function()
        engine:close()
        engines.clean()
    end)

    local function part1(changes)
        local request = { participant_identifier = id(1), max_signers = 3, min_signers = 2 }
        for name, value in pairs(changes or {}) do request[name] = value end
        return request
    end

    --- Message of a validation error, and its culprits.
    local function refused(name, request)
        local code, envelope = engine:refuse(name, request)
        assert.equal("validation_error", code)
        return envelope.message, envelope.culprits
    end

    it("ends with one key, equal public packages and distinct seats", function()
        local keys = engine:dkg(4, 3)
        for index = 2, 4 do
            assert.same(keys[1].public_key_package, keys[index].public_key_package)
            assert.equal(id(index), keys[index].key_package.identifier)
        end
        assert.equal(64, #keys[1].public_key_package.verifying_key)
        local count = 0
        for text, share in pairs(keys[1].public_key_package.verifying_shares) do
            assert.truthy(text:find('^"%x+"$'))
            assert.equal(66, #share)
            count = count + 1
        end
        assert.equal(4, count)
    end)

    it("never gives a secret to Lua as text", function()
        local keys, rounds = engine:dkg(2, 2)
        assert.equal("userdata", type(keys[1].key_package.data_hex))
        assert.equal("userdata", type(rounds.second[1].packages[1].package_hex))
        assert.is_nil(rounds.second[1].packages[1].sender_identifier) -- the host adds it
    end)

    it("takes identifiers with or without quotes, blanks, any case; answers them canonically", function()
        for _, text in ipairs({ ("%064x"):format(171), id(171), ' "' .. ("%064X"):format(171) .. '"\t' }) do
            assert.equal(id(171), engine:must("dkg_part1", part1({ participant_identifier = text })).package.identifier)
        end
    end)

    it("refuses what is no identifier", function()
        for _, text in ipairs({ "", " ", '"', '""', '"1"', ("0"):rep(64), ("f"):rep(64), ("0"):rep(63) .. "g",
            '"' .. ("%064x"):format(1), ("%064x"):format(1) .. '"', "0x" .. ("%062x"):format(1), ("%066x"):format(1) }) do
            assert.truthy(refused("dkg_part1", part1({ participant_identifier = text })):find("participant_identifier", 1, true))
        end
    end)

    it("frost 6 checks counts in their order; D-042 and D-132 bound them", function()
        local function text(max, min, identifier)
            return refused("dkg_part1", part1({ max_signers = max, min_signers = min, participant_identifier = identifier }))
        end
        assert.truthy(text(0, 0, "x"):find("max_signers must not be zero", 1, true))
        assert.truthy(text(3, 0, "x"):find("min_signers must not be zero", 1, true))
        assert.truthy(text(2, 3, "x"):find("min_signers must not be larger", 1, true))
        assert.truthy(text(257, 2, "x"):find("larger than 256", 1, true))
        assert.truthy(text(2, 2, "x"):find("participant_identifier", 1, true))
        assert.truthy(text(3, 1):find("DKGPart1 failed: min_signers must be at least 2", 1, true))
        assert.truthy(text(1, 1):find("DKGPart1 failed: ", 1, true))
        engine:must("dkg_part1", part1({ max_signers = 256, min_signers = 2 }))
    end)

    it("draws anew on each call", function()
        assert.are_not.equal(engine:must("dkg_part1", part1()).package.package_hex,
            engine:must("dkg_part1", part1()).package.package_hex)
    end)

    describe("part 2", function()
        local first

        before_each(function()
            first = {}
            for i = 1, 3 do first[i] = engine:must("dkg_part1", part1({ participant_identifier = id(i) })) end
        end)

        local function request(changes)
            local all = { secret_package_hex = first[1].secret_package_hex,
                round1_packages = { first[2].package, first[3].package } }
            for name, value in pairs(changes or {}) do all[name] = value end
            return all
        end

        it("gives one share a recipient, ascending, whatever the order of the packages", function()
            local reply = engine:must("dkg_part2", request({ round1_packages = { first[3].package, first[2].package } }))
            assert.equal(id(2), reply.packages[1].identifier)
            assert.equal(id(3), reply.packages[2].identifier)
            assert.equal(2, #reply.packages)
        end)

        it("refuses wrong lists", function()
            local function text(...) return (refused("dkg_part2", request({ round1_packages = { ... } }))) end
            assert.truthy(text(first[2].package, first[2].package):find("a sender appears twice", 1, true))
            assert.truthy(text(first[2].package):find("DKGPart2 failed: Incorrect number of packages.", 1, true))
            assert.truthy(text(first[1].package, first[2].package):find("DKGPart2 failed: Unknown identifier.", 1, true))
            assert.truthy(text({ identifier = "x", package_hex = "00" }):find("round1_packages[0].identifier", 1, true))
        end)

        it("D-016 names who sent a package that does not decode", function()
            local bad = { identifier = id(3), package_hex = first[3].package.package_hex:sub(1, -3) }
            local message, culprits = refused("dkg_part2", request({ round1_packages = { first[2].package, bad } }))
            assert.truthy(message:find("DKGPart2: round1_packages[1]: Error deserializing value.", 1, true))
            assert.same({ id(3) }, culprits)
        end)

        it("D-016 names the first fault of the list, however many threads decode it", function()
            local count, threshold = 40, 27 -- more than 1024 commitments
            for _, threads in ipairs({ "1", "2", "5" }) do
                engine:close()
                engine = engines.new({ WORKER_THREADS = threads })
                local made = {}
                for i = 1, count do
                    made[i] = engine:must("dkg_part1",
                        part1({ participant_identifier = id(i), max_signers = count, min_signers = threshold }))
                end
                local function answer(changes)
                    local peers = {}
                    for i = 2, count do peers[i - 1] = changes[i] or made[i].package end
                    return engine:call("dkg_part2",
                        { secret_package_hex = made[1].secret_package_hex, round1_packages = peers })
                end
                local function given(i, hex) return { identifier = id(i), package_hex = hex } end
                local function cut(i) return given(i, made[i].package.package_hex:sub(1, -3)) end
                for _, case in ipairs({
                    { { [9] = cut(9), [40] = cut(40) }, "round1_packages[7]: Error deserializing", { id(9) } },
                    { { [29] = cut(29), [30] = given(30, "0") }, "round1_packages[27]: Error deserializing", { id(29) } },
                    { { [31] = cut(31), [30] = given(30, "0") }, "round1_packages[28].package_hex: hex text of odd length" },
                    { { [12] = given(11, made[12].package.package_hex) }, "round1_packages[10]: a sender appears twice" },
                    { { [20] = given(20, made[21].package.package_hex) }, "The proof of knowledge is not valid.", { id(20) } },
                }) do
                    local reply, refusal = answer(case[1])
                    assert.is_true(reply == nil)
                    assert.truthy(refusal.message:find(case[2], 1, true), refusal.message)
                    assert.same(case[3], refusal.culprits)
                end
                assert.equal(count - 1, #answer({}).packages)
            end
        end)

        it("refuses a number of threads that is none", function()
            engine:close()
            engine = engines.new({ WORKER_THREADS = "0" })
            local made = {}
            for i = 1, 3 do made[i] = engine:must("dkg_part1", part1({ participant_identifier = id(i) })) end
            local code = engine:refuse("dkg_part2", { secret_package_hex = made[1].secret_package_hex,
                round1_packages = { made[2].package, made[3].package } })
            assert.equal("internal_error/invalid_configuration_value", code)
        end)

        it("D-016 names who sent a proof that does not hold", function()
            local swapped = { identifier = id(3), package_hex = first[2].package.package_hex }
            local message, culprits = refused("dkg_part2", request({ round1_packages = { first[2].package, swapped } }))
            assert.truthy(message:find("DKGPart2 failed: The proof of knowledge is not valid.", 1, true))
            assert.same({ id(3) }, culprits)
        end)

        it("D-016 names who sent another number of commitments", function()
            local longer = engine:must("dkg_part1", part1({ participant_identifier = id(3), min_signers = 3 }))
            local message, culprits = refused("dkg_part2", request({ round1_packages = { first[2].package, longer.package } }))
            assert.truthy(message:find("DKGPart2 failed: Incorrect number of commitments.", 1, true))
            assert.same({ id(3) }, culprits)
        end)

        it("frost 6.2 draws the weights of the proofs anew; without randomness there is an error and no share", function()
            fault.arm("random", "error", 1)
            local code, envelope = engine:refuse("dkg_part2", request())
            fault.clear()
            assert.equal("internal_error", code)
            assert.is_nil(envelope.culprits)
            local machine = signer.test_platform.new({ wall_ms = 1700000000000, monotonic_ms = 1 })
            local own = engines.new(nil, { platform = machine })
            local made = {}
            for i = 1, 3 do made[i] = own:must("dkg_part1", part1({ participant_identifier = id(i) })) end
            -- Whatever the source gives, even zeros: the verdict is the same, and the bytes were asked for.
            machine:script_random({ ("\0"):rep(32), ("\1"):rep(32) })
            local function part2(second, third)
                return own:call("dkg_part2", { secret_package_hex = made[1].secret_package_hex,
                    round1_packages = { second, third } })
            end
            assert(part2(made[2].package, made[3].package))
            local _, refusal = part2(made[2].package, { identifier = id(3), package_hex = made[2].package.package_hex })
            assert.same({ id(3) }, refusal.culprits)
            assert.not_equal(("\1"):rep(32), machine:random(32)) -- both were taken
            own:close()
        end)

        it("gives a polynomial's shares to one set of round-1 packages only, again and again", function()
            local secret = engine:must("dkg_part1", part1())
            local own = { secret_package_hex = secret.secret_package_hex }
            local before = engine:must("dkg_part2", request(own))
            local other = engine:must("dkg_part1", part1({ participant_identifier = id(3) }))
            local elsewhere = engine:must("dkg_part1", part1({ participant_identifier = id(7) }))
            for _, stranger in ipairs({ other, elsewhere }) do
                local message = refused("dkg_part2", request({ secret_package_hex = secret.secret_package_hex,
                    round1_packages = { first[2].package, stranger.package } }))
                assert.truthy(message:find("DKGPart2 failed: The incorrect package was specified.", 1, true), message)
            end
            assert.equal(#before.packages, #engine:must("dkg_part2", request(own)).packages)
        end)

        it("refuses a secret of another step", function()
            local second = engine:must("dkg_part2", request())
            assert.truthy(refused("dkg_part2", request({ secret_package_hex = second.secret_package_hex }))
                :find("Error deserializing value.", 1, true))
        end)
    end)

    describe("part 3", function()
        local rounds

        before_each(function() rounds = select(2, engine:dkg(3, 2)) end)

        local function request(changes)
            local all = {
                secret_package_hex = rounds.second[1].secret_package_hex, round1_packages = rounds.peers(1),
                round2_packages = rounds.shares(1),
            }
            for name, value in pairs(changes or {}) do all[name] = value end
            return all
        end

        local function shares(change)
            local list = rounds.shares(1)
            change(list)
            return { round2_packages = list }
        end

        it("wants a sender, one share each, addressed to the local participant", function()
            local function text(change) return (refused("dkg_part3", request(shares(change)))) end
            assert.truthy(text(function(list) list[1].sender_identifier = nil end):find("sender_identifier is missing", 1, true))
            assert.truthy(text(function(list) list[2].sender_identifier = id(2) end):find("a sender appears twice", 1, true))
            assert.truthy(text(function(list) list[2].identifier = id(2) end):find("addressed to another participant", 1, true))
            assert.truthy(text(function(list)
                list[1].identifier, list[2].identifier = id(2), id(2)
            end):find("not addressed to this participant", 1, true))
            assert.truthy(text(function(list) list[2] = nil end):find("Incorrect number of packages.", 1, true))
            assert.truthy(text(function(list) list[2].sender_identifier = id(4) end)
                :find("The incorrect package was specified.", 1, true))
        end)

        it("D-016 names who sent a share that does not fit", function()
            local message, culprits = refused("dkg_part3", request(shares(function(list)
                list[2].package_hex = list[1].package_hex
            end)))
            assert.truthy(message:find("DKGPart3 failed: Invalid secret share.", 1, true))
            assert.same({ id(3) }, culprits)
        end)

        it("D-042 refuses other round-1 packages than part 2 saw", function()
            local other = engine:must("dkg_part1", part1({ participant_identifier = id(3) }))
            local peers = { rounds.first[2].package, other.package }
            assert.truthy(refused("dkg_part3", request({ round1_packages = peers }))
                :find("The incorrect package was specified.", 1, true))
        end)

        it("frost 6.3 gives no key where the randomness for its weights fails", function()
            fault.arm("random", "error", 1)
            local code = engine:refuse("dkg_part3", request())
            fault.clear()
            assert.equal("internal_error", code)
            engine:must("dkg_part3", request())
        end)

        it("takes the same call again", function()
            local one, two = engine:must("dkg_part3", request()), engine:must("dkg_part3", request())
            assert.same(one.public_key_package, two.public_key_package)
        end)
    end)
end)
