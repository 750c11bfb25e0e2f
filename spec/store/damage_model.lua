--- Small stores for the damage campaign, and what a reading of their damaged files must say (sealed-store 35.10). The
-- model has no key: it knows the states that the engine held, the frames that it wrote, and the bytes.
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local reader, crash, sha256 = signer.test_damage, signer.test_crash, signer.curve.sha256

local model = {}

local PAGE, HEADER = 4096, 4096
local FOLDER, LOCK, MARK = "/state.store/", "/state.lock", "/state.mark"
local KEY = ("\x5a"):rep(32)
local ENVIRONMENT = {
    TBTC_SIGNER_PROFILE = "development",
    TBTC_SIGNER_STATE_PATH = "/state",
    TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("5a"):rep(32),
}

function model.align(offset, unit) return (offset + unit - 1) // unit * unit end

function model.splice(bytes, offset, piece) return bytes:sub(1, offset) .. piece .. bytes:sub(offset + #piece + 1) end

-- -- files and frames -----------------------------------------------------------------------------------------

local KINDS = { log = 1, snapshot = 2, audit = 3 }

--- @return string|nil kind, integer number
function model.kind_of(path)
    local kind, digits = path:match("/(%l+)%-(%x+)$")
    if KINDS[kind] then return kind, tonumber(digits, 16) end
end

--- Frames of a whole log, snapshot or audit file: offset, bytes, seq, durable, type.
function model.frames_of(log)
    local frames, at = {}, HEADER
    while true do
        local place = model.align(at, 8)
        if log:sub(place + 1, place + 4) ~= "TSR1" then place = model.align(at, PAGE) end
        if log:sub(place + 1, place + 4) ~= "TSR1" then return frames end
        local len, seq, durable, kind = string.unpack(">I4 I8 I8 B", log, place + 5)
        frames[#frames + 1] = { offset = place, bytes = log:sub(place + 1, place + 96 + len), seq = seq, durable = durable,
            type = kind }
        at = place + 96 + len
    end
end

--- How far a file is used: beyond lie zeros only.
function model.used_of(bytes)
    local used = #bytes
    while used > 0 and bytes:sub(math.max(1, used - PAGE + 1), used):find("[^\0]") == nil do used = used - PAGE end
    return math.max(0, used)
end

-- -- stores ---------------------------------------------------------------------------------------------------

function model.open(disk) return signer.test_core.engine({ environment = ENVIRONMENT, platform = disk }) end

local function files_on(disk)
    local files = { [LOCK] = reader.bytes(disk, LOCK), [MARK] = reader.bytes(disk, MARK) }
    for _, name in ipairs(reader.names(disk, FOLDER)) do files[FOLDER .. name] = reader.bytes(disk, FOLDER .. name) end
    return files
end

function model.disk_of(files)
    local disk = signer.test_disk.new(1)
    for path, bytes in pairs(files) do reader.put(disk, path, bytes) end
    return disk
end

local function newest(files, kind)
    local highest = 0
    for path in pairs(files) do
        local found, number = model.kind_of(path)
        if found == kind then highest = math.max(highest, number) end
    end
    return highest, ("%s%s-%016x"):format(FOLDER, kind, highest)
end

--- Runs lives of an engine; remembers the state at each record of the last one.
local Life = {}
Life.__index = Life

function Life:note()
    local files = files_on(self.disk)
    local _, path = newest(files, "log")
    local frames = model.frames_of(files[path])
    self.states[frames[#frames].seq] = { full = sha256(table.concat(crash.snapshot(self.engine))),
        plain = crash.digest(self.engine) }
end

function Life:open()
    self.engine, self.states = model.open(self.disk), {}
    signer.test_state.counts(self.engine)
    self.first_mark = reader.bytes(self.disk, MARK)
    self:note()
end

--- @param leave boolean|nil nobody waits for the record
function Life:commit(body, leave)
    crash.commit(self.engine, registry.changes(body), leave)
    self:note()
end

function Life:marker(number, leave)
    self:commit(registry.add("m1", 5, ("marker-%d"):format(number)), leave)
end

--- A marker, and with it the verdict of a policy script: these are kept when their log goes.
function Life:verdict(number, text)
    local lp = registry.lp
    self:commit(registry.add("m1", 5, ("verdict-%d"):format(number)) .. registry.op("verdict", "\1" .. lp("firewall")
        .. lp("1") .. ("\1"):rep(32) .. lp("rule") .. lp("") .. lp("") .. string.pack(">I8", 1700000000000)
        .. sha256(text) .. "\1" .. lp(text)))
end

function Life:first()
    self:open()
    self:commit(registry.bound("m1", registry.GROUP_A))
end

local lives = {}

--- Closed and opened again and again: two snapshots, three logs at most, verdicts of one that went.
function lives.settled(life)
    life:first()
    life:verdict(1, "a verdict")
    for round = 1, 3 do
        life.engine:close(false)
        life:open()
        life:marker(2 * round)
        life:marker(2 * round + 1)
    end
    life.engine:close(false)
end

--- Killed with records that no sync had seen yet; two before them share one sync.
function lives.died(life)
    life:first()
    life.engine:close(false)
    life:open()
    life:marker(1)
    life:marker(2, true)
    life:marker(3)
    for number = 4, 6 do life:marker(number, true) end
    life.engine:close(true)
end

--- The same after a loss of power that left the mark as it was at the opening: what was durable is told by the
-- records alone.
function lives.dark(life)
    lives.died(life)
    life.files = { [MARK] = life.first_mark }
end

--- Killed in its first life: one log, one snapshot. With a wallet.
function lives.fresh(life)
    life:first()
    signer.test_state.wallet(life.engine, { session_id = "w", seed = "seed", threshold = 2, participants = 3, seats = { 1, 2 } })
    life:note()
    life:marker(1)
    life.engine:close(true)
end

--- A log that grew: it may be cut behind the size that it was published with.
function lives.grown(life)
    life:first()
    for number = 1, 20 do life:verdict(number, (number .. " "):rep(20000)) end
    life:marker(1)
    life.engine:close(true)
end

--- The same store with logs as short as they can be: their header then says so, under a tag made anew.
local function shorten(files)
    for path, bytes in pairs(files) do
        if model.kind_of(path) == "log" then
            local size = model.used_of(bytes) + 2 * PAGE
            local page = model.splice(bytes:sub(1, PAGE), 144, (">I8"):pack(2 * PAGE))
            files[path] = signer.test_forge.header({ key = KEY, page = page }) .. bytes:sub(PAGE + 1, size)
        end
    end
end

local function last_mark(bytes)
    return math.max((string.unpack(">I8", bytes, 49)), (string.unpack(">I8", bytes, PAGE + 49)))
end

--- @param name string one of the lives
-- @param short boolean with short logs
function model.make(name, seed, short)
    local life = setmetatable({ disk = signer.test_disk.new(seed) }, Life)
    lives[name](life)
    local store = { name = name .. (short and "" or ", logs of full size"), files = files_on(life.disk), states = life.states,
        frames = {}, headers = {}, paths = {} }
    for path, bytes in pairs(life.files or {}) do store.files[path] = bytes end
    if short then shorten(store.files) end
    store.head, store.head_log = newest(store.files, "log")
    store.mark = last_mark(store.files[MARK])
    for path, bytes in pairs(store.files) do
        store.paths[#store.paths + 1] = path
        local kind, number = model.kind_of(path)
        if kind == "log" then store.frames[path] = model.frames_of(bytes) end
        if kind then store.headers[bytes:sub(1, HEADER)] = { kind = kind, number = number } end
        if kind == "snapshot" and number < store.head then store.older = true end
    end
    table.sort(store.paths)
    store.disk = model.disk_of(store.files)
    store.engine = model.open(store.disk)
    return store
end

-- -- what a reading must say ----------------------------------------------------------------------------------

local function state_at(store, index)
    local frames = store.frames[store.head_log]
    local seq = frames[index].seq
    if frames[index].type == 4 then seq = seq - 1 end -- CLOSE
    return store.states[seq]
end

local function full(store) return state_at(store, #store.frames[store.head_log]) end

--- The code for a header page; nil: it is the right one (35.3).
local function header_fault(store, path, page)
    local kind, number = model.kind_of(path)
    local known = store.headers[page]
    if not known then return "state_corrupt" end
    if known.kind ~= kind then return "state_version_unsupported" end
    if known.foreign then return "state_foreign_store" end
    return known.number ~= number and "state_corrupt" or nil
end

--- Walks the frames as 35.4 orders: the last good one, what follows, or the fault of the file.
local function walk(store, path, bytes)
    local fault = header_fault(store, path, bytes:sub(1, HEADER))
    if fault then return { fault = fault } end
    if #bytes < string.unpack(">I8", bytes, 145) then return { fault = "state_corrupt" } end
    local frames, good, at = store.frames[path], 0, HEADER
    for index, frame in ipairs(frames) do
        local place = model.align(at, 8)
        if bytes:sub(place + 1, place + #frame.bytes) ~= frame.bytes then place = model.align(at, PAGE) end
        if bytes:sub(place + 1, place + #frame.bytes) ~= frame.bytes then break end
        if bytes:sub(at + 1, place):find("[^\0]") then return { fault = "state_corrupt" } end
        good, at = index, place + #frame.bytes
    end
    if good == 0 then return { fault = "state_corrupt" } end
    local tail = bytes:find("[^\0]", at + 1)
    for index = good + 1, tail and #frames or 0 do
        local place = frames[index].durable > frames[good].seq and bytes:find(frames[index].bytes, tail, true)
        while place do
            if (place - 1) % 8 == 0 then return { fault = "state_corrupt" } end
            place = bytes:find(frames[index].bytes, place + 1, true)
        end
    end
    return { good = good, tail = tail ~= nil }
end

local function lock_outcome(store, bytes)
    local id, line = bytes:match("^store_id=([^\n]*)(\n?)")
    if not id or id == ("-"):rep(64) then return full(store).full end -- no id, or a lock of another program
    if #id ~= 64 or line == "" or id:find("%X") then return "state_corrupt" end
    return store.files[LOCK]:find(id:lower(), 1, true) and full(store).full or "state_foreign_store"
end

local function mark_outcome(store, bytes)
    if #bytes ~= 2 * PAGE then return "state_corrupt" end
    local kept = store.files[MARK]
    for _, at in ipairs({ 1, PAGE + 1 }) do
        local slot = bytes:sub(at, at + 103)
        if slot == kept:sub(1, 104) or slot == kept:sub(PAGE + 1, PAGE + 104) then return full(store).full end
    end
    return "state_corrupt"
end

local function log_outcome(store, path, bytes)
    local found = walk(store, path, bytes)
    local judgement = found.fault or (found.tail and "torn" or "whole")
    if path ~= store.head_log then return full(store).full, judgement end
    if found.fault then return found.fault, judgement end
    if store.mark > store.frames[path][found.good].seq then
        return found.tail and "state_corrupt" or "state_rollback_detected", judgement
    end
    return state_at(store, found.good).full, judgement
end

local function parts_outcome(store, path, bytes)
    local kind, number = model.kind_of(path)
    local fault = bytes ~= store.files[path] and (header_fault(store, path, bytes:sub(1, HEADER)) or "state_corrupt") or nil
    local first = kind == "snapshot" and number == store.head
    local needed = first and (not store.older or fault == "state_version_unsupported") -- never gone without
    return needed and fault or full(store).full, fault or "whole"
end

--- @param bytes string|nil  nil: the file is missing
-- @return string outcome, string|nil judgement of the file
function model.expect(store, path, bytes)
    local kind, number = model.kind_of(path)
    if not bytes then
        if path == LOCK then return full(store).full end
        if path == MARK or not kind then return "state_corrupt" end
        if path == store.head_log then return "state_rollback_detected" end
        return kind == "snapshot" and number == store.head and not store.older and "state_corrupt" or full(store).full
    end
    if path == LOCK then return lock_outcome(store, bytes) end
    if path == MARK then return mark_outcome(store, bytes) end
    if kind == "log" then return log_outcome(store, path, bytes) end
    if kind then return parts_outcome(store, path, bytes) end
    if bytes == store.files[path] then return full(store).full end
    return bytes == store.foreign_id and "state_foreign_store" or "state_corrupt"
end

return model
