--- Hosts in C: compiles a program of spec/abi and runs it against the library under test.
local child = require("spec.support.child")

local host = {}

host.build = os.getenv("SIGNER_BUILD") or "build/test"
host.library = host.build .. "/libfrost_tbtc.so"

--- @param name string  spec/abi/<name>.c
-- @param flags string|nil  for the compiler and the linker
-- @return table {status, signal, out, err} of the run; the library's path is its first argument
function host.run(name, flags, arguments)
    local folder = child.folder()
    local program = folder .. "/" .. name
    local sanitizer = host.build:find("asan") and "-fsanitize=address,undefined" or ""
    local built = os.execute(("LD_PRELOAD= gcc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -g %s -Iinclude " ..
        "spec/abi/%s.c -o %s %s -ldl -lpthread"):format(sanitizer, name, program, flags or ""))
    assert(built, "the host does not compile")
    local _, how, number = os.execute(("LD_PRELOAD= %s %s %s >%s/out 2>%s/err")
        :format(program, host.library, arguments or "", folder, folder))
    local result = { out = child.read_all(folder .. "/out"), err = child.read_all(folder .. "/err") }
    result[how == "exit" and "status" or "signal"] = number
    child.remove(folder)
    return result
end

return host
