/* Slots and handles of the vault: who owns which bytes, single use, wiping. */
#include "custody/vault.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/fault.h"
#include "custody/fork.h"
#include "custody/guarded.h"
#include "custody/poison.h"

/* 256: a key package; 320: a nonce pair; 64: a key. */
static const uint16_t class_bytes[] = {64, 128, 256, 320, 512, 1024, 2048, 4096};
#define CLASS_COUNT (sizeof class_bytes / sizeof class_bytes[0])

/* Stretches grow with what is in use: a limit of 64 KiB still gives most of itself, and many seats
 * still need few mappings. */
#define FIRST_STRETCH_UNITS 4u
#define LARGEST_STRETCH_UNITS 64u

/* handle = generation (44 bits, unique in the process) and index of the slot (20 bits). */
#define INDEX_BITS 20
#define SLOTS_MAX (1u << INDEX_BITS)
#define NO_SLOT UINT32_MAX

enum slot_state { SLOT_FREE, SLOT_LIVE, SLOT_TAKEN };

struct slot {
    struct stretch *stretch;
    uint8_t *memory;
    size_t len;
    uint64_t handle; /* 0: no handle reaches it */
    uint32_t next;   /* free or taken slots: the next one */
    enum secret_kind kind;
    enum slot_state state;
    bool bound;
    uint8_t context[32];
};

struct vault {
    pthread_mutex_t lock;
    _Atomic size_t references;
    uint64_t process;
    bool must_lock;
    bool refused; /* the refusal has been told on stderr */
    struct stretch *stretches;
    size_t units;
    struct slot *slots;
    uint32_t slots_used; /* entries ever handed out */
    uint32_t slots_capacity;
    uint32_t free_slots;
    uint32_t taken_slots;
    size_t live_count;
    struct {
        struct stretch *stretch;
        size_t unit;
    } hint[CLASS_COUNT]; /* where a slot of the class was last found */
};

static _Atomic uint64_t generations;
static atomic_bool warned;

/* -- what to say when memory cannot be locked ---------------------------------------------------- */

static void say_unlockable(const char *before, const char *after) {
    struct rlimit limit;
    char text[32] = "none";
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        snprintf(text, sizeof text, "%llu bytes", (unsigned long long)limit.rlim_cur);
    fprintf(stderr, "tbtc-signer: %s (limit on locked memory, ulimit -l: %s)%s\n", before, text, after);
}

/* Decides about memory that could not be protected. */
static enum signer_error unlockable(struct vault *vault) {
    if (vault->must_lock) {
        if (!vault->refused) say_unlockable("refused: guarded memory cannot be locked", "; raise the limit");
        vault->refused = true;
        return ERR_MEMORY_LOCK;
    }
    if (!atomic_exchange(&warned, true))
        say_unlockable("warning: guarded memory cannot be locked", "; production refuses to work so");
    return SIGNER_OK;
}

/* -- room: slots of a class within units, runs of units -------------------------------------------- */

static size_t class_of(size_t len) {
    size_t class = 0;
    while (class < CLASS_COUNT && class_bytes[class] < len)
        class ++;
    return class; /* CLASS_COUNT: a run of units */
}

static size_t units_of(size_t len) {
    return (len + UNIT_BYTES - 1) / UNIT_BYTES;
}

static uint64_t full_unit(size_t class) {
    size_t slots = UNIT_BYTES / class_bytes[class];
    return slots == 64 ? UINT64_MAX : (UINT64_C(1) << slots) - 1;
}

static uint8_t *take_slot(struct stretch *stretch, size_t index, size_t class) {
    struct unit *unit = &stretch->unit[index];
    unit->use = (uint8_t)(class + 1);
    size_t slot = (size_t)__builtin_ctzll(~unit->filled);
    unit->filled |= UINT64_C(1) << slot;
    return stretch->data + index * UNIT_BYTES + slot * class_bytes[class];
}

static uint8_t *find_slot(struct vault *vault, size_t class, struct stretch **where) {
    struct stretch *stretch = vault->hint[class].stretch;
    size_t index = vault->hint[class].unit;
    uint64_t full = full_unit(class);
    bool fits = stretch && (stretch->locked || !vault->must_lock) && stretch->unit[index].use == class + 1 &&
                stretch->unit[index].filled != full;
    struct stretch *empty = NULL;
    size_t empty_index = 0;
    for (struct stretch *at = fits ? NULL : vault->stretches; at && !fits; at = at->next) {
        if (at->single || (vault->must_lock && !at->locked)) continue;
        for (size_t i = 0; i < at->units && !fits; i++) {
            const struct unit *unit = &at->unit[i];
            fits = unit->use == class + 1 && unit->filled != full;
            if (fits) {
                stretch = at;
                index = i;
            } else if (unit->use == UNIT_FREE && !empty) {
                empty = at;
                empty_index = i;
            }
        }
    }
    if (!fits) {
        if (!empty) return NULL;
        stretch = empty;
        index = empty_index;
    }
    vault->hint[class].stretch = *where = stretch;
    vault->hint[class].unit = index;
    return take_slot(stretch, index, class);
}

