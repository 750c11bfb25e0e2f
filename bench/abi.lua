#!/usr/bin/env lua5.4
-- Times the calls of a key generation and of signing, as a Lua host sees them: JSON, store, sync and all.
-- Every seat of the group lives in one engine, in a store of its own below TMPDIR; times are for one call.
-- Usage: lua5.4 bench/abi.lua [--rounds N] [--json] [T-of-N …]      (default: 10 rounds of 2-of-3 3-of-5 7-of-10)
package.cpath = "build/?.so;" .. package.cpath

local luv = require("luv")
local json = require("cjson")
local signer = require("tbtc_signer")

local MESSAGE = ("42"):rep(32)

--- Settings of the command line: rounds, json, groups.
local function read_arguments()
    local options = { rounds = 10, groups = {} }
    local index = 1
    while arg[index] do
        local threshold, count = arg[index]:match("^(%d+)%-of%-(%d+)$")
        if arg[index] == "--json" then
            options.json = true
        elseif arg[index] == "--rounds" and math.tointeger(tonumber(arg[index + 1])) then
            index = index + 1
            options.rounds = math.tointeger(tonumber(arg[index]))
        elseif threshold then
            options.groups[#options.groups + 1] = { math.tointeger(tonumber(threshold)), math.tointeger(tonumber(count)) }
        else
            io.stderr:write("usage: bench/abi.lua [--rounds N] [--json] [T-of-N …]\n")
            os.exit(2)
        end
        index = index + 1
    end
    if #options.groups == 0 then options.groups = { { 2, 3 }, { 3, 5 }, { 7, 10 } } end
    return options
end

local bench = {}
bench.__index = bench

local function new_bench(threshold, count)
    local folder = assert(luv.fs_mkdtemp((os.getenv("TMPDIR") or "/tmp") .. "/signer-bench.XXXXXX"))
    return setmetatable({
        threshold = threshold, count = count, folder = folder, samples = {}, order = {},
        engine = signer.engine({ environment = {
            TBTC_SIGNER_PROFILE = "development",
            TBTC_SIGNER_STATE_PATH = folder .. "/state",
            TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX = ("5a"):rep(32),
            TBTC_SIGNER_MAX_LIVE_INTERACTIVE_SESSIONS = "1024",
        } }),
    }, bench)
end

function bench:finish()
    self.engine:close()
    os.execute("rm -r '" .. self.folder .. "'")
end

function bench:note(row, started)
    local elapsed = luv.hrtime() - started
    if not self.samples[row] then
        self.samples[row] = {}
        self.order[#self.order + 1] = row
    end
    table.insert(self.samples[row], elapsed / 1e6)
end

--- One timed call; secret members of request and reply are handles in lists beside them.
function bench:call(name, request, secrets)
    local start = luv.hrtime()
    local reply, made = self.engine:call(name, request, secrets)
    self:note(name, start)
    if not reply then error(("%s: %s: %s"):format(name, made.code, made.message), 0) end
    return reply, made
end

--- One timed call that has to fail with `code`.
function bench:fail(row, code, name, request)
    local start = luv.hrtime()
    local reply, problem = self.engine:call(name, request)
    self:note(row, start)
    if reply or problem.code ~= code then error(("%s does not fail with %s"):format(row, code), 0) end
end

--- The list without its entry for `own`.
local function without(list, own)
    local rest = {}
    for index, entry in ipairs(list) do
        if index ~= own then rest[#rest + 1] = entry end
    end
    return rest
end

--- Parts 1 to 3 of every member, then persist: leaves self.key_group.
function bench:make_key()
    local packages, first, second, handed = {}, {}, {}, {}
    for member = 1, self.count do
        local reply, secrets = self:call("dkg_part1", { participant_identifier = ("%064x"):format(member),
            max_signers = self.count, min_signers = self.threshold })
        packages[member], first[member] = reply.package, secrets
        handed[reply.package.identifier] = { packages = {}, secrets = {} }
    end
    for member = 1, self.count do
        local reply, secrets = self:call("dkg_part2",
            { secret_package_hex = "@1", round1_packages = without(packages, member) }, first[member])
        second[member] = secrets[tonumber(reply.secret_package_hex:sub(2))]
        for _, package in ipairs(reply.packages) do
            local inbox = handed[package.identifier]
            inbox.secrets[#inbox.secrets + 1] = secrets[tonumber(package.package_hex:sub(2))]
            inbox.packages[#inbox.packages + 1] = { identifier = package.identifier,
                sender_identifier = packages[member].identifier, package_hex = "@" .. #inbox.secrets + 1 }
        end
    end
    for member = 1, self.count do
        local inbox = handed[packages[member].identifier]
        local key, secrets = self:call("dkg_part3", { secret_package_hex = "@1",
            round1_packages = without(packages, member), round2_packages = inbox.packages },
            { second[member], table.unpack(inbox.secrets) })
        self.key_group = self:call("persist_distributed_dkg_key_package", { session_id = "wallet",
            participant_identifier = member, threshold = self.threshold, participant_count = self.count,
            key_package = key.key_package, public_key_package = key.public_key_package }, secrets).key_group
    end
end

--- The shares with another last digit in the middle one.
local function with_bad_share(shares)
    local list = table.move(shares, 1, #shares, 1, {})
    local middle = #list // 2 + 1
    local text = list[middle].data_hex
    list[middle] = { identifier = list[middle].identifier,
        data_hex = text:sub(1, -2) .. ("%x"):format(tonumber(text:sub(-1), 16) ~ 1) }
    return list
end

--- One signature by the first members, in a session of its own.
function bench:sign(session)
    local included = {}
    for member = 1, self.count do included[member] = member end
    local context = self:call("derive_interactive_attempt_context", { session_id = session, message_hex = MESSAGE,
        key_group = self.key_group, threshold = self.threshold, attempt_number = 1,
        included_participants = included })
    local attempt = context.attempt_context.attempt_id
    local commitments, shares = {}, {}
    for member = 1, self.threshold do
        self:call("interactive_session_open", { session_id = session, member_identifier = member, message_hex = MESSAGE,
            key_group = self.key_group, threshold = self.threshold, attempt_context = context.attempt_context })
        commitments[member] = {
            identifier = context.frost_identifiers[member].frost_identifier,
            data_hex = self:call("interactive_round1",
                { session_id = session, attempt_id = attempt, member_identifier = member }).commitments_hex,
        }
    end
    local package = self:call("new_signing_package", { message_hex = MESSAGE, commitments = commitments })
        .signing_package_hex
    for member = 1, self.threshold do
        local share = self:call("interactive_round2", { session_id = session, attempt_id = attempt,
            member_identifier = member, signing_package_hex = package }).signature_share_hex
        shares[member] = { identifier = commitments[member].identifier, data_hex = share }
    end
    self:call("verify_signature_share", { session_id = session, signing_package_hex = package,
        signature_share_hex = shares[1].data_hex, member_identifier = 1 })
    self:fail("interactive_aggregate, one bad share", "aggregate_share_verification_failed",
        "interactive_aggregate", { session_id = session,
        attempt_id = attempt, signing_package_hex = package, signature_shares = with_bad_share(shares) })
    self:call("interactive_aggregate", { session_id = session, attempt_id = attempt, signing_package_hex = package,
        signature_shares = shares })
end

local function summary(samples)
    table.sort(samples)
    local function at(part) return samples[math.max(1, math.ceil(part * #samples))] end
    return { calls = #samples, median_ms = at(0.5), p95_ms = at(0.95), slowest_ms = samples[#samples] }
end

local options = read_arguments()
local report = {}
for _, group in ipairs(options.groups) do
    local run = new_bench(group[1], group[2])
    local ok, problem = pcall(function()
        run:make_key()
        for round = 1, options.rounds do run:sign("round-" .. round) end
    end)
    run:finish()
    if not ok then
        io.stderr:write("bench: ", tostring(problem), "\n")
        os.exit(1)
    end
    local name = group[1] .. "-of-" .. group[2]
    report[name] = {}
    if not options.json then
        print(("%-42s %6s %10s %10s %10s   ms"):format(name, "calls", "median", "p95", "slowest"))
    end
    for _, call in ipairs(run.order) do
        local row = summary(run.samples[call])
        report[name][call] = row
        if not options.json then
            print(("  %-40s %6d %10.3f %10.3f %10.3f"):format(call, row.calls, row.median_ms, row.p95_ms, row.slowest_ms))
        end
    end
end

if options.json then print(json.encode(report)) end
