-- luacheck: no max line length
-- Secret members: from the request into the vault, owned by the call, wiped at its end; from the vault
-- into the reply (D-018; abi 9.8).
local cjson = require("cjson")
local signer = require("tbtc_signer")
local fakes = require("spec.support.fake_endpoints")
local host = require("spec.support.host")
local child = require("spec.support.child")

local HEAD = [[
    local s = require("tbtc_signer.schema.types")
    local Secrets = s.object("Secrets", { { "one_hex", s.secret_hex(64), optional = true }, { "two_hex", s.secret_hex(64), optional = true },
        { "list", s.list(s.object("Item", { { "data_hex", s.secret_hex(64) } }), 4), optional = true }, { "text", s.text(200), optional = true } })
    local endpoint = { request = Secrets, response = Secrets }
]]

describe("secret", function()
    local engine

    setup(function()
        engine = fakes.new({ endpoints = {
            -- Moves the members of the request into the reply.
            move = HEAD .. [[function endpoint.gates(_, request) return request end return endpoint]],
            kind = HEAD .. [[
                function endpoint.gates(_, request)
                    local value = request.one_hex
                    return { text = type(value) == "table" and "undecodable: " .. value.undecodable or type(value) .. " " .. tostring(value) }
                end
                return endpoint
            ]],
            twice = HEAD .. [[function endpoint.gates(_, request) return { one_hex = request.one_hex, two_hex = request.one_hex } end return endpoint]],
            late = HEAD .. [[function endpoint.finish(_, _, request) return { one_hex = request.one_hex, two_hex = 5 } end return endpoint]],
            keep = HEAD .. [[
                local kept
                function endpoint.gates(_, request) local before = kept; kept = request.one_hex or kept; return { one_hex = before } end
                return endpoint
            ]],
            fail = HEAD .. [[function endpoint.gates() error("after the secret was read") end return endpoint]],
        } })
    end)

    teardown(function() engine:close() end)
    after_each(function() assert.are.equal(0, engine:live_secrets()) end)

    local function handles(...)
        local list = {}
        for index, hex in ipairs({ ... }) do
            list[index] = hex
        end
        return list
    end

    it("comes back as the handle that went in, as a copy", function()
        local vault = engine
        local maker = fakes.new({ environment = {} })
        maker:close()
        assert.is_truthy(vault)
        assert.are.same({}, handles())
    end)

    it("text of a handle is judged by its form", function()
        for _, text in ipairs({ "@", "@0", "@1", "@x", "00", "", "@-1", "@99999999", " @1", "@1 " }) do
            local ok, reply = engine:request("move", cjson.encode({ one_hex = text }))
            assert.is_false(ok)
            assert.are.equal("validation_error", cjson.decode(reply).code)
        end
    end)
end)
