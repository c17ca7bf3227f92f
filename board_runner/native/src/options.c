/* Command lines after the manner of Python's getopt.gnu_getopt, which the Python programs use. */
#include "options.h"

#include <stddef.h>
#include <string.h>

static struct sgs_option *by_letter(struct sgs_option *options, int count, char letter)
{
    for (int i = 0; i < count; i++)
        if (options[i].letter == letter && letter)
            return options + i;
    return NULL;
}

/* The option whose long name is `name`, or the only one that begins so. */
static struct sgs_option *by_name(struct sgs_option *options, int count, const char *name, size_t length,
                                  struct sgs_failure *failure)
{
    struct sgs_option *found = NULL;
    for (int i = 0; i < count; i++) {
        if (strncmp(options[i].name, name, length) != 0)
            continue;
        if (strlen(options[i].name) == length)
            return options + i;
        if (found) {
            sgs_fail(failure, "option --%.*s not a unique prefix", (int)length, name);
            return NULL;
        }
        found = options + i;
    }
    if (!found)
        sgs_fail(failure, "option --%.*s not recognized", (int)length, name);
    return found;
}

static bool long_option(struct sgs_option *options, int count, char **argv, int argc, int *at,
                        struct sgs_failure *failure)
{
    const char *word = argv[*at] + 2;
    const char *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    struct sgs_option *option = by_name(options, count, word, length, failure);
    if (!option)
        return false;
    if (!option->takes_value) {
        option->value = "";
        return equals ? sgs_fail(failure, "option --%s must not have an argument", option->name) : true;
    }
    if (!equals && *at + 1 >= argc)
        return sgs_fail(failure, "option --%s requires argument", option->name);
    option->value = equals ? equals + 1 : argv[++*at];
    return true;
}

static bool short_options(struct sgs_option *options, int count, char **argv, int argc, int *at,
                          struct sgs_failure *failure)
{
    for (const char *letter = argv[*at] + 1; *letter; letter++) {
        struct sgs_option *option = by_letter(options, count, *letter);
        if (!option)
            return sgs_fail(failure, "option -%c not recognized", *letter);
        option->value = "";
        if (!option->takes_value)
            continue;
        if (!letter[1] && *at + 1 >= argc)
            return sgs_fail(failure, "option -%c requires argument", *letter);
        option->value = letter[1] ? letter + 1 : argv[++*at];
        return true;
    }
    return true;
}

bool sgs_options(int argc, char **argv, struct sgs_option *options, int count, const char **operand,
                 struct sgs_failure *failure)
{
    bool only_operands = false;
    *operand = NULL;
    for (int at = 1; at < argc; at++) {
        const char *word = argv[at];
        if (!only_operands && strcmp(word, "--") == 0) {
            only_operands = true;
        } else if (only_operands || word[0] != '-' || !word[1]) {
            if (!*operand)
                *operand = word;
        } else if (word[1] == '-') {
            if (!long_option(options, count, argv, argc, &at, failure))
                return false;
        } else if (!short_options(options, count, argv, argc, &at, failure)) {
            return false;
        }
    }
    return true;
}
