--- Engines with fake endpoints as Lua text: development profile, a store of their own.
local files = require("spec.support.files")
local signer = require("tbtc_signer")

local engines = {}

local KEY = ("5a"):rep(32)

engines.directory = files.folder
engines.remove = files.remove

--- Environment of a development engine with its store below `directory`.
-- @param changes table|nil  name -> text, false removes
function engines.environment(directory, changes)
    local environment = {
        TBTC_SIGNER_PROFILE = "development",
        TBTC_SIGNER_STATE_PATH = directory .. "/state",
        TBTC_SIGNER_STATE_KEY_PROVIDER = "command",
        TBTC_SIGNER_STATE_KEY_COMMAND = "printf %s " .. KEY,
    }
    for name, value in pairs(changes or {}) do environment[name] = value or nil end
    return environment
end

--- @param options table  {directory =, environment = changes, endpoints = {name -> Lua text}, platform =}
-- @return userdata engine
function engines.new(options)
    local sources = {}
    for name, text in pairs(options.endpoints or {}) do sources["tbtc_signer.endpoints." .. name] = text end
    return signer.engine({
        environment = engines.environment(options.directory or "/nonexistent", options.environment),
        sources = sources,
        platform = options.platform,
    })
end

return engines
