--- One member's side of a distributed key generation. The relay carries messages and learns nothing:
--- round-1 packages are signed, round-2 packages are sealed from member to member, in C, from custody
--- handle to custody handle; keys come from the roster.
---
--- begin -> round1 -> views -> round2, each once: a second answer to the same step could leak the
--- polynomial. A run that failed is over; the next one has another id.
local hex = require("tbtc_signer.hex")
local views = require("tbtc_signer.node.views")

local ceremony = {}

local Ceremony = {}
Ceremony.__index = Ceremony
Ceremony.__name = "ceremony"

--- The FROST identifier of a member as the wire writes it: hex in quotes.
local function identifier(member) return ('"%064x"'):format(member) end

local function refuse(message, extra)
    local problem = { code = "dkg_refused", message = message }
    for name, value in pairs(extra or {}) do problem[name] = value end
    return nil, problem
end

--- @param parts table {engine, keys, crypto, roster, member, run_id, threshold, session_id}
---   keys: node keys of this member; crypto: {sha256, verify}
--- @return table|nil ceremony, table|nil problem {code, message}
function ceremony.new(parts)
    local self = setmetatable({ step = "begin" }, Ceremony)
    for name, value in pairs(parts) do self[name] = value end
    if type(self.run_id) ~= "string" or #self.run_id == 0 or #self.run_id > 128 then
        return refuse("the run id must have 1 to 128 bytes")
    end
    if math.type(self.threshold) ~= "integer" or self.threshold < 2 or self.threshold > self.roster:size() then
        return refuse(("the threshold must be in 2..%d"):format(self.roster:size()))
    end
    self.run = { id = self.run_id, threshold = self.threshold, roster = self.roster }
    return self
end

local function advance(self, from, to)
    if self.step ~= from then
        return refuse(("this run stands at step %s, not at %s"):format(self.step, from))
    end
    self.step = to
    return true
end

function Ceremony:fail(problem)
    self.step = "failed"
    self:close()
    return nil, problem
end

function Ceremony:digest(bytes) return self.crypto.sha256(bytes) end

--- Step 1: the own round-1 package, signed.
--- @return table|nil {member, package_hex, signature_hex}, table|nil problem
function Ceremony:begin()
    local ok, problem = advance(self, "begin", "round1")
    if not ok then return nil, problem end
    local reply, secrets = self.engine:call("dkg_part1", {
        participant_identifier = identifier(self.member),
        max_signers = self.roster:size(),
        min_signers = self.threshold,
    }, {})
    if not reply then return self:fail(secrets) end
    self.secret = secrets[1]
    local hash = self:digest(hex.decode(reply.package.package_hex))
    local signature = self.keys:sign(self:digest(views.package_bytes(self.run, self.member, hash)))
    self.own = { member = self.member, package_hex = reply.package.package_hex, signature_hex = hex.encode(signature) }
    return self.own
end

