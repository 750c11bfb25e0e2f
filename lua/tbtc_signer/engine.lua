--- Methods of engine objects that are written in Lua: requests and replies as tables.
--
--     local signer = require("tbtc_signer")
--     local engine = signer.engine({ environment = { TBTC_SIGNER_PROFILE = "development" } })
--     local reply, secrets = engine:call("dkg_part1", { … })
--
-- The calls are those of the C entry points, by name without "frost_tbtc_", with the same members
-- (include/frost_tbtc.h). A secret never becomes text: in a request a secret member is "@<k>", the k-th
-- entry of the list given with it; in a reply likewise, with the list as second value.
-- The other methods are in C (src/runtime/lua_engine.c): engine:request(name, json, secrets),
-- engine:check_key_provider(), engine:close(abandon).
local json = require("tbtc_signer.json")

local engine = {}

--- One call.
-- @param name string  e.g. "interactive_round2"
-- @param request table|nil  members of the request; nil for calls without one
-- @param secrets table|nil  array of secret handles, for "@1", "@2", …; they stay usable
-- @return table|nil reply, table  array of secret handles of the reply; on failure nil and the error:
--   {code, message, recovery_class, reason_code, candidate_culprits, …}
function engine:call(name, request, secrets)
    if request ~= nil and type(request) ~= "table" then error("the request must be a table, or nil", 2) end
    local ok, text, made = self:request(name, request and json.encode(request), secrets)
    local reply = assert(json.decode(text))
    if ok then return reply, made end
    return nil, reply
end

return engine
