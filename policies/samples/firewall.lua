--- Example: a firewall that pays only to known scripts or in small amounts, with a bounded fee.
--
-- Refuses a transaction that
--   * pays more than `free_payment_sats` to a script that is not listed in `known_scripts`,
--   * spends more than `fee_per_mille` thousandths of its input on fees,
--   * has more than one output of class p2sh.
-- Every refusal names its reason with a code of its own and the output that caused it.

return {
    settings = {
        free_payment_sats = { default = 1000000, description = "largest payment to a script that is not listed" },
        fee_per_mille = { default = 50, description = "largest fee, in thousandths of what is spent" },
        known_scripts = { default = "", description = "scripts in hex, one behind the other with a space between" },
    },

    evaluate = function(input, settings)
        if input.fee_sats * 1000 > input.input_total_sats * settings.fee_per_mille then
            return refuse("fee_share_too_high", "fee " .. tostring(input.fee_sats))
        end

        local script_hashes = 0
        for index, output in ipairs(input.outputs) do
            if output.class == "p2sh" then script_hashes = script_hashes + 1 end
            local known = string.find(" " .. settings.known_scripts .. " ", " " .. output.script_hex .. " ")
            if not known and output.value_sats > settings.free_payment_sats then
                return refuse("unknown_recipient", "output " .. tostring(index))
            end
        end
        if script_hashes > 1 then return refuse("too_many_script_hashes") end

        return allow()
    end,
}
