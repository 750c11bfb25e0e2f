-- Runs before every spec: finds the test build, and gives specs the few things that all need.
-- SIGNER_BUILD names the folder of the build under test (default build/test).
local build = os.getenv("SIGNER_BUILD") or "build/test"
package.cpath = "./" .. build .. "/?.so;" .. package.cpath
package.path = "./lua/?.lua;./lua/?/init.lua;./?.lua;" .. package.path
