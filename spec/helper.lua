-- Runs before every spec: finds the test build, and gives specs the few things that all need.
-- SIGNER_BUILD names the folder of the build under test (default build/test).
local build = os.getenv("SIGNER_BUILD") or "build/test"
package.cpath = "./" .. build .. "/?.so;" .. package.cpath
package.path = "./lua/?.lua;./lua/?/init.lua;./?.lua;" .. package.path

-- Under the address sanitizer: what the specs leaked is reported when all have run (scripts/check looks for it).
-- Programs that specs start read this file too; there is no busted in them.
local busted = package.loaded.busted
if type(busted) == "table" and busted.subscribe then
    -- Loaded once and kept: busted forgets modules between files, and luv's loop would be collected while
    -- a later load still uses it.
    require("luv")
    busted.subscribe({ "suite", "end" }, function()
        local found, signer = pcall(require, "tbtc_signer")
        if found and signer.test_base and signer.test_base.leaks then
            collectgarbage()
            collectgarbage()
            signer.test_base.leaks()
        end
        return nil, true
    end)
end
