-- `tbtc-signer store`: the tools as an operator uses them, in processes of their own.
local disk = require("spec.store.disk")
local files = require("spec.support.files")
local json = require("tbtc_signer.json")

local COMMAND = "build/tbtc-signer"
local KEY, NEW_KEY = ("5a"):rep(32), ("6b"):rep(32)

describe("tbtc-signer store", function()
    local folder
    before_each(function()
        folder = disk.directory()
        disk.shell("chmod 700 '%s'", folder)
    end)
    after_each(function() disk.remove(folder) end)

    --- @return integer status, string stdout, string stderr
    local function run(arguments, settings)
        local environment = { TBTC_SIGNER_PROFILE = "development", TBTC_SIGNER_STATE_PATH = folder .. "/state",
            TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = KEY }
        for name, value in pairs(settings or {}) do environment[name] = value end
        local words = {}
        for name, value in pairs(environment) do words[#words + 1] = ("%s='%s'"):format(name, value) end
        return files.run(("env -u LD_PRELOAD %s %s store %s"):format(table.concat(words, " "), COMMAND, arguments))
    end

    it("has help with an example for every action", function()
        for _, action in ipairs({ "init", "info", "verify", "floor", "export", "import", "adopt", "rekey", "compact" }) do
            local status, out = run(action .. " --help")
            assert.equal(0, status)
            assert.matches("Example", out)
            assert.matches("tbtc%-signer store " .. action, out)
        end
        assert.equal(2, (run("")))
        assert.equal(2, (run("shrink")))
    end)

    it("35.13 makes, shows, checks and compacts a store, in text and in JSON", function()
        local status, _, problem = run("info")
        assert.equal(1, status)
        assert.matches("what to do", problem)
        assert.equal(0, (run("init")))
        assert.equal(1, (run("init")))
        local _, out = run("info --json")
        local info = json.decode(out)
        assert.equal(64, #info.store_id)
        assert.equal(1, info.state.open_number)
        status, out = run("verify")
        assert.equal(0, status)
        assert.matches("whole +log%-0000000000000001", out)
        assert.equal(0, (run("compact --quiet")))
        _, out = run("verify --json")
        assert.is_true(json.decode(out).valid)
        _, out = run("floor --json")
        assert.equal(2, json.decode(out).open_number)
        assert.equal(0, (run("floor")))
    end)

    it("35.13 verify ends with 1, names the file and says what to do", function()
        run("init")
        run("compact")
        disk.flip(folder .. "/state.store/" .. disk.log_name(2), 4100)
        local status, out = run("verify")
        assert.equal(1, status)
        assert.matches("DAMAGED +log%-0000000000000002", out)
        assert.matches("what to do", out)
        assert.equal(1, (run("compact")))
    end)

    it("35.13 exports to a new file of mode 0600 and imports it elsewhere", function()
        run("init")
        local path = folder .. "/protection.json"
        assert.equal(0, (run("export --output '" .. path .. "'")))
        assert.equal(2, (run("export --output '" .. path .. "'")))
        local _, out = run("export")
        assert.equal(disk.read(path), out)
        assert.truthy(disk.shell("test $(stat -c %%a '%s') = 600", path))
        assert.equal(0, (run("import '" .. path .. "'")))
        disk.write(path, "{}")
        local status, _, problem = run("import '" .. path .. "'")
        assert.equal(2, status)
        assert.matches("protection data", problem)
        assert.equal(2, (run("import '" .. folder .. "/none'")))
    end)

    it("35.13 rekey needs one source of a key, then only the new key opens", function()
        run("init")
        assert.equal(2, (run("rekey")))
        assert.equal(2, (run("rekey --new-key-variable A --new-key-command b")))
        assert.equal(1, (run("rekey --new-key-command 'exit 1'")))
        assert.equal(0, (run("rekey --new-key-variable NEXT", { NEXT = NEW_KEY })))
        local status, _, problem = run("compact")
        assert.equal(1, status)
        assert.matches("state_key_mismatch", problem)
        assert.equal(0, (run("compact", { TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = NEW_KEY })))
    end)

    it("35.13 adopt asks for --yes, and then makes a copy without its mark the true store", function()
        run("init")
        disk.shell("rm '%s/state.mark' '%s/state.lock'", folder, folder)
        assert.equal(1, (run("compact --path '" .. folder .. "/other'")))
        local status, _, problem = run("adopt")
        assert.equal(1, status)
        assert.matches("%-%-yes", problem)
        assert.is_false(disk.exists(folder .. "/state.mark"))
        assert.equal(0, (run("adopt --yes")))
        assert.equal(0, (run("verify")))
        local _, out = run("adopt --yes")
        assert.matches("nothing was changed", out)
    end)
end)
