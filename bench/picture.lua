--- The picture of a run: a panel for each operation with a bar for each size, how many times faster than the
-- crate on a logarithmic scale, and what round 2 through the C interface is made of.
local rows = require("rows")

local COLORS = { goal = "#2e7d32", must = "#8bc34a", below = "#c62828", none = "#90a4ae" }
local PARTS = { { "codec", "#5c6bc0" }, { "gates", "#ab47bc" }, { "record", "#ffb74d" }, { "crypto", "#26a69a" },
    { "other", "#b0bec5" } }
local COLUMN, GAP, LEFT, TOP, BAR, STEP = 430, 30, 20, 86, 12, 18
local LABEL, SCALE, MOST = 70, 310, 1000

local picture = {}
picture.__index = picture

function picture:add(format, ...) self.lines[#self.lines + 1] = format:format(...) end

function picture:text(x, y, text, attributes)
    self:add('<text x="%.1f" y="%.1f"%s>%s</text>', x, y, attributes and " " .. attributes or "",
        (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" })))
end

local function along(ratio) return SCALE * math.max(0, math.min(1, math.log(ratio, MOST))) end

local function digits(value) return (value >= 100 and "%.0f" or value >= 10 and "%.1f" or "%.2f"):format(value) end

function picture:grid(x, y, height)
    for _, at in ipairs({ 1, 10, 100, 1000 }) do
        self:add('<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="#e0e0e0"/>', x + along(at), x + along(at), y,
            y + height)
        self:text(x + along(at), y + height + 10, at .. "x", 'text-anchor="middle" fill="#9e9e9e" font-size="9"')
    end
end

function picture:target(x, y, ratio, color)
    self:add('<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" stroke="%s" stroke-width="2"/>', x + along(ratio),
        x + along(ratio), y - 2, y + BAR + 2, color)
end

--- @return number  height of the panel
function picture:panel(x, y, name, core)
    local bars = {}
    for _, size in ipairs(core.sizes) do
        if core.rows[size][name] then bars[#bars + 1] = size end
    end
    self:text(x, y + 12, rows.titles[name], 'font-weight="bold" font-size="12"')
    local top, left = y + 22, x + LABEL
    self:grid(left, top, #bars * STEP)
    for index, size in ipairs(bars) do
        local row, at = core.rows[size][name], top + (index - 1) * STEP + 3
        self:text(left - 8, at + 10, size, 'text-anchor="end"')
        self:add('<rect x="%.1f" y="%.1f" width="%.1f" height="%d" rx="1" fill="%s"/>', left, at,
            math.max(1, along(row.ratio)), BAR, COLORS[rows.verdict(row) or "none"])
        if row.must then
            self:target(left, at, row.must, "#212121")
            self:target(left, at, row.goal, "#9e9e9e")
        end
        local edge = math.max(along(row.ratio), row.goal and along(row.goal) or 0)
        self:text(left + edge + 6, at + 10, digits(row.ratio) .. "x", 'font-weight="bold"')
    end
    return 22 + #bars * STEP + 26
end

function picture:legend(x, y)
    local entries = { { "goal reached", COLORS.goal }, { "must reached", COLORS.must }, { "below must", COLORS.below },
        { "no target", COLORS.none } }
    for index, entry in ipairs(entries) do
        local at = x + (index - 1) * 110
        self:add('<rect x="%d" y="%d" width="12" height="12" rx="1" fill="%s"/>', at, y - 10, entry[2])
        self:text(at + 17, y, entry[1])
    end
    for index, entry in ipairs({ { "must", "#212121" }, { "goal", "#9e9e9e" } }) do
        local at = x + 450 + (index - 1) * 60
        self:add('<line x1="%d" x2="%d" y1="%d" y2="%d" stroke="%s" stroke-width="2"/>', at, at, y - 11, y + 3, entry[2])
        self:text(at + 6, y, entry[1])
    end
end

--- One bar of coloured pieces.
function picture:stack(x, y, title, pieces, scale)
    self:text(x + 150, y + 12, title, 'text-anchor="end"')
    local at = x + 158
    for _, piece in ipairs(pieces) do
        local width = piece.us * scale
        self:add('<rect x="%.1f" y="%.1f" width="%.1f" height="16" fill="%s"/>', at, y, math.max(0.5, width), piece.color)
        if width > 62 then
            self:text(at + width / 2, y + 12, ("%s %.0f"):format(piece.name, piece.us),
                'text-anchor="middle" fill="#fff" font-size="10"')
        end
        at = at + width
    end
    local sum = 0
    for _, piece in ipairs(pieces) do sum = sum + piece.us end
    self:text(at + 6, y + 12, ("%.0f us"):format(sum), 'font-weight="bold"')
end

function picture:split(x, y, place, split, scale)
    local parts = {}
    for _, part in ipairs(PARTS) do
        parts[#parts + 1] = { name = part[1], us = split[part[1] .. "_us"], color = part[2] }
    end
    self:stack(x, y, "the call, store on " .. place, parts, scale)
    self:stack(x, y + 22, "its parts alone", {
        { name = "decoding", us = split.bare_decode_us, color = "#5c6bc0" },
        { name = "sync", us = split.bare_sync_us, color = "#ffb74d" },
        { name = "share", us = split.bare_sign_us, color = "#26a69a" },
    }, scale)
end

function picture:call(y, abi)
    local most = 0
    for _, place in ipairs(abi.places) do most = math.max(most, abi[place].split.whole_us) end
    self:text(LEFT, y + 12, "Round 2 of 67 of 100 through the C interface, microseconds", 'font-weight="bold" font-size="12"')
    for index, part in ipairs(PARTS) do
        self:add('<rect x="%d" y="%d" width="12" height="12" fill="%s"/>', LEFT + 420 + index * 75, y + 2, part[2])
        self:text(LEFT + 437 + index * 75, y + 12, part[1])
    end
    y = y + 24
    for _, place in ipairs(abi.places) do
        self:split(LEFT, y, place, abi[place].split, 600 / most)
        y = y + 56
    end
    return y
end

--- @param result table  what build/bench.json holds
-- @return string  SVG
function picture.draw(result)
    local self = setmetatable({ lines = {} }, picture)
    local heights = { TOP, TOP }
    for _, name in ipairs(rows.names) do
        local column = heights[1] <= heights[2] and 1 or 2
        heights[column] = heights[column] + self:panel(LEFT + (column - 1) * (COLUMN + GAP), heights[column], name, result.core)
    end
    local bottom = math.max(heights[1], heights[2])
    if result.abi then bottom = self:call(bottom + 6, result.abi) end
    local width = 2 * LEFT + 2 * COLUMN + GAP
    local body = self.lines
    self.lines = {}
    self:add('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="11">',
        width, bottom + 8)
    self:add('<rect width="100%%" height="100%%" fill="#fff"/>')
    self:text(LEFT, 28, "Times faster than frost-secp256k1-tr 3.0.0", 'font-size="18" font-weight="bold"')
    self:text(LEFT, 46, result.machine, 'fill="#616161" font-size="10"')
    self:legend(LEFT, 70)
    return table.concat(self.lines, "\n") .. "\n" .. table.concat(body, "\n") .. "\n</svg>\n"
end

return picture
