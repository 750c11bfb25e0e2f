--- A node: one member with its own engine, store and node keys, answering on a local socket.
--- Methods: status; call {endpoint, request}; dkg_begin, dkg_round1, dkg_views, dkg_entries, dkg_blame,
--- dkg_round2, dkg_cancel.
--- Whoever reaches the socket (mode 0600) may ask; what may be signed is decided by the policy and the
--- engine behind it, never here.
local ceremony = require("tbtc_signer.node.ceremony")

local server = {}

--- Endpoints that the socket passes through. None takes or gives a secret, or destroys a key: whoever carries
--- messages must not be able to.
server.ENDPOINTS = {
    version = true,
    build_taproot_tx = true,
    derive_interactive_attempt_context = true,
    interactive_session_open = true,
    interactive_round1 = true,
    new_signing_package = true,
    interactive_round2 = true,
    verify_signature_share = true,
    interactive_aggregate = true,
    interactive_session_abort = true,
    roast_liveness_policy = true,
}

--- What an answer repeats of a name that it does not know.
local function name_of(value)
    return type(value) == "string" and value:sub(1, 64) or type(value)
end

--- A text of the other side as part of a line of the log.
local function line_of(value)
    return (tostring(value):sub(1, 128):gsub("[^%w_.:/-]", "_"))
end

local methods = {}

function methods.status(node)
    return {
        member = node.member,
        roster_digest_hex = node.roster_digest_hex,
        version = node.version,
        process = node.process,
    }
end

--- The rehearsal: the share of one session is computed, its record durable, and it never leaves.
local function withhold(node, params, reply)
    local session_id = params.request.session_id
    if not session_id or session_id ~= node.hold_session or params.endpoint ~= "interactive_round2" then return false end
    node.hold_session = nil
    node.log("share withheld for session " .. session_id)
    reply.notice({ event = "share_withheld" })
    return true
end

function methods.call(node, params, reply)
    if not server.ENDPOINTS[params.endpoint] or type(params.request) ~= "table" then
        return nil, { code = "unknown_endpoint", message = "no such endpoint on this socket: " .. name_of(params.endpoint) }
    end
    local result, problem = node.engine:call(params.endpoint, params.request)
    if result and withhold(node, params, reply) then return server.HELD end
    return result, problem
end

local function dkg_step(name, argument)
    return function(node, params)
        local run = node.run
        if not run or run.run_id ~= params.run_id then
            return nil, { code = "dkg_refused", message = "no key generation with this run id is going on here" }
        end
        return run[name](run, argument and params[argument])
    end
end

function methods.dkg_begin(node, params)
    if node.run_ids[params.run_id] then
        return nil, { code = "dkg_refused", message = "this run id was used before; take a new one" }
    end
    if node.run then node.run:close() end
    local run, problem = ceremony.new({
        engine = node.engine, keys = node.keys, crypto = node.crypto, roster = node.roster, member = node.member,
        run_id = params.run_id, threshold = params.threshold, session_id = params.session_id,
    })
    if not run then return nil, problem end
    node.run = run
    node.run_ids[params.run_id] = true
    node.log(("key generation %s: threshold %d of %d, session %s"):format(line_of(params.run_id), params.threshold,
        node.roster:size(), line_of(params.session_id)))
    return run:begin()
end

methods.dkg_round1 = dkg_step("round1", "packages")
methods.dkg_views = dkg_step("views", "views")
methods.dkg_entries = dkg_step("entries")
methods.dkg_blame = dkg_step("blame", "lists")
methods.dkg_round2 = dkg_step("round2", "boxes")

function methods.dkg_cancel(node)
    if node.run then node.run:close() end
    node.run = nil
    return {}
end

--- What a held reply returns: nothing will follow.
server.HELD = {}

--- Answers one request of the socket.
--- @param node table {engine, keys, crypto, roster, member, version, log, hold_session, run_ids}
--- @param request table {id, method, params}
--- @param reply table {result, error, notice}
function server.handle(node, request, reply)
    local method = methods[request.method]
    local params = type(request.params) == "table" and request.params or {}
    if not method then
        return reply.error({ code = "unknown_method", message = "no such method: " .. name_of(request.method) })
    end
    local ok, result, problem = xpcall(method, debug.traceback, node, params, reply)
    if not ok then
        node.log("fault in " .. request.method .. ": " .. tostring(result))
        return reply.error({ code = "internal_error", message = "the node met a fault; see its log" })
    end
    if result == server.HELD then return end
    if result == nil then return reply.error(problem) end
    reply.result(result)
end

return server
