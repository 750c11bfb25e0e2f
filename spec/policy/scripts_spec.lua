-- The operator's scripts (policy-and-lifecycle 14.4; D-128, D-135, D-136, D-155; field cases 7, 8).
local engines = require("spec.support.engines")
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")
local transactions = require("spec.support.transactions")
local vectors = require("spec.support.vectors")

local request, output = transactions.request, transactions.output
local refused, state = signing.assert_refused, signer.test_state

local function write(folder, name, text)
    local file = assert(io.open(folder .. "/" .. name .. ".lua", "wb"))
    file:write(text)
    file:close()
end

local ALLOW = "return { evaluate = function() return allow() end }"
local function body(text) return "return { evaluate = function(input, settings) " .. text .. " end }" end

--- A folder with all three scripts; `texts` replaces some, false leaves one out.
local function directory(texts)
    local folder = signing.folder()
    for _, hook in ipairs({ "firewall", "dkg_admission", "quarantine" }) do
        local text = (texts or {})[hook]
        if text ~= false then write(folder, hook, text or ALLOW) end
    end
    return folder
end

describe("policy scripts", function()
    local engine

    after_each(function()
        signer.test_fault.clear()
        if engine then engine:close() end
        engine = nil
        engines.clean()
        signing.finish_all()
    end)

    local function start(texts, variables)
        local all = { ENFORCE_SIGNING_POLICY_FIREWALL = "true" }
        for name, text in pairs(variables or {}) do all[name] = text end
        local folder = type(texts) == "string" and texts or directory(texts)
        all.POLICY_DIRECTORY = folder
        if engine then engine:close() end
        engine = engines.new(all)
        return folder
    end

    local function build(changes, id) return engine:call("build_taproot_tx", request(id, changes)) end

    local function failed(changes, text)
        local reply, envelope = build(changes)
        assert.is_nil(reply)
        assert.equal("signing_policy_rejected", envelope.code)
        assert.equal("operator_policy_failed", envelope.reason_code)
        if text then assert.truthy(envelope.message:find(text, 1, true), envelope.message) end
    end

    describe("firewall at the build", function()
        it("D-128 answers a refusal with the script's own code in front", function()
            start({ firewall = body("return refuse('too_much', 'more than a coin')") })
            local reply, envelope = build()
            assert.is_nil(reply)
            assert.equal("signing_policy_rejected", envelope.code)
            assert.equal("operator_policy_refused", envelope.reason_code)
            assert.equal("recoverable", envelope.recovery_class)
            assert.equal("signing policy rejected for session s1: operator_policy_refused: too_much: more_than_a_coin",
                envelope.message)
            assert.is_nil(state.session(engine.raw, "s1")) -- TX-11
        end)

        it("FW-4 costs no token, and counts as a rejection", function()
            local folder = start({ firewall = body("return refuse('no')") }, { POLICY_RATE_LIMIT_PER_MINUTE = "1" })
            for _ = 1, 3 do assert.is_nil(build()) end
            assert.equal(3, state.counters(engine.raw).BUILD_TAPROOT_TX_POLICY_REJECT)
            write(folder, "firewall", ALLOW)
            assert(build())
        end)

        it("PS-1 changes no answer of the floor by allowing everything", function()
            start()
            assert.equal("signing_policy_rejected/script_class_not_allowlisted",
                (engine:refuse("build_taproot_tx", request(nil, { outputs = { output(1, "6a") } }))))
            assert.equal("validation_error", (engine:refuse("build_taproot_tx", request(nil, { outputs = { output(200000) } }))))
            assert(build())
        end)

        it("PS-3 lets a floor refusal be answered as such although the script refuses or loops", function()
            for _, text in ipairs({ body("return refuse('no')"), body("while true do end") }) do
                start({ firewall = text })
                assert.equal("signing_policy_rejected/script_class_not_allowlisted",
                    (engine:refuse("build_taproot_tx", request(nil, { outputs = { output(1, "6a") } }))))
            end
        end)

        --- A build with so many outputs that its input for a script is longer than 1 MiB.
        local function long_build()
            local outputs = {}
            for i = 1, 9500 do outputs[i] = output(1000, transactions.p2tr("44")) end
            return build({ inputs = { transactions.input(1, 10000000) }, outputs = outputs }, "long")
        end

        it("14.4 an input above 1 MiB is given to no script of an operator: a refusal that says so", function()
            start()
            local reply, envelope = long_build()
            assert.is_true(reply == nil)
            assert.equal("operator_policy_failed", envelope.reason_code)
            assert.truthy(envelope.message:find("longer than 1 MiB", 1, true), envelope.message)
            assert(build())
        end)

        it("D-128 the defaults refuse nothing, a transaction of that length neither", function()
            if engine then engine:close() end
            engine = engines.new({ ENFORCE_SIGNING_POLICY_FIREWALL = "true" })
            assert.is_string(assert(long_build()).tx_hex)
        end)

        it("14.4 an operator's script runs anew for every question; a default of ours is believed", function()
            start()
            local function runs_of(id)
                local before = signer.sandbox.runs()
                assert(build({}, id))
                return signer.sandbox.runs() - before
            end
            assert.equal(1, runs_of("twice"))
            assert.equal(1, runs_of("twice"))
            engine:close()
            engine = engines.new({ ENFORCE_SIGNING_POLICY_FIREWALL = "true" })
            assert.equal(1, runs_of("once"))
            assert.equal(0, runs_of("once"))
        end)

        it("is not asked while the firewall is off", function()
            start({ firewall = body("return refuse('no')") }, { ENFORCE_SIGNING_POLICY_FIREWALL = "false" })
            assert(build())
        end)

        it("PS-4 takes every failure for a refusal, and the next call works", function()
            local folder = start()
            for _, case in ipairs({
                { body("while true do end"), "instruction_limit" },
                { body("local t = {} while true do t[#t + 1] = {} end"), "limit" },
                { body("local t = 'x' while true do t = t .. t end"), nil },
                { body("error('broken')"), "broken" },
                { body("error({})"), nil },
                { body("pcall(function() while true do end end) return allow()"), "instruction_limit" },
                { body("return true"), "no_verdict" },
                { body("return"), "no_verdict" },
                { body("return nil, allow()"), "no_verdict" },
                { body("return refuse('Not A Code')"), nil },
                { body("return refuse('" .. ("x"):rep(65) .. "')"), nil },
                { body("return refuse('x', string.rep('y', 1025))"), nil },
                { body("return os.exit()"), nil },
                { body("setmetatable({}, { __gc = function() while true do end end }) return allow()"), nil },
                { "return 5", "no_table" },
                { "return {", nil },
                { "\27Lua", nil },
                { ("-"):rep(262145), "256_KiB" },
                { "return { settings = { a = { default = 1.5 } }, evaluate = function() return allow() end }", "float" },
            }) do
                write(folder, "firewall", case[1])
                failed(nil)
                write(folder, "firewall", ALLOW)
                assert(build(nil, "next"))
            end
        end)

        it("fails closed where the script cannot be read", function()
            local folder = start({ firewall = false })
            failed(nil, "firewall.lua")
            os.execute("mkdir " .. folder .. "/firewall.lua")
            failed(nil, "firewall.lua")
            os.execute("rmdir " .. folder .. "/firewall.lua; ln -s " .. folder .. "/quarantine.lua " .. folder .. "/firewall.lua")
            failed(nil, "firewall.lua")
            os.execute("rm " .. folder .. "/firewall.lua; : > " .. folder .. "/firewall.lua")
            failed(nil, "empty")
            start("/nowhere/" .. ("x"):rep(20))
            failed(nil, "policy_directory")
        end)

        it("D-128 asks again on a retry", function()
            local folder = start()
            local first = assert(build())
            write(folder, "firewall", body("return refuse('changed_my_mind')"))
            local _, envelope = build()
            assert.equal("operator_policy_refused", envelope.reason_code)
            write(folder, "firewall", ALLOW)
            assert.same(first, (build()))
        end)

        it("D-136 shows every member, integers as integers, absent ones as nil (field cases 7, 8)", function()
            start({ firewall = [[
                local function walk(value)
                    if type(value) == "number" and math.type(value) ~= "integer" then return "float" end
                    if type(value) == "userdata" then return "userdata" end
                    if type(value) == "table" then
                        for key, item in pairs(value) do
                            local bad = walk(key) or walk(item)
                            if bad then return bad end
                        end
                    end
                end
                return { evaluate = function(input)
                    local bad = walk(input)
                    if bad then return refuse(bad) end
                    if input.taproot_merkle_root_hex ~= nil or input.script_tree_hex ~= nil then return refuse("not_nil") end
                    local coin, payment = input.inputs[1], input.outputs[1]
                    return refuse("seen", table.concat({ input.moment, input.session_id, coin.txid_hex, coin.vout,
                        coin.value_sats, coin.class, payment.value_sats, payment.script_hex, payment.class,
                        input.input_total_sats, input.output_total_sats, input.fee_sats, #input.inputs, #input.outputs }, "/"))
                end }
            ]] })
            local _, envelope = build({ inputs = { transactions.input(1, 2100000000000000) },
                outputs = { output(2100000000000000, transactions.p2wpkh()) } })
            assert.equal("signing policy rejected for session s1: operator_policy_refused: seen: build/s1/" .. ("%064x"):format(1)
                .. "/0/2100000000000000/p2tr/2100000000000000/" .. transactions.p2wpkh()
                .. "/p2wpkh/2100000000000000/2100000000000000/0/1/1", envelope.message)
        end)

        it("field case 7: a total limit one satoshi lower names the amount in full", function()
            start(nil, { POLICY_MAX_TOTAL_OUTPUT_VALUE_SATS = "2099999999999999" })
            local _, envelope = build({
                inputs = { transactions.input(1, 2100000000000000) }, outputs = { output(2100000000000000) },
            })
            assert.equal("total_output_value_exceeds_policy_limit", envelope.reason_code)
            assert.truthy(envelope.message:find("2099999999999999", 1, true))
            assert.is_nil(envelope.message:find("e+", 1, true))
        end)

        it("gives the same verdict in a dry run", function()
            local policy_source = body("return refuse('x', tostring(input.fee_sats))")
            local verdict = signer.sandbox.evaluate({ source = policy_source, name = "firewall.lua",
                input = { fee_sats = 1000 }, settings = {} })
            assert.same({ allowed = false, failed = false, code = "x", detail = "1000" }, verdict)
            start({ firewall = policy_source })
            local _, envelope = build()
            assert.truthy(envelope.message:find("x: 1000", 1, true))
        end)
    end)

    describe("records", function()
        it("PS-5, 14.4 makes a refusal durable before it is answered", function()
            start({ firewall = body("return refuse('no')") })
            build() -- opens the store
            local generation = state.counts(engine.raw).generation
            signer.test_fault.arm("sync", "error", 1, true)
            local _, envelope = build()
            signer.test_fault.clear()
            assert.equal("internal_error", envelope.code)
            assert.equal("state_io", envelope.reason_code)
            local _, again = build()
            assert.equal("operator_policy_refused", again.reason_code)
            assert.equal(generation, state.counts(engine.raw).generation) -- a NOTE counts for no generation
            engine = engine:reopen(engine.variables)
            local _, reopened = build()
            assert.equal("operator_policy_refused", reopened.reason_code)
        end)

        it("D-155 writes no VERDICT for the embedded defaults", function()
            local function bytes_of(folder)
                local pipe = assert(io.popen("cat " .. folder .. "/state.store/log-* | tr -d '\\0' | wc -c"))
                local count = tonumber(pipe:read("a"))
                pipe:close()
                return count
            end
            engine = engines.new({ ENFORCE_SIGNING_POLICY_FIREWALL = "true" })
            assert(build())
            local plain = bytes_of(engine.folder)
            start()
            assert(build())
            assert.is_true(bytes_of(engine.folder) > plain + 200) -- the same record with its VERDICT
        end)
    end)

    describe("dkg_admission and quarantine", function()
        local PERSIST = "persist_distributed_dkg_key_package"

        local function persist(seat)
            local keys = engine:dkg(3, 2)
            local reply, envelope = engine:call(PERSIST, engines.persist_request("wallet", keys, seat or 1, 2))
            return reply and "ok" or envelope.code .. "/" .. tostring(envelope.reason_code), envelope
        end

        it("14.4 asks dkg_admission also while admission is off, and shows it the group", function()
            start({ dkg_admission = body([[
                return refuse("seen", table.concat({ input.session_id, #input.key_group, input.participant_identifier,
                    input.threshold, table.concat(input.participants, "-") }, "/"))]]) })
            local code, envelope = persist()
            assert.equal("admission_policy_rejected/operator_policy_refused", code)
            assert.truthy(envelope.message:find("seen: wallet/66/1/2/1-2-3", 1, true), envelope.message)
            assert.is_nil(state.session(engine.raw, "wallet"))
            assert.equal(1, state.counters(engine.raw).RUN_DKG_ADMISSION_REJECT)
            start({ dkg_admission = body("error('x')") })
            assert.equal("admission_policy_rejected/operator_policy_failed", (persist()))
        end)

        it("comes after rule 5 and before quarantine", function()
            start({ dkg_admission = body("return refuse('no')"), quarantine = body("return refuse('no')") },
                { ENFORCE_ADMISSION_POLICY = "true", ADMISSION_MIN_PARTICIPANTS = "4" })
            assert.equal("admission_policy_rejected/participant_count_below_policy_minimum", (persist()))
            start({ dkg_admission = body("return refuse('no')"), quarantine = body("return refuse('no')") })
            assert.equal("admission_policy_rejected/operator_policy_refused", (persist()))
        end)

        it("asks quarantine per identifier of the group", function()
            start({ quarantine = body(
                "if input.member_identifier == 3 then return refuse('avoided', 'member 3') end return allow()") })
            local code, envelope = persist()
            assert.equal("quarantine_policy_rejected/operator_policy_refused", code)
            assert.truthy(envelope.message:find("avoided: member_3", 1, true))
            start({ quarantine = body("if input.member_identifier == 2 then error('x') end return allow()") })
            assert.equal("quarantine_policy_rejected/operator_policy_failed", (persist()))
            start()
            assert.equal("ok", (persist()))
        end)

        it("PS-2 a refusing script stops no retire", function()
            local folder = start()
            local keys = engine:dkg(3, 2)
            local stored = engine:must(PERSIST, engines.persist_request("wallet", keys, 1, 2))
            for _, hook in ipairs({ "firewall", "dkg_admission", "quarantine" }) do
                write(folder, hook, body("return refuse('no')"))
            end
            assert.is_true(engine:must("retire_distributed_dkg_key_packages", { key_group = stored.key_group }).retired)
        end)
    end)

    describe("at signing", function()
        local function group_with(texts, variables)
            local folder = directory(texts)
            local environment = { TBTC_SIGNER_POLICY_DIRECTORY = folder }
            for name, text in pairs(variables or {}) do environment["TBTC_SIGNER_" .. name] = text end
            return signing.new({ environment = environment }), folder
        end

        local function sighash(group, id)
            local reply = assert(group:call("build_taproot_tx", request(id or "session")))
            return vectors.bytes(reply.taproot_key_spend_sighashes_hex[1])
        end

        it("D-128 asks the firewall at open and at round 2, on the stored transaction", function()
            local group, folder = group_with({ firewall = body("return allow()") }, { ENFORCE_SIGNING_POLICY_FIREWALL = "true" })
            local message = sighash(group)
            write(folder, "firewall", body("if input.moment == 'sign' then return refuse('not_now') end return allow()"))
            refused({ code = "signing_policy_rejected", reason = "operator_policy_refused", text = "not_now" },
                group:open({ message = message }))
            write(folder, "firewall", ALLOW)
            local package = group:prepare({ message = message })
            write(folder, "firewall", body("return refuse('not_now')"))
            refused({ code = "signing_policy_rejected", reason = "operator_policy_refused" },
                group:round2(package, { message = message }))
            write(folder, "firewall", body("while true do end"))
            refused({ code = "signing_policy_rejected", reason = "operator_policy_failed" },
                group:round2(package, { message = message }))
            write(folder, "firewall", ALLOW)
            assert(group:round2(package, { message = message })) -- nothing was consumed
            group:assert_replay()
        end)

        it("14.4 asks quarantine at open, round 1 and round 2, for each member of the package", function()
            local group, folder = group_with()
            local package = group:prepare()
            write(folder, "quarantine", body("if input.member_identifier == 2 then return refuse('avoided') end return allow()"))
            refused({ code = "quarantine_policy_rejected", reason = "operator_policy_refused" }, group:round2(package))
            refused({ code = "quarantine_policy_rejected", reason = "operator_policy_refused" }, group:round1({ member = 2 }))
            refused({ code = "quarantine_policy_rejected", reason = "operator_policy_refused" },
                group:open({ session = "another", member = 2 }))
            assert(group:open({ session = "another" }))
            write(folder, "quarantine", ALLOW)
            assert(group:round2(package))
        end)

        it("R2-1, 14.4 round 2 asks about whom it comes to: nobody, the seat, or the members of a package that fits", function()
            local group, folder = group_with()
            local package = group:prepare()
            local function runs(work)
                local before = signer.sandbox.runs()
                work()
                return signer.sandbox.runs() - before
            end
            assert.equal(0, runs(function() refused("session_not_found", group:round2(package, { session = "none" })) end))
            assert.equal(0, runs(function()
                refused("validation_error", group:round2(package, { attempt_id = ("ab"):rep(32) }))
            end))
            local commitments = {}
            for member = 1, 2 do commitments[member] = group:round1({ member = member }).commitments_hex end
            local other = group:package(commitments, { message = ("\x43"):rep(32) })
            local function refuse_of(member)
                write(folder, "quarantine",
                    body(("if input.member_identifier == %d then return refuse('avoided') end return allow()"):format(member)))
            end
            assert.equal(1, runs(function() refused("validation_error", group:round2(other)) end))
            refuse_of(2)
            refused("validation_error", group:round2(other)) -- step 13 before step 14
            refuse_of(1) -- step 10 before step 13
            refused({ code = "quarantine_policy_rejected", reason = "operator_policy_refused" }, group:round2(other))
            write(folder, "quarantine", ALLOW)
            assert.equal(2, runs(function() assert(group:round2(package)) end))
            assert.equal(0, runs(function() refused("consumed_nonce_replay", group:round2(package)) end))
        end)

        it("PS-2 a refusing script stops no abort and no aggregate", function()
            local group, folder = group_with()
            local package = group:prepare()
            local shares = group:shares(package)
            for _, hook in ipairs({ "firewall", "quarantine" }) do write(folder, hook, body("return refuse('no')")) end
            assert(group:aggregate(package, shares))
            assert(group:abort())
        end)
    end)

    describe("defaults and samples", function()
        it("read as scripts, and the defaults refuse nothing", function()
            for _, hook in ipairs({ "firewall", "dkg_admission", "quarantine" }) do
                for _, folder in ipairs({ "policies", "policies/samples" }) do
                    local file = assert(io.open(folder .. "/" .. hook .. ".lua"))
                    local source = file:read("a")
                    file:close()
                    local seen = signer.sandbox.inspect({ source = source, name = hook, settings = {} })
                    assert.is_false(seen.failed, seen.detail)
                end
            end
        end)

        it("the sample firewall refuses what it says", function()
            local file = assert(io.open("policies/samples/firewall.lua"))
            local source = file:read("a")
            file:close()
            start({ firewall = source })
            assert(build({ outputs = { output(99000) } }))
            local _, fee = build({ outputs = { output(90000) } }, "fee")
            assert.truthy(fee.message:find("fee_share_too_high: fee_10000", 1, true))
            local _, unknown = build({
                inputs = { transactions.input(1, 2000000) }, outputs = { output(1, nil), output(1990000) },
            }, "u")
            assert.truthy(unknown.message:find("unknown_recipient: output_2", 1, true))
        end)

        it("the sample redemption passes the floor and the defaults", function()
            engine = engines.new({ ENFORCE_SIGNING_POLICY_FIREWALL = "true" })
            local json = require("tbtc_signer.json")
            local sample = assert(json.read("policies/samples/redemption.json", 65536))
            for _, item in ipairs(sample.inputs) do item.script_pubkey_hex = transactions.p2tr() end
            sample.session_id = "sample"
            engine:must("build_taproot_tx", sample)
        end)
    end)
end)
