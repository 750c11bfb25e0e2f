--- Signs one message with a group: attempt after attempt, each with a fresh attempt context, leaving out
--- members that failed. Runs inside a task; members are reached through nodes:call.
local tasks = require("tbtc_signer.transport.tasks")

local signing = { ATTEMPTS_MAX = 5 }

--- Codes that tell: this attempt is used up, nobody is to blame, take the next number.
local SPENT = { consumed_nonce_replay = true, interactive_attempt_already_aggregated = true }

--- Codes of a refusal that another attempt will not change.
local REFUSED = {
    signing_policy_rejected = true, provenance_gate_rejected = true, lifecycle_policy_rejected = true,
    dkg_not_ready = true, validation_error = true, session_conflict = true, session_finalized = true,
}

local function endpoint(job, member, name, request, on_notice)
    return job.nodes:call(member, "call", { endpoint = name, request = request }, on_notice)
end

--- Calls an endpoint at several members; failures are collected, not raised.
local function at_each(job, members, name, request_of)
    local bodies = {}
    for index, member in ipairs(members) do
        bodies[index] = function()
            local result, problem = endpoint(job, member, name, request_of(member), function(notice)
                if job.on_notice then job.on_notice(member, notice) end
            end)
            return { result = result, problem = problem }
        end
    end
    local answered, failed = {}, {}
    for index, outcome in ipairs(tasks.all(bodies)) do
        if not outcome.ok then error(outcome.value, 0) end
        local member = members[index]
        if outcome.value.result then
            answered[#answered + 1] = { member = member, result = outcome.value.result }
        else
            failed[#failed + 1] = { member = member, problem = outcome.value.problem }
        end
    end
    return answered, failed
end

local function failure(phase, failed, context)
    return nil, { phase = phase, failed = failed, context = context }
end

local function choose_signers(job, committed)
    local chosen = {}
    local preferred = {}
    for _, member in ipairs(job.signers or {}) do preferred[member] = true end
    for _, entry in ipairs(committed) do
        if #chosen < job.threshold and (not job.signers or preferred[entry.member]) then chosen[#chosen + 1] = entry end
    end
    for _, entry in ipairs(committed) do
        if #chosen < job.threshold and job.signers and not preferred[entry.member] then chosen[#chosen + 1] = entry end
    end
    table.sort(chosen, function(a, b) return a.member < b.member end)
    return chosen
end

local function abort_idle(job, members, chosen, attempt_id)
    local busy = {}
    for _, entry in ipairs(chosen) do busy[entry.member] = true end
    local idle = {}
    for _, member in ipairs(members) do if not busy[member] then idle[#idle + 1] = member end end
    at_each(job, idle, "interactive_session_abort", function()
        return { session_id = job.session_id, attempt_id = attempt_id }
    end)
end

local function open_and_commit(job, context, included)
    local opened, failed = at_each(job, included, "interactive_session_open", function(member)
        return {
            session_id = job.session_id, member_identifier = member, message_hex = job.message_hex,
            key_group = job.key_group, threshold = job.threshold, taproot_merkle_root_hex = job.root_hex,
            signing_intent = job.intent, attempt_context = context,
        }
    end)
    if #opened < job.threshold then return failure("open", failed, context) end
    local members = {}
    for index, entry in ipairs(opened) do members[index] = entry.member end
    local committed, lost = at_each(job, members, "interactive_round1", function(member)
        return { session_id = job.session_id, attempt_id = context.attempt_id, member_identifier = member }
    end)
    if #committed < job.threshold then return failure("round 1", lost, context) end
    return committed, members
end

--- One attempt.
--- @param job table see signing.sign
--- @param number integer attempt number, from 1
--- @param included integer[] members of the attempt, ascending
--- @return string|nil signature_hex, table problem {phase, failed = {{member, problem}}, context} or the attempt
function signing.attempt(job, number, included)
    local derived, problem
    for _, member in ipairs(included) do
        derived, problem = endpoint(job, member, "derive_interactive_attempt_context", {
            session_id = job.session_id, message_hex = job.message_hex, key_group = job.key_group,
            threshold = job.threshold, attempt_number = number, included_participants = included,
        })
        if derived then break end
        if problem.code ~= "node_unreachable" then return failure("derive", { { member = member, problem = problem } }) end
    end
    if not derived then return failure("derive", { { member = included[1], problem = problem } }) end
    local context = derived.attempt_context
    local identifier_of = {}
    for _, entry in ipairs(derived.frost_identifiers) do
        identifier_of[entry.participant_identifier] = entry.frost_identifier
    end

    local committed, members = open_and_commit(job, context, included)
    if not committed then return nil, members end
    local chosen = choose_signers(job, committed)
    abort_idle(job, members, chosen, context.attempt_id)

    local commitments, signers = {}, {}
    for index, entry in ipairs(chosen) do
        signers[index] = entry.member
        commitments[index] = { identifier = identifier_of[entry.member], data_hex = entry.result.commitments_hex }
    end
    local package, why = endpoint(job, signers[1], "new_signing_package",
        { message_hex = job.message_hex, commitments = commitments })
    if not package then return failure("package", { { member = signers[1], problem = why } }, context) end
    if job.on_attempt then job.on_attempt(number, signers, context, package.signing_package_hex) end

    local shares, failed = at_each(job, signers, "interactive_round2", function(member)
        return { session_id = job.session_id, attempt_id = context.attempt_id, member_identifier = member,
            signing_package_hex = package.signing_package_hex }
    end)
    if #failed > 0 then return failure("round 2", failed, context) end

    local signature_shares = {}
    for index, entry in ipairs(shares) do
        signature_shares[index] = { identifier = identifier_of[entry.member], data_hex = entry.result.signature_share_hex }
    end
    local aggregate, bad = endpoint(job, signers[1], "interactive_aggregate", {
        session_id = job.session_id, attempt_id = context.attempt_id, signing_package_hex = package.signing_package_hex,
        signature_shares = signature_shares, taproot_merkle_root_hex = job.root_hex,
    })
    if not aggregate then
        local culprits = {}
        for _, member in ipairs(bad.candidate_culprits or { signers[1] }) do
            culprits[#culprits + 1] = { member = member, problem = bad }
        end
        return failure("aggregate", culprits, context)
    end
    return aggregate.signature_hex, { number = number, signers = signers, context = context }
end

local function without(members, failed)
    local gone = {}
    for _, entry in ipairs(failed) do
        if not SPENT[entry.problem.code] then gone[entry.member] = entry.problem end
    end
    local left, lost = {}, {}
    for _, member in ipairs(members) do
        if gone[member] then lost[#lost + 1] = { member = member, problem = gone[member] } else left[#left + 1] = member end
    end
    return left, lost
end

local function first_refusal(failed)
    for _, entry in ipairs(failed) do
        if REFUSED[entry.problem.code] then return entry end
    end
end

--- Signs, with as many attempts as it takes (at most ATTEMPTS_MAX, beside those already spent).
--- @param job table {nodes, session_id, key_group, threshold, message_hex, members, signers?, root_hex?, intent?,
---   wait_for? (function(lost) -> boolean: bring members back), on_attempt?, on_failure?, on_notice?}
--- @return string|nil signature_hex, table attempt or problem {code, message, ...}
function signing.sign(job)
    local members, number, tries, missing = job.members, 1, 0, {}
    while tries < signing.ATTEMPTS_MAX do
        if #members < job.threshold then
            if not (job.wait_for and job.wait_for(missing)) then
                return nil, { code = "too_few_members", missing = missing,
                    message = ("%d members must sign and %d can"):format(job.threshold, #members) }
            end
            members, missing = job.members, {}
        end
        local signature, outcome = signing.attempt(job, number, members)
        if signature then return signature, outcome end
        local left, lost = without(members, outcome.failed)
        if job.on_failure then job.on_failure(number, outcome) end
        local refusal = first_refusal(outcome.failed)
        if refusal and #left < job.threshold then
            local problem = refusal.problem
            problem.member = refusal.member
            return nil, problem
        end
        for _, entry in ipairs(lost) do missing[#missing + 1] = entry end
        if #lost > 0 then tries = tries + 1 end
        members, number = left, number + 1
        if number > 1000 then break end
    end
    return nil, { code = "attempts_exhausted", missing = missing,
        message = ("no signature after %d attempts"):format(number - 1) }
end

return signing
