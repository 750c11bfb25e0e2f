--- Key generation between two engines, shares sealed on the way (D-018, D-156; abi 3).
local signer = require("tbtc_signer")
local node_keys = signer.node_keys
local engines = require("spec.support.engines")

local function identifier(member) return ("%064x"):format(member) end

describe("shares of a key generation", function()
    local nodes

    before_each(function()
        nodes = {}
        for member = 1, 2 do
            local engine = engines.new()
            nodes[member] = { engine = engine, keys = node_keys.create(engine.raw, engine.folder .. "/node.keys") }
        end
    end)
    after_each(function()
        for _, node in ipairs(nodes) do
            node.keys:close()
            node.engine:close()
        end
        engines.clean()
    end)

    it("D-018 travel sealed from engine to engine and end in one key group", function()
        for member, node in ipairs(nodes) do
            node.first = node.engine:must("dkg_part1",
                { participant_identifier = identifier(member), max_signers = 2, min_signers = 2 })
        end
        for member, node in ipairs(nodes) do
            local peer = nodes[3 - member]
            node.second = node.engine:must("dkg_part2",
                { secret_package_hex = node.first.secret_package_hex, round1_packages = { peer.first.package } })
            local share <close> = node.second.packages[1].package_hex
            node.sealed = node.keys:seal(share, peer.keys:public().sealing, "run 1, share of " .. member)
        end
        local groups = {}
        for member, node in ipairs(nodes) do
            local peer = nodes[3 - member]
            local share = node.keys:open_sealed(peer.sealed, peer.keys:public().sealing, "run 1, share of " .. 3 - member)
            local third = node.engine:must("dkg_part3", {
                secret_package_hex = node.second.secret_package_hex, round1_packages = { peer.first.package },
                round2_packages = { { identifier = identifier(member), sender_identifier = identifier(3 - member),
                    package_hex = share } },
            })
            groups[member] = node.engine:must("persist_distributed_dkg_key_package", {
                session_id = "wallet", participant_identifier = member, threshold = 2, participant_count = 2,
                key_package = third.key_package, public_key_package = third.public_key_package,
            }).key_group
        end
        assert.are.equal(66, #groups[1])
        assert.are.equal(groups[1], groups[2])
    end)

    it("do not pass from one engine into another as handles", function()
        local first = nodes[1].engine:must("dkg_part1",
            { participant_identifier = identifier(1), max_signers = 2, min_signers = 2 })
        local good, why = pcall(nodes[2].keys.seal, nodes[2].keys, first.secret_package_hex,
            nodes[1].keys:public().sealing, "context")
        assert.is_false(good)
        assert.are.equal("VALIDATION", why.error)
    end)
end)
