-- docs/operations.md, command by command, as it stands: only its folders lie in a scratch folder, `aws` and `systemctl`
-- are stand-ins. A word with underscores behind a command is the code that it must be refused with. A block that needs
-- a program or root is left out where it is missing (Debian: softhsm2, opensc, systemd).
local child = require("spec.support.child")
local luv = require("luv")
local files = require("spec.support.files")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local PLACES = { "/tmp/signer%-", "/etc/tbtc%-signer", "/var/lib/", "/mnt/counter/", "/dev/shm/",
    "/usr/local/share/tbtc%-signer/" }

local AWS = [[#!/bin/sh
# Stands for a key service: what it "encrypts" begins with WRAPPED.
while [ $# -gt 0 ]; do
    case $1 in
    --plaintext) { printf WRAPPED; cat "${2#fileb://}"; } | base64 -w0 ;;
    --ciphertext-blob) sed 's/^WRAPPED//' "${2#fileb://}" | base64 -w0 ;;
    esac
    shift
done
]]

--- Blocks of commands: { line, needs, commands = { { text, code } } }.
local function blocks_of(path)
    local blocks, block, number, pending = {}, nil, 0, nil
    for line in io.lines(path) do
        number = number + 1
        local info = line:match("^```sh%s*(.*)$")
        if info then
            block = { line = number, needs = info:match("^needs: (.*)$"), commands = {} }
            blocks[#blocks + 1] = block
        elseif line == "```" then
            block = nil
        elseif block then
            local text = pending and pending .. "\n" .. line or line
            if text:find("\\$") then
                pending = text
            else
                pending = nil
                local code = text:match("%s#%s+([%l%d]+_[%l%d_]+)%f[^%w_]")
                block.commands[#block.commands + 1] = { text = text, code = code, line = number }
            end
        end
    end
    return blocks
end

local function is_there(needs, scratch)
    for name in needs:gmatch("%S+") do
        local asked = name == "systemd-creds" and "systemd-creds setup" or "command -v " .. name
        if name == "root" then asked = ("mount -t tmpfs none '%s/dev/shm' && umount '%s/dev/shm'"):format(scratch, scratch) end
        if not os.execute("(" .. asked .. ") >/dev/null 2>&1") then return false end
    end
    return true
end

describe("docs/operations.md", function()
    local scratch

    setup(function()
        scratch = files.folder()
        local function shell(text) os.execute(("cd '%s' && "):format(scratch) .. text) end
        local top = luv.cwd()
        shell("mkdir -p bin tokens mnt/counter dev/shm var/lib etc tmp usr/local/share/tbtc-signer && chmod 700 mnt/counter")
        shell(("cp -R '%s/policies' usr/local/share/tbtc-signer/policies"):format(top))
        files.write(scratch .. "/bin/aws", AWS)
        files.write(scratch .. "/bin/systemctl", "#!/bin/sh\n")
        shell(("chmod 755 bin/*; ln -s '%s/build/tbtc-signer' bin/tbtc-signer"):format(top))
        files.write(scratch .. "/softhsm2.conf",
            ("directories.tokendir = %s/tokens\nobjectstore.backend = file\n"):format(scratch))
    end)
    teardown(function()
        os.execute(("umount '%s/small' 2>/dev/null"):format(scratch))
        files.remove(scratch)
    end)

    --- Old state files sealed with a key that the key command of this moment gives.
    local function old_files(key_hex)
        local payload = vectors.load("store/envelope-v3").payload
        for name, generation in pairs({ ["old-state.json"] = 0, ["old-state-4.json"] = 1041 }) do
            files.write(scratch .. "/" .. name, signer.test_import.seal({ key = vectors.bytes(key_hex), provider = "command",
                nonce = ("\1"):rep(24), payload = payload, generation = generation > 0 and generation or nil }))
        end
    end

    local function placed(text)
        for _, place in ipairs(PLACES) do
            text = text:gsub(place, function(found) return scratch .. found end)
        end
        return text
    end

    --- One script for all blocks, so that what is exported stays; each command leaves its output and status.
    local function script_of(blocks)
        local parts = { "cd '" .. scratch .. "'" }
        for _, block in ipairs(blocks) do
            block.left_out = block.needs and not is_there(block.needs, scratch)
            if not block.left_out then
                if block.needs then parts[#parts + 1] = "(" end
                for _, command in ipairs(block.commands) do
                    local left = ("%s/%d"):format(scratch, command.line)
                    parts[#parts + 1] = ("{\n%s\n} >'%s.out' 2>&1\necho $? >'%s.status'"):format(placed(command.text), left, left)
                end
                if block.needs then parts[#parts + 1] = ")" end
            end
        end
        return table.concat(parts, "\n") .. "\n"
    end

    local function check(command)
        local function read(kind)
            local file = io.open(("%s/%d.%s"):format(scratch, command.line, kind), "rb")
            local text = file and file:read("a")
            if file then file:close() end
            return text
        end
        local out, status = read("out"), read("status")
        local told = ("line %d: %s\n%s"):format(command.line, command.text, out or "was not run")
        assert.truthy(status, told)
        if not command.code then return assert.equal("0\n", status, told) end
        assert.not_equal("0\n", status, told)
        assert.truthy(out:find(command.code, 1, true), told)
    end

    it("store 15, 35.13: its commands do what it says", function()
        if child.sanitized then return pending("the commands run on the release build") end
        local blocks = blocks_of("docs/operations.md")
        assert.is_true(#blocks > 15)
        local script = script_of(blocks)
        -- the old state files must be sealed under the key of the store: kept when it is made
        script = script:gsub("shred %-u ([^\n]*/state%-key%.hex)", "cp %1 '" .. scratch .. "/key'; shred -u %1", 1)
        local first, second = script:match("^(.-)(\n{\ninstall %-d %-m 700 [^\n]*/taken%-over\n.*)$")
        assert.truthy(first)
        files.write(scratch .. "/first.sh", first .. "\nexport -p >'" .. scratch .. "/environment'\n")
        files.write(scratch .. "/second.sh", ("cd '%s'\n. ./environment\numask 077"):format(scratch) .. second)
        local run = ("env -u LD_PRELOAD PATH='%s/bin':\"$PATH\" SOFTHSM2_CONF='%s/softhsm2.conf' NO_COLOR=1 bash '%s/%%s.sh'"
            .. " >'%s/%%s.log' 2>&1"):format(scratch, scratch, scratch, scratch)
        os.execute(run:format("first", "first"))
        old_files(assert(child.read_all(scratch .. "/key")))
        os.execute(run:format("second", "second"))
        local left_out = {}
        for _, block in ipairs(blocks) do
            if block.left_out then
                left_out[#left_out + 1] = ("line %d (%s)"):format(block.line, block.needs)
            else
                for _, command in ipairs(block.commands) do check(command) end
            end
        end
        if #left_out > 0 then pending("not run: " .. table.concat(left_out, ", ")) end
    end)
end)
