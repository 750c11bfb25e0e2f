--- `tbtc-signer node`: one member, with a store and node keys of its own, on a local socket.
local uv = require("luv")
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
First make the keys and collect the printed entries in a roster file, then run:
  tbtc-signer node keys --dir /var/lib/signer-1 --member 1
  tbtc-signer node run --dir /var/lib/signer-1 --member 1 --roster roster.json
A roster is {"schema": "tbtc-signer-roster/v1", "members": [entries]}.
Settings of the engine come from TBTC_SIGNER_* variables.]])
    command:command_target("action")
    local keys = common(command:command("keys", "Create the node keys (once) and print the roster entry."))
    local run = common(command:command("run", "Serve until SIGTERM or Ctrl-C."))
    for _, action in ipairs({ keys, run }) do
        action:option("--dir", "Folder of this node, mode 0700: store, keys and socket lie in it."):count(1)
        action:option("--member", "Member number, 1 to 65535."):convert(math.tointeger):count(1)
    end
    run:option("--roster", "The roster file."):count(1)
    run:option("--socket", "Socket path (default DIR/socket).")
    run:option("--hold-share", "Rehearsal: withhold the first share of this session after its record is durable.")
end

local function prepare_folder(path)
    local info = uv.fs_lstat(path)
    if not info then
        local ok, problem = uv.fs_mkdir(path, 448) -- 0700
        if not ok then return nil, problem end
        info = uv.fs_lstat(path)
    end
    if info.type ~= "directory" then return nil, path .. " is no folder" end
    if info.mode & 63 ~= 0 then return nil, path .. " must have mode 0700" end
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

local function make_keys(options, engine)
    local signer = require("tbtc_signer")
    local path = options.dir .. "/node-keys"
    local existing = uv.fs_lstat(path)
    local keys = existing and signer.node_keys.open(engine, path) or signer.node_keys.create(engine, path)
    local entry = entry_of(options, keys)
    output.line("%s", json.encode(entry))
    output.document(entry)
    output.progress("%s node keys at %s; put the line above into the roster of every node",
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
    if not group then return nil, problem end
    local keys = signer.node_keys.open(engine, options.dir .. "/node-keys")
    problem = check_own_entry(group, options, keys)
    if problem then return nil, problem end
    local state = {
        engine = engine, keys = keys, crypto = engines.crypto, roster = group, member = options.member,
        roster_digest_hex = hex.encode(group.digest),
        version = signer.version, process = uv.os_getpid(), hold_session = options.hold_share, run_ids = {}, log = log_line,
    }
    local path = options.socket or group:find(options.member).socket or (options.dir .. "/socket")
    local listening, why = socket.listen(path, function(request, reply) server.handle(state, request, reply) end)
    if not listening then return nil, why end
    log_line(("member %d of %d serves at %s"):format(options.member, group:size(), path))
    local function stop()
        engine:close(false)
        uv.fs_unlink(path)
        os.exit(0)
    end
    for _, name in ipairs({ "sigterm", "sigint" }) do uv.new_signal():start(name, stop) end
    uv.run("default")
    return true
end

function node.run(options)
    local ok, problem = prepare_folder(options.dir)
    if not ok then
        output.failure(problem)
        return 2
    end
    local engine = open_engine(options)
    local ran, result, why = pcall(options.action == "keys" and make_keys or serve, options, engine)
    if not ran then
        local typed = type(result) == "table"
        output.failure(typed and { code = result.code, reason_code = result.reason_code, message = result.detail }
            or tostring(result), typed and hints.of(result) or nil)
        return 2
    end
    if not result then
        output.failure(why)
        return 2
    end
    return options.action == "keys" and result or 0
end

return node
