--- Installs the configuration of this process, once. Order: policy-and-lifecycle 2.2; the numbers are its
-- steps. Nothing is changed unless every step passes, and the store is never opened (D-024).
local codec = require("signer.codec")
local policy = require("tbtc_signer.policy")
local provenance = require("tbtc_signer.gates.provenance")
local schema = require("tbtc_signer.schema.config")
local settings = require("signer.settings")

local init = {
    name = "init_signer_config",
    request = schema.InitSignerConfigRequest, -- 1
    response = schema.InitSignerConfigResult,
}

local function result(fingerprint, idempotent, count)
    return { installed = true, idempotent = idempotent, config_fingerprint = fingerprint, configured_key_count = count }
end

function init.gates(call, request)
    local fingerprint = codec.fingerprint(schema.InitSignerConfigRequest, request) -- 2
    local candidate = settings.candidate(request)                                  -- 3
    if settings.installed(call, fingerprint) then                                  -- 4
        return result(fingerprint, true, settings.key_count(call))
    end
    settings.validate(candidate)                                                   -- 5
    policy.check(call, candidate)
    provenance.check(call, candidate)
    local idempotent, count = settings.publish(call, candidate, fingerprint)       -- 6
    return result(fingerprint, idempotent, count)
end

return init
