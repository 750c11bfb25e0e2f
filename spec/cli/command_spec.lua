-- The command as a person uses it: build/tbtc-signer in processes of its own.
local files = require("spec.support.files")
local json = require("tbtc_signer.json")

local COMMAND = "build/tbtc-signer"
local KEY_GROUP = "02" .. ("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")

--- Runs the command; LD_PRELOAD of a sanitizer run is not handed on.
--- @return integer exit status, string stdout, string stderr
local function run(arguments, environment)
    local settings = ""
    for name, value in pairs(environment or {}) do settings = settings .. (" %s='%s'"):format(name, value) end
    return files.run(("env -u LD_PRELOAD%s %s %s"):format(settings, COMMAND, arguments))
end

describe("the command line", function()
    it("shows help with an example for every command and ends with 0", function()
        for _, name in ipairs({ "demo", "node", "dkg", "sign", "tx", "verify", "doctor" }) do
            local status, out = run(name .. " --help")
            assert.equal(0, status)
            assert.matches("tbtc%-signer", out)
            assert.matches("%-%-", out)
        end
    end)

    it("ends with 2 and says why for an unknown command, a missing option and no command at all", function()
        local status, _, problem = run("sing")
        assert.equal(2, status)
        assert.matches("sing", problem)
        assert.matches("tbtc%-signer %-%-help lists the commands", problem)
        assert.equal(2, (run("sign")))
        assert.equal(2, (run("")))
    end)

    it("prints its version", function()
        local status, out = run("--version")
        assert.equal(0, status)
        assert.matches("^tbtc%-signer %d+%.%d+%.%d+", out)
    end)
end)

describe("doctor", function()
    it("names what is bad and what to do, in text and in JSON", function()
        local status, out = run("doctor", { TBTC_SIGNER_STATE_KEY_PROVIDER = "command",
            TBTC_SIGNER_STATE_KEY_COMMAND = "exit 7" })
        assert.equal(1, status)
        assert.matches("BAD +key provider", out)
        assert.matches("what to do", out)
        local _, document = run("doctor --json", { TBTC_SIGNER_PROFILE = "development",
            TBTC_SIGNER_STATE_KEY_PROVIDER = "command", TBTC_SIGNER_STATE_KEY_COMMAND = "echo " .. ("ab"):rep(32) })
        assert.is_true(json.decode(document).fit)
    end)

    it("names a setting of a gate that has no usable value, though its gate is off", function()
        local settings = { TBTC_SIGNER_PROFILE = "development", TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("ab"):rep(32),
            TBTC_SIGNER_POLICY_MAX_FEE_SATS = "abc" }
        local status, out = run("doctor", settings)
        assert.equal(1, status)
        assert.matches("BAD +settings +TBTC_SIGNER_POLICY_MAX_FEE_SATS: not a decimal number", out)
        settings.TBTC_SIGNER_POLICY_MAX_FEE_SATS = nil
        settings.TBTC_SIGNER_ENFORCE_SIGNING_POLICY_FIREWALL = "true"
        settings.TBTC_SIGNER_POLICY_ALLOWED_UTC_START_HOUR = "3"
        status, out = run("doctor", settings)
        assert.equal(1, status)
        assert.matches("BAD +settings +both policy_allowed_utc hours", out)
    end)
end)

