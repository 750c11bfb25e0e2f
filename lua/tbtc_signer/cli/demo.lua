--- `tbtc-signer demo`: a whole group on this machine: key generation, heartbeats, a redemption, and a
--- member that is killed between the durable record of its share and the share's departure.
local uv = require("luv")
local arguments = require("tbtc_signer.cli.arguments")
local engines = require("tbtc_signer.cli.engines")
local group = require("tbtc_signer.cli.group")
local nodes = require("tbtc_signer.cli.nodes")
local output = require("tbtc_signer.cli.output")
local picture = require("tbtc_signer.cli.picture")
local processes = require("tbtc_signer.cli.processes")
local redemption = require("tbtc_signer.cli.redemption")
local dkg = require("tbtc_signer.coordinator.dkg")
local signing = require("tbtc_signer.coordinator.signing")
local hex = require("tbtc_signer.hex")
local json = require("tbtc_signer.json")
local roster = require("tbtc_signer.node.roster")
local tasks = require("tbtc_signer.transport.tasks")

local demo = {}

local START_TIMEOUT_MS = 60000
local MEMBERS_MAX = 100
local SPACE_MIN = 1024 * 1024 -- bytes; below it an empty log means a full disk

function demo.describe(parser, common)
    local command = common(parser:command("demo", "Make a key with a group of nodes on this machine and sign a redemption."))
    command:epilog([[
Example:
  tbtc-signer demo --signers 10 --threshold 7
One member is killed on the way, after its share's record is durable and before the share leaves.
The end shows who took part in what, up to 12 members. All processes and files are removed.]])
    command:option("--signers", "Members of the group, 2 to 100."):default("5")
        :convert(arguments.integer("--signers", 2, MEMBERS_MAX))
    command:option("--threshold", "Members that must sign together, 2 to the number of members (default: more than half).")
        :convert(arguments.integer("--threshold", 2, MEMBERS_MAX))
    command:option("--transaction", "The redemption (default: policies/samples/redemption.json).")
    command:option("--keep", "Keep stores, keys and logs in this folder instead of removing them.")
end

-- -- the stage: folders, keys, processes ---------------------------------------------------------------

local Stage = {}
Stage.__index = Stage

local function one_to(size)
    local numbers = {}
    for number = 1, size do numbers[number] = number end
    return numbers
end

local function new_stage(options)
    local folder = options.keep
    if folder then
        assert(uv.fs_mkdir(folder, 448))
        folder = uv.fs_realpath(folder)
    else
        folder = assert(uv.fs_mkdtemp((os.getenv("TMPDIR") or "/tmp") .. "/tbtc-demo-XXXXXX"))
    end
    return setmetatable({
        folder = folder, keep = options.keep ~= nil, size = options.signers, threshold = options.threshold,
        started = uv.hrtime(), children = {}, timeline = {}, picture = picture.new(one_to(options.signers)),
    }, Stage)
end

