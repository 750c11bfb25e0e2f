-- What the command says to wrong options: the option, what it wants, where help is. Nothing is started.
local arguments = require("tbtc_signer.cli.arguments")
local files = require("spec.support.files")
local json = require("tbtc_signer.json")
local output = require("tbtc_signer.cli.output")

local COMMAND = "env -u LD_PRELOAD build/tbtc-signer "
local KEY_GROUP = ("02"):rep(33)

local function run(line)
    local status, out = files.run(COMMAND .. line .. " 2>&1")
    return status, out
end

describe("values of options", function()
    it("are whole numbers in a range", function()
        local read = arguments.integer("--member", 1, 65535)
        assert.equal(1, read("1"))
        assert.equal(65535, read("65535"))
        for _, text in ipairs({ "0", "65536", "-1", "1.5", "0x10", "1e3", "", "abc", ("9"):rep(40) }) do
            local value, problem = read(text)
            assert.is_nil(value)
            assert.matches("--member must be a whole number from 1 to 65535", problem, 1, true)
        end
    end)

    it("are hex of a size, in lower case", function()
        local read = arguments.hex("--key", { 33, 32 })
        assert.equal(KEY_GROUP, read(KEY_GROUP))
        assert.equal(("ab"):rep(32), read(("AB"):rep(32)))
        for _, text in ipairs({ "", "zz", ("02"):rep(31), ("zz"):rep(32), ("0"):rep(65) }) do
            local value, problem = read(text)
            assert.is_nil(value)
            assert.matches("--key must be 66 or 64 hex characters", problem, 1, true)
        end
        assert.equal("00", arguments.hex("--message")("00"))
        assert.is_nil((arguments.hex("--message")("0")))
    end)

    it("are lists of members", function()
        local read = arguments.members("--members")
        assert.same({ [1] = true, [3] = true, [4] = true, [5] = true }, read("1, 3-5"))
        for _, text in ipairs({ "", "foo", "1,", "0", "5-3", "1-70000", "1;2" }) do assert.is_nil((read(text))) end
    end)
end)

describe("a usage error", function()
    it("names the option and shows the usage of its own command", function()
        for line, expected in pairs({
            ["node keys --dir x --member 0"] = { "^tbtc%-signer: %-%-member must be", "node keys %-%-help" },
            ["sign"] = { "missing option '%-%-roster'", "tbtc%-signer sign %-%-help" },
            ["sign --heartbeat zz"] = { "%-%-heartbeat must be 32 hex", "sign %-%-help" },
            ["demo --signers abc"] = { "%-%-signers must be a whole number", "demo %-%-help" },
            ["frob"] = { "unknown command 'frob'", "tbtc%-signer %-%-help" },
        }) do
            local status, text = run(line)
            assert.equal(2, status)
            for _, pattern in ipairs(expected) do assert.matches(pattern, text) end
            assert.is_nil(text:find("traceback"))
        end
    end)

    it("of verify says which options belong together", function()
        local key = "verify --key " .. KEY_GROUP
        for _, rest in ipairs({ "", " --tx 00", " --message 00", " --redemption policies/samples/redemption.json" }) do
            local status, text = run(key .. rest)
            assert.equal(2, status)
            assert.matches("give %-%-message and %-%-signature, or %-%-tx and %-%-redemption", text)
        end
        local status, text = run(key .. " --tx 00 --redemption policies/samples/redemption.json")
        assert.equal(2, status)
        assert.matches("%-%-tx is no signed transaction", text)
    end)

    it("of tx: a build at the nodes needs the session that is signed under", function()
        local status, text = run("tx policies/samples/redemption.json --roster nowhere --key-group " .. KEY_GROUP)
        assert.equal(2, status)
        assert.matches("%-%-roster needs %-%-session", text)
    end)
end)

describe("output", function()
    it("tells a failure of the system from a fault of the program", function()
        assert.same({ code = "system_error", message = "ENOSPC: no space left on device" },
            output.problem_of("lua/tbtc_signer/cli/demo.lua:74: ENOSPC: no space left on device"))
        assert.equal("system_error", output.problem_of("EACCES: permission denied: /x").code)
        assert.equal("internal_error", output.problem_of("lua/a.lua:1: attempt to index a nil value").code)
        local typed = { code = "x" }
        assert.equal(typed, output.problem_of(typed))
    end)

    it("that is lost is no success, and a reader that goes away needs no words", function()
        local tx = "tx policies/samples/redemption.json --quiet --key-group " .. KEY_GROUP
        local function shell(line)
            local pipe = assert(io.popen("bash -c '" .. line .. "' 2>&1"))
            local text = pipe:read("a")
            pipe:close()
            return text
        end
        assert.matches("the output was lost: No space left on device\nexit 2\n$",
            shell(COMMAND .. tx .. " >/dev/full; echo exit $?"))
        local text = shell(COMMAND .. tx .. " --json | true; echo exit ${PIPESTATUS[0]}")
        assert.matches("exit 2\n$", text)
        assert.is_nil(text:find("lost"))
    end)

    it("that is lost is no success: help, version and a closed stdout too", function()
        for _, line in ipairs({ "--help", "tx --help", "node run --help", "--version", "--completion bash" }) do
            assert.equal(0, (run(line)))
            local status, _, text = files.run(COMMAND .. line .. " >/dev/full")
            assert.equal(2, status, line)
            assert.matches("the output was lost", text)
        end
        local tx = COMMAND .. "tx policies/samples/redemption.json --key-group " .. KEY_GROUP
        assert.equal(2, (files.run(tx .. " <&- >&- 2>&-")))
        assert.equal(0, (files.run(tx .. " <&- 2>&- >/dev/null")))
    end)

    it("of the engine is said once: doctor and tx in their own words, store beside what failed", function()
        local function errors(line)
            return select(3, files.run(COMMAND .. line))
        end
        assert.equal("", errors("doctor --open"))
        assert.equal("", errors("tx policies/samples/redemption.json --key-group " .. KEY_GROUP))
        local _, count = errors("store info"):gsub("must be set in production", "")
        assert.equal(1, count)
        assert.matches("warn  settings       auto%-quarantine is off", select(2, run("doctor")))
    end)

    it("has colours on a terminal only, each stream for itself", function()
        output.colored = { [1] = true, [2] = false }
        assert.equal("\27[31mx\27[0m", output.paint("red", "x"))
        assert.equal("x", output.paint("red", "x", 2))
        output.colored = {}
        assert.is_nil(select(2, run("sign --roster nowhere")):find("\27"))
    end)

    it("writes fractions as short as they read back", function()
        assert.equal("0.21", json.encode(0.21))
        assert.equal(0.1 + 0.2, json.decode(json.encode(0.1 + 0.2)))
    end)
end)
