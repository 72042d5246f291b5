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

        .include "print_hex.s"

leaves: .long   0, 1, 0x21, 0x40000000
