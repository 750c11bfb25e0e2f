-- luacheck: no max line length
-- Secret members: from the request into the vault, owned by the call, wiped at its end; from the vault
-- into the reply (D-018; abi 9.8).
local cjson = require("cjson")
local child = require("spec.support.child")
local signer = require("tbtc_signer")
local fakes = require("spec.support.fake_endpoints")
local host = require("spec.support.host")

local HEAD = [[
    local s = require("tbtc_signer.schema.types")
    local Item = s.object("Item", { { "data_hex", s.secret_hex(4096) } })
    local Secrets = s.object("Secrets", { { "one_hex", s.secret_hex(4096), optional = true }, { "two_hex", s.secret_hex(4096), optional = true },
        { "list", s.list(Item, 4), optional = true }, { "text", s.text(200), optional = true } })
    local endpoint = { request = Secrets, response = Secrets }
]]

local function identifier(member) return ('"%064x"'):format(member) end

describe("secret handle", function()
    local engine, secret

    setup(function()
        engine = fakes.new({ endpoints = {
            move = HEAD .. [[function endpoint.gates(_, request) return request end return endpoint]],
            look = HEAD .. [[function endpoint.gates(_, request) return { text = type(request.one_hex) .. " " .. tostring(request.one_hex) } end return endpoint]],
            twice = HEAD .. [[function endpoint.gates(_, request) return { one_hex = request.one_hex, two_hex = request.one_hex } end return endpoint]],
            late = HEAD .. [[function endpoint.gates(_, request) return { one_hex = request.one_hex, two_hex = request.two_hex, text = 5 } end return endpoint]],
            hoard = HEAD .. [[
                local kept
                function endpoint.gates(_, request)
                    local before = kept
                    kept = request.one_hex
                    return { one_hex = before }
                end
                return endpoint
            ]],
            fault = HEAD .. [[function endpoint.gates() error("behind the reading") end return endpoint]],
        } })
        local reply, secrets = engine:call("dkg_part1", { participant_identifier = identifier(1), max_signers = 2, min_signers = 2 })
        assert.is_truthy(reply)
        secret = secrets[1]
    end)

    teardown(function()
        secret:close()
        engine:close()
    end)

    -- Only the one that this spec holds is left after each call.
    after_each(function()
        collectgarbage()
        collectgarbage()
        assert.are.equal(1, engine:live_secrets())
    end)

    it("goes in as a copy and comes out as another handle on equal bytes", function()
        local reply, made = engine:call("move", { one_hex = "@1", list = { { data_hex = "@2" }, { data_hex = "@1" } } }, { secret, secret })
        assert.are.same({ one_hex = "@1", list = { { data_hex = "@2" }, { data_hex = "@3" } } }, reply)
        assert.are.equal(4, engine:live_secrets())
        local bytes = signer.test_vault.read(secret)
        for _, handle in ipairs(made) do
            assert.are_not.equal(secret, handle)
            assert.are.equal(bytes, signer.test_vault.read(handle))
            handle:close()
        end
        assert.are.equal(1, engine:live_secrets())
    end)

    it("shows nothing of itself to an endpoint file", function()
        local text = engine:call("look", { one_hex = "@1" }, { secret }).text
        assert.truthy(text:find("^userdata "))
        assert.is_nil(text:find("0x"))
    end)

    it("is wiped when the call fails, wherever it fails", function()
        for _, name in ipairs({ "fault", "late", "twice" }) do
            local ok, reply, made = engine:request(name, '{"one_hex":"@1","two_hex":"@1"}', { secret })
            assert.is_false(ok, name)
            assert.are.equal("internal_error", cjson.decode(reply).code)
            assert.are.same({}, made)
            assert.are.equal(1, engine:live_secrets())
        end
        local ok = engine:request("move", '{"one_hex":"@1","two_hex":"@1"', { secret })
        assert.is_false(ok)
        ok = engine:request("move", '{"one_hex":"@1","two_hex":"@2"}', { secret })
        assert.is_false(ok)
    end)

    it("is stale after its call, even where a file hoards it", function()
        assert.is_true((engine:request("hoard", '{"one_hex":"@1"}', { secret })))
        local ok, reply = engine:request("hoard", '{"one_hex":"@1"}', { secret })
        assert.is_false(ok)
        assert.are.equal("internal_error", cjson.decode(reply).code)
    end)

    it("is refused when it was closed or the text names none", function()
        local reply, secrets = engine:call("move", { one_hex = "@1" }, { secret })
        assert.is_truthy(reply)
        secrets[1]:close()
        assert.has_error(function() engine:call("move", { one_hex = "@1" }, { secrets[1] }) end)
        for _, text in ipairs({ "@", "@0", "@2", "@x", "00", "", "@-1", "@99999999", " @1", "@1 ", "@01x" }) do
            local ok, envelope = engine:request("move", cjson.encode({ one_hex = text }), { secret })
            assert.is_false(ok, text)
            assert.are.equal("validation_error", cjson.decode(envelope).code)
        end
    end)
end)

describe("secret hex", function()
    -- In a process of its own, whose environment says development.
    local function run(body)
        local result = child.run(([[
            local cjson = require("cjson")
            local abi = signer.test_abi.open(%q)
            local function call(name, body)
                local status, text = abi:call("frost_tbtc_" .. name, body)
                return status, cjson.decode(text)
            end
            local function part1(member)
                local status, reply = call("dkg_part1",
                    cjson.encode({ participant_identifier = ("%%064x"):format(member), max_signers = 2, min_signers = 2 }))
                assert(status == 0, reply.message)
                return reply
            end
            local secret = part1(1).secret_package_hex
            local peer = cjson.encode(part1(2).package)
            local function part2(text)
                return call("dkg_part2", ('{"secret_package_hex":%%s,"round1_packages":[%%s]}'):format(text, peer))
            end
        ]]):format(host.library) .. body, { before = "env TBTC_SIGNER_PROFILE=development" })
        assert.are.equal(0, result.status, result.err)
    end

    it("is read in either case, and with escapes", function()
        run([[
            local function escape(c) return ("\\u%04X"):format(c:byte()) end
            for _, text in ipairs({ secret, secret:upper(), (secret:gsub("^.", escape)), (secret:gsub(".", escape)) }) do
                local status, reply = part2('"' .. text .. '"')
                assert(status == 0, reply.message)
                assert(#reply.secret_package_hex > 64 and #reply.packages == 1)
            end
        ]])
    end)

    it("that cannot be decoded is a validation error that echoes none of it", function()
        run([[
            for _, text in ipairs({ secret .. "0", secret:sub(1, -2), secret:sub(1, -2) .. "g", "", "0", "0x" .. secret, secret .. " ",
                secret:sub(1, 40), "@1" }) do
                local status, envelope = part2('"' .. text .. '"')
                assert(status == 1 and envelope.code == "validation_error", text)
                assert(not envelope.message:find(secret:sub(70, 90), 1, true))
            end
        ]])
    end)

    it("of a wrong type or length is refused while reading", function()
        run([[
            for _, text in ipairs({ "5", "null", "[]", '"' .. ("0"):rep(65538) .. '"' }) do
                local status, envelope = part2(text)
                assert(status == 1)
                assert(envelope.message:find("JSON request payload is invalid: secret_package_hex", 1, true), envelope.message)
            end
        ]])
    end)
end)
