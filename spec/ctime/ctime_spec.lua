--- Secrets steer no branch and stay on no stack: two C programs, built as the release is and run here.

local OUT = "build/ctime/"
local SOURCES = "src/base/bytes.c src/base/error.c src/base/fault.c src/base/workers.c src/curve/*.c src/frost/*.c"
local COMPILE = "env -u LD_PRELOAD cc -std=c11 -O2 -D_GNU_SOURCE -Isrc %s spec/ctime/%s.c " .. SOURCES
    .. " $(pkg-config --cflags --libs libsecp256k1 libsodium) -lpthread -o " .. OUT .. "%s 2>&1"

--- @return boolean success, string output
local function run(command)
    local pipe = assert(io.popen("env -u LD_PRELOAD " .. command .. " 2>&1; echo status $?"))
    local text = pipe:read("a")
    pipe:close()
    local status = text:match("status (%d+)%s*$")
    return status == "0", text
end

--- @param flags string  -DSIGNER_CTIME: what the code declassifies is declassified
local function compile(name, flags)
    os.execute("mkdir -p " .. OUT)
    local pipe = assert(io.popen(COMPILE:format(flags or "", name, name)))
    local text = pipe:read("a")
    assert(pipe:close(), text)
end

describe("secrets", function()
    it("are gone from the stack after multiplication, nonces, signing and part 1", function()
        compile("residue")
        local ok, text = run(OUT .. "residue")
        assert.is_true(ok, text)
        -- the search is worth something: it finds a copy that was left on purpose
        assert.is_true(tonumber(text:match("left behind: (%d+)")) >= 4)
    end)

    local valgrind = os.execute("command -v valgrind >/dev/null 2>&1 && test -e /usr/include/valgrind/memcheck.h")
    local check = valgrind and it or pending

    check("decide no branch and no index in scalars, hashes, draws, tweaks and round 2", function()
        compile("branches", "-DSIGNER_CTIME")
        local ok, text = run("valgrind -q --error-exitcode=1 " .. OUT .. "branches")
        assert.is_true(ok, text)
        assert.is_false((run("valgrind -q --error-exitcode=1 " .. OUT .. "branches broken")))
    end)
end)
