/* Names in the store directory and beside it. */
#include "store/names.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "store/io.h"

static const char *const prefixes[] = {[KIND_LOG] = "log-", [KIND_SNAPSHOT] = "snapshot-", [KIND_AUDIT] = "audit-"};

void file_name(char out[FILE_NAME_BYTES], enum store_kind kind, uint64_t number) {
    snprintf(out, FILE_NAME_BYTES, "%s%016" PRIx64, prefixes[kind], number);
}

static bool is_digits(const char *text) {
    return strlen(text) == 16 && strspn(text, "0123456789abcdef") == 16;
}

static bool has_prefix(const char *name, const char *prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool parse_name(const char *name, struct numbered_file *out) {
    for (enum store_kind kind = KIND_LOG; kind <= KIND_AUDIT; kind++) {
        if (!has_prefix(name, prefixes[kind])) continue;
        const char *digits = name + strlen(prefixes[kind]);
        uint8_t number[8];
        if (!is_digits(digits) || !hex_decode(number, digits, 16)) return false;
        *out = (struct numbered_file){kind, load_be64(number)};
        return out->number != 0;
    }
    return false;
}

/* What follows a prefix in the names that we make: 16 hex digits, or a time and a process id. */
static bool is_temporary(const char *name, const char *prefix) {
    return has_prefix(name, prefix) && is_digits(name + strlen(prefix));
}

static bool is_quarantined(const char *name, const char *prefix) {
    static const char decimal[] = "0123456789";
    if (!has_prefix(name, prefix)) return false;
    const char *at = name + strlen(prefix);
    const size_t time = strspn(at, decimal);
    if (time == 0 || at[time] != '-') return false;
    const size_t process = strspn(at + time + 1, decimal);
    return process > 0 && at[time + 1 + process] == '\0';
}

struct listing {
    struct names *names;
    const struct place *place;
    enum signer_error error;
    struct failure *why;
};

static bool add_file(struct names *names, struct numbered_file file) {
    if (names->count == names->capacity) {
        size_t capacity = names->capacity ? 2 * names->capacity : 16;
        struct numbered_file *grown = signer_realloc(names->files, capacity * sizeof *grown);
        if (!grown) return false;
        names->files = grown;
        names->capacity = capacity;
    }
    names->files[names->count++] = file;
    return true;
}

static int read_entry(void *argument, const char *name) {
    struct listing *listing = argument;
    struct numbered_file file;
    struct stat status;
    enum file_state state;
    listing->names->empty = false;
    bool store_id = strcmp(name, "store-id") == 0;
    bool numbered = parse_name(name, &file);
    if (!store_id && !numbered) {
        if (!is_temporary(name, "tmp-")) store_report("unknown name in the store directory: %s", name);
        return 0;
    }
    const struct place *place = listing->place;
    listing->error = place_look(place, place->directory, name, &state, &status, listing->why);
    if (listing->error == SIGNER_OK && state != FILE_ABSENT) {
        listing->error = place_check(&status, false, name, listing->why);
        if (store_id) listing->names->store_id = true;
        if (numbered && !add_file(listing->names, file)) listing->error = fail_plain(listing->why, ERR_OUT_OF_MEMORY);
    }
    return listing->error == SIGNER_OK ? 0 : 1;
}

static int compare_files(const void *left, const void *right) {
    const struct numbered_file *a = left, *b = right;
    if (a->number != b->number) return a->number < b->number ? -1 : 1;
    return (int)a->kind - (int)b->kind;
}

enum signer_error names_read(struct names *out, const struct place *place, struct failure *why) {
    struct listing listing = {.names = out, .place = place, .why = why};
    *out = (struct names){.empty = true};
    int result = place->platform->files.list(place->platform->context, place->directory, read_entry, &listing);
    if (listing.error == SIGNER_OK && result != 0) listing.error = io_failed(why, "list", "the store directory");
    if (listing.error != SIGNER_OK) {
        names_free(out);
        return listing.error;
    }
    if (out->count > 0) qsort(out->files, out->count, sizeof *out->files, compare_files);
    return SIGNER_OK;
}

void names_free(struct names *names) {
    free(names->files);
    *names = (struct names){0};
}

uint64_t names_highest(const struct names *names, enum store_kind kind) {
    for (size_t i = names->count; i > 0; i--)
        if (names->files[i - 1].kind == kind) return names->files[i - 1].number;
    return 0;
}

uint64_t names_highest_any(const struct names *names) {
    return names->count > 0 ? names->files[names->count - 1].number : 0;
}

bool names_hold(const struct names *names, enum store_kind kind, uint64_t number) {
    for (size_t i = 0; i < names->count; i++)
        if (names->files[i].kind == kind && names->files[i].number == number) return true;
    return false;
}

/* -- temporaries and quarantined copies ------------------------------------------------------- */

struct text_list {
    char (*items)[FILE_NAME_BYTES];
    size_t count, capacity;
    const char *prefixes[2]; /* the second may be NULL */
    bool (*is_ours)(const char *name, const char *prefix);
    bool failed;
};

static int collect_text(void *argument, const char *name) {
    struct text_list *list = argument;
    if (!list->is_ours(name, list->prefixes[0]) && !(list->prefixes[1] && list->is_ours(name, list->prefixes[1])))
        return 0;
    if (strlen(name) >= FILE_NAME_BYTES) return 0;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 8;
        void *grown = signer_realloc(list->items, capacity * sizeof *list->items);
        if (!grown) {
            list->failed = true;
            return 1;
        }
        list->items = grown;
        list->capacity = capacity;
    }
    memcpy(list->items[list->count++], name, strlen(name) + 1);
    return 0;
}

