--- What to do about a failure, by reason code and code: one table, so that every command says the same.
local hints = {}

local BY_REASON = {
    state_locked = "another process uses this store; stop it first, or give this one its own state path",
    state_path_unsafe = "set owner and modes back: directory 0700, files 0600, no links; the line on stderr names the file",
    state_key_unavailable = "check the key provider: its command must print 64 hex characters and exit 0 when it is run by hand;"
        .. " the provider env reads them from TBTC_SIGNER_STATE_ENCRYPTION_KEY_HEX",
    state_key_mismatch = "the key provider gives another key than the store was sealed with; restore the right one",
    state_foreign_store = "the lock file belongs to another store; move it aside only if this store is meant to be here",
    state_io = "look at the disk and its log; nothing was lost, the same call may be tried again",
    state_anchor_unavailable = "bring the anchor back: the file of state_store_anchor_path, whole and with its lock",
    state_acknowledgement_required = "nothing was done; let the anchor service acknowledge the state, then repeat the call",
    state_import_conflict = "a store is at this path already (tbtc-signer store info shows it); if a state file lies beside"
        .. " it, find the true one and move the other away",
    state_corrupt = "do not delete anything; restore the whole of state path, .lock, .mark and .store from one backup"
        .. " (a copy that has no .mark: tbtc-signer store adopt)",
    state_rollback_detected = "something newer was here (the mark, the lock or the anchor knows it, or you do): put back the"
        .. " newest copy of all files together",
    state_no_space = "make room on the file system of the state path; nothing was lost",
    state_version_unsupported = "the message names the format, nothing was touched; a state file with envelope schema 3 is taken"
        .. " over by tbtc-signer store init, one with schema 4 by tbtc-signer store import --generation",
    memory_lock_unavailable = "raise the limit on locked memory (ulimit -l, or LimitMEMLOCK= in the unit)",
    capacity_exceeded = "raise the setting that the message names, or abort sessions that are no longer needed",
    operator_policy_refused = "the operator's policy said no; its reason stands in the message",
    operator_policy_failed = "the message names the script's fault; mend it, then try it on a file: tbtc-signer tx",
    invalid_policy_configuration = "correct the setting that the message names (docs/operations.md has the list)",
    rate_limit_per_minute_exceeded = "wait a minute, or raise policy_rate_limit_per_minute",
    heartbeat_rate_limit_per_minute_exceeded = "wait a minute, or raise policy_heartbeat_rate_limit_per_minute",
    script_class_not_allowlisted = "pay to an allowed kind of script, or add the class to policy_allowed_script_classes",
    single_output_value_exceeds_policy_limit = "split the payment, or raise policy_max_output_value_sats",
    total_output_value_exceeds_policy_limit = "pay less at once, or raise policy_max_total_output_value_sats",
    output_count_exceeds_policy_limit = "use fewer outputs, or raise policy_max_output_count",
    fee_exceeds_policy_limit = "lower the fee: raise an output value, or raise policy_max_fee_sats",
    fee_rate_exceeds_policy_limit = "lower the fee, or raise policy_max_fee_rate_sat_per_kvb",
    missing_policy_checked_build_tx = "build the transaction first under the same session id: tbtc-signer tx",
    signing_message_not_bound_to_policy_checked_build_tx = "sign one of the sighashes that the built transaction has",
    emergency_rekey_required = "this wallet is closed by an emergency rekey; make a new key",
}

local BY_CODE = {
    store_missing = "look at TBTC_SIGNER_STATE_PATH or --path; a new store is made by `tbtc-signer store init` or at first use",
    node_unreachable = "start the node (tbtc-signer node run …) and look at its log",
    too_few_members = "start more of the listed nodes, then run the same command again",
    consumed_nonce_replay = "this attempt is spent for good; sign with a new attempt number",
    dkg_not_ready = "compare the key group with what tbtc-signer dkg printed; where no key was made yet, run the key generation"
        .. " first: tbtc-signer dkg",
    session_conflict = "this session id was used for something else before: take a new one",
    dkg_views_differ = "no key was made; look into the named party, then start again with a new run id",
    provenance_gate_rejected = "set the attestation (docs/operations.md); to rehearse, TBTC_SIGNER_PROFILE=development",
}

--- @param problem table {code, reason_code?}
--- @return string|nil
function hints.of(problem)
    local what = problem.message or problem.detail or ""
    if problem.reason_code == "state_io" and what:find("directory of the state path failed: No such file", 1, true) then
        return "create the folder of the state path, mode 0700, or look at TBTC_SIGNER_STATE_PATH or --path"
    end
    if problem.reason_code == "state_io" and what:find("Permission denied", 1, true) then
        return "run this as the user that the store belongs to; owner and modes are checked and never changed"
    end
    return problem.hint or BY_REASON[problem.reason_code or ""] or BY_CODE[problem.code or ""]
end

return hints
