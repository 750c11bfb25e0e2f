-- A process of its own that signs, for the specs of memory images: lua5.4 spec/crash/signer.lua COMMAND FOLDER …
--   wallet FOLDER            makes the wallet from a seed, so that nobody else ever held its polynomial
--   twin FOLDER              draws the nonces that `sign` draws from the same store, prints them and the shares
--   sign FOLDER POINT        the real calls to round 2 of member 1; waits at the fault point, or after the
--                            reply ("done"), or after round 1 ("committed")
-- Both draw from one seeded stream; member 3 has commitments and never signs.
dofile("spec/helper.lua")
local luv = require("luv")
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")
local vectors = require("spec.support.vectors")

local command, folder, point = arg[1], arg[2], arg[3]
io.stdout:setvbuf("no")

local function say(name, value)
    print(name .. " " .. value)
end

if command == "wallet" then
    local group = signing.new({ folder = folder, seed = "memory image" })
    say("key", group.key_group)
    group.engine:close()
    os.exit(true, true)
end

local group = signing.reopen({ folder = folder, key_group = os.getenv("KEY_GROUP") })
group.platform:seed(4711)
local options = { root = signing.ROOT }
local package, commitments = group:prepare(options)
commitments[3] = group:commit(signing.with(options, { member = 3 }))
say("package", package)
for member = 1, 3 do say("commitments", member .. " " .. commitments[member]) end

if command == "twin" then
    for member = 1, 3 do
        say("secret", vectors.hex(signer.test_crash.signing_share(group.engine, "wallet", member)))
        for _, nonce in ipairs({ signer.test_crash.nonces(group.engine, "session", member) }) do
            say("secret", vectors.hex(nonce))
        end
    end
    os.exit(true, false)
end

-- A value that lies open, so that a search which finds nothing is known to look.
local planted = signer.curve.sha256("planted") -- luacheck: ignore
say("calling", point)
if point == "committed" then
    luv.sleep(3600000)
else
    if point ~= "done" then signer.test_fault.arm(point, "pause") end
    local reply = signing.must(group:round2(package, options))
    say("share", reply.signature_share_hex)
    luv.sleep(3600000)
end
