-- Memory images of a large key generation that splits its work over threads: no coefficient, proof nonce, share or signing
-- share lies outside the guarded memory, the stacks of the workers included, while they work and behind the reply
-- (interactive-session 18).
local cjson = require("cjson")
local child = require("spec.support.child")
local host = require("spec.support.host")
local images = require("spec.crash.images")
local json = require("tbtc_signer.json")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local curve, dkg, frost = signer.test_curve, signer.test_dkg, signer.test_frost
local bytes, hex = vectors.bytes, vectors.hex

local MEMBERS, THRESHOLD = 90, 12 -- more than 1024 commitments, two chunks of polynomials

local function identifier(member) return ('"%064x"'):format(member) end

--- f(1), the coefficients from a round-1 secret.
local function share_for_first(secret)
    local value = ("\0"):rep(32)
    for k = THRESHOLD, 1, -1 do value = curve.add(value, secret:sub(34 + 32 * (k - 1), 33 + 32 * k)) end
    return value
end

--- Writes what the others send to member 1. @return table  of the shares
local function write_others(folder)
    local packages, list, received = {}, {}, {}
    for member = 2, MEMBERS do
        local package, secret = dkg.part1(member, MEMBERS, THRESHOLD, signer.curve.sha256("other " .. member))
        local share = share_for_first(secret)
        packages[#packages + 1] = { identifier = identifier(member), package_hex = hex(package:encode()) }
        received[#received + 1] = share
        list[#list + 1] = { identifier = identifier(1), sender_identifier = identifier(member),
            package_hex = hex("\0\x23\x0f\x8a\xb3" .. share) }
    end
    child.write_all(folder .. "/members", ('"max_signers":%d,"min_signers":%d'):format(MEMBERS, THRESHOLD))
    child.write_all(folder .. "/packages", json.encode(packages))
    child.write_all(folder .. "/shares", json.encode(list))
    return received
end

--- Replies by call, and the list of 32-byte draws.
local function read_secrets(path)
    local seen, draws = {}, {}
    for line in io.lines(path) do
        local name, value = line:match("^(%g+) (.*)$")
        if name == "draw" then
            draws[#draws + 1] = bytes(value)
        else
            seen[name] = cjson.decode(value)
        end
    end
    return seen, draws
end

--- Everything secret that the seat has made or was sent up to here.
local function keep_all(seen, draws, received)
    local list = images.secrets()
    local secret = bytes(seen.dkg_part1.secret_package_hex)
    local own, drawn = ("\0"):rep(32), nil
    for k = THRESHOLD, 1, -1 do
        local coefficient = secret:sub(34 + 32 * (k - 1), 33 + 32 * k)
        own = curve.add(own, coefficient)
        list.keep("coefficient " .. k, coefficient)
    end
    for _, draw in ipairs(draws) do
        if dkg.stream(draw, 1) == secret:sub(34, 65) then
            drawn = true
            list.keep("seed", draw)
            list.keep("nonce of the proof", dkg.stream(draw, THRESHOLD + 1):sub(-32))
        end
    end
    assert(drawn, "the seed is not among the draws")
    list.keep("own share", own)
    for _, package in ipairs(seen.dkg_part2 and seen.dkg_part2.packages or {}) do
        list.keep("share for " .. package.identifier, dkg.round2_share(bytes(package.package_hex)))
    end
    local sum = own
    for index, share in ipairs(received) do
        list.keep("share from " .. index + 1, share)
        sum = curve.add(sum, share)
    end
    list.keep("signing share", sum)
    if seen.dkg_part3 then -- the sum with the tweak of no root, and even Y
        list.keep("tweaked signing share", frost.key_package(bytes(seen.dkg_part3.key_package.data_hex)).signing_share)
    end
    return list
end

if not child.sanitized then
    describe("memory images of a key generation on several threads", function()
        local folder, program, received, running

        setup(function()
            folder = child.folder()
            program = folder .. "/host"
            assert(os.execute(("gcc -std=c11 -D_GNU_SOURCE -D_Thread_local= -O1 -rdynamic -Iinclude -Wl,-z,now "
                .. "spec/crash/group_host.c -o '%s' -ldl -lpthread"):format(program)))
            received = write_others(folder)
        end)

        after_each(function()
            if running then running.kill() end
            running = nil
        end)

        teardown(function() child.remove(folder) end)

        --- @return table  secrets
        local function reach(library, workers, call, where)
            assert(os.execute(("rm -rf '%s/state'*"):format(folder)))
            running = images.start(("'%s' '%s' '%s' %d %s %s %s"):format(program, library, folder, workers, call, where,
                hex(images.PLANTED)), child.environment({}))
            running.wait(function() return running.text:find("stopped") and images.sleeps(running.pid) end)
            local seen, draws = read_secrets(folder .. "/secrets")
            assert.equal(where == "reply", seen[call] ~= nil)
            return keep_all(seen, draws, received)
        end

        for _, build in ipairs({ host.build, "build" }) do
            local library, called = build .. "/libfrost_tbtc.so", build == "build" and "release" or "test"
            for _, workers in ipairs({ 2, 8 }) do
                for _, call in ipairs({ "dkg_part2", "dkg_part3" }) do
                    for _, where in ipairs({ "worker", "reply" }) do
                        it(("NC-2 hold nothing at %s of %s with %d workers (%s build)"):format(where, call, workers, called),
                            function()
                                images.assert_clean(reach(library, workers, call, where), { pid = running.pid })
                            end)
                    end
                end
            end

            it("the search finds them where they may be: in the guarded memory (" .. called .. " build)", function()
                local list = reach(library, 2, "dkg_part3", "worker")
                local looked_for = { ["own share"] = true, ["share from 2"] = true, ["share from 90"] = true }
                for index, name in ipairs(list.names) do
                    if looked_for[name] then
                        local hits = signer.test_crash.search({ pid = running.pid, secrets = { list.values[index] },
                            hidden = true })
                        assert.equal("left out of dumps", hits[1] and hits[1].place, name)
                        looked_for[name] = nil
                    end
                end
                assert.is_nil(next(looked_for))
            end)
        end
    end)
end
