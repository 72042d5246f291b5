/* quicksort: 500 numbers of a small generator, sorted, checked and summed up. */
#include "guest.h"

static int32_t numbers[500];

static void sort(int32_t *a, int n)
{
    if (n < 2)
        return;
    int32_t pivot = a[n / 2];
    int i = 0, j = n - 1;
    for (;; i++, j--) {
        while (a[i] < pivot)
            i++;
        while (a[j] > pivot)
            j--;
        if (i >= j)
            break;
        int32_t t = a[i];
        a[i] = a[j];
        a[j] = t;
    }
    sort(a, i);
    sort(a + i, n - i);
}

int run(void)
{
    uint32_t seed = 12345;
    for (int i = 0; i < 500; i++) {
        seed = seed * 1103515245 + 12345;
        numbers[i] = (int32_t)(seed >> 8) % 100000 - 50000;
    }
    sort(numbers, 500);
    int64_t sum = 0;
    for (int i = 0; i < 500; i++) {
        sum += numbers[i] * (int64_t)(i + 1);
        if (i && numbers[i - 1] > numbers[i]) {
            print("not sorted at %d\n", i);
            return 1;
        }
    }
    for (int i = 0; i < 500; i += 50)
        print("%d ", numbers[i]);
    print("\nweighted sum %ld\n", sum);
    return 0;
}
