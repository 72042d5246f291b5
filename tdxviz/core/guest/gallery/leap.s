# leap: works in its own memory for a while, then jumps into memory that it shares with the host; see where a TD may not fetch code.

        .intel_syntax noprefix
        .globl  _start
_start: xor     r12d, r12d
        jmp     work
        .balign 64
        .globl  work
work:   inc     r12d
        mov     rbx, r12
        cmp     r12d, 16
        jb      work
        .globl  leap
leap:   mov     rax, cr3                # linear 4 GiB becomes shared guest-physical 0: bit 47
        mov     rdi, [rax]
        and     rdi, -4096
        mov     rax, 0x800000000083
        mov     [rdi + 32], rax
        mov     rax, 0x100200000
        .globl  away
away:   jmp     rax
