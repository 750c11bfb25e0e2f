--- Reads the liveness constants (roast 11). No request, no gate, no state.
local schema = require("tbtc_signer.schema.config")
local settings = require("signer.settings")

local liveness = {
    name = "roast_liveness_policy",
    response = schema.RoastLivenessPolicy,
}

function liveness.gates(call)
    return {
        coordinator_timeout_ms = settings.number(call, "roast_coordinator_timeout_ms"),
        timeout_source = "keep_core_wall_clock",
        advance_trigger = "coordinator_timeout",
        exclusion_evidence_policy = "timeout_or_invalid_share_proof",
    }
end

return liveness
