--- Stand-ins for node keys and hashes, for specs of the Lua protocols alone: a signature is a keyed
--- text, a seal is a readable wrapper. Nothing here is secret.
local fake = {}

--- A 32-byte digest good enough to tell texts apart.
function fake.sha256(bytes)
    local state = { 17, 41, 73, 109 }
    for index = 1, #bytes do
        local lane = index % 4 + 1
        state[lane] = (state[lane] * 31 + bytes:byte(index) + state[(lane % 4) + 1]) % 0x100000000000000
    end
    return string.pack(">I8I8I8I8", table.unpack(state))
end

function fake.key(member) return ("%064x"):format(member) end

function fake.verify(key_hex, digest, signature) return signature == fake.sign(key_hex, digest) end

function fake.sign(key_hex, digest) return fake.sha256(key_hex .. digest) .. fake.sha256(digest .. key_hex) end

fake.crypto = { sha256 = fake.sha256, verify = fake.verify }

--- Node keys of one member.
function fake.keys(member)
    local keys = {}
    function keys.sign(_, digest) return fake.sign(fake.key(member), digest) end
    function keys.seal(_, secret, recipient_hex, context) return recipient_hex .. context .. secret.text end
    function keys.open_sealed(_, box, _, context)
        local prefix = fake.key(1000 + member) .. context
        assert(box:sub(1, #prefix) == prefix, "does not open")
        return { text = box:sub(#prefix + 1), close = function() end }
    end
    return keys
end

--- A roster value of `count` members.
function fake.roster(count)
    local members = {}
    for member = 1, count do
        members[member] = { member = member, sealing_key = fake.key(1000 + member), signing_key = fake.key(member) }
    end
    return { schema = "tbtc-signer-roster/v1", members = members }
end

return fake
