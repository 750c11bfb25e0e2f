--- Hex of public bytes, for everything on the Lua side.
--- hex.encode(bytes) -> lower-case text; hex.decode(text) -> bytes, or nil where it is no hex.
local bytes = require("tbtc_signer").bytes

return { encode = bytes.hex, decode = bytes.unhex }
