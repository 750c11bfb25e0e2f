--- Directories, files and edits for the store's specs, and the shortest way to a store.
local lfs = require("lfs")
local files = require("spec.support.files")
local signer = require("tbtc_signer")

local disk = {}

disk.key = ("\x11"):rep(32)

disk.directory = files.folder
disk.remove = files.remove
disk.read = files.read
disk.names = files.names

function disk.shell(format, ...)
    return os.execute(format:format(...) .. " 2>/dev/null")
end

function disk.exists(path)
    return lfs.symlinkattributes(path) ~= nil
end

--- Writes a file with mode 0600.
function disk.write(path, bytes)
    files.write(path, bytes)
    disk.shell("chmod 600 '%s'", path)
end

--- Overwrites bytes in place.
function disk.patch(path, offset, bytes)
    local file = assert(io.open(path, "r+b"))
    file:seek("set", offset)
    file:write(bytes)
    file:close()
end

--- Flips bits of one byte.
function disk.flip(path, offset, mask)
    local byte = disk.read(path):byte(offset + 1)
    disk.patch(path, offset, string.char(byte ~ (mask or 1)))
end

--- All names and contents below a directory, for "nothing was changed".
function disk.picture(path)
    local lines = {}
    local list = "cd '%s' && find . -type d -printf '%%p %%m d\\n' -o -printf '%%p %%m %%y %%s\\n' | sort; "
        .. "find . -type f | sort | xargs -r sha256sum" -- the size of a folder is the file system's affair
    local pipe = assert(io.popen(list:format(path)))
    for line in pipe:lines() do
        if not line:find("state.lock", 1, true) then lines[#lines + 1] = line end
    end
    pipe:close()
    return table.concat(lines, "\n")
end

--- Copies a whole directory, keeping modes.
function disk.copy(from, to)
    assert(disk.shell("rm -rf '%s'; cp -a '%s' '%s'", to, from, to))
end

--- One op of a body.
function disk.op(code, payload)
    return string.pack(">Bs4", code, payload or "")
end

--- A body with one op 5 that carries a text.
function disk.body(text)
    return disk.op(5, text)
end

--- Opens the store of a directory; options as in test_store.open (key = false: the provider).
function disk.open(directory, options)
    local all = { path = directory .. "/state", key = disk.key }
    for name, value in pairs(options or {}) do all[name] = value or nil end
    return signer.test_store.open(all)
end

--- Opens and answers the reason code of the refusal (nil: it opened; the store comes second).
function disk.refusal(directory, options)
    local good, result = pcall(disk.open, directory, options)
    if good then return nil, result end
    if type(result) ~= "table" then error(result) end
    return result.reason_code or result.error, result
end

--- Appends as a call does: makes the log ready where needed. Answers ticket, seq, chain.
function disk.append(store, body, kind, reserved)
    for _ = 1, 8 do
        local result = table.pack(pcall(store.append, store, kind or "change", body, reserved))
        if result[1] then return table.unpack(result, 2, result.n) end
        if result[2].error ~= "AGAIN" then error(result[2], 0) end
        store:make_ready(reserved)
    end
    error("the log never became ready")
end

--- Appends and waits.
function disk.commit(store, body, kind, reserved)
    local ticket, seq, chain = disk.append(store, body, kind, reserved)
    store:wait(ticket)
    return ticket, seq, chain
end

--- The texts of all ops 5, in order.
function disk.texts(store)
    local texts = {}
    for _, op in ipairs(store:state().ops) do
        if op:byte() == 5 then texts[#texts + 1] = op:sub(2) end
    end
    return texts
end

function disk.log_name(number)
    return ("log-%016x"):format(number)
end

function disk.snapshot_name(number)
    return ("snapshot-%016x"):format(number)
end

return disk
