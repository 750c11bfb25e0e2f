-- Output scripts: policy-and-lifecycle 5.2, 6.2.
local vectors = require("spec.support.vectors")
local bitcoin = require("tbtc_signer").bitcoin
local bytes = vectors.bytes

local templates = {
    p2tr = "5120" .. ("11"):rep(32),
    p2wpkh = "0014" .. ("11"):rep(20),
    p2wsh = "0020" .. ("11"):rep(32),
    p2pkh = "76a914" .. ("11"):rep(20) .. "88ac",
    p2sh = "a914" .. ("11"):rep(20) .. "87",
}

describe("script class", function()
    it("pol 5.2 knows the five templates", function()
        for class, script in pairs(templates) do assert.equal(class, bitcoin.script_class(bytes(script))) end
    end)

    it("FW-1 calls one byte more or less `other`", function()
        for _, script in pairs(templates) do
            assert.equal("other", bitcoin.script_class(bytes(script .. "00")))
            assert.equal("other", bitcoin.script_class(bytes(script:sub(1, -3))))
            assert.equal("other", bitcoin.script_class(bytes(script:sub(3))))
        end
    end)

    it("pol 5.2 looks at every fixed byte", function()
        for class, script in pairs(templates) do
            local fixed = script:gsub("11", "..")
            for i = 1, #script, 2 do
                if fixed:sub(i, i) ~= "." then
                    local other = script:sub(1, i - 1) .. "ff" .. script:sub(i + 2)
                    assert.equal("other", bitcoin.script_class(bytes(other)), class .. " at " .. i)
                end
            end
        end
    end)

    it("pol 5.2 calls all else `other`", function()
        for _, script in ipairs({ "", "6a", "6a04deadbeef", "21" .. ("02"):rep(33) .. "ac", "5220" .. ("11"):rep(32),
            "0013" .. ("11"):rep(19), "5114" .. ("11"):rep(20) }) do
            assert.equal("other", bitcoin.script_class(bytes(script)))
        end
    end)
end)

describe("script parse check", function()
    local function parses(script) return bitcoin.script_parses(bytes(script)) end

    it("TX-9 refuses a push that runs past the end", function()
        for _, script in ipairs({ "4c", "05aabb", "4c02aa", "4d", "4d01", "4d0200aa", "4e", "4e010000", "4e01000000",
            "4effffffff00", "01", "4b" .. ("00"):rep(74), "6a4c" }) do
            assert.is_false(parses(script), script)
        end
    end)

    it("D-151 refuses a template cut short before any class is looked at", function()
        assert.is_false(parses("5120" .. ("11"):rep(31)))
    end)

    it("TX-9 accepts the empty script, lone opcodes and non-minimal pushes", function()
        for _, script in ipairs({ "", "6a", "00", "ff", "4c00", "4c01aa", "4d0100aa", "4d0000", "4e01000000aa",
            "4b" .. ("00"):rep(75), templates.p2tr, templates.p2pkh }) do
            assert.is_true(parses(script), script)
        end
    end)
end)
