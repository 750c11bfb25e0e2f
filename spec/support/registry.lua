--- A durable state as the specs of the registry drive it: bodies by hand or through the builders, one
--- record after the other, with replicas made from its snapshot or from its records.
local signer = require("tbtc_signer")

local registry = {}

registry.STORE_ID = ("\x22"):rep(32)
registry.CREATED_MS = 1700000000000
registry.GROUP_A = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
registry.GROUP_B = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"
registry.GROUP_C = "03f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"

local op_numbers = {
    create = 1, delete = 2, set = 3, clear = 4, add = 5, remove = 6, append = 7, replace_last = 8, tombstone = 9, canary = 16,
    refresh_epoch = 17, score = 18, quarantine = 19, imported = 20, purge = 21, verdict = 22, rebase = 32, engine_state = 33,
    witness_base = 34, witness_digests = 35, anchor_confirmed = 48, checkpoint_set = 49, checkpoint_clear = 50,
    trust_append = 51, trust_intent = 52, trust_intent_clear = 53,
}
registry.ops = op_numbers

--- u32 length and bytes.
function registry.lp(bytes) return string.pack(">s4", bytes) end

--- One encoded op.
--- @param number integer|string  number or name
--- @param payload string
function registry.op(number, payload)
    return string.pack(">B s4", op_numbers[number] or number, payload or "")
end

local lp, op = registry.lp, registry.op

function registry.create(id) return op("create", lp(id)) end
function registry.delete(id) return op("delete", lp(id)) end
function registry.set(id, field, value) return op("set", lp(id) .. string.char(field) .. value) end
function registry.clear(id, field) return op("clear", lp(id) .. string.char(field)) end
function registry.add(id, set, entry) return op("add", lp(id) .. string.char(set) .. lp(entry)) end
function registry.remove(id, set, entry) return op("remove", lp(id) .. string.char(set) .. lp(entry)) end
function registry.append(id, list, item) return op("append", lp(id) .. string.char(list) .. item) end
function registry.bound(id, group) return registry.create(id) .. registry.set(id, 17, lp(group)) end

function registry.tombstone(id, group, highest)
    return op("tombstone", signer.curve.sha256(id) .. lp(group) .. string.pack(">I4", highest))
end

--- Values of the fields that have one, all valid and distinct (for the session `id`).
function registry.key_material(seed)
    local packages, public = signer.test_dkg.deal({ 1, 2, 5 }, 2, (seed or "\x07"):rep(32))
    local group = signer.bytes.hex(public:key())
    return packages, public:encode(), group
end

--- Field 2 of members 1 and 5.
function registry.packages_value(packages)
    return string.pack(">I4 I2 s4 I2 s4", 2, 1, packages[1], 5, packages[3])
end

function registry.dkg_result_value(id, group, participants, threshold, created)
    return lp(id) .. lp(group) .. string.pack(">I2 I2 I8", participants or 3, threshold or 2, created or 1700000001)
end

local methods = {}
methods.__index = methods

--- @param options table|nil  max_sessions
function registry.new(options)
    options = options or {}
    local state = signer.test_registry.new({
        store_id = registry.STORE_ID, created_ms = options.created_ms or registry.CREATED_MS,
        max_sessions = options.max_sessions,
    })
    return setmetatable({ state = state, seq = 1, records = {} }, methods)
end

local function chain_of(seq, body) return signer.curve.sha256("chain" .. seq .. body) end

--- Applies a list of changes as the engine does.
function methods:commit(changes)
    self.state:check(changes)
    self.state:prepare(changes)
    self.seq = self.seq + 1
    local body = changes:body()
    local kind = changes:counted() and "change" or "note"
    local record = { kind = kind, body = body, seq = self.seq, chain = chain_of(self.seq, body) }
    self.state:apply(changes, record.seq, record.chain, record.seq)
    self.records[#self.records + 1] = record
    return record
end

--- A list of changes from an encoded body.
function registry.changes(body)
    local changes = signer.test_changes.new()
    local at = 1
    while at <= #body do
        local number, payload
        number, payload, at = string.unpack(">B s4", body, at)
        changes:op(number, payload)
    end
    return changes
end

--- Commits an encoded body.
function methods:put(...) return self:commit(registry.changes(table.concat({ ... }))) end

--- The error that a body meets: its name and words; nil when it is accepted (and dropped).
function methods:refusal(...)
    local changes = registry.changes(table.concat({ ... }))
    local good, why = pcall(self.state.check, self.state, changes)
    self.state:drop()
    if good then return nil end
    return why.error, why.detail
end

local function blank(passing) return signer.test_registry.new({ store_id = registry.STORE_ID, passing = passing }) end

--- Bodies of SNAP_PART frames: greedy, at most 65536 bytes each (35.16, 3).
function methods:parts(limit)
    local parts, current = {}, ""
    for _, entry in ipairs(self.state:snapshot()) do
        local bytes = op(entry[1], entry[2])
        if #current > 0 and #current + #bytes > (limit or 65536) then
            parts[#parts + 1] = current
            current = ""
        end
        current = current .. bytes
    end
    parts[#parts + 1] = current
    return parts
end

--- A second state, read from the snapshot of this one.
function methods:reloaded(limit)
    local state = blank()
    for _, part in ipairs(self:parts(limit)) do state:replay("part", part) end
    state:finish()
    return setmetatable({ state = state, seq = self.seq, records = {} }, methods)
end

--- The snapshot that a state gives which was read from the snapshot of this one for nothing else; the state.
function methods:passed_on()
    local state = blank(true)
    for _, part in ipairs(self:parts()) do state:replay("part", part) end
    state:finish()
    return state:snapshot(), state
end

--- The state that a snapshot beside running calls is made of: the parts of an earlier one, then the records behind it.
function methods:passed_since(parts, known)
    local state = blank(true)
    for _, part in ipairs(parts) do state:replay("part", part) end
    for i = known + 1, #self.records do
        local record = self.records[i]
        state:replay(record.kind, record.body, record.seq, record.chain)
    end
    state:finish()
    return state
end

--- A second state, replayed from the records behind genesis.
function methods:replayed(first)
    local replica = registry.new({ created_ms = registry.CREATED_MS })
    for i = first or 1, #self.records do
        local record = self.records[i]
        replica.state:replay(record.kind, record.body, record.seq, record.chain)
    end
    return replica
end

--- A blank state (before any snapshot) and the error of replaying bodies of a kind into it.
function registry.replay_error(kind, bodies)
    local state = blank()
    for _, body in ipairs(bodies) do
        local good, why = pcall(state.replay, state, kind, body, 1, ("\0"):rep(32))
        if not good then return why.error end
    end
    local good, why = pcall(state.finish, state)
    if not good then return why.error end
    return nil
end

registry.blank = blank

return registry
