--- Keys of a node: the file, signing, packages sealed from handle to handle (D-018, D-156, D-160).
local signer = require("tbtc_signer")
local node_keys, test_vault, test_fault, test_platform =
    signer.node_keys, signer.test_vault, signer.test_fault, signer.test_platform
local child = require("spec.support.child")
local files = require("spec.support.files")
local vectors = require("spec.support.vectors")
local hex = vectors.hex

local function failure(call, ...)
    local good, why = pcall(call, ...)
    assert.is_false(good)
    return type(why) == "table" and why.error or why, type(why) == "table" and why.detail
end

local function sequence(first, count)
    local list = {}
    for i = 1, count do list[i] = string.char(first + i - 1) end
    return table.concat(list)
end

local function shell(command)
    return (select(2, files.run(command)))
end

--- The text of a key file, its last line made by another program.
local function key_file(folder, sealing, signing)
    local text = "tbtc-signer node keys 1\nsealing " .. hex(sealing) .. "\nsigning " .. hex(signing) .. "\n"
    child.write_all(folder .. "/text", text)
    return text .. "sha256 " .. shell("sha256sum " .. folder .. "/text"):sub(1, 64) .. "\n"
end

local A, B = sequence(1, 32), sequence(101, 32) -- two X25519 keys; the public ones by another program:
local A_PUBLIC = "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c"
local B_PUBLIC = "5714769d116bf76436ae74bc793d2c30ad1903c59ac5273805c7e2698b410c36"
local SIGNING = string.rep("\0", 31) .. "\3" -- key of BIP-340's first vector
local SIGNING_PUBLIC = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"

