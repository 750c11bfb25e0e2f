--- Spends the nonces of a seat on one signing package. Order of checks: interactive-session 10; the
-- numbers are those of its table.
local check = require("tbtc_signer.check")
local gates = require("tbtc_signer.gates")
local interactive_seat = require("signer.interactive_seat")
local schema = require("tbtc_signer.schema.interactive")

local step = interactive_seat.round2

local round2 = {
    name = "interactive_round2",
    request = schema.InteractiveRound2Request,
    response = schema.InteractiveRound2Result,
}

function round2.gates(call, request)
    call:count("INTERACTIVE_ROUND2_CALLS")
    gates.provenance(call)                                                         -- 1
    check.session_id(request.session_id)
    local attempt_id = check.attempt_id(request.attempt_id)
    local package = check.decoded(request.signing_package_hex, "signing_package_hex: ") -- 2
    request.seat = interactive_seat.new({
        session_id = request.session_id,
        attempt_id = attempt_id,
        member = request.member_identifier,
        package = package,
    })
    request.attempt_id = attempt_id
    local question = step.question(call, request.seat) -- the scripts take effect at 10 and 14: only who gets there asks
    if question then
        gates.ask_signing(call, request.session_id, request.member_identifier, question == "package" and package or nil)
    end
end

function round2.state(call, request)
    local seat = request.seat
    gates.quarantine_configuration(call)      -- 5
    step.find_session(call, seat)             -- 6
    step.refuse_consumed(call, seat)          -- 7
    step.refuse_final(call, seat)             -- 8
    step.require_marker_room(call, seat)      -- 9
    step.pass_gates(call, seat)               -- 10
    step.require_live(call, seat)             -- 11
    step.require_commitments(call, seat)      -- 12
    step.check_package(call, seat)            -- 13: R2-2 to R2-6
    step.gate_participants(call, seat)        -- 14
    step.require_authorization_room(call, seat) -- 15
    step.consume(call, seat)                  -- 16 to 18: the nonces now belong to the call
    return seat
end

function round2.finish(call, seat, request)   -- no lock, the record is synced
    local share = step.share(call, seat)      -- 19
    call:count("INTERACTIVE_ROUND2_SUCCESS")
    return {                                  -- 20
        session_id = request.session_id,
        attempt_id = request.attempt_id,
        signature_share_hex = share,
    }
end

return round2
