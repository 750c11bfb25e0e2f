local fake = require("spec.support.fake_keys")
local ceremony = require("tbtc_signer.node.ceremony")
local hex = require("tbtc_signer.hex").encode
local roster = require("tbtc_signer.node.roster")

-- An engine that knows just the shapes: part 1 gives a package, part 2 one secret a recipient.
local function fake_engine(member, size)
    local engine = { calls = {} }
    local function secret(text) return { text = text, close = function(self) self.closed = true end } end
    function engine:call(name, request, secrets)
        self.calls[#self.calls + 1] = { name = name, request = request, secrets = secrets }
        if name == "dkg_part1" then
            return { secret_package_hex = "@1", package = { package_hex = ("%02x"):format(member):rep(40) } }, { secret("p1") }
        elseif name == "dkg_part2" then
            local packages, out = {}, { secret("p2") }
            for to = 1, size do
                if to ~= member then
                    out[#out + 1] = secret(("share %d->%d"):format(member, to))
                    packages[#packages + 1] = { identifier = ('"%064x"'):format(to), package_hex = "@" .. #out }
                end
            end
            return { secret_package_hex = "@1", packages = packages }, out
        elseif name == "dkg_part3" then
            return { key_package = { identifier = "x", data_hex = "@1" }, public_key_package = {} }, { secret("key") }
        end
        return { key_group = "02aa", participant_count = size, threshold = 2 }
    end
    return engine
end

local SIZE = 3

local function new_runs()
    local group = assert(roster.new(fake.roster(SIZE), fake.sha256))
    local runs = {}
    for member = 1, SIZE do
        runs[member] = assert(ceremony.new({
            engine = fake_engine(member, SIZE), keys = fake.keys(member), crypto = fake.crypto, roster = group,
            member = member, run_id = "run-1", threshold = 2, session_id = "wallet",
        }))
    end
    return runs
end

local function begin_all(runs)
    local packages = {}
    for member, run in ipairs(runs) do packages[member] = assert(run:begin()) end
    return packages
end

local function copy(value)
    if type(value) ~= "table" then return value end
    local new = {}
    for key, item in pairs(value) do new[key] = copy(item) end
    return new
end

describe("a distributed key generation, one member's side", function()
    it("carries sealed shares from member to member and ends in persist", function()
        local runs = new_runs()
        local packages = begin_all(runs)
        local views, boxes = {}, {}
        for member, run in ipairs(runs) do
            local reply = assert(run:round1(packages))
            views[member] = reply.view
            assert.equal(SIZE - 1, #reply.sealed)
            for _, box in ipairs(reply.sealed) do
                boxes[box.to] = boxes[box.to] or {}
                table.insert(boxes[box.to], { from = member, box_hex = box.box_hex })
            end
        end
        for _, run in ipairs(runs) do assert(run:views(views)) end
        for member, run in ipairs(runs) do
            assert.equal("02aa", assert(run:round2(boxes[member])).key_group)
            local part3 = run.engine.calls[3]
            assert.equal("dkg_part3", part3.name)
            for _, secret in ipairs(part3.secrets) do
                if secret.text ~= "p2" then assert.matches("share %d%->" .. member, secret.text) end
            end
        end
    end)

    it("refuses a step that comes twice or too early", function()
        local run = new_runs()[1]
        local _, problem = run:round1({})
        assert.equal("dkg_refused", problem.code)
        assert(run:begin())
        _, problem = run:begin()
        assert.matches("stands at step", problem.message)
    end)

    it("refuses a package that its member did not sign, and blames the relay", function()
        local runs = new_runs()
        local packages = begin_all(runs)
        packages[2] = copy(packages[2])
        packages[2].package_hex = ("ff"):rep(40)
        local _, problem = runs[1]:round1(packages)
        assert.equal("relay", problem.culprit)
        assert.matches("member 2 is not signed", problem.message)
        _, problem = runs[1]:round1(packages)
        assert.matches("failed", problem.message)
    end)

    it("refuses a missing package, a doubled one, and a changed own one", function()
        for _, spoil in ipairs({
            function(p) p[3] = nil end,
            function(p) p[4] = p[2] end,
            function(p) p[1] = copy(p[1]) p[1].package_hex = p[2].package_hex end,
        }) do
            local runs = new_runs()
            local packages = begin_all(runs)
            spoil(packages)
            local _, problem = runs[1]:round1(packages)
            assert.equal("relay", problem.culprit)
        end
    end)

    -- Member 2 signs one package for members 1 and 2, another one for member 3.
    it("names the member that signed two packages for round 1", function()
        local runs = new_runs()
        local packages = begin_all(runs)
        local views_of = require("tbtc_signer.node.views")
        local other = copy(packages)
        other[2].package_hex = ("ee"):rep(40)
        local digest = fake.sha256(views_of.package_bytes(runs[2].run, 2, fake.sha256(("\xee"):rep(40))))
        other[2].signature_hex = hex(fake.sign(fake.key(2), digest))
        local views = {}
        for member, run in ipairs(runs) do views[member] = assert(run:round1(member == 3 and other or packages)).view end
        local _, problem = runs[1]:views(views)
        assert.equal("dkg_views_differ", problem.code)
        assert.same({ 3 }, problem.differing)
        local blame = runs[1]:blame({ runs[3]:entries() })
        assert.same({ "member", 2 }, { blame.culprit, blame.member })
        assert(not runs[3]:views(views))
        blame = runs[3]:blame({ runs[1]:entries() })
        assert.same({ "member", 2 }, { blame.culprit, blame.member })
        _, problem = runs[1]:round2({})
        assert.matches("failed", problem.message)
        blame = runs[1]:blame({})
        assert.equal("relay", blame.culprit)
        local forged = runs[3]:entries()
        forged.entries[2].package_hash_hex = ("00"):rep(32)
        assert.equal("relay", runs[1]:blame({ forged }).culprit)
    end)

    it("blames the relay for a view that is missing or not signed by its member", function()
        for _, spoil in ipairs({
            function(v) v[3] = nil end,
            function(v) v[3].signature_hex = ("00"):rep(64) end,
            function(v) v[3].view_hash_hex = ("00"):rep(32) end,
            function(v) v[3].view_hash_hex = "00" end,
        }) do
            local runs = new_runs()
            local packages = begin_all(runs)
            local views = {}
            for member, run in ipairs(runs) do views[member] = copy(assert(run:round1(packages)).view) end
            spoil(views)
            local _, problem = runs[1]:views(views)
            assert.equal("relay", problem.culprit)
        end
    end)

    it("blames a member that signed a view with a package which nobody signed", function()
        local runs = new_runs()
        local packages = begin_all(runs)
        local views_of = require("tbtc_signer.node.views")
        local views = {}
        for member, run in ipairs(runs) do views[member] = copy(assert(run:round1(packages)).view) end
        local lie = runs[3]:entries()
        lie.entries[2].package_hash_hex = ("12"):rep(32)
        local entries = copy(runs[3].view)
        entries[2].package_hash = ("\x12"):rep(32)
        local hash = fake.sha256(views_of.bytes(runs[3].run, entries))
        views[3].view_hash_hex = hex(hash)
        views[3].signature_hex = hex(fake.sign(fake.key(3), fake.sha256(views_of.statement_bytes(3, hash))))
        local _, problem = runs[1]:views(views)
        assert.same({ 3 }, problem.differing)
        local blame = runs[1]:blame({ lie })
        assert.same({ "member", 3 }, { blame.culprit, blame.member })
    end)

    it("D-018 refuses a sealed package made for another member or another view", function()
        local runs = new_runs()
        local packages = begin_all(runs)
        local views, boxes = {}, {}
        for member, run in ipairs(runs) do
            local reply = assert(run:round1(packages))
            views[member] = reply.view
            for _, box in ipairs(reply.sealed) do boxes[#boxes + 1] = { from = member, to = box.to, box_hex = box.box_hex } end
        end
        for _, run in ipairs(runs) do assert(run:views(views)) end
        local wrong = {}
        for _, box in ipairs(boxes) do if box.to == 2 and box.from ~= 1 then wrong[#wrong + 1] = box end end
        local _, problem = runs[1]:round2(wrong)
        assert.equal("relay", problem.culprit)
        assert.matches("does not open", problem.message)
    end)

    it("refuses a threshold outside 2..N and an empty run id", function()
        local group = assert(roster.new(fake.roster(SIZE), fake.sha256))
        for _, bad in ipairs({ { threshold = 1 }, { threshold = 4 }, { run_id = "" } }) do
            local parts = { roster = group, member = 1, run_id = "r", threshold = 2 }
            for name, value in pairs(bad) do parts[name] = value end
            assert.is_nil((ceremony.new(parts)))
        end
    end)
end)
