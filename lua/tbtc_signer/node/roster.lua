--- The roster: every member's public node keys, in a file that each node is given at its start. It is
--- the root of trust of a distributed key generation: keys are taken from here, never from the relay.
local hex = require("tbtc_signer.hex")
local json = require("tbtc_signer.json")

local roster = { SCHEMA = "tbtc-signer-roster/v1", MEMBERS_MAX = 256 }

local Roster = {}
Roster.__index = Roster
Roster.__name = "roster"

local function key_text(value) return type(value) == "string" and value:match("^" .. ("%x"):rep(64) .. "$") ~= nil end

local function check_member(entry, seen, seats)
    if type(entry) ~= "table" then return "an entry is no object" end
    local member = entry.member
    if math.type(member) ~= "integer" or member < 1 or member > 65535 then return "a member number is not in 1..65535" end
    if seats[member] then return ("member %d is listed twice"):format(member) end
    for _, name in ipairs({ "sealing_key", "signing_key" }) do
        if not key_text(entry[name]) then return ("member %d: %s is not 64 hex characters"):format(member, name) end
        local key = entry[name]:lower()
        if seen[key] then return ("members %d and %d share a key"):format(seen[key], member) end
        seen[key] = member
    end
end

--- Checks and sorts a decoded roster.
--- @param value table {schema, members = {{member, sealing_key, signing_key, socket?}}}
--- @param sha256 function(bytes) -> 32 bytes
--- @return table|nil roster, string|nil problem
function roster.new(value, sha256)
    if type(value) ~= "table" or value.schema ~= roster.SCHEMA then
        return nil, "roster: schema is not " .. roster.SCHEMA
    end
    if type(value.members) ~= "table" or #value.members < 2 or #value.members > roster.MEMBERS_MAX then
        return nil, "roster: needs 2 to 256 members"
    end
    local self = setmetatable({ members = {}, by_member = {} }, Roster)
    local seen = {}
    for _, entry in ipairs(value.members) do
        local problem = check_member(entry, seen, self.by_member)
        if problem then return nil, "roster: " .. problem end
        local kept = {
            member = entry.member,
            sealing_key = entry.sealing_key:lower(),
            signing_key = entry.signing_key:lower(),
            socket = entry.socket,
        }
        self.by_member[kept.member] = kept
        self.members[#self.members + 1] = kept
    end
    table.sort(self.members, function(a, b) return a.member < b.member end)
    self.digest = sha256(self:bytes())
    return self
end

--- Reads the file. `socket` paths that are relative are taken from the folder of the file.
--- @param path string
--- @param sha256 function
--- @return table|nil roster, string|nil problem
function roster.read(path, sha256)
    local value, problem = json.read(path, 1024 * 1024)
    if not value then return nil, "roster: " .. problem end
    local self, why = roster.new(value, sha256)
    if not self then return nil, why end
    local folder = path:match("^(.*)/[^/]*$") or "."
    for _, entry in ipairs(self.members) do
        if entry.socket and entry.socket:sub(1, 1) ~= "/" then entry.socket = folder .. "/" .. entry.socket end
    end
    return self
end

--- What the digest covers: label, count, then member, sealing key and signing key of each.
--- @return string bytes
function Roster:bytes()
    local parts = { roster.SCHEMA .. "\0", string.pack(">I2", #self.members) }
    for _, entry in ipairs(self.members) do
        parts[#parts + 1] = string.pack(">I2", entry.member) .. hex.decode(entry.sealing_key) .. hex.decode(entry.signing_key)
    end
    return table.concat(parts)
end

function Roster:size() return #self.members end

--- @param member integer
--- @return table|nil entry
function Roster:find(member) return self.by_member[member] end

--- @return integer[] members, ascending
function Roster:numbers()
    local numbers = {}
    for index, entry in ipairs(self.members) do numbers[index] = entry.member end
    return numbers
end

return roster
