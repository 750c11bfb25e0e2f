--- What a forked child sees (D-126, D-137).
local test_vault = require("tbtc_signer").test_vault

describe("a forked child", function()
    it("D-126 reads zeros where secrets lie, and every call of the vault refuses", function()
        local vault = test_vault.new{ must_lock = true }
        local handle = vault:new("bytes", "a secret of the parent")
        assert.are.same({ zero = true, borrows = false, holds = false, new = "PROCESS_FORKED", check = "PROCESS_FORKED",
            own_vault = true }, vault:fork(handle, "bytes"))
        assert.are.equal("a secret of the parent", vault:borrow(handle, "bytes"))
        vault:close()
    end)

    it("D-137 runs the handlers that are registered, in the child only", function()
        local in_child, in_parent = test_vault.fork_handlers()
        assert.are.equal(2, in_child)
        assert.are.equal(0, in_parent)
    end)
end)
