--- The limit on locked memory, in a process that is held to it (D-071, D-127, D-142; field case 12).
local child = require("spec.support.child")
local it_plain = child.sanitized and pending or it -- the sanitizers replace mlock

local fill = [[
local vault = signer.test_vault.new{ must_lock = %s }
local seats, why = 0, nil
while seats < 1000 do
    local good
    good, why = pcall(vault.new, vault, "key_package", 200)
    if good then good, why = pcall(vault.new, vault, "nonces", 272) end
    if not good then break end
    seats = seats + 1
end
local usage = vault:usage()
print(seats, type(why) == "table" and why.error, usage.locked_bytes, usage.unlocked_bytes)
]]

local function numbers(text)
    local seats, why, locked, unlocked = text:match("^(%d+)\t(%S+)\t(%d+)\t(%d+)")
    return tonumber(seats), why, tonumber(locked), tonumber(unlocked)
end

local function lines(text) return select(2, text:gsub("\n", "")) end

describe("under a low limit on locked memory", function()
    it_plain("D-142 production uses all of 64 KiB, then refuses, and names the limit", function()
        local result = child.run(fill:format("true"), { before = child.with_lock_limit(65536) })
        local seats, why, locked, unlocked = numbers(result.out)
        assert.is_true(seats >= 100, result.out .. result.err)
        assert.are.equal("MEMORY_LOCK", why)
        assert.are.equal(65536, locked)
        assert.are.equal(0, unlocked)
        assert.matches("65536 bytes", result.err)
        assert.are.equal(1, lines(result.err))
    end)

    it_plain("D-127 a limit of two pages still serves, one of nothing serves nobody", function()
        local few = child.run(fill:format("true"), { before = child.with_lock_limit(8192) })
        local seats, why, locked = numbers(few.out)
        assert.is_true(seats >= 10, few.out .. few.err)
        assert.are.equal("MEMORY_LOCK", why)
        assert.are.equal(8192, locked)
        local none = child.run(fill:format("true"), { before = child.with_lock_limit(0) })
        assert.are.same({ 0, "MEMORY_LOCK", 0, 0 }, { numbers(none.out) })
    end)

    it_plain("D-127 development warns once and goes on", function()
        local result = child.run(fill:format("false") .. fill:format("false"), { before = child.with_lock_limit(8192) })
        local seats, _, locked, unlocked = numbers(result.out)
        assert.are.equal(1000, seats)
        assert.are.equal(8192, locked)
        assert.is_true(unlocked > 400000)
        assert.matches("warning", result.err)
        assert.are.equal(1, lines(result.err))
    end)

    it_plain("D-071 secrets made in unlocked memory do not serve production later", function()
        local result = child.run([[
            local vault = signer.test_vault.new{ must_lock = false }
            vault:new("nonces", 272)
            assert(vault:usage().unlocked_bytes > 0)
            vault:set_must_lock(true)
            local good, why = pcall(vault.new, vault, "nonces", 272)
            print(good, why.error, select(2, pcall(vault.check_lock, vault)).error)
        ]], { before = child.with_lock_limit(0) })
        assert.are.equal("false\tMEMORY_LOCK\tMEMORY_LOCK\n", result.out)
    end)
end)