static enum signer_error collect(struct text_list *list, const struct place *place, int directory,
                                 struct failure *why) {
    int result = place->platform->files.list(place->platform->context, directory, collect_text, list);
    if (list->failed) return fail_plain(why, ERR_OUT_OF_MEMORY);
    return result == 0 ? SIGNER_OK : io_failed(why, "list", "a directory of the store");
}

static enum signer_error remove_name(const struct place *place, int directory, const char *name, struct failure *why) {
    struct stat status;
    enum file_state state;
    enum signer_error error = place_look(place, directory, name, &state, &status, why);
    if (error != SIGNER_OK || state == FILE_ABSENT) return error;
    if (state == FILE_DIRECTORY) return place_remove_tree(place, name, why);
    if (place->platform->files.unlink_at(place->platform->context, directory, name, 0) != 0)
        return io_failed(why, "unlink", name);
    return SIGNER_OK;
}

static enum signer_error remove_all(const struct place *place, int directory, const char *first, const char *second,
                                    struct failure *why) {
    struct text_list list = {.prefixes = {first, second}, .is_ours = is_temporary};
    enum signer_error error = collect(&list, place, directory, why);
    for (size_t i = 0; error == SIGNER_OK && i < list.count; i++)
        error = remove_name(place, directory, list.items[i], why);
    free(list.items);
    return error;
}

enum signer_error names_remove_temporaries(const struct place *place, struct failure *why) {
    char mark[FILE_NAME_BYTES], store[FILE_NAME_BYTES];
    place_sibling(place, ".mark.tmp-", mark);
    place_sibling(place, ".store.tmp-", store);
    enum signer_error error = remove_all(place, place->parent, mark, store, why);
    if (error == SIGNER_OK && place->directory >= 0) error = remove_all(place, place->directory, "tmp-", NULL, why);
    return error;
}

/* Newest first: the time in nanoseconds has 19 digits for the next 250 years. */
static int newest_first(const void *left, const void *right) {
    return strcmp(right, left);
}

enum signer_error names_set_aside(char (**out)[FILE_NAME_BYTES], size_t *count, const struct place *place,
                                  const char *suffix, struct failure *why) {
    char ending[FILE_NAME_BYTES], prefix[FILE_NAME_BYTES];
    snprintf(ending, sizeof ending, "%s.corrupt-", suffix);
    place_sibling(place, ending, prefix);
    struct text_list list = {.prefixes = {prefix}, .is_ours = is_quarantined};
    enum signer_error error = collect(&list, place, place->parent, why);
    if (list.count > 0) qsort(list.items, list.count, sizeof *list.items, newest_first);
    *out = list.items;
    *count = list.count;
    return error;
}

static enum signer_error trim_one(const struct place *place, const char *suffix, uint32_t limit, struct failure *why) {
    char(*copies)[FILE_NAME_BYTES];
    size_t count;
    enum signer_error error = names_set_aside(&copies, &count, place, suffix, why);
    for (size_t i = limit; error == SIGNER_OK && i < count; i++)
        error = remove_name(place, place->parent, copies[i], why);
    free(copies);
    return error;
}

enum signer_error names_trim_corrupt(const struct place *place, uint32_t limit, struct failure *why) {
    if (limit == 0) return SIGNER_OK;
    enum signer_error error = trim_one(place, ".store", limit, why);
    return error == SIGNER_OK ? trim_one(place, ".mark", limit, why) : error;
}
