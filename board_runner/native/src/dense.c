/* linear and matmul: tiles of 8 rows by 32 columns over the right side, which lies in two parts, 256 * high + low,
 * as pairs of neighbouring rows: sums of either part fit 32 bits. */
#include <string.h>

#include "numbers.h"
#include "operators.h"
#include "requant.h"

enum { CHUNK_STEPS = 128 };

struct dense {
    int64_t inner, columns, steps, chunk;
    int64_t row_bytes, part_bytes; /* of a part: all columns of a pair of rows; all */
    const int32_t *offset;
    const char *right; /* linear: packed once */
};

static struct dense describe(int64_t inner, int64_t columns)
{
    struct dense dense = {.inner = inner, .columns = columns, .steps = (inner + 1) / 2};
    dense.row_bytes = 4 * sgs_up(columns, SGS_TILE_COLUMNS);
    dense.part_bytes = dense.row_bytes * dense.steps;
    dense.chunk = dense.steps < CHUNK_STEPS ? dense.steps : CHUNK_STEPS; /* 256 products of 2^15 by 2^7 */
    return dense;
}

static struct dense describe_step(const struct sgs_setup *setup)
{
    const struct sgs_value *x = sgs_in(setup->program, setup->step, 0), *y = sgs_out(setup->program, setup->step);
    return describe(sgs_last(&x->shape), sgs_last(&y->shape));
}

/* Rows of the left side are copied where a tile lacks some, or where the last pair of a row is half a pair. */
static int64_t copied_bytes(const struct dense *dense)
{
    return sgs_up(4 * dense->steps * SGS_TILE_ROWS, 64);
}

static bool measure(const struct sgs_setup *setup, struct sgs_need *need, struct sgs_failure *failure)
{
    struct dense dense = describe_step(setup);
    if (dense.part_bytes > INT32_MAX)
        return sgs_fail(failure, "a matrix product that is too large for this runner");
    need->state = (uint64_t)(sgs_up((int64_t)sizeof dense, 64) + sgs_up(4 * dense.steps, 64));
    need->scratch = (uint64_t)copied_bytes(&dense);
    *(setup->step->op == SGS_LINEAR ? &need->state : &need->scratch) += (uint64_t)(2 * dense.part_bytes);
    return true;
}

/* Pack an (inner, columns) matrix; columns beyond the last are 0. */
static void pack(const struct dense *dense, const int16_t *matrix, char *packed)
{
    memset(packed, 0, (size_t)(2 * dense->part_bytes));
    for (int64_t k = 0; k < dense->inner; k++) {
        int16_t *high = (int16_t *)(void *)(packed + k / 2 * dense->row_bytes) + k % 2;
        int16_t *low = (int16_t *)(void *)(packed + dense->part_bytes + k / 2 * dense->row_bytes) + k % 2;
        for (int64_t n = 0; n < dense->columns; n++) {
            int16_t value = matrix[k * dense->columns + n];
            high[2 * n] = (int16_t)((value + 128) >> 8);
            low[2 * n] = (int8_t)(uint8_t)value;
        }
    }
}

static void prepare(const struct sgs_setup *setup, void *state)
{
    struct dense *dense = state;
    *dense = describe_step(setup);
    int32_t *offset = (int32_t *)(void *)((char *)state + sgs_up((int64_t)sizeof *dense, 64));
    dense->offset = offset;
    for (int64_t t = 0; t < dense->steps; t++)
        offset[t] = (int32_t)(t * dense->row_bytes);
    if (setup->step->op != SGS_LINEAR)
        return;
    char *right = (char *)offset + sgs_up(4 * dense->steps, 64);
    pack(dense, sgs_constant(setup->program, setup->step, SGS_WEIGHT)->data, right);
    dense->right = right;
}

/* How sums become levels: constants a column, or one for all. */
struct finish {
    const struct sgs_kernels *kernels;
    const int32_t *multipliers;
    const int64_t *offsets;
    const int8_t *shifts;
    int32_t multiplier;
    int64_t offset;
    int shift;
};

static void finish_row(const struct finish *finish, const int32_t *high, const int32_t *low, int64_t column, int n,
                       int16_t *y)
{
    if (finish->multipliers)
        finish->kernels->finish_columns(high, low, n, finish->multipliers + column, finish->offsets + column,
                                        finish->shifts + column, y);
    else
        finish->kernels->finish_row(high, low, n, finish->multiplier, finish->offset, finish->shift, y);
}

static void finish_long(const struct finish *finish, const int64_t *total, int64_t column, int n, int16_t *y)
{
    for (int c = 0; c < n; c++) {
        int64_t m = finish->multipliers ? finish->multipliers[column + c] : finish->multiplier;
        int64_t o = finish->offsets ? finish->offsets[column + c] : finish->offset;
        int s = finish->shifts ? finish->shifts[column + c] : finish->shift;
        y[c] = sgs_sat16((total[c] * m + o) >> s);
    }
}