describe("node keys", function()
    local vault, folder, path

    local function write(text, mode)
        os.remove(path)
        child.write_all(path, text)
        os.execute("chmod " .. (mode or "600") .. " " .. path)
    end

    before_each(function()
        vault = test_vault.new{ must_lock = true }
        folder = child.folder()
        path = folder .. "/node.keys"
    end)
    after_each(function()
        test_fault.clear()
        collectgarbage()
        vault:close()
        child.remove(folder)
    end)

    it("D-156 lie in a 0600 file of their own and come back from it", function()
        local made = node_keys.create(vault, path)
        assert.are.equal("600 1 regular file\n", shell("stat -c '%a %h %F' " .. path))
        local opened = node_keys.open(vault, path)
        assert.are.same(made:public(), opened:public())
        assert.are.equal(64, #made:public().sealing)
        assert.are_not.equal(made:public().sealing, made:public().signing)
        local other = node_keys.create(vault, folder .. "/other.keys")
        assert.are_not.equal(made:public().sealing, other:public().sealing)
        assert.are_not.equal(made:public().signing, other:public().signing)
        made:close()
        opened:close()
        other:close()
        assert.are.equal(0, vault:usage().live_slots)
    end)

    it("the file has one form, and the public keys are those of X25519 and BIP-340", function()
        write(key_file(folder, A, SIGNING))
        assert.are.same({ sealing = A_PUBLIC, signing = SIGNING_PUBLIC }, node_keys.open(vault, path):public())
        local platform = test_platform.new{ random = { A, string.rep("\xff", 32), SIGNING } } -- ff…: not a key
        local scripted = test_vault.new{ platform = platform }
        local keys <close> = node_keys.create(scripted, folder .. "/scripted.keys")
        assert.are.same({ sealing = A_PUBLIC, signing = SIGNING_PUBLIC }, keys:public())
        assert.are.equal(key_file(folder, A, SIGNING), child.read_all(folder .. "/scripted.keys"))
    end)

    it("a file that exists, or is linked to, is never overwritten", function()
        write("mine")
        local code, detail = failure(node_keys.create, vault, path)
        assert.are.equal("NODE_KEY_FILE", code)
        assert.matches("exists already", detail)
        assert.are.equal("mine", child.read_all(path))
        os.execute(("ln -s %s/target %s/link"):format(folder, folder))
        assert.are.equal("NODE_KEY_FILE", failure(node_keys.create, vault, folder .. "/link"))
        assert.is_nil(io.open(folder .. "/target"))
        assert.are.equal("NODE_KEY_FILE", failure(node_keys.create, vault, folder .. "/none/keys"))
        assert.are.equal("NODE_KEY_FILE", failure(node_keys.create, vault, folder .. "/"))
        assert.are.equal(0, vault:usage().live_slots)
    end)

    it("a file of a wrong kind, owner, mode or form is refused, and left as it is", function()
        local text = key_file(folder, A, SIGNING)
        local function refused(pattern)
            local code, detail = failure(node_keys.open, vault, path)
            assert.are.equal("NODE_KEY_FILE", code)
            assert.matches(pattern, detail)
            assert.is_nil(detail:find(folder, 1, true))
        end
        refused("does not exist")
        for _, mode in ipairs{ "640", "604", "620", "601", "4644" } do
            write(text, mode)
            refused("mode 0?" .. mode)
        end
        assert.are.equal("4644\n", shell("stat -c %a " .. path))
        write(text)
        os.execute(("ln %s %s/second"):format(path, folder))
        refused("more than one name")
        os.remove(folder .. "/second")
        os.remove(path)
        os.execute(("ln -s text %s"):format(path))
        refused("ELOOP")
        os.remove(path)
        os.execute("mkfifo -m 600 " .. path)
        refused("no regular file")
        os.remove(path)
        os.execute("mkdir -m 700 " .. path)
        refused("no regular file")
        os.execute("rmdir " .. path)
        if shell("id -u") == "0\n" then
            write(text)
            os.execute("chown 65534 " .. path)
            refused("another user")
        end
        local damaged = {
            "", text:sub(1, -2), text .. "\n", text:gsub("keys 1", "keys 2"), text:gsub("sealing", "Sealing"),
            text:gsub("sha256 .", "sha256 g"), text:gsub("0102", "0103"), text:gsub("\nsigning", " signing"),
            key_file(folder, A, string.rep("\0", 32)), key_file(folder, A, string.rep("\xff", 32)),
        }
        for _, other in ipairs(damaged) do
            write(other)
            refused(#other == 242 and "damaged" or "wrong size")
        end
        assert.are.equal(0, vault:usage().live_slots)
    end)

    it("a failing disk leaves no file behind and no key in memory", function()
        for _, fault in ipairs{ { "open", 1 }, { "open", 2 }, { "write", 1 }, { "sync", 1 }, { "sync", 2 } } do
            test_fault.arm(fault[1], "error", fault[2])
            assert.are.equal("NODE_KEY_FILE", failure(node_keys.create, vault, path))
            assert.is_nil(io.open(path))
        end
        test_fault.arm("write", "no_space")
        assert.matches("ENOSPC", select(2, failure(node_keys.create, vault, path)))
        test_fault.arm("write", "short")
        node_keys.create(vault, path):close()
        test_fault.arm("read", "short")
        node_keys.open(vault, path):close()
        test_fault.arm("read", "error")
        assert.are.equal("NODE_KEY_FILE", failure(node_keys.open, vault, path))
        test_fault.arm("memory_lock", "error", 2)
        assert.are.equal("MEMORY_LOCK", failure(node_keys.open, vault, path))
        assert.are.equal(0, vault:usage().live_slots)
    end)

    it("D-160 sign by BIP-340 with the key that the roster lists", function()
        write(key_file(folder, A, SIGNING))
        local keys <close> = node_keys.open(vault, path)
        local digest = string.rep("d", 32)
        local signature, again = keys:sign(digest), keys:sign(digest)
        assert.are.equal(64, #signature)
        assert.are_not.equal(signature, again) -- fresh auxiliary randomness
        assert.is_true(node_keys.verify(digest, signature, SIGNING_PUBLIC))
        assert.is_true(node_keys.verify(digest, again, SIGNING_PUBLIC))
        assert.is_false(node_keys.verify(string.rep("e", 32), signature, SIGNING_PUBLIC))
        assert.is_false(node_keys.verify(digest, signature, A_PUBLIC))
        assert.is_false(node_keys.verify(digest, string.rep("\xff", 64), SIGNING_PUBLIC))
        assert.are.equal("VALIDATION", failure(keys.sign, keys, "short"))
        assert.are.equal("VALIDATION", failure(node_keys.verify, digest, "short", SIGNING_PUBLIC))
        assert.are.equal("VALIDATION", failure(node_keys.verify, digest, signature, "00"))
    end)

    it("BIP-340's first vector comes out with its auxiliary bytes", function()
        local platform = test_platform.new{ random = { string.rep("\0", 32) } }
        local scripted = test_vault.new{ platform = platform }
        write(key_file(folder, A, SIGNING))
        local keys <close> = node_keys.open(scripted, path)
        assert.are.equal("e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca8215"
            .. "25f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0", hex(keys:sign(string.rep("\0", 32))))
    end)

    it("show neither an address nor a way in, and are refused once closed", function()
        local keys = node_keys.create(vault, path)
        assert.are.equal("signer.node_keys", tostring(keys))
        assert.is_false(getmetatable(keys))
        keys:close()
        keys:close()
        assert.are.equal("VALIDATION", failure(keys.sign, keys, string.rep("d", 32)))
        local orphan = node_keys.open(vault, path)
        vault:close()
        assert.are.equal("INTERNAL", failure(orphan.sign, orphan, string.rep("d", 32)))
        orphan:close()
        assert.is_false(pcall(node_keys.open, vault, path))
        assert.is_false(pcall(node_keys.open, {}, path))
        vault = test_vault.new{}
    end)
end)

describe("a sealed package", function()
    local folder, vault_a, vault_b, a, b

    before_each(function()
        folder = child.folder()
        vault_a, vault_b = test_vault.new{ must_lock = true }, test_vault.new{ must_lock = true }
        for name, key in pairs{ a = A, b = B } do
            child.write_all(folder .. "/" .. name, key_file(folder, key, SIGNING))
            os.execute("chmod 600 " .. folder .. "/" .. name)
        end
        a, b = node_keys.open(vault_a, folder .. "/a"), node_keys.open(vault_b, folder .. "/b")
    end)
    after_each(function()
        test_fault.clear()
        a:close()
        b:close()
        vault_a:close()
        vault_b:close()
        child.remove(folder)
    end)

    it("D-018 goes from one vault into the other, and is never seen in between", function()
        for _, len in ipairs{ 0, 1, 37, 4096, 32768 } do
            local clear = string.rep("secret ", len // 7 + 1):sub(1, len)
            local secret <close> = vault_a:secret(clear)
            local sealed = a:seal(secret, B_PUBLIC, "run 1, 1 to 2")
            assert.are.equal(len + 72, #sealed)
            if len >= 37 then assert.is_nil(sealed:find("secret", 1, true)) end
            assert.are_not.equal(sealed, a:seal(secret, B_PUBLIC, "run 1, 1 to 2"))
            local opened <close> = b:open_sealed(sealed, A_PUBLIC, "run 1, 1 to 2")
            assert.are.equal(clear, test_vault.read(opened))
            assert.is_true(secret:is_open())
        end
        collectgarbage()
        assert.are.equal(1, vault_a:usage().live_slots)
        assert.are.equal(1, vault_b:usage().live_slots)
    end)

    it("has the bytes that another program computed", function()
        local scripted = test_vault.new{ platform = test_platform.new{ random = { sequence(201, 24) } } }
        local keys <close> = node_keys.open(scripted, folder .. "/a")
        local secret <close> = scripted:secret("a round-2 package")
        assert.are.equal("c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfe01c573e14ce77c0a84cc75173a5615688c786f7141be3f584"
            .. "3bb3f661a332535a8f3aaf1b602c5391e9d88b31caec659ac22278454d771d439e93e5acc8c560a926",
            hex(keys:seal(secret, B_PUBLIC, "run 7 from 1 to 2 round2")))
    end)

    it("D-156 opens for its recipient, from its sender, in its context and direction only", function()
        local secret <close> = vault_a:secret("a round-2 package")
        local sealed = a:seal(secret, B_PUBLIC, "context")
        local function refused(keys, ...) assert.are.equal("SEALED_PACKAGE", failure(keys.open_sealed, keys, ...)) end
        refused(b, sealed, A_PUBLIC, "another context")
        refused(b, sealed, A_PUBLIC, "")
        refused(b, sealed, B_PUBLIC, "context")
        refused(a, sealed, A_PUBLIC, "context")
        refused(a, sealed, B_PUBLIC, "context") -- the same shared key, the other direction
        for at = 1, #sealed do
            refused(b, sealed:sub(1, at - 1) .. string.char(sealed:byte(at) ~ 1) .. sealed:sub(at + 1), A_PUBLIC, "context")
            refused(b, sealed:sub(1, at - 1), A_PUBLIC, "context")
        end
        refused(b, sealed .. "x", A_PUBLIC, "context")
        refused(b, string.rep("x", 32768 + 73), A_PUBLIC, "context")
        refused(b, sealed, string.rep("0", 64), "context") -- a point of small order
        assert.are.equal("SEALED_PACKAGE", failure(a.seal, a, secret, string.rep("0", 64), "context"))
        assert.are.equal("VALIDATION", failure(b.open_sealed, b, sealed, "zz", "context"))
        assert.are.equal(1, vault_b:usage().live_slots)
    end)

    it("is not made of a closed, foreign or oversized secret, nor without memory", function()
        local closed = vault_a:secret("x")
        closed:close()
        assert.are.equal("VALIDATION", failure(a.seal, a, closed, B_PUBLIC, "c"))
        local foreign <close> = vault_b:secret("x")
        assert.are.equal("VALIDATION", failure(a.seal, a, foreign, B_PUBLIC, "c"))
        local large <close> = vault_a:secret(string.rep("x", 32769))
        assert.are.equal("VALIDATION", failure(a.seal, a, large, B_PUBLIC, "c"))
        local secret <close> = vault_a:secret("x")
        test_fault.arm("memory_lock", "error")
        assert.are.equal("MEMORY_LOCK", failure(a.seal, a, secret, B_PUBLIC, "c"))
        test_fault.arm("allocation", "error")
        assert.are.equal("OUT_OF_MEMORY", failure(a.seal, a, secret, B_PUBLIC, "c"))
        local sealed = a:seal(secret, B_PUBLIC, "c")
        for nth = 1, 2 do
            test_fault.arm("memory_lock", "error", nth)
            assert.are.equal("MEMORY_LOCK", failure(b.open_sealed, b, sealed, A_PUBLIC, "c"))
        end
        assert.are.equal(2, vault_b:usage().live_slots) -- the node keys and `foreign`
    end)
end)
