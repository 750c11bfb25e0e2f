--- Request and answer over a local socket (mode 0600). A server answers {id, ok, result | error};
--- before its answer it may send notices {id, notice}. A client call is a task (transport/tasks).
local uv = require("luv")
local frames = require("tbtc_signer.transport.frames")
local tasks = require("tbtc_signer.transport.tasks")

--- PATH_MAX: bytes of a socket's path; local sockets allow 107, less 7 to spare.
local socket = { PATH_MAX = 100 }

-- -- server ----------------------------------------------------------------------------------------

local function close(stream)
    if not stream:is_closing() then stream:close() end
end

--- Whoever asks and never reads is cut off: what waits for it would grow without end.
local function answer(stream, message)
    if stream:is_closing() then return end
    if stream:get_write_queue_size() > frames.BYTES_MAX then return close(stream) end
    stream:write(frames.pack(message))
end

local function serve_connection(stream, handle)
    local feed = frames.reader(function(request)
        if math.type(request.id) ~= "integer" then return close(stream) end
        local reply = {
            notice = function(notice) answer(stream, { id = request.id, notice = notice }) end,
            result = function(result) answer(stream, { id = request.id, ok = true, result = result }) end,
            error = function(problem) answer(stream, { id = request.id, ok = false, error = problem }) end,
        }
        handle(request, reply)
    end)
    stream:read_start(function(problem, bytes)
        if problem or not bytes then return close(stream) end
        -- An error that left a callback would end the process.
        local ran, whole = xpcall(feed, debug.traceback, bytes)
        if not ran then io.stderr:write("socket: ", whole, "\n") end
        if not ran or not whole then close(stream) end
    end)
end

--- Whether somebody serves a socket, also with more callers waiting than it takes (EAGAIN). Outside the event loop.
local function is_served(path)
    local probe, served = uv.new_pipe(false), nil
    probe:connect(path, function(problem) served = problem ~= "ECONNREFUSED" and problem ~= "ENOENT" end)
    while served == nil do uv.run("once") end
    probe:close()
    return served
end

--- Listens at `path`, which must not exist or be a socket that nobody serves.
--- @param path string at most 100 bytes (the limit of local sockets)
--- @param handle function(request, reply)
--- @return userdata|nil server, string|nil problem
function socket.listen(path, handle)
    if #path > socket.PATH_MAX then return nil, ("socket path longer than %d bytes: %s"):format(socket.PATH_MAX, path) end
    local old = uv.fs_lstat(path)
    if old and old.type ~= "socket" then return nil, path .. " exists and is no socket" end
    if old and is_served(path) then return nil, path .. " is served by another process" end
    if old then uv.fs_unlink(path) end
    local server = uv.new_pipe(false)
    local ok, problem = server:bind(path)
    if not ok then return nil, path .. ": " .. problem end
    uv.fs_chmod(path, 384) -- 0600
    ok, problem = server:listen(128, function(failed)
        if failed then return end
        local stream = uv.new_pipe(false)
        server:accept(stream)
        serve_connection(stream, handle)
    end)
    if not ok then return nil, problem end
    return server
end

-- -- client ----------------------------------------------------------------------------------------

local Client = {}
Client.__index = Client
Client.__name = "socket.client"

local function lost(client, problem)
    local waiting = client.waiting
    client.waiting = {}
    client.broken = problem
    if not client.stream:is_closing() then client.stream:close() end
    for _, call in pairs(waiting) do
        if call.timer then call.timer:close() end
        call.resume(nil, { code = "node_unreachable", message = problem })
    end
end

--- An error as it is raised further on, whatever the other side sent for one.
local function read_error(client, problem)
    if type(problem) == "table" and type(problem.code) == "string" and type(problem.message) == "string" then
        return problem
    end
    return { code = "node_unreachable", message = client.path .. ": an answer that is none" }
end

local function receive(client, message)
    local call = client.waiting[message.id]
    if not call then return end
    if message.notice then
        if call.on_notice and type(message.notice) == "table" then call.on_notice(message.notice) end
        return
    end
    client.waiting[message.id] = nil
    if call.timer then call.timer:close() end
    if message.ok and type(message.result) == "table" then
        call.resume(message.result)
    else
        call.resume(nil, read_error(client, message.error))
    end
end

--- Connects; inside a task.
--- @param path string
--- @return table|nil client, table|nil error {code, message}
function socket.connect(path)
    local stream = uv.new_pipe(false)
    local problem = tasks.await(function(resume) stream:connect(path, resume) end)
    if problem then
        stream:close()
        return nil, { code = "node_unreachable", message = path .. ": " .. problem }
    end
    local client = setmetatable({ stream = stream, waiting = {}, next_id = 1, path = path }, Client)
    local feed = frames.reader(function(message) receive(client, message) end)
    stream:read_start(function(failed, bytes)
        if failed or not bytes then return lost(client, path .. ": " .. (failed or "connection closed")) end
        local ok, why = feed(bytes)
        if not ok then lost(client, path .. ": " .. why) end
    end)
    return client
end

--- A server that stands still is lost for this call; what it answers later is dropped.
local function start_timer(client, id, timeout_ms)
    local timer = uv.new_timer()
    timer:start(timeout_ms, 0, function()
        local call = client.waiting[id]
        timer:close()
        client.waiting[id] = nil
        call.resume(nil, { code = "node_unreachable",
            message = ("%s: no answer within %g s"):format(client.path, timeout_ms / 1000) })
    end)
    return timer
end

--- Calls a method and waits for its answer.
--- @param method string
--- @param params table
--- @param on_notice function|nil
--- @param timeout_ms integer|nil how long to wait at most; nil: for ever
--- @return any|nil result, table|nil error {code, message, reason_code?}
function Client:call(method, params, on_notice, timeout_ms)
    if self.broken then return nil, { code = "node_unreachable", message = self.broken } end
    local id = self.next_id
    self.next_id = id + 1
    return tasks.await(function(resume)
        local timer = timeout_ms and start_timer(self, id, timeout_ms)
        self.waiting[id] = { resume = resume, on_notice = on_notice, timer = timer }
        self.stream:write(frames.pack({ id = id, method = method, params = params }))
    end)
end

function Client:close()
    if not self.stream:is_closing() then self.stream:close() end
    self.broken = self.broken or "closed"
end

return socket
