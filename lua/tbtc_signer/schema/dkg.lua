--- Requests and responses of the distributed key generation (abi 3.5). Identifiers are FROST identifier
-- texts; members marked secret_hex never become Lua strings.
local s = require("tbtc_signer.schema.types")

local LONG = 65536
local PARTICIPANTS = 256
local SHARE = 256

local NativeFrostKeyPackage = s.object("NativeFrostKeyPackage", {
    { "identifier", s.text(LONG) },
    { "data_hex", s.secret_hex(LONG) },
})

local NativeFrostPublicKeyPackage = s.object("NativeFrostPublicKeyPackage", {
    { "verifying_shares", s.map(s.hex(SHARE), PARTICIPANTS) },
    { "verifying_key", s.hex(LONG) },
})

local Round1Package = s.object("DkgRound1Package", {
    { "identifier", s.text(LONG) },
    { "package_hex", s.hex(LONG) },
})

-- `identifier` is the recipient. Part 2 leaves the sender to the host; part 3 demands it.
local Round2Package = s.object("DkgRound2Package", {
    { "identifier", s.text(LONG) },
    { "sender_identifier", s.text(LONG), optional = true },
    { "package_hex", s.secret_hex(LONG) },
})

return {
    NativeFrostKeyPackage = NativeFrostKeyPackage,
    NativeFrostPublicKeyPackage = NativeFrostPublicKeyPackage,

    DkgPart1Request = s.object("DkgPart1Request", {
        { "participant_identifier", s.text(LONG) },
        { "max_signers", s.u16 },
        { "min_signers", s.u16 },
    }),
    DkgPart1Result = s.object("DkgPart1Result", {
        { "secret_package_hex", s.secret_hex(LONG) },
        { "package", Round1Package },
    }),

    DkgPart2Request = s.object("DkgPart2Request", {
        { "secret_package_hex", s.secret_hex(LONG) },
        { "round1_packages", s.list(Round1Package, PARTICIPANTS) },
    }),
    DkgPart2Result = s.object("DkgPart2Result", {
        { "secret_package_hex", s.secret_hex(LONG) },
        { "packages", s.list(Round2Package, PARTICIPANTS) },
    }),

    DkgPart3Request = s.object("DkgPart3Request", {
        { "secret_package_hex", s.secret_hex(LONG) },
        { "round1_packages", s.list(Round1Package, PARTICIPANTS) },
        { "round2_packages", s.list(Round2Package, PARTICIPANTS) },
    }),
    DkgPart3Result = s.object("DkgPart3Result", {
        { "key_package", NativeFrostKeyPackage },
        { "public_key_package", NativeFrostPublicKeyPackage },
    }),

    PersistDistributedDkgKeyPackageRequest = s.object("PersistDistributedDkgKeyPackageRequest", {
        { "session_id", s.text(LONG) },
        { "participant_identifier", s.u16 },
        { "threshold", s.u16 },
        { "participant_count", s.u16 },
        { "key_package", NativeFrostKeyPackage },
        { "public_key_package", NativeFrostPublicKeyPackage },
    }),
    DkgResult = s.object("DkgResult", {
        { "session_id", s.text(LONG) },
        { "key_group", s.text(LONG) },
        { "participant_count", s.u16 },
        { "threshold", s.u16 },
        { "created_at_unix", s.u64 },
    }),

    RetireDistributedDkgKeyPackagesRequest = s.object("RetireDistributedDkgKeyPackagesRequest", {
        { "key_group", s.text(LONG) },
    }),
    RetireDistributedDkgKeyPackagesResult = s.object("RetireDistributedDkgKeyPackagesResult", {
        { "key_group", s.text(LONG) },
        { "retired", s.bool },
        { "retired_key_package_count", s.u16 },
    }),
}
