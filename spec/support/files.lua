--- Folders and files of specs.
local files = {}

-- Loaded at the first use: it ends a process that has no standard descriptors.
local luv = setmetatable({}, { __index = function(_, name) return require("luv")[name] end })

--- A fresh folder below /tmp, mode 0700; whoever asked removes it.
--- @return string path
function files.folder()
    return assert(luv.fs_mkdtemp("/tmp/signer_spec_XXXXXX"))
end

--- @return table  the names in a folder, sorted
function files.names(path)
    local names, scan = {}, assert(luv.fs_scandir(path))
    for name in function() return (luv.fs_scandir_next(scan)) end do names[#names + 1] = name end
    table.sort(names)
    return names
end

--- Removes a folder with all that is in it, whatever its modes are; starts no process.
function files.remove(path)
    assert(path:match("^/tmp/"), path)
    local stat = luv.fs_lstat(path)
    if not stat then return end
    if stat.type ~= "directory" then return luv.fs_unlink(path) end
    luv.fs_chmod(path, 448) -- 0700
    for _, name in ipairs(files.names(path)) do files.remove(path .. "/" .. name) end
    luv.fs_rmdir(path)
end

--- Copies a folder of plain files and folders.
function files.copy(from, to)
    for _, name in ipairs(files.names(from)) do
        local source, target = from .. "/" .. name, to .. "/" .. name
        local stat = luv.fs_lstat(source)
        if stat.type == "directory" then
            assert(luv.fs_mkdir(target, stat.mode & 511))
            files.copy(source, target)
        else
            assert(luv.fs_copyfile(source, target))
        end
    end
end

function files.read(path)
    local file = assert(io.open(path, "rb"))
    local bytes = file:read("a")
    file:close()
    return bytes
end

function files.write(path, bytes)
    local file = assert(io.open(path, "wb"))
    assert(file:write(bytes))
    assert(file:close())
end

--- Runs a command line of the shell.
--- @return integer exit status, string standard output, string standard error
function files.run(command)
    local folder = files.folder()
    local _, how, status = os.execute(("{ %s\n} >'%s/out' 2>'%s/err'"):format(command, folder, folder))
    local out, err = files.read(folder .. "/out"), files.read(folder .. "/err")
    files.remove(folder)
    return how == "exit" and status or 128 + status, out, err
end

return files
