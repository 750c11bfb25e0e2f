-- The reference's envelope, schemas 3 and 4: opened strictly, taken over once, given out again as the same
-- payload (sealed-store 5, 6, 8, 10, 18, 32, 35.9; D-025, D-081, D-123, D-125, D-139).
local disk = require("spec.store.disk")
local engines = require("spec.support.engines")
local registry = require("spec.support.registry")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local importer = signer.test_import
local bytes, hex = vectors.bytes, vectors.hex

local KEY = ("\x5a"):rep(32) -- the key of spec.support.engines
local NONCE = ("\x24"):rep(24)
local MARKER = "m1@" .. ("ab"):rep(32)
local AGGREGATED = ("cd"):rep(32) .. "@" .. ("ef"):rep(32)
local EMPTY_STATE = '{"schema_version":1,"sessions":{},"refresh_epoch_counter":0,"canary_rollout":'
    .. '{"current_percent":10,"previous_percent":10,"config_version":1,"last_action_unix":1700000000}}'

local packages, public, group = registry.key_material()

--- A session as the reference writes it: the members of sealed-store 6.2 in their order.
local NULLS = { "dkg_request_fingerprint", "dkg_key_packages", "dkg_public_key_package_hex", "dkg_result",
    "sign_request_fingerprint", "sign_message_hex", "round_state", "active_attempt_context", "attempt_transition_records",
    "consumed_attempt_ids", "consumed_sign_round_ids", "finalize_request_fingerprint", "signature_result",
    "consumed_finalize_round_ids", "consumed_finalize_request_fingerprints", "build_tx_request_fingerprint", "tx_result",
    "refresh_request_fingerprint", "refresh_result", "refresh_history", "refresh_count", "emergency_rekey_event",
    "consumed_interactive_attempt_markers", "aggregated_interactive_attempt_markers", "bound_key_group",
    "policy_snapshot_version", "retired_interactive_at_unix", "authorized_interactive_aggregate_markers" }
local OMITTED = { active_attempt_context = true, attempt_transition_records = true, consumed_attempt_ids = true,
    consumed_sign_round_ids = true, consumed_finalize_round_ids = true, consumed_finalize_request_fingerprints = true,
    refresh_history = true, emergency_rekey_event = true, consumed_interactive_attempt_markers = true,
    aggregated_interactive_attempt_markers = true, bound_key_group = true, policy_snapshot_version = true,
    retired_interactive_at_unix = true, authorized_interactive_aggregate_markers = true }

