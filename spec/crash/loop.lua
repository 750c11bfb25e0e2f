-- A process of its own that signs attempt after attempt over a real store until it is killed:
--   lua5.4 spec/crash/loop.lua FOLDER KEY_GROUP FIRST [POINT NTH]
-- Session names begin at FIRST. Each line is written at once, before or after what it tells:
--   open SESSION NUMBER               the attempt has commitments of members 1 and 2
--   try SESSION NUMBER MEMBER PACKAGE round 2 begins
--   share SESSION NUMBER MEMBER HEX   round 2 gave its share
--   signature SESSION NUMBER HEX
-- POINT NTH: dies at the n-th hit of a fault point.
dofile("spec/helper.lua")
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")

local folder, key_group, first, point, nth = arg[1], arg[2], tonumber(arg[3]), arg[4], tonumber(arg[5])
io.stdout:setvbuf("no")

local group = signing.reopen({ folder = folder, key_group = key_group })
group:session("warm") -- opens the state
if point then signer.test_fault.arm(point, "crash", nth) end
print("ready")
for round = first, first + 9999 do
    local session = "s" .. round
    for number = 1, 2 do
        local options = { session = session, number = number }
        local package = group:prepare(options)
        io.write(("open %s %d\n"):format(session, number))
        local shares = {}
        for member = 1, 2 do
            io.write(("try %s %d %d %s\n"):format(session, number, member, package))
            local reply = signing.must(group:round2(package, signing.with(options, { member = member })))
            shares[member] = reply.signature_share_hex
            io.write(("share %s %d %d %s\n"):format(session, number, member, shares[member]))
        end
        if number == 2 then
            local reply = signing.must(group:aggregate(package, shares, options))
            io.write(("signature %s %d %s\n"):format(session, number, reply.signature_hex))
        end
    end
end
