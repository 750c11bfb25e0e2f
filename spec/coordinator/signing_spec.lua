local signing = require("tbtc_signer.coordinator.signing")
local tasks = require("tbtc_signer.transport.tasks")

-- Nodes that answer every endpoint; `faults[member]` = { endpoint = problem } makes one fail.
local function fake_nodes(faults)
    local nodes = { log = {} }
    function nodes:call(member, _, params)
        local name, request = params.endpoint, params.request
        self.log[#self.log + 1] = { member = member, name = name, request = request }
        local fault = faults[member] and faults[member][name]
        if type(fault) == "function" then fault = fault(request) end
        if fault then return nil, fault end
        if name == "derive_interactive_attempt_context" then
            local identifiers = {}
            for index, number in ipairs(request.included_participants) do
                identifiers[index] = { participant_identifier = number, frost_identifier = "id" .. number }
            end
            return { attempt_context = { attempt_id = "attempt-" .. request.attempt_number }, frost_identifiers = identifiers }
        elseif name == "interactive_round1" then
            return { commitments_hex = "c" .. member }
        elseif name == "new_signing_package" then
            return { signing_package_hex = "package" }
        elseif name == "interactive_round2" then
            return { signature_share_hex = "s" .. member }
        elseif name == "interactive_aggregate" then
            return { signature_hex = "sig" }
        end
        return {}
    end
    return nodes
end

local GONE = { code = "node_unreachable", message = "gone" }

local function sign(faults, changes)
    local nodes = fake_nodes(faults)
    local job = { nodes = nodes, session_id = "s", key_group = "02", threshold = 2, message_hex = "00", members = { 1, 2, 3 } }
    for name, value in pairs(changes or {}) do job[name] = value end
    local ok, result = tasks.run(function() return table.pack(signing.sign(job)) end)
    assert(ok, result)
    return result[1], result[2], nodes
end

local function signers_of(nodes, attempt)
    local list = {}
    for _, call in ipairs(nodes.log) do
        if call.name == "interactive_round2" and call.request.attempt_id == attempt then list[#list + 1] = call.member end
    end
    return list
end

describe("signing with a group", function()
    it("takes exactly the threshold and aborts the rest", function()
        local signature, attempt, nodes = sign({})
        assert.equal("sig", signature)
        assert.same({ 1, 2 }, attempt.signers)
        local aborted
        for _, call in ipairs(nodes.log) do if call.name == "interactive_session_abort" then aborted = call.member end end
        assert.equal(3, aborted)
    end)

    it("leaves a member out that dies in round 2 and takes the next attempt number", function()
        local signature, attempt, nodes = sign({ [2] = { interactive_round2 = GONE } })
        assert.equal("sig", signature)
        assert.same({ 1, 3 }, attempt.signers)
        assert.equal(2, attempt.number)
        assert.same({ 1, 3 }, signers_of(nodes, "attempt-2"))
    end)

    it("signs where a member does not even open", function()
        local _, attempt = sign({ [1] = { interactive_session_open = GONE, derive_interactive_attempt_context = GONE } })
        assert.same({ 2, 3 }, attempt.signers)
    end)

    it("takes the next number, blaming nobody, where an attempt is spent", function()
        local spent = function(request)
            if request.attempt_context.attempt_id == "attempt-1" then return { code = "consumed_nonce_replay", message = "" } end
        end
        local faults = {}
        for member = 1, 3 do faults[member] = { interactive_session_open = spent } end
        local _, attempt = sign(faults)
        assert.equal(2, attempt.number)
        assert.same({ 1, 2 }, attempt.signers)
    end)

    it("leaves out the culprits of an aggregation", function()
        local bad = { code = "aggregate_share_verification_failed", message = "", candidate_culprits = { 2 } }
        local first = true
        local _, attempt = sign({ [1] = { interactive_aggregate = function()
            if first then first = false return bad end
        end } })
        assert.same({ 1, 3 }, attempt.signers)
    end)

    it("says how many members are missing", function()
        local signature, problem = sign({ [1] = { interactive_round2 = GONE }, [2] = { interactive_round1 = GONE } })
        assert.is_nil(signature)
        assert.equal("too_few_members", problem.code)
    end)

    it("waits for members where it may, and goes on with the next number", function()
        local gone = true
        local _, attempt = sign({ [2] = { interactive_round2 = function() return gone and GONE or nil end } },
            { members = { 1, 2 }, wait_for = function() gone = false return true end })
        assert.same({ 1, 2 }, attempt.signers)
        assert.equal(2, attempt.number)
    end)

    it("hands a refusal by policy to the caller with the member that refused", function()
        local refusal = { code = "signing_policy_rejected", message = "no" }
        local _, problem = sign({ [1] = { interactive_session_open = refusal }, [2] = { interactive_session_open = refusal },
            [3] = { interactive_session_open = refusal } })
        assert.equal("signing_policy_rejected", problem.code)
        assert.equal(1, problem.member)
    end)
end)
