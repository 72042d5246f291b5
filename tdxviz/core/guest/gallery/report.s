# report: keeps a secret in RBX and calls the host twice, once careful and once careless; see which registers pass the border.

        .intel_syntax noprefix
        .globl  _start
_start: xor     r15d, r15d
        mov     eax, 0x21               # in a TD, CPUID leaf 0x21 says "IntelTDX    "
        xor     ecx, ecx
        cpuid
        cmp     ebx, 0x65746E49
        jne     work
        mov     r15d, 1
        .globl  work
work:   mov     ebx, 0x5EC2E7           # the secret
        mov     ecx, 32
1:      dec     ecx
        jnz     1b
        .globl  worked
worked: mov     r12d, 42                # what the host may know
        mov     ecx, 0x1C00             # R10, R11, R12
        call    tell
        .globl  told
told:   mov     ebx, 0x5EC2E7
        mov     r12d, 43
        mov     ecx, 0x1C08             # and RBX, by mistake
        call    tell
        .globl  told_too_much
told_too_much:
        jmp     work

tell:   mov     r10d, 0x7D              # not a number of the GHCI: a matter between guest and host
        xor     r11d, r11d
        xor     eax, eax                # TDG.VP.VMCALL
        test    r15d, r15d
        jz      2f
        tdcall
        ret
2:      vmcall
        ret
