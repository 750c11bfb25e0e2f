--- Damage to every place of small stores, one at a time, read by the reader of `store verify` (sealed-store 35.10,
-- 35.14). What a reading must say is computed here from the bytes and from what was written, without a key: the
-- states are those that the engine held, the frames those that it wrote.
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")

local reader, crash, sha256 = signer.test_damage, signer.test_crash, signer.curve.sha256

local damage = {}

local PAGE, SECTOR, HEADER = 4096, 512, 4096
local FOLDER, LOCK, MARK = "/state.store/", "/state.lock", "/state.mark"
local KEY = ("\x5a"):rep(32)
local ENVIRONMENT = {
    TBTC_SIGNER_PROFILE = "development",
    TBTC_SIGNER_STATE_PATH = "/state",
    TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("5a"):rep(32),
}

local function align(offset, unit) return (offset + unit - 1) // unit * unit end

local function splice(bytes, offset, piece) return bytes:sub(1, offset) .. piece .. bytes:sub(offset + #piece + 1) end

local function generator(seed)
    local value = seed * 2654435761 + 12345
    return function(below)
        value = (value * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
        return (value >> 33) % below
    end
end

-- -- files and frames -----------------------------------------------------------------------------------------

local KINDS = { log = 1, snapshot = 2, audit = 3 }

--- @return string|nil kind, integer number
local function kind_of(path)
    local kind, digits = path:match("/(%l+)%-(%x+)$")
    if KINDS[kind] then return kind, tonumber(digits, 16) end
end

--- Frames of a whole log, snapshot or audit file: offset, bytes, seq, durable, type.
local function frames_of(log)
    local frames, at = {}, HEADER
    while true do
        local place = align(at, 8)
        if log:sub(place + 1, place + 4) ~= "TSR1" then place = align(at, PAGE) end
        if log:sub(place + 1, place + 4) ~= "TSR1" then return frames end
        local len, seq, durable, kind = string.unpack(">I4 I8 I8 B", log, place + 5)
        frames[#frames + 1] = { offset = place, bytes = log:sub(place + 1, place + 96 + len), seq = seq, durable = durable,
            type = kind }
        at = place + 96 + len
    end
end

--- How far a file is used: beyond lie zeros only.
local function used_of(bytes)
    local used = #bytes
    while used > 0 and bytes:sub(math.max(1, used - PAGE + 1), used):find("[^\0]") == nil do used = used - PAGE end
    return math.max(0, used)
end

-- -- stores ---------------------------------------------------------------------------------------------------

local function open(disk) return signer.test_core.engine({ environment = ENVIRONMENT, platform = disk }) end

local function files_on(disk)
    local files = { [LOCK] = reader.bytes(disk, LOCK), [MARK] = reader.bytes(disk, MARK) }
    for _, name in ipairs(reader.names(disk, FOLDER)) do files[FOLDER .. name] = reader.bytes(disk, FOLDER .. name) end
    return files
end

local function disk_of(files)
    local disk = signer.test_disk.new(1)
    for path, bytes in pairs(files) do reader.put(disk, path, bytes) end
    return disk
end

local function newest(files, kind)
    local highest = 0
    for path in pairs(files) do
        local found, number = kind_of(path)
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
    local frames = frames_of(files[path])
    self.states[frames[#frames].seq] = { full = sha256(table.concat(crash.snapshot(self.engine))),
        plain = crash.digest(self.engine) }
end

function Life:open()
    self.engine, self.states = open(self.disk), {}
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
        if kind_of(path) == "log" then
            local size = used_of(bytes) + 2 * PAGE
            local page = splice(bytes:sub(1, PAGE), 144, (">I8"):pack(2 * PAGE))
            files[path] = signer.test_forge.header({ key = KEY, page = page }) .. bytes:sub(PAGE + 1, size)
        end
    end
end

local function last_mark(bytes)
    return math.max((string.unpack(">I8", bytes, 49)), (string.unpack(">I8", bytes, PAGE + 49)))
end

--- @param name string one of the lives
-- @param short boolean with short logs
local function make(name, seed, short)
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
        local kind, number = kind_of(path)
        if kind == "log" then store.frames[path] = frames_of(bytes) end
        if kind then store.headers[bytes:sub(1, HEADER)] = { kind = kind, number = number } end
        if kind == "snapshot" and number < store.head then store.older = true end
    end
    table.sort(store.paths)
    store.disk = disk_of(store.files)
    store.engine = open(store.disk)
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
    local kind, number = kind_of(path)
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
        local place = align(at, 8)
        if bytes:sub(place + 1, place + #frame.bytes) ~= frame.bytes then place = align(at, PAGE) end
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
    local kind, number = kind_of(path)
    local fault = bytes ~= store.files[path] and (header_fault(store, path, bytes:sub(1, HEADER)) or "state_corrupt") or nil
    local needed = kind == "snapshot" and number == store.head and not store.older
    return needed and fault or full(store).full, fault or "whole"
end

--- @param bytes string|nil  nil: the file is missing
-- @return string outcome, string|nil judgement of the file
local function expect(store, path, bytes)
    local kind, number = kind_of(path)
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

-- -- one case -------------------------------------------------------------------------------------------------

local function words(store, outcome)
    for seq, state in pairs(store.states) do
        if state.full == outcome then return "the state of record " .. seq end
    end
    return #outcome == 32 and "a state that never was" or tostring(outcome)
end

local function wrong(run, store, what, found, judged, expected, judgement)
    local text = ("%s: %s: found %s, %s; expected %s, %s"):format(store.name, what, words(store, found), judged or "-",
        words(store, expected), judgement or "-")
    run.failures[#run.failures + 1] = text
end

local function numbered(path) return kind_of(path) and path:sub(#FOLDER + 1) or nil end

local function plain_of(store, outcome)
    for _, state in pairs(store.states) do
        if state.full == outcome then return state.plain end
    end
end

--- A real opening of the damaged store says what the reading said; one that is refused changes nothing but the lock,
-- one that opens leaves a store that opens again.
local function open_really(run, store, what, files, expected)
    local disk = disk_of(files)
    run.opens = run.opens + 1
    for round = 1, 2 do
        local engine = open(disk)
        local good, result = pcall(crash.digest, engine)
        engine:close(true)
        local found = good and result or type(result) == "table" and (result.reason_code or result.error) or tostring(result)
        if found ~= (plain_of(store, expected) or expected) then
            run.failures[#run.failures + 1] = ("%s: %s: opening %d gave %s, the reading %s"):format(store.name, what, round,
                good and "another state" or found, words(store, expected))
            return
        end
        if not good then
            for path, bytes in pairs(files) do
                if path ~= LOCK and reader.bytes(disk, path) ~= bytes then
                    run.failures[#run.failures + 1] = ("%s: %s: a refused opening changed %s"):format(store.name, what, path)
                end
            end
        end
    end
end

--- One file replaced by other bytes.
local function try(run, store, what, path, bytes)
    if bytes == store.files[path] or not run.wants(run.share) then return end
    local expected, judgement = expect(store, path, bytes)
    reader.put(store.disk, path, bytes)
    local found, judged = reader.read(store.engine, store.disk, numbered(path))
    reader.put(store.disk, path, store.files[path])
    run.row.cases = run.row.cases + 1
    if #expected == 32 then run.row.opened = run.row.opened + 1 end
    if found ~= expected or judged ~= judgement then wrong(run, store, what, found, judged, expected, judgement) end
    if run.wants(run.open_share) then
        local files = {}
        for name, content in pairs(store.files) do files[name] = content end
        files[path] = bytes
        open_really(run, store, what, files, expected)
    end
end

--- The edges of what a reading tells apart: a damage anywhere between two of them has one answer.
local function ranges_of(path, bytes)
    local edges, last = { 0 }, used_of(bytes)
    if path == LOCK then -- each byte for itself: its answer depends on the character
        for at = 1, #bytes do edges[#edges + 1] = at end
    end
    for _, frame in ipairs(kind_of(path) and frames_of(bytes) or {}) do
        edges[#edges + 1] = frame.offset
        edges[#edges + 1] = frame.offset + #frame.bytes
    end
    for _, at in ipairs({ 104, PAGE, PAGE + 104 }) do
        if path == MARK then edges[#edges + 1] = at end
    end
    edges[#edges + 1] = math.max(last, #bytes < 65536 and #bytes or 0)
    local ranges = {}
    for index = 2, #edges do
        if edges[index] > edges[index - 1] then ranges[#ranges + 1] = { edges[index - 1], edges[index] } end
    end
    return ranges
end

local function flip_text(bytes, at, bit) return splice(bytes, at, string.char(bytes:byte(at + 1) ~ (1 << bit))) end

local function tell_series(run, store, kind, path, expected, judgement, count, found)
    run.row.cases = run.row.cases + count
    if #expected == 32 then run.row.opened = run.row.opened + count end
    if found then
        wrong(run, store, ("%s of %s at %d, bit %d"):format(kind, path, found.at, found.bit), found.outcome, found.judgement,
            expected, judgement)
    end
end

--- Every bit; in a lock each bit has its own answer.
local function flip_bits(run, store, path, from, to)
    local bytes = store.files[path]
    if path == LOCK then
        for bit = 0, 7 do
            for at = from, to - 1 do
                try(run, store, ("flip of %s at %d, bit %d"):format(path, at, bit), path, flip_text(bytes, at, bit))
            end
        end
        return
    end
    local expected, judgement = expect(store, path, flip_text(bytes, from, 0))
    local count, found = reader.flips(store.engine, store.disk, path, from, to, expected, numbered(path), judgement)
    tell_series(run, store, "flip", path, expected, judgement, count, found)
end

local function flip(run, store, path)
    for _, range in ipairs(ranges_of(path, store.files[path])) do
        if run.share == 1 then
            flip_bits(run, store, path, range[1], range[2])
        else
            for _, at in ipairs({ range[1], range[2] - 1, range[1] + run.random(range[2] - range[1]) }) do
                if path ~= LOCK or at == range[1] then flip_bits(run, store, path, at, at + 1) end
            end
        end
        for _ = 1, run.flip_opens do
            local at, bit = range[1] + run.random(range[2] - range[1]), run.random(8)
            local files = {}
            for name, content in pairs(store.files) do files[name] = content end
            files[path] = flip_text(files[path], at, bit)
            open_really(run, store, ("flip of %s at %d, bit %d"):format(path, at, bit), files, (expect(store, path, files[path])))
        end
    end
end

--- Cuts of a small file, each size for itself.
local function cut(run, store, path)
    for size = 0, #store.files[path] - 1 do
        try(run, store, ("cut of %s to %d"):format(path, size), path, store.files[path]:sub(1, size))
    end
end

local function zero(run, store, path)
    local bytes = store.files[path]
    local used = math.min(#bytes, used_of(bytes) + PAGE)
    for _, unit in ipairs({ SECTOR, PAGE }) do
        for at = 0, used - 1, unit do
            local len = math.min(unit, #bytes - at)
            try(run, store, ("%d zeros in %s at %d"):format(len, path, at), path, splice(bytes, at, ("\0"):rep(len)))
        end
    end
    for at = 0, used - 1 do
        try(run, store, ("%s zeroed from %d on"):format(path, at), path, bytes:sub(1, at) .. ("\0"):rep(#bytes - at))
    end
    for index, frame in ipairs(store.frames[path] or {}) do
        for _, len in ipairs({ 80, #frame.bytes }) do
            try(run, store, ("record %d of %s zeroed, %d bytes"):format(index, path, len), path,
                splice(bytes, frame.offset, ("\0"):rep(len)))
        end
        try(run, store, ("record %d of %s once more behind the last"):format(index, path), path,
            splice(bytes, used - PAGE, frame.bytes))
        try(run, store, ("record %d of %s taken out"):format(index, path), path, bytes:sub(1, frame.offset)
            .. bytes:sub(align(frame.offset + #frame.bytes, PAGE) + 1) .. ("\0"):rep(PAGE))
    end
end

local function pages_of(bytes)
    local pages = {}
    for at = 0, math.min(#bytes, used_of(bytes) + PAGE) - 1, PAGE do pages[#pages + 1] = at end
    return pages
end

local function page_at(bytes, at) return bytes:sub(at + 1, at + PAGE) end

--- Pages of a file changed places, and pages of every file, of another store's too, in the place of its own.
local function pages(run, store, path)
    local bytes = store.files[path]
    for _, first in ipairs(pages_of(bytes)) do
        for _, second in ipairs(pages_of(bytes)) do
            local one, two = page_at(bytes, first), page_at(bytes, second)
            if first < second and #one == #two then
                try(run, store, ("pages %d and %d of %s swapped"):format(first, second, path), path,
                    splice(splice(bytes, first, two), second, one))
            end
        end
        for _, source in ipairs(run.sources) do
            for name, other in pairs(source.files) do
                for _, at in ipairs(pages_of(other)) do
                    local page = page_at(other, at)
                    if first + #page <= #bytes then
                        try(run, store, ("page %d of %s (%s) in %s at %d"):format(at, name, source.name, path, first), path,
                            splice(bytes, first, page))
                    end
                end
            end
        end
    end
end

--- Another file in its place, a longer one, none.
local function replace(run, store, path)
    local bytes = store.files[path]
    for _, source in ipairs(run.sources) do
        for name, other in pairs(source.files) do
            if #other < 262144 then
                try(run, store, ("%s (%s) in the place of %s"):format(name, source.name, path), path, other)
            end
        end
    end
    for _, more in ipairs({ "\0", ("\0"):rep(PAGE), "x", ("\xff"):rep(PAGE), "TSR1" }) do
        try(run, store, ("%s longer by %d"):format(path, #more), path, bytes .. more)
    end
    local files = {}
    for name, content in pairs(store.files) do files[name] = name ~= path and content or nil end
    local disk = disk_of(files)
    local engine = open(disk)
    local expected, found = (expect(store, path, nil)), (reader.read(engine, disk))
    engine:close(true)
    run.row.cases = run.row.cases + 1
    if found ~= expected then wrong(run, store, path .. " removed", found, nil, expected) end
    open_really(run, store, path .. " removed", files, expected)
end

--- What only a store of full size shows: each cut of its newest log, its free room by sample, a log that grew.
local function cut_full(run, store)
    local path, bytes = store.head_log, store.files[store.head_log]
    local published = string.unpack(">I8", bytes, 145)
    local sizes = run.share == 1 and { { 0, published } } or { { 0, 300 }, { 4000, 4300 }, { published - 300, published } }
    for _, range in ipairs(sizes) do
        local expected, judgement = expect(store, path, bytes:sub(1, range[2] - 1))
        local count, found = reader.cuts(store.engine, store.disk, path, range[1], range[2], expected, numbered(path), judgement)
        tell_series(run, store, "cut", path, expected, judgement, count, found)
    end
    local function cut_to(size)
        if size >= published and size < #bytes then
            try(run, store, ("cut of %s to %d"):format(path, size), path, bytes:sub(1, size))
        end
    end
    for _, frame in ipairs(store.frames[path]) do
        for _, size in ipairs({ -1, 0, 1, 79, 80 }) do cut_to(frame.offset + size) end
        for size = -1, 9 do cut_to(frame.offset + #frame.bytes + size) end
    end
    for _ = 1, run.share == 1 and 200 or 5 do cut_to(published + run.random(math.max(1, #bytes - published))) end
end

local function flip_room(run, store)
    local used, bytes = used_of(store.files[store.head_log]), store.files[store.head_log]
    for _ = 1, run.share == 1 and 300 or 5 do
        local at = used + run.random(#bytes - used)
        flip_bits(run, store, store.head_log, at, at + 1)
    end
end

-- -- the campaign ---------------------------------------------------------------------------------------------

local kinds = {
    { "every bit", flip }, { "cut at every byte", cut }, { "zeroed", zero }, { "pages moved", pages },
    { "files exchanged", replace },
}

local function one_row(run, store, name, path, act)
    local title = ("%s: %s: %s"):format(store.name, name, path:gsub("^/state%.?", ""))
    if run.only and not title:find(run.only, 1, true) then return end
    run.row = { title = title, cases = 0, opened = 0 }
    local failed = #run.failures
    act(run, store, path)
    for index = failed + 1, #run.failures do
        run.failures[index] = ("%s\n  replay: make damage SEED=%d ONLY='%s'"):format(run.failures[index], run.seed, title)
    end
    run.cases, run.opened = run.cases + run.row.cases, run.opened + run.row.opened
    if run.say then run.say(run.row) end
end

--- @param options table  seed; whole = true for everything; only = text of a row's title; say = function(row); few
-- @return table  cases, opened (readings that gave a state), opens (real openings), failures (texts)
function damage.run(options)
    local random = generator(options.seed)
    local run = { seed = options.seed, random = random, only = options.only, say = options.say, failures = {}, cases = 0,
        opened = 0, opens = 0, share = options.whole and 1 or options.few and 0.004 or 0.03,
        open_share = 0.02, flip_opens = options.whole and 6 or 0 }
    function run.wants(share) return share >= 1 or random(100000) < share * 100000 end
    local other = make("fresh", options.seed + 1, true)
    for _, name in ipairs({ "settled", "died", "dark", "fresh" }) do
        local store = make(name, options.seed, true)
        store.foreign_id = other.files[FOLDER .. "store-id"]
        for page, header in pairs(other.headers) do
            store.headers[page] = { kind = header.kind, number = header.number, foreign = true }
        end
        run.sources = { store, other }
        for _, kind in ipairs(kinds) do
            for _, path in ipairs(store.paths) do one_row(run, store, kind[1], path, kind[2]) end
        end
        store.engine:close(true)
    end
    for _, name in ipairs({ "settled", "grown" }) do
        local store = make(name, options.seed, false)
        one_row(run, store, "cut at every byte", store.head_log, cut_full)
        one_row(run, store, "free room", store.head_log, flip_room)
        store.engine:close(true)
    end
    other.engine:close(true)
    return run
end

return damage
