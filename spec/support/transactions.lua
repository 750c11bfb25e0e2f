--- Requests of build_taproot_tx for specs.
local transactions = {}

function transactions.p2tr(byte) return "5120" .. (byte or "11"):rep(32) end
function transactions.p2wpkh(byte) return "0014" .. (byte or "33"):rep(20) end

--- One input of `value` satoshis.
function transactions.input(index, value, script)
    return {
        txid_hex = ("%064x"):format(index), vout = 0, value_sats = value or 100000,
        script_pubkey_hex = script or transactions.p2tr(),
    }
end

function transactions.output(value, script)
    return { script_pubkey_hex = script or transactions.p2tr("44"), value_sats = value }
end

--- By default the one-input vector of policy-and-lifecycle 6.6.
function transactions.request(session_id, changes)
    local request = {
        session_id = session_id or "s1",
        inputs = { transactions.input(1) },
        outputs = { transactions.output(99000) },
    }
    for name, value in pairs(changes or {}) do request[name] = value end
    return request
end

return transactions
