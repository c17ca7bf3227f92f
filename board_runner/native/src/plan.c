/* The memory plan: how long every value lives, and that no two that live at once share memory. */
#include <stdlib.h>

#include "image.h"

#define MAX_ARENA_BYTES (UINT64_C(1) << 30)
enum { NOT_GIVEN = -2, BEFORE_ALL = -1 };

/* First and last instruction of every value; a value is given once, before it is read. */
static bool find_lives(struct sgs_program *program, struct sgs_failure *failure)
{
    for (int i = 0; i < program->values; i++)
        program->value[i].first = program->value[i].last = NOT_GIVEN;
    for (int i = 0; i < program->inputs; i++) {
        struct sgs_value *value = program->value + program->input[i].value;
        value->first = value->last = BEFORE_ALL;
    }
    for (int at = 0; at < program->steps; at++) {
        const struct sgs_step *step = program->step + at;
        struct sgs_value *output = program->value + step->output;
        bool there = output->first == NOT_GIVEN;
        for (int i = 0; there && i < step->inputs; i++)
            there = sgs_in(program, step, i)->first != NOT_GIVEN;
        if (!there)
            return sgs_fail(failure, "instruction %d (%s) uses what is not there, or gives what is", at,
                            sgs_rules[step->op].name);
        output->first = output->last = at;
        for (int i = 0; i < step->inputs; i++)
            program->value[step->input[i]].last = at;
    }
    for (int i = 0; i < program->values; i++)
        if (program->value[i].first == NOT_GIVEN)
            return sgs_fail(failure, "a value that no instruction gives");
    for (int i = 0; i < program->outputs; i++)
        program->value[program->output[i].value].last = program->steps;
    return true;
}

/* A value and what reshape makes of it share a place; the owner then lives as long as they all. */
static void find_owners(struct sgs_program *program)
{
    for (int i = 0; i < program->values; i++)
        program->value[i].owner = i;
    for (int at = 0; at < program->steps; at++) {
        const struct sgs_step *step = program->step + at;
        if (step->op == SGS_CONSTANT)
            program->value[step->output].owner = -1;
        else if (step->op == SGS_RESHAPE)
            program->value[step->output].owner = sgs_in(program, step, 0)->owner;
    }
    for (int i = 0; i < program->values; i++) {
        struct sgs_value *value = program->value + i, *owner = program->value + value->owner;
        if (value->owner < 0)
            continue;
        owner->first = value->first < owner->first ? value->first : owner->first;
        owner->last = value->last > owner->last ? value->last : owner->last;
    }
}

static uint64_t size_of(const struct sgs_value *value)
{
    uint64_t bytes = (uint64_t)value->count * sgs_type_bytes(value->type);
    return (bytes + SGS_IMAGE_ALIGNMENT - 1) / SGS_IMAGE_ALIGNMENT * SGS_IMAGE_ALIGNMENT;
}

static bool check_places(const struct sgs_program *program, uint64_t arena_bytes, struct sgs_failure *failure)
{
    uint64_t used = 0;
    for (int i = 0; i < program->values; i++) {
        const struct sgs_value *value = program->value + i;
        uint64_t size = size_of(value);
        if ((value->owner < 0) != (value->offset == SGS_NO_PLACE))
            return sgs_fail(failure, "value %d: a stored constant has no place in the arena, all others have", i);
        if (value->owner < 0)
            continue;
        if (value->offset % SGS_IMAGE_ALIGNMENT || value->offset > arena_bytes || size > arena_bytes - value->offset)
            return sgs_fail(failure, "value %d leaves the arena or is not aligned", i);
        if (program->value[value->owner].offset != value->offset)
            return sgs_fail(failure, "value %d is another shape of value %d, in another place", i, (int)value->owner);
        used = value->offset + size > used ? value->offset + size : used;
    }
    if (used != arena_bytes)
        return sgs_fail(failure, "an arena of %llu bytes of which %llu are used", (unsigned long long)arena_bytes,
                        (unsigned long long)used);
    return true;
}

static bool meet(const struct sgs_value *a, const struct sgs_value *b)
{
    return a->first <= b->last && b->first <= a->last && a->offset < b->offset + size_of(b) &&
           b->offset < a->offset + size_of(a);
}

static bool check_overlaps(const struct sgs_program *program, struct sgs_failure *failure)
{
    for (int i = 0; i < program->values; i++) {
        const struct sgs_value *a = program->value + i;
        if (a->owner != i || a->count == 0)
            continue;
        for (int j = 0; j < i; j++) {
            const struct sgs_value *b = program->value + j;
            if (b->owner == j && b->count && meet(a, b))
                return sgs_fail(failure, "two values that live at once share memory");
        }
    }
    return true;
}

bool sgs_check_plan(struct sgs_program *program, uint64_t arena_bytes, struct sgs_failure *failure)
{
    if (arena_bytes > MAX_ARENA_BYTES)
        return sgs_fail(failure, "an arena of %llu bytes; at most %llu are allowed", (unsigned long long)arena_bytes,
                        (unsigned long long)MAX_ARENA_BYTES);
    if (!find_lives(program, failure))
        return false;
    find_owners(program);
    return check_places(program, arena_bytes, failure) && check_overlaps(program, failure);
}
