# trusting: believes every #VE and takes the answer from where the host could put it; good for seeing an injected exception.

        .intel_syntax noprefix
        .set    IDT, 0x80004000
_start: mov     edi, offset IDT + 20 * 16       # gate 20: a handler that never asks why it was called
        mov     eax, offset believed
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

        .globl  believed
believed:                                       # "my CPUID was emulated": the result is in RBX
        mov     eax, ebx
        iretq
