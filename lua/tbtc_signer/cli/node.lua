--- `tbtc-signer node`: one member, with a store and node keys of its own, on a local socket.
local uv = require("luv")
local arguments = require("tbtc_signer.cli.arguments")
local engines = require("tbtc_signer.cli.engines")
local hints = require("tbtc_signer.cli.hints")
local output = require("tbtc_signer.cli.output")
local hex = require("tbtc_signer.hex")
local json = require("tbtc_signer.json")
local roster = require("tbtc_signer.node.roster")
local server = require("tbtc_signer.node.server")
local socket = require("tbtc_signer.transport.socket")

local node = {}

function node.describe(parser, common)
    local command = parser:command("node", "Run one member: its own process, store and keys, on a local socket.")
    command:epilog([[
Three members on this machine, to try it:
  export TBTC_SIGNER_PROFILE=development TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX=$(openssl rand -hex 32)
  for i in 1 2 3; do tbtc-signer node keys --dir /tmp/signer-$i --member $i > entry-$i.json; done
  tbtc-signer node roster entry-*.json > roster.json
  for i in 1 2 3; do tbtc-signer node run --dir /tmp/signer-$i --member $i --roster roster.json & done
  tbtc-signer dkg --roster roster.json --threshold 2 --session wallet-1
Settings come from TBTC_SIGNER_* variables (docs/operations.md); tbtc-signer doctor looks at them.]])
    command:command_target("action")
    local keys = common(command:command("keys", "Create the node keys (once) and print the roster entry."))
    keys:epilog("Example:\n  tbtc-signer node keys --dir /var/lib/signer-1 --member 1 > entry-1.json\n"
        .. "The keys lie in DIR/node-keys, mode 0600; the entry holds the public halves and the socket, no secret.")
    local collect = common(command:command("roster", "Check roster entries and print the roster made of them."))
    collect:epilog("Example:\n  tbtc-signer node roster entry-*.json > roster.json\n"
        .. "Every node must be given the same members and keys: compare the digest that this prints.")
    collect:argument("entry", "A file that `node keys` printed."):args("+")
    local run = common(command:command("run", "Serve until SIGTERM or Ctrl-C."))
    run:epilog("Example:\n  tbtc-signer node run --dir /var/lib/signer-1 --member 1 --roster roster.json\n"
        .. "Opens the store first and ends with 2 where settings, key or store are not fit. Logs to stdout and stderr.")
    for _, action in ipairs({ keys, run }) do
        action:option("--dir", "Folder of this node, mode 0700, made when missing: keys, store and socket."):count(1)
        action:option("--member", "Member number, 1 to 65535."):convert(arguments.integer("--member", 1, 65535)):count(1)
    end
    keys:option("--socket", "Socket path for the entry (default DIR/socket).")
    run:option("--roster", "The roster file."):count(1)
    run:option("--socket", "Socket path (default: the roster's, then DIR/socket).")
    run:flag("--until-input-ends", "Also end when standard input does: with the program that started this one.")
    run:option("--hold-share", "Rehearsal: withhold the first share of this session after its record is durable.")
end

local function prepare_folder(path)
    local info = uv.fs_lstat(path)
    if not info then
        local ok, problem = uv.fs_mkdir(path, 448) -- 0700
        if not ok then return nil, problem, "create the folder above it first, and let this user write there" end
        info = uv.fs_lstat(path)
    end
    if info.type ~= "directory" then return nil, path .. " is no folder" end
    if info.mode & 63 ~= 0 then
        return nil, ("%s must have mode 0700, it has %04o"):format(path, info.mode & 511), "chmod 700 " .. path
    end
    return true
end

local function open_engine(options)
    local changes = {}
    if not os.getenv("TBTC_SIGNER_STATE_PATH") then changes.TBTC_SIGNER_STATE_PATH = options.dir .. "/state" end
    return engines.new(changes)
end

local function entry_of(options, keys)
    local public = keys:public()
    return { member = options.member, sealing_key = public.sealing, signing_key = public.signing, socket = options.socket }
end

--- The node keys; a failure names the file and what helps.
local function open_keys(engine, path)
    local ok, result = pcall(require("tbtc_signer").node_keys.open, engine, path)
    if ok then return result end
    if type(result) ~= "table" or not (result.detail or ""):find("^the node key file") then error(result, 0) end
    error({ code = result.code, reason_code = result.reason_code,
        detail = ("%s: %s"):format(path, result.detail),
        hint = result.detail:find("has mode", 1, true) and "chmod 600 " .. path
            or "put back the copy of it that you keep: the rosters of all nodes name its keys" }, 0)
end

