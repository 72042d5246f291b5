# hello: the smallest useful guest: port 0xE9 is the console, port 0xF4 ends the run; watch one OUT become a #VE, a TDVMCALL and a TD exit.

        .intel_syntax noprefix
        .globl  _start
_start: lea     rsi, [rip + text]
        cld
1:      lodsb
        test    al, al
        jz      2f
        out     0xE9, al
        jmp     1b
2:      xor     eax, eax
        out     0xF4, al

text:   .asciz  "hello from inside the trust domain\n"
