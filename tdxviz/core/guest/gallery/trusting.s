# trusting: believes every #VE and takes the answer from where the host could put it; good for seeing an injected exception.

        .intel_syntax noprefix
        .set    IDT, 0x80004000
_start: mov     edi, offset IDT + 20 * 16       # gate 20: a handler that never asks why it was called
        mov     eax, offset believed
        mov     [rdi], ax
        shr     eax, 16
        mov     [rdi + 6], ax
        mov     edi, offset IDT + 2 * 16        # gate 2: an NMI is counted, and nothing else changes
        mov     eax, offset counted
        mov     [rdi], ax
        shr     eax, 16
        mov     [rdi + 6], ax
        mov     eax, 100                        # the balance
        .globl  counting
counting:
        add     eax, 1
        nop
        cmp     eax, 100
        jae     counting
        ret

        .globl  counted
counted:
        inc     r14
        iretq

        .globl  believed
believed:                                       # "my CPUID was emulated": the result is in RBX
        mov     eax, ebx
        iretq
