# vmx: tries to become a hypervisor inside the guest with VMXON; good for seeing that a TD gets #UD, whatever its CR4 says.

        .intel_syntax noprefix
        .set    IDT, 0x80004000
_start: mov     edi, offset IDT + 6 * 16        # gate 6: refused, instead of the runtime's report
        mov     eax, offset refused
        mov     [rdi], ax
        shr     eax, 16
        mov     [rdi + 6], ax
        mov     eax, 0x21               # an ordinary VM has to allow VMX in CR4 first; in a TD that bit is
        xor     ecx, ecx                # the module's, and set
        cpuid
        cmp     ebx, 0x65746E49
        je      try
        mov     rax, cr4
        or      eax, 0x2000
        mov     cr4, rax
        .globl  try
try:    vmxon   qword ptr [rip + region]
        lea     rsi, [rip + works]
        call    print
        xor     eax, eax
        ret

refused:                                # RIP, CS, RFLAGS, RSP, SS
        lea     rax, [rip + told]
        mov     [rsp], rax
        iretq
told:   lea     rsi, [rip + fails]
        call    print
        xor     eax, eax
        ret

print:  mov     al, [rsi]
        test    al, al
        jz      1f
        out     0xE9, al
        inc     rsi
        jmp     print
1:      ret

works:  .asciz  "VMXON worked\n"
fails:  .asciz  "VMXON: invalid opcode\n"
        .data
region: .quad   0x80005000
