-- The native format byte for byte (D-094), and every opening of the vector file (sealed-store 35.10).
local disk = require("spec.store.disk")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local vector = vectors.load("store/native-v1")
local bytes, hex = vectors.bytes, vectors.hex
local key = bytes(vector.master_key)

--- Content of a file of the vector.
local function content(file)
    local parts, at = {}, 0
    for _, segment in ipairs(file.segments) do
        local data = bytes(segment[2])
        parts[#parts + 1] = ("\0"):rep(segment[1] - at)
        parts[#parts + 1] = data
        at = segment[1] + #data
    end
    parts[#parts + 1] = ("\0"):rep(file.size - at)
    return table.concat(parts)
end

local function path_of(directory, name)
    return name == "mark" and directory .. "/state.mark" or directory .. "/state.store/" .. name
end

local function lock_text(directory, id)
    return ("store_id=%s\npid=%010d\nstate_path=%s/state\n"):format(id, 4711, directory)
end

describe("store vector", function()
    local directory

    before_each(function() directory = disk.directory() end)
    after_each(function() disk.remove(directory) end)

    --- Random draws of a creation, in their order.
    local function script()
        local log, snapshot = vector.salts.log, vector.salts.snapshot
        local draws = { vector.store_id, ("a1"):rep(8), snapshot, vector.snapshot_randoms[1], vector.snapshot_randoms[2],
            log, vector.open_random, vector.records[1].random, ("a2"):rep(8) }
        for i = 2, 4 do draws[#draws + 1] = vector.records[i].random end
        for i, draw in ipairs(draws) do draws[i] = bytes(draw) end
        return draws
    end

    it("D-094 writes store id, snapshot, log and mark byte for byte", function()
        local genesis = {}
        for i = 2, #vector.genesis_ops do
            genesis[#genesis + 1] = { vector.genesis_ops[i].op, bytes(vector.genesis_ops[i].payload) }
        end
        local platform = signer.test_platform.new({ wall_ms = vector.created_unix_ms, random = script() })
        local store = disk.open(directory, { key = key, platform = platform, genesis = genesis })
        local records = vector.records
        local chains = {}
        local function append(i)
            local ticket, seq, chain = store:append("change", bytes(records[i].body))
            assert.equal(records[i].seq, seq)
            chains[i] = hex(chain)
            return ticket
        end
        store:wait(append(2))
        append(3)
        store:wait(append(4)) -- two records under one sync
        for i = 2, 4 do assert.equal(records[i].chain, chains[i]) end
        store:close(true)
        for name, file in pairs(vector.files) do
            assert.is_true(content(file) == disk.read(path_of(directory, name)), name)
            local pipe = io.popen(("sha256sum '%s'"):format(path_of(directory, name)))
            assert.equal(file.sha256, pipe:read("a"):match("^%x+"))
            pipe:close()
        end
        assert.equal(vector.lock_file:match("^store_id=%x+\n"), disk.read(directory .. "/state.lock"):match("^[^\n]*\n"))
    end)

    it("D-080 the lock file records id, process and path in the form of the vector", function()
        disk.open(directory, { key = key }):close()
        local text = disk.read(directory .. "/state.lock")
        assert.truthy(text:match("^store_id=%x+\npid=%d%d%d%d%d%d%d%d%d%d\nstate_path=" .. directory .. "/state\n$"))
        assert.equal(#vector.lock_file:match("^[^\n]*\n[^\n]*\n"), #text:match("^[^\n]*\n[^\n]*\n"))
    end)

    --- Runs a whole engine on the directory; true when its reply was good.
    local function engine(argument)
        local command = ("TBTC_SIGNER_PROFILE=development TBTC_SIGNER_STATE_PATH='%s/state' TBTC_SIGNER_STATE_KEY_PROVIDER=env "
            .. "TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX=%s SIGNER_BUILD='%s' lua5.4 spec/store/engine_child.lua %s 2>&1"):format(
            directory, vector.master_key, os.getenv("SIGNER_BUILD") or "build/test", argument or "")
        local pipe = io.popen(command)
        local text = pipe:read("a")
        pipe:close()
        return text:find("^true\t") ~= nil or text:find("\ntrue\t") ~= nil, text
    end

    it("D-094 the engine's own state makes the same snapshot and first record", function()
        if not signer.engine then return pending("a partial build has no engine") end
        assert.is_true(engine("create"))
        for _, name in ipairs({ "store-id", disk.snapshot_name(1) }) do
            assert.is_true(content(vector.files[name]) == disk.read(path_of(directory, name)), name)
        end
        local log = disk.read(path_of(directory, disk.log_name(1)))
        assert.is_true(content(vector.files[disk.log_name(1)]):sub(1, 8192) == log:sub(1, 8192))
    end)

    local edits = {}

    function edits.xor(path, edit)
        disk.flip(path, edit.offset, tonumber(edit.value, 16))
    end

    function edits.zero(path, edit)
        disk.patch(path, edit.offset, ("\0"):rep(edit.length))
    end

    function edits.write(path, edit)
        disk.patch(path, edit.offset, bytes(edit.hex))
    end

    function edits.copy(path, edit)
        disk.patch(path, edit.offset, disk.read(path):sub(edit.from + 1, edit.from + edit.length))
    end

    function edits.truncate(path, edit)
        disk.write(path, disk.read(path):sub(1, edit.size))
    end

    function edits.delete(path)
        os.remove(path)
    end

    local function lay_out(case)
        assert(disk.shell("mkdir -m 700 '%s/state.store'", directory))
        for name, file in pairs(vector.files) do disk.write(path_of(directory, name), content(file)) end
        local id = case.lock == "none" and ("-"):rep(64) or case.lock or vector.store_id
        disk.write(directory .. "/state.lock", lock_text(directory, id))
        for _, edit in ipairs(case.edits) do edits[edit.edit](path_of(directory, edit.file), edit) end
    end

    it("D-094 the engine's own state reads the records of the vector and goes on", function()
        if not signer.engine then return pending("a partial build has no engine") end
        lay_out({ edits = {} })
        local good, text = engine()
        assert.is_true(good, text)
        assert.is_true(disk.exists(path_of(directory, disk.log_name(2))))
    end)

    for _, case in ipairs(vector.open_cases) do
        it("D-095 opening: " .. case.name, function()
            lay_out(case)
            local before = disk.picture(directory)
            local reason, store = disk.refusal(directory, { key = bytes(case.key or vector.master_key) })
            assert.equal(case.refused, reason)
            if case.refused then
                assert.equal(before, disk.picture(directory))
                return
            end
            local info = store:info()
            assert.equal(case.opened.seq + 1, info.seq) -- the OPEN of its own log follows
            local log = disk.read(directory .. "/state.store/" .. disk.log_name(2))
            assert.equal(case.opened.seq, (string.unpack(">I8", log, 89)))
            assert.equal(case.opened.chain, hex(log:sub(97, 128)))
            assert.equal(case.opened.torn, info.torn_tail_bytes > 0)
            assert.equal(2, info.open_number)
            store:close()
        end)
    end
end)
