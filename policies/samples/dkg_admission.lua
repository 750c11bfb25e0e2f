--- Example: only groups of a fixed shape, with a majority threshold.
return {
    settings = {
        members_min = { default = 3, description = "smallest group" },
        members_max = { default = 100, description = "largest group" },
    },

    evaluate = function(input, settings)
        local count = #input.participants
        if count < settings.members_min then return refuse("group_too_small", tostring(count)) end
        if count > settings.members_max then return refuse("group_too_large", tostring(count)) end
        if input.threshold * 2 <= count then return refuse("no_majority", tostring(input.threshold)) end
        return allow()
    end,
}
