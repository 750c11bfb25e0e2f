--- The nodes of a roster as seen by a command: connections to their sockets.
local socket = require("tbtc_signer.transport.socket")
local tasks = require("tbtc_signer.transport.tasks")

local nodes = {}

local Nodes = {}
Nodes.__index = Nodes
Nodes.__name = "nodes"

--- @param roster table
--- @param is_gone function|nil (member) -> boolean: its process has ended, so there is nothing to wait for
--- @return table nodes, not connected yet
function nodes.new(roster, is_gone)
    return setmetatable({ roster = roster, clients = {}, is_gone = is_gone or function() return false end }, Nodes)
end

--- Connects one member, waiting up to `timeout_ms` for its socket to appear. Inside a task.
--- @return boolean ok, table|nil problem
function Nodes:connect(member, timeout_ms)
    local path = self.roster:find(member).socket
    if not path then
        return false, { code = "node_unreachable", message = ("the roster has no socket for member %d"):format(member) }
    end
    local waited = 0
    local last
    repeat
        local client, problem = socket.connect(path)
        if client then
            self.clients[member] = client
            return true
        end
        last = problem
        tasks.sleep(25)
        waited = waited + 25
    until waited >= (timeout_ms or 0) or self.is_gone(member)
    return false, last
end

--- Connects all members side by side.
--- @return integer[] connected, table failed {{member, problem}}
function Nodes:connect_all(timeout_ms)
    local numbers, bodies = self.roster:numbers(), {}
    for index, member in ipairs(numbers) do
        bodies[index] = function()
            local ok, problem = self:connect(member, timeout_ms)
            return { ok = ok, problem = problem }
        end
    end
    local connected, failed = {}, {}
    for index, outcome in ipairs(tasks.all(bodies)) do
        if not outcome.ok then error(outcome.value, 0) end
        if outcome.value.ok then
            connected[#connected + 1] = numbers[index]
        else
            failed[#failed + 1] = { member = numbers[index], problem = outcome.value.problem }
        end
    end
    return connected, failed
end

--- Calls a method of one member's node; waits `timeout_ms` of this object at most, if it is set.
--- @return any|nil result, table|nil problem
function Nodes:call(member, method, params, on_notice)
    local client = self.clients[member]
    if not client then return nil, { code = "node_unreachable", message = ("member %d is not connected"):format(member) } end
    return client:call(method, params, on_notice, self.timeout_ms)
end

function Nodes:close()
    for _, client in pairs(self.clients) do client:close() end
    self.clients = {}
end

return nodes
