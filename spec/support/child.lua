--- Runs a piece of Lua in a process of its own against the build under test: for specs that change
--- limits, end in a crash, or look at standard error.
local child = {}

child.sanitized = (os.getenv("SIGNER_BUILD") or ""):find("san", 1, true) ~= nil

local function read_all(path)
    local file = assert(io.open(path, "rb"))
    local text = file:read("a")
    file:close()
    return text
end

local function write_all(path, text)
    local file = assert(io.open(path, "wb"))
    assert(file:write(text))
    assert(file:close())
end

child.read_all = read_all
child.write_all = write_all

--- A folder of its own; the caller removes it with child.remove.
--- @return string path
function child.folder()
    local pipe = assert(io.popen("mktemp -d"))
    local path = pipe:read("l")
    pipe:close()
    return assert(path)
end

function child.remove(path)
    assert(path:match("^/tmp/"), path)
    os.execute("rm -rf " .. path)
end

--- @param source string  Lua; `signer` is the module
--- @param options table|nil  before = words in front of the interpreter; redirect = shell redirections
--- @return table {status = exit status or nil, signal = number or nil, out = string, err = string}
function child.run(source, options)
    options = options or {}
    local folder = child.folder()
    write_all(folder .. "/main.lua", 'dofile "spec/helper.lua"\nlocal signer = require "tbtc_signer"\n' .. source)
    write_all(folder .. "/out", "")
    write_all(folder .. "/err", "")
    local _, how, number = os.execute(("exec %s /usr/bin/lua5.4 %s/main.lua %s"):format(options.before or "", folder,
        options.redirect or (">%s/out 2>%s/err"):format(folder, folder)))
    local result = { [how == "exit" and "status" or "signal"] = number, out = read_all(folder .. "/out"),
        err = read_all(folder .. "/err") }
    child.remove(folder)
    return result
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
