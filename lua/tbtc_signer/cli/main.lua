--- The command line: one parser, one file per subcommand. Exit codes: 0 done (or allowed, valid),
--- 1 refused (or invalid), 2 usage, error, or output that was lost.
local argparse = require("argparse")
local output = require("tbtc_signer.cli.output")

local main = {}

local COMMANDS = { "demo", "node", "dkg", "sign", "tx", "verify", "store", "doctor" }

local function end_with(text)
    output.raw(text)
    os.exit(output.finish(0))
end

-- What help calls the value of an option: the same word in every command.
local VALUES = {
    ["<n>"] = { "--signers", "--threshold", "--member", "--generation" },
    ["<file>"] = { "--transaction", "--roster", "--redemption", "--output" },
    ["<folder>"] = { "--keep", "--dir" },
    ["<path>"] = { "--socket", "--path" },
    ["<id>"] = { "--session", "--hold-share" },
    ["<hex>"] = { "--key-group", "--key", "--message", "--heartbeat", "--signature", "--root", "--tx" },
    ["<list>"] = { "--members" },
    ["<seconds>"] = { "--timeout" },
    ["<name>"] = { "--run-id", "--new-key-variable" },
    ["<command>"] = { "--new-key-command" },
}
local value_of = {}
for value, options in pairs(VALUES) do
    for _, option in ipairs(options) do value_of[option] = value end
end

--- Help that is lost is no success. argparse has no door for that, so its help option is given another action.
local function finish_help(command)
    command._options[command._help_option_idx]:action(function() end_with(command:get_help()) end)
    for _, option in ipairs(command._options) do
        local value = value_of[option._aliases[1]]
        if value then option:argname(value) end
    end
    for _, inner in ipairs(command._commands) do finish_help(inner) end
end

--- @param handlers table|nil filled: command name -> its file
--- @return userdata of argparse
function main.parser(handlers)
    handlers = handlers or {}
    local parser = argparse("tbtc-signer", "A threshold-Schnorr signer: FROST over secp256k1 with Taproot.")
    parser:epilog("Exit codes: 0 done, allowed or valid; 1 refused or invalid; 2 usage, error, or lost output;\n"
        .. "130 ended by Ctrl-C. Each command has --help with an example.")
    parser:command_target("command")
    parser:require_command(false)
    parser:flag("--version", "Print the version and end."):action(function()
        end_with("tbtc-signer " .. require("tbtc_signer").version)
    end)
    parser:option("--completion", "Print a completion script for a shell: bash, zsh or fish."):args(1)
        :choices({ "bash", "zsh", "fish" })
        :action(function(_, _, shell) end_with((parser["get_" .. shell .. "_complete"](parser):gsub("\n$", ""))) end)
    for _, name in ipairs(COMMANDS) do
        handlers[name] = require("tbtc_signer.cli." .. name)
        handlers[name].describe(parser, function(command)
            command:flag("--json", "Print one JSON document instead of lines for people.")
            command:flag("--quiet", "No progress, only the result.")
            return command
        end)
    end
    finish_help(parser)
    return parser
end

--- Parses; a usage error is told first, then the usage of the command that it belongs to.
local function parse(parser, arguments)
    local told
    parser.error = function(command, text)
        local usage = command:get_usage()
        local name = usage:match("^Usage: ([%l%- ]+)"):match("^(.-) *$")
        local explains = text:find("command", 1, true) and "lists the commands" or "explains each option"
        told = ("tbtc-signer: %s\n\n%s\n  what to do: %s --help %s\n"):format(text, usage, name, explains)
        error(told, 0)
    end
    local ok, options = pcall(parser.parse, parser, arguments)
    if ok then return options end
    if not told then error(options, 0) end
    io.stderr:write(told)
end

--- A peer that goes away is an error of one write, not the end of this process.
local function survive_broken_pipes()
    local uv = require("luv")
    local signal = uv.new_signal()
    signal:start("sigpipe", function() end)
    signal:unref()
end

--- Ctrl-C ends the process as it ends other programs: without a traceback of the interpreter. libuv leaves
--- the default behind when its handler stops. Commands that have to clean up set a handler of their own.
local function end_on_interrupt()
    local signal = require("luv").new_signal()
    signal:start("sigint", function() end)
    signal:stop()
    signal:close()
end

--- @param arguments table the command line
--- @return integer exit status
function main.run(arguments)
    local handlers = {}
    survive_broken_pipes()
    local parser = main.parser(handlers)
    local options = parse(parser, arguments)
    if not options then return 2 end
    if not options.command then
        io.stderr:write(parser:get_help(), "\n")
        return 2
    end
    end_on_interrupt()
    output.as_json, output.quiet = options.json, options.quiet
    local ran, status = xpcall(handlers[options.command].run, function(problem)
        local known = output.problem_of(problem)
        if known.code == "internal_error" and type(problem) ~= "table" then known.message = debug.traceback(problem) end
        return known
    end, options)
    if not ran then
        output.failure(status)
        return 2
    end
    return output.finish(status)
end

return main
