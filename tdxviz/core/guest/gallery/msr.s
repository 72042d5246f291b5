# msr: reads six model-specific registers, with a handler of its own for #GP; good for sorting MSRs into native, the module's, and the host's word.

        .intel_syntax noprefix
        .set    IDT, 0x80004000
_start: mov     edi, offset IDT + 13 * 16       # gate 13: refused, instead of the runtime's report
        mov     eax, offset refused
        mov     [rdi], ax
        shr     eax, 16
        mov     [rdi + 6], ax
        lea     rbx, [rip + numbers]
        xor     ebp, ebp
next:   mov     edx, [rbx + rbp * 4]
        call    print_hex
        mov     ecx, [rbx + rbp * 4]
        rdmsr
        mov     r12d, eax
        call    print_hex
        mov     edx, r12d
        call    print_hex
line:   mov     al, 10
        out     0xE9, al
        inc     ebp
        cmp     ebp, 6
        jb      next
        xor     eax, eax
        ret

refused:                                # error code, RIP, CS, RFLAGS, RSP, SS
        add     rsp, 8
        lea     rax, [rip + told]
        mov     [rsp], rax
        iretq
told:   lea     rsi, [rip + words]
1:      mov     al, [rsi]
        test    al, al
        jz      line
        out     0xE9, al
        inc     rsi
        jmp     1b

        .include "print_hex.s"

numbers:                                # EFER, APIC_BASE, PAT, FS_BASE, MISC_ENABLE, VMX_BASIC
        .long   0xC0000080, 0x1B, 0x277, 0xC0000100, 0x1A0, 0x480
words:  .asciz  "#GP"