local function make_keys(options, engine)
    local signer = require("tbtc_signer")
    local path = options.dir .. "/node-keys"
    local existing = uv.fs_lstat(path)
    options.socket = options.socket or (uv.fs_realpath(options.dir) .. "/socket")
    if #options.socket > socket.PATH_MAX then
        return nil, ("the socket path has %d bytes, more than %d: %s"):format(#options.socket, socket.PATH_MAX, options.socket),
            "choose a shorter --dir, or a shorter --socket"
    end
    local keys = existing and open_keys(engine, path) or signer.node_keys.create(engine, path)
    local entry = entry_of(options, keys)
    output.line("%s", json.encode(entry))
    output.document(entry)
    output.progress("%s node keys at %s; the entry above goes into the roster (node roster)",
        existing and "found" or "created", path)
    return 0
end

local function check_own_entry(group, options, keys)
    local own, public = group:find(options.member), keys:public()
    if not own then return ("member %d is not in the roster"):format(options.member) end
    if own.sealing_key ~= public.sealing or own.signing_key ~= public.signing then
        return ("the roster has other keys for member %d than this node"):format(options.member)
    end
end

local function log_line(text)
    io.stdout:write(os.date("!%Y-%m-%dT%H:%M:%SZ "), text, "\n")
    io.stdout:flush()
end

local function serve(options, engine)
    local signer = require("tbtc_signer")
    local group, problem = roster.read(options.roster, engines.crypto.sha256)
    if not group then return nil, problem, "make one with: tbtc-signer node roster entry-*.json > roster.json" end
    if not uv.fs_lstat(options.dir .. "/node-keys") then
        return nil, options.dir .. " has no node keys",
            ("make them first: tbtc-signer node keys --dir %s --member %d"):format(options.dir, options.member)
    end
    engine:check_gates()
    local keys = open_keys(engine, options.dir .. "/node-keys")
    problem = check_own_entry(group, options, keys)
    if problem then return nil, problem, "compare with what `node keys` prints for this folder" end
    local opened, unfit = engines.open(engine)
    if not opened then return nil, unfit, hints.of(unfit) end
    local state = {
        engine = engine, keys = keys, crypto = engines.crypto, roster = group, member = options.member,
        roster_digest_hex = hex.encode(group.digest),
        version = signer.version, process = uv.os_getpid(), hold_session = options.hold_share, run_ids = {}, log = log_line,
    }
    local path = options.socket or group:find(options.member).socket or (options.dir .. "/socket")
    local listening, why = socket.listen(path, function(request, reply) server.handle(state, request, reply) end)
    if not listening then return nil, why, "its folder must exist and be writable; --socket names another place" end
    log_line(("member %d of %d serves at %s"):format(options.member, group:size(), path))
    local function stop()
        engine:close(false)
        uv.fs_unlink(path)
        os.exit(0)
    end
    for _, name in ipairs({ "sigterm", "sigint" }) do uv.new_signal():start(name, stop) end
    if options.until_input_ends then
        local input = uv.new_pipe(false)
        input:open(0)
        input:read_start(function(failed, bytes)
            if failed or not bytes then stop() end
        end)
    end
    uv.run("default")
    return true
end

--- Roster entries out of files, one a file, into a roster on stdout.
local function collect_roster(options)
    local members = {}
    for index, path in ipairs(options.entry) do
        local entry, problem = json.read(path, 65536)
        if not entry then return nil, problem end
        if type(entry) ~= "table" or not entry.member then
            return nil, path .. " is no roster entry", "give the files that `tbtc-signer node keys` printed"
        end
        members[index] = entry
    end
    table.sort(members, function(a, b) return (tonumber(a.member) or 0) < (tonumber(b.member) or 0) end)
    local value = { schema = roster.SCHEMA, members = members }
    local made, problem = roster.new(value, engines.crypto.sha256)
    if not made then return nil, problem end
    output.raw(json.encode(value))
    output.progress("roster of %d members, digest %s", made:size(), hex.encode(made.digest))
    return 0
end

local function act(options)
    if options.action == "roster" then return collect_roster(options) end
    local ok, problem, hint = prepare_folder(options.dir)
    if not ok then return nil, problem, hint end
    return (options.action == "keys" and make_keys or serve)(options, open_engine(options))
end

function node.run(options)
    local ran, result, why, hint = pcall(act, options)
    if not ran then
        local typed = type(result) == "table"
        output.failure(typed and { code = result.code, reason_code = result.reason_code, message = result.detail }
            or output.problem_of(result), typed and hints.of(result) or nil)
        return 2
    end
    if not result then
        output.failure(why, hint)
        return 2
    end
    return result == true and 0 or result
end

return node
