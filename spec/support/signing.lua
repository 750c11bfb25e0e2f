--- A wallet on one engine, with all the seats that a spec wants here, and the calls of interactive
-- signing on it in their wire form.
local files = require("spec.support.files")
local json = require("tbtc_signer.json")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local state = signer.test_state
local hex, bytes = vectors.hex, vectors.bytes

local signing = {}
signing.__index = signing

signing.MESSAGE = ("\x42"):rep(32)
signing.ROOT = ("\x11"):rep(32)

local folders = {}

--- A fresh folder that goes away with finish_all.
function signing.folder()
    local folder = files.folder()
    folders[#folders + 1] = folder
    return folder
end

local function new_engine(self)
    local environment = {
        TBTC_SIGNER_PROFILE = "development",
        TBTC_SIGNER_STATE_PATH = self.folder .. "/state.json",
        TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("5a"):rep(32),
    }
    for name, value in pairs(self.environment) do environment[name] = value end
    return signing.make_engine({ environment = environment, platform = self.platform })
end

--- The reply, or the error as a Lua error.
local function must(reply, err)
    if reply then return reply end
    error(("%s (%s): %s"):format(err.code, tostring(err.reason_code), err.message), 2)
end
signing.must = must

--- options: threshold (2), participants (3), seats (all), environment, folder, fixed clock by default,
-- wallet (session id of the DKG, "wallet"), terms (coefficients of the wallet's polynomial, threshold).
function signing.new(options)
    options = options or {}
    local self = setmetatable({}, signing)
    self.environment = options.environment or {}
    self.folder = options.folder or signing.folder()
    self.platform = options.platform or signer.test_platform.new({ wall_ms = 1700000000000, monotonic_ms = 1000000 })
    self.threshold = options.threshold or 2
    self.participants = options.participants or 3
    self.wallet = options.wallet or "wallet"
    self.engine = new_engine(self)
    local seats = options.seats
    if not seats then
        seats = {}
        for member = 1, self.participants do seats[member] = member end
    end
    self.key_group = state.wallet(self.engine, {
        session_id = self.wallet,
        seed = options.seed or "seed",
        threshold = self.threshold,
        participants = self.participants,
        terms = options.terms,
        seats = seats,
    })
    signing.running[self] = true
    return self
end

--- The wallet in the store of a folder that another process left. options: folder, key_group.
function signing.reopen(options)
    local self = setmetatable({ environment = {}, threshold = 2, participants = 3, wallet = "wallet" }, signing)
    for key, value in pairs(options) do self[key] = value end
    self.platform = signer.test_platform.new({ wall_ms = 1700000000000, monotonic_ms = 1000000 })
    self.engine = new_engine(self)
    signing.running[self] = true
    return self
end

signing.running = {}

--- Closes every engine and removes every folder of the spec.
function signing.finish_all()
    signer.test_fault.clear()
    collectgarbage() -- an engine that somebody dropped closes its store now, not under a later fault
    for group in pairs(signing.running) do
        if group.engine then group.engine:close(true) end
        signing.running[group] = nil
    end
    for _, folder in ipairs(folders) do files.remove(folder) end
    folders = {}
end

--- Ends the engine (as a crash unless `clean`) and opens another on the same store.
function signing:restart(clean)
    self.engine:close(not clean)
    self.engine = new_engine(self)
    return self
end

function signing:call(name, request)
    return signing.dispatch(self.engine, name, request)
end

--- @return table  the whole error of a refused call
function signing:refused(name, request)
    local reply, err = self:call(name, request)
    assert(reply == nil, name .. " was not refused")
    return err
end

local function filled(self, options)
    options = options or {}
    return {
        session = options.session or "session",
        message = options.message or signing.MESSAGE,
        member = options.member or 1,
        number = options.number or 1,
        included = options.included or { 1, 2, 3 },
        root = options.root,
        intent = options.intent,
        key_group = options.key_group or self.key_group,
        threshold = options.threshold or self.threshold,
        members = options.members or { 1, 2 },
    }
end

--- The derived attempt context of the options.
function signing:context(options)
    local want = filled(self, options)
    return must(self:call("derive_interactive_attempt_context", {
        session_id = want.session,
        message_hex = hex(want.message),
        key_group = want.key_group,
        threshold = want.threshold,
        attempt_number = want.number,
        included_participants = want.included,
    })).attempt_context
end

function signing:open_request(options)
    local want = filled(self, options)
    return {
        session_id = want.session,
        member_identifier = want.member,
        message_hex = hex(want.message),
        key_group = want.key_group,
        threshold = want.threshold,
        taproot_merkle_root_hex = want.root and hex(want.root),
        signing_intent = want.intent,
        attempt_context = self:context(options),
    }
end

--- @return table reply with attempt_id | nil, error
function signing:open(options)
    return self:call("interactive_session_open", self:open_request(options))
end

function signing:attempt_id(options)
    return self:context(options).attempt_id
end

function signing:seat_request(options)
    local want = filled(self, options)
    return {
        session_id = want.session,
        attempt_id = options and options.attempt_id or self:attempt_id(options),
        member_identifier = want.member,
    }
end

function signing:round1(options)
    return self:call("interactive_round1", self:seat_request(options))
end

--- Opens and runs round 1. @return string commitments as hex
function signing:commit(options)
    must(self:open(options))
    return must(self:round1(options)).commitments_hex
end

local function with(options, more)
    local out = {}
    for key, value in pairs(options or {}) do out[key] = value end
    for key, value in pairs(more) do out[key] = value end
    return out
end
signing.with = with

function signing.identifier(member)
    return ('"%064x"'):format(member)
end

--- The signing package of commitments by member, as hex.
function signing:package(commitments, options)
    local want = filled(self, options)
    local list = {}
    for member, commitment in pairs(commitments) do
        list[#list + 1] = { identifier = signing.identifier(member), data_hex = commitment }
    end
    return must(self:call("new_signing_package", { message_hex = hex(want.message), commitments = list }))
        .signing_package_hex
end

--- Opens and commits the members of the options, then assembles. @return string package, table commitments
function signing:prepare(options)
    local want = filled(self, options)
    local commitments = {}
    for _, member in ipairs(want.members) do commitments[member] = self:commit(with(options, { member = member })) end
    return self:package(commitments, options), commitments
end

function signing:round2(package, options)
    local request = self:seat_request(options)
    request.signing_package_hex = package
    return self:call("interactive_round2", request)
end

--- Shares of all members of the options for a package. @return table by member, as hex
function signing:shares(package, options)
    local shares = {}
    for _, member in ipairs(filled(self, options).members) do
        shares[member] = must(self:round2(package, with(options, { member = member }))).signature_share_hex
    end
    return shares
end

function signing:aggregate_request(package, shares, options)
    local want = filled(self, options)
    local list = {}
    for member, share in pairs(shares) do
        list[#list + 1] = { identifier = signing.identifier(member), data_hex = share }
    end
    return {
        session_id = want.session,
        attempt_id = options and options.attempt_id or self:attempt_id(options),
        signing_package_hex = package,
        signature_shares = list,
        taproot_merkle_root_hex = want.root and hex(want.root),
    }
end

function signing:aggregate(package, shares, options)
    return self:call("interactive_aggregate", self:aggregate_request(package, shares, options))
end

function signing:verify_share(package, share, options)
    local want = filled(self, options)
    return self:call("verify_signature_share", {
        session_id = want.session,
        signing_package_hex = package,
        signature_share_hex = share,
        member_identifier = want.member,
        taproot_merkle_root_hex = want.root and hex(want.root),
    })
end

function signing:abort(options)
    local want = filled(self, options)
    return self:call("interactive_session_abort", { session_id = want.session, attempt_id = options and options.attempt_id })
end

--- Whether a signature (hex) verifies under the group key, tweaked with the root.
function signing:verifies(signature, message, root)
    local key = root and signer.bitcoin.output_key and signer.bitcoin.output_key(bytes(self.key_group):sub(2), root)
        or bytes(self.key_group):sub(2)
    return signer.frost.verify_signature(bytes(signature), message or signing.MESSAGE, key)
end

function signing:session(id)
    return state.session(self.engine, id or "session")
end

function signing:live(id)
    return state.live(self.engine, id or "session")
end

function signing:counts()
    return state.counts(self.engine)
end

--- State replayed from a copy of the files equals the state in memory.
function signing:assert_replay()
    local copy = setmetatable({ folder = signing.folder(), environment = self.environment, platform = self.platform }, signing)
    files.copy(self.folder, copy.folder)
    local engine = new_engine(copy)
    local replayed, memory = state.digest(engine), state.digest(self.engine)
    engine:close(true)
    assert(replayed == memory, "the replayed state differs from the state in memory")
end

--- Runs Lua text in a process of its own, with the same build; `before` stands in front of the command.
function signing.run_script(folder, text, before)
    local path = folder .. "/script.lua"
    local file = assert(io.open(path, "w"))
    file:write(text)
    file:close()
    return os.execute(("LUA_PATH='./lua/?.lua;./lua/?/init.lua;./?.lua;;' LUA_CPATH='./%s/?.so;;' %s lua5.4 %s >/dev/null 2>&1")
        :format(os.getenv("SIGNER_BUILD") or "build/test", before or "", path))
end

--- Asserts that a call was refused with this code (and reason code, and a text in its message).
function signing.assert_refused(expected, reply, err)
    local want = type(expected) == "table" and expected or { code = expected }
    if reply ~= nil then error("not refused, expected " .. tostring(want.code), 2) end
    if err.code ~= want.code then error(("expected %s, got %s: %s"):format(want.code, err.code, err.message), 2) end
    if want.reason and err.reason_code ~= want.reason then
        error(("expected reason %s, got %s"):format(want.reason, tostring(err.reason_code)), 2)
    end
    if want.text and not err.message:find(want.text, 1, true) then
        error(("expected a text with %q, got %q"):format(want.text, err.message), 2)
    end
    return err
end

-- An empty table is a list where the wire has one.
local LISTS = { included_participants = true, commitments = true, signature_shares = true }
local function mark_lists(value)
    for key, item in pairs(value) do
        if type(item) == "table" then value[key] = LISTS[key] and #item == 0 and json.list({}) or mark_lists(item) end
    end
    return value
end

function signing.make_engine(options)
    return signer.engine(options)
end

function signing.dispatch(engine, name, request)
    return engine:call(name, mark_lists(request))
end

return signing
