--- What an endpoint file says at its gates stage, without a lock: provenance, and the questions to the
-- operator's scripts. The floor itself is C (src/session/gates.c): it runs under the engine mutex and
-- takes a verdict only for the state as it is then.
local core = require("signer.gates")
local policy = require("tbtc_signer.policy")
local provenance = require("tbtc_signer.gates.provenance")

local gates = {}

--- Raises unless provenance is off or holds (policy-and-lifecycle 3).
function gates.provenance(call)
    provenance.check(call)
end

--- Raises when the quarantine settings cannot be read (interactive-session 8 step 7).
gates.quarantine_configuration = core.quarantine_configuration

--- Asks what open and round 2 need: quarantine for each member, the firewall on the stored transaction.
-- @param session_id string  signing session
-- @param own integer  member
-- @param package userdata|nil  signing package, for its members
function gates.ask_signing(call, session_id, own, package)
    core.answer_wallet_output(call)
    policy.ask_members(call, own, package)
    local input = core.sign_input(call, session_id)
    if input then policy.ask(call, "firewall", input) end
end

--- Asks quarantine for each member, as policy.ask_members does.
gates.ask_quarantine = policy.ask_members

return gates
