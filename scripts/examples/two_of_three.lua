#!/usr/bin/env lua5.4
-- A 2-of-3 key and a heartbeat signature in one process, through the Lua module. docs/lua.md explains it.
-- From the source tree, after `make`:
--     LUA_CPATH="build/?.so;;" lua5.4 scripts/examples/two_of_three.lua
-- A rehearsal: real members are processes of their own, on machines of their own.
local signer = require("tbtc_signer")

local folder = os.tmpname() -- a private folder for the store
os.remove(folder)
assert(os.execute("mkdir -m 700 " .. folder))
local engine = signer.engine({ environment = {
    TBTC_SIGNER_PROFILE = "development",
    TBTC_SIGNER_STATE_PATH = folder .. "/state",
    TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("ab"):rep(32),
} })

--- The reply with its secrets, or an error with what the engine said.
local function call(name, request, secrets)
    local reply, extra = engine:call(name, request, secrets)
    if not reply then error(("%s: %s (%s)"):format(name, extra.message, extra.code), 2) end
    return reply, extra
end

local function identifier(member) return ('"%064x"'):format(member) end

-- Part 1: every member draws a polynomial; the packages go to everybody.
local GROUP, THRESHOLD = 3, 2
local part1, secret1, part2, secret2, sealed = {}, {}, {}, {}, {}
for member = 1, GROUP do
    part1[member], secret1[member] = call("dkg_part1",
        { participant_identifier = identifier(member), max_signers = GROUP, min_signers = THRESHOLD })
end

local function packages_of_peers(member)
    local list = {}
    for peer = 1, GROUP do if peer ~= member then list[#list + 1] = part1[peer].package end end
    return list
end

-- Part 2: one secret package for each peer. Secrets are handles; "@1" in a request names the first of
-- the list that is given with it.
for member = 1, GROUP do
    part2[member], secret2[member] = call("dkg_part2",
        { secret_package_hex = "@1", round1_packages = packages_of_peers(member) }, { secret1[member][1] })
    for _, package in ipairs(part2[member].packages) do
        sealed[package.identifier] = sealed[package.identifier] or {}
        table.insert(sealed[package.identifier],
            { from = member, secret = secret2[member][tonumber(package.package_hex:sub(2))] })
    end
end

-- Part 3 and the store: the member's key share, durable.
local wallet
for member = 1, GROUP do
    local mine = tonumber(part2[member].secret_package_hex:sub(2))
    local received, secrets = {}, { secret2[member][mine] }
    for _, box in ipairs(sealed[identifier(member)]) do
        secrets[#secrets + 1] = box.secret
        received[#received + 1] = { identifier = identifier(member), sender_identifier = identifier(box.from),
            package_hex = "@" .. #secrets }
    end
    local key, shares = call("dkg_part3", { secret_package_hex = "@1",
        round1_packages = packages_of_peers(member), round2_packages = received }, secrets)
    wallet = call("persist_distributed_dkg_key_package", { session_id = "wallet-1", participant_identifier = member,
        threshold = THRESHOLD, participant_count = GROUP, key_package = key.key_package,
        public_key_package = key.public_key_package }, shares)
end
print("key group  " .. wallet.key_group)

-- A heartbeat, signed by members 1 and 3.
local sha256, unhex, hex = signer.curve.sha256, signer.bytes.unhex, signer.bytes.hex
local preimage = "ffffffffffffffff0000000000000001"
local message = hex(sha256(sha256(unhex(preimage))))
local session, signers = "heartbeat-1", { 1, 3 }
local derived = call("derive_interactive_attempt_context", { session_id = session, message_hex = message,
    key_group = wallet.key_group, threshold = THRESHOLD, attempt_number = 1, included_participants = signers })
local attempt = derived.attempt_context.attempt_id

local commitments, shares = {}, {}
for index, member in ipairs(signers) do
    call("interactive_session_open", { session_id = session, member_identifier = member, message_hex = message,
        key_group = wallet.key_group, threshold = THRESHOLD, attempt_context = derived.attempt_context,
        signing_intent = { type = "heartbeat", message_hex = preimage } })
    local round1 = call("interactive_round1", { session_id = session, attempt_id = attempt, member_identifier = member })
    commitments[index] = { identifier = identifier(member), data_hex = round1.commitments_hex }
end
local package = call("new_signing_package", { message_hex = message, commitments = commitments }).signing_package_hex
for index, member in ipairs(signers) do
    local round2 = call("interactive_round2", { session_id = session, attempt_id = attempt,
        member_identifier = member, signing_package_hex = package })
    shares[index] = { identifier = identifier(member), data_hex = round2.signature_share_hex }
end
local signature = call("interactive_aggregate", { session_id = session, attempt_id = attempt,
    signing_package_hex = package, signature_shares = shares }).signature_hex

local valid = signer.curve.schnorr_verify(unhex(signature), unhex(message), unhex(wallet.key_group:sub(3)))
print("signature  " .. signature)
print("valid      " .. tostring(valid))
engine:close()
os.execute("rm -rf " .. folder)
os.exit(valid)
