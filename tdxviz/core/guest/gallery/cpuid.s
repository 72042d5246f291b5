# cpuid: reads four CPUID leaves; good for seeing which the TDX module answers, and which become a #VE and end up as the host's word.

        .intel_syntax noprefix
_start: lea     rbx, [rip + leaves]
        xor     ebp, ebp
1:      mov     edi, [rbx + rbp * 4]
        mov     edx, edi
        call    print_hex
        push    rbx
        mov     eax, edi
        xor     ecx, ecx
        cpuid
        mov     r8d, eax
        mov     r9d, ebx
        mov     r10d, ecx
        mov     r11d, edx
        pop     rbx
        mov     edx, r8d
        call    print_hex
        mov     edx, r9d
        call    print_hex
        mov     edx, r10d
        call    print_hex
        mov     edx, r11d
        call    print_hex
        mov     al, 10
        out     0xE9, al
        inc     ebp
        cmp     ebp, 4
        jb      1b
        xor     eax, eax
        ret

print_hex:                              # EDX, eight digits and a blank
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

leaves: .long   0, 1, 0x21, 0x40000000
