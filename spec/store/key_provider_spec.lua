--- State key providers `env` and `command` (sealed-store 4.2, 4.3; D-085, D-137, D-138; field cases 9, 10).
local signer = require("tbtc_signer")
local test_provider, test_vault, test_fault = signer.test_key_provider, signer.test_vault, signer.test_fault
local child = require("spec.support.child")

local KEY = string.rep("0123456789abcdef", 4)
local BYTES = signer.bytes.unhex(KEY)
local ENV_NAME = "TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX"

describe("key provider", function()
    local vault

    before_each(function() vault = test_vault.new{ must_lock = true } end)
    after_each(function()
        test_fault.clear()
        test_provider.setenv(ENV_NAME, nil)
        test_provider.ignore_child_signal(false)
        assert.are.equal(0, vault:usage().live_slots) -- neither a key nor an output stays behind
        vault:close()
    end)

    local function run(command, timeout)
        return test_provider.fetch(vault, { kind = "command", command = command, timeout = timeout })
    end

    local function refused(pattern, command, timeout)
        local good, why = pcall(run, command, timeout)
        assert.is_false(good)
        assert.are.equal("STATE_KEY_UNAVAILABLE", why.error)
        assert.are.equal("state_key_unavailable", why.reason_code)
        assert.matches(pattern, why.detail)
        assert.is_nil(why.detail:find(KEY:sub(1, 16), 1, true))
    end

    --- The same, with more time while the deadline came before the shell had done its lines: a busy machine.
    local function refused_in_time(pattern, command, done)
        for _, seconds in ipairs({ 1, 4, 30 }) do
            local good, why = pcall(run, command, seconds)
            assert.is_false(good)
            if done(why.detail) or seconds == 30 then
                assert.are.equal("STATE_KEY_UNAVAILABLE", why.error)
                assert.matches(pattern:format(seconds), why.detail)
                return seconds
            end
        end
    end

    --- A killed process may take a moment to die.
    local function is_gone(path)
        local pid, start = assert(tonumber(child.read_all(path))), test_provider.now_ms()
        while test_provider.alive(pid) do
            if test_provider.now_ms() > start + 60000 then return false end
        end
        return true
    end

    describe("env", function()
        local function fetch() return test_provider.fetch(vault, { kind = "env", env_name = ENV_NAME }) end

        it("4.2 reads 64 hex digits of either case, white space around them left out", function()
            for _, text in ipairs{ KEY, KEY:upper(), " \t\r\n" .. KEY .. "\n\n", KEY .. "\v\f" } do
                test_provider.setenv(ENV_NAME, text)
                assert.are.equal(BYTES, fetch())
            end
        end)

        it("4.2 refuses anything else", function()
            for _, text in ipairs{ "", " ", KEY:sub(2), KEY .. "0", KEY .. KEY, "0x" .. KEY:sub(3), KEY:sub(1, 63) .. "g",
                KEY:sub(1, 32) .. " " .. KEY:sub(33), KEY:sub(1, 62) .. "\xc3\xa9" } do
                test_provider.setenv(ENV_NAME, text)
                local good, why = pcall(fetch)
                assert.is_false(good)
                assert.are.equal("STATE_KEY_UNAVAILABLE", why.error)
            end
            test_provider.setenv(ENV_NAME, nil)
            assert.matches("not set", select(2, pcall(fetch)).detail)
        end)
    end)

    describe("command", function()
        it("4.3 takes the key that a command prints", function()
            assert.are.equal(BYTES, run("printf " .. KEY))
            assert.are.equal(BYTES, run("echo " .. KEY:upper()))
            assert.are.equal(BYTES, run("printf ' " .. KEY .. " \\r\\n'; echo noise >&2"))
            assert.are.equal(BYTES, run("sleep 0.1; printf " .. KEY:sub(1, 30) .. "; sleep 0.1; echo " .. KEY:sub(31)))
            assert.are.equal(BYTES, run("head -c 300000 /dev/zero >&2; echo " .. KEY)) -- stderr is drained
            assert.are.equal(BYTES, run("printf " .. KEY .. "; printf '%4032s' ' '")) -- 4096 bytes: the cap
        end)

        it("4.3 names the exit status, and takes no key from a command that failed", function()
            refused("status 7", "echo " .. KEY .. "; exit 7")
            refused("status 127", "/no/such/program")
            refused("signal 9", "echo " .. KEY .. "; kill -9 $$")
        end)

        it("4.2 refuses output that is no key, and more than 4 KiB", function()
            refused("no key", "true")
            refused("no key", "echo " .. KEY .. KEY)
            refused("no key", "echo hello")
            refused("no key", "echo " .. KEY:sub(1, 63))
            refused("no key", "echo " .. KEY .. "; echo " .. KEY)
            refused("4096 bytes", "printf " .. KEY .. "; printf '%5000s' ' '")
            refused("4096 bytes", "yes " .. KEY)
            refused("no state key command", nil)
        end)

        it("D-085 has an empty standard input, no variable of ours, and no descriptor of the host", function()
            test_provider.setenv("TBTC_SIGNER_PROFILE", "x")
            test_provider.setenv(ENV_NAME, KEY)
            test_provider.setenv("SIGNER_SPEC_HOST", "kept")
            local script = [[
                env | grep -q ^TBTC_SIGNER_ && exit 21
                [ "$SIGNER_SPEC_HOST" = kept ] || exit 22
                [ "$(cat)" = "" ] || exit 23
                for d in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$d ] && exit 24; done
                echo ]] .. KEY
            local held <close> = assert(io.open("/dev/null"))
            assert.are.equal("file", io.type(held))
            assert.are.equal(BYTES, run(script))
            test_provider.setenv("TBTC_SIGNER_PROFILE", nil)
            test_provider.setenv("SIGNER_SPEC_HOST", nil)
        end)

        it("4.3 a command that does not end is killed with its whole group at the deadline", function()
            local folder = child.folder()
            child.write_all(folder .. "/two", "")
            local start = test_provider.now_ms()
            local seconds = refused_in_time("within %d s", "sleep 600 & echo $! >" .. folder .. "/one; echo $$ >" .. folder
                .. "/two; sleep 600", function() return child.read_all(folder .. "/two") ~= "" end)
            assert.is_true(test_provider.now_ms() - start >= 1000 * seconds)
            for _, name in ipairs{ "one", "two" } do
                assert.is_true(is_gone(folder .. "/" .. name))
            end
            child.remove(folder)
        end)

        it("D-138 a background process cannot hold the call beyond the time-out", function()
            local folder = child.folder()
            local function left_open(detail) return detail:find("left its output open", 1, true) end
            refused_in_time("left its output open", "sleep 600 & echo $! >" .. folder .. "/one; echo " .. KEY, left_open)
            assert.is_true(is_gone(folder .. "/one"))
            -- One that left the group is out of reach, but the call ends.
            refused_in_time("left its output open", "setsid sleep 600 & echo $! >" .. folder .. "/two; echo " .. KEY, left_open)
            os.execute("kill " .. child.read_all(folder .. "/two"))
            child.remove(folder)
        end)

        it("34.7 what a good command leaves running in its group is killed; an agent with a session of its own lives", function()
            local folder = child.folder()
            assert.are.equal(BYTES, run("sleep 60 >/dev/null 2>&1 & echo $! >" .. folder .. "/one;"
                .. "setsid sh -c 'echo $$ >" .. folder .. "/two; exec sleep 60' >/dev/null 2>&1 & while [ ! -s " .. folder
                .. "/two ]; do sleep 0.01; done; echo " .. KEY))
            assert.is_true(is_gone(folder .. "/one"))
            local pid = tonumber(child.read_all(folder .. "/two"))
            assert.is_true(test_provider.alive(pid))
            os.execute("kill " .. pid)
            child.remove(folder)
        end)

        it("4.3 grandchildren that ignore every signal they can go with the group", function()
            local folder = child.folder()
            child.write_all(folder .. "/stubborn", "trap '' TERM HUP INT; echo $$ >\"$1\";"
                .. " [ $2 = 0 ] || sh \"$0\" \"$1$2\" $(($2 - 1)) & while :; do sleep 60; done")
            refused("within 2 s", ("sh %s/stubborn %s/p 3"):format(folder, folder), 2)
            for _, name in ipairs{ "p", "p3", "p32", "p321" } do assert.is_true(is_gone(folder .. "/" .. name)) end
            child.remove(folder)
        end)

        it("D-138 a status that cannot be known is not 0, and never a hang", function()
            test_provider.ignore_child_signal(true)
            refused("SIGCHLD is ignored", "echo " .. KEY)
            refused("SIGCHLD is ignored", "echo " .. KEY .. "; exit 7")
            test_provider.ignore_child_signal(false)
            local result = child.run(([[
                signer.test_key_provider.ignore_child_signal(true)
                local vault = signer.test_vault.new{}
                print(select(2, pcall(signer.test_key_provider.fetch, vault, {kind = "command", command = "echo %s"})).error)
            ]]):format(KEY))
            assert.are.equal("STATE_KEY_UNAVAILABLE\n", result.out)
            assert.matches("status .* cannot be known: SIGCHLD is ignored", result.err)
            assert.is_nil(result.err:find(KEY, 1, true))
        end)

        it("D-138 leaves the host's own children alone", function()
            local pid = test_provider.spawn_exit(50, 3)
            assert.are.equal(BYTES, run("sleep 0.2; echo " .. KEY))
            assert.are.equal(3, test_provider.wait(pid))
        end)

        it("leaves no descriptor and no child behind", function()
            local function held() -- descriptors and children, zombies too
                local pipe = assert(io.popen("ls /proc/$PPID/fd | wc -l; wc -w </proc/$PPID/task/$PPID/children"))
                local descriptors, children = pipe:read("n", "n")
                pipe:close()
                return descriptors, children
            end
            run("echo " .. KEY) -- what is opened once and kept is no leak
            local descriptors, children = held()
            for _ = 1, 4 do
                run("echo " .. KEY)
                refused("status", "exit 1")
            end
            refused("within 1 s", "sleep 9", 1)
            local more, young = held() -- a call that leaves one behind would leave nine
            assert.is_true(more < descriptors + 4, ("%d descriptors, then %d"):format(descriptors, more))
            assert.is_true(young <= children)
        end)

        it("D-137 works in a host without standard descriptors", function()
            local folder = child.folder()
            child.run(([[
                local good, key = pcall(signer.test_key_provider.fetch, signer.test_vault.new{},
                    {kind = "command", command = "echo %s"})
                local file = assert(io.open("%s/result", "w"))
                file:write(tostring(good), " ", tostring(#key))
                file:close()
            ]]):format(KEY, folder), { redirect = "0<&- 1>&- 2>&-" })
            assert.are.equal("true 32", child.read_all(folder .. "/result"))
            child.remove(folder)
        end)

        it("fails as a typed error at each fault point", function()
            test_fault.arm("key_provider", "error")
            refused("gave no key", "echo " .. KEY)
            for nth = 1, 2 do
                test_fault.arm("memory_lock", "error", nth)
                local good, why = pcall(run, "echo " .. KEY)
                assert.is_false(good)
                assert.are.equal("MEMORY_LOCK", why.error)
            end
            test_fault.arm("clock", "error")
            refused("no clock", "echo " .. KEY)
            test_fault.arm("clock", "error", 3)
            refused("no clock", "sleep 5; echo " .. KEY)
            test_fault.clear()
            test_fault.arm("allocation", "error", 1)
            assert.are.equal("OUT_OF_MEMORY", select(2, pcall(run, "sleep 0.05; echo " .. KEY)).error)
        end)
    end)
end)
