/* The inputs of dla_simulator: rows of files, and how they are written. */
#define _POSIX_C_SOURCE 200809L
#include "simulator.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"

static const char separators[] = ", \t\n\r\f\v";

/* The next word between commas and blanks, and its length; NULL after the last. */
static const char *next_word(const char **at, size_t *length)
{
    *at += strspn(*at, separators);
    const char *word = *at;
    *length = strcspn(word, separators);
    *at += *length;
    return *length ? word : NULL;
}

static bool is_word(const char *word, size_t length, const char *wanted)
{
    return strlen(wanted) == length && memcmp(word, wanted, length) == 0;
}

bool sgs_formats_known(const char *formats)
{
    size_t length;
    for (const char *word; (word = next_word(&formats, &length));)
        if (!is_word(word, length, "RAWDATA_NHWC") && !is_word(word, length, "DUMP_RAWDATA"))
            return false;
    return true;
}

static bool read_formats(struct sgs_rows *rows, const char *formats, struct sgs_failure *failure)
{
    size_t length;
    rows->is_float = malloc(strlen(formats) + 1); /* no more words than bytes */
    if (!rows->is_float)
        return sgs_fail(failure, "no memory for the names of files");
    for (const char *word; (word = next_word(&formats, &length));)
        rows->is_float[rows->formats++] = is_word(word, length, "RAWDATA_NHWC");
    return true;
}

static bool add_word(struct sgs_names *names, const char *word, struct sgs_failure *failure)
{
    if (sgs_is_folder(word))
        return sgs_list_folder(names, word, failure);
    char *path = sgs_path(word);
    bool done = path ? sgs_names_add(names, path, failure) : sgs_fail(failure, "no memory for the names of files");
    free(path);
    return done;
}

/* Every word of `-i` is a column; all but a lone one may hold one file only. */
static bool read_columns(struct sgs_rows *rows, struct sgs_names *names, const char *inputs, int *status,
                         struct sgs_failure *failure)
{
    bool single = true;
    size_t length;
    *status = 1;
    for (const char *at = inputs, *word; (word = next_word(&at, &length));) {
        char *copy = strndup(word, length);
        size_t before = names->count;
        bool done = copy ? add_word(names, copy, failure) : sgs_fail(failure, "no memory for the names of files");
        free(copy);
        if (!done)
            return false;
        if (names->count == before)
            return sgs_fail(failure, "Error! Can not read picture: %s", inputs);
        single = single && names->count == before + 1;
        rows->columns++;
    }
    if (!rows->columns)
        return sgs_fail(failure, "Error! Can not read picture: %s", inputs);
    *status = 0;
    if (rows->columns > 1 && !single)
        return sgs_fail(failure, "Wrong image numbers! For multi-input models, only support one image each input!");
    return true;
}

bool sgs_rows_open(struct sgs_rows *rows, const char *inputs, const char *formats, int *status,
                   struct sgs_failure *failure)
{
    struct sgs_names names = {0};
    bool good = read_columns(rows, &names, inputs, status, failure);
    rows->path = names.name;
    rows->count = names.count; /* for closing: all paths in one column */
    if (!good) {
        rows->columns = 1;
        return false;
    }
    rows->count = names.count / rows->columns;
    return read_formats(rows, formats, failure);
}

void sgs_rows_close(struct sgs_rows *rows)
{
    for (size_t i = 0; i < rows->count * rows->columns; i++)
        free(rows->path[i]);
    free(rows->path);
    free(rows->is_float);
    memset(rows, 0, sizeof *rows);
}

static size_t stored_bytes(const struct sgs_value *value, bool is_float)
{
    return is_float ? sizeof(float) : sgs_type_bytes(value->type);
}

/* float32 into the levels of an integer input; false for what its type does not hold. */
static bool whole_numbers(const struct sgs_value *value, const uint8_t *bytes, void *out)
{
    float low = value->type == SGS_UINT8 ? 0 : -32768, high = value->type == SGS_UINT8 ? 255 : 32767;
    for (int64_t i = 0; i < value->count; i++) {
        float given;
        memcpy(&given, bytes + 4 * i, sizeof given);
        if (!(given >= low && given <= high) || given != (float)(int)given)
            return false;
        if (value->type == SGS_UINT8)
            ((uint8_t *)out)[i] = (uint8_t)given;
        else
            ((int16_t *)out)[i] = (int16_t)given;
    }
    return true;
}

bool sgs_read_input(const struct sgs_engine *engine, const struct sgs_image *image, int index, const char *path,
                    bool is_float, struct sgs_failure *failure)
{
    const struct sgs_port *port = image->program.input + index;
    const struct sgs_value *value = image->program.value + port->value;
    void *out = sgs_engine_value(engine, (int)port->value);
    size_t wanted = (size_t)value->count * stored_bytes(value, is_float);
    struct sgs_failure why;
    struct sgs_map file;
    if (!sgs_map_open(&file, path, UINT64_C(1) << 31, &why))
        return sgs_fail(failure, "Error! Can not read picture: %s (%s)", path, why.message);
    bool good = true;
    if (file.length != wanted)
        good = sgs_fail(failure, "Error! Can not read picture: %s has %zu bytes, input %.*s takes %zu", path,
                        file.length, (int)port->name.bytes, port->name.text, wanted);
    else if (!is_float || value->type == SGS_FLOAT32)
        memcpy(out, file.bytes ? file.bytes : (const uint8_t *)"", wanted);
    else if (!whole_numbers(value, file.bytes, out))
        good = sgs_fail(failure, "Error! Can not read picture: %s holds values that %s does not", path,
                        sgs_type_name(value->type));
    sgs_map_close(&file);
    return good;
}
