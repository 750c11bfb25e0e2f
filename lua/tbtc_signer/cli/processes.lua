--- Child processes of a command: started with an environment of their own, ended for certain, also on
--- Ctrl-C and when the command dies of a fault.
local uv = require("luv")

local processes = { running = {} }

--- @param options table {program, args, environment (list of "NAME=value"), log (path of stdout), errors (path of
---   stderr; absent: as log), tied (its standard input ends when this process ends, however it does), on_exit}
--- @return table|nil child {pid, kill}, string|nil problem
function processes.start(options)
    local log = assert(uv.fs_open(options.log, "a", 384))
    local errors = options.errors and assert(uv.fs_open(options.errors, "a", 384)) or log
    local child = { exited = false, tie = options.tied and uv.new_pipe(false) or nil }
    local handle, pid
    handle, pid = uv.spawn(options.program, {
        args = options.args,
        env = options.environment,
        stdio = { child.tie, log, errors },
    }, function(code, signal)
        child.exited = true
        if child.tie then child.tie:close() end
        processes.running[child] = nil
        handle:close()
        if options.on_exit then options.on_exit(code, signal) end
    end)
    uv.fs_close(log)
    if errors ~= log then uv.fs_close(errors) end
    if not handle then return nil, tostring(pid) end
    child.pid = pid
    child.kill = function(signal) if not child.exited then handle:kill(signal) end end
    processes.running[child] = true
    return child
end

--- Ends all children: politely, then for certain after a second; waits ten seconds for that.
function processes.stop_all()
    for child in pairs(processes.running) do child.kill("sigterm") end
    local deadline = uv.hrtime() + 1000000000
    while next(processes.running) and uv.hrtime() < deadline do
        uv.run("nowait")
        uv.sleep(5)
    end
    for child in pairs(processes.running) do child.kill("sigkill") end
    deadline = uv.hrtime() + 10000000000
    while next(processes.running) and uv.hrtime() < deadline do
        uv.run("nowait")
        uv.sleep(5)
    end
end

--- Whether a process runs no more; one that its parent has not asked for yet counts as ended. Needs /proc,
--- without it the answer is true.
local function has_ended(pid)
    local file = io.open(("/proc/%d/stat"):format(pid))
    local state = file and (file:read("a") or ""):match("%) (%a)")
    if file then file:close() end
    return state == nil or state == "Z" or state == "X"
end

--- Ends all children at once and waits for their end. Safe inside a callback of the event loop, where the
--- loop must not be run.
function processes.kill_all()
    for child in pairs(processes.running) do child.kill("sigkill") end
    local deadline = uv.hrtime() + 10000000000
    for child in pairs(processes.running) do
        while not has_ended(child.pid) and uv.hrtime() < deadline do uv.sleep(2) end
    end
end

--- Calls `clean_up` on SIGINT, SIGTERM and SIGHUP, then ends with 128 + the signal's number.
--- @param clean_up function
function processes.on_interrupt(clean_up)
    for name, number in pairs({ sigint = 2, sigterm = 15, sighup = 1 }) do
        local signal = uv.new_signal()
        signal:start(name, function()
            clean_up()
            os.exit(128 + number)
        end)
        signal:unref()
    end
end

local function remove_once(path)
    local scan = uv.fs_scandir(path)
    while scan do
        local name, kind = uv.fs_scandir_next(scan)
        if not name then break end
        local inner = path .. "/" .. name
        if kind == "directory" then remove_once(inner) else uv.fs_unlink(inner) end
    end
    uv.fs_rmdir(path)
end

--- Removes a folder and what is in it, again and again for ten seconds where a dying child still writes.
--- @param path string
function processes.remove_tree(path)
    for _ = 1, 500 do
        remove_once(path)
        if not uv.fs_stat(path) then return end
        uv.sleep(20)
    end
end

return processes
