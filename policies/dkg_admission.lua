--- Admission of a new wallet: asked before a seat's key package is stored, after the built-in admission
-- rules, and also where those are off. A refusal means that the key package is not stored.
--
-- This default refuses nothing. How to replace it: see policies/firewall.lua.
--
-- What `input` holds:
--
--     input.session_id                of the wallet
--     input.key_group                 66 hex digits of the new group key
--     input.participant_identifier    the seat whose key package is to be stored
--     input.threshold
--     input.participants[i]           identifiers of all members of the group, ascending

return {
    settings = {},

    evaluate = function()
        return allow()
    end,
}