static uint8_t *find_run(struct vault *vault, size_t units, struct stretch **where) {
    for (struct stretch *at = vault->stretches; at; at = at->next) {
        if (vault->must_lock && !at->locked) continue;
        size_t run = 0;
        for (size_t i = 0; i < at->units; i++) {
            run = at->unit[i].use == UNIT_FREE ? run + 1 : 0;
            if (run < units) continue;
            size_t first = i + 1 - units;
            for (size_t j = first; j <= i; j++)
                at->unit[j].use = UNIT_RUN_REST;
            at->unit[first].use = UNIT_RUN;
            at->unit[first].run = (uint32_t)units;
            *where = at;
            return at->data + first * UNIT_BYTES;
        }
    }
    return NULL;
}

static uint8_t *find_room(struct vault *vault, size_t len, struct stretch **where) {
    size_t class = class_of(len);
    return class < CLASS_COUNT ? find_slot(vault, class, where) : find_run(vault, units_of(len), where);
}

static void add_stretch(struct vault *vault, struct stretch *stretch) {
    stretch->next = vault->stretches;
    vault->stretches = stretch;
    vault->units += stretch->units;
}

static void remove_stretch(struct vault *vault, struct stretch *stretch) {
    struct stretch **link = &vault->stretches;
    while (*link != stretch)
        link = &(*link)->next;
    *link = stretch->next;
    vault->units -= stretch->units;
    stretch_unmap(stretch);
}

/* Maps a stretch with room for `need` units: the size that the growth asks for, or the largest
 * smaller one that can be locked. */
static enum signer_error grow(struct vault *vault, size_t need) {
    size_t least = stretch_round_units(need);
    size_t units = vault->units < FIRST_STRETCH_UNITS ? FIRST_STRETCH_UNITS : vault->units;
    if (units > LARGEST_STRETCH_UNITS) units = LARGEST_STRETCH_UNITS;
    units = stretch_round_units(units);
    if (units < least) units = least;
    size_t wanted = units;
    struct stretch *stretch = NULL;
    for (;;) {
        enum signer_error error = stretch_map(&stretch, units);
        if (error) return error;
        if (stretch->locked || units == least) break;
        stretch_unmap(stretch);
        units = units / 2 < least ? least : stretch_round_units(units / 2);
    }
    if (!stretch->locked) {
        enum signer_error error = unlockable(vault);
        if (!error && wanted > units) {
            stretch_unmap(stretch);
            error = stretch_map(&stretch, wanted);
            if (error) return error;
        }
        if (error) {
            stretch_unmap(stretch);
            return error;
        }
    }
    vault->refused = false;
    stretch->single = need > LARGEST_STRETCH_UNITS;
    add_stretch(vault, stretch);
    return SIGNER_OK;
}

/* Room is left in stretches that could not be locked when they were mapped: try them once more. */
static void lock_again(struct vault *vault) {
    for (struct stretch *at = vault->stretches; at; at = at->next)
        if (!at->locked) stretch_lock(at);
}

static enum signer_error make_room(struct vault *vault, size_t len, struct stretch **where, uint8_t **memory) {
    if (fault_hit(FAULT_MEMORY_LOCK) != FAULT_NONE) {
        enum signer_error error = unlockable(vault);
        if (error) return error;
    }
    *memory = find_room(vault, len, where);
    if (*memory) return SIGNER_OK;
    enum signer_error error = grow(vault, units_of(len ? len : 1));
    if (error) return error;
    *memory = find_room(vault, len, where);
    return *memory ? SIGNER_OK : ERR_INTERNAL;
}

static void give_back(struct vault *vault, struct stretch *stretch, const uint8_t *memory) {
    size_t offset = (size_t)(memory - stretch->data);
    struct unit *unit = &stretch->unit[offset / UNIT_BYTES];
    if (unit->use == UNIT_RUN) {
        size_t run = unit->run;
        for (size_t i = 0; i < run; i++)
            unit[i] = (struct unit){UNIT_FREE, 0, 0};
        if (stretch->single) remove_stretch(vault, stretch);
        return;
    }
    size_t slot = offset % UNIT_BYTES / class_bytes[unit->use - 1];
    unit->filled &= ~(UINT64_C(1) << slot);
    if (unit->filled == 0) unit->use = UNIT_FREE;
}

