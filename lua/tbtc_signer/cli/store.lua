--- `tbtc-signer store …`: the offline tools of the sealed store. What only looks takes a shared lock and
--- changes no byte; what acts holds the store as an engine would.
local signer = require("tbtc_signer")
local arguments = require("tbtc_signer.cli.arguments")
local engines = require("tbtc_signer.cli.engines")
local hints = require("tbtc_signer.cli.hints")
local json = require("tbtc_signer.json")
local output = require("tbtc_signer.cli.output")

local store = {}

local tools = signer.store_tools
local IMPORT_BYTES_MAX = 512 * 1024 * 1024
local HIGHEST_UNKNOWN = 4294967295
local MIB, LARGE_MIB = 1048576, 32 -- from there on reading takes a while

local ACTIONS = {
    { "init", "Create a new store, or take over the reference's state file at the state path.", [[
  TBTC_SIGNER_STATE_PATH=/var/lib/signer/state tbtc-signer store init
A file with envelope schema 3 at the state path is imported and then renamed <name>.imported-<unix>; one
with schema 4 needs its generation (tbtc-signer store import --generation); schema 2 and plaintext are
refused. Cut short by a crash: the same command finishes it.]] },
    { "info", "What the store is: id, files, numbers of its state.", [[
  tbtc-signer store info --path /var/lib/signer/state
Changes nothing. The store must not be in use. Exit 0: an opening would succeed; 1: it would not, and why.]] },
    { "verify", "Read every file of the store as a whole, without an engine.", [[
  tbtc-signer store verify --path /var/lib/signer/state
Changes nothing: run it on a backup before you need it. Exit 0: an opening would succeed and every file
is whole; 1: not so.]] },
    { "floor", "What the store would never go below: highest numbers, tombstones, the durable mark.", [[
  tbtc-signer store floor --path /var/lib/signer/state --json
Changes nothing. To compare two copies: the one with the higher record is the newer one.]] },
    { "export", "Print the protection data (markers, tombstones, kill switches) as JSON; no secret is in it.", [[
  tbtc-signer store export --path /var/lib/signer/state --output protection.json
The form is tbtc-signer-store-protection/v1.]] },
    { "import", "Unite protection data of another store with this one, or take over a state file of schema 4.", [[
  tbtc-signer store import --path /var/lib/signer/state protection.json
Nothing is ever lowered. A session that this store lacks becomes a tombstone: it can never be opened here.
  tbtc-signer store import --path /var/lib/signer/state --generation 1041
Takes over the reference's file with envelope schema 4 at the state path, which is then renamed
<name>.imported-<unix>. The number is what the reference's generation file beside the state file says: a
state file below it is an older copy and is refused (state_rollback_detected). Cut short by a crash: the
same command finishes it.]] },
    { "adopt", "Take a restored copy without its mark for the true store. Think first.", [[
  tbtc-signer store adopt --path /var/lib/signer/state --yes
Only when the newest copy of all files together is lost: whatever happened after the copy was made is
forgotten, and with it every share that left since. Retire or refresh the wallets afterwards.]] },
    { "rekey", "Seal the store again under another key; every older file goes.", [[
  tbtc-signer store rekey --path /var/lib/signer/state --new-key-command 'kms decrypt new.key'
Then set TBTC_SIGNER_STATE_KEY_COMMAND to the new command. A crash leaves a store under exactly one of
the two keys; the other one answers state_key_mismatch.]] },
    { "compact", "Open and close: a fresh snapshot, old files gone.", [[
  tbtc-signer store compact --path /var/lib/signer/state
Also after damage to a file that an opening does not need (store verify says so).]] },
}

