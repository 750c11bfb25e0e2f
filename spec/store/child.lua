-- A process of its own for the store's specs: lua5.4 spec/store/child.lua DIRECTORY COMMAND …
--   open                         opens and closes; prints "opened" or the refusal
--   work FAULT KIND NTH COUNT    arms a fault, opens, commits COUNT records; each acknowledged one is
--                                printed and flushed, so that the parent knows what was promised
--   threads ROUNDS               two and three threads in turn that commit three records each, while syncs take no
--                                time; prints how many were durable
dofile("spec/helper.lua")
local disk = require("spec.store.disk")
local signer = require("tbtc_signer")

local directory, command = arg[1], arg[2]
io.stdout:setvbuf("no")

if command == "open" then
    local reason, store = disk.refusal(directory)
    print(reason or "opened")
    if not reason then store:close() end
elseif command == "threads" then
    local store = disk.open(directory)
    signer.test_fault.arm("sync", "sync_lies", 1, true)
    local durable = 0
    for round = 1, tonumber(arg[3]) do durable = durable + store:run_threads(2 + round % 2, 3, 100) end
    print(durable)
    store:close(true)
else
    signer.test_fault.arm(arg[3], arg[4], tonumber(arg[5]))
    local store = disk.open(directory)
    for i = 1, tonumber(arg[6]) do
        local text = ("%d:%d"):format(store:info().open_number, i)
        print("try " .. text)
        local body = disk.body(text .. (" "):rep(i % 3 == 0 and 3000 or 10))
        if i % 5 == 4 then body = body .. disk.op(21) end -- PURGE: rotation and deletion on the way
        disk.commit(store, body)
        print("done " .. text)
    end
    store:close()
end
