/* Command lines, with the words of Python's getopt for what is wrong with them. */
#ifndef SGS_OPTIONS_H
#define SGS_OPTIONS_H

#include <stdbool.h>

#include "failure.h"

struct sgs_option {
    char letter;          /* what the option is kept as */
    const char *name;     /* its long form */
    bool takes_value;
    const char *value;    /* set: the last value given, or "" for one that takes none */
};

/* Fill `value` of each option; operands are counted, the first is kept. False: message says what is wrong. */
bool sgs_options(int argc, char **argv, struct sgs_option *options, int count, const char **operand,
                 struct sgs_failure *failure);

#endif
