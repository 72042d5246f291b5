# crc32: a table-driven CRC-32 over a text, checked against the bit-by-bit one; good for watching byte loads walk through a table.

        .intel_syntax noprefix
_start: lea     rdi, [rip + table]
        xor     ecx, ecx
1:      mov     eax, ecx                # table[i]: eight steps of the polynomial
        mov     edx, 8
2:      shr     eax, 1
        jnc     3f
        xor     eax, 0xEDB88320
3:      dec     edx
        jnz     2b
        mov     [rdi + rcx * 4], eax
        inc     ecx
        cmp     ecx, 256
        jb      1b

        lea     rsi, [rip + text]
        mov     ecx, offset text_end - text
        mov     eax, -1
4:      movzx   edx, byte ptr [rsi]
        xor     dl, al
        shr     eax, 8
        xor     eax, [rdi + rdx * 4]
        inc     rsi
        dec     ecx
        jnz     4b
        not     eax
        mov     ebx, eax
        mov     edx, eax
        call    print_hex
        mov     al, 10
        out     0xE9, al
        xor     eax, eax
        cmp     ebx, 0xCBF43926         # the check value of CRC-32
        setne   al
        ret

        .include "print_hex.s"

text:   .ascii  "123456789"
text_end:
        .bss
        .align  64
table:  .zero   1024
