-- The PKCS#11 example of docs/operations.md with SoftHSM, and the systemd credential: run where the
-- programs are installed.
local disk = require("spec.store.disk")
local engines = require("spec.support.engines")
local signer = require("tbtc_signer")

local tools = signer.store_tools
local MODULE = "/usr/lib/softhsm/libsofthsm2.so"

local function has(program) return (os.execute("command -v " .. program .. " >/dev/null 2>&1")) end

describe("key provider examples", function()
    local folder
    setup(function()
        folder = disk.directory()
        disk.shell("chmod 700 '%s'", folder)
    end)
    teardown(function()
        engines.clean()
        disk.remove(folder)
    end)

    local function shell(format, ...)
        local command = format:format(...)
        return os.execute("env -u LD_PRELOAD sh -c '" .. command:gsub("'", "'\\''") .. "' >/dev/null 2>&1")
    end

    --- Opens a store of its own under the command, twice; the reason of a refusal.
    local function open(name, command)
        for _, act in ipairs({ "init", "compact" }) do
            local engine = engines.new({ PROFILE = "production", STATE_KEY_PROVIDER = "command", STATE_KEY_COMMAND = command,
                STATE_PATH = folder .. "/" .. name }, { folder = folder })
            local good, why = pcall(tools[act], engine.raw)
            engine:abandon()
            if not good then return why.reason_code or why.error end
        end
    end

    it("issues a state key that only a PKCS#11 token can unwrap", function()
        if not (has("softhsm2-util") and has("pkcs11-tool") and has("openssl") and disk.exists(MODULE)) then
            return pending("softhsm2, opensc or openssl is not installed")
        end
        local settings = "SOFTHSM2_CONF=" .. folder .. "/softhsm2.conf"
        disk.shell("mkdir -p '%s/tokens'", folder)
        disk.write(folder .. "/softhsm2.conf", ("directories.tokendir = %s/tokens\nobjectstore.backend = file\n"):format(folder))
        disk.write(folder .. "/pin", "123456")
        local tool = ("%s pkcs11-tool --module %s --token-label tbtc"):format(settings, MODULE)
        assert(shell("%s softhsm2-util --init-token --free --label tbtc --so-pin 1234567 --pin 123456", settings))
        assert(shell("%s --login --pin 123456 --keypairgen --key-type rsa:2048 --id 01 --label state", tool))
        assert(shell("%s --read-object --type pubkey --id 01 --output-file %s/state.pub", tool, folder))
        assert(shell([[head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' | openssl pkeyutl -encrypt -pubin -keyform DER]]
            .. " -inkey %s/state.pub -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha1 -out %s/wrapped", folder, folder))
        local command = ("%s --login --pin $(cat %s/pin) --decrypt --id 01 --mechanism RSA-PKCS-OAEP --hash-algorithm SHA-1"
            .. " --mgf MGF1-SHA1 --input-file %s/wrapped 2>/dev/null"):format(tool, folder, folder)
        assert.is_nil(open("hsm", command))
        disk.write(folder .. "/pin", "654321")
        assert.equal("state_key_unavailable", open("other", command))
    end)

    it("issues a state key out of a systemd credential", function()
        if not (has("systemd-creds") and shell("systemd-creds setup")) then return pending("systemd-creds is not usable here") end
        assert(shell([[head -c 32 /dev/urandom | od -An -vtx1 | tr -d ' \n' |]]
            .. " systemd-creds encrypt --with-key=host --name=state-key - %s/state-key.cred", folder))
        assert.is_nil(open("credential",
            ("systemd-creds decrypt --name=state-key %s/state-key.cred - 2>/dev/null"):format(folder)))
    end)
end)
