/* crc32: IEEE 802.3, table made at run time; bit by bit for comparison. */
#include "guest.h"

static uint32_t table[256];

static uint32_t bitwise(const uint8_t *p, size_t n)
{
    uint32_t crc = ~0u;
    while (n--) {
        crc ^= *p++;
        for (int k = 0; k < 8; k++)
            crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
    }
    return ~crc;
}

static uint32_t fast(const uint8_t *p, size_t n)
{
    uint32_t crc = ~0u;
    while (n--)
        crc = crc >> 8 ^ table[(crc ^ *p++) & 255];
    return ~crc;
}

int run(void)
{
    static uint8_t data[2048];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c >> 1 ^ (c & 1 ? 0xEDB88320 : 0);
        table[i] = c;
    }
    for (unsigned i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * 7 + (i >> 3));
    print("%08x %08x\n", fast((const uint8_t *)"123456789", 9), bitwise((const uint8_t *)"123456789", 9));
    print("%08x %08x\n", fast(data, sizeof data), bitwise(data, 300));
    return fast(data, 300) != bitwise(data, 300);
}