function store.describe(parser, common)
    local command = parser:command("store", "Look at, check, move and repair the sealed store of a stopped signer.")
    command:epilog([[
Examples:
  tbtc-signer store info --path /var/lib/signer/state       what is it, does it open?
  tbtc-signer store verify --path /tmp/backup/state         is this backup whole?
Settings (key provider above all) come from TBTC_SIGNER_* variables, as for the signer itself; --path
stands in for TBTC_SIGNER_STATE_PATH. The signer must be stopped: a store in use answers state_locked.
info, verify, floor and export change no byte. Each action has --help with an example.
Exit codes: 0 done; 1 refused, damaged or not there (the reason code in brackets); 2 usage or error.]])
    command:command_target("action")
    for _, action in ipairs(ACTIONS) do
        local each = common(command:command(action[1], action[2]))
        each:epilog("Example:\n" .. action[3])
        each:option("--path", "State path (P): the store lies in P.store, P.lock and P.mark.")
        if action[1] == "export" then each:option("--output", "File to write, mode 0600 (default: stdout).") end
        if action[1] == "import" then
            each:argument("file", "Protection data as export prints them."):args("?")
            each:option("--generation", "Lowest generation that the state file of schema 4 may have, from 1.")
                :convert(arguments.integer("--generation", 1, math.maxinteger))
        end
        if action[1] == "adopt" then each:flag("--yes", "I know that what happened after the copy is forgotten.") end
        if action[1] == "rekey" then
            each:option("--new-key-command", "Command that prints the new key (64 hex characters).")
            each:option("--new-key-variable", "Name of a variable that holds the new key (not for production).")
            each:option("--timeout", "Seconds for the command, 1 to 300."):default("30"):convert(math.tointeger)
        end
    end
end

-- -- failures ---------------------------------------------------------------------------------------

--- What a typed error of the core means here.
local function problem_of(raised)
    if type(raised) ~= "table" or not raised.error then error(raised, 0) end
    local reason = raised.reason_code
    return { code = raised.code, reason_code = reason, message = raised.detail or raised.error }
end

local function fail(raised, hint)
    local problem = problem_of(raised)
    output.failure(problem, hint or hints.of(problem))
    return problem.code == "validation_error" and 2 or 1
end

--- Runs a tool of the core; its error becomes a message and an exit status.
local function attempt(tool, ...)
    local results = table.pack(pcall(tool, ...))
    if results[1] then return results[2] end
    return nil, fail(results[2])
end

local function engine_of(options)
    return engines.new(options.path and { TBTC_SIGNER_STATE_PATH = options.path } or {})
end

local function tell_missing(path)
    local problem = { code = "store_missing", message = "there is no store at " .. path }
    output.failure(problem, hints.of(problem))
    return 1
end

--- For what acts on a store: the exit status when none is there, else nil.
local function missing(options)
    local good, present = pcall(tools.is_present, options.engine)
    if not good then return fail(present) end
    if not present then return tell_missing(options.path or os.getenv("TBTC_SIGNER_STATE_PATH") or "the state path") end
end

--- Bytes of all files of a store.
local function bytes_on_disk(path)
    local uv = require("luv")
    local list, total = path and uv.fs_scandir(path .. ".store"), 0
    while list do
        local name = uv.fs_scandir_next(list)
        if not name then break end
        local info = uv.fs_stat(path .. ".store/" .. name)
        total = total + (info and info.size or 0)
    end
    return total
end

--- Says that a large store is being read: its files in MiB.
local function tell_reading(options)
    local size = bytes_on_disk(options.path or os.getenv("TBTC_SIGNER_STATE_PATH")) // MIB
    if size >= LARGE_MIB then output.progress("reading the state out of %d MiB", size) end
end

--- An inspection of a store that is there; nil and the exit status otherwise.
local function inspect(options, needs_state)
    tell_reading(options)
    local inspection, status = attempt(tools.inspect, options.engine)
    if not inspection then return nil, nil, status end
    local facts = inspection:facts()
    if not facts.present then
        local problem = facts.refusal
        inspection:close()
        if not problem then return nil, nil, tell_missing(facts.path) end
        problem.code = problem.code or "internal_error"
        output.failure(problem, hints.of(problem))
        return nil, nil, 1
    end
    if needs_state and facts.refusal then
        local problem = { code = "internal_error", reason_code = facts.refusal.reason_code, message = facts.refusal.message }
        inspection:close()
        output.failure(problem, hints.of(problem))
        return nil, nil, 1
    end
    return inspection, facts
