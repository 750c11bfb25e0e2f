--- Engines as commands make them: the process environment with a few settings changed.
local uv = require("luv")
local signer = require("tbtc_signer")

local engines = {}

--- The environment of this process with changes; false removes a variable.
--- @param changes table name -> text or false
--- @return table name -> text
function engines.environment(changes)
    local environment = {}
    for name, value in pairs(uv.os_environ()) do environment[name] = value end
    for name, value in pairs(changes) do environment[name] = value or nil end
    return environment
end

--- The same as a list of "NAME=value", for a child process.
function engines.environment_list(changes)
    local list = {}
    for name, value in pairs(engines.environment(changes)) do list[#list + 1] = name .. "=" .. value end
    return list
end

--- @param changes table
--- @return table engine
function engines.new(changes)
    return signer.engine({ environment = engines.environment(changes) })
end

--- Runs `body` while the engine's lines for the operator are kept from stderr: commands say them in their own words.
--- @param body function
--- @return table lines without the name in front, any ... results of the body
function engines.heard(body, ...)
    signer.notices.hold()
    local results = table.pack(pcall(body, ...))
    local lines = {}
    for line in signer.notices.take():gmatch("[^\n]+") do lines[#lines + 1] = line:gsub("^tbtc%-signer: ", "") end
    if not results[1] then error(results[2], 0) end
    return lines, table.unpack(results, 2, results.n)
end

--- Opens the store, as the first real call would: the provenance gate, settings, key and files are looked at.
--- Asks for the verdict of a share that does not exist, which changes nothing.
--- @param engine table
--- @return boolean|nil true, table|nil problem {code, reason_code?, message}
function engines.open(engine)
    local reply, problem = engine:call("verify_signature_share", {
        session_id = "opening", signing_package_hex = "", signature_share_hex = "", member_identifier = 1,
    })
    if reply then return true end
    return nil, problem
end

--- The crypto that rosters, views and ceremonies need.
engines.crypto = {
    sha256 = function(bytes) return signer.curve.sha256(bytes) end,
    verify = function(key_hex, digest, signature)
        return #signature == 64 and signer.node_keys.verify(digest, signature, key_hex)
    end,
}

return engines
