-- kill -9 at random moments of a signing loop: after each restart no attempt gives a second share, and
-- keys, markers and the right to open an unspent attempt are still there (interactive-session 17, 19).
local luv = require("luv")
local signing = require("spec.support.signing")
local refused = signing.assert_refused

local KILLS = 20
local ATTEMPTS_A_SESSION = 40

local LOOP = [[
    local signing = require("spec.support.signing")
    local group = signing.%s({ folder = %q, key_group = %q })
    local out = io.open(%q, "a")
    out:setvbuf("line")
    for n = %d, %d + 10000 do
        local options = { session = "s" .. n // %d, number = n %% %d + 1 }
        out:write("begin ", n, "\n")
        local package = group:prepare(options)
        for member = 1, 2 do
            options.member = member
            local reply = signing.must(group:round2(package, options))
            out:write("share ", n, " ", member, " ", reply.signature_share_hex, "\n")
        end
    end
]]

--- The wallet after the kill; the dead process may hold the lock for another moment.
local function reopen(folder, key_group)
    local after = signing.reopen({ folder = folder, key_group = key_group })
    for _ = 1, 6000 do
        local _, err = after:round1({ session = "none" })
        if err.reason_code ~= "state_locked" then return after end
        luv.sleep(10)
    end
    error("the store stays locked")
end

describe("kill -9", function()
    after_each(signing.finish_all)

    it("at " .. KILLS .. " random moments leaves no second share and loses nothing", function()
        local folder = signing.folder()
        local group = signing.new({ folder = folder })
        local log = folder .. "/log"
        io.open(log, "w"):close()
        group.engine:close(true)
        group.engine = nil
        local given, last, known, base = {}, 0, 0, 0.05
        math.randomseed(20261125)
        for _ = 1, KILLS do
            local script = LOOP:format("reopen", folder, group.key_group, log, last + 1, last + 1, ATTEMPTS_A_SESSION,
                ATTEMPTS_A_SESSION)
            local delay = base * (1 + 5 * math.random())
            signing.run_script(folder, script, ("timeout -s KILL %.3f"):format(delay))
            for line in io.lines(log) do
                local n, member = line:match("^share (%d+) (%d) %x+$")
                if n then given[n .. "/" .. member] = { n = tonumber(n), member = tonumber(member) } end
                local begun = line:match("^begin (%d+)$")
                if begun then last = math.max(last, tonumber(begun)) end
            end
            local total = 0
            for _ in pairs(given) do total = total + 1 end
            if total == known then base = base * 1.5 end -- a slow machine or build
            known = total
            local after = reopen(folder, group.key_group)
            for member = 1, 2 do -- the attempt that was cut
                local options = { session = "s" .. last // ATTEMPTS_A_SESSION, number = last % ATTEMPTS_A_SESSION + 1,
                    member = member }
                local opened, err = after:open(options)
                assert.is_true(opened ~= nil or err.code == "consumed_nonce_replay", err and err.message)
                if given[last .. "/" .. member] then assert.is_nil(opened) end
            end
            after.engine:close(true)
            after.engine = nil
        end
        local after = reopen(folder, group.key_group)
        local checked = 0
        for _, one in pairs(given) do
            refused("consumed_nonce_replay", after:open({ session = "s" .. one.n // ATTEMPTS_A_SESSION,
                number = one.n % ATTEMPTS_A_SESSION + 1, member = one.member }))
            checked = checked + 1
        end
        assert.is_true(checked > KILLS, "too few shares were given: " .. checked)
        local package = after:prepare({ session = "fresh" })
        local signature = assert(after:aggregate(package, after:shares(package, { session = "fresh" }), { session = "fresh" }))
        assert.is_true(after:verifies(signature.signature_hex))
        after:assert_replay()
    end)
end)
