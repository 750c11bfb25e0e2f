--- Runs a piece of Lua in a process of its own against the build under test: for specs that change
--- limits, end in a crash, or look at standard error.
local files = require("spec.support.files")

local child = {}

child.sanitized = (os.getenv("SIGNER_BUILD") or ""):find("san", 1, true) ~= nil

child.folder = files.folder
child.remove = files.remove
child.read_all = files.read
child.write_all = files.write

--- @param source string  Lua; `signer` is the module
--- @param options table|nil  before = words in front of the interpreter; redirect = shell redirections
--- @return table {status = exit status or nil, signal = number or nil, out = string, err = string}
function child.run(source, options)
    options = options or {}
    local folder = child.folder()
    files.write(folder .. "/main.lua", 'dofile "spec/helper.lua"\nlocal signer = require "tbtc_signer"\n' .. source)
    files.write(folder .. "/out", "")
    files.write(folder .. "/err", "")
    local _, how, number = os.execute(("exec %s /usr/bin/lua5.4 %s/main.lua %s"):format(options.before or "", folder,
        options.redirect or (">%s/out 2>%s/err"):format(folder, folder)))
    local result = { [how == "exit" and "status" or "signal"] = number, out = files.read(folder .. "/out"),
        err = files.read(folder .. "/err") }
    child.remove(folder)
    return result
end

--- An environment for a program of its own: what finds programs and libraries in this one, and `more`.
--- @param more table  of "NAME=value"
--- @return table
function child.environment(more)
    local list = {}
    for _, name in ipairs({ "PATH", "LD_LIBRARY_PATH" }) do
        if os.getenv(name) then list[#list + 1] = name .. "=" .. os.getenv(name) end
    end
    return table.move(more, 1, #more, #list + 1, list)
end

--- Words that lower the limit on locked memory and take away root's exemption.
--- @param bytes integer
function child.with_lock_limit(bytes)
    local pipe = assert(io.popen("id -u"))
    local root = pipe:read("l") == "0"
    pipe:close()
    return ("prlimit --memlock=%d:%d%s"):format(bytes, bytes,
        root and " setpriv --bounding-set -ipc_lock --inh-caps -ipc_lock" or "")
end

return child
