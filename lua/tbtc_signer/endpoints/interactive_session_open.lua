--- Opens a seat in an attempt. Order of checks: interactive-session 8; the numbers are those of its table.
local check = require("tbtc_signer.check")
local codec = require("signer.codec")
local gates = require("tbtc_signer.gates")
local schema = require("tbtc_signer.schema.interactive")

local step = require("signer.interactive_open")

local open = {
    name = "interactive_session_open",
    request = schema.InteractiveSessionOpenRequest,
    response = schema.InteractiveSessionOpenResult,
}

--- The list in ascending order: itself where it has that already.
local function ascending(list)
    for index = 2, #list do
        if list[index - 1] > list[index] then
            local sorted = table.move(list, 1, #list, 1, {})
            table.sort(sorted)
            return sorted
        end
    end
    return list
end

--- The request as its fingerprint has it (OPEN-5): letter case and order of the set do not count.
local function canonical(request, root_text)
    local context = request.attempt_context
    local intent = request.signing_intent
    return {
        session_id = request.session_id,
        member_identifier = request.member_identifier,
        message_hex = request.message_hex,
        key_group = request.key_group,
        threshold = request.threshold,
        taproot_merkle_root_hex = root_text,
        signing_intent = intent and { type = intent.type, message_hex = intent.message_hex:lower() },
        attempt_context = {
            attempt_number = context.attempt_number,
            coordinator_identifier = context.coordinator_identifier,
            included_participants = ascending(context.included_participants),
            included_participants_fingerprint = context.included_participants_fingerprint:lower(),
            attempt_id = context.attempt_id:lower(),
        },
    }
end

function open.gates(call, request)
    call:count("INTERACTIVE_SESSION_OPEN_CALLS")
    gates.provenance(call)                                                   -- 1
    check.session_id(request.session_id)                                     -- 2
    check.positive("member_identifier", request.member_identifier)           -- 3
    check.positive("threshold", request.threshold)
    local message = check.bytes(request.message_hex, "message_hex")          -- 4
    local root, root_text = check.root(request.taproot_merkle_root_hex)      -- 5
    request.seat = step.new({
        session_id = request.session_id,
        member = request.member_identifier,
        threshold = request.threshold,
        key_group = request.key_group,
        message = message,
        root = root,
        heartbeat = request.signing_intent and request.signing_intent.message_hex,
        context = request.attempt_context,
        fingerprint = codec.fingerprint(schema.InteractiveSessionOpenRequest, canonical(request, root_text)),
    })
    gates.ask_signing(call, request.session_id, request.member_identifier) -- takes effect at 12
end

function open.state(call, request)
    local seat = request.seat
    gates.quarantine_configuration(call)      -- 7
    step.find_wallet(call, seat)              -- 8
    step.match_wallet(call, seat)             -- 9
    step.require_material(call, seat)         -- 10
    step.require_seat(call, seat)             -- 11
    step.gate_rekey(call, seat)               -- 12
    step.gate_finalized(call, seat)
    step.gate_own_quarantine(call, seat)
    step.gate_message_binding(call, seat)
    step.require_context(call, seat)          -- 13
    step.require_included(call, seat)         -- 14
    step.require_group(call, seat)            -- 15
    step.refuse_consumed(call, seat)          -- 16
    step.refuse_final(call, seat)             -- 16a
    if step.is_retry(call, seat) then         -- 17
        return { idempotent = true }
    end
    step.require_newer(call, seat)            -- 18
    step.require_attempt_room(call, seat)     -- 19
    step.require_seat_room(call, seat)        -- 20
    step.require_binding(call, seat)          -- 21
    step.commit(call, seat)                   -- 22 to 26
    return { idempotent = false }
end

function open.finish(call, outcome, request)
    if not outcome.idempotent then call:count("INTERACTIVE_SESSION_OPEN_SUCCESS") end
    return {
        session_id = request.session_id,
        attempt_id = step.attempt_id(request.seat),
        idempotent = outcome.idempotent,
    }
end

return open