local function session(values)
    local parts = {}
    for _, name in ipairs(NULLS) do
        local value = values[name] or (name == "refresh_count" and "0")
        if value or not OMITTED[name] then parts[#parts + 1] = ('"%s":%s'):format(name, value or "null") end
    end
    return "{" .. table.concat(parts, ",") .. "}"
end

local function state(sessions, rest)
    rest = rest or '"refresh_epoch_counter":7,"operator_fault_scores":{"3":2,"11":5},"quarantined_operator_identifiers":[11],'
        .. '"canary_rollout":{"current_percent":50,"previous_percent":10,"config_version":4,"last_action_unix":1700000099}'
    return '{"schema_version":1,"sessions":{' .. sessions .. "}," .. rest .. "}"
end

local function keys(list)
    local parts = {}
    for index, member in ipairs(list) do
        parts[index] = ('{"identifier":%d,"key_package_hex":"%s"}'):format(member, hex(packages[member == 5 and 3 or member]))
    end
    return "[" .. table.concat(parts, ",") .. "]"
end

--- A wallet, everything of a coarse round, a per-message session.
local WALLET = session({
    dkg_request_fingerprint = '"' .. ("11"):rep(32) .. '"', dkg_key_packages = keys({ 1, 2, 5 }),
    dkg_public_key_package_hex = '"' .. hex(public) .. '"',
    dkg_result = ('{"session_id":"wallet","key_group":"%s","participant_count":3,"threshold":2,"created_at_unix":1700000001}')
        :format(group),
    sign_request_fingerprint = '"fp"', sign_message_hex = '"6d657373616765"',
    round_state = '{"session_id":"wallet","round_id":"r1","required_contributions":2,"message_digest_hex":"' .. ("aa"):rep(32)
        .. '","taproot_merkle_root_hex":"' .. ("bb"):rep(32) .. '","signing_participants":[1,2],"attempt_transition_telemetry":'
        .. '{"from_attempt_number":1,"to_attempt_number":2,"from_coordinator_identifier":1,"to_coordinator_identifier":2,'
        .. '"reason":"timeout","excluded_member_identifiers":[5],"coordinator_rotated":true},'
        .. '"own_contribution":{"identifier":1,"signature_share_hex":"0102"}}',
    active_attempt_context = '{"attempt_number":2,"coordinator_identifier":2,"included_participants":[1,2],'
        .. '"included_participants_fingerprint":"ff","attempt_id":"a2"}',
    attempt_transition_records = '[{"from_attempt_number":1,"to_attempt_number":2,"from_attempt_id":"a1","to_attempt_id":"a2",'
        .. '"previous_round_id":"r0","previous_sign_request_fingerprint":"fp0","from_coordinator_identifier":1,'
        .. '"to_coordinator_identifier":2,"reason":"timeout","excluded_member_identifiers":[5],"transcript_hash":"th",'
        .. '"recorded_at_unix":1700000002}]',
    consumed_attempt_ids = '["a1","a2"]', consumed_sign_round_ids = '["r0","r1"]',
    finalize_request_fingerprint = '"ff"', signature_result = '{"session_id":"wallet","round_id":"r0","signature_hex":"0a0b"}',
    consumed_finalize_round_ids = '["r0"]', consumed_finalize_request_fingerprints = '["ff"]',
    build_tx_request_fingerprint = '"bt"', tx_result = '{"session_id":"wallet","tx_hex":"0200"}',
    refresh_request_fingerprint = '"rf"',
    refresh_result = '{"session_id":"wallet","refresh_epoch":7,"new_shares":[{"identifier":1,"encrypted_share_hex":"aabb"}]}',
    refresh_history = '[{"refresh_epoch":6,"refreshed_at_unix":1700000003,"share_count":3,"key_group":"' .. group
        .. '","request_fingerprint":"old"},{"refresh_epoch":7,"refreshed_at_unix":1700000004,"share_count":3}]',
    refresh_count = "9", emergency_rekey_event = '{"reason":"found \\"odd\\" \\u0001 things","triggered_at_unix":1700000005}',
})
local MESSAGE = session({
    consumed_interactive_attempt_markers = '["' .. MARKER .. '"]',
    aggregated_interactive_attempt_markers = '["' .. AGGREGATED .. '"]',
    bound_key_group = '"' .. registry.GROUP_B .. '"', retired_interactive_at_unix = "1700000006", policy_snapshot_version = "3",
    authorized_interactive_aggregate_markers = '["' .. ("12"):rep(32) .. '"]',
})
local FULL = state('"msg \u{e9}":' .. MESSAGE .. ',"wallet":' .. WALLET)

local function envelope(payload, change)
    local sealed = { payload = payload, key = KEY, nonce = NONCE }
    for name, value in pairs(change or {}) do sealed[name] = value end
    return importer.seal(sealed)
end

local function fresh() return registry.new().state end

local function payload_refusal(payload)
    local good, why = pcall(importer.payload, fresh(), payload)
    return not good and why.error or nil, not good and why.detail or nil
end

describe("import of an old state file", function()
    local folder
    before_each(function()
        folder = disk.directory()
        disk.shell("chmod 700 '%s'", folder)
    end)
    after_each(function() disk.remove(folder) end)
    teardown(engines.clean)

    local function put(text) disk.write(folder .. "/state", text) end
    local function open(variables) return engines.new(variables, { folder = folder }) end

    --- Opens the state through a call that needs it.
    local function touch(engine)
        local _, problem = engine:call("retire_distributed_dkg_key_packages", { key_group = group })
        return problem
    end

    local function reason(variables)
        local engine = open(variables)
        local problem = touch(engine)
        engine:abandon()
        return problem and problem.reason_code
    end

    it("32 seals and opens the reference's envelope: ciphertext and tag of schema 3", function()
        local vector = vectors.load("store/envelope-v3")
        local sealed = importer.seal({ payload = vector.payload, key = bytes(vector.key), nonce = bytes(vector.nonce) })
        local json = require("cjson").decode(sealed)
        assert.equal(vector.key_id, json.key_id)
        assert.equal(vector.nonce, json.nonce)
        assert.equal(vector.tags.schema_3, json.authentication_tag)
        assert.equal(vector.ciphertext_sha256, hex(signer.curve.sha256(bytes(json.ciphertext))))
        put(sealed)
        local engine = open({ STATE_ENCRYPTION_KEY_HEX = vector.key })
        assert.is_nil((touch(engine) or {}).reason_code)
        assert.equal(vector.payload, importer.engine_payload(engine.raw))
        engine:close()
    end)

    it("D-081 takes the file over once, keeps it under another name, and gives out the same payload", function()
        local sealed = envelope(FULL)
        put(sealed)
        local engine = open()
        touch(engine)
        assert.equal(FULL, importer.engine_payload(engine.raw))
        engine:close()
        assert.is_false(disk.exists(folder .. "/state"))
        local kept
        for _, name in ipairs(disk.names(folder)) do kept = name:match("^state%.imported%-%d+$") or kept end
        assert.equal(sealed, disk.read(folder .. "/" .. kept))
        engine = open()
        touch(engine)
        assert.equal(FULL, importer.engine_payload(engine.raw))
        engine:close()
    end)

    it("35.6 back-fills highest attempt, origin, key group of the rekey event and refresh count", function()
        local test = registry.new()
        importer.payload(test.state, FULL)
        assert.equal("\xff\xff\xff\xff", test.state:field("msg \u{e9}", 21))
        assert.equal(string.pack(">I4", 3), test.state:field("msg \u{e9}", 19))
        assert.is_nil(test.state:field("wallet", 21))
        assert.equal("\1", test.state:field("wallet", 22))
        assert.equal(string.pack(">I8", 9), test.state:field("wallet", 15))
        assert.equal(registry.lp('found "odd" \1 things') .. string.pack(">I8", 1700000005) .. registry.lp(group),
            test.state:field("wallet", 16))
        assert.equal(registry.lp("wallet") .. registry.lp("\2\0") .. ("\0"):rep(8), test.state:field("wallet", 12))

        local part = registry.new()
        importer.payload(part.state, state('"w":' .. session({
            dkg_request_fingerprint = '"x"', dkg_key_packages = keys({ 1 }),
            dkg_public_key_package_hex = '"' .. hex(public) .. '"',
            dkg_result = ('{"session_id":"w","key_group":"%s","participant_count":3,"threshold":2,"created_at_unix":1}')
                :format(group),
            refresh_history = '[{"refresh_epoch":1,"refreshed_at_unix":1,"share_count":3}]', refresh_count = "0",
        })))
        assert.equal("\2", part.state:field("w", 22))
        assert.equal(string.pack(">I8", 1), part.state:field("w", 15))
    end)

    it("6.1 members come in any order; missing ones have their defaults", function()
        local test = registry.new()
        importer.payload(test.state,
            '{"refresh_epoch_counter":0,"sessions":{"s":{"consumed_attempt_ids":["x"]}},"schema_version":1}')
        local percent, _, version = test.state:canary()
        assert.equal(10, percent)
        assert.equal(1, version)
        assert.is_true(test.state:set_holds("s", 1, "x"))
    end)

    it("8.1 refuses what breaks a rule, naming the member and never its content", function()
        local cases = {
            { "", "JSON" }, { "[]", "state" }, { EMPTY_STATE .. "x", "JSON" }, { "{}", "state" },
            { '{"schema_version":1,"sessions":{}}', "missing" },
            { EMPTY_STATE:gsub('"sessions":{}', '"sessions":{},"sessions":{}'), "JSON" },
            { EMPTY_STATE:gsub('"sessions"', '"extra":1,"sessions"'), "unknown" },
            { state('"s":' .. session({ consumed_attempt_ids = '["secret","secret"]' })), "session" },
            { state('"s":' .. session({ consumed_attempt_ids = '[""]' })), "session" },
            { state('"s":' .. session({ sign_message_hex = '"0g"' })), "sign_message_hex" },
            { state('"s":' .. session({ tx_result = '{"session_id":"s"}' })), "tx_hex" },
            { state('"s":' .. session({ tx_result = '{"session_id":"s","tx_hex":"00","more":1}' })), "tx_result" },
            { state('"s":' .. session({ emergency_rekey_event = '{"reason":" ","triggered_at_unix":1}' })), "session" },
            { state('"s":' .. session({ refresh_history = '[{"refresh_epoch":2,"refreshed_at_unix":1,"share_count":1},'
                .. '{"refresh_epoch":2,"refreshed_at_unix":1,"share_count":1}]' })), "session" },
            { state('"s":' .. session({ retired_interactive_at_unix = "5" })), "session" },
            { state('"s":' .. session({ authorized_interactive_aggregate_markers = '["AB"]' })), "session" },
            { state('"s":' .. session({ dkg_key_packages = keys({ 1 }):gsub('"identifier":1', '"identifier":2') })), "session" },
            { state('"s":' .. session({ refresh_count = "1.0" })), "refresh_count" },
            { state('"s":{"dkg_share_epoch":1}'), "dkg_share_epoch" },
            { state('"s":{"surprise":1}'), "session" }, { state('"":' .. session({})), "session" },
            { state("", '"refresh_epoch_counter":0,"canary_rollout":{"current_percent":20,"previous_percent":10,'
                .. '"config_version":1,"last_action_unix":1}'), "state" },
            { state("", '"refresh_epoch_counter":0,"quarantined_operator_identifiers":[0]'), "quarantined" },
            { state("", '"refresh_epoch_counter":0,"quarantined_operator_identifiers":[3,3]'), "state" },
            { state("", '"refresh_epoch_counter":0,"operator_fault_scores":{"0":1}'), "operator_fault_scores" },
            { state("", '"refresh_epoch_counter":0,"operator_fault_scores":{"03":1}'), "operator_fault_scores" },
            { state("", '"refresh_epoch_counter":-1'), "refresh_epoch_counter" },
        }
        for index, case in ipairs(cases) do
            local why, detail = payload_refusal(case[1])
            assert.equal("STATE_CORRUPT", why, "case " .. index)
            assert.truthy(detail:find(case[2], 1, true), index .. ": " .. detail)
            assert.falsy(detail:find("secret", 1, true))
        end
        assert.equal("STATE_VERSION", (payload_refusal((EMPTY_STATE:gsub('"schema_version":1', '"schema_version":2')))))
        local entries = {}
        for i = 1, 129 do entries[i] = ('"%d"'):format(i) end
        assert.equal("STATE_CORRUPT", (payload_refusal(state('"s":' .. session({
            consumed_attempt_ids = "[" .. table.concat(entries, ",") .. "]" })))))
    end)

    it("8.1 more sessions than the setting allows is a configuration error, and nothing is created", function()
        put(envelope(state('"a":' .. session({}) .. ',"b":' .. session({}))))
        assert.equal("invalid_configuration_value", reason({ MAX_SESSIONS = "1" }))
        assert.is_false(disk.exists(folder .. "/state.store"))
        assert.is_nil(reason({ MAX_SESSIONS = "2" }))
    end)

    it("takes a thousand sessions", function()
        local list = {}
        for i = 1, 1000 do list[i] = ('"s%04d":'):format(i) .. session({ consumed_attempt_ids = '["x"]' }) end
        put(envelope(state(table.concat(list, ","))))
        assert.is_nil(reason())
    end)

    it("5.4 refuses each broken envelope with its code, and changes nothing", function()
        local sealed = envelope(EMPTY_STATE)
        local function swap(from, to)
            local text, count = sealed:gsub(from, to)
            assert.equal(1, count)
            return text
        end
        local cases = {
            { EMPTY_STATE, "state_corrupt" }, { "", "state_corrupt" }, { "not json", "state_corrupt" },
            { sealed .. "x", "state_corrupt" },
            { swap('"schema_version":3', '"schema_version":2'), "state_version_unsupported" },
            { swap('"schema_version":3', '"schema_version":4,"state_generation":7'), "state_version_unsupported" },
            { envelope(EMPTY_STATE, { generation = 7 }), "state_version_unsupported" },
            { swap('"schema_version":3', '"schema_version":3,"state_generation":7'), "state_corrupt" },
            { swap('"schema_version":3', '"schema_version":5'), "state_version_unsupported" },
            { swap('"schema_version":3', '"schema_version":"3"'), "state_corrupt" },
            { swap('"schema_version":3', '"schema_version":3,"comment":"x"'), "state_corrupt" },
            { swap("xchacha20poly1305", "XChaCha20Poly1305"), "state_version_unsupported" },
            { swap('"env"', '"command"'), "state_key_mismatch" },
            { swap('"sha256:%x%x', '"sha256:00'), "state_key_mismatch" },
            { swap('"nonce":"24', '"nonce":"25'), "state_corrupt" }, { swap('"nonce":"24', '"nonce":"'), "state_corrupt" },
            { swap('"ciphertext":"%x', '"ciphertext":"'), "state_corrupt" },
            { swap('"authentication_tag":"%x%x', '"authentication_tag":"'), "state_corrupt" },
            { envelope(EMPTY_STATE, { key = ("\1"):rep(32) }), "state_key_mismatch" },
            { envelope(EMPTY_STATE, { provider = "command" }), "state_key_mismatch" },
            { envelope("{}"), "state_corrupt" },
        }
        for index, case in ipairs(cases) do
            put(case[1])
            local before = disk.picture(folder)
            for _ = 1, 2 do assert.equal(case[2], reason(), "case " .. index) end
            -- the lock file alone is new
            assert.equal(before, (disk.picture(folder):gsub("\n%./state%.lock[^\n]*", "")))
            assert.is_false(disk.exists(folder .. "/state.store"))
        end
        put(sealed)
        assert.is_nil(reason())
    end)

    it("2 a file with other rights, a link or a directory at the state path is unsafe", function()
        put(envelope(EMPTY_STATE))
        disk.shell("chmod 640 '%s/state'", folder)
        assert.equal("state_path_unsafe", reason())
        disk.shell("chmod 600 '%s/state'; mv '%s/state' '%s/other'; ln -s other '%s/state'", folder, folder, folder, folder)
        assert.equal("state_path_unsafe", reason())
        disk.shell("rm '%s/state'; mkdir '%s/state'", folder, folder)
        assert.equal("state_path_unsafe", reason())
        disk.shell("rmdir '%s/state'; mv '%s/other' '%s/state'", folder, folder, folder)
        assert.is_nil(reason())
    end)

    it("D-139 the same file beside the store only finishes the rename; any other is a conflict", function()
        local sealed = envelope(FULL)
        put(sealed)
        assert.is_nil(reason())
        put(sealed)
        assert.is_nil(reason())
        assert.is_false(disk.exists(folder .. "/state"))
        local kept = 0
        for _, name in ipairs(disk.names(folder)) do kept = kept + (name:find("^state%.imported%-") and 1 or 0) end
        assert.equal(2, kept)
        for _, other in ipairs({ envelope(EMPTY_STATE), "", EMPTY_STATE }) do
            put(other)
            assert.equal("state_import_conflict", reason())
            assert.equal(other, disk.read(folder .. "/state"))
        end
    end)

    it("D-081, D-086 a damaged store is never set aside for a state file that lies beside it", function()
        put(envelope(FULL))
        assert.is_nil(reason())
        local logs = disk.names(folder .. "/state.store")
        disk.flip(folder .. "/state.store/" .. logs[1], 4200)
        local older = envelope(EMPTY_STATE)
        put(older)
        assert.equal("state_corrupt", reason({ STATE_CORRUPTION_POLICY = "quarantine_and_reset" }))
        assert.equal(older, disk.read(folder .. "/state"))
        assert.is_true(disk.exists(folder .. "/state.store"))
        for _, name in ipairs(disk.names(folder)) do assert.is_nil(name:find("corrupt", 1, true)) end
    end)

    it("D-139 a rename that fails is state_io and names it; the next start is no worse (field case 6)", function()
        local sealed = envelope(FULL)
        put(sealed)
        signer.test_fault.arm("rename", "error", 3, true) -- 1 the store, 2 the mark, 3 the file
        local engine = open()
        local problem = touch(engine)
        engine:abandon()
        signer.test_fault.clear()
        assert.equal("state_io", problem.reason_code)
        assert.truthy(problem.message:find("rename", 1, true))
        assert.equal(sealed, disk.read(folder .. "/state"))
        engine = open()
        assert.is_nil((touch(engine) or {}).reason_code)
        assert.equal(FULL, importer.engine_payload(engine.raw))
        engine:close()
        assert.is_false(disk.exists(folder .. "/state"))
    end)

    it("35.9 a crash at any file call of the import is completed by the next open", function()
        local sealed = envelope(FULL)
        local faults = signer.test_fault
        for _, point in ipairs({ "open", "write", "sync", "rename" }) do
            for nth = 1, 60 do
                disk.shell("rm -rf '%s'/*", folder)
                put(sealed)
                faults.arm(point, "error", nth, true)
                local engine = open()
                local problem = touch(engine)
                local hit = faults.hits(point) >= nth
                engine:abandon()
                faults.clear()
                assert.equal(hit, problem ~= nil and problem.reason_code ~= nil, point .. nth)
                engine = open()
                assert.is_nil((touch(engine) or {}).reason_code, point .. nth)
                assert.equal(FULL, importer.engine_payload(engine.raw))
                engine:abandon()
                assert.is_false(disk.exists(folder .. "/state"))
                if not hit then break end
            end
        end
    end)

    it("D-123 an imported marker refuses an attempt, and the file is not read twice", function()
        put(envelope(FULL))
        local engine = open()
        touch(engine)
        local before = importer.engine_payload(engine.raw)
        engine:abandon()
        engine = open()
        touch(engine)
        assert.equal(before, importer.engine_payload(engine.raw))
        engine:close()
    end)

    it("D-143 a file at the state path of a store that is gone is not taken over (field case 5)", function()
        local engine = open()
        touch(engine)
        engine:close()
        disk.shell("mv '%s/state.store' '%s/aside'", folder, folder)
        for _, text in ipairs({ envelope(EMPTY_STATE), EMPTY_STATE, "" }) do
            put(text)
            local before = disk.picture(folder)
            for _ = 1, 2 do assert.equal("state_rollback_detected", reason()) end
            assert.equal(before, disk.picture(folder))
        end
        disk.shell("rm '%s/state'; mv '%s/aside' '%s/state.store'", folder, folder, folder)
        assert.is_nil(reason())
    end)

    describe("of envelope schema 4, by the tool alone", function()
        local tools = signer.store_tools

        --- @return table|nil result; or nil, its reason code or error, the text
        local function take_over(generation, variables)
            local engine = open(variables)
            local good, result = pcall(tools.take_over, engine.raw, generation)
            engine:abandon()
            if good then return result end
            assert(type(result) == "table", result)
            return nil, result.reason_code or result.error, result.detail
        end

        local function payload_now()
            local engine = open()
            touch(engine)
            local text = importer.engine_payload(engine.raw)
            engine:close()
            return text
        end

        local function untouched(before)
            assert.equal(before, (disk.picture(folder):gsub("\n%./state%.lock[^\n]*", "")))
            assert.is_false(disk.exists(folder .. "/state.store"))
        end

        it("32 seals and opens the reference's envelope: tag of schema 4, generation 7", function()
            local vector = vectors.load("store/envelope-v3")
            local sealed = importer.seal({ payload = vector.payload, key = bytes(vector.key), nonce = bytes(vector.nonce),
                generation = 7 })
            local fields = require("cjson").decode(sealed)
            assert.equal(vector.tags.schema_4_generation_7, fields.authentication_tag)
            assert.equal(vector.ciphertext_sha256, hex(signer.curve.sha256(bytes(fields.ciphertext))))
            assert.truthy(sealed:find('","state_generation":7}', 1, true))
            put(sealed)
            assert.is_true(take_over(7, { STATE_ENCRYPTION_KEY_HEX = vector.key }).imported)
        end)

        it("D-081 is taken over with the operator's generation, once; the engine goes on from there", function()
            local sealed = envelope(FULL, { generation = 41 })
            put(sealed)
            assert.equal("state_version_unsupported", reason())
            assert.is_true(take_over(41).imported)
            assert.is_false(disk.exists(folder .. "/state"))
            assert.equal(FULL, payload_now())
            assert.equal("STATE_IMPORT_CONFLICT", select(2, pcall(tools.take_over, open().raw, 41)).error)
            put(sealed) -- the same file again: only renamed (D-139)
            assert.equal(FULL, payload_now())
            assert.is_false(disk.exists(folder .. "/state"))
            put(envelope(EMPTY_STATE, { generation = 42 }))
            assert.equal("state_import_conflict", select(2, take_over(41)))
            assert.equal("state_import_conflict", reason())
        end)

        it("18 a generation above the given one is newer and good, one below is an older copy", function()
            put(envelope(EMPTY_STATE, { generation = 41 }))
            local before = disk.picture(folder)
            local _, why, text = take_over(42)
            assert.equal("state_rollback_detected", why)
            assert.truthy(text:find("41", 1, true) and text:find("42", 1, true))
            untouched(before)
            assert.is_true(take_over(40).imported)
        end)

        it("18 the whole range of generations", function()
            put(envelope(EMPTY_STATE, { generation = math.maxinteger }))
            assert.is_true(take_over(math.maxinteger).imported)
        end)

        it("5.3 the generation is authenticated: another number in the file is damage", function()
            put((envelope(EMPTY_STATE, { generation = 41 }):gsub('"state_generation":41', '"state_generation":99')))
            local before = disk.picture(folder)
            assert.equal("state_corrupt", select(2, take_over(41)))
            untouched(before)
        end)

        it("D-081 refuses schemas 2, 3 and 5, plaintext, no file, another key; nothing is touched", function()
            local sealed = envelope(EMPTY_STATE, { generation = 41 })
            local cases = {
                { envelope(EMPTY_STATE), "state_version_unsupported" },
                { sealed:gsub('"schema_version":4', '"schema_version":2'), "state_version_unsupported" },
                { sealed:gsub('"schema_version":4', '"schema_version":5'), "state_version_unsupported" },
                { sealed:gsub(',"state_generation":41', ""), "state_corrupt" },
                { sealed:gsub('"state_generation":41', '"state_generation":"41"'), "state_corrupt" },
                { sealed:gsub('"state_generation":41', '"state_generation":41.0'), "state_corrupt" },
                { EMPTY_STATE, "state_corrupt" }, { "", "state_corrupt" },
                { envelope(EMPTY_STATE, { generation = 41, key = ("\1"):rep(32) }), "state_key_mismatch" },
                { envelope("{}", { generation = 41 }), "state_corrupt" },
            }
            for index, case in ipairs(cases) do
                put(case[1])
                local before = disk.picture(folder)
                for _ = 1, 2 do assert.equal(case[2], select(2, take_over(41)), "case " .. index) end
                untouched(before)
            end
            os.remove(folder .. "/state")
            assert.equal("VALIDATION", select(2, take_over(41)))
            assert.is_false(disk.exists(folder .. "/state.store"))
        end)

        it("D-139 a cut import is finished by the next run of the tool, or by the engine once the store is there", function()
            local sealed = envelope(FULL, { generation = 41 })
            local faults = signer.test_fault
            for _, again in ipairs({ "tool", "engine" }) do
                for nth = 1, 4 do
                    disk.shell("rm -rf '%s'/*", folder)
                    put(sealed)
                    faults.arm("rename", "error", nth, true)
                    local _, why = take_over(41)
                    faults.clear()
                    if not why then break end
                    assert.equal("state_io", why)
                    local there = disk.exists(folder .. "/state.store")
                    if again == "tool" or not there then
                        assert.is_true(take_over(41).imported)
                    end
                    assert.equal(FULL, payload_now(), again .. nth)
                    assert.is_false(disk.exists(folder .. "/state"))
                end
            end
        end)

        it("D-139 init finishes its own cut import too", function()
            put(envelope(FULL))
            signer.test_fault.arm("rename", "error", 3, true)
            local engine = open()
            assert.is_false((pcall(tools.init, engine.raw)))
            signer.test_fault.clear()
            assert.is_true(tools.init(engine.raw).imported)
            assert.equal("STATE_IMPORT_CONFLICT", select(2, pcall(tools.init, engine.raw)).error)
            engine:abandon()
            assert.equal(FULL, payload_now())
        end)
    end)
end)
