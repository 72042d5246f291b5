/* printf: a formatter over port I/O, in every form it knows. */
#include "guest.h"

int run(void)
{
    print("%s %c %% %d %d\n", "text", 'x', 42, -42);
    print("[%5d] [%05u] [%x] [%08x]\n", 123, 123u, 0xbeefu, 0xbeefu);
    print("%lu %lx %ld\n", 18446744073709551615ul, 0xfedcba9876543210ul, -9223372036854775807l - 1);
    for (int i = 1; i <= 10; i++)
        print("%d! = %lu\n", i, ({ unsigned long f = 1; for (int k = 2; k <= i; k++) f *= k; f; }));
    return 0;
}
