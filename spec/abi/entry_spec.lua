-- luacheck: no max line length
-- The entry points themselves: sizes, pointers, buffers, containment (abi 1, 3.1; D-001, D-010, D-011).
local cjson = require("cjson")
local signer = require("tbtc_signer")
local child = require("spec.support.child")
local host = require("spec.support.host")

local NO_REQUEST = { "version", "abi_version", "roast_liveness_policy" }
local WITH_REQUEST = {
    "init_signer_config", "dkg_part1", "dkg_part2", "dkg_part3", "persist_distributed_dkg_key_package",
    "retire_distributed_dkg_key_packages", "derive_interactive_attempt_context", "interactive_session_open", "interactive_round1",
    "new_signing_package", "interactive_round2", "verify_signature_share", "interactive_aggregate", "interactive_session_abort",
    "build_taproot_tx",
}
local MAX = 16777216

describe("entry point", function()
    local abi

    setup(function() abi = signer.test_abi.open(host.library) end)

    local function refuses(status, text, reason)
        assert.are.equal(1, status)
        local envelope = cjson.decode(text)
        assert.are.equal("validation_error", envelope.code, text)
        assert.are.equal("recoverable", envelope.recovery_class)
        assert.are.equal("validation failed: ", envelope.message:sub(1, 19))
        if reason then assert.truthy(envelope.message:find(reason, 1, true), text) end
    end

    it("version is plain text, abi_version 4.4 with its extensions", function()
        local status, text = abi:call("frost_tbtc_version")
        assert.are.same({ 0, "tbtc-signer/0.1.0-bootstrap" }, { status, text })
        status, text = abi:call("frost_tbtc_abi_version")
        assert.are.same({ 0, '{"abi_major":4,"abi_minor":4,"extensions":[]}' }, { status, text })
    end)

    it("without request answers from the first call on", function()
        for _, name in ipairs(NO_REQUEST) do
            local status, text = abi:call("frost_tbtc_" .. name)
            assert.are.equal(0, status, text)
            assert.is_true(#text > 0)
        end
    end)

    for _, name in ipairs(WITH_REQUEST) do
        local symbol = "frost_tbtc_" .. name

        it(name .. " checks the size before it touches the pointer, then the pointer, then the text", function()
            local status, text = abi:call_raw(symbol, 0xdeadbeef, MAX + 1)
            refuses(status, text, tostring(MAX + 1))
            assert.truthy(text:find(tostring(MAX), 1, true))
            refuses(abi:call_raw(symbol, nil, MAX + 1))
            refuses(abi:call_raw(symbol, 0xdeadbeef, -1))
            status, text = abi:call_raw(symbol, nil, 0)
            refuses(status, text, "null")
            status, text = abi:call_raw(symbol, nil, 10)
            refuses(status, text, "null")
            status, text = abi:call_raw(symbol, "{}", 0)
            refuses(status, text, "JSON request payload is invalid")
            status, text = abi:call_raw(symbol, "{}\0", 3)
            refuses(status, text, "JSON request payload is invalid")
        end)

        it(name .. " refuses whatever is no object of its form, before any gate", function()
            for _, body in ipairs({ "null", "[]", "1", '"x"', "{", '{"a":1,"a":1}', "\xef\xbb\xbf{}", ("["):rep(100000), '{"x":' .. ("["):rep(100000),
                '{"session_id":"\\ud800"}', '{"session_id":1}', '{"session_id":["a"]}', '{"session_id":null,"x":"\xff"}' }) do
                refuses(abi:call(symbol, body))
            end
        end)
    end

    it("refuses a request cut short at each byte", function()
        local body = '{"session_id":"s","member_identifier":1,"message_hex":"00","key_group":"02","threshold":2,"attempt_context":' ..
            '{"attempt_number":1,"coordinator_identifier":1,"included_participants":[1,2],"included_participants_fingerprint":"00",' ..
            '"attempt_id":"00"},"signing_intent":{"type":"heartbeat","message_hex":"ff"},"unknown":[true,null,-1.5e3,"\\ud83d\\ude00"]}'
        for length = 0, #body - 1 do
            local status, text = abi:call("frost_tbtc_interactive_session_open", body:sub(1, length))
            refuses(status, text, "JSON request payload is invalid")
        end
        local status, text = abi:call("frost_tbtc_interactive_session_open", body)
        assert.are.equal(1, status)
        assert.is_nil(text:find("JSON request payload is invalid", 1, true))
    end)

    it("takes a request of exactly 16 MiB, and scans it in time", function()
        local body = '{"x":"' .. ("a"):rep(MAX - 8) .. '"}'
        assert.are.equal(MAX, #body)
        local status, text = abi:call("frost_tbtc_interactive_session_abort", body)
        refuses(status, text, "session_id: missing member")
    end)

    it("keeps no part of the request in its answer of a parse failure", function()
        local _, text = abi:call("frost_tbtc_dkg_part2", '{"secret_package_hex":"00","secret_words":"top","secret_package_hex":"11"}')
        assert.is_nil(text:find("top", 1, true))
        assert.is_nil(text:find("secret_words", 1, true))
    end)

    describe("D-011 buffers", function()
        local function run(body)
            return child.run(([[
                local abi = signer.test_abi.open(%q)
                local one = abi:keep("frost_tbtc_version")
                local two = abi:keep("frost_tbtc_abi_version")
            ]]):format(host.library) .. body)
        end

        it("a null pointer or length 0 is no-op", function()
            local result = run([[abi:free_address(0, 10) abi:free_address(0, 0) abi:free(one, 0)
                assert(one:text() == "tbtc-signer/0.1.0-bootstrap") abi:free(one) abi:free(two)]])
            assert.are.same({ 0, "" }, { result.status, result.err })
        end)

        it("a wrong length is reported, the buffer goes whole", function()
            local result = run([[abi:free(one, 3) abi:free(two, 1000000) abi:free(one)]])
            assert.are.equal(0, result.status)
            assert.truthy(result.err:find("length 3 given for a buffer of 27 bytes", 1, true))
            assert.truthy(result.err:find("length 1000000 given", 1, true))
            assert.truthy(result.err:find("unknown or freed pointer", 1, true))
        end)

        it("a second time, an inner or a foreign pointer is reported and left alone", function()
            local result = run([[
                abi:free(one) abi:free(one) abi:free(two, 5, 1) abi:free_address(0xdead0000, 10)
                assert(two:text():find("abi_major")) abi:free(two)]])
            assert.are.equal(0, result.status, result.err)
            assert.are.equal(3, select(2, result.err:gsub("unknown or freed pointer, left alone", "")))
        end)

        it("are exact: the length is that of the text", function()
            local result = run([[assert(#one:text() == 27 and one:status() == 0) abi:free(one) abi:free(two)]])
            assert.are.equal(0, result.status, result.err)
        end)

        it("many live ones are told apart", function()
            local result = run([[
                local kept = {}
                for i = 1, 3000 do kept[i] = abi:keep("frost_tbtc_version") end
                for i = #kept, 1, -2 do abi:free(kept[i]) end
                for i = 1, #kept, 2 do assert(i % 2 == 0 or kept[i]:text():sub(1, 4) == "tbtc") abi:free(kept[i]) end
                abi:free(one) abi:free(two)]])
            assert.are.same({ 0, "" }, { result.status, result.err })
        end)
    end)

    describe("D-006 redaction", function()
        local function message(environment)
            local run = child.run(([[
                local abi = signer.test_abi.open(%q)
                io.write(select(2, abi:call("frost_tbtc_interactive_session_abort", '{"session_id":"s"}')))
                io.write("\n", select(2, abi:call("frost_tbtc_interactive_session_open", '{"session_id":"s"}')))
            ]]):format(host.library), { before = "env -u TBTC_SIGNER_PROFILE " .. environment })
            return run.out
        end

        it("a profile that is missing, wrong or padded decides alone", function()
            for _, profile in ipairs({ "X=1", "TBTC_SIGNER_PROFILE=production", "TBTC_SIGNER_PROFILE=developmen", "TBTC_SIGNER_PROFILE=" }) do
                assert.is_nil(message(profile):find("internal error: ", 1, true))
            end
        end)
    end)
end)
