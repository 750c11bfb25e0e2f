--- The words in which requests and responses are described (abi 3). A schema is data: the codec in C
-- reads and writes JSON by it, strictly, and in its order.
--
--     local s = require("tbtc_signer.schema.types")
--     local Request = s.object("InteractiveRound2Request", {
--         { "session_id", s.text(128) },
--         { "signing_package_hex", s.decoded("signing_package", 65536) },
--         { "taproot_merkle_root_hex", s.text(4096), optional = true },
--     })
--
-- What a member becomes in Lua:
--
--     s.u8 s.u16 s.u32 s.u64   integer (u64 above 2^63-1 wraps to negative: compare with math.ult)
--     s.bool                   boolean
--     s.text(max)              string, at most `max` bytes
--     s.enum{...}              one of the given strings
--     s.hex(max)               bytes as a string; at most `max` characters on the wire
--     s.secret_hex(max)        custody handle ("signer.secret"), owned by the call
--     s.decoded(kind, max)     what the decoder `kind` of a binding makes of the bytes
--     s.list(type, max)        array of at most `max` entries
--     s.map(type, max)         table from text to `type`; written sorted by key bytes
--     s.object(name, members)  table by member name
--
-- JSON form, types and caps fail at once. A hex, secret or decoded member whose text cannot be decoded
-- becomes { undecodable = "reason" } instead, so that the endpoint can answer it where the order of
-- checks has it. Empty hex counts as undecodable unless the type says { empty = true }.

local types = {}

-- D-149: plain strings and lists without a cap of their own.
local TEXT_MAX = 65536
local LIST_MAX = 4096

types.u8 = { kind = "unsigned", max = 0xff }
types.u16 = { kind = "unsigned", max = 0xffff }
types.u32 = { kind = "unsigned", max = 0xffffffff }
types.u64 = { kind = "unsigned", max = -1 }
types.bool = { kind = "bool" }

--- @param max integer  bytes of the decoded text
function types.text(max)
    return { kind = "text", max = max or TEXT_MAX }
end

--- @param choices table  array of strings
function types.enum(choices)
    return { kind = "enum", choices = choices }
end

--- @param max integer  hex characters
--- @param options table|nil  { empty = true }: no bytes at all are allowed
function types.hex(max, options)
    return { kind = "hex", max = max or TEXT_MAX, empty = options and options.empty or false }
end

--- @param max integer  hex characters
function types.secret_hex(max)
    return { kind = "secret", max = max or TEXT_MAX }
end

--- @param decoder string  kind registered by a binding (src/binding/decoders.h)
--- @param max integer  hex characters
function types.decoded(decoder, max)
    return { kind = "decoded", decoder = decoder, max = max or TEXT_MAX }
end

--- @param element table  type of the entries
--- @param max integer  entries
function types.list(element, max)
    return { kind = "list", element = element, max = max or LIST_MAX }
end

--- @param element table  type of the values
--- @param max integer  entries
function types.map(element, max)
    return { kind = "map", element = element, max = max or LIST_MAX }
end

--- @param name string  for error texts
--- @param members table  array of { name, type, optional = bool, omit_empty = bool }; `omit_empty`
--   leaves an empty list out of a response
--- @param options table|nil  { strict = true }: unknown members are refused
function types.object(name, members, options)
    return { kind = "object", name = name, members = members, strict = options and options.strict or false }
end

return types