static void run_tile(const struct dense *dense, const struct finish *finish, struct sgs_tile tile, const char *right,
                     int rows, int64_t column, int16_t *y)
{
    int32_t sum[2][SGS_TILE_ROWS][SGS_TILE_COLUMNS];
    int64_t total[SGS_TILE_ROWS][SGS_TILE_COLUMNS] = {{0}};
    int64_t left = dense->columns - column;
    int n = left < SGS_TILE_COLUMNS ? (int)left : SGS_TILE_COLUMNS;
    const char *a = tile.a;
    for (int64_t at = 0; at < dense->steps || at == 0; at += dense->chunk ? dense->chunk : 1) {
        tile.a = a + 4 * at;
        tile.steps = (int)(dense->steps - at < dense->chunk ? dense->steps - at : dense->chunk);
        tile.offset = dense->offset + at;
        for (int part = 0; part < 2; part++) {
            tile.b = right + part * dense->part_bytes + 4 * column;
            tile.sum = sum[part][0];
            (rows == 1 ? finish->kernels->pairs_row : finish->kernels->pairs_tile)(&tile);
        }
        for (int r = 0; r < rows && dense->chunk < dense->steps; r++)
            for (int c = 0; c < SGS_TILE_COLUMNS; c++)
                total[r][c] += 256 * (int64_t)sum[0][r][c] + sum[1][r][c];
    }
    for (int r = 0; r < rows; r++) {
        if (dense->chunk < dense->steps)
            finish_long(finish, total[r], column, n, y + r * dense->columns);
        else
            finish_row(finish, sum[0][r], sum[1][r], column, n, y + r * dense->columns);
    }
}

/* Rows from `first` to `last` of the left side by the packed right side. */
static void multiply(const struct dense *dense, const struct finish *finish, const int16_t *left, const char *right,
                     int64_t first, int64_t last, char *copy, int16_t *y)
{
    for (int64_t row = first; row < last; row += SGS_TILE_ROWS) {
        int rows = last - row < SGS_TILE_ROWS ? (int)(last - row) : SGS_TILE_ROWS;
        struct sgs_tile tile = {.a = left + row * dense->inner, .a_row = 2 * dense->inner, .a_step = 4};
        if (rows < SGS_TILE_ROWS || dense->inner % 2) {
            memset(copy, 0, (size_t)(4 * dense->steps * SGS_TILE_ROWS));
            for (int r = 0; r < rows; r++)
                memcpy(copy + 4 * dense->steps * r, left + (row + r) * dense->inner, (size_t)(2 * dense->inner));
            tile.a = copy;
            tile.a_row = 4 * dense->steps;
        }
        for (int64_t column = 0; column < dense->columns; column += SGS_TILE_COLUMNS)
            run_tile(dense, finish, tile, right, rows, column, y + row * dense->columns + column);
    }
}

static void run_linear(const struct sgs_call *call)
{
    const struct dense *dense = call->state;
    const struct sgs_program *program = call->setup->program;
    const struct sgs_step *step = call->setup->step;
    struct finish finish = {
        .kernels = call->setup->kernels,
        .multipliers = sgs_constant(program, step, SGS_MULTIPLIER)->data,
        .offsets = sgs_constant(program, step, SGS_OFFSET)->data,
        .shifts = sgs_constant(program, step, SGS_SHIFT)->data,
    };
    if (!dense->columns)
        return;
    int64_t rows = sgs_call_out(call)->count / dense->columns, first;
    int64_t last = sgs_call_share(call, rows, SGS_TILE_ROWS, &first);
    multiply(dense, &finish, sgs_call_source(call, 0), dense->right, first, last, call->scratch,
             sgs_call_target(call));
}

/* Where matrix number `index` of the output takes one of its sides from: leading axes may be repeated. */
static int64_t matrix_at(int64_t index, const struct sgs_shape *shape, const int64_t *step)
{
    int64_t at = 0;
    for (int i = shape->axes - 3; i >= 0; i--) {
        at += index % shape->size[i] * step[i];
        index /= shape->size[i];
    }
    return at;
}

static void run_matmul(const struct sgs_call *call)
{
    const struct dense *dense = call->state;
    const struct sgs_step *step = call->setup->step;
    const struct sgs_value *out = sgs_call_out(call);
    int64_t left_step[SGS_MAX_AXES], right_step[SGS_MAX_AXES], first;
    struct finish finish = {.kernels = call->setup->kernels, .multiplier = (int32_t)step->number[0],
                            .offset = INT64_C(1) << (step->number[1] - 1), .shift = (int)step->number[1]};
    if (!out->count)
        return;
    sgs_steps(&sgs_call_in(call, 0)->shape, &out->shape, left_step);
    sgs_steps(&sgs_call_in(call, 1)->shape, &out->shape, right_step);
    int64_t rows = out->shape.size[out->shape.axes - 2], matrices = out->count / (rows * dense->columns);
    char *copy = call->scratch, *packed = copy + copied_bytes(dense);
    int64_t last = sgs_call_share(call, matrices, 1, &first);
    for (int64_t i = first; i < last; i++) {
        const int16_t *left = (const int16_t *)sgs_call_source(call, 0) + matrix_at(i, &out->shape, left_step);
        const int16_t *right = (const int16_t *)sgs_call_source(call, 1) + matrix_at(i, &out->shape, right_step);
        pack(dense, right, packed);
        multiply(dense, &finish, left, packed, 0, rows, copy,
                 (int16_t *)sgs_call_target(call) + i * rows * dense->columns);
    }
}

const struct sgs_operator sgs_linear = {measure, prepare, run_linear};
const struct sgs_operator sgs_matmul = {measure, prepare, run_matmul};
