--- Rows of the bench: their order, their titles, and what a ratio reaches.
local rows = {}

rows.names = { "round1", "round2", "aggregate", "aggregate_one", "aggregate_all", "verify", "verify_open", "parse_signing",
    "part1", "part2", "part3", "parse_dkg" }
rows.titles = {
    round1 = "round 1", round2 = "round 2", aggregate = "aggregate",
    aggregate_one = "aggregate, one bad share, one culprit named", aggregate_all = "aggregate, one bad share, all culprits named",
    verify = "verify one share, everything anew", verify_open = "verify one share in an open session",
    parse_signing = "parse a signing package", part1 = "DKG part 1", part2 = "DKG part 2", part3 = "DKG part 3",
    parse_dkg = "parse a round-1 package",
}
-- The call that does the same through the C interface.
rows.calls = {
    round1 = "interactive_round1", round2 = "interactive_round2", aggregate = "interactive_aggregate",
    aggregate_all = "interactive_aggregate, one bad share", verify = "verify_signature_share, first of a package",
    verify_open = "verify_signature_share", part1 = "dkg_part1", part2 = "dkg_part2", part3 = "dkg_part3",
}

-- Key generation on one worker thread and on more.
rows.workers = { "parse_all", "part2", "part3", "dkg_part2", "dkg_part3", "calm" }
rows.worker_titles = {
    parse_all = "all round-1 packages parsed", part2 = "DKG part 2", part3 = "DKG part 3",
    dkg_part2 = "`dkg_part2` through the Lua module", dkg_part3 = "`dkg_part3` through the Lua module",
    calm = "arithmetic alone at the same time",
}

--- @return string|nil  "goal", "must" or "below"; nil without a ratio or a target
function rows.verdict(row)
    if not row.ratio or not row.must then return nil end
    if row.ratio >= row.goal then return "goal" end
    return row.ratio >= row.must and "must" or "below"
end

function rows.median(list)
    local sorted = table.move(list, 1, #list, 1, {})
    table.sort(sorted)
    local middle = #sorted // 2
    if #sorted == 0 then return nil end
    if #sorted % 2 == 1 then return sorted[middle + 1] end
    return (sorted[middle] + sorted[middle + 1]) / 2
end

--- Every row with its size, in the order of the table.
function rows.each(core)
    return coroutine.wrap(function()
        for _, name in ipairs(rows.names) do
            for _, size in ipairs(core.sizes) do
                local row = core.rows[size][name]
                if row then coroutine.yield(name, size, row) end
            end
        end
    end)
end

return rows
