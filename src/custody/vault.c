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
#include "base/notice.h"
#include "custody/arena.h"
#include "custody/fork.h"
#include "custody/poison.h"

/* handle = generation (44 bits, unique in the process) and index of the slot (20 bits). */
#define INDEX_BITS 20
#define SLOTS_MAX (1u << INDEX_BITS)
#define NO_SLOT UINT32_MAX
#define SEAT_SLOT_BYTES 320u /* what vault_check_lock tries: the larger slot of a seat */

enum slot_state { SLOT_FREE, SLOT_LIVE, SLOT_TAKEN };

struct slot {
    struct room room;
    size_t len;
    uint64_t handle; /* 0: no handle reaches it */
    uint32_t next;   /* free or taken slots: the next one */
    enum secret_kind kind;
    enum slot_state state;
    bool bound;
    uint8_t context[32];
    vault_handle source; /* 0, or what this one is a copy of */
};

struct vault {
    pthread_mutex_t lock;
    _Atomic size_t references;
    uint64_t process;
    atomic_bool must_lock; /* written under the lock */
    bool refused;          /* the refusal has been told on stderr */
    struct arena arena;
    struct slot *slots;
    uint32_t slots_used; /* entries ever handed out */
    uint32_t slots_capacity;
    uint32_t free_slots;
    uint32_t taken_slots;
    size_t live_count;
};

static _Atomic uint64_t generations;
static atomic_bool warned;

/* -- what to say when memory cannot be locked ---------------------------------------------------- */

static void say_unlockable(const char *before, const char *after) {
    struct rlimit limit;
    char text[32] = "none";
    if (getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        snprintf(text, sizeof text, "%llu bytes", (unsigned long long)limit.rlim_cur);
    notice("%s (limit on locked memory, ulimit -l: %s)%s", before, text, after);
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

static enum signer_error make_room(struct vault *vault, size_t len, struct room *out) {
    bool locked = fault_hit(FAULT_MEMORY_LOCK) == FAULT_NONE;
    enum signer_error error = locked ? SIGNER_OK : unlockable(vault);
    if (error || arena_take(&vault->arena, len, vault->must_lock, out)) return error;
    error = arena_grow(&vault->arena, len, vault->must_lock, &locked);
    if (error == ERR_MEMORY_LOCK || (!error && !locked)) error = unlockable(vault);
    if (error) return error;
    vault->refused = false;
    return arena_take(&vault->arena, len, vault->must_lock, out) ? SIGNER_OK : ERR_INTERNAL;
}

/* -- checks of the test build: nobody writes into a free slot or past the end of a used one ---------- */

#if defined(SIGNER_TEST) && !POISONING
#define CANARY 0xC5

static void slot_open_check(uint8_t *memory, size_t len) {
    size_t room = arena_room_bytes(len);
    if (!sodium_is_zero(memory, room)) {
        notice_hold(NULL);
        notice("vault: a released slot was written to");
        abort();
    }
    memset(memory + len, CANARY, room - len);
}

static void slot_close_check(const uint8_t *memory, size_t len) {
    for (size_t i = len; i < arena_room_bytes(len); i++) {
        if (memory[i] == CANARY) continue;
        notice_hold(NULL);
        notice("vault: a write past the end of a slot");
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
    size_t room = arena_room_bytes(slot->len);
    slot_close_check(slot->room.memory, slot->len);
    unpoison(slot->room.memory, room);
    sodium_memzero(slot->room.memory, room);
    poison(slot->room.memory, room);
    arena_give_back(&vault->arena, &slot->room);
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
        arena_clear(&vault->arena);
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
    if (atomic_load(&vault->must_lock) == must_lock || !enter(vault)) return;
    if (must_lock && !vault->must_lock) arena_lock_again(&vault->arena);
    vault->must_lock = must_lock;
    leave(vault);
}

enum signer_error vault_check_lock(struct vault *vault) {
    if (!enter(vault)) return ERR_PROCESS_FORKED;
    struct room room;
    enum signer_error error = make_room(vault, SEAT_SLOT_BYTES, &room);
    if (!error) arena_give_back(&vault->arena, &room);
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
    struct room room;
    enum signer_error error = reserve_slot(vault, &index);
    if (error) goto cleanup;
    error = make_room(vault, len, &room);
    if (error) {
        free_slot(vault, index);
        goto cleanup;
    }
    slot_open_check(room.memory, len);
    struct slot *slot = &vault->slots[index];
    *slot = (struct slot){.room = room, .len = len, .kind = kind, .state = SLOT_LIVE};
    slot->handle = (++generations << INDEX_BITS) | index;
    vault->live_count++;
    *out = slot->handle;
    *memory = room.memory;
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
        memory = slot->room.memory;
        if (len) *len = slot->len;
    }
    leave(vault);
    return memory;
}

bool vault_holds(struct vault *vault, vault_handle handle) {
    if (!enter(vault)) return false;
    bool holds = live_slot(vault, handle) != NULL;
    leave(vault);
    return holds;
}

void *vault_take(struct vault *vault, vault_handle handle, enum secret_kind kind) {
    if (!enter(vault)) return NULL;
    struct slot *slot = live_slot(vault, handle);
    void *memory = NULL;
    if (slot && slot->kind == kind) {
        memory = slot->room.memory;
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
    while (*link != NO_SLOT && vault->slots[*link].room.memory != memory)
        link = &vault->slots[*link].next;
    if (*link != NO_SLOT) {
        struct slot *slot = &vault->slots[*link];
        *link = slot->next;
        release(vault, slot);
    }
    leave(vault);
}

void vault_wipe(struct vault *vault, vault_handle handle) {
    if (handle == 0 || !enter(vault)) return;
    struct slot *slot = live_slot(vault, handle);
    if (slot) release(vault, slot);
    leave(vault);
}

static void bind(struct slot *slot, const uint8_t context[32]) {
    if (!slot) return;
    memcpy(slot->context, context, sizeof slot->context);
    slot->bound = true;
}

enum signer_error vault_bind(struct vault *vault, vault_handle handle, const uint8_t context[32]) {
    if (!enter(vault)) return ERR_PROCESS_FORKED;
    struct slot *slot = live_slot(vault, handle);
    bind(slot, context);
    if (slot) bind(live_slot(vault, slot->source), context);
    leave(vault);
    return slot ? SIGNER_OK : ERR_INTERNAL;
}

void vault_follow(struct vault *vault, vault_handle copy, vault_handle source) {
    if (!enter(vault)) return;
    struct slot *slot = live_slot(vault, copy);
    if (slot) slot->source = source;
    leave(vault);
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
    for (const struct stretch *at = vault->arena.stretches; at; at = at->next) {
        if (at->locked)
            out->locked_bytes += at->units * UNIT_BYTES;
        else
            out->unlocked_bytes += at->units * UNIT_BYTES;
        out->mappings++;
    }
    leave(vault);
}
