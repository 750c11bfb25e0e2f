-- The Lua module as a user loads it.
local child = require("spec.support.child")
local host = require("spec.support.host")

local function in_build(command)
    local pipe = assert(io.popen(("cd %s && %s 2>&1"):format(host.build, command)))
    local text = pipe:read("a")
    local ok = pipe:close()
    return ok, text
end

describe("module", function()
    it("loads in its folder with nothing set, and finds its Lua parts inside itself", function()
        local ok, text = in_build([[LUA_PATH= LUA_CPATH= /usr/bin/lua5.4 -e 'package.path = "" package.cpath = "./?.so"
            local signer = require "tbtc_signer"
            assert(signer.version == "0.1.0")
            assert(require("tbtc_signer.errors").info("VALIDATION").code == "validation_error")
            assert(require("signer.codec") == signer.codec)
            print(type(signer.engine), type(signer.sandbox.evaluate), type(signer.curve))']])
        assert.is_truthy(ok, text)
        assert.are.equal("function\ttable\ttable\n", (text:gsub("function\tfunction", "function\ttable")))
    end)

    it("makes no global and keeps the searchers that were there", function()
        local run = child.run([[
            local before = {}
            for name in pairs(_G) do before[name] = true end
            require("tbtc_signer.errors")
            for name in pairs(_G) do assert(before[name], name) end
            assert(#package.searchers == 5)
            assert(not pcall(require, "tbtc_signer.no_such_part"))
        ]])
        assert.are.equal(0, run.status, run.err)
    end)

    describe("engine", function()
        it("raises where the program is wrong: an option that it does not know, a request that is no table", function()
            local run = child.run([[
                local ok, problem = pcall(signer.engine, { enviroment = {} })
                assert(not ok and problem:find("unknown option 'enviroment'", 1, true), problem)
                local engine = signer.engine({ environment = { TBTC_SIGNER_PROFILE = "development" } })
                ok, problem = pcall(engine.call, engine, "dkg_part1", "{}")
                assert(not ok and problem:find("the request must be a table", 1, true), problem)
                assert(engine:check_gates())
            ]])
            assert.are.equal(0, run.status, run.err)
        end)

        it("answers calls as tables, keeps secrets as handles, and hands them on", function()
            local run = child.run([[
                local engine = signer.engine({ environment = { TBTC_SIGNER_PROFILE = "development" } })
                local function id(n) return ('"%064x"'):format(n) end
                local first = {}
                for i = 1, 2 do
                    local reply, secrets = engine:call("dkg_part1",
                        { participant_identifier = id(i), max_signers = 2, min_signers = 2 })
                    assert(reply, secrets and secrets.message)
                    assert(reply.secret_package_hex == "@1" and #secrets == 1 and type(secrets[1]) == "userdata")
                    first[i] = { reply = reply, secret = secrets[1] }
                end
                local request = { secret_package_hex = "@1", round1_packages = { first[2].reply.package } }
                for _ = 1, 2 do
                    local reply, secrets = engine:call("dkg_part2", request, { first[1].secret })
                    assert(reply, secrets and secrets.message)
                    assert(#secrets == 2 and reply.packages[1].package_hex:find("^@%d$"))
                end
                for _, wrong in ipairs({ "@0", "@2", "@", "@x", "@-1", "00", "", "@1x", "@99999999" }) do
                    local reply, problem = engine:call("dkg_part2",
                        { secret_package_hex = wrong, round1_packages = { first[2].reply.package } }, { first[1].secret })
                    assert(not reply and problem.code == "validation_error", wrong)
                end
                collectgarbage() collectgarbage()
                assert(engine:live_secrets() == 2, engine:live_secrets())
                local other = signer.engine({ environment = { TBTC_SIGNER_PROFILE = "development" } })
                assert(not pcall(other.call, other, "dkg_part2", request, { first[1].secret }))
                other:close()
                engine:close()
                assert(not pcall(engine.call, engine, "roast_liveness_policy"))
                engine:close()
                first = nil
                collectgarbage()
            ]])
            assert.are.equal(0, run.status, run.err)
        end)

        it("wipes what a failed call took in", function()
            local run = child.run([[
                local engine = signer.engine({ environment = { TBTC_SIGNER_PROFILE = "development" } })
                for _ = 1, 5 do
                    local reply = engine:call("dkg_part1", { participant_identifier = "zz", max_signers = 2, min_signers = 2 })
                    assert(not reply)
                    local ok = engine:request("dkg_part2", '{"secret_package_hex":"@1","round1_packages":[{"identifier":5}]}')
                    assert(not ok)
                end
                assert(engine:live_secrets() == 0)
                engine:close()
            ]])
            assert.are.equal(0, run.status, run.err)
        end)

        it("takes its settings from the table, not from the process", function()
            local run = child.run([[
                local one = signer.engine({ environment = { TBTC_SIGNER_ROAST_COORDINATOR_TIMEOUT_MS = "45000" } })
                local none = signer.engine({ environment = {} })
                local process = signer.engine()
                assert(one:call("roast_liveness_policy").coordinator_timeout_ms == 45000)
                assert(none:call("roast_liveness_policy").coordinator_timeout_ms == 30000)
                assert(process:call("roast_liveness_policy").coordinator_timeout_ms == 60000)
                one:close() none:close() process:close()
                assert(not pcall(signer.engine, { environment = { X = 1 } }))
                assert(not pcall(signer.engine, { environment = "X" }))
                assert(not pcall(signer.engine, 5))
            ]], { before = "env TBTC_SIGNER_ROAST_COORDINATOR_TIMEOUT_MS=60000" })
            assert.are.equal(0, run.status, run.err)
        end)
    end)
end)
