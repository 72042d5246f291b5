# asker: asks CPUID, an MSR, a port and a paravirtual clock about its machine and keeps what it believes; good for seeing what a host can lie about.

        .intel_syntax noprefix
        .set    IDT, 0x80004000
        .set    EVENTS_MSR, 0x4B564D02  # paravirtual events
        .set    CLOCK_MSR, 0x4B564D01   # paravirtual clock: address of a page, and bit 0
        .set    TIMER_PORT, 0x608
_start: mov     edi, offset IDT + 20 * 16       # our own #VE handler, on the stack that the gate names
        mov     eax, offset ve
        mov     [rdi], ax
        shr     eax, 16
        mov     [rdi + 6], ax
        lea     rbp, [rip + facts]
        xor     esi, esi                # ESI = 1: hardened, that is in a TD unless built naive
        mov     eax, 0x21
        xor     ecx, ecx
        cpuid
        cmp     edx, 0x5844546C         # "lTDX"
        jne     ask
        mov     sil, [rip + naive]
        xor     esi, 1
ask:    mov     eax, 1                  # which instructions are there?
        xor     ecx, ecx
        cpuid
        mov     [rbp], ecx
        mov     eax, 2                  # which caches?
        cpuid
        mov     [rbp + 4], eax
        mov     eax, 0x40000000         # which hypervisor?
        cpuid
        mov     eax, 0x40000001         # and what does it offer?
        cpuid
        test    esi, esi
        jz      1f
        xor     eax, eax                # a hardened kernel uses none of its offers
1:      mov     [rbp + 8], eax
        mov     ecx, EVENTS_MSR
        rdmsr
        mov     [rbp + 12], eax
        mov     edx, TIMER_PORT
        in      eax, dx
        mov     [rbp + 16], eax
        test    byte ptr [rbp + 8], 8   # is there a paravirtual clock?
        jz      2f
        mov     eax, offset clock + 1
        xor     edx, edx
        mov     ecx, CLOCK_MSR
        wrmsr
        lea     rax, [rip + clock]
        mov     eax, [rax + 16]
        jmp     3f
2:      rdtsc
3:      mov     [rbp + 20], eax
        .globl  settled
settled:
        hlt
        jmp     settled

# Saved: RAX +0, RDX +8, RCX +16, RBX +24, R8 +32 to R15 +88, RIP +96.
ve:     push    r15
        push    r14
        push    r13
        push    r12
        push    r11
        push    r10
        push    r9
        push    r8
        push    rbx
        push    rcx
        push    rdx
        push    rax
        mov     eax, 3                  # TDG.VP.VEINFO.GET
        tdcall
        mov     ebx, r10d               # instruction length
        cmp     ecx, 10
        je      ve_cpuid
        cmp     ecx, 31
        je      ve_rdmsr
        cmp     ecx, 30
        je      ve_port
        cmp     ecx, 32
        je      ve_wrmsr
        cmp     ecx, 12
        jne     done
        xor     r12d, r12d
        mov     r11d, ecx
        call    host
        jmp     done

ve_cpuid:
        mov     r12d, [rsp]
        mov     r13d, [rsp + 16]
        test    byte ptr [rip + naive], 1
        jnz     1f
        mov     eax, r12d               # hardened: the host is asked about itself, about nothing else
        sub     eax, 0x40000000
        cmp     eax, 0xFF
        ja      2f
1:      mov     r11d, 10
        call    host
        jmp     3f
2:      xor     r12d, r12d
        xor     r13d, r13d
        xor     r14d, r14d
        xor     r15d, r15d
3:      mov     r12d, r12d
        mov     r13d, r13d
        mov     r14d, r14d
        mov     r15d, r15d
        mov     [rsp], r12
        mov     [rsp + 24], r13
        mov     [rsp + 16], r14
        mov     [rsp + 8], r15
        jmp     done

ve_rdmsr:
        xor     r11d, r11d              # hardened: this MSR is on no list, it reads 0
        test    byte ptr [rip + naive], 1
        jz      1f
        mov     r12d, [rsp + 16]
        mov     r11d, 31
        call    host
1:      mov     eax, r11d
        mov     [rsp], rax
        shr     r11, 32
        mov     [rsp + 8], r11
        jmp     done

ve_wrmsr:
        test    byte ptr [rip + naive], 1
        jz      done
        mov     r12d, [rsp + 16]
        mov     r13d, [rsp]
        mov     r11d, 32
        call    host
        jmp     done

ve_port:
        mov     r11d, -1                # hardened: no such device
        test    byte ptr [rip + naive], 1
        jz      1f
        mov     r14, rdx
        shr     r14d, 16
        mov     r12d, 4
        xor     r13d, r13d
        mov     r11d, 30
        call    host
1:      mov     eax, r11d
        mov     [rsp], rax
done:   add     [rsp + 96], rbx
        pop     rax
        pop     rdx
        pop     rcx
        pop     rbx
        pop     r8
        pop     r9
        pop     r10
        pop     r11
        pop     r12
        pop     r13
        pop     r14
        pop     r15
        iretq

host:   xor     r10d, r10d              # TDG.VP.VMCALL: sub-function in R11
        xor     eax, eax
        mov     ecx, 0xFC00
        tdcall
        ret

        .data
        .globl  naive
naive:  .byte   0                       # 1: whatever the host says is believed
        .balign 64
        .globl  facts
facts:  .zero   64                      # what this guest goes by
        .balign 4096
        .globl  clock
clock:  .zero   4096
