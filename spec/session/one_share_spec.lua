-- One share a nonce pair, whatever comes in between: seats that are shown different packages, storage faults
-- and faults of the call, aborts, restarts, and a store that goes back to a copy of itself
-- (interactive-session 7, COM-5; 17). SIGNER_SEED and SIGNER_STEPS for a longer run.
local files = require("spec.support.files")
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")

local fault = signer.test_fault
local POINTS = { "write", "sync", "after_append", "after_sync", "after_share", "allocation", "read", "open" }

describe("a nonce pair", function()
    after_each(signing.finish_all)

    it("COM-5 makes one share at most, amid other packages, faults, restarts and restored copies", function()
        local seed = tonumber(os.getenv("SIGNER_SEED")) or os.time()
        local steps = tonumber(os.getenv("SIGNER_STEPS")) or 60
        local group = signing.new({ environment = { TBTC_SIGNER_MAX_SESSIONS = "6" } })
        local kept = signing.folder()
        local shares, given, session, second = {}, 0, 0, nil
        local pick = math.random
        math.randomseed(seed)

        local function open_again(folder)
            group.engine:close(pick(2) == 1)
            group.engine = nil
            group = signing.reopen({ folder = folder, key_group = group.key_group, environment = group.environment })
        end
        local moves = {
            function() group:restart(pick(2) == 1) end,
            function() -- keep a copy
                kept = signing.folder()
                files.copy(group.folder, kept)
            end,
            function() -- and go back to it
                if #files.names(kept) == 0 then return end
                local folder = signing.folder()
                files.copy(kept, folder)
                open_again(folder)
            end,
        }

        --- Opens and commits all seats as far as it goes. @return table commitments by member, list of packages
        local function prepare(options)
            local commitments, packages = {}, {}
            for member = 1, 3 do
                local own = signing.with(options, { member = member })
                group:open(own)
                local reply = group:round1(own)
                commitments[member] = reply and reply.commitments_hex
            end
            for _, pair in ipairs({ { 1, 2 }, { 1, 3 }, { 2, 3 } }) do
                local one, two = commitments[pair[1]], commitments[pair[2]]
                if one and two then
                    packages[#packages + 1] = { [0] = group:package({ [pair[1]] = one, [pair[2]] = two }, options),
                        [pair[1]] = one, [pair[2]] = two }
                end
            end
            return packages
        end

        local function try_share(packages, options)
            local package = packages[pick(#packages)]
            local reply = group:round2(package[0], options)
            if not reply then return end
            local own = package[options.member] or "a seat that is not in the package"
            second = second or shares[own] and own
            shares[own] = reply.signature_share_hex
            given = given + 1
        end

        for _ = 1, steps do
            if pick(4) == 1 then session = session + 1 end
            local options = { number = pick(3), session = pick(6) == 1 and "wallet" or "s" .. session,
                root = pick(2) == 1 and signing.ROOT or nil }
            local packages = prepare(options)
            for _ = 1, #packages > 0 and 12 or 0 do
                if pick(5) == 1 then fault.arm(POINTS[pick(#POINTS)], "error", pick(4)) end
                local own = signing.with(options, { member = pick(3) })
                local action = pick(40)
                if action <= 3 and pick(3) == 1 then
                    fault.clear()
                    moves[action]()
                elseif action == 4 then
                    group:abort({ session = options.session })
                elseif action == 5 then
                    pcall(group.open, group, own) -- derive may fail, too
                elseif action == 6 then
                    group:call("interactive_aggregate", { session_id = options.session, attempt_id = ("0"):rep(64),
                        signing_package_hex = packages[1][0], signature_shares = {} })
                else
                    pcall(try_share, packages, own) -- what it saw is judged below
                end
                fault.clear()
                assert.is_nil(second, ("a second share, SIGNER_SEED=%d"):format(seed))
                assert.is_nil(shares["a seat that is not in the package"])
            end
        end
        assert.is_true(given > steps // 4, ("%d shares, SIGNER_SEED=%d"):format(given, seed))
    end)
end)
