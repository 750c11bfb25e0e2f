--- Wipes the live seats of an attempt, or of all attempts of a session (interactive-session 12.2,
-- D-063). It appends nothing and waits for nothing: destroying nonces is always safe.
local check = require("tbtc_signer.check")
local gates = require("tbtc_signer.gates")
local interactive = require("signer.interactive")
local schema = require("tbtc_signer.schema.interactive")

local abort = {
    name = "interactive_session_abort",
    request = schema.InteractiveSessionAbortRequest,
    response = schema.InteractiveSessionAbortResult,
}

function abort.gates(call, request)
    call:count("INTERACTIVE_SESSION_ABORT_CALLS")
    gates.provenance(call)
    check.session_id(request.session_id)
    if request.attempt_id then request.attempt_id = check.attempt_id(request.attempt_id) end
    call:memory_only()
end

function abort.state(call, request)
    local aborted = interactive.abort(call, request.session_id, request.attempt_id)
    if aborted then call:count("INTERACTIVE_SESSION_ABORT_SUCCESS") end
    return { session_id = request.session_id, aborted = aborted }
end

return abort