function Stage:note(format, ...)
    local text = select("#", ...) > 0 and format:format(...) or format
    local seconds = (uv.hrtime() - self.started) / 1e9
    self.timeline[#self.timeline + 1] = { seconds = math.floor(seconds * 1000) / 1000, event = text }
    if not output.quiet then output.line("%s  %s", output.paint("faint", ("%8.3fs"):format(seconds)), text) end
end

--- Draws into the picture that the end shows.
function Stage:draw(kind, members, format, ...)
    self.picture:add((uv.hrtime() - self.started) / 1e9, kind, members, format:format(...))
end

--- @param stop function how the children end
function Stage:clean_up(stop)
    stop()
    if not self.keep then processes.remove_tree(self.folder) end
end

function Stage:node_folder(member) return ("%s/node-%d"):format(self.folder, member) end

local function write_private(path, text)
    local file = assert(uv.fs_open(path, "wx", 384)) -- 0600
    assert(uv.fs_write(file, text))
    uv.fs_close(file)
end

--- The settings of one node: development profile, firewall on, key provider `command`.
function Stage:environment(member)
    local folder = self:node_folder(member)
    return engines.environment_list({
        TBTC_SIGNER_PROFILE = "development",
        TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true",
        TBTC_SIGNER_STATE_PATH = folder .. "/state",
        TBTC_SIGNER_STATE_KEY_PROVIDER = "command",
        TBTC_SIGNER_STATE_KEY_COMMAND = ("cat '%s/state-key'"):format(folder),
        TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = false,
        TBTC_SIGNER_INIT_CONFIG_PATH = false,
    })
end

function Stage:node_arguments(member, action, extra)
    local list = { demo.program, "node", action, "--dir", self:node_folder(member), "--member", tostring(member) }
    for _, argument in ipairs(extra or {}) do list[#list + 1] = argument end
    return list
end

local function random_hex(len)
    return hex.encode(uv.random(len))
end

--- What a process said before it ended: the message of an error document, or the last lines.
local function last_words(log)
    local document = json.read(log, 65536)
    if type(document) == "table" and document.error then return document.error.message end
    local file = io.open(log, "rb")
    local text = file and file:read("a") or ""
    if file then file:close() end
    if text ~= "" then return text:match("([^\n]*\n?[^\n]+)\n*$") or text end
    local disk = uv.fs_statfs(log)
    if disk and disk.bavail * disk.bsize < SPACE_MIN then return "none; no space is left on the file system of " .. log end
    return "none in " .. log
end

--- Creates a node's folder, sealing key and node keys; waits for the process that does it.
function Stage:make_keys(member)
    local folder = self:node_folder(member)
    assert(uv.fs_mkdir(folder, 448))
    write_private(folder .. "/state-key", random_hex(32) .. "\n")
    local log = folder .. "/keys.json"
    local code = tasks.await(function(resume)
        assert(processes.start({
            program = demo.lua, args = self:node_arguments(member, "keys", { "--json", "--quiet" }),
            environment = self:environment(member), log = log, errors = folder .. "/log", on_exit = resume,
        }))
    end)
    if code ~= 0 then
        error({ code = "node_failed", message = ("node %d made no keys: %s"):format(member, last_words(log)) }, 0)
    end
    local entry = assert(json.read(log, 65536))
    entry.socket = folder .. "/socket"
    return entry
end

function Stage:make_roster()
    local entries = {}
    for first = 1, self.size, 4 do
        local bodies = {}
        for member = first, math.min(first + 3, self.size) do
            bodies[#bodies + 1] = function() return self:make_keys(member) end
        end
        for _, outcome in ipairs(tasks.all(bodies)) do
            if not outcome.ok then error(outcome.value, 0) end
            entries[#entries + 1] = outcome.value
        end
    end
    local value = { schema = roster.SCHEMA, members = entries }
    self.roster_path = self.folder .. "/roster.json"
    write_private(self.roster_path, json.encode(value))
    self.roster = assert(roster.read(self.roster_path, engines.crypto.sha256))
    self.nodes = nodes.new(self.roster, function(member) return self.children[member].exited end)
end

function Stage:start_node(member, hold_session)
    local extra = { "--roster", self.roster_path, "--until-input-ends" }
    if hold_session then extra[4], extra[5] = "--hold-share", hold_session end
    self.children[member] = assert(processes.start({
        program = demo.lua, args = self:node_arguments(member, "run", extra),
        environment = self:environment(member), log = self:node_folder(member) .. "/log", tied = true,
    }))
end

function Stage:connect(member)
    local ok, problem = self.nodes:connect(member, START_TIMEOUT_MS)
    if not ok then
        problem.message = ("%s; its last words: %s"):format(problem.message, last_words(self:node_folder(member) .. "/log"))
        error(problem, 0)
    end
end

local function must(result, problem)
    if result == nil then error(problem, 0) end
    return result, problem
end

-- -- the acts -------------------------------------------------------------------------------------------

local function start_nodes(stage, victim, hold_session)
    for member = 1, stage.size do stage:start_node(member, member == victim and hold_session or nil) end
    local _, failed = stage.nodes:connect_all(START_TIMEOUT_MS)
    if #failed > 0 then
        error({ code = "node_failed", message = ("members %s did not start; the first one's last words: %s"):format(
            group.names(failed), last_words(stage:node_folder(failed[1].member) .. "/log")) }, 0)
    end
    stage:note("%d nodes run, each a process with its own store and keys", stage.size)
    stage:draw("act", stage.roster:numbers(), "nodes run")
end

local function make_wallet(stage)
    local wallet = must(dkg.run({
        nodes = stage.nodes, members = stage.roster:numbers(), threshold = stage.threshold,
        run_id = "demo-" .. random_hex(8), session_id = "demo-wallet",
        report = function(text) stage:note("key generation: %s", text) end,
    }))
    stage:note("key group %s (%d of %d)", wallet.key_group, stage.threshold, stage.size)
    stage:draw("act", stage.roster:numbers(), "key made: %d of %d sign", stage.threshold, stage.size)
    return wallet
end

--- Sets of `threshold` members that together cover everybody, each overlapping the one before.
local function covering_sets(size, threshold)
    local sets, first = {}, 1
    repeat
        local from = math.min(first, size - threshold + 1)
        local set = {}
        for member = from, from + threshold - 1 do set[#set + 1] = member end
        sets[#sets + 1] = set
        first = from + math.max(threshold - 1, 1)
    until sets[#sets][threshold] == size
    return sets
end

local function prove_key(stage, wallet)
    for index, set in ipairs(covering_sets(stage.size, stage.threshold)) do
        local preimage = ("ffffffffffffffff%016x"):format(index)
        local message = redemption.heartbeat_digest(preimage)
        local signature = must(signing.sign({
            nodes = stage.nodes, session_id = ("demo-heartbeat-%d"):format(index), key_group = wallet.key_group,
            threshold = stage.threshold, message_hex = message, members = set,
            intent = { type = "heartbeat", message_hex = preimage },
        }))
        redemption.check_signature(wallet.key_group, message, signature)
        stage:note("heartbeat %d signed by members %d to %d and verified", index, set[1], set[#set])
        stage:draw("act", set, "heartbeat %d signed", index)
    end
end

local function build_everywhere(stage, request)
    local outcomes = {}
    for _, member in ipairs(stage.roster:numbers()) do
        outcomes[#outcomes + 1] = function()
            return must(stage.nodes:call(member, "call", { endpoint = "build_taproot_tx", request = request }))
        end
    end
    local first
    for _, outcome in ipairs(tasks.all(outcomes)) do
        if not outcome.ok then error(outcome.value, 0) end
        first = first or outcome.value
        assert(outcome.value.tx_hex == first.tx_hex, "two nodes built different transactions")
    end
    return first
end

local function bring_back(stage, member)
    while not stage.children[member].exited do tasks.sleep(2) end -- its store is locked until then
    stage:start_node(member)
    stage:connect(member)
    stage:note("member %d is back", member)
    stage:draw("back", { member }, "started again")
end

local function sign_input(stage, wallet, session_id, message, hooks)
    local members = {}
    for _, member in ipairs(stage.roster:numbers()) do
        local child = stage.children[member]
        if not child.exited then members[#members + 1] = member end
    end
    return must(signing.sign({
        nodes = stage.nodes, session_id = session_id, key_group = wallet.key_group, threshold = stage.threshold,
        message_hex = message, members = members, on_attempt = hooks.on_attempt, on_notice = hooks.on_notice,
        on_failure = hooks.on_failure, wait_for = hooks.wait_for,
    }))
end

--- Signs the first input while the victim dies; remembers the attempt that it spent.
local function sign_with_a_death(stage, wallet, session_id, message, victim)
    local spent = {}
    local signature, outcome = sign_input(stage, wallet, session_id, message, {
        on_attempt = function(number, signers, context, package)
            if not spent.package then spent.package, spent.attempt_id = package, context.attempt_id end
            stage:note("attempt %d: members %s", number, output.ranges(signers))
            stage:draw("act", signers, "input 0, attempt %d: shares asked for", number)
        end,
        on_notice = function(member, notice)
            if member == victim and notice.event == "share_withheld" then
                stage:note("member %d: share computed, record durable, share not sent: SIGKILL", victim)
                stage:draw("died", { victim }, "killed: its record is durable, its share never left")
                stage.children[victim].kill("sigkill")
            end
        end,
        on_failure = function(number, lost)
            stage:note("attempt %d failed in %s: member %s is gone", number, lost.phase, group.names(lost.failed))
        end,
        wait_for = function()
            bring_back(stage, victim)
            return true
        end,
    })
    return signature, outcome, spent
end

local function ask_spent_attempt(stage, session_id, victim, spent)
    if stage.children[victim].exited then bring_back(stage, victim) end
    local share, problem = stage.nodes:call(victim, "call", { endpoint = "interactive_round2", request = {
        session_id = session_id, attempt_id = spent.attempt_id, member_identifier = victim, signing_package_hex = spent.package,
    } })
    if share then error({ code = "internal_error", message = "the restarted member signed a spent attempt again" }, 0) end
    if problem.code ~= "consumed_nonce_replay" then error(problem, 0) end
    stage:note("member %d, asked for the spent attempt again: %s", victim, problem.code)
    stage:draw("refused", { victim }, "asked for attempt 1 again: %s", problem.code)
end

local function redeem(stage, wallet, description, victim, first_session)
    local signatures, built = {}, nil
    for index = 1, #description.inputs do
        local session_id = index == 1 and first_session or ("demo-redemption/input-%d"):format(index)
        built = build_everywhere(stage, redemption.request(description, session_id, wallet.key_group))
        if index == 1 then
            stage:note("transaction %s built under policy at every node", redemption.txid(built.tx_hex))
            stage:draw("act", stage.roster:numbers(), "redemption built under policy")
        end
        local message = built.taproot_key_spend_sighashes_hex[index]
        local signature, outcome
        if index == 1 then
            local spent
            signature, outcome, spent = sign_with_a_death(stage, wallet, session_id, message, victim)
            ask_spent_attempt(stage, session_id, victim, spent)
        else
            signature, outcome = sign_input(stage, wallet, session_id, message, {})
        end
        redemption.check_signature(wallet.key_group, message, signature)
        stage:note("input %d signed in attempt %d by members %s and verified", index - 1, outcome.number,
            output.ranges(outcome.signers))
        stage:draw("act", outcome.signers, "input %d signed", index - 1)
        signatures[index] = signature
    end
    return built.tx_hex, signatures
end

local function perform(stage, description)
    local victim, first_session = math.min(2, stage.threshold), "demo-redemption/input-1"
    stage:note("group of %d, threshold %d", stage.size, stage.threshold)
    stage:make_roster()
    stage:note("node keys made, roster written")
    start_nodes(stage, victim, first_session)
    local wallet = make_wallet(stage)
    prove_key(stage, wallet)
    local tx_hex, signatures = redeem(stage, wallet, description, victim, first_session)
    local signed = redemption.signed(tx_hex, signatures)
    stage:note("all inputs signed")
    return {
        key_group = wallet.key_group, signers = stage.size, threshold = stage.threshold, txid = redemption.txid(tx_hex),
        signed_tx_hex = signed, signatures_hex = signatures, timeline = stage.timeline,
    }
end

local function check_options(options)
    options.threshold = options.threshold or options.signers // 2 + 1
    if options.threshold > options.signers then
        return ("--threshold must be from 2 to the number of members, %d"):format(options.signers)
    end
end

function demo.run(options)
    local problem = check_options(options)
    if problem then
        output.failure(problem)
        return 2
    end
    local description, why = redemption.read(options.transaction)
    if not description then
        output.failure(why)
        return 2
    end
    demo.program = uv.fs_realpath(arg[0])
    demo.lua = uv.exepath() or "lua5.4" -- the former needs /proc
    local stage
    processes.on_interrupt(function() if stage then stage:clean_up(processes.kill_all) end end)
    local made, folder_problem = pcall(function() stage = new_stage(options) end)
    if not made then
        output.failure(output.problem_of(folder_problem), options.keep and "--keep wants a folder that does not exist yet"
            or "TMPDIR names a folder where this user may write")
        return 2
    end
    local ok, result = tasks.run(function() return perform(stage, description) end)
    stage.nodes = stage.nodes and stage.nodes:close()
    stage:clean_up(processes.stop_all)
    if not ok then return group.fail(output.problem_of(result)) end
    if stage.size <= picture.MEMBERS_MAX and not output.quiet then
        output.line("")
        for _, line in ipairs(stage.picture:lines(picture.glyphs(os.getenv))) do output.line("%s", line) end
    end
    output.line("")
    output.line("signed transaction %s", result.txid)
    output.line("%s", result.signed_tx_hex)
    output.document(result)
    return 0
end

return demo
