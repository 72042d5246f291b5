# runtime: what every guest program of a user stands on. Runs unchanged in a TD and in an ordinary VM.
# From the reset vector to long mode; 4 GiB mapped flat, stack, IDT, TSS; then it calls the program's entry
# point (in INFO). A #VE for port I/O, CPUID, HLT, RDMSR or WRMSR becomes the TDVMCALL that asks the host;
# any other exception is told on the console and ends the run with exit code 128 + vector.
# Console: port 0xE9. Exit code: port 0xF4.

        .intel_syntax noprefix
        .set    PML4,  0x80002000
        .set    IDT,   0x80004000
        .set    INFO,  0x80005000       # u64: entry point
        .set    INNER, 0x80008000       # top of the stack of exceptions
        .set    STACK, 0x80020000

        .section .reset, "awx"
        .code32
        .org    0xFF0
        .globl  reset
reset:  mov     eax, offset enter_long_mode
        jmp     eax
        .org    0x1000

        .section .text, "awx"
        .code32
enter_long_mode:
        lgdt    [gdt_pointer]
        mov     eax, offset PML4
        mov     cr3, eax
        mov     eax, cr4
        or      eax, 0x620              # PAE, OSFXSR, OSXMMEXCPT
        mov     cr4, eax
        mov     eax, cr0
        or      eax, 0x80000000         # PG: long mode becomes active, EFER.LME is 1 already
        mov     cr0, eax
        .byte   0xEA                    # far jump: 0x08 is the 64-bit code segment
        .long   start
        .word   0x08

        .code64
        .globl  start
start:  mov     ecx, 0x10
        mov     ss, ecx
        mov     ds, ecx
        mov     es, ecx
        mov     esp, offset STACK
        mov     edi, offset IDT         # 32 gates, all to the stubs
        mov     esi, offset stubs
        mov     ecx, 32
1:      mov     eax, esi
        call    gate
        add     esi, 16
        dec     ecx
        jnz     1b
        mov     edi, offset IDT + 20 * 16
        mov     eax, offset ve
        call    gate
        lidt    [rip + idt_pointer]
        mov     eax, 0x18
        ltr     ax
        mov     eax, offset INFO
        mov     eax, [rax]
        xor     ecx, ecx
        xor     edx, edx
        xor     esi, esi
        xor     edi, edi
        cld
        .globl  call_program
call_program:
        call    rax
        .globl  returned
returned:
        out     0xF4, eax               # a program that returns ends with what is in EAX
stop:   hlt
        jmp     stop

gate:                                   # interrupt gate to EAX (below 4 GiB) at RDI, on stack 1 of the TSS
        mov     edx, eax
        movzx   eax, ax
        or      eax, 0x00080000
        mov     [rdi], eax
        mov     eax, edx
        and     eax, 0xFFFF0000
        or      eax, 0x8E01
        mov     [rdi + 4], eax
        mov     qword ptr [rdi + 8], 0
        add     edi, 16
        ret

# --- #VE: the module says why; the host is asked by a TDVMCALL -------------------------------------------
# Saved: RAX +0, RCX +8, RDX +16, RSI +24, RDI +32, R8 +40 .. R15 +96, RBX +104, RBP +112, RIP +120.

        .globl  ve
ve:     push    rbp
        push    rbx
        push    r15
        push    r14
        push    r13
        push    r12
        push    r11
        push    r10
        push    r9
        push    r8
        push    rdi
        push    rsi
        push    rdx
        push    rcx
        push    rax
        mov     eax, 3                  # TDG.VP.VEINFO.GET
        tdcall
        test    rax, rax
        jnz     ve_failed
        mov     ebx, r10d               # instruction length
        mov     rbp, rdx                # exit qualification
        cmp     ecx, 30
        je      ve_port
        cmp     ecx, 10
        je      ve_cpuid
        cmp     ecx, 12
        je      ve_hlt
        cmp     ecx, 31
        je      ve_rdmsr
        cmp     ecx, 32
        je      ve_wrmsr
ve_failed:
        mov     edi, 20
        lea     rsi, [rsp + 120]
        jmp     report
ve_done:
        add     [rsp + 120], rbx        # the handler itself steps over the instruction
        pop     rax
        pop     rcx
        pop     rdx
        pop     rsi
        pop     rdi
        pop     r8
        pop     r9
        pop     r10
        pop     r11
        pop     r12
        pop     r13
        pop     r14
        pop     r15
        pop     rbx
        pop     rbp
        iretq

vmcall:                                 # TDG.VP.VMCALL that passes R10 to R15; R10 = 0: GHCI, sub-function in R11
        xor     r10d, r10d
        xor     eax, eax
        mov     ecx, 0xFC00
        tdcall
        test    rax, rax
        jnz     ve_failed
        test    r10, r10                # refused by the host
        ret

ve_port:
        mov     esi, ebp
        and     esi, 7
        inc     esi                     # 1, 2 or 4 bytes
        test    ebp, 16
        jnz     ve_string
        mov     r15, [rsp]
        call    port
        jnz     ve_failed
        test    ebp, 8
        jz      ve_done
        mov     rdi, rsp                # IN: the value goes into AL, AX or EAX
        call    put
        cmp     esi, 4
        jne     ve_done
        mov     dword ptr [rsp + 4], 0
        jmp     ve_done

ve_string:                              # INS and OUTS, one element at a time
        test    ebp, 32
        jz      1f
        cmp     qword ptr [rsp + 8], 0
        je      ve_done
1:      mov     rdi, [rsp + 24]
        xor     r15d, r15d
        test    ebp, 8
        jnz     2f
        call    get                     # OUTS: from [RSI]
2:      call    port
        jnz     ve_failed
        mov     eax, esi
        test    qword ptr [rsp + 136], 0x400
        jz      3f
        neg     rax                     # RFLAGS.DF
