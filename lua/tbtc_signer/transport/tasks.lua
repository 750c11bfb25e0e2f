--- Coroutines over the event loop of libuv: a task calls, yields, and goes on when its answer is there.
local uv = require("luv")

local tasks = {}

--- Starts a function as a task. An error in it reaches `on_end`.
--- @param body function
--- @param on_end function|nil called with (ok, value)
function tasks.start(body, on_end)
    local thread = coroutine.create(body)
    local function step(...)
        local ok, value = coroutine.resume(thread, ...)
        if coroutine.status(thread) ~= "dead" then
            value(step) -- what was yielded: a function that takes the continuation
        elseif on_end then
            on_end(ok, value)
        elseif not ok then
            error(debug.traceback(thread, tostring(value)), 0)
        end
    end
    step()
end

--- Waits inside a task: `begin(resume)` starts something and calls `resume(...)` once, later.
--- @param begin function
--- @return ... what resume was called with
function tasks.await(begin)
    return coroutine.yield(function(step)
        local answered, early = false, nil
        local yielded = false
        begin(function(...)
            assert(not answered, "a task was resumed twice")
            answered = true
            if yielded then step(...) else early = table.pack(...) end
        end)
        yielded = true
        if early then step(table.unpack(early, 1, early.n)) end
    end)
end

--- Runs functions side by side and waits for all.
--- @param bodies table list of functions
--- @return table results, in order: {ok = boolean, value = any}
function tasks.all(bodies)
    local results, left = {}, #bodies
    if left == 0 then return results end
    return tasks.await(function(resume)
        for index, body in ipairs(bodies) do
            tasks.start(body, function(ok, value)
                results[index] = { ok = ok, value = value }
                left = left - 1
                if left == 0 then resume(results) end
            end)
        end
    end)
end

--- @param milliseconds integer
function tasks.sleep(milliseconds)
    tasks.await(function(resume)
        local timer = uv.new_timer()
        timer:start(milliseconds, 0, function()
            timer:close()
            resume()
        end)
    end)
end

--- Runs a task and the event loop until the task has ended.
--- @param body function
--- @return boolean ok, any value
function tasks.run(body)
    local done, ok, value = false, nil, nil
    tasks.start(body, function(...)
        done = true
        ok, value = ...
        uv.stop()
    end)
    while not done do uv.run("default") end
    return ok, value
end

return tasks
