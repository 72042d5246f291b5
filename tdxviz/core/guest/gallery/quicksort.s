# quicksort: sorts 64 numbers in place; good for seeing data-dependent branches and a working set of a few cache lines.

        .intel_syntax noprefix
        .set    COUNT, 64
_start: lea     rdi, [rip + numbers]
        mov     eax, 1
        xor     ecx, ecx
1:      imul    eax, eax, 1103515245    # a small generator
        add     eax, 12345
        mov     edx, eax
        shr     edx, 16
        and     edx, 0x3FF
        mov     [rdi + rcx * 4], edx
        inc     ecx
        cmp     ecx, COUNT
        jb      1b

        lea     rdi, [rip + numbers]
        lea     rsi, [rip + numbers + (COUNT - 1) * 4]
        call    sort

        lea     rbx, [rip + numbers]
        xor     ebp, ebp
2:      mov     eax, [rbx + rbp * 4]
        test    ebp, ebp
        jz      3f
        cmp     eax, [rbx + rbp * 4 - 4]
        jb      wrong
3:      call    print_decimal
        inc     ebp
        cmp     ebp, COUNT
        jb      2b
        mov     al, 10
        out     0xE9, al
        xor     eax, eax
        ret
wrong:  mov     eax, 1
        ret

sort:                                   # dwords from RDI up to and including RSI
        cmp     rdi, rsi
        jae     9f
        push    rdi
        push    rsi
        mov     rax, rsi
        sub     rax, rdi
        shr     rax, 3
        mov     r8d, [rdi + rax * 4]    # pivot: the middle
1:      cmp     [rdi], r8d
        jae     2f
        add     rdi, 4
        jmp     1b
2:      cmp     [rsi], r8d
        jbe     3f
        sub     rsi, 4
        jmp     2b
3:      cmp     rdi, rsi
        ja      4f
        mov     ecx, [rdi]
        mov     edx, [rsi]
        mov     [rdi], edx
        mov     [rsi], ecx
        add     rdi, 4
        sub     rsi, 4
        cmp     rdi, rsi
        jbe     1b
4:      mov     r9, rdi                 # the upper part begins here
        pop     rdx
        pop     rdi
        push    rdx
        push    r9
        call    sort                    # RDI..RSI
        pop     rdi
        pop     rsi
        call    sort
9:      ret

        .include "print_decimal.s"

        .bss
        .align  64
numbers: .zero  COUNT * 4
