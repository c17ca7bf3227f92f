/* Files mapped into memory, and the files that `-i` names. */
#ifndef SGS_FILES_H
#define SGS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "failure.h"

struct sgs_map {
    const uint8_t *bytes;
    size_t length;
};

/* Map a regular file for reading; an empty one gives length 0. The message is the reason alone. */
bool sgs_map_open(struct sgs_map *map, const char *path, uint64_t max_bytes, struct sgs_failure *failure);
void sgs_map_close(struct sgs_map *map);

bool sgs_is_file(const char *path);
bool sgs_is_folder(const char *path);

/* A path without empty and `.` components, as pathlib writes it; the caller frees it. NULL: no memory. */
char *sgs_path(const char *path);

struct sgs_names {
    char **name;
    size_t count;
};

/* Regular files of a folder with the folder before them, sorted by bytes. */
bool sgs_list_folder(struct sgs_names *names, const char *folder, struct sgs_failure *failure);

/* What `-i` of prog_sed_eat names: a folder's files, one file, or a pattern's; sorted, `./` before a bare name. */
bool sgs_match(struct sgs_names *names, const char *inputs, struct sgs_failure *failure);
bool sgs_names_add(struct sgs_names *names, const char *name, struct sgs_failure *failure);
void sgs_names_sort(struct sgs_names *names);
void sgs_names_free(struct sgs_names *names);

#endif
