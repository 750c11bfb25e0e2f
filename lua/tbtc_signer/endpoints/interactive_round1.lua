--- Draws the nonces of a live seat, once, and gives their commitments. Order of checks:
-- interactive-session 9.
local check = require("tbtc_signer.check")
local gates = require("tbtc_signer.gates")
local interactive_seat = require("signer.interactive_seat")
local schema = require("tbtc_signer.schema.interactive")

local step = interactive_seat.round1

local round1 = {
    name = "interactive_round1",
    request = schema.InteractiveRound1Request,
    response = schema.InteractiveRound1Result,
}

function round1.gates(call, request)
    call:count("INTERACTIVE_ROUND1_CALLS")
    gates.provenance(call)
    check.session_id(request.session_id)
    request.seat = interactive_seat.new({
        session_id = request.session_id,
        attempt_id = check.attempt_id(request.attempt_id),
        member = request.member_identifier,
    })
    gates.ask_quarantine(call, request.member_identifier) -- takes effect at the own quarantine
end

--- What must hold whenever the engine is entered; it can have moved while the nonces were drawn (D-121).
local function check_seat(call, seat)
    gates.quarantine_configuration(call)
    step.find_session(call, seat)
    step.refuse_consumed(call, seat)
    step.gate_rekey(call, seat)               -- ours (D-062)
    step.gate_own_quarantine(call, seat)
    step.require_live(call, seat)             -- R1-1
end

function round1.state(call, request)
    local seat = request.seat
    check_seat(call, seat)
    local commitments = step.repeat_commitments(call, seat) -- R1-3
    if commitments then return { commitments = commitments, fresh = false } end
    step.prepare(call, seat)
    call:leave()
    step.draw(call, seat)                     -- R1-2
    call:enter()
    check_seat(call, seat)
    step.install(call, seat)
    local now, fresh = step.commitments(call, seat)
    return { commitments = now, fresh = fresh }
end

function round1.finish(call, outcome)
    if outcome.fresh then call:count("INTERACTIVE_ROUND1_SUCCESS") end -- R1-9
    return { commitments_hex = outcome.commitments }
end

return round1
