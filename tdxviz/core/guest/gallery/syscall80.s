# syscall80: a kernel with the old system-call interrupt 0x80 that asks its APIC who raised it; good for Heckler's attack.

        .intel_syntax noprefix
        .set    IDT, 0x80004000
        .set    IN_SERVICE, 0x814               # x2APIC: vectors 0x80 to 0x9F that came from outside
_start: lidt    [rip + all_gates]
        mov     edi, offset IDT + 0x80 * 16
        mov     eax, offset entry80
        mov     [rdi], ax
        mov     word ptr [rdi + 2], 8
        mov     word ptr [rdi + 4], 0x8E01
        shr     eax, 16
        mov     [rdi + 6], ax
        mov     dword ptr [rdi + 8], 0
        xor     r15d, r15d
        mov     eax, 0x21                       # in a TD, CPUID leaf 0x21 says "IntelTDX    "
        xor     ecx, ecx
        cpuid
        cmp     ebx, 0x65746E49
        jne     1f
        mov     r15d, 1
1:      mov     edi, 0x5EC2E7                   # the right password
        mov     esi, 0x0BAD                     # and what somebody typed
        sti
        .globl  checking
checking:
        mov     eax, 1                          # 1: wrong
        cmp     edi, esi
        jne     2f
        xor     eax, eax                        # 0: right, come in
2:      nop
        nop
        .globl  answered
answered:
        nop
        jmp     checking

        .globl  entry80
entry80:
        push    rcx
        push    rdx
        push    rax
        mov     ecx, IN_SERVICE
        rdmsr
        test    eax, 1
        pop     rax
        jnz     outside
        pop     rdx
        pop     rcx
        xor     eax, eax                        # a system call that went well
        iretq

        .globl  outside
outside:                                        # no program's INT 0x80: somebody plays with us
        test    r15d, r15d
        jz      3f
        mov     r11d, 0x10003                   # ReportFatalError
        mov     r12d, 0x80
        xor     r10d, r10d
        xor     eax, eax
        mov     ecx, 0x1C00                     # R10, R11, R12
        tdcall
3:      cli
        hlt
        jmp     3b

        .data
all_gates:
        .word   0xFFF
        .quad   IDT
