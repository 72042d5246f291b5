# EAX on the console in decimal, and a blank. Changes EAX, ECX, EDX and ESI.

print_decimal:
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
