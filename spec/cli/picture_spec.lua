-- The demo's picture: lanes, who takes part, a broken lane between death and return.
local picture = require("tbtc_signer.cli.picture")

local function story()
    local drawn = picture.new({ 1, 2, 3, 4 })
    drawn:add(0.1, "act", { 1, 2, 3, 4 }, "all")
    drawn:add(0.25, "act", { 1, 3 }, "two")
    drawn:add(0.3, "died", { 2 }, "gone")
    drawn:add(0.4, "act", { 1, 4 }, "others")
    drawn:add(1, "back", { 2 }, "here")
    drawn:add(12.5, "refused", { 2 }, "no")
    return drawn
end

describe("the picture", function()
    it("draws lanes in ASCII", function()
        assert.same({
            "  member   1   2   3   4",
            "  0.100s   o---o---o---o    all",
            "  0.250s   o---+---o   |    two",
            "  0.300s   |   X   |   |    gone",
            "  0.400s   o---:---+---o    others",
            "  1.000s   |   ^   |   |    here",
            " 12.500s   |   !   |   |    no",
        }, story():lines(picture.ASCII))
    end)

    it("draws the same lanes in Unicode", function()
        local lines = story():lines(picture.UNICODE)
        assert.equal("  0.400s   ●───┊───┼───●    others", lines[5])
        for index, line in ipairs(story():lines(picture.ASCII)) do assert.equal(#line, utf8.len(lines[index])) end
    end)

    it("takes Unicode only where the locale has it", function()
        local function glyphs(environment) return picture.glyphs(function(name) return environment[name] end) end
        assert.equal(picture.UNICODE, glyphs({ LANG = "en_US.UTF-8" }))
        assert.equal(picture.UNICODE, glyphs({ LC_ALL = "C.utf8", LANG = "C" }))
        assert.equal(picture.ASCII, glyphs({ LC_ALL = "C", LANG = "en_US.UTF-8" }))
        assert.equal(picture.UNICODE, glyphs({ LC_ALL = "", LANG = "en_US.UTF-8" }))
        assert.equal(picture.ASCII, glyphs({}))
    end)
end)
