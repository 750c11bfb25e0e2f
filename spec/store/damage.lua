--- Damage to every place of small stores, one at a time, read by the reader of `store verify` (sealed-store 35.10,
-- 35.14); some of it opened as an engine would.
local signer = require("tbtc_signer")
local model = require("spec.store.damage_model")
local generator = require("spec.support.generator")

local align, disk_of, expect, frames_of, kind_of = model.align, model.disk_of, model.expect, model.frames_of, model.kind_of
local make, open, splice, used_of = model.make, model.open, model.splice, model.used_of
local reader, crash = signer.test_damage, signer.test_crash

local damage = {}

local PAGE, SECTOR = 4096, 512
local FOLDER, LOCK, MARK = "/state.store/", "/state.lock", "/state.mark"

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
