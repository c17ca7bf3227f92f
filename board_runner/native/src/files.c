/* Files mapped into memory, and the files that `-i` names. */
#define _POSIX_C_SOURCE 200809L
#define _FILE_OFFSET_BITS 64 /* on 32-bit machines stat refuses large inode numbers otherwise */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool map_descriptor(struct sgs_map *map, int file, uint64_t max_bytes, struct sgs_failure *failure)
{
    struct stat about;
    if (fstat(file, &about) != 0)
        return sgs_fail(failure, "%s", strerror(errno));
    if (!S_ISREG(about.st_mode))
        return sgs_fail(failure, "not a regular file");
    if ((uint64_t)about.st_size > max_bytes)
        return sgs_fail(failure, "larger than %llu MiB", (unsigned long long)(max_bytes >> 20));
    map->length = (size_t)about.st_size;
    if (!map->length)
        return true;
    void *bytes = mmap(NULL, map->length, PROT_READ, MAP_PRIVATE, file, 0);
    if (bytes == MAP_FAILED)
        return sgs_fail(failure, "%s", strerror(errno));
    map->bytes = bytes;
    return true;
}

bool sgs_map_open(struct sgs_map *map, const char *path, uint64_t max_bytes, struct sgs_failure *failure)
{
    map->bytes = NULL;
    map->length = 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return sgs_fail(failure, "%s", strerror(errno));
    bool done = map_descriptor(map, file, max_bytes, failure);
    close(file);
    return done;
}

void sgs_map_close(struct sgs_map *map)
{
    if (map->bytes)
        munmap((void *)(uintptr_t)map->bytes, map->length);
    map->bytes = NULL;
    map->length = 0;
}

bool sgs_is_file(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

bool sgs_is_folder(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

char *sgs_path(const char *path)
{
    char *made = malloc(strlen(path) + 3), *end = made;
    if (!made)
        return NULL;
    if (*path == '/')
        *end++ = '/';
    while (*path) {
        size_t length = strcspn(path, "/");
        if (length && !(length == 1 && *path == '.')) {
            if (end != made && end[-1] != '/')
                *end++ = '/';
            memcpy(end, path, length);
            end += length;
        }
        path += length;
        path += *path == '/';
    }
    if (end == made)
        *end++ = '.';
    *end = 0;
    return made;
}

static bool keep(struct sgs_names *names, char *name, struct sgs_failure *failure)
{
    char **longer = name ? realloc(names->name, (names->count + 1) * sizeof *longer) : NULL;
    if (!longer) {
        free(name);
        return sgs_fail(failure, "no memory for the names of files");
    }
    names->name = longer;
    names->name[names->count++] = name;
    return true;
}

bool sgs_names_add(struct sgs_names *names, const char *name, struct sgs_failure *failure)
{
    return keep(names, strdup(name), failure);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void sgs_names_sort(struct sgs_names *names)
{
    if (names->count)
        qsort(names->name, names->count, sizeof *names->name, by_bytes);
}

void sgs_names_free(struct sgs_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->name[i]);
    free(names->name);
    names->name = NULL;
    names->count = 0;
}

/* `folder/name`, without a folder of `.`; the caller frees it. */
static char *joined(const char *folder, const char *name)
{
    if (strcmp(folder, ".") == 0)
        return strdup(name);
    size_t room = strlen(folder) + strlen(name) + 2;
    char *path = malloc(room);
    if (path)
        snprintf(path, room, "%s%s%s", folder, folder[strlen(folder) - 1] == '/' ? "" : "/", name);
    return path;
}

static bool list(struct sgs_names *names, const char *folder, DIR *open, struct sgs_failure *failure)
{
    for (struct dirent *entry; (entry = readdir(open));) {
        char *path = joined(folder, entry->d_name);
        if (path && !sgs_is_file(path)) {
            free(path);
            continue;
        }
        if (!keep(names, path, failure))
            return false;
    }
    return true;
}

bool sgs_list_folder(struct sgs_names *names, const char *folder, struct sgs_failure *failure)
{
    char *clean = sgs_path(folder);
    DIR *open = clean ? opendir(clean) : NULL;
    bool done = open ? list(names, clean, open, failure)
                     : sgs_fail(failure, "%s: cannot be read (%s)", folder, strerror(errno));
    if (open)
        closedir(open);
    free(clean);
    sgs_names_sort(names);
    return done;
}

static bool match_pattern(struct sgs_names *names, const char *pattern, struct sgs_failure *failure)
{
    glob_t found;
    if (glob(pattern, GLOB_NOSORT | GLOB_NOESCAPE, NULL, &found) != 0)
        return true; /* nothing matches */
    bool done = true;
    for (size_t i = 0; done && i < found.gl_pathc; i++)
        if (sgs_is_file(found.gl_pathv[i]))
            done = sgs_names_add(names, found.gl_pathv[i], failure);
    globfree(&found);
    return done;
}

bool sgs_match(struct sgs_names *names, const char *inputs, struct sgs_failure *failure)
{
    bool done;
    if (sgs_is_folder(inputs))
        done = sgs_list_folder(names, inputs, failure);
    else if (sgs_is_file(inputs)) /* before it is taken for a pattern: names may hold brackets */
        done = sgs_names_add(names, inputs, failure);
    else
        done = match_pattern(names, inputs, failure);
    for (size_t i = 0; done && i < names->count; i++) {
        if (strchr(names->name[i], '/'))
            continue;
        char *here = malloc(strlen(names->name[i]) + 3);
        if (!here)
            return sgs_fail(failure, "no memory for the names of files");
        sprintf(here, "./%s", names->name[i]);
        free(names->name[i]);
        names->name[i] = here;
    }
    sgs_names_sort(names);
    return done;
}
