-- Where a store lies: path, lock, owner and mode, creation, refusals that create nothing
-- (sealed-store 2, 3, 19.1, 35.1, 35.9; D-081, D-087, D-137, D-141, D-143).
local disk = require("spec.store.disk")
local lfs = require("lfs")
local signer = require("tbtc_signer")

describe("store place", function()
    local directory

    before_each(function() directory = disk.directory() end)
    after_each(function()
        signer.test_fault.clear()
        disk.remove(directory)
    end)

    local function made()
        local store = disk.open(directory)
        disk.commit(store, disk.body("first"))
        store:close()
    end

    local function refused(reason, options)
        local before = disk.picture(directory)
        for _ = 1, 2 do
            local code, failure = disk.refusal(directory, options)
            if not code then failure:close(true) end
            assert.equal(reason, code)
        end
        assert.equal(before, disk.picture(directory))
    end

    --- The store opens while the forked child lives, at the latest once it has run its first lines.
    local function assert_unlocked_beside(child, place)
        local reason, again
        for _ = 1, 6000 do
            reason, again = disk.refusal(place)
            if not reason then break end
            disk.shell("sleep 0.01")
        end
        signer.test_store.kill(child)
        assert.is_nil(reason)
        again:close()
    end

    local function opens()
        local reason, store = disk.refusal(directory)
        assert.is_nil(reason)
        assert.same({ "first" }, disk.texts(store))
        store:close()
    end

    describe("creation", function()
        it("35.9 makes directory 0700, files 0600, lock, mark, and nothing else", function()
            made()
            assert.same({ "state.lock", "state.mark", "state.store" }, disk.names(directory))
            assert.same({ disk.log_name(1), disk.snapshot_name(1), "store-id" }, disk.names(directory .. "/state.store"))
            assert.equal("rwx------", lfs.attributes(directory .. "/state.store", "permissions"))
            for _, name in ipairs({ "state.lock", "state.mark", "state.store/store-id", "state.store/" .. disk.log_name(1) }) do
                assert.equal("rw-------", lfs.attributes(directory .. "/" .. name, "permissions"))
            end
            assert.equal(1048576, lfs.attributes(directory .. "/state.store/" .. disk.log_name(1), "size"))
            opens()
        end)

        it("store 2 makes missing parent directories", function()
            local deep = directory .. "/a/b/c"
            local store = signer.test_store.open({ path = deep .. "/state", key = disk.key })
            store:close()
            assert.is_true(disk.exists(deep .. "/state.store"))
        end)

        it("store 2 directories that it made outlive a power loss", function()
            for seed = 1, 12 do
                local machine = signer.test_disk.new(seed)
                local deep = { path = "/a/b/state", platform = machine }
                local store = disk.open("", deep)
                disk.commit(store, disk.body("one"))
                store:close(true)
                machine:power_loss()
                store = disk.open("", deep)
                assert.same({ "one" }, disk.texts(store))
                store:close(true)
            end
        end)

        it("35.9 below a directory whose group bit is inherited", function()
            disk.shell("chmod 2770 '%s'", directory)
            disk.open(directory):close()
            assert.equal("rwx------", lfs.attributes(directory .. "/state.store", "permissions"))
        end)

        it("store 2 refuses a path that names no file", function()
            for _, path in ipairs({ "", directory .. "/", directory .. "/..", directory .. "/" .. ("x"):rep(200) }) do
                local good, failure = pcall(signer.test_store.open, { path = path, key = disk.key })
                assert.is_false(good)
                assert.equal("invalid_configuration_value", failure.reason_code)
            end
        end)

        it("35.9 any failing call leaves nothing, or a store that opens, and the id is recorded once it is used", function()
            for _, fault in ipairs({ "write", "sync", "rename", "open", "read", "allocation" }) do
                for nth = 1, 80 do
                    local fresh = disk.directory()
                    signer.test_fault.arm(fault, "error", nth)
                    local reason, store = disk.refusal(fresh)
                    local passed = signer.test_fault.hits(fault) < nth
                    signer.test_fault.clear()
                    if not reason then store:close(true) end
                    store = disk.open(fresh)
                    assert.equal(0, #disk.texts(store))
                    disk.commit(store, disk.body("first"))
                    store:close(true)
                    store = disk.open(fresh)
                    assert.same({ "first" }, disk.texts(store), fault .. " " .. nth)
                    store:close(true)
                    for _, name in ipairs(disk.names(fresh)) do assert.is_nil(name:find("tmp", 1, true), name) end
                    disk.remove(fresh)
                    if passed then break end
                end
            end
        end)
    end)

    describe("an old state file", function()
        it("D-081 a regular file at the state path, also an empty one, is not touched and nothing is created", function()
            for _, text in ipairs({ '{"schema":3}', "" }) do
                disk.write(directory .. "/state", text)
                assert.equal("state_version_unsupported", (disk.refusal(directory)))
                refused("state_version_unsupported")
                assert.equal(text, disk.read(directory .. "/state"))
                assert.same({ "state", "state.lock" }, disk.names(directory))
            end
        end)

        it("35.9-3 a directory, a link, a dangling link or a pipe at the state path", function()
            for _, command in ipairs({ "mkdir '%s/state'", "ln -s /etc/hostname '%s/state'", "ln -s /nowhere '%s/state'",
                "mkfifo '%s/state'" }) do
                assert(disk.shell(command, directory))
                assert.equal("state_path_unsafe", (disk.refusal(directory)))
                disk.shell("rm -rf '%s/state'", directory)
            end
            assert.same({ "state.lock" }, disk.names(directory))
        end)

        it("35.9-2 a regular file beside a store", function()
            made()
            disk.write(directory .. "/state", "{}")
            refused("state_import_conflict")
            os.remove(directory .. "/state")
            opens()
        end)
    end)

    describe("lock", function()
        it("35.9 a second opening is refused while the first holds the lock", function()
            local store = disk.open(directory)
            assert.equal("state_locked", (disk.refusal(directory)))
            disk.commit(store, disk.body("first"))
            store:close()
            opens()
        end)

        it("35.9 a deleted lock file does not admit a second process: store-id is locked too", function()
            local store = disk.open(directory)
            disk.commit(store, disk.body("first"))
            os.remove(directory .. "/state.lock")
            assert.equal("state_locked", (disk.refusal(directory)))
            store:close()
            opens()
        end)

        it("35.9 another process is refused", function()
            local store = disk.open(directory)
            disk.commit(store, disk.body("first"))
            local child = assert(io.popen(("SIGNER_BUILD='%s' lua5.4 spec/store/child.lua '%s' open 2>&1"):format(
                os.getenv("SIGNER_BUILD") or "build/test", directory)))
            assert.truthy(child:read("a"):find("state_locked", 1, true))
            child:close()
            store:close()
        end)

        it("D-137 an idle forked child does not keep the store locked", function()
            local store = disk.open(directory)
            disk.commit(store, disk.body("first"))
            local child = store:fork_idle()
            store:close()
            assert_unlocked_beside(child, directory)
        end)

        it("D-137 a child forked in the middle of an opening or a creation does not keep the store locked", function()
            local fresh = disk.directory()
            for _, place in ipairs({ directory, fresh }) do
                local store, child = disk.open(place, { fork = true })
                assert.is_true(child > 0)
                store:close()
                assert_unlocked_beside(child, place)
            end
            disk.remove(fresh)
        end)

        it("35.9 the recorded id outlives refused openings", function()
            made()
            local id = disk.read(directory .. "/state.lock"):match("^store_id=(%x+)\n")
            os.rename(directory .. "/state.store", directory .. "/away")
            for _ = 1, 3 do assert.equal("state_rollback_detected", (disk.refusal(directory))) end
            assert.equal(id, disk.read(directory .. "/state.lock"):match("^store_id=(%x+)\n"))
        end)

        it("35.8 the name of a new lock file is synced before anything is decided, that of an old one is not", function()
            disk.shell("rm -rf '%s/state.store' '%s/state.mark' '%s/state.lock'", directory, directory, directory)
            local function reason(nth)
                signer.test_fault.arm("sync", "error", nth)
                local code = disk.refusal(directory, { pinned = true })
                signer.test_fault.clear()
                return code
            end
            assert.equal("state_io", reason(2))
            assert.equal("state_io", reason(1))
            assert.equal("state_corrupt", reason(2)) -- step 2 of 35.9
        end)

        it("35.9 a lock file without an id learns it at the next opening", function()
            made()
            local text = disk.read(directory .. "/state.lock")
            disk.write(directory .. "/state.lock", "")
            opens()
            assert.equal(text:match("^[^\n]*"), disk.read(directory .. "/state.lock"):match("^[^\n]*"))
        end)
    end)

    it("D-137 field case 9: without standard descriptors no message gets into a store file", function()
        made()
        disk.write(directory .. "/state.store/notes.txt", "x") -- causes a line on stderr
        local build = os.getenv("SIGNER_BUILD") or "build/test"
        assert(disk.shell("SIGNER_BUILD='%s' lua5.4 spec/store/child.lua '%s' work read none 1 3 <&- >&- 2>&-", build, directory)
            ~= nil)
        assert.is_nil((disk.shell("grep -rq 'tbtc-signer: ' '%s'", directory)))
        local store = disk.open(directory)
        assert.equal(4, #disk.texts(store))
        store:close()
    end)

    describe("links, owners, modes", function()
        local files

        before_each(function()
            made()
            files = { "state.lock", "state.mark", "state.store/store-id", "state.store/" .. disk.log_name(1),
                "state.store/" .. disk.snapshot_name(1) }
        end)

        it("19.1 a symbolic link in place of a file", function()
            for _, name in ipairs(files) do
                local path = directory .. "/" .. name
                os.rename(path, directory .. "/moved")
                assert(disk.shell("ln -s '%s/moved' '%s'", directory, path))
                assert.equal("state_path_unsafe", (disk.refusal(directory)), name)
                os.remove(path)
                os.rename(directory .. "/moved", path)
            end
            opens()
        end)

        it("19.1 a second hard link", function()
            for _, name in ipairs(files) do
                assert(disk.shell("ln '%s/%s' '%s/second'", directory, name, directory))
                assert.equal("state_path_unsafe", (disk.refusal(directory)), name)
                os.remove(directory .. "/second")
            end
            opens()
        end)

        it("19.1 a pipe or a directory in place of a file", function()
            for _, name in ipairs(files) do
                local path = directory .. "/" .. name
                os.rename(path, directory .. "/moved")
                assert(disk.shell("mkfifo -m 600 '%s'", path))
                assert.equal("state_path_unsafe", (disk.refusal(directory)), name)
                os.remove(path)
                assert(disk.shell("mkdir -m 700 '%s'", path))
                assert.equal("state_path_unsafe", (disk.refusal(directory)), name)
                lfs.rmdir(path)
                os.rename(directory .. "/moved", path)
            end
            opens()
        end)

        it("D-141 a mode that is not 0600 is refused and left as it is", function()
            for _, name in ipairs(files) do
                for _, mode in ipairs({ "660", "640", "604", "400", "700" }) do
                    assert(disk.shell("chmod %s '%s/%s'", mode, directory, name))
                    assert.equal("state_path_unsafe", (disk.refusal(directory)), name .. mode)
                end
                assert(disk.shell("chmod 600 '%s/%s'", directory, name))
            end
            opens()
        end)

        it("D-141 field case 11: group rights added to everything are refused, not repaired, not corruption", function()
            assert(disk.shell("chmod 660 '%s'/state.store/*; chmod 2770 '%s/state.store'", directory, directory))
            refused("state_path_unsafe")
            assert(disk.shell("test $(stat -c %%a '%s/state.store') = 2770", directory))
            assert(disk.shell("chmod 2700 '%s/state.store'", directory))
            refused("state_path_unsafe")
            assert(disk.shell("chmod 600 '%s'/state.store/*; chmod 00700 '%s/state.store'", directory, directory))
            opens()
        end)

        it("D-141 says on stderr which file has which mode", function()
            assert(disk.shell("chmod 660 '%s/state.mark'", directory))
            local child = assert(io.popen(("SIGNER_BUILD='%s' lua5.4 spec/store/child.lua '%s' open 2>&1"):format(
                os.getenv("SIGNER_BUILD") or "build/test", directory)))
            assert.truthy(child:read("a"):find("state.mark does not have mode 0600 (mode 0660", 1, true))
            child:close()
        end)

        it("D-141 a file of another owner", function()
            local given = disk.shell("chown 65534 '%s/state.mark'", directory)
            if not given then return pending("no owner can be given here (needs root)") end
            refused("state_path_unsafe")
            assert(disk.shell("chown $(id -u) '%s/state.mark'", directory))
            opens()
        end)

        it("19.1 the store directory as a link", function()
            os.rename(directory .. "/state.store", directory .. "/moved")
            assert(disk.shell("ln -s moved '%s/state.store'", directory))
            refused("state_path_unsafe")
        end)

        it("19.1 a linked parent directory is resolved once: both names lead to one store", function()
            local link = directory .. "/link"
            assert(disk.shell("ln -s '%s' '%s'", directory, link))
            local store = disk.open(link)
            assert.same({ "first" }, disk.texts(store))
            assert.equal("state_locked", (disk.refusal(directory)))
            store:close()
            assert.truthy(disk.read(directory .. "/state.lock"):find("state_path=" .. directory .. "/state\n", 1, true))
        end)

        it("35.1 names that only look like ours stay: no digits behind the prefix", function()
            local others = { "state.store.tmp-backup/x", "state.mark.tmp-mine", "state.store/tmp-notes" }
            local store = disk.open(directory)
            lfs.mkdir(directory .. "/state.store.tmp-backup")
            for _, name in ipairs(others) do disk.write(directory .. "/" .. name, "x") end
            disk.write(directory .. "/state.store/tmp-0123456789abcdef", "x")
            store:close()
            disk.open(directory):close()
            for _, name in ipairs(others) do assert.is_true(disk.exists(directory .. "/" .. name), name) end
            assert.is_false(disk.exists(directory .. "/state.store/tmp-0123456789abcdef"))
        end)

        it("35.1 other names in the directory are ignored", function()
            disk.write(directory .. "/state.store/notes.txt", "x")
            disk.write(directory .. "/state.store/log-1", "x")
            disk.write(directory .. "/state.store/log-00000000000000ZZ", "x")
            disk.write(directory .. "/state.store/log-0000000000000000", "x")
            opens()
        end)
    end)

    describe("a store that is gone (D-087, D-143, field case 5)", function()
        before_each(made)

        --- Two refused openings; then the original is put back and opens.
        local function case(reason, damage)
            disk.copy(directory, directory .. ".good")
            damage()
            refused(reason)
            disk.shell("cp -a '%s/state.lock' '%s.lock'", directory, directory)
            disk.copy(directory .. ".good", directory)
            disk.shell("mv '%s.lock' '%s/state.lock'", directory, directory) -- the lock as the refusals left it
            disk.shell("rm -rf '%s.good'", directory)
            opens()
        end

        it("the directory is emptied", function()
            case("state_rollback_detected", function() disk.shell("rm -f '%s'/state.store/*", directory) end)
        end)

        it("the directory is removed", function()
            case("state_rollback_detected", function() disk.shell("rm -rf '%s/state.store'", directory) end)
        end)

        it("all files are cut to nothing", function()
            case("state_corrupt", function()
                disk.shell("for f in '%s'/state.store/*; do : > $f; done", directory)
            end)
        end)

        it("removed, and a hand-written zero state put at the state path", function()
            case("state_rollback_detected", function()
                disk.shell("rm -rf '%s/state.store'", directory)
                disk.write(directory .. "/state", '{"schema_version":3}')
            end)
        end)

        it("removed, and an empty file put at the state path", function()
            case("state_rollback_detected", function()
                disk.shell("rm -rf '%s/state.store'", directory)
                disk.write(directory .. "/state", "")
            end)
        end)

        it("store and lock removed: the mark remembers", function()
            case("state_rollback_detected", function()
                disk.shell("rm -rf '%s/state.store' '%s/state.lock'", directory, directory)
            end)
        end)

        it("store and mark removed: the lock remembers", function()
            case("state_rollback_detected", function()
                disk.shell("rm -rf '%s/state.store' '%s/state.mark'", directory, directory)
            end)
        end)
    end)

    it("35.9-2 an empty directory that nothing remembers is no new store", function()
        assert(disk.shell("mkdir -m 700 '%s/state.store'", directory))
        refused("state_corrupt")
    end)

    describe("quarantine_and_reset (D-086)", function()
        before_each(made)
        local reset = { reset_corrupt = true, backups = 2 }

        it("moves a damaged store and its mark aside and begins a new one", function()
            disk.flip(directory .. "/state.store/" .. disk.log_name(1), 8192 + 90)
            local id = disk.read(directory .. "/state.store/store-id")
            local store = disk.open(directory, reset)
            assert.same({}, disk.texts(store))
            assert.equal(1, store:info().open_number)
            store:close()
            local kept = {}
            for _, name in ipairs(disk.names(directory)) do
                if name:find("corrupt", 1, true) then kept[#kept + 1] = name:match("^state%.%a+%.corrupt%-") end
            end
            assert.same({ "state.mark.corrupt-", "state.store.corrupt-" }, kept)
            assert.is_true(id ~= disk.read(directory .. "/state.store/store-id"))
            disk.open(directory):close()
        end)

        it("never for a wrong key, a foreign store, a rollback, a mark that is gone, or unsafe files", function()
            reset.key = ("\x12"):rep(32)
            refused("state_key_mismatch", reset)
            reset.key = nil
            disk.shell("chmod 640 '%s/state.mark'", directory)
            refused("state_path_unsafe", reset)
            disk.shell("chmod 600 '%s/state.mark'", directory)
            os.rename(directory .. "/state.mark", directory .. "/mark")
            refused("state_corrupt", reset)
            os.rename(directory .. "/mark", directory .. "/state.mark")
            os.rename(directory .. "/state.store/" .. disk.log_name(1), directory .. "/log")
            refused("state_rollback_detected", reset)
            os.rename(directory .. "/log", directory .. "/state.store/" .. disk.log_name(1))
            opens()
        end)

        --- As a quarantine leaves it that was cut behind its first step, or its second.
        local function cut(steps)
            disk.flip(directory .. "/state.store/" .. disk.log_name(1), 8192 + 90)
            os.rename(directory .. "/state.mark", directory .. "/state.mark.corrupt-1700000000000000000-77")
            if steps == 1 then return end
            disk.write(directory .. "/state.lock", ("store_id=%s\n"):format(("-"):rep(64)))
        end
        for steps = 1, 2 do
            it("35.10 goes on by itself where it was cut behind step " .. steps, function()
                cut(steps)
                refused("state_corrupt")
                local store = disk.open(directory, reset)
                assert.same({}, disk.texts(store))
                store:close()
                disk.open(directory):close()
                assert.is_true(disk.exists(directory .. "/state.mark.corrupt-1700000000000000000-77"))
            end)

            it("35.10 the mark of another store among the copies is no such cut, behind step " .. steps, function()
                cut(steps)
                local other = disk.directory()
                disk.open(other):close()
                disk.copy(other .. "/state.mark", directory .. "/state.mark.corrupt-1700000000000000000-77")
                refused("state_corrupt", reset)
                disk.remove(other)
            end)
        end

        it("35.10 never with anchor pins, and with them no store is created (35.9-2)", function()
            disk.flip(directory .. "/state.store/" .. disk.log_name(1), 8192 + 90)
            refused("state_corrupt", { reset_corrupt = true, pinned = true })
            disk.flip(directory .. "/state.store/" .. disk.log_name(1), 8192 + 90)
            disk.open(directory, { pinned = true }):close()
            disk.shell("rm -rf '%s/state.store' '%s/state.mark'", directory, directory)
            refused("state_rollback_detected", { pinned = true })
            os.remove(directory .. "/state.lock")
            refused("state_corrupt", { pinned = true })
            disk.open(directory):close()
        end)

        it("takes only what it named itself for old copies", function()
            lfs.mkdir(directory .. "/state.store.corrupt-backup")
            disk.write(directory .. "/state.mark.corrupt-1-2.old", "x")
            for _ = 1, 2 do
                disk.flip(directory .. "/state.store/" .. disk.log_name(1), 4200)
                disk.open(directory, { reset_corrupt = true, backups = 1 }):close()
            end
            assert.is_true(disk.exists(directory .. "/state.store.corrupt-backup"))
            assert.is_true(disk.exists(directory .. "/state.mark.corrupt-1-2.old"))
        end)

        it("keeps as many copies as the limit says", function()
            for _ = 1, 4 do
                local logs = disk.names(directory .. "/state.store")
                disk.flip(directory .. "/state.store/" .. logs[1], 4100)
                disk.open(directory, reset):close()
                disk.shell("sleep 0.002")
            end
            local copies = 0
            for _, name in ipairs(disk.names(directory)) do
                if name:find("store.corrupt-", 1, true) then copies = copies + 1 end
            end
            assert.equal(2, copies)
        end)
    end)
end)
