/* Where in the guarded stretches a slot lies: size classes within units, runs of units, growth. */
#include "custody/arena.h"

#include <string.h>

/* Stretches grow with what is in use: a limit of 64 KiB still gives most of itself, and many seats
 * still need few mappings. */
#define FIRST_STRETCH_UNITS 4u
#define LARGEST_STRETCH_UNITS 64u

static const uint16_t class_bytes[ARENA_CLASS_COUNT] = ARENA_CLASSES;

static size_t class_of(size_t len) {
    size_t class = 0;
    while (class < ARENA_CLASS_COUNT && class_bytes[class] < len)
        class ++;
    return class; /* ARENA_CLASS_COUNT: a run of units */
}

static size_t units_of(size_t len) {
    return len ? (len + UNIT_BYTES - 1) / UNIT_BYTES : 1;
}

size_t arena_room_bytes(size_t len) {
    size_t class = class_of(len);
    return class < ARENA_CLASS_COUNT ? class_bytes[class] : units_of(len) * UNIT_BYTES;
}

static bool unit_has_slot(const struct unit *unit, size_t class) {
    size_t slots = UNIT_BYTES / class_bytes[class];
    uint64_t full = slots == 64 ? UINT64_MAX : (UINT64_C(1) << slots) - 1;
    return unit->use == class + 1 && unit->filled != full;
}

static void take_slot(struct stretch *stretch, size_t index, size_t class, struct room *out) {
    struct unit *unit = &stretch->unit[index];
    size_t slot = (size_t)__builtin_ctzll(~unit->filled);
    unit->use = (uint8_t)(class + 1);
    unit->filled |= UINT64_C(1) << slot;
    out->stretch = stretch;
    out->memory = stretch->data + index * UNIT_BYTES + slot * class_bytes[class];
}

/* The unit where the last slot of the class was found, then any unit of the class, then a free one. */
static bool take_small(struct arena *arena, size_t class, bool locked_only, struct room *out) {
    struct stretch *chosen = arena->hint[class].stretch;
    size_t index = arena->hint[class].unit;
    bool found = chosen && (chosen->locked || !locked_only) && unit_has_slot(&chosen->unit[index], class);
    if (!found) chosen = NULL;
    for (struct stretch *at = arena->stretches; at && !found; at = at->next) {
        if (at->single || (locked_only && !at->locked)) continue;
        for (size_t i = 0; i < at->units && !found; i++) {
            found = unit_has_slot(&at->unit[i], class);
            if (!found && (chosen || at->unit[i].use != UNIT_FREE)) continue;
            chosen = at;
            index = i;
        }
    }
    if (!chosen) return false;
    arena->hint[class].stretch = chosen;
    arena->hint[class].unit = index;
    take_slot(chosen, index, class, out);
    return true;
}

static bool take_run(struct arena *arena, size_t units, bool locked_only, struct room *out) {
    for (struct stretch *at = arena->stretches; at; at = at->next) {
        if (locked_only && !at->locked) continue;
        size_t run = 0;
        for (size_t i = 0; i < at->units; i++) {
            run = at->unit[i].use == UNIT_FREE ? run + 1 : 0;
            if (run < units) continue;
            size_t first = i + 1 - units;
            for (size_t j = first; j <= i; j++)
                at->unit[j].use = UNIT_RUN_REST;
            at->unit[first].use = UNIT_RUN;
            at->unit[first].run = (uint32_t)units;
            out->stretch = at;
            out->memory = at->data + first * UNIT_BYTES;
            return true;
        }
    }
    return false;
}

bool arena_take(struct arena *arena, size_t len, bool locked_only, struct room *out) {
    size_t class = class_of(len);
    return class < ARENA_CLASS_COUNT ? take_small(arena, class, locked_only, out)
                                     : take_run(arena, units_of(len), locked_only, out);
}

static void remove_stretch(struct arena *arena, struct stretch *stretch) {
    struct stretch **link = &arena->stretches;
    while (*link != stretch)
        link = &(*link)->next;
    *link = stretch->next;
    arena->units -= stretch->units;
    stretch_unmap(stretch);
}

static enum signer_error map_lockable(struct stretch **out, size_t units, size_t least) {
    for (;;) {
        enum signer_error error = stretch_map(out, units);
        if (error || (*out)->locked) return error;
        stretch_unmap(*out);
        if (units == least) return ERR_MEMORY_LOCK;
        units = units / 2 < least ? least : stretch_round_units(units / 2);
    }
}

enum signer_error arena_grow(struct arena *arena, size_t len, bool locked_only, bool *locked) {
    size_t least = stretch_round_units(units_of(len));
    size_t units = arena->units;
    if (units < FIRST_STRETCH_UNITS) units = FIRST_STRETCH_UNITS;
    if (units > LARGEST_STRETCH_UNITS) units = LARGEST_STRETCH_UNITS;
    units = stretch_round_units(units);
    if (units < least) units = least;
    struct stretch *stretch = NULL;
    enum signer_error error = map_lockable(&stretch, units, least);
    if (error == ERR_MEMORY_LOCK && !locked_only) error = stretch_map(&stretch, units);
    if (error) return error;
    *locked = stretch->locked;
    stretch->single = least > LARGEST_STRETCH_UNITS;
    stretch->next = arena->stretches;
    arena->stretches = stretch;
    arena->units += stretch->units;
    return SIGNER_OK;
}

void arena_give_back(struct arena *arena, const struct room *room) {
    size_t offset = (size_t)(room->memory - room->stretch->data);
    struct unit *unit = &room->stretch->unit[offset / UNIT_BYTES];
    if (unit->use == UNIT_RUN) {
        size_t run = unit->run;
        for (size_t i = 0; i < run; i++)
            unit[i] = (struct unit){.use = UNIT_FREE};
        if (room->stretch->single) remove_stretch(arena, room->stretch);
        return;
    }
    size_t slot = offset % UNIT_BYTES / class_bytes[unit->use - 1];
    unit->filled &= ~(UINT64_C(1) << slot);
    if (unit->filled == 0) unit->use = UNIT_FREE;
}

void arena_lock_again(struct arena *arena) {
    for (struct stretch *at = arena->stretches; at; at = at->next)
        if (!at->locked) stretch_lock(at);
}

void arena_clear(struct arena *arena) {
    while (arena->stretches)
        remove_stretch(arena, arena->stretches);
    memset(arena, 0, sizeof *arena);
}
