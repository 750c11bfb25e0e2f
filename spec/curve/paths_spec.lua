--- The ways of working on public points: vectors, the long multiplications, portable C, and the library alone. All
--- give the same answers; a C program compares the kernel with the library on many inputs.
local signer = require("tbtc_signer")

local built_with_kernel = signer.test_kernel.name() ~= "library"
local OUT = "build/kernel/"
local CC = "mkdir -p " .. OUT .. " && env -u LD_PRELOAD cc -std=c11 -O2 -D_GNU_SOURCE -Isrc "
-- What the kernel is compared with: the library's functions behind point.h, without any kernel, for all programs.
local REFERENCE = CC .. "-r -nostdlib -fPIC -DSIGNER_NO_KERNEL src/base/bytes.c src/base/error.c src/base/fault.c "
    .. "src/curve/context.c src/curve/kernel.c src/curve/point.c src/curve/scalar.c src/curve/scalar_public.c "
    .. "$(pkg-config --cflags libsecp256k1 libsodium) -o " .. OUT .. "reference.o"
local COMPILE = CC .. "%s spec/curve/*.c " .. OUT .. "reference.o $(pkg-config --cflags --libs libsecp256k1 libsodium) "
    .. "-lpthread -o " .. OUT .. "%s"

--- @return boolean success, string output
local function run(command)
    local pipe = assert(io.popen(command .. " 2>&1; echo status $?"))
    local text = pipe:read("a")
    pipe:close()
    return text:match("status (%d+)%s*$") == "0", text
end

local function compare(name, flags)
    local built, messages = run(COMPILE:format(flags, name))
    assert.is_true(built, messages)
    local ok, text = run("env -u LD_PRELOAD " .. OUT .. name)
    assert.is_true(ok, text)
    assert.matches("^agrees", text)
end

describe("the kernel", function()
    setup(function()
        local built, messages = run(REFERENCE)
        assert.is_true(built, messages)
    end)

    it("agrees with the library over 10^6 group operations and 10^5 sums, portable", function() compare("portable", "") end)

    local best = signer.test_kernel.name()
    local long = (best == "vector" or best == "assembly") and it or pending
    long("agrees with the library over as many, with long multiplications", function()
        compare("assembly", "-DSIGNER_FIELD_ADX")
    end)

    local vectors = best == "vector" and it or pending
    vectors("agrees with the library over as many, with vectors", function()
        compare("vector", "-DSIGNER_FIELD_ADX -DSIGNER_VECTOR")
    end)
end)

describe("the specs of points and of FROST", function()
    local best = signer.test_kernel.name()
    for _, path in ipairs { "assembly", "portable", "library" } do
        local there = (path == "library" or built_with_kernel and (path == "portable" or best == "vector")) and it or pending
        there("hold on the path '" .. path .. "'", function()
            local command = "SIGNER_KERNEL=%s busted --lua=/usr/bin/lua5.4 spec/frost spec/curve/point_spec.lua"
            local ok, text = run(command:format(path))
            assert.is_true(ok, text)
        end)
    end
end)
