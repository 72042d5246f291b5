# EDX on the console, eight digits and a blank. Changes EAX and ECX.

print_hex:
        mov     ecx, 8
1:      rol     edx, 4
        mov     eax, edx
        and     eax, 15
        add     al, 0x30
        cmp     al, 0x3A
        jb      2f
        add     al, 0x27
2:      out     0xE9, al
        dec     ecx
        jnz     1b
        mov     al, 32
        out     0xE9, al
        ret
