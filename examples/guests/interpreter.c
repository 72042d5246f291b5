/* interpreter: a stack machine with eleven operations that prints primes and Fibonacci numbers. */
#include "guest.h"

enum { PUSH, ADD, SUB, MOD, DUP, SWAP, LOAD, STORE, JZ, JMP, PRINT, END };

static long memory[8], stack[32];

static void interpret(const int *code)
{
    long *top = stack;
    for (int pc = 0;;) {
        switch (code[pc++]) {
        case PUSH: *top++ = code[pc++]; break;
        case ADD: top--; top[-1] += top[0]; break;
        case SUB: top--; top[-1] -= top[0]; break;
        case MOD: top--; top[-1] %= top[0]; break;
        case DUP: top[0] = top[-1]; top++; break;
        case SWAP: { long t = top[-1]; top[-1] = top[-2]; top[-2] = t; break; }
        case LOAD: *top++ = memory[code[pc++]]; break;
        case STORE: memory[code[pc++]] = *--top; break;
        case JZ: top--; pc = top[0] ? pc + 1 : code[pc]; break;
        case JMP: pc = code[pc]; break;
        case PRINT: print("%ld ", *--top); break;
        case END: put('\n'); return;
        }
    }
}

static const int primes[] = {
    PUSH, 2, STORE, 0,                                  /* n = 2 */
    PUSH, 2, STORE, 1,                                  /* 4: d = 2 */
    LOAD, 1, LOAD, 0, SUB, JZ, 29,                      /* 8: d == n: prime */
    LOAD, 0, LOAD, 1, MOD, JZ, 32,                      /* 15: divisible */
    LOAD, 1, PUSH, 1, ADD, JMP, 42,                     /* 22: d = d + 1 */
    LOAD, 0, PRINT,                                     /* 29 */
    LOAD, 0, PUSH, 1, ADD, DUP, STORE, 0, JMP, 46,      /* 32: n = n + 1 */
    STORE, 1, JMP, 8,                                   /* 42 */
    PUSH, 60, SUB, JZ, 53, JMP, 4,                      /* 46 */
    END};                                               /* 53 */

static const int fibonacci[] = {
    PUSH, 1, STORE, 0, PUSH, 1, PUSH, 1,                /* n = 1; 1 1 */
    DUP, PRINT, DUP, STORE, 1, ADD, LOAD, 1, SWAP,      /* 8: a b -> b a+b */
    LOAD, 0, PUSH, 1, ADD, DUP, STORE, 0,               /* n = n + 1 */
    PUSH, 40, SUB, JZ, 32, JMP, 8, END};                /* 25 */

int run(void)
{
    interpret(primes);
    interpret(fibonacci);
    return 0;
}
