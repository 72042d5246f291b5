# fibonacci: deep recursion; good for watching the stack grow, CALL and RET, and return addresses in encrypted memory.

        .intel_syntax noprefix
_start: xor     ebx, ebx
1:      mov     edi, ebx
        call    fib
        call    print
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

print:                                  # EAX in decimal, and a blank
        mov     ecx, 10
        xor     esi, esi
1:      xor     edx, edx
        div     ecx
        add     edx, 0x30
        push    rdx
        inc     esi
        test    eax, eax
        jnz     1b
2:      pop     rax
        out     0xE9, al
        dec     esi
        jnz     2b
        mov     al, 32
        out     0xE9, al
        ret
