--- `tbtc-signer doctor`: is this machine fit to run a signer? One line a check, and what to do when bad.
local uv = require("luv")
local signer = require("tbtc_signer")
local engines = require("tbtc_signer.cli.engines")
local hints = require("tbtc_signer.cli.hints")
local output = require("tbtc_signer.cli.output")

local doctor = {}

local SEAT_BYTES_LOCKED = 4 * 1024 * 1024 -- guarded memory that 1024 live seats need
local POLICY_SCRIPTS = { "firewall.lua", "dkg_admission.lua", "quarantine.lua" }
local FREE_BYTES_LOW = 64 * 1024 * 1024

function doctor.describe(parser, common)
    local command = common(parser:command("doctor",
        "Check libraries, locked memory, clock, attestation, store, key provider and policy."))
    command:epilog([[
Looks with the settings of the environment (TBTC_SIGNER_*). Changes nothing, unless --open is given:
  TBTC_SIGNER_STATE_PATH=/var/lib/signer/state tbtc-signer doctor
Exit 0: fit; 1: a check is bad.]])
    command:flag("--open", "Also open the store, as a node would at its start.")
end

local function good(name, text) return { name = name, state = "ok", text = text } end
local function warn(name, text, hint) return { name = name, state = "warn", text = text, hint = hint } end
local function bad(name, text, hint) return { name = name, state = "bad", text = text, hint = hint } end

local checks = {}

--- What `body` finds out with an engine of these settings; its lines on stderr are said again by the checks.
--- @return table lines, any ... results of the body
local function ask_engine(body)
    local engine <close> = engines.new({})
    return engines.heard(body, engine)
end

function checks.libraries()
    local libraries = signer.machine.libraries()
    return good("libraries", ("%s, libsodium %s, libsecp256k1 from %s"):format(libraries.lua, libraries.sodium,
        libraries.secp256k1_object:match("[^/]*$")))
end

