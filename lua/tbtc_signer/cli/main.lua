--- The command line: one parser, one file per subcommand. Exit codes: 0 done (or allowed, valid),
--- 1 refused (or invalid), 2 usage or error.
local argparse = require("argparse")
local output = require("tbtc_signer.cli.output")

local main = {}

local COMMANDS = { "demo", "node", "dkg", "sign", "tx", "verify", "store", "doctor" }

local function build_parser(handlers)
    local parser = argparse("tbtc-signer", "A threshold-Schnorr signer: FROST over secp256k1 with Taproot.")
    parser:epilog("Exit codes: 0 done, allowed or valid; 1 refused or invalid; 2 usage or error.\n"
        .. "Each command has --help with an example.")
    parser:command_target("command")
    parser:require_command(false)
    parser:flag("--version", "Print the version and end.")
    for _, name in ipairs(COMMANDS) do
        handlers[name] = require("tbtc_signer.cli." .. name)
        handlers[name].describe(parser, function(command)
            command:flag("--json", "Print one JSON document instead of lines for people.")
            command:flag("--quiet", "No progress on stderr.")
            return command
        end)
    end
    return parser
end

--- A peer that goes away is an error of one write, not the end of this process.
local function survive_broken_pipes()
    local uv = require("luv")
    local signal = uv.new_signal()
    signal:start("sigpipe", function() end)
    signal:unref()
end

--- @param arguments table the command line
--- @return integer exit status
function main.run(arguments)
    local handlers = {}
    local parser = build_parser(handlers)
    local ok, options = parser:pparse(arguments)
    if not ok then
        io.stderr:write(parser:get_usage(), "\n\ntbtc-signer: ", options, "\n")
        return 2
    end
    if options.version then
        print("tbtc-signer " .. require("tbtc_signer").version)
        return 0
    end
    if not options.command then
        print(parser:get_help())
        return 2
    end
    survive_broken_pipes()
    output.as_json, output.quiet = options.json, options.quiet
    local ran, status = xpcall(handlers[options.command].run, debug.traceback, options)
    if not ran then
        output.failure({ code = "internal_error", message = tostring(status) },
            "this is a fault of the program; please report it")
        return 2
    end
    return status
end

return main