end

local function number_text(number) return ("%016x"):format(number) end

-- -- what only looks ----------------------------------------------------------------------------------

local actions = {}

local function describe_refusal(facts)
    if not facts.refusal then return end
    output.line("%s %s [%s]", output.paint("red", "an opening is refused:"), facts.refusal.message, facts.refusal.reason_code)
    local hint = hints.of(facts.refusal)
    if hint then output.line("  what to do: %s", hint) end
end

local function plural(count, word) return ("%d %s%s"):format(count, word, count == 1 and "" or "s") end

local function describe_state(summary)
    output.line("opened       %s; generation %d", plural(summary.open_number, "time"), summary.generation)
    output.line("wallets      %d, with %s here", summary.wallets, plural(summary.seats, "seat"))
    output.line("sessions     %d, with %s of attempts and rounds", summary.sessions, plural(summary.set_entries, "marker"))
    output.line("tombstones   %d: sessions that are gone, whose attempts stay spent", summary.tombstones)
    output.line("protection   %s, %s quarantined, canary %d%%", plural(summary.rekey_events, "emergency rekey"),
        plural(summary.quarantined_operators, "operator"), summary.canary_percent or 0)
end

function actions.info(options)
    local inspection, facts, status = inspect(options)
    if not inspection then return status end
    local summary = inspection:summary()
    facts.files, facts.state, facts.bytes, facts.opens = inspection:count(), summary, bytes_on_disk(facts.path),
        facts.refusal == nil
    output.line("store        %s", facts.store_id)
    output.line("state path   %s", facts.path)
    if facts.opens then output.line("opening      %s", output.paint("green", "would succeed")) end
    if facts.seq then output.line("last record  %d, chain %s", facts.seq, facts.chain) end
    if facts.torn_bytes and facts.torn_bytes > 0 then
        output.line("torn tail    %d bytes that were never synced; the next opening drops them", facts.torn_bytes)
    end
    if facts.mark then output.line("mark         record %d in log %s", facts.mark.seq, number_text(facts.mark.log_number)) end
    if facts.anchor_seq or facts.opens then
        output.line("anchor       %s", facts.anchor_seq and ("record %d"):format(facts.anchor_seq) or "none")
    end
    if summary then describe_state(summary) end
    output.line("on disk      %d files, %.1f MiB; newest log %s", facts.files, facts.bytes / MIB,
        number_text(facts.log_number))
    describe_refusal(facts)
    output.document(facts)
    inspection:close()
    return facts.refusal and 1 or 0
end

local function file_line(file, refused)
    if file.fault then
        local unread = file.fault.reason_code == "state_key_mismatch"
        return output.paint("red", unread and "unread " or "DAMAGED"), ("%s [%s]"):format(file.fault.message,
            file.fault.reason_code)
    end
    local torn = file.torn_bytes > 0 and (", %d torn bytes behind them that were never synced"):format(file.torn_bytes) or ""
    return output.paint("green", "whole  "), ("%s, %d bytes%s%s"):format(plural(file.records, "record"), file.bytes,
        (file.on_path or refused) and "" or ", not needed", torn)
end

