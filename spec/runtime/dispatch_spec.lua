-- luacheck: no max line length
-- One request through one endpoint file: order of the stages, containment of every fault, envelopes
-- (design 4; D-004, D-006, D-120, D-129, D-135).
local cjson = require("cjson")
local signer = require("tbtc_signer")
local engines = require("spec.support.fake_endpoints")

local HEAD = [[
    local s = require("tbtc_signer.schema.types")
    local errors = require("tbtc_signer.errors")
    local Request = s.object("Request", { { "session_id", s.text(128), optional = true }, { "what", s.text(5000), optional = true },
        { "name", s.text(64), optional = true } })
    local Reply = s.object("Reply", { { "text", s.text(4096) } })
    local endpoint = { request = Request, response = Reply }
    local function locked(call)
        local ok, problem = pcall(call.enter, call)
        if ok then call:leave() end
        return not ok and tostring(problem):find("holds the engine", 1, true) ~= nil
    end
]]

local FAILURES = [[
    local function fail(what)
        if what == "text" then error("secret words") end
        if what == "table" then error({ detail = "no error object" }) end
        if what == "nil" then error(nil) end
        if what == "boolean" then error(true) end
        if what == "function" then error(print) end
        if what == "index" then local nothing = nil; return nothing.x end
        if what == "call" then local nothing = 5; return nothing() end
        if what == "overflow" then local function deeper() return 1 + deeper() end; return deeper() end
        if what == "strange" then error(setmetatable({}, { __index = function() error("again") end, __tostring = error })) end
        if what == "memory" then local list = {}; for i = 1, 64 do list[i] = ("x"):rep(1 << 36) .. i end end
    end
]]

