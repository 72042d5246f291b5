/* What a freestanding guest needs, and nothing more: the console is port 0xE9, the exit code goes to port 0xF4.
   gcc -O2 -ffreestanding -nostdlib -static -o sha256.elf sha256.c && tdxviz guest run sha256.elf
   With -DHOSTED the same source is an ordinary program that prints the same. */
#ifndef GUEST_H
#define GUEST_H
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

int run(void);

#ifdef HOSTED
#include <stdio.h>
static void put(char c) { putchar(c); }
int main(void) { return run(); }
#else
static inline void out8(uint16_t port, uint8_t value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static void put(char c) { out8(0xE9, (uint8_t)c); }

void _start(void)
{
    out8(0xF4, (uint8_t)run());
    for (;;)
        __asm__ volatile("hlt");
}

void *memcpy(void *to, const void *from, size_t n)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}

void *memset(void *to, int value, size_t n)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(value) : "memory");
    return start;
}
#endif

static void put_text(const char *text)
{
    while (*text)
        put(*text++);
}

static void put_number(uint64_t value, unsigned base, int width, char fill)
{
    char digits[64];
    int n = 0;
    do
        digits[n++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (width-- > n)
        put(fill);
    while (n)
        put(digits[--n]);
}

/* %c %s %d %u %x %lu %lx %%, with a width and a leading 0 */
static void print(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    for (; *format; format++) {
        if (*format != '%') {
            put(*format);
            continue;
        }
        char fill = ' ';
        int width = 0, wide = 0;
        format++;
        if (*format == '0')
            fill = '0';
        while (*format >= '0' && *format <= '9')
            width = width * 10 + *format++ - '0';
        if (*format == 'l') {
            wide = 1;
            format++;
        }
        switch (*format) {
        case 'c': put((char)va_arg(args, int)); break;
        case 's': put_text(va_arg(args, const char *)); break;
        case 'd': {
            int64_t value = wide ? va_arg(args, long) : va_arg(args, int);
            if (value < 0)
                put('-');
            put_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10, width, fill);
            break;
        }
        case 'u': put_number(wide ? va_arg(args, unsigned long) : va_arg(args, unsigned), 10, width, fill); break;
        case 'x': put_number(wide ? va_arg(args, unsigned long) : va_arg(args, unsigned), 16, width, fill); break;
        default: put(*format);
        }
    }
    va_end(args);
}
#endif