function actions.verify(options)
    local inspection, facts, status = inspect(options)
    if not inspection then return status end
    local files, damaged, read, told = {}, 0, 0, 0
    local count, total = inspection:count(), bytes_on_disk(facts.path)
    output.progress("reading %d files, %.1f MiB", count, total / MIB)
    for index = 1, count do
        local good, file = pcall(inspection.check, inspection, index)
        if not good then
            inspection:close()
            return fail(file)
        end
        files[index] = file
        if file.fault then damaged = damaged + 1 end
        local state, text = file_line(file, facts.refusal)
        output.line("%s  %-26s %s", state, file.name, text)
        read = read + file.bytes
        if read - told >= LARGE_MIB * MIB then
            told = read
            output.progress("%d of %d files, %d of %d MiB", index, count, read // MIB, total // MIB)
        end
    end
    describe_refusal(facts)
    local good = damaged == 0 and not facts.refusal
    if good then
        output.line("%s: record %d, chain %s", output.paint("green", "an opening would succeed"), facts.seq, facts.chain)
    elseif not facts.refusal then
        output.line("an opening would succeed, but %d of %d files are damaged or under another key", damaged, count)
        output.line("  what to do: keep this copy, then `tbtc-signer store compact` writes fresh files from the good ones")
    end
    output.document({ valid = good, refusal = facts.refusal, store_id = facts.store_id, seq = facts.seq, chain = facts.chain,
        files = files })
    inspection:close()
    return good and 0 or 1
end

function actions.floor(options)
    local inspection, facts, status = inspect(options, true)
    if not inspection then return status end
    local summary, floors = inspection:summary(), inspection:floors()
    output.line("mark         record %s", facts.mark and facts.mark.seq or "none")
    output.line("last record  %d; highest file number %s", facts.seq, number_text(facts.highest_number))
    output.line("opened       %d times; generation %d", summary.open_number, summary.generation)
    output.line("tombstones   %d", summary.tombstones)
    for _, floor in ipairs(floors) do
        local number = floor.highest_attempt_number
        output.line("  %s  attempt %s", floor.session_id, number == HIGHEST_UNKNOWN and "unknown: none is allowed" or number)
    end
    output.document({ mark = facts.mark, seq = facts.seq, highest_number = facts.highest_number,
        open_number = summary.open_number, generation = summary.generation, tombstones = summary.tombstones,
        sessions = json.list(floors) })
    inspection:close()
    return 0
end

--- The whole file or none, mode 0600, never over another one.
local function write_file(path, text)
    local uv = require("luv")
    local file, temporary = uv.fs_mkstemp(path .. ".tmp-XXXXXX")
    if not file then return ("%s: %s"):format(path, (temporary:gsub(": *$", ""))) end
    local written = uv.fs_write(file, text)
    local synced = uv.fs_fsync(file)
    uv.fs_close(file)
    local named, problem = nil, "writing " .. path .. " failed"
    if written == #text and synced then
        named, problem = uv.fs_link(temporary, path)
    end
    uv.fs_unlink(temporary)
    return not named and problem or nil
end

function actions.export(options)
    local inspection, _, status = inspect(options, true)
    if not inspection then return status end
    local text = inspection:protection()
    inspection:close()
    if not options.output then
        io.stdout:write(text, "\n")
        return 0
    end
    local problem = write_file(options.output, text .. "\n")
    if problem then
        output.failure({ code = "error", message = problem }, "give a path that does not exist yet, in a folder with room")
        return 2
    end
    output.line("written to %s (%d bytes)", options.output, #text + 1)
    output.document({ output = options.output, bytes = #text + 1 })
    return 0
end

-- -- what acts -------------------------------------------------------------------------------------------

function actions.init(options)
    local result, status = attempt(tools.init, options.engine)
    if not result then return status end
    output.line(result.imported and "imported the old state file into store %s" or "created store %s", result.store_id)
    if result.imported then
        output.line("  what to do: keep the renamed file until the first signing has gone well, then destroy it: it holds shares")
    end
    output.document(result)
    return 0
end

function actions.compact(options)
    local status_missing = missing(options)
    if status_missing then return status_missing end
    output.progress("reading the store and writing a snapshot")
    local result, status = attempt(tools.compact, options.engine)
    if not result then return status end
    output.line("store %s has a fresh snapshot and log %s; opened %s by now", result.store_id,
        number_text(result.log_number), plural(result.open_number, "time"))
    output.document(result)
    return 0
end

--- A rekey that failed behind its new log leaves a store under the new key: the hint then, else nil.
local function after_rekey(options, raised)
    if type(raised) ~= "table" or raised.reason_code == "state_key_unavailable" or raised.reason_code == "state_key_mismatch" then
        return nil
    end
    local good, inspection = pcall(tools.inspect, options.engine)
    if not good then return nil end
    local refusal = inspection:facts().refusal
    inspection:close()
    if not refusal or refusal.reason_code ~= "state_key_mismatch" then return nil end
    return "the store is sealed under the new key by now: make that one the key provider's, then tbtc-signer store compact"
        .. " removes what is left of the old files"
end

function actions.rekey(options)
    if (options.new_key_command == nil) == (options.new_key_variable == nil) then
        output.failure("give either --new-key-command or --new-key-variable",
            "tbtc-signer store rekey --help shows how")
        return 2
    end
    if not options.timeout or options.timeout < 1 or options.timeout > 300 then
        output.failure("--timeout must be 1 to 300")
        return 2
    end
    local status_missing = missing(options)
    if status_missing then return status_missing end
    output.progress("reading the store, then writing it again under the new key")
    local good, result = pcall(tools.rekey, options.engine,
        { command = options.new_key_command, variable = options.new_key_variable, timeout_s = options.timeout })
    if not good then return fail(result, after_rekey(options, result)) end
    output.line("store %s is sealed under the new key; all older files are gone", result.store_id)
    output.line("  what to do: set the key provider of the signer to the new key before the next start;")
    output.line("  backups made before still open with the old key: destroy them, or keep that key as safe as the store")
    output.document(result)
    return 0
end

function actions.adopt(options)
    if not options.yes then
        output.failure({ code = "not_confirmed",
            message = "adopt makes this copy the true store: whatever happened after it was made is forgotten" },
            "look for a newer copy of state path, .lock, .mark and .store first; then run again with --yes")
        return 1
    end
    local status_missing = missing(options)
    if status_missing then return status_missing end
    local result, status = attempt(tools.adopt, options.engine)
    if not result then return status end
    if result.needed then
        output.line("store %s adopted at record %d: mark and lock are written", result.store_id, result.seq)
        output.line("  what to do: retire or refresh every wallet of this node, shares may have left after the copy was made")
    else
        output.line("store %s has its mark and agrees with it: nothing was changed", result.store_id)
    end
    output.document(result)
    return 0
end

--- The reference's file with envelope schema 4 (D-081).
local function take_over(options)
    output.progress("reading the state file, then writing a store")
    local result, status = attempt(tools.take_over, options.engine, options.generation)
    if not result then return status end
    output.line("imported the old state file into store %s", result.store_id)
    output.line("  what to do: keep the renamed file until the first signing has gone well, then destroy it: it holds shares")
    output.document(result)
    return 0
end

local function unite(options)
    local file, problem = io.open(options.file, "rb")
    if not file then
        output.failure(problem, "give the file that tbtc-signer store export wrote")
        return 2
    end
    local text = file:read(IMPORT_BYTES_MAX + 1)
    file:close()
    if not text or #text > IMPORT_BYTES_MAX then
        output.failure(options.file .. (text and " is too large" or " is empty"))
        return 2
    end
    local status_missing = missing(options)
    if status_missing then return status_missing end
    output.progress("reading %d bytes of protection data", #text)
    local counts, status = attempt(tools.import, options.engine, text)
    if not counts then return status end
    output.line("from store %s at record %d:", counts.store_id, counts.seq)
    output.line("  %d sessions read; added %d registry entries, %d tombstones, %d rekey events, %d operator records%s",
        counts.sessions, counts.entries, counts.tombstones, counts.rekey_events, counts.operators,
        counts.canary_lowered and "; the canary percent was lowered" or "")
    output.document(counts)
    return 0
end

function actions.import(options)
    if (options.file == nil) == (options.generation == nil) then
        output.failure("give either a file of protection data, or --generation for a state file of schema 4",
            "tbtc-signer store import --help shows both")
        return 2
    end
    return (options.generation and take_over or unite)(options)
end

function store.run(options)
    options.engine = engine_of(options)
    local lines, status = engines.heard(actions[options.action], options)
    output.engine_lines(lines)
    options.engine:close(true)
    return status
end

return store