describe("dispatcher", function()
    local directory, engine

    setup(function()
        directory = engines.directory()
        engine = engines.new({ directory = directory, endpoints = {
            stages = HEAD .. [[
                function endpoint.gates(call, request) request.trace = "gates:" .. tostring(locked(call)); return "unused" end
                function endpoint.state(call, request) return request.trace .. " state:" .. tostring(locked(call)) end
                function endpoint.finish(call, outcome, request)
                    return { text = outcome .. " finish:" .. tostring(locked(call)) .. " " .. tostring(request.what) }
                end
                return endpoint
            ]],
            middle = HEAD .. [[
                function endpoint.state(call)
                    local trace = { locked(call) }
                    call:leave(); trace[2] = locked(call)
                    call:enter(); trace[3] = locked(call)
                    if trace[1] and not trace[2] and trace[3] then return { text = "in, out, in" } end
                    error("wrong")
                end
                return endpoint
            ]],
            left = HEAD .. [[function endpoint.state(call) call:leave(); return { text = "left" } end return endpoint]],
            kept_in_gates = HEAD .. [[
                function endpoint.gates(call) call:enter() end
                function endpoint.state() return { text = "state" } end
                return endpoint
            ]],
            kept_in_finish = HEAD .. [[
                function endpoint.finish(call) call:enter(); return { text = "finish" } end
                return endpoint
            ]],
            left_error = HEAD .. [[function endpoint.state(call) call:leave(); error("while outside") end return endpoint]],
            gates_only = HEAD .. [[function endpoint.gates() return { text = "from gates" } end return endpoint]],
            finish_only = HEAD .. [[function endpoint.finish(_, outcome) return { text = tostring(outcome) } end return endpoint]],
            in_gates = HEAD .. FAILURES .. [[function endpoint.gates(_, request) fail(request.what) end return endpoint]],
            in_state = HEAD .. FAILURES .. [[function endpoint.state(_, request) fail(request.what) end return endpoint]],
            in_finish = HEAD .. FAILURES .. [[function endpoint.finish(_, _, request) fail(request.what) end return endpoint]],
            typed = HEAD .. [[function endpoint.gates(_, request) errors.raise(request.name, request.what) end return endpoint]],
            typed_state = HEAD .. [[function endpoint.state(_, request) errors.raise(request.name, request.what) end return endpoint]],
            with_members = HEAD .. [[
                function endpoint.gates()
                    errors.raise_with("SHARE_VERIFICATION", { candidate_culprits = { 2, 65535 }, culprits = { '"01"' },
                        requested_generation = 5, witness_base_generation = 7 }, "%d shares", 2)
                end
                return endpoint
            ]],
            own_session = HEAD .. [[
                function endpoint.gates() errors.raise_with("KEY_GROUP_IN_USE", { session_id = "wallet" }, "used") end
                return endpoint
            ]],
            again = HEAD .. [[
                local runs = 0
                function endpoint.state(_, request)
                    runs = runs + 1
                    if request.what == "always" or runs < 4 then errors.raise("AGAIN") end
                    return { text = tostring(runs) }
                end
                return endpoint
            ]],
            ask = HEAD .. [[
                function endpoint.gates(_, request) request.asked = (request.asked or 0) + 1 end
                function endpoint.state(_, request)
                    if request.asked < tonumber(request.what) then errors.raise("ASK_POLICY") end
                    return { text = tostring(request.asked) }
                end
                return endpoint
            ]],
            ask_admission = HEAD .. [[
                endpoint.policy_failed = "ADMISSION_OPERATOR_FAILED"
                function endpoint.state() errors.raise("ASK_POLICY") end
                return endpoint
            ]],
            collector = HEAD .. [[
                local finalized, before = 0, 0
                function endpoint.gates() finalized, before = 0, finalized end
                function endpoint.state()
                    for _ = 1, 20000 do setmetatable({}, { __gc = function() finalized = finalized + 1 end }) end
                    return finalized
                end
                function endpoint.finish(_, inside)
                    for _ = 1, 20000 do local _ = {} end
                    return { text = ("before %d, inside %d, outside %d"):format(before, inside, finalized) }
                end
                return endpoint
            ]],
            world = HEAD .. [[
                function endpoint.gates()
                    local found = {}
                    for _, name in ipairs({ "io", "os", "debug", "load", "loadfile", "dofile", "print", "collectgarbage", "coroutine", "warn" }) do
                        if _G[name] ~= nil then found[#found + 1] = name end
                    end
                    for _, name in ipairs({ "io", "os", "debug", "coroutine" }) do
                        if pcall(require, name) then found[#found + 1] = "require " .. name end
                    end
                    for _, name in ipairs({ "loadlib", "path", "cpath", "searchpath" }) do
                        if package[name] ~= nil then found[#found + 1] = "package." .. name end
                    end
                    return { text = table.concat(found, " ") }
                end
                return endpoint
            ]],
            global = HEAD .. [[function endpoint.gates() leaked = 1; return { text = "x" } end return endpoint]],
            broken = "this is no Lua",
            no_table = "return 5",
            no_functions = HEAD .. "endpoint.state = 5 return endpoint",
            raises = "error('while loading')",
        } })
    end)

    teardown(function()
        engine:close()
        engines.remove(directory)
    end)

    local function succeeds(name, request)
        local reply, problem = engine:call(name, request or {})
        assert.is_truthy(reply, problem and problem.message)
        return reply.text
    end

    local function fails(name, request)
        local reply, problem = engine:call(name, request or {})
        assert.is_nil(reply)
        return problem
    end

    it("runs gates, state under the mutex, and finish, in this order", function()
        assert.are.equal("gates:false state:true finish:false hello", succeeds("stages", { what = "hello" }))
    end)

    it("lets the state stage leave and enter in the middle", function()
        assert.are.equal("in, out, in", succeeds("middle"))
        assert.are.equal("left", succeeds("left"))
    end)

    it("takes the engine back from a stage that must not keep it, and answers internal_error", function()
        for _, name in ipairs({ "kept_in_gates", "kept_in_finish", "kept_in_gates" }) do
            local ok, text = engine:request(name, "{}")
            assert.is_false(ok)
            assert.are.equal("internal_error", cjson.decode(text).code)
            assert.are.equal("left", succeeds("left"))
        end
        assert.are.equal("panic crossed FFI boundary", fails("left_error").message:sub(1, 26))
        assert.are.equal("in, out, in", succeeds("middle"))
    end)

    it("skips stages that are missing; the last outcome is the reply", function()
        assert.are.equal("from gates", succeeds("gates_only"))
        assert.are.equal("nil", succeeds("finish_only"))
    end)

    describe("contains every fault", function()
        for _, stage in ipairs({ "in_gates", "in_state", "in_finish" }) do
            for _, what in ipairs({ "text", "table", "nil", "boolean", "function", "index", "call", "overflow", "strange", "memory" }) do
                it(("%s: %s"):format(stage, what), function()
                    local problem = fails(stage, { what = what })
                    assert.are.equal("internal_error", problem.code)
                    assert.are.equal("terminal", problem.recovery_class)
                    assert.are.equal("panic crossed FFI boundary: ", problem.message:sub(1, 28))
                    assert.are.equal("gates:false state:true finish:false nil", succeeds("stages"))
                end)
            end
        end

        it("in the endpoint file itself", function()
            for _, name in ipairs({ "broken", "no_table", "no_functions", "raises", "does_not_exist" }) do
                assert.are.equal("internal_error", fails(name).code, name)
            end
        end)

        it("answers an error that is no text by a fixed placeholder", function()
            assert.are.equal("panic crossed FFI boundary: payload is no text", fails("in_gates", { what = "table" }).message)
        end)

        it("and every allocation that fails, one after another", function()
            local fault = signer.test_fault
            local failures = 0
            for nth = 1, 400 do
                fault.arm("allocation", "error", nth)
                local ok, reply = engine:request("stages", '{"what":"x"}')
                local struck = fault.hits("allocation") >= nth
                fault.clear()
                local answer = cjson.decode(reply)
                if not ok then
                    failures = failures + 1
                    assert.are.equal("internal_error", answer.code)
                end
                if not struck then break end
            end
            assert.is_true(failures > 20)
            assert.are.equal("gates:false state:true finish:false nil", succeeds("stages"))
        end)
    end)

    describe("D-006 outside development", function()
        local production

        setup(function()
            production = engines.new({ environment = { TBTC_SIGNER_PROFILE = false }, endpoints = {
                in_gates = HEAD .. FAILURES .. [[function endpoint.gates(_, request) fail(request.what) end return endpoint]],
                typed = HEAD .. [[function endpoint.gates(_, request) errors.raise(request.name, request.what) end return endpoint]],
            } })
        end)
        teardown(function() production:close() end)

        it("a contained fault is the fixed text and nothing else", function()
            for _, what in ipairs({ "text", "table", "overflow", "memory" }) do
                local _, reply = production:request("in_gates", ('{"what":"%s"}'):format(what))
                assert.are.equal('{"code":"internal_error","message":"panic crossed FFI boundary","recovery_class":"terminal"}', reply)
            end
        end)

        it("an internal error is redacted and keeps its reason code", function()
            local _, reply = production:request("typed", '{"name":"STATE_IO","what":"/secret/path"}')
            assert.are.equal('{"code":"internal_error","message":"signer error detail redacted (see server log)",' ..
                '"recovery_class":"terminal","reason_code":"state_io"}', reply)
        end)

        it("every other code keeps its text", function()
            local _, reply = production:request("typed", '{"name":"SESSION_CONFLICT","what":"full text"}')
            assert.are.equal('{"code":"session_conflict","message":"full text","recovery_class":"recoverable"}', reply)
        end)
    end)

    describe("abi 4.4 message forms", function()
        local forms = {
            { "VALIDATION", "validation_error", "validation failed: D" },
            { "STATE_IO", "internal_error", "internal error: D", "state_io" },
            { "ATTESTATION_EXPIRED", "provenance_gate_rejected", "provenance gate rejected: attestation_expired: D", "attestation_expired" },
            { "THRESHOLD_BELOW_MINIMUM", "admission_policy_rejected",
                "admission policy rejected for session S: threshold_below_policy_minimum: D", "threshold_below_policy_minimum" },
            { "OPERATOR_REFUSED", "signing_policy_rejected", "signing policy rejected for session S: operator_policy_refused: D",
                "operator_policy_refused" },
            { "QUARANTINED", "quarantine_policy_rejected", "quarantine policy rejected for session S: operator_auto_quarantined: D",
                "operator_auto_quarantined" },
            { "EMERGENCY_REKEY", "lifecycle_policy_rejected", "lifecycle policy rejected for session S: emergency_rekey_required: D",
                "emergency_rekey_required" },
            { "CONSUMED_NONCE", "consumed_nonce_replay", "D" },
            { "NO_LIVE_ATTEMPT", "session_not_found", "D", "no_live_attempt" },
        }
        for _, form in ipairs(forms) do
            it(form[2], function()
                for _, endpoint in ipairs({ "typed", "typed_state" }) do
                    local problem = fails(endpoint, { session_id = "S", name = form[1], what = "D" })
                    assert.are.equal(form[2], problem.code)
                    assert.are.equal(form[3], problem.message)
                    assert.are.equal(form[4], problem.reason_code)
                    assert.are.equal(signer.errors.info(form[1]).recovery_class, problem.recovery_class)
                end
            end)
        end

        it("name the session of the error object before that of the request", function()
            assert.are.equal("lifecycle policy rejected for session wallet: key_group_in_use: used",
                fails("own_session", { session_id = "S" }).message)
        end)

        it("are printable ASCII of at most 4096 bytes", function()
            local long = fails("typed", { session_id = "S", name = "VALIDATION", what = "a\nb\u{e9}\u{1f600}\127c" })
            assert.are.equal("validation failed: a?b???c", long.message)
        assert.are.equal(4096, #fails("typed", { name = "VALIDATION", what = ("x"):rep(5000) }).message)
        end)

        it("D-129 stand in one order of members", function()
            local _, reply = engine:request("with_members", "{}")
            assert.are.equal('{"code":"aggregate_share_verification_failed","message":"2 shares","recovery_class":"recoverable",' ..
                '"candidate_culprits":[2,65535],"culprits":["\\"01\\""],"requested_generation":5,"witness_base_generation":7}', reply)
        end)
    end)

    it("runs the state stage again after AGAIN, and gives up in the end", function()
        assert.are.equal("4", succeeds("again"))
        local problem = fails("again", { what = "always" })
        assert.are.equal("internal_error", problem.code)
        assert.are.equal("state_io", problem.reason_code)
    end)

    it("D-135 asks the policy again at most three times, then it counts as failed", function()
        assert.are.equal("1", succeeds("ask", { what = "1" }))
        assert.are.equal("4", succeeds("ask", { what = "4" }))
        local problem = fails("ask", { what = "5", session_id = "S" })
        assert.are.equal("signing_policy_rejected", problem.code)
        assert.are.equal("operator_policy_failed", problem.reason_code)
        assert.are.equal("admission_policy_rejected", fails("ask_admission").code)
        assert.are.equal("operator_policy_failed", fails("ask_admission").reason_code)
    end)

    it("keeps the collector still in a call, and collects behind it", function()
        assert.are.equal("before 0, inside 0, outside 0", succeeds("collector"))
        assert.are.equal("before 20000, inside 0, outside 0", succeeds("collector"))
    end)

    -- Blocks of different sizes never become one another: kept, such a state would grow to half a gigabyte.
    it("a state stays with at most 8 MiB of small blocks, whatever lengths requests had one after another", function()
        local whole = signer.engine({ environment = { TBTC_SIGNER_PROFILE = "development" } })
        local most = 0
        for length = 500, 2000, 250 do
            local classes = {}
            for i = 1, 4096 do classes[i] = ("%06d"):format(i) .. ("x"):rep(length) end -- D-149
            local ok, text = whole:request("init_signer_config", cjson.encode({ policy_allowed_script_classes = classes }))
            assert.is_false(ok)
            assert.truthy(text:find("unknown script class", 1, true))
            most = math.max(most, whole:idle_bytes())
        end
        assert.is_true(most <= 8 << 20, most)
        assert.is_false((whole:request("init_signer_config", "{}")))
        whole:close()
    end)

    it("gives endpoint files no file, process, debug or loader, and no new globals", function()
        assert.are.equal("", succeeds("world"))
        assert.truthy(fails("global").message:find("assignment to the global 'leaked'", 1, true))
    end)

    it("refuses a body where a call takes none, and wants one where it takes one", function()
        local bare = engines.new({ endpoints = { bare = [[
            local s = require("tbtc_signer.schema.types")
            return { response = s.object("R", { { "x", s.u8 } }), gates = function() return { x = 1 } end }
        ]] } })
        assert.is_true((bare:request("bare")))
        assert.are.equal("validation_error", cjson.decode((select(2, bare:request("bare", "{}")))).code)
        bare:close()
        assert.are.equal("validation_error", cjson.decode((select(2, engine:request("stages")))).code)
    end)

    it("keeps an engine's environment, state and sources to itself (D-173)", function()
        local elsewhere = engines.directory()
        local other = engines.new({ directory = elsewhere, endpoints = {
            stages = HEAD .. [[function endpoint.state() return { text = "the other" } end return endpoint]],
        } })
        assert.are.equal("the other", other:call("stages", {}).text)
        assert.are.equal("gates:false state:true finish:false nil", succeeds("stages"))
        other:close()
        engines.remove(elsewhere)
        assert.has_error(function() other:call("stages", {}) end)
    end)
end)
