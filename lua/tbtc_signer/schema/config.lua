--- Request and response of init_signer_config (abi 3.1, Appendix A) and of the liveness policy. The
-- members come from the one table of settings (src/session/settings.def), whose order is that of the fingerprint.
local s = require("tbtc_signer.schema.types")
local settings = require("signer.settings")

local TEXT = 65536
local ENTRIES = 4096 -- D-149

local json_type = {
    text = s.text(TEXT),
    word = s.text(TEXT),
    bytes32 = s.text(TEXT),
    flag = s.bool,
    count = s.u64,
    sequence = s.u64,
    hour = s.u8,
    identifiers = s.list(s.u16, ENTRIES),
    classes = s.list(s.text(TEXT), ENTRIES),
}

local members = {}
for index, setting in ipairs(settings.list()) do
    members[index] = { setting.member, json_type[setting.type], optional = true }
end

return {
    InitSignerConfigRequest = s.object("InitSignerConfigRequest", members, { strict = true }),
    InitSignerConfigResult = s.object("InitSignerConfigResult", {
        { "installed", s.bool },
        { "idempotent", s.bool },
        { "config_fingerprint", s.text(64) },
        { "configured_key_count", s.u32 },
    }),
    RoastLivenessPolicy = s.object("RoastLivenessPolicy", {
        { "coordinator_timeout_ms", s.u64 },
        { "timeout_source", s.text(64) },
        { "advance_trigger", s.text(64) },
        { "exclusion_evidence_policy", s.text(64) },
    }),
    -- What a trusted party signed (policy-and-lifecycle 3); unknown members are ignored.
    AttestationPayload = s.object("AttestationPayload", {
        { "status", s.text(TEXT) },
        { "runtime_version", s.text(TEXT) },
        { "expires_at_unix", s.u64, optional = true },
    }),
}
