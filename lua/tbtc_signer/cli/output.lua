--- How commands speak: plain lines for people, one JSON document with --json, progress on stderr.
local json = require("tbtc_signer.json")

local output = { as_json = false, quiet = false }

local COLORS = { green = "32", red = "31", yellow = "33", bold = "1", faint = "2" }

--- Whether a stream takes colours: a terminal, unless NO_COLOR is set or the terminal is a dumb one.
--- @param stream integer 1 stdout, 2 stderr
--- @return boolean
local function is_colored(stream)
    if (os.getenv("NO_COLOR") or "") ~= "" or os.getenv("TERM") == "dumb" then return false end
    return require("luv").guess_handle(stream) == "tty"
end

output.colored = {} -- by stream; nil: not asked yet

--- @param name string green, red, yellow, bold or faint
--- @param text string
--- @param stream integer|nil where the text goes: 1 stdout (the default), 2 stderr
--- @return string
function output.paint(name, text, stream)
    stream = stream or 1
    if output.colored[stream] == nil then output.colored[stream] = is_colored(stream) end
    if not output.colored[stream] then return text end
    return ("\27[%sm%s\27[0m"):format(COLORS[name], text)
end

local EPIPE = 32

--- Writes to stdout at once; the first failure is kept for output.finish.
local function write(text)
    local _, problem, number = io.stdout:write(text)
    if not problem then _, problem, number = io.stdout:flush() end
    output.lost = output.lost or (problem and { message = problem, pipe = number == EPIPE }) or nil
end

--- The status to end with: 2 where a part of the output was lost, for it may have been the result.
--- A reader that went away (`| head`) needs no words.
--- @param status integer
--- @return integer
function output.finish(status)
    if not output.lost then return status end
    if not output.lost.pipe then io.stderr:write("tbtc-signer: the output was lost: ", output.lost.message, "\n") end
    return 2
end

--- A line for a person; silent with --json.
function output.line(format, ...)
    if output.as_json then return end
    write((select("#", ...) > 0 and format:format(...) or format) .. "\n")
end

--- Text for a program, also without --json.
function output.raw(text) write(text .. "\n") end

--- Progress of long work, on stderr; silent with --quiet.
function output.progress(format, ...)
    if output.quiet then return end
    io.stderr:write(output.paint("faint", select("#", ...) > 0 and format:format(...) or format, 2), "\n")
end

--- The result as one JSON document; silent without --json.
function output.document(value)
    if output.as_json then write(json.encode(value) .. "\n") end
end

--- An error: `tbtc-signer: what happened`, then what to do.
--- @param problem table|string {code, message, reason_code?, member?, hint?}
--- @param hint string|nil
function output.failure(problem, hint)
    if type(problem) == "string" then problem = { code = "error", message = problem } end
    hint = hint or problem.hint
    output.told = problem.message
    if output.as_json then
        problem.hint = hint
        write(json.encode({ error = problem }) .. "\n")
        return
    end
    local who = problem.member and ("member %d: "):format(problem.member) or ""
    io.stderr:write(output.paint("red", "tbtc-signer: ", 2), who, problem.message or "failed")
    local code = problem.reason_code or problem.code
    if code and code ~= "error" then io.stderr:write(" [", code, "]") end
    io.stderr:write("\n")
    if hint then io.stderr:write("  what to do: ", hint, "\n") end
end

--- The engine's lines for the operator, but for what a failure told already.
--- @param lines string[] without newlines
function output.engine_lines(lines)
    for _, line in ipairs(lines) do
        if line ~= output.told then io.stderr:write("tbtc-signer: ", line, "\n") end
    end
end

--- A failure of the system (ENOSPC: …, EACCES: …) as an error for a person; anything else is a fault of ours.
--- @param problem any what pcall gave
--- @return table {code, message}
function output.problem_of(problem)
    if type(problem) == "table" then return problem end
    local system = tostring(problem):match("^[%w_/.]*:?%d*:? ?(E[%u%d]+: .*)$")
    if system then return { code = "system_error", message = system } end
    return { code = "internal_error", message = tostring(problem), hint = "this is a fault of the program; please report it" }
end

--- Ascending numbers as text, runs of three and more shortened: "1, 3-68".
--- @param numbers integer[]
--- @return string
function output.ranges(numbers)
    local parts, first = {}, 1
    for index, number in ipairs(numbers) do
        if numbers[index + 1] ~= number + 1 then
            if index - first >= 2 then
                parts[#parts + 1] = ("%d-%d"):format(numbers[first], number)
            else
                for each = first, index do parts[#parts + 1] = tostring(numbers[each]) end
            end
            first = index + 1
        end
    end
    return table.concat(parts, ", ")
end

--- Rows in aligned columns.
--- @param rows table list of lists of text
function output.table(rows)
    if output.as_json then return end
    local widths = {}
    for _, row in ipairs(rows) do
        for column, cell in ipairs(row) do widths[column] = math.max(widths[column] or 0, utf8.len(cell) or #cell) end
    end
    for _, row in ipairs(rows) do
        local cells = {}
        for column, cell in ipairs(row) do
            cells[column] = cell .. (" "):rep(widths[column] - (utf8.len(cell) or #cell))
        end
        output.line("%s", (table.concat(cells, "  "):gsub("%s+$", "")))
    end
end

return output
