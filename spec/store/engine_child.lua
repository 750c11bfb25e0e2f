-- A process of its own: opens the state of a whole engine, with the clock of the vector, and where the
-- argument is "create" with its draws.
--   lua5.4 spec/store/engine_child.lua [create]    with the signer's settings in the environment
dofile("spec/helper.lua")
local signer = require("tbtc_signer")
local vectors = require("spec.support.vectors")

local vector = vectors.load("store/native-v1")
-- The engine draws 16 bytes of its own before it opens the state.
local draws = { ("a0"):rep(16), vector.store_id, ("a1"):rep(8), vector.salts.snapshot,
    vector.snapshot_randoms[1], vector.snapshot_randoms[2],
    vector.salts.log, vector.open_random, vector.records[1].random, ("a2"):rep(8) }
for i, draw in ipairs(draws) do draws[i] = vectors.bytes(draw) end

local machine = signer.test_platform.new({ wall_ms = vector.created_unix_ms, random = arg[1] == "create" and draws or nil })
local engine = signer.engine({ platform = machine })
local key_group = "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
print(engine:request("retire_distributed_dkg_key_packages", ('{"key_group":"%s"}'):format(key_group)))
engine:close(true)
