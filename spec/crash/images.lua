--- Memory images: processes that stop at a point, the secrets of a signing with everything that is made of
-- them, and the judgement of a search.
local luv = require("luv")
local child = require("spec.support.child")
local signer = require("tbtc_signer")

local curve, crash = signer.test_curve, signer.test_crash

local images = {}

images.PLANTED = signer.curve.sha256("planted")

--- Starts a shell command whose core file may be of any size.
-- @return table  text (its output so far), pid, ended (its signal), wait, await_end, kill
function images.start(command, environment)
    local output = assert(luv.new_pipe())
    local process = { text = "" }
    process.handle, process.pid = assert(luv.spawn("/bin/sh", {
        args = { "-c", ("ulimit -c unlimited; exec %s 2>/dev/null"):format(command) },
        stdio = { nil, output, 2 }, env = environment,
    }, function(_, signal) process.ended = signal or 0 end))
    output:read_start(function(_, data) process.text = process.text .. (data or "") end)
    function process.wait(until_true)
        local limit = luv.hrtime() + 120e9
        while not until_true() do
            assert(luv.hrtime() < limit, "the process does not come to its point:\n" .. process.text)
            assert(not process.ended, "the process ended:\n" .. process.text)
            luv.run("nowait")
            luv.sleep(5)
        end
    end
    function process.await_end()
        local limit = luv.hrtime() + 120e9
        while not process.ended and luv.hrtime() < limit do
            luv.run("nowait")
            luv.sleep(5)
        end
    end
    function process.kill()
        if not process.ended then luv.process_kill(process.handle, "sigkill") end
        process.await_end()
        output:close()
        process.handle:close()
        luv.run("nowait")
    end
    return process
end

--- A list of named secrets; each is kept with its negative.
function images.secrets()
    local list = { names = {}, values = {} }
    function list.keep(name, value)
        for _, pair in ipairs({ { "", value }, { "-", curve.negate(value) } }) do
            list.names[#list.names + 1] = pair[1] .. name
            list.values[#list.values + 1] = pair[2]
        end
    end
    return list
end

--- Keeps everything that signing makes of the secrets of one member.
-- @param one table  member, index in the package (nil: does not sign), share, hiding, binding
-- @param round table  of test_frost.round
-- @param key string  33 bytes
-- @return string|nil  the signature share
function images.keep_signing(list, one, round, key, root)
    local function keep(name, value) list.keep(name .. " " .. one.member, value) end
    keep("share", one.share)
    keep("hiding", one.hiding)
    keep("binding", one.binding)
    -- Even Y, tweak, even Y again: what the share becomes before it meets the weight.
    local adjusted = curve.negate_if(one.share, key:byte(1) == 3)
    if root then
        local internal = key:sub(2)
        local tweak = curve.reduce(signer.curve.tagged_hash("TapTweak", internal .. root))
        local tweaked = curve.point_add("\2" .. internal, curve.mul_base(tweak))
        keep("tweaked share", curve.add(adjusted, tweak))
        adjusted = curve.negate_if(curve.add(adjusted, tweak), tweaked:byte(1) == 3)
    end
    if not one.index then return end
    local weight = curve.mul(round.lagrange[one.index], round.challenge)
    local bound = curve.mul(one.binding, round.binding_factors[one.index])
    local nonce = curve.add(one.hiding, bound)
    keep("e rho", bound)
    keep("d + e rho", nonce)
    keep("s lambda", curve.mul(adjusted, round.lagrange[one.index]))
    keep("s c", curve.mul(adjusted, round.challenge))
    keep("s lambda c", curve.mul(adjusted, weight))
    return curve.add(curve.negate_if(nonce, round.odd), curve.mul(adjusted, weight))
end

--- Asserts that the planted value is in the image (so that a search which finds nothing is known to look)
-- and no secret is. @param what table  pid or file @param texts_too boolean|nil  false: hexadecimal text aside
function images.assert_clean(list, what, texts_too)
    what.secrets = table.move(list.values, 1, #list.values, 1, {})
    what.secrets[#what.secrets + 1] = images.PLANTED
    local hits, searched = crash.search(what)
    local bad, planted = {}, 0
    for _, hit in ipairs(hits) do
        if hit.secret == #what.secrets then
            planted = planted + 1
        elseif texts_too ~= false or hit.form:lower() ~= "hex" then
            bad[#bad + 1] = ("%s, %s, at 0x%x (%s)"):format(list.names[hit.secret], hit.form, hit.at, hit.place)
        end
    end
    assert(#bad == 0, table.concat(bad, "\n"))
    assert(planted > 0, "the planted value was not found")
    assert(searched > 1000000, "too little was searched")
end

--- Sleeping, several times in a row: nothing but its point holds it then.
function images.sleeps(pid)
    for _ = 1, 3 do
        local state = child.read_all(("/proc/%d/stat"):format(pid)):match("%) (%a)")
        if state ~= "S" then return false end
        luv.sleep(30)
    end
    return true
end

return images
