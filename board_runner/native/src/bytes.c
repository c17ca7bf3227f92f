/* CRC-32 and UTF-8. */
#include "bytes.h"

/* Four bits at a time: sixteen entries, written down instead of made at a first use that two threads could share. */
static const uint32_t crc_of_nibble[16] = {
    0x00000000, 0x1DB71064, 0x3B6E20C8, 0x26D930AC, 0x76DC4190, 0x6B6B51F4, 0x4DB26158, 0x5005713C,
    0xEDB88320, 0xF00F9344, 0xD6D6A3E8, 0xCB61B38C, 0x9B64C2B0, 0x86D3D2D4, 0xA00AE278, 0xBDBDF21C,
};

uint32_t sgs_crc32_after(uint32_t before, const uint8_t *p, size_t n)
{
    uint32_t table[8][256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t half = crc_of_nibble[i & 15] ^ i >> 4;
        table[0][i] = crc_of_nibble[half & 15] ^ half >> 4;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++)
            table[k][i] = table[0][table[k - 1][i] & 255] ^ table[k - 1][i] >> 8;
    uint32_t crc = ~before;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t a = crc ^ sgs_u32(p), b = sgs_u32(p + 4);
        crc = table[7][a & 255] ^ table[6][a >> 8 & 255] ^ table[5][a >> 16 & 255] ^ table[4][a >> 24] ^
              table[3][b & 255] ^ table[2][b >> 8 & 255] ^ table[1][b >> 16 & 255] ^ table[0][b >> 24];
    }
    for (; n; n--, p++)
        crc = table[0][(crc ^ *p) & 255] ^ crc >> 8;
    return ~crc;
}

uint32_t sgs_crc32(const uint8_t *p, size_t n)
{
    return sgs_crc32_after(0, p, n);
}

/* Bytes that follow a first byte, what it holds of the number, and the least number so long a form may stand for. */
static int follows(uint8_t first, uint32_t *bits, uint32_t *least)
{
    if (first >= 0xC2 && first < 0xE0) {
        *bits = first & 31;
        *least = 0x80;
        return 1;
    }
    if (first >= 0xE0 && first < 0xF0) {
        *bits = first & 15;
        *least = 0x800;
        return 2;
    }
    if (first >= 0xF0 && first < 0xF5) {
        *bits = first & 7;
        *least = 0x10000;
        return 3;
    }
    return -1;
}

bool sgs_is_utf8(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint8_t first = p[i++];
        if (first < 0x80)
            continue;
        uint32_t c, least;
        int more = follows(first, &c, &least);
        if (more < 0 || (size_t)more > n - i)
            return false;
        for (; more; more--, i++) {
            if ((p[i] & 0xC0) != 0x80)
                return false;
            c = c << 6 | (p[i] & 63u);
        }
        if (c < least || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
            return false;
    }
    return true;
}