describe("doctor on the operator's policy", function()
    local folder, settings

    before_each(function()
        folder = files.folder()
        os.execute("cp -R policies/samples/. " .. folder)
        settings = { TBTC_SIGNER_PROFILE = "development", TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("ab"):rep(32),
            TBTC_SIGNER_POLICY_DIRECTORY = folder }
    end)

    after_each(function() files.remove(folder) end)

    it("takes the samples, warns where others may write, and names a missing or broken script", function()
        local status, out = run("doctor", settings)
        assert.equal(0, status)
        assert.matches("ok +policy +[^\n]*firewall.lua", out)
        os.execute("chmod 666 " .. folder .. "/quarantine.lua")
        status, out = run("doctor", settings)
        assert.equal(0, status)
        assert.matches("warn +policy +[^\n]*quarantine.lua has mode 0666", out)
        os.execute("echo 'return {' > " .. folder .. "/firewall.lua")
        status, out = run("doctor", settings)
        assert.equal(1, status)
        assert.matches("BAD +policy +[^\n]*firewall.lua:", out)
        os.remove(folder .. "/firewall.lua")
        status, out = run("doctor", settings)
        assert.equal(1, status)
        assert.matches("BAD +policy +[^\n]*firewall.lua: No such file", out)
    end)

    it("really opens the store with --open", function()
        settings.TBTC_SIGNER_POLICY_DIRECTORY = nil
        os.execute("chmod 700 " .. folder)
        settings.TBTC_SIGNER_STATE_PATH = folder .. "/state"
        assert.equal(0, (run("doctor", settings)))
        assert.equal(0, #(io.popen("ls -d " .. folder .. "/state.* 2>/dev/null"):read("a")))
        local status, out = run("doctor --open", settings)
        assert.equal(0, status)
        assert.matches("ok +opening", out)
        settings.TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("cd"):rep(32)
        status, out = run("doctor --open", settings)
        assert.equal(1, status)
        assert.matches("BAD +opening", out)
    end)
end)

describe("tx", function()
    it("builds the sample under policy", function()
        local status, out = run("tx policies/samples/redemption.json --key-group " .. KEY_GROUP .. " --json")
        assert.equal(0, status)
        local reply = json.decode(out)
        assert.equal(3, #reply.sighashes_hex)
        assert.equal(64, #reply.txid)
    end)

    it("ends with 1 and a hint where policy refuses", function()
        local status, _, problem = run("tx policies/samples/redemption.json --key-group " .. KEY_GROUP,
            { TBTC_SIGNER_POLICY_MAX_OUTPUT_VALUE_SATS = "1000" })
        assert.equal(1, status)
        assert.matches("single_output_value_exceeds_policy_limit", problem)
        assert.matches("what to do: split the payment", problem)
    end)

    it("says what is missing: the file, the script of an input", function()
        local status, _, problem = run("tx nowhere.json")
        assert.equal(2, status)
        assert.matches("nowhere.json", problem)
        status, _, problem = run("tx policies/samples/redemption.json")
        assert.equal(2, status)
        assert.matches("give %-%-key%-group", problem)
    end)
end)

describe("verify", function()
    -- BIP-340 test vector 0.
    local KEY = "f9308a019258c31049344f85f89d5229b531c845836f99b08601f113bce036f9"
    local SIGNATURE = "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca821525f66a4a85ea8b71e482a74f382d2ce5"
        .. "ebeee8fdb2172f477df4900d310536c0"
    local MESSAGE = ("00"):rep(32)

    it("tells valid from invalid by its exit code", function()
        assert.equal(0, (run(("verify --key %s --message %s --signature %s"):format(KEY, MESSAGE, SIGNATURE))))
        local other = MESSAGE:gsub("00$", "01")
        local status, out = run(("verify --key 02%s --message %s --signature %s"):format(KEY, other, SIGNATURE))
        assert.equal(1, status)
        assert.matches("INVALID", out)
        assert.equal(2, (run("verify --key zz --message 00 --signature 00")))
        for _, key in ipairs({ "05" .. KEY, ("ff"):rep(32) }) do -- a typing error is no verdict
            local ended, _, problem = run(("verify --key %s --message %s --signature %s"):format(key, MESSAGE, SIGNATURE))
            assert.equal(2, ended)
            assert.matches("no public key", problem)
        end
    end)
end)

describe("demo", function()
    local folder -- where demos put their files, so that nobody else's count here

    lazy_setup(function()
        folder = files.folder()
    end)

    lazy_teardown(function() files.remove(folder) end)

    local function count(line)
        local pipe = assert(io.popen("env -u LD_PRELOAD " .. line:format(folder)))
        local number = math.tointeger(tonumber(pipe:read("a")))
        pipe:close()
        return number
    end

    local function leftovers() return count("ls %s | wc -l") end

    local function events_of(arguments)
        local status, out, problem = run("demo --json " .. arguments, { TMPDIR = folder })
        assert.equal(0, status, problem)
        assert.equal(0, leftovers())
        local document = json.decode(out)
        local text = {}
        for index, entry in ipairs(document.timeline) do text[index] = entry.event end
        return document, table.concat(text, "\n")
    end

    it("signs every input although a member dies, and the dead one's attempt stays spent", function()
        local document, events = events_of("")
        assert.equal(3, #document.signatures_hex)
        assert.matches("member 2: share computed, record durable, share not sent: SIGKILL", events)
        assert.matches("attempt 1 failed in round 2: member 2 is gone", events)
        assert.matches("attempt 2: members 1, 3, 4", events)
        assert.matches("member 2, asked for the spent attempt again: consumed_nonce_replay", events)
        local status, out = run(("verify --key %s --tx %s --redemption policies/samples/redemption.json"):format(
            document.key_group, document.signed_tx_hex))
        assert.equal(0, status, out)
        local _, broken = run(("verify --key %s --tx %s --redemption policies/samples/redemption.json"):format(
            "02" .. KEY_GROUP:sub(3), document.signed_tx_hex))
        assert.matches("INVALID", broken)
    end)

    it("waits for the dead member where all must sign", function()
        local _, events = events_of("--signers 3 --threshold 3")
        assert.matches("member 2 is back\n.*attempt 2: members 1%-3", events)
    end)

    it("ends with a picture for people, where lanes have room", function()
        local _, out = run("demo --signers 3 --threshold 2", { TMPDIR = folder, LC_ALL = "C" })
        assert.matches("member   1   2   3\n", out)
        assert.matches("X[^\n]*killed", out)
        local _, quiet = run("demo --signers 3 --threshold 2 --quiet", { TMPDIR = folder })
        assert.matches("^\nsigned transaction %x+\n%x+\n$", quiet)
    end)

    it("refuses sizes that make no group", function()
        for _, arguments in ipairs({ "--signers 1", "--signers 101", "--signers 3 --threshold 4", "--threshold 1" }) do
            local status, _, problem = run("demo " .. arguments)
            assert.equal(2, status)
            assert.matches("must be .*from 2 to", problem)
        end
    end)

    it("leaves no process and no file behind when it is interrupted", function()
        for _, seconds in ipairs({ 0.05, 0.15, 0.3, 0.6 }) do
            os.execute(("env -u LD_PRELOAD TMPDIR=%s timeout -s INT %f %s demo --signers 8 --threshold 5 >/dev/null 2>&1")
                :format(folder, seconds, COMMAND))
            assert.equal(0, leftovers())
            assert.equal(0, count("pgrep -fc '[t]btc-signer node run --dir %s/'"))
        end
    end)

    it("leaves no process behind when it is killed: its nodes end with it", function()
        os.execute(("env -u LD_PRELOAD TMPDIR=%s timeout -s KILL 1 %s demo --signers 8 --threshold 5 >/dev/null 2>&1")
            :format(folder, COMMAND))
        local left
        for _ = 1, 100 do
            left = count("pgrep -fc '[t]btc-signer node run --dir %s/'")
            if left == 0 then break end
            os.execute("sleep 0.1")
        end
        assert.equal(0, left)
        os.execute(("rm -rf '%s'/*"):format(folder)) -- what only the command itself removes
    end)
end)
