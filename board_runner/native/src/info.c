/* Numbers and words of an image's INFO. */
#include "info.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

bool sgs_info_text(const struct sgs_image *image, const char *key, char text[SGS_INFO_TEXT],
                   struct sgs_failure *failure)
{
    if (!sgs_image_info(image, key, text, SGS_INFO_TEXT) || !*text)
        return sgs_fail(failure, "damaged image: no '%s' in INFO", key);
    return true;
}

bool sgs_info_whole(const struct sgs_image *image, const char *key, int64_t least, int64_t most, int64_t *number,
                    struct sgs_failure *failure)
{
    char text[SGS_INFO_TEXT], *end;
    if (!sgs_info_text(image, key, text, failure))
        return false;
    errno = 0;
    *number = strtoll(text, &end, 10);
    if (*end || end == text || errno || *number < least || *number > most)
        return sgs_fail(failure, "damaged image: '%s' is '%s', a whole number from %lld to %lld is wanted", key, text,
                        (long long)least, (long long)most);
    return true;
}

bool sgs_info_real(const struct sgs_image *image, const char *key, double *number, struct sgs_failure *failure)
{
    char text[SGS_INFO_TEXT], *end;
    if (!sgs_info_text(image, key, text, failure))
        return false;
    *number = strtod(text, &end);
    if (*end || end == text || !isfinite(*number))
        return sgs_fail(failure, "damaged image: '%s' is '%s', a number is wanted", key, text);
    return true;
}
