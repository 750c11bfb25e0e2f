--- Derives the attempt context that an open accepts (interactive-session 12.3). Stateless.
local check = require("tbtc_signer.check")
local frost = require("signer.frost")
local gates = require("tbtc_signer.gates")
local roast = require("signer.roast")
local schema = require("tbtc_signer.schema.interactive")

local derive = {
    name = "derive_interactive_attempt_context",
    request = schema.DeriveInteractiveAttemptContextRequest,
    response = schema.DeriveInteractiveAttemptContextResult,
}

function derive.gates(call, request)
    gates.provenance(call)
    check.session_id(request.session_id)
    local message = check.bytes(request.message_hex, "message_hex")
    -- Attempt number, threshold, set, size, significant bytes of the message: in this order (DE-1).
    local context = roast.derive({
        session_id = request.session_id,
        key_group = request.key_group,
        message = message,
        threshold = request.threshold,
    }, request.attempt_number, request.included_participants)
    local identifiers = {}
    for i, member in ipairs(context.included_participants) do
        identifiers[i] = {
            participant_identifier = member,
            frost_identifier = check.identifier_text(frost.identifier(member)),
        }
    end
    return { attempt_context = context, frost_identifiers = identifiers }
end

return derive
