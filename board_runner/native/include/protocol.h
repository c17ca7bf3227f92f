/* The lines that the vendor's programs print; every line is flushed, so that a run cut short leaves what it got to. */
#ifndef SGS_PROTOCOL_H
#define SGS_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

enum { SGS_FILE_OPERATION = 8, SGS_CREATE_CHANNEL = 15, SGS_INVALID_MODEL_BUFFER = 44 };
enum { SGS_USAGE_STATUS = 1, SGS_SYSTEM_FAULT = 255 };

/* A line on stdout. */
void sgs_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* An embedding, levels of a scale: its float32 values in hex, 16 a line, then their number and checksum. */
void sgs_say_embedding(const int16_t *levels, int64_t count, float scale);

/* `MI_IPU_ELEMENT_FORMAT` of a type of ours. */
int sgs_element_format(int type);

/* On a simulated board, leave the driver's line in the file that SGS_KMSG names. */
void sgs_kernel_log(bool connected);

/* Milliseconds of a clock that only goes forward. */
double sgs_now_ms(void);

#endif
