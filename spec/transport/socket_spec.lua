-- Requests over a local socket: answers, a server that stands still, one that goes away.
local uv = require("luv")
local socket = require("tbtc_signer.transport.socket")
local tasks = require("tbtc_signer.transport.tasks")

describe("a call over a socket", function()
    local path, server, held

    before_each(function()
        path = os.tmpname()
        os.remove(path)
        held = {}
        server = assert(socket.listen(path, function(request, reply)
            if request.method == "echo" then return reply.result(request.params) end
            held[#held + 1] = reply
        end))
    end)

    after_each(function()
        server:close()
        os.remove(path)
    end)

    local function run(body)
        local ok, value = tasks.run(body)
        assert(ok, value)
        return value
    end

    it("is answered within its time, and the timer goes away", function()
        run(function()
            local client = assert(socket.connect(path))
            assert.same({ a = 1 }, client:call("echo", { a = 1 }, nil, 1000))
            client:close()
        end)
    end)

    it("is given up after its time; a late answer is dropped and the next call works", function()
        run(function()
            local client = assert(socket.connect(path))
            local started = uv.hrtime()
            local result, problem = client:call("hold", {}, nil, 50)
            assert.is_nil(result)
            assert.equal("node_unreachable", problem.code)
            assert.matches("no answer within 0.05 s", problem.message, 1, true)
            assert.is_true(uv.hrtime() - started < 5e9)
            held[1].result({ late = true })
            assert.same({ b = 2 }, client:call("echo", { b = 2 }, nil, 1000))
            client:close()
        end)
    end)

    it("fails at once when the other side closes", function()
        run(function()
            local client = assert(socket.connect(path))
            tasks.start(function()
                tasks.sleep(20)
                client.stream:shutdown()
                client.stream:close()
            end)
            assert.is_nil((client:call("hold", {}, nil, 300)))
        end)
    end)

    it("needs a path that fits", function()
        local listening, problem = socket.listen("/tmp/" .. ("x"):rep(120), function() end)
        assert.is_nil(listening)
        assert.matches("longer than 100 bytes", problem)
    end)
end)