function checks.locked_memory()
    local limit = signer.machine.locked_memory()
    local size = limit.soft and ("%d KiB"):format(limit.soft // 1024) or "unlimited"
    if not signer.machine.can_lock(65536) then
        return bad("locked memory", "memory cannot be locked (limit " .. size .. ")",
            hints.of({ reason_code = "memory_lock_unavailable" }))
    end
    if limit.soft and limit.soft < SEAT_BYTES_LOCKED and not limit.exempt then
        return warn("locked memory", "works, limit " .. size, "raise it to 4096 KiB or more for many live seats (ulimit -l)")
    end
    return good("locked memory", "works, limit " .. size .. (limit.exempt and " (does not bind root)" or ""))
end

function checks.clock()
    local clock = signer.machine.clock()
    if not clock.wall_ms or not clock.monotonic_ms then
        return bad("clock", "a clock cannot be read, or stands before 1970", "set the system clock")
    end
    local now = os.date("!%Y-%m-%d %H:%M:%SZ", clock.wall_ms // 1000)
    if clock.wall_ms // 1000 < 1767225600 then -- 2026-01-01
        return warn("clock", now .. " lies before this version was made",
            "set the system clock; time windows and attestations depend on it")
    end
    return good("clock", now)
end

function checks.profile()
    local profile = os.getenv("TBTC_SIGNER_PROFILE")
    if profile == "development" then
        return warn("profile", "development", "rehearsals only: production rules are off")
    end
    return good("profile", "production" .. (profile == nil and " (nothing set)" or ""))
end

--- What a node would warn of at its start, but for what other lines here tell.
function checks.settings()
    local results = {}
    for _, line in ipairs((ask_engine(function(engine) engine:warn_start(1) end))) do
        if not line:find("^the provenance gate") and not line:find("^state path") then
            results[#results + 1] = warn("settings", line, "docs/operations.md tells what the setting does")
        end
    end
    local _, usable, problem = ask_engine(function(engine) return pcall(engine.check_gates, engine) end)
    if not usable then
        results[#results + 1] = bad("settings", type(problem) == "table" and problem.detail or tostring(problem),
            "give it a value that docs/operations.md allows, or unset it; until then it refuses what it should limit")
    end
    if #results == 0 then results[1] = good("settings", "nothing that a start would warn of") end
    return table.unpack(results)
end

function checks.provenance()
    local _, passed, problem = ask_engine(function(engine)
        return engine:call("interactive_session_abort", { session_id = "doctor" }) -- gated, opens nothing
    end)
    if not passed then return bad("provenance", problem.message, hints.of(problem)) end
    if os.getenv("TBTC_SIGNER_PROFILE") == "development" and not os.getenv("TBTC_SIGNER_ENFORCE_PROVENANCE_GATE") then
        return good("provenance", "the gate is off")
    end
    return good("provenance", "passes the gate")
end

local function free_bytes(path)
    local folder = path:match("^(.*)/[^/]*$") or "."
    local info = uv.fs_statfs(folder ~= "" and folder or "/")
    return info and info.bavail * info.bsize
end

local function unsafe_mode(path, allowed)
    local info = uv.fs_lstat(path)
    if info and info.mode & 511 & ~allowed ~= 0 then return ("%s has mode %04o"):format(path, info.mode & 511) end
end

function checks.store()
    local path = os.getenv("TBTC_SIGNER_STATE_PATH")
    if not path or path:match("^%s*$") then
        return warn("store", "TBTC_SIGNER_STATE_PATH is not set", "production needs it; a node sets it to DIR/state")
    end
    local folder = uv.fs_stat(path:match("^(.*)/[^/]*$") or ".")
    if not folder then return bad("store", "the folder of " .. path .. " is missing", "create it with mode 0700") end
    local unsafe = unsafe_mode(path .. ".store", 448) or unsafe_mode(path .. ".lock", 384) or unsafe_mode(path .. ".mark", 384)
    if unsafe then return bad("store", unsafe, hints.of({ reason_code = "state_path_unsafe" })) end
    local free = free_bytes(path)
    if free and free < FREE_BYTES_LOW then
        return bad("store", ("only %d MiB free"):format(free // 1048576), hints.of({ reason_code = "state_no_space" }))
    end
    if not uv.fs_stat(path .. ".store") then return good("store", "none yet at " .. path .. ".store; made at first use") end
    return good("store", "at " .. path .. ".store")
end

local function key_hint(kind)
    if kind == "command" then return hints.of({ reason_code = "state_key_unavailable" }) end
    if os.getenv("TBTC_SIGNER_PROFILE") == "development" then
        return "set TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX to 64 hex characters"
    end
    return "set TBTC_SIGNER_STATE_KEY_PROVIDER=command and TBTC_SIGNER_STATE_KEY_COMMAND to a program that prints "
        .. "64 hex characters; to rehearse, TBTC_SIGNER_PROFILE=development"
end

function checks.key_provider()
    local kind = os.getenv("TBTC_SIGNER_STATE_KEY_PROVIDER") or "env"
    local _, ok, problem = ask_engine(function(engine) return pcall(engine.check_key_provider, engine) end)
    if ok then return good("key provider", kind .. " gives a key") end
    local detail = type(problem) == "table" and problem.detail or tostring(problem)
    return bad("key provider", kind .. ": " .. detail, key_hint(kind))
end

--- A script that is missing, cannot be read or has a fault of grammar; that others may write it is a warning.
local function check_script(path)
    local file, problem = io.open(path, "rb")
    if not file then
        return bad("policy", problem, "all three scripts must be there: copy the missing one from policies/ unchanged")
    end
    local text = file:read("a") or ""
    file:close()
    local chunk, fault = load(text, "@" .. path, "t", {})
    if not chunk then return bad("policy", fault, hints.of({ reason_code = "operator_policy_failed" })) end
    local info = uv.fs_stat(path)
    if info and info.mode & 18 ~= 0 then -- g+w, o+w
        return warn("policy", ("%s has mode %04o"):format(path, info.mode & 511),
            "take the right to write away from group and others")
    end
end

function checks.policy()
    local folder = os.getenv("TBTC_SIGNER_POLICY_DIRECTORY")
    if not folder then return good("policy", "embedded defaults, which refuse nothing beyond the floor") end
    local info = uv.fs_stat(folder)
    if not info or info.type ~= "directory" then
        return bad("policy", folder .. " is no readable folder",
            "every signing is refused until it is; set the right path or unset it")
    end
    for _, name in ipairs(POLICY_SCRIPTS) do
        local result = check_script(folder .. "/" .. name)
        if result then return result end
    end
    return good("policy", ("%s: %s"):format(folder, table.concat(POLICY_SCRIPTS, ", ")))
end

function checks.open()
    local _, opened, problem = ask_engine(engines.open)
    if opened then return good("opening", "the store opens") end
    return bad("opening", problem.message, hints.of(problem))
end

--- The results of one check, which may be several.
local function run_check(name)
    local results = table.pack(pcall(checks[name]))
    if results[1] then return table.move(results, 2, results.n, 1, {}) end
    return { bad(name, tostring(results[2]), "this check itself failed; please report it") }
end

function doctor.run(options)
    local names = { "libraries", "locked_memory", "clock", "profile", "settings", "provenance", "store", "key_provider",
        "policy" }
    if options.open then names[#names + 1] = "open" end
    local results, status = {}, 0
    for _, name in ipairs(names) do
        for _, result in ipairs(run_check(name)) do
            results[#results + 1] = result
            if result.state == "bad" then status = 1 end
        end
    end
    local marks = { ok = output.paint("green", "ok  "), warn = output.paint("yellow", "warn"), bad = output.paint("red", "BAD ") }
    for _, result in ipairs(results) do
        output.line("%s  %-14s %s", marks[result.state], result.name, result.text)
        if result.hint then output.line("      %-14s what to do: %s", "", result.hint) end
    end
    output.document({ fit = status == 0, checks = results })
    return status
end

return doctor
