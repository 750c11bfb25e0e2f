--- Whole numbers from a seed, the same on every machine: a linear congruence of 63 bits, its upper half.
-- @param seed integer
-- @return function(below) -> integer from 0 to below - 1
return function(seed)
    local value = seed * 2654435761 + 12345
    return function(below)
        value = (value * 6364136223846793005 + 1442695040888963407) & 0x7fffffffffffffff
        return (value >> 33) % below
    end
end