3:      test    ebp, 8
        jnz     4f
        add     [rsp + 24], rax
        jmp     5f
4:      mov     rdi, [rsp + 32]         # INS: to [RDI]
        call    put
        add     [rsp + 32], rax
5:      test    ebp, 32
        jz      ve_done
        dec     qword ptr [rsp + 8]
        jmp     ve_string

port:                                   # Instruction.IO: R12 size, R13 1 = write, R14 port, R15 value; R11 value read
        cmp     esi, 2
        ja      1f
        je      2f
        movzx   r15d, r15b
        jmp     1f
2:      movzx   r15d, r15w
1:      mov     r15d, r15d
        mov     r12d, esi
        mov     r13d, ebp
        shr     r13d, 3
        and     r13d, 1
        xor     r13d, 1
        mov     r14d, ebp
        shr     r14d, 16
        mov     r11d, 30
        jmp     vmcall

get:                                    # R15 = ESI bytes at [RDI]
        cmp     esi, 2
        ja      1f
        je      2f
        movzx   r15d, byte ptr [rdi]
        ret
2:      movzx   r15d, word ptr [rdi]
        ret
1:      mov     r15d, [rdi]
        ret

put:                                    # ESI bytes at [RDI] = R11
        cmp     esi, 2
        ja      1f
        je      2f
        mov     [rdi], r11b
        ret
2:      mov     [rdi], r11w
        ret
1:      mov     [rdi], r11d
        ret

ve_cpuid:
        mov     r12d, [rsp]
        mov     r13d, [rsp + 8]
        mov     r11d, 10
        call    vmcall
        jnz     ve_failed
        mov     r12d, r12d
        mov     r13d, r13d
        mov     r14d, r14d
        mov     r15d, r15d
        mov     [rsp], r12
        mov     [rsp + 104], r13
        mov     [rsp + 8], r14
        mov     [rsp + 16], r15
        jmp     ve_done

ve_hlt: xor     r12d, r12d
        test    qword ptr [rsp + 136], 0x200
        setz    r12b                    # interrupts are blocked
        mov     r11d, 12
        call    vmcall
        jmp     ve_done

ve_rdmsr:
        mov     r12d, [rsp + 8]
        mov     r11d, 31
        call    vmcall
        jnz     ve_refused
        mov     eax, r11d
        mov     [rsp], rax
        shr     r11, 32
        mov     [rsp + 16], r11
        jmp     ve_done

ve_wrmsr:
        mov     r12d, [rsp + 8]
        mov     r13d, [rsp]
        mov     eax, [rsp + 16]
        shl     rax, 32
        or      r13, rax
        mov     r11d, 32
        call    vmcall
        jz      ve_done
ve_refused:                             # an MSR that the host does not know: #GP, as a processor does it
        mov     edi, 13
        lea     rsi, [rsp + 120]
        jmp     report

# --- every other exception ends the program ---------------------------------------------------------------

        .balign 16
        .globl  stubs
stubs:
        .set    vector, 0
        .rept   32
        push    vector
        jmp     caught
        .balign 16
        .set    vector, vector + 1
        .endr
caught: pop     rdi
        mov     rsi, rsp
        mov     eax, 0x60227D00         # vectors that push an error code
        bt      eax, edi
        jnc     report
        add     rsi, 8
        .globl  report
report:                                 # EDI vector, RSI address of the interrupted RIP
        mov     ebx, edi
        mov     rbp, [rsi]
        mov     esp, offset STACK       # the program is over; each OUT below is a #VE of its own
        lea     rdi, [rip + text_exception]
        call    print
        mov     eax, ebx
        xor     edx, edx
        mov     ecx, 10
        div     ecx
        add     eax, 0x30
        out     0xE9, al
        lea     eax, [rdx + 0x30]
        out     0xE9, al
        lea     rdi, [rip + text_at]
        call    print
        mov     rdx, rbp
        call    print_hex
        cmp     ebx, 14
        jne     1f
        lea     rdi, [rip + text_address]
        call    print
        mov     rdx, cr2
        call    print_hex
1:      mov     al, 10
        out     0xE9, al
        lea     eax, [rbx + 128]
        out     0xF4, al
        jmp     stop

print:  mov     al, [rdi]
        test    al, al
        jz      1f
        out     0xE9, al
        inc     rdi
        jmp     print
1:      ret

print_hex:                              # RDX, 16 digits
        mov     ecx, 16
1:      rol     rdx, 4
        mov     eax, edx
        and     eax, 15
        add     eax, 0x30
        cmp     eax, 0x3A
        jb      2f
        add     eax, 0x27               # a to f
2:      out     0xE9, al
        dec     ecx
        jnz     1b
        ret

text_exception:
        .asciz  "\nexception "
text_at:
        .asciz  " at 0x"
text_address:
        .asciz  ", address 0x"

# --- GDT, TSS ---------------------------------------------------------------------------------------------
        .section .fixed, "aw"
gdt:    .quad   0
        .quad   0x00AF9B000000FFFF      # 0x08: 64-bit code
        .quad   0x00CF93000000FFFF      # 0x10: data
        .quad   0x8000890010400067      # 0x18: TSS at 0x80001040
        .quad   0
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt
        .long   0
idt_pointer:
        .word   32 * 16 - 1
        .quad   IDT
        .balign 64
tss:    .zero   36
        .quad   INNER                   # IST 1
        .zero   60

# --- page tables: the first 4 GiB, 1 GiB a page -----------------------------------------------------------
        .section .tables, "aw"
        .quad   0x80003003
        .fill   511, 8, 0
        .quad   0x00000083, 0x40000083, 0x80000083, 0xC0000083
        .fill   508, 8, 0
