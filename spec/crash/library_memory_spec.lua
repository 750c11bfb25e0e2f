-- Memory images of a host that made a wallet with the library and signs with it, after each reply and in the
-- sync of round 2: no coefficient, proof nonce, share of the key generation, signing share, nonce or scratch
-- scalar outside the guarded memory (interactive-session 18). Of the release build too, which has no fault
-- points; the library draws and hashes through the host, so that every secret is known.
local cjson = require("cjson")
local child = require("spec.support.child")
local host = require("spec.support.host")
local images = require("spec.crash.images")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local dkg, frost = signer.test_dkg, signer.test_frost
local bytes, hex = vectors.bytes, vectors.hex
local THRESHOLD = 2

--- What the host wrote down. @return table  replies (by call, in order), draws, hashes
local function read_secrets(path)
    local out = { draw = {}, hash = {} }
    for line in io.lines(path) do
        local name, value = line:match("^(%g+) (.*)$")
        out[name] = out[name] or {}
        local list = out[name]
        list[#list + 1] = (name == "draw" or name == "hash") and bytes(value) or cjson.decode(value)
    end
    return out
end

local function keep_key_generation(list, seen)
    for member, reply in ipairs(seen.dkg_part1 or {}) do
        local secret = bytes(reply.secret_package_hex)
        for k = 1, THRESHOLD do list.keep("coefficient of " .. member, secret:sub(34 + 32 * (k - 1), 33 + 32 * k)) end
        local found
        for _, draw in ipairs(seen.draw) do
            if #draw == 32 and dkg.stream(draw, 1) == secret:sub(34, 65) then
                found = true
                list.keep("seed of " .. member, draw)
                list.keep("nonce of the proof of " .. member, dkg.stream(draw, THRESHOLD + 1):sub(-32))
            end
        end
        assert(found, "the seed is not among the draws")
    end
    for member, reply in ipairs(seen.dkg_part2 or {}) do
        local at = 33 + 33 * THRESHOLD
        list.keep("own share of " .. member, bytes(reply.secret_package_hex):sub(at + 1, at + 32))
        for _, package in ipairs(reply.packages) do
            list.keep("share from " .. member, dkg.round2_share(bytes(package.package_hex)))
        end
    end
    for member, reply in ipairs(seen.dkg_part3 or {}) do
        list.keep("signing share of " .. member, frost.key_package(bytes(reply.key_package.data_hex)).signing_share)
    end
end

--- @return string|nil  the share of seat 1 as it must come out
local function keep_signing(list, seen)
    local key = bytes(seen.persist_distributed_dkg_key_package[1].key_group)
    local package = seen.new_signing_package and
        signer.frost.signing_package(bytes(seen.new_signing_package[1].signing_package_hex))
    local round = package and frost.round(package, key)
    local first
    for member, reply in ipairs(seen.interactive_round1 or {}) do
        local packed = bytes(seen.dkg_part3[member].key_package.data_hex)
        local nonces = frost.nonces(packed, seen.hash[2 * member - 1], seen.hash[2 * member])
        assert(nonces:sub(-#bytes(reply.commitments_hex)) == bytes(reply.commitments_hex), "other nonces")
        local one = { member = member, index = package and member, share = frost.key_package(packed).signing_share,
            hiding = nonces:sub(6, 37), binding = nonces:sub(38, 69) }
        local share = images.keep_signing(list, one, round, key)
        first = first or share
    end
    return first
end

if not child.sanitized then
    describe("memory images of a host", function()
        local folder, program, keep, running

        setup(function()
            folder = child.folder()
            program = folder .. "/host"
            local flags = "-std=c11 -D_GNU_SOURCE -D_Thread_local= -O1 -rdynamic -Iinclude -Wl,-z,"
            for _, binding in ipairs({ "now", "lazy" }) do
                assert(os.execute(("gcc %s%s spec/crash/host.c -o '%s-%s' -ldl"):format(flags, binding, program, binding)))
            end
            keep = folder .. "/keep.so"
            assert(os.execute(("gcc -O1 -shared -fPIC -o '%s' spec/crash/keep.c"):format(keep)))
        end)

        after_each(function()
            if running then running.kill() end
            running = nil
        end)

        teardown(function() child.remove(folder) end)

        --- Runs to the reply number `number` of a call. @return table secrets, table what the host wrote down
        local function reach(library, call, number, preload, binding)
            local store = folder .. "/run"
            assert(os.execute(("rm -rf '%s'; mkdir -m 0700 '%s'"):format(store, store)))
            running = images.start(("'%s-%s' '%s' '%s' %s %d %s"):format(program, binding or "now", library, store, call, number,
                hex(images.PLANTED)), child.environment({ preload and "LD_PRELOAD=" .. preload }))
            running.wait(function() return running.text:find("stopped") and images.sleeps(running.pid) end)
            return read_secrets(store .. "/secrets")
        end

        for _, build in ipairs({ host.build, "build" }) do
            local library = build .. "/libfrost_tbtc.so"
            local called = build == "build" and "release" or "test"

            local function hold_nothing(call, number, preload, binding)
                local seen = reach(library, call, number, preload, binding)
                local list = images.secrets()
                keep_key_generation(list, seen)
                if seen.interactive_round1 and #seen.interactive_round1 == 2 then keep_signing(list, seen) end
                images.assert_clean(list, { pid = running.pid }, binding ~= "lazy")
                return seen
            end

            for _, stage in ipairs({ { "dkg_part1", 3 }, { "dkg_part2", 3 }, { "dkg_part3", 1 },
                { "persist_distributed_dkg_key_package", 3 }, { "interactive_round1", 2 }, { "sync", 0 },
                { "interactive_round2", 1 }, { "interactive_aggregate", 1 } }) do
                it(("NC-2 hold nothing at %s %d (%s build)"):format(stage[1], stage[2], called), function()
                    local seen = hold_nothing(stage[1], stage[2])
                    if stage[1] ~= "interactive_round2" then return end
                    local share = keep_signing(images.secrets(), seen) -- the scalars are those of the library
                    assert.equal(hex(share), seen.interactive_round2[1].signature_share_hex)
                end)
            end

            it("NC-2 hold nothing where the heap never forgets: no Lua string ever was one (" .. called .. " build)", function()
                hold_nothing("interactive_round2", 1, keep)
            end)

            -- The stub that binds a call of the host stores the vector registers on the stack. Texts there are the
            -- host's own: it copied them.
            for _, stage in ipairs({ { "persist_distributed_dkg_key_package", 3 }, { "interactive_round2", 1 } }) do
                it(("hold nothing in a host that is bound lazily, at %s (%s build)"):format(stage[1], called), function()
                    hold_nothing(stage[1], stage[2], nil, "lazy")
                end)
            end

            it("the search finds them where they may be: in the guarded memory (" .. called .. " build)", function()
                local list = images.secrets()
                local seen = reach(library, "interactive_round1", 2)
                keep_signing(list, seen)
                local found = {}
                local hits = signer.test_crash.search({ pid = running.pid, secrets = list.values, hidden = true })
                for _, hit in ipairs(hits) do
                    found[list.names[hit.secret]] = hit.place
                end
                for _, name in ipairs({ "share 1", "share 2", "hiding 1", "binding 2" }) do
                    assert.equal("left out of dumps", found[name], name)
                end
            end)
        end
    end)
end
