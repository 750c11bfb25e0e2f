/* The JSON forms of sealed-store 6.3 and their encoded forms of 35.6, as one table for both directions:
 * what is imported from an old state file and what is given out again. */
#ifndef SIGNER_REGISTRY_IMPORT_FORMS_H
#define SIGNER_REGISTRY_IMPORT_FORMS_H

#include "base/bytes.h"
#include "base/json.h"
#include "registry/state.h"

enum form_kind {
    FORM_U8,
    FORM_U16,
    FORM_U32,
    FORM_U64,
    FORM_BOOL,
    FORM_TEXT,
    FORM_HEX,     /* LP of the decoded bytes */
    FORM_MEMBERS, /* array of u16 */
    FORM_RECORD,
    FORM_RECORDS /* array of records */
};

struct form {
    enum form_kind kind;
    const struct form_record *record;
};

struct form_member {
    const char *name;
    struct form form;
    bool omit; /* left out when empty: `00`, or `01` and the value */
};

#define FORM_RECORD_MEMBERS_MAX 13

struct form_record {
    size_t count;
    struct form_member members[FORM_RECORD_MEMBERS_MAX];
};

/* How a member of a session (sealed-store 6.2) is stored. */
enum session_part {
    PART_FIELD, /* null when empty, but for those below */
    PART_SET,   /* left out when empty, as lists are */
    PART_LIST,
    PART_REKEY,  /* field 16, which also gets the key group (D-125) */
    PART_COUNT,  /* field 15 */
    PART_EPOCH,  /* field 18: only 0 is known */
    PART_VERSION /* field 19: 0 is absent */
};

struct session_member {
    const char *name;
    enum session_part part;
    uint8_t number; /* field, set or list */
    struct form form;
    bool omit; /* a field that is left out when empty; the others are null */
};

#define SESSION_MEMBERS 29
extern const struct session_member session_members[SESSION_MEMBERS];
extern const struct form_record form_rekey_event; /* {reason, triggered_at_unix} */
extern const struct form_record form_canary;

/* JSON on its way in. `token` is the first token of the value that is read next. */
struct form_input {
    struct json_reader *json;
    struct json_token token;
    struct failure *why;
};

/* Moves to the next token. False: the text is no JSON. */
bool form_next(struct form_input *in);
/* ERR_STATE_CORRUPT in `why`, with a name out of our tables and never with content; answers false. */
bool form_refuse(struct form_input *in, const char *name, const char *what);
/* Appends the text that a key or string token stands for. */
void form_text(struct buffer *out, const struct json_token *token);
/* Appends the encoded value; leaves `token` at its last token. */
bool form_read(struct form_input *in, const struct form *form, const char *name, struct buffer *out);
/* One encoded value as JSON. False: the bytes do not have the form. */
bool form_write(struct buffer *json, const struct form *form, struct reader *in);
void form_number(struct buffer *json, uint64_t number);
/* `"name":`, with a comma before it unless `*first`. */
void form_name(struct buffer *json, const char *name, bool *first);

#endif
