/* The operator's line about one decision of a policy (policy-and-lifecycle 12.1, 12.2). */
#include "session/policy_notice.h"

#include <string.h>

#include "base/notice.h"

/* Sanitises as 12.1 says into `out` (ends with 0, cut at `room`). */
static void notice_clean(char *out, size_t room, const char *text, size_t len) {
    size_t used = 0;
    for (size_t i = 0; i < len && used + 1 < room; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c & 0xc0) == 0x80) continue; /* a continuation byte: its character has its `_` already */
        int plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    (c != 0 && strchr("-_.:/", c) != NULL);
        out[used++] = plain ? (char)c : '_';
    }
    if (room) out[used] = 0;
}

void notice_policy(const char *stage, const char *session_id, size_t session_id_len, const char *decision,
                   const char *reason_code) {
    char session[160], reason[96];
    notice_clean(session, sizeof session, session_id, session_id_len);
    notice_clean(reason, sizeof reason, reason_code, strlen(reason_code));
    notice_plain("policy_decision stage=%s session_id=%s decision=%s reason_code=%s", stage, session, decision, reason);
}