local function collect_packages(self, packages)
    local by_member = {}
    for _, entry in ipairs(type(packages) == "table" and packages or {}) do
        if type(entry) ~= "table" or not self.roster:find(entry.member) or by_member[entry.member] then
            return refuse("a round-1 package names a member that is unknown or comes twice", { culprit = "relay" })
        end
        by_member[entry.member] = entry
    end
    local own = by_member[self.member]
    if not own or own.package_hex ~= self.own.package_hex then
        return refuse("the own round-1 package is missing or changed", { culprit = "relay" })
    end
    local view, peers = {}, {}
    for _, seat in ipairs(self.roster.members) do
        local entry = by_member[seat.member]
        local package, signature = entry and hex.decode(entry.package_hex), entry and hex.decode(entry.signature_hex)
        if not package or not signature then
            return refuse(("no round-1 package of member %d"):format(seat.member), { culprit = "relay" })
        end
        local hash = self:digest(package)
        local signed = self:digest(views.package_bytes(self.run, seat.member, hash))
        if not self.crypto.verify(seat.signing_key, signed, signature) then
            return refuse(("the round-1 package of member %d is not signed by its roster key"):format(seat.member),
                { culprit = "relay" })
        end
        view[#view + 1] = { member = seat.member, package_hash = hash, signature = signature }
        if seat.member ~= self.member then
            peers[#peers + 1] = { identifier = identifier(seat.member), package_hex = entry.package_hex }
        end
    end
    return view, peers
end

--- What a sealed round-2 package is bound to: run, view, sender, recipient.
local function sealing_context(self, from, to)
    return "tbtc-signer-dkg-round2/v1\0" .. self.view_hash .. string.pack(">I2I2", from, to)
end

--- Step 2: everybody's round-1 packages in; the signed view and the sealed round-2 packages out.
--- @param packages table {{member, package_hex, signature_hex}}
--- @return table|nil {view = {member, entries, signature_hex}, sealed = {{to, box_hex}}}, table|nil problem
function Ceremony:round1(packages)
    local ok, problem = advance(self, "round1", "views")
    if not ok then return nil, problem end
    local view, peers = collect_packages(self, packages)
    if not view then return self:fail(peers) end
    self.view, self.peers = view, peers
    self.view_hash = self:digest(views.bytes(self.run, view))

    local reply, secrets = self.engine:call("dkg_part2",
        { secret_package_hex = "@1", round1_packages = peers }, { self.secret })
    if not reply then return self:fail(secrets) end
    self.secret:close()
    self.secret = secrets[tonumber(reply.secret_package_hex:sub(2))]

    local sealed = {}
    for index, entry in ipairs(reply.packages) do
        local to = tonumber(entry.identifier:match("%x+"), 16)
        local secret = secrets[tonumber(entry.package_hex:sub(2))]
        local box = self.keys:seal(secret, self.roster:find(to).sealing_key, sealing_context(self, self.member, to))
        secret:close()
        sealed[index] = { to = to, box_hex = hex.encode(box) }
    end
    return { view = self:statement(), sealed = sealed }
end

--- The own view: its hash, signed.
function Ceremony:statement()
    local signature = self.keys:sign(self:digest(views.statement_bytes(self.member, self.view_hash)))
    return { member = self.member, view_hash_hex = hex.encode(self.view_hash), signature_hex = hex.encode(signature) }
end

--- The own view in full, for members whose view differs.
--- @return table|nil {member, entries}, table|nil problem
function Ceremony:entries()
    if not self.view then return refuse("there is no view yet") end
    local entries = {}
    for index, entry in ipairs(self.view) do
        entries[index] = {
            member = entry.member, package_hash_hex = hex.encode(entry.package_hash),
            signature_hex = hex.encode(entry.signature),
        }
    end
    return { member = self.member, entries = entries }
end

local function read_entries(list)
    local entries = {}
    for index, entry in ipairs(type(list) == "table" and list or {}) do
        if type(entry) ~= "table" then return nil end
        entries[index] = {
            member = entry.member, package_hash = hex.decode(entry.package_hash_hex),
            signature = hex.decode(entry.signature_hex),
        }
    end
    return entries
end

local function by_member(list, read)
    local found = {}
    for _, item in ipairs(type(list) == "table" and list or {}) do
        if type(item) == "table" and item.member then found[item.member] = read(item) end
    end
    return found
end

--- Step 3: everybody's views as signed hashes. Where one differs the run is over: `blame` then finds
--- out by whose fault.
--- @param statements table {{member, view_hash_hex, signature_hex}}
--- @return table|nil {view_hash_hex}, table|nil problem {code, message, culprit, member?, differing?}
function Ceremony:views(statements)
    local ok, problem = advance(self, "views", "round2")
    if not ok then return nil, problem end
    self.statements = by_member(statements, function(item)
        return { view_hash = hex.decode(item.view_hash_hex), signature = hex.decode(item.signature_hex) }
    end)
    local fault, differing = views.compare(self.run, self.view_hash, self.statements, self.crypto)
    if not fault then return { view_hash_hex = hex.encode(self.view_hash) } end
    self:fail()
    return nil, { code = "dkg_views_differ", message = fault.message, culprit = fault.culprit, differing = differing }
end

--- After differing views: the full entries of a member whose view differs, and who is to blame.
--- Whatever comes in, the run stays over.
--- @param lists table {{member, entries}}
--- @return table {culprit, member?, message}
function Ceremony:blame(lists)
    if self.step ~= "failed" or not self.statements then return refuse("no views differ in this run") end
    local entries = by_member(lists, function(item) return read_entries(item.entries) end)
    return views.blame(self.run, self.view, self.statements, entries, self.crypto)
end

local function open_boxes(self, boxes)
    local packages, secrets = {}, { self.secret }
    for _, box in ipairs(type(boxes) == "table" and boxes or {}) do
        local seat = type(box) == "table" and self.roster:find(box.from)
        local bytes = seat and hex.decode(box.box_hex)
        if not bytes then return refuse("a sealed package has no known sender", { culprit = "relay" }) end
        local opened, secret = pcall(self.keys.open_sealed, self.keys, bytes, seat.sealing_key,
            sealing_context(self, box.from, self.member))
        if not opened then
            return refuse(("the sealed package of member %d does not open: it was changed on the way or made for another run")
                :format(box.from), { culprit = "relay" })
        end
        secrets[#secrets + 1] = secret
        packages[#packages + 1] = {
            identifier = identifier(self.member),
            sender_identifier = identifier(box.from),
            package_hex = "@" .. #secrets,
        }
    end
    return packages, secrets
end

--- Step 4: the sealed packages addressed to this member; the key is derived and made durable.
--- @param boxes table {{from, box_hex}}
--- @return table|nil {key_group, ...} reply of persist, table|nil problem
function Ceremony:round2(boxes)
    local ok, problem = advance(self, "round2", "persist")
    if not ok then return nil, problem end
    local packages, secrets = open_boxes(self, boxes)
    if not packages then return self:fail(secrets) end
    local reply, made = self.engine:call("dkg_part3", {
        secret_package_hex = "@1",
        round1_packages = self.peers,
        round2_packages = packages,
    }, secrets)
    for _, secret in ipairs(secrets) do secret:close() end
    if not reply then return self:fail(made) end

    local stored, why = self.engine:call("persist_distributed_dkg_key_package", {
        session_id = self.session_id,
        participant_identifier = self.member,
        threshold = self.threshold,
        participant_count = self.roster:size(),
        key_package = { identifier = reply.key_package.identifier, data_hex = "@1" },
        public_key_package = reply.public_key_package,
    }, { made[1] })
    made[1]:close()
    if not stored then return self:fail(why) end
    self.step = "done"
    self:close()
    return stored
end

--- Wipes what the run still holds.
function Ceremony:close()
    if self.secret then self.secret:close() end
    self.secret = nil
end

return ceremony
