-- Memory images made at fixed points of a signing hold no signing share, no nonce and no scratch scalar, in
-- any byte order, and no Lua string ever held one (interactive-session 18). The secrets are known from
-- processes of their own: one made the wallet, a twin drew the same nonces from the same randomness.
local luv = require("luv")
local child = require("spec.support.child")
local images = require("spec.crash.images")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local crash = signer.test_crash
local bytes = vectors.bytes
local build = os.getenv("SIGNER_BUILD") or "build/test"
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

--- Starts the signer process. @return table  of images.start
local function start(folder, key_group, point, preload)
    local environment = child.environment({ "SIGNER_BUILD=" .. build, "KEY_GROUP=" .. key_group })
    if preload then environment[#environment + 1] = "LD_PRELOAD=" .. preload end
    return images.start(("lua5.4 spec/crash/signer.lua sign '%s' %s"):format(folder, point), environment)
end

--- Everything that signing makes of the secrets; and the share that comes out, by member.
local function scratch(twin, key_group)
    local list, shares = images.secrets(), {}
    local key = bytes(key_group)
    local round = signer.test_frost.round(signer.frost.signing_package(bytes(twin.package[1])), key, ROOT)
    for member = 1, 3 do
        local share, hiding, binding = table.unpack(twin.secret, 3 * member - 2, 3 * member)
        shares[member] = images.keep_signing(list, { member = member, index = member < 3 and member or nil,
            share = bytes(share), hiding = bytes(hiding), binding = bytes(binding) }, round, key, ROOT)
    end
    return list, shares
end

-- Under the sanitizers memory is laid out in another way, and their shadow is too large to search.
if not child.sanitized then
    describe("memory images", function()
        local folder, key_group, twin, secrets, shares, keep
        local running

        setup(function()
            folder = child.folder()
            assert(os.execute(("mkdir '%s/wallet'"):format(folder)))
            key_group = run("wallet", folder .. "/wallet").key[1]
            assert(os.execute(("cp -a '%s/wallet' '%s/twin'"):format(folder, folder)))
            twin = run("twin", folder .. "/twin", key_group)
            secrets, shares = scratch(twin, key_group)
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
            running.wait(function() return running.text:find("calling %g+\n") and images.sleeps(running.pid) end)
            if point == "done" then running.wait(function() return running.text:find("share %x+\n") end) end
            assert.equal(twin.package[1], running.text:match("package (%x+)"))
        end

        local function assert_clean(what) images.assert_clean(secrets, what) end

        it("the recomputed scalars are those of the engine: they add up to its share", function()
            reach("done")
            assert.equal(vectors.hex(shares[1]), running.text:match("share (%x+)"))
        end)

        it("the search finds them where they may be: in the guarded memory", function()
            reach("after_append")
            local found = {}
            for _, hit in ipairs((crash.search({ pid = running.pid, secrets = secrets.values, hidden = true }))) do
                found[secrets.names[hit.secret]] = hit.place
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
            local pid = running.pid
            luv.kill(pid, "sigabrt")
            running.await_end() -- a second signal would cut the file short
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
