--- Secrets steer no branch, stay on no stack and never reach the kernel for public points: two C programs, built as the
-- release is and run here.

local luv = require("luv")

local OUT = "build/ctime/"
local COMPILE = "env -u LD_PRELOAD cc -std=c11 -O2 -D_GNU_SOURCE -Isrc -Ispec/ctime %s "
    .. "$(pkg-config --cflags --libs libsecp256k1 libsodium) -lpthread -o " .. OUT .. "%s 2>&1"
local KERNELS = { "portable", "assembly", "vector", "library" }
local RESIDUE = "-DSIGNER_TEST spec/ctime/residue.c src/base/*.c src/curve/*.c src/frost/*.c"
local BRANCHES = "-DSIGNER_TEST -DSIGNER_CTIME spec/ctime/branches.c spec/ctime/public.c src/base/*.c src/curve/*.c "
    .. "src/frost/*.c src/custody/*.c"
-- The functions that public.c stands in front of.
local WRAPPED = { "kernel_active", "secp256k1_ec_pubkey_create", "scalar_is_zero", "scalar_decode", "draw_weight",
    "point_multi_mul", "point_terms_cancel", "crypto_box_easy", "crypto_box_open_easy", "sodium_memcmp" }
local VALGRIND = "valgrind -q --suppressions=spec/ctime/library.supp --error-exitcode=1 "

--- @return integer status, string output
local function run(command)
    local pipe = io.popen("env -u LD_PRELOAD " .. command .. " 2>&1; echo status $?")
    local text = pipe:read("a")
    pipe:close()
    return math.tointeger(tonumber(text:match("status (%d+)%s*$"))), text
end

local function compile(sources, name)
    os.execute("mkdir -p " .. OUT)
    local pipe = io.popen(COMPILE:format(sources, name))
    local text = pipe:read("a")
    assert(pipe:close(), text)
end

local function compile_branches()
    local wraps = {}
    for index, name in ipairs(WRAPPED) do wraps[index] = "-Wl,--wrap=" .. name end
    compile(BRANCHES .. " " .. table.concat(wraps, " "), "branches")
end

--- @return integer status, string output
local function branches(under, kernel, broken)
    local folder = assert(luv.fs_mkdtemp((os.getenv("TMPDIR") or "/tmp") .. "/signer-ctime.XXXXXX"))
    -- It is told its path; one that the whole run of the specs was given need not exist on valgrind's processor.
    local status, text = run(("env -u SIGNER_KERNEL %s%sbranches %s %s %s"):format(under, OUT, folder, kernel, broken or ""))
    os.execute("rm -r '" .. folder .. "'")
    return status, text
end

describe("secrets", function()
    it("are gone from stack and heap after multiplication, nonces, signing, a share that fails its check, part 1", function()
        compile(RESIDUE, "residue")
        local ran = 0
        for _, kernel in ipairs(KERNELS) do
            local status, text = run(OUT .. "residue " .. kernel)
            assert.is_true(status == 0 or status == 77, kernel .. ": " .. text) -- 77: not on this processor
            if status == 0 then
                ran = ran + 1
                -- the search is worth something: it finds a copy that was left on purpose, and what public sums leave
                assert.is_true(tonumber(text:match("left behind: (%d+)")) >= 4)
                assert.is_true(tonumber(text:match("blind of a right share: (%d+)")) > 100, text)
            end
        end
        assert.is_true(ran >= 2)
    end)

    local header = io.open("/usr/include/valgrind/memcheck.h")
    if header then header:close() end
    local here = header and it or pending
    local checked = header and os.execute("command -v valgrind >/dev/null 2>&1") and it or pending

    if header then setup(compile_branches) end

    here("never reach the kernel, whichever runs: key generation, nonces, shares, own check", function()
        local ran = 0
        for _, kernel in ipairs(KERNELS) do
            local status, text = branches("", kernel)
            assert.is_true(status == 0 or status == 77, text) -- 77: not on this processor
            if status == 0 then ran = ran + 1 end
        end
        assert.is_true(ran >= 2)
        assert.are.equal(1, (branches("", "portable", "kernel")))
    end)

    checked("decide no branch and no index: scalars, hashes, tweaks, parts 1 to 3, rounds 1 and 2, packages, boxes", function()
        for _, kernel in ipairs({ "portable", "library" }) do -- valgrind's processor has no more
            local status, text = branches(VALGRIND, kernel)
            assert.are.equal(0, status, text)
        end
        assert.are.equal(1, (branches(VALGRIND, "portable", "branch")))
        local status, text = branches(VALGRIND, "portable", "entry")
        assert.are.equal(1, status)
        assert.matches("found during client check request", text)
    end)

    -- Of the release build, as it is made for this processor.
    local function disassemble(object)
        local pipe = assert(io.popen("LD_PRELOAD= objdump -d --no-show-raw-insn " .. object))
        local functions, name = {}, nil
        for line in pipe:lines() do
            name = line:match("^%x+ <([^>]+)>:") or name
            local code = line:match("^%s+%x+:%s+(.*)$")
            if name and code then
                functions[name] = functions[name] or {}
                table.insert(functions[name], (code:gsub("%s*[#<].*$", "")))
            end
        end
        pipe:close()
        return functions
    end

    local function with(functions, ...)
        local found = {}
        for name, list in pairs(functions) do
            for _, code in ipairs(list) do
                for _, pattern in ipairs({ ... }) do
                    if code:find(pattern) then found[name] = true end
                end
            end
        end
        return found
    end

    local pipe = io.popen("uname -m")
    local x86 = pipe:read("l") == "x86_64" and it or pending
    pipe:close()

    local OBJECTS = "build/obj/src/curve/"

    x86("never reach vectors or long multiplications, which lie behind the entries of a kernel alone", function()
        local library = disassemble("build/libfrost_tbtc.so")
        for _, one in ipairs({ { { "zmm", "ymm", "%%k%d" }, { "kernel_vector" }, { clear_high = true } },
            { { "^mulx", "^adcx", "^adox" }, { "kernel_adx", "kernel_vector" }, {} } }) do
            local allowed, any = one[3], false
            for _, object in ipairs(one[2]) do
                for name in pairs(with(disassemble(OBJECTS .. object .. ".o"), table.unpack(one[1]))) do
                    allowed[name], any = true, true
                end
                -- One table of entries; a local name of this object could be another's in the library.
                local text = select(2, run("nm -g --defined-only " .. OBJECTS .. object .. ".o"))
                assert.matches("^%x+ D " .. object .. "\nstatus 0\n$", text)
            end
            assert.is_true(any)
            for name in pairs(with(library, table.unpack(one[1]))) do assert.is_true(allowed[name], name) end
        end
    end)

    x86("decide no branch and no address in the hashing by instructions: what is in vectors stays there", function()
        local compress, rounds = disassemble(OBJECTS .. "sha256.o").compress, 0
        if not compress then
            pending("SIGNER_NO_KERNEL: there is none")
            return
        end
        for _, code in ipairs(compress) do
            local name, operands = code:match("^(%S+)%s*(.*)$")
            local target = operands:match("(%%%w+)$") or ""
            if name:find("^sha256") then rounds = rounds + 1 end
            if not target:find("^%%xmm") and operands ~= "" then
                assert.is_falsy(code:find("xmm") and not name:find("^movup?[sa]") and not name:find("^movdq[au]"), code)
                assert.is_falsy(name ~= "lea" and operands:find("%(.*%),%s*%%"), code)
            end
        end
        assert.is_true(rounds >= 16)
    end)
end)
