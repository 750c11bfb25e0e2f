local frames = require("tbtc_signer.transport.frames")
local socket = require("tbtc_signer.transport.socket")
local tasks = require("tbtc_signer.transport.tasks")
local uv = require("luv")

local function path_of(name) return os.tmpname() .. "-" .. name end

describe("tasks", function()
    it("waits for functions that answer at once and later, in order", function()
        local ok, value = tasks.run(function()
            local results = tasks.all({
                function() tasks.sleep(10) return "late" end,
                function() return "early" end,
                function() error("broken", 0) end,
            })
            return { results[1].value, results[2].value, results[3].ok, results[3].value }
        end)
        assert.is_true(ok)
        assert.same({ "late", "early", false, "broken" }, value)
    end)

    it("hands an error of the outermost task to the caller", function()
        local ok, value = tasks.run(function() error({ code = "x" }, 0) end)
        assert.is_false(ok)
        assert.equal("x", value.code)
    end)
end)

describe("frames", function()
    it("survive any cut of the stream", function()
        local bytes = frames.pack({ a = 1 }) .. frames.pack({ b = ("x"):rep(5000) }) .. frames.pack({ c = true })
        for cut = 1, 40 do
            local seen = {}
            local feed = frames.reader(function(message) seen[#seen + 1] = next(message) end)
            for first = 1, #bytes, cut do assert.is_true(feed(bytes:sub(first, first + cut - 1))) end
            assert.same({ "a", "b", "c" }, seen)
        end
    end)

    it("refuse a length above 32 MiB and a body that is no JSON object", function()
        local feed = frames.reader(function() end)
        assert.is_false((feed("\255\255\255\255")))
        feed = frames.reader(function() end)
        assert.is_false((feed(string.pack(">s4", "nonsense"))))
    end)
end)

describe("the local socket", function()
    -- Handles that are still closing when the Lua state ends crash luv; let the loop see them off.
    after_each(function()
        uv.walk(function(handle) if not handle:is_closing() then handle:close() end end)
        uv.run()
    end)

    it("answers, sends notices first, and has mode 0600", function()
        local path = path_of("socket")
        local server = assert(socket.listen(path, function(request, reply)
            reply.notice({ event = "seen" })
            if request.method == "fail" then return reply.error({ code = "no", message = "no" }) end
            reply.result({ echo = request.params.text })
        end))
        assert.equal(384, uv.fs_stat(path).mode & 511)
        local ok, value = tasks.run(function()
            local client = assert(socket.connect(path))
            local notices = 0
            local result = client:call("echo", { text = "hello" }, function() notices = notices + 1 end)
            local none, problem = client:call("fail", {})
            client:close()
            return { result.echo, notices, none, problem.code }
        end)
        server:close()
        assert.is_true(ok)
        assert.same({ "hello", 1, nil, "no" }, value)
        assert.equal("no", value[4])
    end)

    it("tells a lost peer as node_unreachable, for calls in flight and later ones", function()
        local path = path_of("lost")
        local server = uv.new_pipe(false)
        assert(server:bind(path))
        server:listen(1, function()
            local stream = uv.new_pipe(false)
            server:accept(stream)
            stream:read_start(function() if not stream:is_closing() then stream:close() end end)
        end)
        local ok, value = tasks.run(function()
            local client = assert(socket.connect(path))
            local _, first = client:call("hold", {})
            local _, second = client:call("again", {})
            return { first.code, second.code }
        end)
        server:close()
        assert.is_true(ok)
        assert.same({ "node_unreachable", "node_unreachable" }, value)
    end)

    it("refuses a path that is too long or no socket", function()
        local ok, problem = socket.listen("/tmp/" .. ("x"):rep(120), function() end)
        assert.is_nil(ok)
        assert.matches("longer than 100 bytes", problem)
        local file = os.tmpname()
        ok, problem = socket.listen(file, function() end)
        assert.is_nil(ok)
        assert.matches("is no socket", problem)
        os.remove(file)
    end)
end)
