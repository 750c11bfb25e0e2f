-- Nodes, key generation and signing as an operator types them.
local files = require("spec.support.files")
local json = require("tbtc_signer.json")

local COMMAND = "env -u LD_PRELOAD build/tbtc-signer"

local shell = files.run

describe("a group of three nodes", function()
    local folder, key_group, pids = nil, nil, {}

    local function settings(member)
        return ("TBTC_SIGNER_PROFILE=development TBTC_SIGNER_STATE_KEY_PROVIDER=env "
            .. "TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX=%s"):format(("%02x"):format(member):rep(32))
    end

    local function start(member)
        local dir = folder .. "/node-" .. member
        local _, out = shell(("%s %s node run --dir %s --member %d --roster %s/roster.json >>%s/log 2>&1 & echo $!"):format(
            settings(member), COMMAND, dir, member, folder, dir))
        pids[member] = out:match("%d+")
        for _ = 1, 3000 do
            if shell("test -S " .. dir .. "/socket") == 0 then return end
            os.execute("sleep 0.02")
        end
        error("node " .. member .. " did not start")
    end

    local function stop(member, signal)
        os.execute(("kill -%s %s; while kill -0 %s 2>/dev/null; do sleep 0.01; done; rm -f %s/node-%d/socket"):format(
            signal or "TERM", pids[member], pids[member], folder, member))
        pids[member] = nil
    end

    lazy_setup(function()
        folder = files.folder()
        local members = {}
        for member = 1, 3 do
            local status, entry = shell(("%s %s node keys --json --quiet --dir %s/node-%d --member %d"):format(
                settings(member), COMMAND, folder, member, member))
            assert.equal(0, status)
            members[member] = json.decode(entry)
            members[member].socket = "node-" .. member .. "/socket"
        end
        local file = assert(io.open(folder .. "/roster.json", "w"))
        file:write(json.encode({ schema = "tbtc-signer-roster/v1", members = members }))
        file:close()
        for member = 1, 3 do start(member) end
    end)

    lazy_teardown(function()
        for member in pairs(pids) do stop(member) end
        files.remove(folder)
    end)

    local function command(line, ...)
        return shell(COMMAND .. " " .. line:format(...) .. " --roster " .. folder .. "/roster.json")
    end

    local function heartbeat(session, number, extra)
        return command("sign --json --quiet --key-group %s --threshold 2 --session %s --heartbeat ffffffffffffffff%016x %s",
            key_group, session, number, extra or "")
    end

    it("keeps node keys in a 0600 file and finds them again", function()
        local _, mode = shell("stat -c %a " .. folder .. "/node-1/node-keys")
        assert.equal("600\n", mode)
        local keys = ("%s %s node keys --json --quiet --dir %s/node-1 --member 1"):format(settings(1), COMMAND, folder)
        local _, first = shell(keys)
        local _, second = shell(keys)
        assert.equal(first, second)
    end)

    it("makes a roster of entries, and refuses files that are none", function()
        for member = 1, 3 do
            assert.equal(0, (shell(("%s node keys --dir %s/node-%d --member %d >%s/entry-%d.json"):format(
                COMMAND, folder, member, member, folder, member))))
        end
        local status, out = shell(("%s node roster %s/entry-*.json"):format(COMMAND, folder))
        assert.equal(0, status)
        local made = json.decode(out)
        assert.equal("tbtc-signer-roster/v1", made.schema)
        assert.equal(3, #made.members)
        assert.matches("/node%-2/socket$", made.members[2].socket)
        local again, _, problem = shell(("%s node roster %s/entry-1.json %s/roster.json"):format(COMMAND, folder, folder))
        assert.equal(2, again)
        assert.matches("roster.json is no roster entry", problem)
    end)

    it("does not serve without keys, settings or a store that it can use", function()
        local function run_node(member, dir, environment)
            return shell(("%s timeout 120 %s node run --dir %s --member %d --roster %s/roster.json"):format(
                environment, COMMAND, dir, member, folder))
        end
        local status, _, problem = run_node(1, folder .. "/nobody", settings(1))
        assert.equal(2, status)
        assert.matches("has no node keys", problem)
        status, _, problem = run_node(1, folder .. "/node-1", "")
        assert.equal(2, status)
        assert.matches("missing_attestation_status", problem)
        status, _, problem = run_node(1, folder .. "/node-1", settings(1))
        assert.equal(2, status)
        assert.matches("state_locked", problem)
        status, _, problem = run_node(1, folder .. "/node-1", settings(1) .. " TBTC_SIGNER_POLICY_MAX_FEE_SATS=abc")
        assert.equal(2, status)
        assert.matches("TBTC_SIGNER_POLICY_MAX_FEE_SATS: not a decimal number", problem)
        shell(("chmod 644 %s/node-1/node-keys"):format(folder))
        status, _, problem = run_node(1, folder .. "/node-1", settings(1))
        assert.equal(2, status)
        assert.matches("what to do: chmod 600 [^\n]*/node%-1/node%-keys", problem)
        shell(("chmod 600 %s/node-1/node-keys"):format(folder))
        status = shell("test -S " .. folder .. "/node-1/socket")
        assert.equal(0, status)
    end)

    it("refuses members that the roster does not list", function()
        local status, _, problem = command("sign --key-group %s --threshold 2 --session s --message 00 --members 1,9",
            "02" .. ("ab"):rep(32))
        assert.equal(2, status)
        assert.matches("the roster has no member 9", problem)
    end)

    it("refuses a threshold above the roster and an empty message before any node is asked", function()
        local request = "sign --key-group %s --threshold %d --session s --message %s"
        local status, _, problem = command(request, "02" .. ("ab"):rep(32), 9, "00")
        assert.equal(2, status)
        assert.matches("%-%-threshold is 9, and the roster has 3 members", problem)
        status, _, problem = command(request, "02" .. ("ab"):rep(32), 2, "''")
        assert.equal(2, status)
        assert.matches("%-%-message is empty", problem)
    end)

    it("makes a key and signs a heartbeat with two members", function()
        local status, out, problem = command("dkg --json --quiet --threshold 2 --session wallet-1")
        assert.equal(0, status, problem)
        key_group = json.decode(out).key_group
        assert.matches("^02%x+$", key_group)
        status, out, problem = heartbeat("heartbeat-1", 1)
        assert.equal(0, status, problem)
        local reply = json.decode(out)
        assert.equal(0, (shell(("%s verify --key %s --message %s --signature %s"):format(COMMAND, key_group,
            reply.message_hex, reply.signature_hex))))
    end)

    it("takes the next attempt number where the first is spent", function()
        local status, out = heartbeat("heartbeat-1", 1)
        assert.equal(0, status)
        assert.is_true(json.decode(out).attempt_number > 1)
    end)

    it("refuses a second run under a used run id, and a wrong threshold", function()
        assert.equal(0, (command("dkg --quiet --threshold 2 --session wallet-2 --run-id twice")))
        local status, _, problem = command("dkg --quiet --threshold 2 --session wallet-3 --run-id twice")
        assert.equal(2, status)
        assert.matches("used before", problem)
        status, _, problem = command("dkg --quiet --threshold 4 --session wallet-4")
        assert.equal(2, status)
        assert.matches("2..3", problem)
    end)

    it("says that an unknown wallet has no key yet", function()
        local status, _, problem = command("sign --quiet --key-group %s --threshold 2 --session s2 --message %s",
            "02" .. ("ab"):rep(32), ("00"):rep(32))
        assert.equal(2, status)
        assert.matches("dkg_not_ready", problem)
        assert.matches("run the key generation first", problem)
    end)

    it("signs with a member down, and says what to do with too few", function()
        stop(2, "KILL")
        assert.equal(0, (heartbeat("heartbeat-2", 2)))
        stop(3)
        local status, _, problem = command("sign --key-group %s --threshold 2 --session heartbeat-3 --heartbeat "
            .. "ffffffffffffffff%016x", key_group, 3)
        assert.equal(2, status)
        assert.matches("2 members must sign and 1 can be asked; not reachable: members 2, 3", problem)
        assert.matches("what to do: start more of the listed nodes", problem)
        start(2)
        assert.equal(0, (heartbeat("heartbeat-3", 3)))
        start(3)
    end)

    it("goes on without a node that stands still", function()
        os.execute("kill -STOP " .. pids[1])
        local status, out, problem = heartbeat("heartbeat-4", 4, "--timeout 4") -- of which the others need a moment each
        os.execute("kill -CONT " .. pids[1])
        assert.equal(0, status, problem)
        assert.same({ 2, 3 }, json.decode(out).signers)
    end)

    it("ends on Ctrl-C without a traceback", function()
        for _, seconds in ipairs({ 0.01, 0.02, 0.04, 0.08 }) do
            local _, _, problem = shell(("timeout -s INT %f %s sign --quiet --roster %s/roster.json --key-group %s "
                .. "--threshold 2 --session interrupted --heartbeat ffffffffffffffff0000000000000005"):format(
                seconds, COMMAND, folder, key_group))
            assert.is_nil(problem:find("interrupted!"), problem)
        end
    end)

    it("refuses a node whose roster entry has other keys, and a folder that others may read", function()
        local status, _, problem = shell(("%s %s node run --dir %s/node-1 --member 2 --roster %s/roster.json"):format(
            settings(1), COMMAND, folder, folder))
        assert.equal(2, status)
        assert.matches("other keys for member 2", problem)
        os.execute("mkdir -m 755 " .. folder .. "/open")
        status, _, problem = shell(("%s node keys --dir %s/open --member 4"):format(COMMAND, folder))
        assert.equal(2, status)
        assert.matches("must have mode 0700", problem)
    end)
end)
