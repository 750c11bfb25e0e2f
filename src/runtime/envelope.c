/* Error envelopes: message patterns (abi 4.4), member order (D-129), redaction (D-006). */
#include "runtime/envelope.h"

#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

#include "base/fault.h"
#include "base/json.h"
#include "binding/binding.h"
#include "runtime/encode.h"
#include "runtime/runtime.h"

#define FAULT_TEXT "panic crossed FFI boundary"
#define REDACTED_TEXT "signer error detail redacted (see server log)"

void envelope_from_failure(struct envelope *out, const struct failure *why) {
    out->error = why->error == SIGNER_OK ? ERR_INTERNAL : why->error;
    out->session_id[0] = 0;
    out->candidate_culprit_count = 0;
    out->culprit_count = 0;
    out->has_generations = false;
    snprintf(out->detail, sizeof out->detail, "%s", *why->detail ? why->detail : error_info(out->error)->text);
}

/* -- reading error objects ---------------------------------------------------------------------------- */

static void read_text(lua_State *L, int index, const char *name, char *out, size_t size) {
    if (lua_getfield(L, index, name) == LUA_TSTRING) snprintf(out, size, "%s", lua_tostring(L, -1));
    lua_pop(L, 1);
}

static uint64_t read_generation(lua_State *L, int index, const char *name, bool *found) {
    *found = lua_getfield(L, index, name) == LUA_TNUMBER;
    uint64_t value = (uint64_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return value;
}

static void read_culprits(lua_State *L, int index, struct envelope *out) {
    if (lua_getfield(L, index, "candidate_culprits") == LUA_TTABLE)
        for (lua_Integer i = 1; i <= PARTICIPANTS_MAX && lua_geti(L, -1, i) == LUA_TNUMBER; i++) {
            out->candidate_culprits[out->candidate_culprit_count++] = (uint16_t)lua_tointeger(L, -1);
            lua_pop(L, 1);
        }
    lua_settop(L, index);
    if (lua_getfield(L, index, "culprits") == LUA_TTABLE)
        for (lua_Integer i = 1; i <= PARTICIPANTS_MAX && lua_geti(L, -1, i) == LUA_TSTRING; i++) {
            char *text = out->culprits[out->culprit_count++];
            snprintf(text, ENVELOPE_CULPRIT_BYTES, "%s", lua_tostring(L, -1));
            lua_pop(L, 1);
        }
    lua_settop(L, index);
}

/* (error value, envelope): runs protected, since reading a member may run out of memory. */
static int read_error(lua_State *L) {
    struct envelope *out = lua_touserdata(L, 2);
    lua_settop(L, 1);
    struct failure why;
    if (binding_failure(L, 1, &why)) {
        envelope_from_failure(out, &why);
        read_text(L, 1, "detail", out->detail, sizeof out->detail);
        read_text(L, 1, "session_id", out->session_id, sizeof out->session_id);
        read_culprits(L, 1, out);
        bool requested, base;
        out->requested_generation = read_generation(L, 1, "requested_generation", &requested);
        out->witness_base_generation = read_generation(L, 1, "witness_base_generation", &base);
        out->has_generations = requested && base;
        return 0;
    }
    const char *payload = lua_type(L, 1) == LUA_TSTRING ? lua_tostring(L, 1) : "payload is no text";
    snprintf(out->detail, sizeof out->detail, "%s", payload);
    return 0;
}

void envelope_from_lua(lua_State *L, struct envelope *out, int status) {
    struct failure fault = {ERR_CONTAINED_FAULT, ""};
    envelope_from_failure(out, &fault);
    out->detail[0] = 0;
    if (status == LUA_ERRMEM) {
        snprintf(out->detail, sizeof out->detail, "not enough memory");
        lua_pop(L, 1);
        return;
    }
    lua_pushcfunction(L, read_error);
    lua_insert(L, -2);
    lua_pushlightuserdata(L, out);
    if (lua_pcall(L, 2, 0, 0) != LUA_OK) {
        lua_pop(L, 1);
        envelope_from_failure(out, &fault);
        snprintf(out->detail, sizeof out->detail, "payload is no text");
    }
}

/* -- writing ------------------------------------------------------------------------------------------ */

/* Printable ASCII only, at most ENVELOPE_DETAIL_MAX bytes: messages may echo text of the caller. */
static void message_append(char *message, size_t *len, const char *text, size_t text_len) {
    const uint8_t *at = (const uint8_t *)text, *end = at + text_len;
    while (at < end && *len < ENVELOPE_DETAIL_MAX) {
        size_t used = json_utf8(at, end);
        message[(*len)++] = used == 1 && *at >= 0x20 && *at < 0x7f ? (char)*at : '?';
        at += used ? used : 1;
    }
}

static void message_text(char *message, size_t *len, const char *text) {
    message_append(message, len, text, strlen(text));
}

static const char *policy_family(enum signer_code code) {
    switch (code) {
    case CODE_ADMISSION:
        return "admission";
    case CODE_SIGNING_POLICY:
        return "signing";
    case CODE_QUARANTINE:
        return "quarantine";
    case CODE_LIFECYCLE:
        return "lifecycle";
    default:
        return NULL;
    }
}

static void message_prefix(char *message, size_t *len, const struct envelope *envelope, const char *session_id,
                           size_t session_id_len) {
    const struct error_info *info = error_info(envelope->error);
    const char *reason = info->reason_code ? info->reason_code : "unspecified";
    const char *family = policy_family(info->code);
    if (info->code == CODE_VALIDATION) message_text(message, len, "validation failed: ");
    if (info->code == CODE_INTERNAL) message_text(message, len, "internal error: ");
    if (info->code == CODE_PROVENANCE) message_text(message, len, "provenance gate rejected: ");
    if (family) {
        message_text(message, len, family);
        message_text(message, len, " policy rejected for session ");
        if (*envelope->session_id)
            message_text(message, len, envelope->session_id);
        else
            message_append(message, len, session_id ? session_id : "unknown", session_id ? session_id_len : 7);
        message_text(message, len, ": ");
    }
    if (family || info->code == CODE_PROVENANCE) {
        message_text(message, len, reason);
        message_text(message, len, ": ");
    }
}

static void write_members(struct buffer *out, const struct envelope *envelope) {
    const struct error_info *info = error_info(envelope->error);
    if (info->reason_code) {
        buffer_text(out, ",\"reason_code\":");
        encode_text(out, info->reason_code, strlen(info->reason_code));
    }
    for (size_t i = 0; i < envelope->candidate_culprit_count; i++) {
        buffer_text(out, i ? "," : ",\"candidate_culprits\":[");
        buffer_decimal(out, envelope->candidate_culprits[i]);
    }
    if (envelope->candidate_culprit_count > 0) buffer_u8(out, ']');
    for (size_t i = 0; i < envelope->culprit_count; i++) {
        buffer_text(out, i ? "," : ",\"culprits\":[");
        encode_text(out, envelope->culprits[i], strlen(envelope->culprits[i]));
    }
    if (envelope->culprit_count > 0) buffer_u8(out, ']');
    if (!envelope->has_generations) return;
    buffer_text(out, ",\"requested_generation\":");
    buffer_decimal(out, envelope->requested_generation);
    buffer_text(out, ",\"witness_base_generation\":");
    buffer_decimal(out, envelope->witness_base_generation);
}

void envelope_write(struct buffer *out, const struct envelope *envelope, const char *session_id, size_t session_id_len,
                    bool development) {
    const struct error_info *info = error_info(envelope->error);
    char message[ENVELOPE_DETAIL_MAX];
    size_t len = 0;
    if (envelope->error == ERR_CONTAINED_FAULT) {
        message_text(message, &len, FAULT_TEXT);
        if (development && *envelope->detail) message_text(message, &len, ": ");
        if (development) message_text(message, &len, envelope->detail);
    } else if (info->code == CODE_INTERNAL && !development) {
        message_text(message, &len, REDACTED_TEXT);
    } else {
        message_prefix(message, &len, envelope, session_id, session_id_len);
        message_text(message, &len, envelope->detail);
    }
    buffer_clear(out);
    buffer_text(out, "{\"code\":");
    encode_text(out, code_text(info->code), strlen(code_text(info->code)));
    buffer_text(out, ",\"message\":");
    encode_text(out, message, len);
    buffer_text(out, ",\"recovery_class\":");
    const char *class = code_recovery_class(info->code) == RECOVERABLE ? "recoverable" : "terminal";
    encode_text(out, class, strlen(class));
    write_members(out, envelope);
    buffer_u8(out, '}');
    if (buffer_status(out) == SIGNER_OK) return;
    /* No memory: what is there must do. */
    out->failed = false;
    out->len = 0;
    if (out->capacity < sizeof ENVELOPE_LAST_RESORT) return;
    buffer_text(out, ENVELOPE_LAST_RESORT);
}

void runtime_envelope(struct buffer *reply, const struct failure *why, bool development) {
    struct envelope envelope;
    envelope_from_failure(&envelope, why);
    driven_error((int)envelope.error, error_info(envelope.error)->name);
    envelope_write(reply, &envelope, NULL, 0, development);
}