static size_t room_bytes(size_t len) {
    size_t class = class_of(len);
    return class < CLASS_COUNT ? class_bytes[class] : units_of(len) * UNIT_BYTES;
}

/* -- checks of the test build: nobody writes into a free slot or past the end of a used one ---------- */

#if defined(SIGNER_TEST) && !POISONING
#define CANARY 0xC5

static void slot_open_check(uint8_t *memory, size_t len) {
    size_t room = room_bytes(len);
    if (!sodium_is_zero(memory, room)) {
        fputs("vault: a released slot was written to\n", stderr);
        abort();
    }
    memset(memory + len, CANARY, room - len);
}

static void slot_close_check(const uint8_t *memory, size_t len) {
    for (size_t i = len; i < room_bytes(len); i++) {
        if (memory[i] == CANARY) continue;
        fputs("vault: a write past the end of a slot\n", stderr);
        abort();
    }
}
#else
static void slot_open_check(uint8_t *memory, size_t len) {
    unpoison(memory, len);
}

static void slot_close_check(const uint8_t *memory, size_t len) {
    (void)memory, (void)len;
}
#endif

/* -- the table of slots --------------------------------------------------------------------------------- */

static enum signer_error reserve_slot(struct vault *vault, uint32_t *index) {
    if (vault->free_slots != NO_SLOT) {
        *index = vault->free_slots;
        vault->free_slots = vault->slots[*index].next;
        return SIGNER_OK;
    }
    if (vault->slots_used == vault->slots_capacity) {
        uint32_t capacity = vault->slots_capacity ? 2 * vault->slots_capacity : 64;
        if (capacity > SLOTS_MAX) return ERR_OUT_OF_MEMORY;
        struct slot *slots = signer_realloc(vault->slots, capacity * sizeof *slots);
        if (!slots) return ERR_OUT_OF_MEMORY;
        vault->slots = slots;
        vault->slots_capacity = capacity;
    }
    *index = vault->slots_used++;
    vault->slots[*index] = (struct slot){.state = SLOT_FREE};
    return SIGNER_OK;
}

static void free_slot(struct vault *vault, uint32_t index) {
    vault->slots[index] = (struct slot){.state = SLOT_FREE, .next = vault->free_slots};
    vault->free_slots = index;
}

static struct slot *live_slot(struct vault *vault, vault_handle handle) {
    uint32_t index = (uint32_t)(handle & (SLOTS_MAX - 1));
    if (handle == 0 || index >= vault->slots_used) return NULL;
    struct slot *slot = &vault->slots[index];
    return slot->state == SLOT_LIVE && slot->handle == handle ? slot : NULL;
}

static void release(struct vault *vault, struct slot *slot) {
    size_t room = room_bytes(slot->len);
    slot_close_check(slot->memory, slot->len);
    unpoison(slot->memory, room);
    sodium_memzero(slot->memory, room);
    poison(slot->memory, room);
    give_back(vault, slot->stretch, slot->memory);
    vault->live_count--;
    free_slot(vault, (uint32_t)(slot - vault->slots));
}

/* Locks the vault; false in a forked child, where the mutex may be held for ever. */
static bool enter(struct vault *vault) {
    if (!process_mark_is_ours(vault->process)) return false;
    pthread_mutex_lock(&vault->lock);
    return true;
}

static void leave(struct vault *vault) {
    pthread_mutex_unlock(&vault->lock);
}

/* -- public ------------------------------------------------------------------------------------------------ */

enum signer_error vault_create(struct vault **out, bool must_lock) {
    *out = NULL;
    if (sodium_init() < 0) return ERR_INTERNAL;
    struct vault *vault = signer_calloc(1, sizeof *vault);
    if (!vault) return ERR_OUT_OF_MEMORY;
    enum signer_error error = process_mark(&vault->process);
    if (error) {
        free(vault);
        return error;
    }
    pthread_mutex_init(&vault->lock, NULL);
    vault->references = 1;
    vault->must_lock = must_lock;
    vault->free_slots = vault->taken_slots = NO_SLOT;
    *out = vault;
    return SIGNER_OK;
}

void vault_retain(struct vault *vault) {
    vault->references++;
}

void vault_drop(struct vault *vault) {
    if (!vault || --vault->references > 0) return;
    pthread_mutex_destroy(&vault->lock);
    free(vault);
}

void vault_destroy(struct vault *vault) {
    if (!vault) return;
    if (enter(vault)) {
        while (vault->stretches)
            remove_stretch(vault, vault->stretches);
        memset(vault->hint, 0, sizeof vault->hint);
        free(vault->slots);
        vault->slots = NULL;
        vault->slots_used = vault->slots_capacity = 0;
        vault->free_slots = vault->taken_slots = NO_SLOT;
        vault->live_count = 0;
        leave(vault);
    }
    vault_drop(vault);
}

