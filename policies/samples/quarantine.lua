--- Example: members that this operator does not sign with, whatever the others think of them.
return {
    settings = {
        avoided = { default = "", description = "identifiers, each between commas: ,7,12," },
    },

    evaluate = function(input, settings)
        if string.find(settings.avoided, "," .. tostring(input.member_identifier) .. ",") then
            return refuse("avoided_member", tostring(input.member_identifier))
        end
        return allow()
    end,
}
