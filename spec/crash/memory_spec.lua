-- Memory images made at fixed points of a signing hold no signing share, no nonce and no scratch scalar, in
-- any byte order, and no Lua string ever held one (interactive-session 18). The secrets are known from
-- processes of their own: one made the wallet, a twin drew the same nonces from the same randomness.
local luv = require("luv")
local child = require("spec.support.child")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local curve, crash, frost = signer.test_curve, signer.test_crash, signer.frost
local bytes = vectors.bytes
local build = os.getenv("SIGNER_BUILD") or "build/test"
local PLANTED = signer.curve.sha256("planted")
local ROOT = ("\x11"):rep(32)

--- Runs the signer process to its end. @return table lines by name
local function run(command, folder, key_group)
    local pipe = assert(io.popen(("SIGNER_BUILD='%s' KEY_GROUP='%s' lua5.4 spec/crash/signer.lua %s '%s' 2>/dev/null")
        :format(build, key_group or "", command, folder)))
    local out = {}
    for line in pipe:lines() do
        local name, value = line:match("^(%a+) (.+)$")
        out[name] = out[name] or {}
        table.insert(out[name], value)
    end
    assert(pipe:close())
    return out
end

--- Starts the signer process. @return table with pid, lines, kill
local function start(folder, key_group, point, preload)
    local output = assert(luv.new_pipe())
    local environment = { "SIGNER_BUILD=" .. build, "KEY_GROUP=" .. key_group, "PATH=" .. os.getenv("PATH") }
    if preload then environment[#environment + 1] = "LD_PRELOAD=" .. preload end
    local process = { text = "" }
    process.handle, process.pid = assert(luv.spawn("/bin/sh", {
        args = { "-c", ("ulimit -c unlimited; exec lua5.4 spec/crash/signer.lua sign '%s' %s 2>/dev/null")
            :format(folder, point) },
        stdio = { nil, output, 2 }, env = environment,
    }, function(_, signal) process.ended = signal or 0 end))
    output:read_start(function(_, data) process.text = process.text .. (data or "") end)
    function process.wait(until_true)
        local limit = luv.hrtime() + 20e9
        while not until_true() do
            assert(luv.hrtime() < limit, "the signer process does not come to its point:\n" .. process.text)
            assert(not process.ended, "the signer process ended:\n" .. process.text)
            luv.run("nowait")
            luv.sleep(5)
        end
    end
    function process.kill()
        if not process.ended then luv.process_kill(process.handle, "sigkill") end
        local limit = luv.hrtime() + 10e9
        while not process.ended and luv.hrtime() < limit do luv.run("once") end
        output:close()
        process.handle:close()
        luv.run("nowait")
    end
    return process
end

--- Sleeping, twice in a row: nothing but the fault point or its last sleep holds it then.
local function sleeps(pid)
    for _ = 1, 3 do
        local state = child.read_all(("/proc/%d/stat"):format(pid)):match("%) (%a)")
        if state ~= "S" then return false end
        luv.sleep(30)
    end
    return true
end

--- Everything that signing makes of the secrets, named; and the share that comes out, by member.
local function scratch(twin, key_group)
    local names, secrets, shares = {}, {}, {}
    local function keep(name, value)
        for _, pair in ipairs({ { "", value }, { "-", curve.negate(value) } }) do
            names[#names + 1] = pair[1] .. name
            secrets[#secrets + 1] = pair[2]
        end
    end
    local package = frost.signing_package(bytes(twin.package[1]))
    local key = bytes(key_group)
    local round = signer.test_frost.round(package, key, ROOT)
    -- Even Y, tweak, even Y again: what the share becomes before it meets the weight.
    local internal = key:sub(2)
    local tweak = curve.reduce(signer.curve.tagged_hash("TapTweak", internal .. ROOT))
    local tweaked = curve.point_add("\2" .. internal, curve.mul_base(tweak))
    for member = 1, 3 do
        local share, hiding, binding = table.unpack(twin.secret, 3 * member - 2, 3 * member)
        share, hiding, binding = bytes(share), bytes(hiding), bytes(binding)
        keep("share " .. member, share)
        keep("hiding " .. member, hiding)
        keep("binding " .. member, binding)
        local even = curve.negate_if(share, key:byte(1) == 3)
        local adjusted = curve.negate_if(curve.add(even, tweak), tweaked:byte(1) == 3)
        keep("tweaked share " .. member, curve.add(even, tweak))
        if member < 3 then
            local weight = curve.mul(round.lagrange[member], round.challenge)
            local bound = curve.mul(binding, round.binding_factors[member])
            local nonce = curve.add(hiding, bound)
            keep("e rho " .. member, bound)
            keep("d + e rho " .. member, nonce)
            keep("s lambda " .. member, curve.mul(adjusted, round.lagrange[member]))
            keep("s c " .. member, curve.mul(adjusted, round.challenge))
            keep("s lambda c " .. member, curve.mul(adjusted, weight))
            shares[member] = curve.add(curve.negate_if(nonce, round.odd), curve.mul(adjusted, weight))
        end
    end
    return names, secrets, shares
end

local function describe_hits(hits, names)
    local lines = {}
    for i, hit in ipairs(hits) do
        lines[i] = ("%s, %s, at 0x%x (%s)"):format(names[hit.secret], hit.form, hit.at, hit.place)
    end
    return table.concat(lines, "\n")
end

-- Under the sanitizers memory is laid out in another way, and their shadow is too large to search.
if not child.sanitized then
    describe("memory images", function()
        local folder, key_group, twin, names, secrets, shares, keep
        local running

        setup(function()
            folder = child.folder()
            assert(os.execute(("mkdir '%s/wallet'"):format(folder)))
            key_group = run("wallet", folder .. "/wallet").key[1]
            assert(os.execute(("cp -a '%s/wallet' '%s/twin'"):format(folder, folder)))
            twin = run("twin", folder .. "/twin", key_group)
            names, secrets, shares = scratch(twin, key_group)
            keep = folder .. "/keep.so"
            assert(os.execute(("gcc -O1 -shared -fPIC -o '%s' spec/crash/keep.c"):format(keep)))
        end)

        after_each(function()
            if running then running.kill() end
            running = nil
        end)

        teardown(function() child.remove(folder) end)

        local function reach(point, preload)
            local copy = folder .. "/run"
            assert(os.execute(("rm -rf '%s'; cp -a '%s/wallet' '%s'"):format(copy, folder, copy)))
            running = start(copy, key_group, point, preload)
            running.wait(function() return running.text:find("calling %g+\n") and sleeps(running.pid) end)
            if point == "done" then running.wait(function() return running.text:find("share %x+\n") end) end
            assert.equal(twin.package[1], running.text:match("package (%x+)"))
        end

        local function assert_clean(what)
            local list = table.move(secrets, 1, #secrets, 1, {})
            list[#list + 1] = PLANTED
            what.secrets = list
            local hits, searched = crash.search(what)
            local bad, planted = {}, 0
            for _, hit in ipairs(hits) do
                if hit.secret == #list then planted = planted + 1 else bad[#bad + 1] = hit end
            end
            assert.equal("", describe_hits(bad, names))
            assert.is_true(planted > 0, "the planted value was not found")
            assert.is_true(searched > 1000000)
        end

        it("the recomputed scalars are those of the engine: they add up to its share", function()
            reach("done")
            assert.equal(vectors.hex(shares[1]), running.text:match("share (%x+)"))
        end)

        it("the search finds them where they may be: in the guarded memory", function()
            reach("after_append")
            local found = {}
            for _, hit in ipairs((crash.search({ pid = running.pid, secrets = secrets, hidden = true }))) do
                found[names[hit.secret]] = hit.place
            end
            for _, name in ipairs({ "share 1", "share 2", "share 3", "hiding 1", "binding 1", "hiding 3" }) do
                assert.equal("left out of dumps", found[name], name)
            end
        end)

        for _, point in ipairs({ "committed", "after_append", "after_sync", "after_share", "done" }) do
            it("hold nothing at " .. point, function()
                reach(point)
                assert_clean({ pid = running.pid })
            end)
        end

        it("hold nothing in a core file of the debugger, at each point", function()
            for _, point in ipairs({ "after_append", "after_share" }) do
                reach(point)
                local command = "gdb -nx -batch -p %d -ex 'set use-coredump-filter on' -ex 'generate-core-file %s/core'" ..
                    " >/dev/null 2>&1"
                assert(os.execute(command:format(running.pid, folder)))
                assert_clean({ file = folder .. "/core" })
                os.remove(folder .. "/core")
                running.kill()
                running = nil
            end
        end)

        it("hold nothing in a core file of the kernel", function()
            local pattern = child.read_all("/proc/sys/kernel/core_pattern"):match("^(%S*)")
            if pattern:find("^[|/]") then
                pending("this machine sends core files elsewhere: " .. pattern)
                return
            end
            reach("after_share")
            luv.kill(running.pid, "sigabrt")
            local pid = running.pid
            running.kill()
            running = nil
            local name = assert(io.popen(("ls -d %s* *.%d 2>/dev/null"):format(pattern, pid))):read("l")
            if not name then
                pending("this machine writes no core file")
                return
            end
            local kept = folder .. "/kernel"
            assert(os.execute(("mv '%s' '%s'"):format(name, kept)))
            assert_clean({ file = kept })
        end)

        it("NC-2 hold nothing where the heap never forgets: no Lua string ever was one", function()
            for _, point in ipairs({ "after_append", "done" }) do
                reach(point, keep)
                assert_clean({ pid = running.pid })
                running.kill()
                running = nil
            end
        end)
    end)
end