void vault_set_must_lock(struct vault *vault, bool must_lock) {
    if (!enter(vault)) return;
    vault->must_lock = must_lock;
    if (must_lock) lock_again(vault);
    leave(vault);
}

enum signer_error vault_check_lock(struct vault *vault) {
    if (!enter(vault)) return ERR_PROCESS_FORKED;
    struct stretch *stretch = NULL;
    uint8_t *memory = NULL;
    enum signer_error error = make_room(vault, class_bytes[3], &stretch, &memory);
    if (!error) give_back(vault, stretch, memory);
    leave(vault);
    return error;
}

enum signer_error vault_check_process(const struct vault *vault) {
    return process_mark_is_ours(vault->process) ? SIGNER_OK : ERR_PROCESS_FORKED;
}

enum signer_error vault_new(struct vault *vault, enum secret_kind kind, size_t len, vault_handle *out, void **memory) {
    *out = 0;
    *memory = NULL;
    if (len > VAULT_SECRET_BYTES_MAX) return ERR_OUT_OF_MEMORY;
    if (!enter(vault)) return ERR_PROCESS_FORKED;
    uint32_t index = 0;
    struct stretch *stretch = NULL;
    uint8_t *room = NULL;
    enum signer_error error = reserve_slot(vault, &index);
    if (error) goto cleanup;
    error = make_room(vault, len, &stretch, &room);
    if (error) {
        free_slot(vault, index);
        goto cleanup;
    }
    slot_open_check(room, len);
    struct slot *slot = &vault->slots[index];
    *slot = (struct slot){.stretch = stretch, .memory = room, .len = len, .kind = kind, .state = SLOT_LIVE};
    slot->handle = (++generations << INDEX_BITS) | index;
    vault->live_count++;
    *out = slot->handle;
    *memory = room;
cleanup:
    leave(vault);
    return error;
}

void *vault_borrow(struct vault *vault, vault_handle handle, enum secret_kind kind, size_t *len) {
    if (len) *len = 0;
    if (kind == SECRET_NONCES || !enter(vault)) return NULL;
    struct slot *slot = live_slot(vault, handle);
    void *memory = NULL;
    if (slot && slot->kind == kind) {
        memory = slot->memory;
        if (len) *len = slot->len;
    }
    leave(vault);
    return memory;
}

void *vault_take(struct vault *vault, vault_handle handle, enum secret_kind kind) {
    if (!enter(vault)) return NULL;
    struct slot *slot = live_slot(vault, handle);
    void *memory = NULL;
    if (slot && slot->kind == kind) {
        memory = slot->memory;
        slot->handle = 0;
        slot->state = SLOT_TAKEN;
        slot->next = vault->taken_slots;
        vault->taken_slots = (uint32_t)(slot - vault->slots);
    }
    leave(vault);
    return memory;
}

void vault_release_taken(struct vault *vault, void *memory) {
    if (!memory || !enter(vault)) return;
    uint32_t *link = &vault->taken_slots;
    while (*link != NO_SLOT && vault->slots[*link].memory != memory)
        link = &vault->slots[*link].next;
    if (*link != NO_SLOT) {
        struct slot *slot = &vault->slots[*link];
        *link = slot->next;
        release(vault, slot);
    }
    leave(vault);
}

void vault_wipe(struct vault *vault, vault_handle handle) {
    if (!enter(vault)) return;
    struct slot *slot = live_slot(vault, handle);
    if (slot) release(vault, slot);
    leave(vault);
}

enum signer_error vault_bind(struct vault *vault, vault_handle handle, const uint8_t context[32]) {
    if (!enter(vault)) return ERR_PROCESS_FORKED;
    struct slot *slot = live_slot(vault, handle);
    if (slot) {
        memcpy(slot->context, context, sizeof slot->context);
        slot->bound = true;
    }
    leave(vault);
    return slot ? SIGNER_OK : ERR_INTERNAL;
}

bool vault_bound(struct vault *vault, vault_handle handle, uint8_t context[32]) {
    if (!enter(vault)) return false;
    const struct slot *slot = live_slot(vault, handle);
    bool bound = slot && slot->bound;
    if (bound) memcpy(context, slot->context, sizeof slot->context);
    leave(vault);
    return bound;
}

void vault_usage(struct vault *vault, struct vault_usage *out) {
    *out = (struct vault_usage){0};
    if (!enter(vault)) return;
    out->live_slots = vault->live_count;
    for (const struct stretch *at = vault->stretches; at; at = at->next) {
        if (at->locked)
            out->locked_bytes += at->units * UNIT_BYTES;
        else
            out->unlocked_bytes += at->units * UNIT_BYTES;
        out->mappings++;
    }
    leave(vault);
}
