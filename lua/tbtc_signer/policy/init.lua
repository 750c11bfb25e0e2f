--- The operator's scripts: finds the script of a hook, gives it its input, and stores its verdict on the
-- call (policy-and-lifecycle 14.4; D-128, D-135, D-136, D-155). Nothing here decides: a verdict takes
-- effect in C, behind the floor's own rules, and only for the state and the script as they are then.
--
-- A script is asked outside the engine mutex. Without `policy_directory` the embedded defaults run
-- (policies/*.lua), which refuse nothing. With it, a script that cannot be read is a refusal.
local codec = require("signer.codec")
local core = require("signer.gates")
local curve = require("signer.curve")
local errors = require("tbtc_signer.errors")
local sandbox = require("signer.sandbox")
local schema = require("tbtc_signer.schema.policy")

local INPUT_BYTES_MAX = 1048576
local REMEMBERED_MAX = 512

local policy = {}

-- Inputs that a default of ours allowed: it refuses nothing, and the same answer would come again. An
-- operator's script is asked anew for every question, in a state of its own.
local allowed, remembered = {}, 0

local function remember(key)
    if remembered == REMEMBERED_MAX then allowed, remembered = {}, 0 end
    if not allowed[key] then allowed[key], remembered = true, remembered + 1 end
end

-- Sources are few and hashed for every question.
local digests, hashed = {}, 0

local function digest_of(text)
    if not digests[text] then
        if hashed == 16 then digests, hashed = {}, 0 end
        digests[text], hashed = curve.sha256(text), hashed + 1
    end
    return digests[text]
end

local defaults = {}

local function default_of(hook)
    if not defaults[hook] then
        local source = sandbox.embedded("policies." .. hook)
        defaults[hook] = { hook = hook, source = source, sha256 = curve.sha256(source), embedded = true }
    end
    return defaults[hook]
end

--- The script in force for a hook, published as such.
-- @return table  { hook, source | reason, sha256, embedded }
local function load_script(call, hook)
    local source, reason = core.read_policy(call, hook)
    local script = default_of(hook)
    if source or reason then
        local sha256 = digest_of(source or "unreadable: " .. reason)
        script = { hook = hook, source = source, reason = reason, sha256 = sha256, embedded = false }
    end
    core.publish_policy(call, hook, script.sha256)
    return script
end

--- The script's answer on one input, as the call stores it.
-- @param json string  the input, compact JSON
local function judge(script, json)
    local answer = { sha256 = script.sha256, embedded = script.embedded, allowed = false, failed = true }
    if not script.source then
        answer.detail = script.reason
        return answer
    end
    if #json > INPUT_BYTES_MAX and not script.embedded then
        answer.detail = ("the input of %d bytes is longer than 1 MiB"):format(#json)
        return answer
    end
    local key = script.embedded and script.hook .. curve.sha256(json)
    if key and (allowed[key] or #json > INPUT_BYTES_MAX) then -- a default refuses nothing (D-128)
        answer.allowed, answer.failed = true, false
        return answer
    end
    local verdict = sandbox.evaluate({
        source = script.source,
        name = script.hook .. ".lua",
        input = codec.decode(schema[script.hook], json),
        settings = {},
    })
    answer.allowed, answer.failed = verdict.allowed, verdict.failed
    answer.code, answer.detail, answer.version = verdict.code, verdict.detail, verdict.version
    if key and verdict.allowed and not verdict.failed then remember(key) end
    return answer
end

--- Asks the script of `hook` about one input and stores the verdict on the call.
-- @param hook string  "firewall" or "dkg_admission"
-- @param json string  the input, compact JSON made by C
function policy.ask(call, hook, json)
    core.store_verdict(call, hook, curve.sha256(json), judge(load_script(call, hook), json))
end

-- Members that the default quarantine script allowed, its digest beside them: its input is the member and
-- nothing else.
local passed = { sha256 = nil, members = nil }

--- Asks the quarantine script about each member, up to the first that it objects to.
-- @param own integer|nil  the first
-- @param others table|userdata|nil  array of integers, or a signing package
function policy.ask_members(call, own, others)
    local script = load_script(call, "quarantine")
    if passed.sha256 ~= script.sha256 then passed = { sha256 = script.sha256, members = core.member_set() } end
    local unknown = core.pass_members(call, script.embedded and passed.members or nil, script.sha256, own, others)
    for _, member in ipairs(unknown or {}) do
        local answer = judge(script, core.quarantine_input(member))
        core.store_member_verdict(call, member, answer)
        if answer.failed or not answer.allowed then return end
        if script.embedded then passed.members:add(member) end
    end
end

--- Raises unless every script of a configuration can be read, runs and declares fit settings: what is
-- looked at before the configuration is published.
-- @param candidate userdata  settings
function policy.check(call, candidate)
    for _, hook in ipairs({ "firewall", "dkg_admission", "quarantine" }) do
        local source, reason = core.read_policy(call, hook, candidate)
        local seen = source and sandbox.inspect({ source = source, name = hook .. ".lua", settings = {} })
        if seen and seen.failed then reason = hook .. ".lua: " .. seen.detail end
        if reason then errors.raise("VALIDATION", "policy_directory: %s", reason) end
    end
end

return policy
