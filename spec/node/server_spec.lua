-- What a node answers on its socket: which calls pass, and messages of every wrong shape.
local server = require("tbtc_signer.node.server")

describe("a node's socket", function()
    local node, calls, said

    before_each(function()
        calls, said = {}, {}
        node = { member = 1, version = "0", run_ids = {}, log = function(text) said[#said + 1] = text end,
            engine = { call = function(_, name, request)
                calls[#calls + 1] = { name = name, request = request }
                return { ok = true }
            end } }
    end)

    local function ask(request)
        local got = {}
        server.handle(node, request, {
            result = function(result) got.result = result end,
            error = function(problem) got.problem = problem end,
            notice = function(notice) got.notice = notice end,
        })
        return got
    end

    it("passes what signing needs, and nothing that makes, stores or destroys a key", function()
        assert.same({ ok = true }, ask({ id = 1, method = "call", params = { endpoint = "version", request = {} } }).result)
        for _, name in ipairs({ "dkg_part1", "dkg_part2", "dkg_part3", "persist_distributed_dkg_key_package",
            "retire_distributed_dkg_key_packages", "init_signer_config", "", "__index", 5, {}, false }) do
            local answer = ask({ id = 1, method = "call", params = { endpoint = name, request = {} } })
            assert.equal("unknown_endpoint", answer.problem.code)
            assert.is_nil(answer.problem.message:find("0x", 1, true))
        end
        assert.equal(1, #calls)
    end)

    it("answers messages of a wrong shape, and repeats no more of them than a name", function()
        for _, method in ipairs({ "none", ("x"):rep(100000), {}, 5, true }) do
            local answer = ask({ id = 1, method = method })
            assert.equal("unknown_method", answer.problem.code)
            assert.is_true(#answer.problem.message < 200)
        end
        assert.equal("unknown_method", ask({}).problem.code)
        for _, params in ipairs({ {}, "text", 5, { request = {} }, { endpoint = "version" },
            { endpoint = "version", request = 5 } }) do
            assert.equal("unknown_endpoint", ask({ method = "call", params = params }).problem.code)
        end
        for _, step in ipairs({ "dkg_round1", "dkg_views", "dkg_entries", "dkg_blame", "dkg_round2" }) do
            assert.equal("dkg_refused", ask({ method = step, params = { run_id = {} } }).problem.code)
        end
        assert.same({}, calls)
        assert.same({}, said)
    end)

    it("answers an error of its own code without its text", function()
        node.engine.call = function() error("inside") end
        local answer = ask({ id = 1, method = "call", params = { endpoint = "version", request = {} } })
        assert.equal("internal_error", answer.problem.code)
        assert.is_nil(answer.problem.message:find("inside", 1, true))
        assert.truthy(said[1]:find("inside", 1, true))
    end)

    it("withholds the share of the session that it was told, once, and no other", function()
        local call = { id = 1, method = "call", params = { endpoint = "interactive_round2", request = { session_id = "a" } } }
        assert.same({ ok = true }, ask(call).result)
        node.hold_session = "a"
        call.params.request.session_id = "b"
        assert.same({ ok = true }, ask(call).result)
        call.params.request.session_id = nil
        assert.same({ ok = true }, ask(call).result)
        call.params.request.session_id = "a"
        assert.same({ notice = { event = "share_withheld" } }, ask(call))
        assert.same({ ok = true }, ask(call).result)
    end)

    it("logs the threshold of a key generation, on one line whatever its names hold", function()
        node.roster = { size = function() return 3 end }
        node.engine.call = function() return nil, { code = "internal_error", message = "spec" } end
        ask({ id = 1, method = "dkg_begin", params = { run_id = "run\n1\27[2J", threshold = 2, session_id = "w 1" } })
        assert.equal("key generation run_1__2J: threshold 2 of 3, session w_1", said[1])
    end)
end)
