--- Quarantine of one member for one call: asked for the own member when an attempt opens, at round 1 and
-- at round 2, for every member of the signing package at round 2, and for every member of a new wallet.
-- It runs after the stored quarantine set, and also where auto-quarantine is off. A refusal blocks that
-- call; it changes no score and no set, and it can let nobody off.
--
-- This default refuses nobody. How to replace it: see policies/firewall.lua.
--
-- What `input` holds:
--
--     input.member_identifier    1 to 65535

return {
    settings = {},

    evaluate = function()
        return allow()
    end,
}
