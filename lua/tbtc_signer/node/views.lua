--- Views of a key generation: what each member saw in round 1, signed by it. All members must have
--- seen the same; where they did not, the signatures name who is to blame (echo broadcast).
---
--- Signatures are BIP-340 by node keys over SHA-256 of the bytes given here; integers big-endian,
--- LP(x) = u32 length and x.
local views = {}

local function lp(text) return string.pack(">s4", text) end

--- What a member signs with its round-1 package.
--- @param run table {id, threshold, roster}
--- @param member integer
--- @param package_hash string 32 bytes
--- @return string bytes
function views.package_bytes(run, member, package_hash)
    return "tbtc-signer-dkg-round1/v1\0" .. run.roster.digest .. lp(run.id)
        .. string.pack(">I2I2", run.threshold, member) .. package_hash
end

--- The view as bytes: all members with the hash of their round-1 package, ascending.
--- @param run table
--- @param entries table {{member, package_hash}}
--- @return string bytes
function views.bytes(run, entries)
    local parts = { "tbtc-signer-dkg-view/v1\0", run.roster.digest, lp(run.id), string.pack(">I2I2", run.threshold, #entries) }
    for _, entry in ipairs(entries) do
        parts[#parts + 1] = string.pack(">I2", entry.member) .. entry.package_hash
    end
    return table.concat(parts)
end

--- What a member signs to say: this is my view.
--- @param member integer
--- @param view_hash string 32 bytes
--- @return string bytes
function views.statement_bytes(member, view_hash)
    return "tbtc-signer-dkg-view-statement/v1\0" .. string.pack(">I2", member) .. view_hash
end

--- Compares everybody's signed view hash with the own one.
--- @param run table {id, threshold, roster}
--- @param own_hash string 32 bytes
--- @param statements table member -> {view_hash, signature}
--- @param crypto table {sha256 = f, verify = f(key_hex, digest, signature)}
--- @return table|nil fault {culprit = "relay" | "unknown", message}, integer[]|nil differing members
function views.compare(run, own_hash, statements, crypto)
    local differing = {}
    for _, seat in ipairs(run.roster.members) do
        local statement = statements[seat.member]
        if not statement or not statement.view_hash or #statement.view_hash ~= 32 or not statement.signature then
            return { culprit = "relay", message = ("the relay gave no usable view of member %d"):format(seat.member) }
        end
        local signed = crypto.sha256(views.statement_bytes(seat.member, statement.view_hash))
        if not crypto.verify(seat.signing_key, signed, statement.signature) then
            return { culprit = "relay",
                message = ("the view that the relay gave for member %d is not signed by it"):format(seat.member) }
        end
        if statement.view_hash ~= own_hash then differing[#differing + 1] = seat.member end
    end
    if #differing > 0 then
        return { culprit = "unknown", message = ("member %d saw another round 1"):format(differing[1]) }, differing
    end
end

local function same_shape(entries, own)
    if not entries or #entries ~= #own then return false end
    for index, entry in ipairs(entries) do
        if entry.member ~= own[index].member or type(entry.package_hash) ~= "string" or #entry.package_hash ~= 32
            or type(entry.signature) ~= "string" then return false end
    end
    return true
end

local function blame_difference(run, member, entries, own, crypto)
    for index, entry in ipairs(entries) do
        if entry.package_hash ~= own[index].package_hash then
            local signer = run.roster:find(entry.member)
            local bytes = views.package_bytes(run, entry.member, entry.package_hash)
            if crypto.verify(signer.signing_key, crypto.sha256(bytes), entry.signature) then
                return { culprit = "member", member = entry.member,
                    message = ("member %d signed two different round-1 packages"):format(entry.member) }
            end
            return { culprit = "member", member = member,
                message = ("member %d signed a view with a package that member %d did not sign"):format(member, entry.member) }
        end
    end
end

--- Who is to blame for views that differ: the member that signed two packages, the member that signed
--- a view with a package which nobody signed, or the relay that does not show what a view holds.
--- @param run table
--- @param own table {{member, package_hash, signature}} the own view, verified
--- @param statements table member -> {view_hash, signature}, verified by views.compare
--- @param entries table member -> {{member, package_hash, signature}}
--- @param crypto table
--- @return table {culprit = "member" | "relay", member?, message}
function views.blame(run, own, statements, entries, crypto)
    local own_hash = crypto.sha256(views.bytes(run, own))
    for _, seat in ipairs(run.roster.members) do
        local statement = statements[seat.member]
        if statement and statement.view_hash ~= own_hash then
            local list = entries[seat.member]
            if not same_shape(list, own) or crypto.sha256(views.bytes(run, list)) ~= statement.view_hash then
                return { culprit = "relay",
                    message = ("the relay does not show the view that member %d signed"):format(seat.member) }
            end
            return blame_difference(run, seat.member, list, own, crypto)
        end
    end
    return { culprit = "relay", message = "the relay gave a view that nobody else saw" }
end

return views
