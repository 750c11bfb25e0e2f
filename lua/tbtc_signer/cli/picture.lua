--- A group's story as a picture: one lane a member from top to bottom, one row an event. Who takes part
--- in an event stands on one line across the lanes; a member that was killed has a broken lane until it
--- is back.
local picture = { MEMBERS_MAX = 12 }

picture.UNICODE = { lane = "│", gone = "┊", across = "─", over = "┼", act = "●", died = "✖", back = "▲", refused = "⊘" }
picture.ASCII = { lane = "|", gone = ":", across = "-", over = "+", act = "o", died = "X", back = "^", refused = "!" }

local LANE = 4 -- columns a member
local TIME = "%8s   "

local Picture = {}
Picture.__index = Picture
Picture.__name = "picture"

--- @param members integer[] ascending, at most MEMBERS_MAX
--- @return table picture
function picture.new(members)
    return setmetatable({ members = members, rows = {} }, Picture)
end

--- The glyphs that the locale of an environment allows.
--- @param getenv function(name) -> text|nil
--- @return table
function picture.glyphs(getenv)
    for _, name in ipairs({ "LC_ALL", "LC_CTYPE", "LANG" }) do
        local value = getenv(name)
        if value and value ~= "" then return value:lower():find("utf%-?8") and picture.UNICODE or picture.ASCII end
    end
    return picture.ASCII
end

--- Adds an event.
--- @param seconds number since the start
--- @param kind string "act" (the members do something together), "died", "back" or "refused"
--- @param members integer[]
--- @param caption string
function Picture:add(seconds, kind, members, caption)
    self.rows[#self.rows + 1] = { seconds = seconds, kind = kind, members = members, caption = caption }
end

local function draw_row(members, row, gone, glyphs)
    local acting, first, last = {}, nil, nil
    for _, member in ipairs(row.members) do acting[member] = true end
    for index, member in ipairs(members) do
        if acting[member] then first, last = first or index, index end
    end
    local cells = {}
    for index, member in ipairs(members) do
        local inside = first and index >= first and index <= last
        local glyph = gone[member] and glyphs.gone or (inside and glyphs.over or glyphs.lane)
        if acting[member] then glyph = glyphs[row.kind] end
        local joined = first and index >= first and index < last
        cells[index] = glyph .. (joined and glyphs.across or " "):rep(LANE - 1)
    end
    return table.concat(cells)
end

--- @param glyphs table picture.UNICODE or picture.ASCII
--- @return string[] lines
function Picture:lines(glyphs)
    local heads = {}
    for index, member in ipairs(self.members) do heads[index] = ("%-" .. LANE .. "d"):format(member) end
    local lines = { ((TIME .. "%s"):format("member", table.concat(heads)):gsub(" +$", "")) }
    local gone = {}
    for _, row in ipairs(self.rows) do
        if row.kind == "back" then gone[row.members[1]] = nil end
        lines[#lines + 1] = TIME:format(("%.3fs"):format(row.seconds))
            .. draw_row(self.members, row, gone, glyphs) .. " " .. row.caption
        if row.kind == "died" then gone[row.members[1]] = true end
    end
    return lines
end

return picture
