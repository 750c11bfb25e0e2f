-- kill -9 of a signing process, between record and share and at random moments of a signing loop: after the
-- restart no attempt gives a second share, a share that left implies its marker, and keys, markers and the
-- right to open an unspent attempt again are kept (interactive-session 17, 19; formal CH-C).
local luv = require("luv")
local child = require("spec.support.child")
local signer = require("tbtc_signer")
local signing = require("spec.support.signing")

local build = os.getenv("SIGNER_BUILD") or "build/test"
local state = signer.test_state
local refused = signing.assert_refused

--- Runs the loop until it dies: at `moment` ms after it is ready, or at its fault point.
-- @return table  list of lines, each a list of words; nil, text when it ended by itself
local function run(folder, key_group, first, moment, point, nth)
    local output = assert(luv.new_pipe())
    local text, ended = "", nil
    local handle = assert(luv.spawn("/bin/sh", {
        args = { "-c", ("exec lua5.4 spec/crash/loop.lua '%s' %s %d %s %s 2>/dev/null"):format(folder, key_group, first,
            point or "", nth or "") },
        stdio = { nil, output, 2 },
        env = child.environment({ "SIGNER_BUILD=" .. build, "LD_PRELOAD=" .. (os.getenv("LD_PRELOAD") or ""),
            "ASAN_OPTIONS=" .. (os.getenv("ASAN_OPTIONS") or "") }),
    }, function(code, signal) ended = signal ~= 0 and signal or -1 - code end))
    local closed = false
    output:read_start(function(_, data)
        text = text .. (data or "")
        closed = closed or not data
    end)
    local limit = luv.hrtime() + 180e9
    while not ended and not text:find("ready\n", 1, true) and luv.hrtime() < limit do
        luv.run("nowait")
        luv.sleep(1)
    end
    if moment and not ended then
        luv.sleep(moment)
        luv.process_kill(handle, "sigkill")
    end
    while not (ended and closed) and luv.hrtime() < limit do
        luv.run("nowait")
        luv.sleep(1)
    end
    handle:close()
    output:close()
    luv.run("nowait")
    assert(ended == 9, ("the loop ended by itself: %s\n%s"):format(ended, text:sub(-400)))
    local lines = {}
    for line in text:gmatch("([^\n]*)\n") do
        local words = {}
        for word in line:gmatch("%S+") do words[#words + 1] = word end
        lines[#lines + 1] = words
    end
    return lines
end

--- What the lines promise, by attempt: { session, number, package, tried = {member}, shares = {member = hex} }.
local function attempts_of(lines)
    local list, by_name = {}, {}
    for _, words in ipairs(lines) do
        local name = words[2] and words[3] and words[2] .. "/" .. words[3]
        if words[1] == "open" then
            by_name[name] = { session = words[2], number = tonumber(words[3]), tried = {}, shares = {} }
            list[#list + 1] = by_name[name]
        elseif words[1] == "try" then
            by_name[name].package = words[5]
            by_name[name].tried[tonumber(words[4])] = true
        elseif words[1] == "share" then
            by_name[name].shares[tonumber(words[4])] = words[5]
        elseif words[1] == "signature" then
            by_name[name].signature = words[4]
        end
    end
    return list
end

describe("kill -9", function()
    local seed = tonumber(os.getenv("SIGNER_SEED")) or os.time()
    local folder, key_group, digest
    local counted

    setup(function()
        folder = child.folder()
        local group = signing.new({ folder = folder })
        key_group = group.key_group
        group.engine:close()
    end)

    before_each(function() counted = { shares = 0, kept = 0, spent = 0, unspent = 0, signatures = 0 } end)
    after_each(signing.finish_all)
    teardown(function() child.remove(folder) end)

    --- One attempt of the dead process, on the store as it left it.
    local function check_attempt(group, attempt)
        local session = group:session(attempt.session)
        local options = { session = attempt.session, number = attempt.number }
        for member = 1, 2 do
            local own = signing.with(options, { member = member })
            local marker = ("m%d@%s"):format(member, group:attempt_id(own))
            local found = false
            for _, text in ipairs(session.sets[state.CONSUMED]) do found = found or text == marker end
            if attempt.shares[member] then
                assert.is_true(found, "a share left and its marker is not there: " .. marker)
                counted.shares = counted.shares + 1
            end
            if found then
                assert.is_true(attempt.tried[member], "a marker of a round 2 that never began: " .. marker)
                if not attempt.shares[member] then counted.spent = counted.spent + 1 end
                if not attempt.signature then refused("consumed_nonce_replay", group:open(own)) end
                refused("consumed_nonce_replay", group:round2(attempt.package, own))
            elseif attempt.package and attempt.tried[member] then
                assert.is_nil((group:round2(attempt.package, own))) -- its nonces are gone for ever
            end
        end
        counted.kept = counted.kept + 1
        if attempt.signature then
            counted.signatures = counted.signatures + 1
            assert.is_true(group:verifies(attempt.signature))
        end
    end

    --- An attempt that nobody spent opens again, with other nonces; the old package finds no share.
    local function open_again(group, attempt)
        local options = { session = attempt.session, number = attempt.number, member = 2 }
        if attempt.tried[2] then return end
        local fresh = group:commit(options)
        if attempt.package then
            assert.is_nil(attempt.package:find(fresh, 1, true))
            assert.is_nil((group:round2(attempt.package, options)))
        end
        counted.unspent = counted.unspent + 1
    end

    local function after_death(lines)
        local group = signing.reopen({ folder = folder, key_group = key_group })
        local attempts = attempts_of(lines)
        assert.same({ 1, 2, 3 }, group:session("wallet").seats)
        for _, attempt in ipairs(attempts) do check_attempt(group, attempt) end
        local last = attempts[#attempts]
        if last then open_again(group, last) end
        -- What earlier lives left is all still there.
        local session, marks = group:session("early"), nil
        if session then marks = table.concat(session.sets[state.CONSUMED], " ") end
        assert.equal(digest, marks)
        group.engine:close(true)
    end

    --- A session whose markers must outlive every kill.
    local function sign_early()
        local group = signing.reopen({ folder = folder, key_group = key_group })
        local options = { session = "early" }
        local package = group:prepare(options)
        assert(group:aggregate(package, group:shares(package, options), options))
        digest = table.concat(group:session("early").sets[state.CONSUMED], " ")
        group.engine:close(true)
    end

    it("in round 2, after append, after sync and after the share", function()
        sign_early()
        for index, point in ipairs({ "after_append", "after_sync", "after_share" }) do
            for nth = 1, 3 do
                local lines = run(folder, key_group, 100 * index + 10 * nth, nil, point, nth)
                local last = lines[#lines]
                assert.equal("try", last[1])
                after_death(lines)
                assert.is_true(counted.spent > 0)
            end
        end
        assert.equal(9, counted.spent) -- each died with its record in the file and its share unseen
    end)

    it("at 50 random moments of a signing loop", function()
        print(("\nkill -9 at random moments: SIGNER_SEED=%d"):format(seed))
        math.randomseed(seed)
        local kills = child.sanitized and 10 or tonumber(os.getenv("SIGNER_KILLS")) or 50
        if not digest then sign_early() end
        for kill = 1, kills do
            after_death(run(folder, key_group, 1000 * kill, math.random(0, child.sanitized and 600 or 60)))
        end
        print(("%d kills: %d attempts, %d shares left, %d signatures; killed between record and share %d, before it %d")
            :format(kills, counted.kept, counted.shares, counted.signatures, counted.spent, counted.unspent))
        assert.is_true(counted.shares > 0) -- how many, depends on how busy the machine is
        assert.is_true(counted.kept > 0)
    end)
end)
