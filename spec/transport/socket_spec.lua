-- Requests over a local socket: answers, a server that stands still, one that goes away.
local uv = require("luv")
local socket = require("tbtc_signer.transport.socket")
local tasks = require("tbtc_signer.transport.tasks")

describe("a call over a socket", function()
    local path, server, held
    local pipe = uv.new_signal()

    setup(function() pipe:start("sigpipe", function() end) end) -- as the command does
    teardown(function() pipe:close() end)

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

    it("is not taken from whoever serves it; what a dead one left is", function()
        local listening, problem = socket.listen(path, function() end)
        assert.is_nil(listening)
        assert.matches("served by another process", problem)
        run(function()
            local client = assert(socket.connect(path))
            assert.same({ a = 1 }, client:call("echo", { a = 1 }, nil, 1000))
            client:close()
        end)
        local kept = path .. ".kept"
        assert(os.rename(path, kept))
        server:close()
        uv.run("nowait")
        assert(os.rename(kept, path)) -- nobody serves it now
        server = assert(socket.listen(path, function() end))
    end)

    it("is not taken from whoever serves it with a full queue of callers", function()
        local busy, callers = uv.new_pipe(false), {}
        local full = path .. ".full"
        assert(busy:bind(full))
        assert(busy:listen(1, function() end)) -- accepts none
        repeat
            local caller, answer = uv.new_pipe(false), nil
            callers[#callers + 1] = caller
            caller:connect(full, function(problem) answer = problem or "connected" end)
            while not answer do uv.run("once") end
        until answer ~= "connected" or #callers == 20
        local listening, problem = socket.listen(full, function() end)
        for _, caller in ipairs(callers) do caller:close() end
        busy:close()
        uv.run("nowait")
        assert.is_nil(listening)
        assert.matches("served by another process", problem)
    end)

    it("needs a path that fits", function()
        local listening, problem = socket.listen("/tmp/" .. ("x"):rep(120), function() end)
        assert.is_nil(listening)
        assert.matches("longer than 100 bytes", problem)
    end)

    -- -- hostile sides ----------------------------------------------------------------------------

    --- A connection that sends raw bytes. @return table stream, text, closed
    local function raw(bytes)
        local one = { stream = uv.new_pipe(false), text = "" }
        local problem = tasks.await(function(resume) one.stream:connect(path, resume) end)
        assert(not problem, problem)
        one.stream:read_start(function(failed, got)
            one.closed = one.closed or failed ~= nil or not got
            one.text = one.text .. (got or "")
        end)
        if bytes then one.stream:write(bytes) end
        return one
    end

    local function wait_for(condition)
        for _ = 1, 500 do
            if condition() then return end
            tasks.sleep(10)
        end
        error("it did not come", 2)
    end

    local function assert_serves()
        local client = assert(socket.connect(path))
        assert.same({ a = 1 }, client:call("echo", { a = 1 }, nil, 5000))
        client:close()
    end

    it("closes a connection whose message is none, and serves the others", function()
        run(function()
            for _, text in ipairs({ "", "5", "[]", "{", ("["):rep(200), '{"method":"echo"}', '{"id":"1","method":"echo"}',
                '{"id":1.5}', '{"id":nan}', '{"id":[null,null,5,null,null,null,null,null]}', '{"id":{"a":1}}', "\0" }) do
                local one = raw(string.pack(">s4", text))
                wait_for(function() return one.closed end)
                assert.equal("", one.text)
                one.stream:close()
            end
            local long = raw(string.pack(">I4", 32 * 1024 * 1024 + 1))
            wait_for(function() return long.closed end)
            long.stream:close()
            assert_serves()
        end)
    end)

    it("outlives an error of its own code: that connection is closed", function()
        server:close()
        server = assert(socket.listen(path, function(request, reply)
            if request.method == "fault" then error("broken") end
            reply.result(request.method == "odd" and { [3] = print } or request.params)
        end))
        local stderr = io.stderr
        local said = {}
        io.stderr = { write = function(_, ...) said[#said + 1] = table.concat({ ... }) end } -- luacheck: ignore
        local ok, problem = tasks.run(function()
            for _, method in ipairs({ "fault", "odd" }) do
                local client = assert(socket.connect(path))
                local _, refused = client:call(method, {}, nil, 5000)
                assert.equal("node_unreachable", refused.code)
            end
            assert_serves()
        end)
        io.stderr = stderr -- luacheck: ignore
        assert(ok, problem)
        assert.equal(2, #said)
    end)

    it("is not held up by half a frame, by one that trickles, or by one that says nothing", function()
        run(function()
            local slow = raw(string.pack(">I4", 1000) .. '{"id":1,')
            local silent = raw()
            local bytes = string.pack(">s4", '{"id":7,"method":"echo","params":{"b":2}}')
            local trickle = raw()
            for i = 1, #bytes do
                trickle.stream:write(bytes:sub(i, i))
                if i % 10 == 0 then assert_serves() end
            end
            wait_for(function() return trickle.text:find('"b":2', 1, true) end)
            for _, one in ipairs({ slow, silent, trickle }) do
                assert.falsy(one.closed)
                one.stream:close()
            end
        end)
    end)

    it("cuts off who asks and never reads", function()
        run(function()
            local one = raw()
            one.stream:read_stop()
            local request = string.pack(">s4", '{"id":1,"method":"echo","params":{"x":"' .. ("x"):rep(4000000) .. '"}}')
            wait_for(function() -- until a request meets a closed connection
                if one.stream:get_write_queue_size() < 8000000 then
                    one.stream:write(request, function(failed) one.closed = one.closed or failed end)
                end
                return one.closed
            end)
            one.stream:close()
            assert_serves()
        end)
    end)

    it("a client takes an answer that is none for a lost node", function()
        server:close()
        local text
        server = uv.new_pipe(false)
        assert(server:bind(path))
        server:listen(8, function()
            local stream = uv.new_pipe(false)
            server:accept(stream)
            stream:read_start(function(_, bytes)
                if bytes then stream:write(string.pack(">s4", text)) else stream:close() end
            end)
        end)
        run(function()
            for _, answer in ipairs({ '{"id":1}', '{"id":1,"ok":true}', '{"id":1,"ok":true,"result":5}',
                '{"id":1,"ok":false,"error":"x"}', '{"id":1,"error":{"code":5}}', "5", '{"id":1,"notice":5}' }) do
                text = answer
                local client = assert(socket.connect(path))
                local result, problem = client:call("echo", {}, function() error("no notice") end, 300)
                assert.is_nil(result)
                assert.equal("node_unreachable", problem.code)
                client:close()
            end
        end)
    end)
end)
