# fibonacci: deep recursion; good for watching the stack grow, CALL and RET, and return addresses in encrypted memory.

        .intel_syntax noprefix
_start: xor     ebx, ebx
1:      mov     edi, ebx
        call    fib
        call    print_decimal
        inc     ebx
        cmp     ebx, 15
        jb      1b
        mov     al, 10
        out     0xE9, al
        xor     eax, eax
        ret

fib:    cmp     edi, 2                  # EAX = fib(EDI)
        jae     1f
        mov     eax, edi
        ret
1:      push    rdi
        dec     edi
        call    fib
        pop     rdi
        push    rax
        sub     edi, 2
        call    fib
        pop     rdx
        add     eax, edx
        ret

        .include "print_decimal.s"
