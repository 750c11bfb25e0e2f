--- The vault: slots, handles, single use, wiping, guards (frost 16; interactive-session 18; D-142).
local signer = require("tbtc_signer")
local test_vault, test_fault = signer.test_vault, signer.test_fault
local child = require("spec.support.child")

local KEY_PACKAGE, NONCES = 200, 272 -- bytes of the structs of a seat

local function failure(call, ...)
    local good, why = pcall(call, ...)
    assert.is_false(good)
    return type(why) == "table" and why.error or why
end

--- Flags of the mapping that holds an address.
local function flags_of(address)
    local inside = false
    for line in io.lines("/proc/self/smaps") do
        local first, last = line:match("^(%x+)%-(%x+) ")
        if first then inside = address >= tonumber(first, 16) and address < tonumber(last, 16) end
        if inside and line:match("^VmFlags:") then return line .. " " end
    end
end

describe("vault", function()
    local vault

    before_each(function() vault = test_vault.new{ must_lock = true } end)
    after_each(function()
        vault:close()
        test_fault.clear()
    end)

    it("gives zeroed slots of every size, and keeps what is put there", function()
        local handles = {}
        for _, len in ipairs{ 0, 1, 32, 64, 65, 128, 200, 256, 272, 320, 321, 512, 1000, 2048, 4096, 4097, 20000, 300000 } do
            local bytes = string.rep(string.char(len % 251 + 1), len)
            handles[#handles + 1] = { vault:new("bytes", bytes), bytes }
            assert.are.equal("integer", math.type(vault:new("bytes", len)))
        end
        for _, pair in ipairs(handles) do assert.are.equal(pair[2], vault:borrow(pair[1], "bytes")) end
        assert.are.equal(2 * #handles, vault:usage().live_slots)
    end)

    it("finds nothing under a stale handle, 0, a foreign one or another kind", function()
        local handle = vault:new("key_package", "one")
        assert.is_nil(vault:borrow(handle, "bytes"))
        vault:wipe(handle)
        local again = vault:new("key_package", "two")
        assert.is_nil(vault:borrow(handle, "key_package"))
        assert.is_false(vault:holds(handle))
        vault:wipe(handle) -- no effect on the slot's next owner
        assert.are.equal("two", vault:borrow(again, "key_package"))
        assert.is_nil(vault:borrow(0, "key_package"))
        assert.is_nil(vault:borrow(-1, "key_package"))
        local other = test_vault.new{}
        assert.is_nil(other:borrow(again, "key_package"))
        other:close()
    end)

    it("NC-5 gives nonces to one taker and to nobody else", function()
        local handle = vault:new("nonces", "pair")
        assert.is_nil(vault:borrow(handle, "nonces"))
        assert.is_false(vault:take(handle, "key_package"))
        assert.is_true(vault:take(handle, "nonces", 4))
        assert.are.equal("pair", vault:taken())
        assert.is_false(vault:take(handle, "nonces"))
        assert.is_false(vault:holds(handle))
        vault:wipe(handle) -- a dead handle does not reach what was taken
        assert.are.equal("pair", vault:taken())
        assert.are.equal(1, vault:usage().live_slots)
        vault:release_taken()
        assert.are.equal(0, vault:usage().live_slots)
    end)

    it("NC-5 lets one of many threads take a nonce pair", function()
        for _ = 1, 200 do
            assert.are.equal(1, vault:race_take(vault:new("nonces", "pair"), "nonces", 4))
        end
        assert.are.equal(0, vault:usage().live_slots)
    end)

    it("releases taken slots in any order", function()
        for i = 1, 5 do assert.is_true(vault:take(vault:new("nonces", "pair" .. i), "nonces", 5)) end
        assert.are.equal("pair5", vault:taken())
        for _ = 1, 5 do vault:release_taken() end
        assert.are.equal(0, vault:usage().live_slots)
    end)

    it("D-042 binds a context to a secret, until the secret goes", function()
        local handle = vault:new("bytes", "secret")
        assert.is_nil(vault:bound(handle))
        vault:bind(handle, string.rep("c", 32))
        assert.are.equal(string.rep("c", 32), vault:bound(handle))
        vault:wipe(handle)
        assert.is_nil(vault:bound(handle))
        assert.are.equal("INTERNAL", failure(vault.bind, vault, handle, string.rep("c", 32)))
        assert.is_nil(vault:bound(vault:new("bytes", "next")))
    end)

    it("D-142 holds 1024 live seats in less than 1 MiB and few mappings", function()
        for _ = 1, 1024 do
            vault:new("key_package", KEY_PACKAGE)
            vault:new("nonces", NONCES)
        end
        local usage = vault:usage()
        assert.are.equal(2048, usage.live_slots)
        assert.is_true(usage.locked_bytes <= 1024 * 1024, usage.locked_bytes)
        assert.are.equal(0, usage.unlocked_bytes)
        assert.is_true(usage.mappings <= 8, usage.mappings)
    end)

    it("uses the pages of released secrets again, and unmaps the stretch of a large one", function()
        local function fill(count, len)
            local handles = {}
            for i = 1, count do handles[i] = vault:new("bytes", len) end
            return handles
        end
        local function empty(handles) for _, handle in ipairs(handles) do vault:wipe(handle) end end
        empty(fill(500, 250))
        local before = vault:usage()
        for _, len in ipairs{ 60, 300, 1000, 4000, 9000 } do empty(fill(60000 // (len + 300), len)) end
        assert.are.same(before, vault:usage())
        local large = vault:new("bytes", 1000000)
        assert.is_true(vault:usage().locked_bytes > before.locked_bytes + 999999)
        vault:wipe(large)
        assert.are.same(before, vault:usage())
        assert.are.equal("OUT_OF_MEMORY", failure(vault.new, vault, "bytes", 16777217))
    end)

    it("D-127 locks its pages and keeps them out of core dumps and of children", function()
        local flags = flags_of(vault:address(vault:new("key_package", KEY_PACKAGE), "key_package"))
        assert.matches(" dd ", flags) -- no dump
        assert.matches(" wf ", flags) -- wiped on fork
        if not child.sanitized then assert.matches(" lo ", flags) end
    end)

    it("answers an allocation that fails, and loses nothing", function()
        local kept = vault:new("bytes", "kept")
        for nth = 1, 3 do
            test_fault.arm("allocation", "error", nth)
            for _ = 1, 200 do
                local good, handle = pcall(vault.new, vault, "bytes", 4000)
                if not good then
                    assert.are.equal("OUT_OF_MEMORY", handle.error)
                    break
                end
            end
            test_fault.clear()
        end
        assert.are.equal("kept", vault:borrow(kept, "bytes"))
        local live = vault:usage().live_slots
        vault:wipe(vault:new("bytes", 5))
        assert.are.equal(live, vault:usage().live_slots)
    end)

    it("D-071 refuses in production what cannot be locked, and keeps what is there", function()
        local kept = vault:new("nonces", "pair")
        test_fault.arm("memory_lock", "error", 1, true)
        assert.are.equal("MEMORY_LOCK", failure(vault.new, vault, "nonces", NONCES))
        assert.are.equal("MEMORY_LOCK", failure(vault.check_lock, vault))
        assert.is_true(vault:holds(kept))
        test_fault.clear()
        vault:check_lock()
        assert.is_true(vault:take(kept, "nonces"))
        vault:release_taken()
        test_fault.arm("memory_lock", "error", 1, true)
        vault:set_must_lock(false)
        vault:check_lock()
        vault:new("nonces", NONCES)
    end)

    it("check_lock keeps nothing", function()
        vault:check_lock()
        local before = vault:usage()
        for _ = 1, 100 do vault:check_lock() end
        assert.are.same(before, vault:usage())
        assert.are.equal(0, before.live_slots)
    end)

    it("stops at a write past the end of a secret, into a released one, and behind the last page", function()
        local start = "local vault = signer.test_vault.new{}\n"
        local past = child.run(start .. 'local h = vault:new("bytes", 50) vault:poke(h, "bytes", 50) vault:wipe(h)')
        assert.is_not_nil(past.signal or past.status ~= 0 or nil)
        assert.matches("past the end", past.err:gsub("AddressSanitizer", "past the end"))
        local released = child.run(start .. [[
            local h, g = vault:new("bytes", 64), vault:new("bytes", 64)
            vault:wipe(g)
            vault:poke(h, "bytes", 64)
            vault:new("bytes", 64)]])
        assert.matches("released slot", released.err:gsub("AddressSanitizer", "released slot"))
        local behind = child.run(start .. 'vault:poke(vault:new("bytes", 16384), "bytes", 16384) print("alive")')
        assert.are.equal("", behind.out)
    end)
end)
