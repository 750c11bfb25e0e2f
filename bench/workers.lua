#!/usr/bin/env lua5.4
-- Times parts 2 and 3 of large key generations through the Lua module with one worker thread and with as many as there are
-- processors, call for call by turns, by the wall clock: JSON, decoding and hashing are in it. Every member of a
-- group lives in both of two engines. Writes lines that scripts/bench reads: `workers dkg_part2 t/n one more`
-- (nanoseconds).
-- Usage: lua5.4 bench/workers.lua PASSES [t/n …]                      (default: 67/100 100/150 128/255)
package.cpath = "build/?.so;" .. package.cpath

local luv = require("luv")
local signer = require("tbtc_signer")

local passes = math.tointeger(tonumber(arg[1] or "11"))
local sizes = { table.unpack(arg, 2) }
if #sizes == 0 then sizes = { "67/100", "100/150", "128/255" } end

local seats = {}
seats.__index = seats

--- All members of a group in an engine with so many workers.
local function new_seats(threshold, count, workers)
    local folder = assert(luv.fs_mkdtemp((os.getenv("TMPDIR") or "/tmp") .. "/signer-bench.XXXXXX"))
    return setmetatable({ threshold = threshold, count = count, folder = folder, packages = {}, first = {}, second = {},
        inbox = {}, engine = signer.engine({ environment = {
            TBTC_SIGNER_PROFILE = "development",
            TBTC_SIGNER_STATE_PATH = folder .. "/state",
            TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("5a"):rep(32),
            TBTC_SIGNER_WORKER_THREADS = tostring(workers),
        } }) }, seats)
end

--- @return integer nanoseconds, table reply, table secrets
function seats:call(name, request, secrets)
    local start = luv.hrtime()
    local reply, made = self.engine:call(name, request, secrets)
    local elapsed = luv.hrtime() - start
    if not reply then error(("%s: %s: %s"):format(name, made.code, made.message), 0) end
    return elapsed, reply, made
end

--- The round-1 packages of all but one.
function seats:peers(own)
    local list = table.move(self.packages, 1, #self.packages, 1, {})
    table.remove(list, own)
    return list
end

function seats:part1(member)
    local _, reply, secrets = self:call("dkg_part1", { participant_identifier = ("%064x"):format(member),
        max_signers = self.count, min_signers = self.threshold })
    self.packages[member], self.first[member] = reply.package, secrets
    if member <= passes then self.inbox[reply.package.identifier] = { packages = {}, secrets = {} } end
end

function seats:part2(member)
    local elapsed, reply, secrets = self:call("dkg_part2",
        { secret_package_hex = "@1", round1_packages = self:peers(member) }, self.first[member])
    self.second[member] = secrets[tonumber(reply.secret_package_hex:sub(2))]
    for _, package in ipairs(reply.packages) do
        local inbox = self.inbox[package.identifier]
        if inbox then
            table.insert(inbox.secrets, secrets[tonumber(package.package_hex:sub(2))])
            table.insert(inbox.packages, { identifier = package.identifier,
                sender_identifier = self.packages[member].identifier, package_hex = "@" .. #inbox.secrets + 1 })
        end
    end
    return elapsed
end

function seats:part3(member)
    local inbox = self.inbox[self.packages[member].identifier]
    return (self:call("dkg_part3", { secret_package_hex = "@1", round1_packages = self:peers(member),
        round2_packages = inbox.packages }, { self.second[member], table.unpack(inbox.secrets) }))
end

function seats:finish()
    self.engine:close()
    os.execute("rm -r '" .. self.folder .. "'")
end

local function compare(size, more)
    local threshold, count = size:match("^(%d+)/(%d+)$")
    threshold, count = tonumber(threshold), tonumber(count)
    local one, split = new_seats(threshold, count, 1), new_seats(threshold, count, more)
    local good, problem = pcall(function()
        for _, side in ipairs({ one, split }) do
            for member = 1, count do side:part1(member) end
        end
        for _, part in ipairs({ "part2", "part3" }) do
            for member = 1, part == "part2" and count or math.min(passes, count) do
                collectgarbage()
                local alone, shared = one[part](one, member), split[part](split, member)
                print(("workers dkg_%s %s %d %d"):format(part, size, alone, shared))
            end
        end
    end)
    one:finish()
    split:finish()
    assert(good, problem)
end

for _, size in ipairs(sizes) do compare(size, math.max(2, #luv.cpu_info())) end
