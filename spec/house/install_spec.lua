-- `make install` and `make uninstall`: what a host, a script and a person find there, and that nothing stays behind.
local files = require("spec.support.files")

local folder, prefix

--- Of the tree as it is built: nothing is made again.
local function make(line)
    local status, out, err = files.run("env -u MAKEFLAGS -u MAKELEVEL -u LD_PRELOAD make -s -o all " .. line)
    assert.equal(0, status, err)
    return out
end

local function run(line)
    local status, out, err = files.run(("cd / && env -u LD_PRELOAD -u LUA_CPATH -u LUA_PATH "
        .. "LD_LIBRARY_PATH=%s/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} %s")
        :format(prefix, line))
    return status, out .. err
end

local function listed(place)
    local _, out = files.run(("cd %s && find . ! -type d | sort"):format(place))
    return out
end

describe("make install", function()
    setup(function()
        folder = files.folder()
        prefix = folder .. "/prefix"
        make("install PREFIX=" .. prefix)
    end)

    teardown(function() files.remove(folder) end)

    it("gives a host header and library through pkg-config", function()
        local program = folder .. "/host"
        local status, text = run(("sh -c 'export PKG_CONFIG_PATH=%s/lib/pkgconfig; cc -std=c11 -Wall -Werror "
            .. "%s/share/doc/tbtc-signer/scripts/examples/transaction.c $(pkg-config --cflags --libs frost_tbtc) -o %s && %s'")
            :format(prefix, prefix, program, program))
        assert.equal(0, status, text)
        assert.matches('"tx_hex":"0100', text)
        local _, needed = files.run("readelf -d " .. program)
        assert.matches("libfrost_tbtc%.so%.4%]", needed)
        assert.equal("0.1.0\n", select(2, files.run("pkg-config --modversion " .. prefix .. "/lib/pkgconfig/frost_tbtc.pc")))
    end)

    it("gives Lua a module that needs nothing of the tree", function()
        local status, text = run(([[lua5.4 -e 'package.cpath = "%s/lib/lua/5.4/?.so;" .. package.cpath
            print(require("tbtc_signer").version, require("tbtc_signer.json").encode({1}))']]):format(prefix))
        assert.equal(0, status, text)
        assert.equal("0.1.0\t[1]\n", text)
    end)

    it("gives a person the command, from any folder and through a link, with its sample", function()
        local status, text = run(prefix .. "/bin/tbtc-signer demo --signers 2 --threshold 2")
        assert.equal(0, status, text)
        assert.matches("all inputs signed", text)
        assert.equal(0, (files.run(("ln -s %s/bin/tbtc-signer %s/signer"):format(prefix, folder))))
        status, text = run(folder .. "/signer --version")
        assert.equal(0, status, text)
        assert.equal("tbtc-signer 0.1.0\n", text)
    end)

    it("gives a manual page that names every command, and completion for three shells", function()
        local page = files.read(prefix .. "/share/man/man1/tbtc-signer.1")
        for _, name in ipairs({ "demo", "node keys", "node roster", "node run", "dkg", "sign", "tx", "verify", "store verify",
            "store adopt", "doctor" }) do
            assert.truthy(page:find("\n.SS tbtc\\-signer " .. name .. "\n", 1, true), name)
        end
        for _, place in ipairs({ "bash-completion/completions/tbtc-signer", "zsh/site-functions/_tbtc-signer",
            "fish/vendor_completions.d/tbtc-signer.fish" }) do
            assert.truthy(files.read(prefix .. "/share/" .. place):find("tbtc-signer", 1, true))
        end
    end)

    it("puts the same below DESTDIR, and uninstall leaves only what was there before", function()
        local root = folder .. "/root"
        make(("install DESTDIR=%s PREFIX=/usr"):format(root))
        assert.equal(listed(prefix), listed(root .. "/usr"))
        assert.is_nil(files.read(root .. "/usr/lib/pkgconfig/frost_tbtc.pc"):find(root, 1, true))
        files.write(root .. "/usr/share/tbtc-signer/policies/mine.lua", "")
        make(("uninstall DESTDIR=%s PREFIX=/usr"):format(root))
        assert.equal("./share/tbtc-signer/policies/mine.lua\n", listed(root .. "/usr"))
        os.remove(root .. "/usr/share/tbtc-signer/policies/mine.lua")
        make(("uninstall DESTDIR=%s PREFIX=/usr"):format(root))
        local _, left = files.run(("find %s -name '*tbtc*'"):format(root))
        assert.equal("", left)
    end)
end)
