# gap: a kernel and a program at CPL 3 that makes system calls with a stack pointer of its own choice; good for seeing what lies between SYSCALL and the kernel's stack.

        .intel_syntax noprefix
        .set    VE_GATE, 0x80004140             # 20 * 16 bytes into the runtime's IDT
        .set    USER, 0x140000000               # linear 5 GiB: the program's code and its stack, open to CPL 3
_start: mov     edi, offset VE_GATE             # #VE comes on the stack that is in use, as in Linux
        mov     eax, offset page_came
        mov     [rdi], ax
        shr     eax, 16
        mov     [rdi + 6], ax
        mov     byte ptr [rdi + 4], 0
        mov     rdi, cr3                        # page tables of the program
        or      qword ptr [rdi], 4
        mov     rdi, [rdi]
        and     rdi, -4096
        lea     rax, [rip + directory]
        or      rax, 7
        mov     [rdi + 40], rax
        lea     rdi, [rip + directory]
        lea     rax, [rip + table]
        or      rax, 7
        mov     [rdi], rax
        lea     rdi, [rip + table]
        lea     rax, [rip + program]
        or      rax, 5                          # code: read only
        mov     [rdi], rax
        lea     rax, [rip + program_stack]
        or      rax, 7
        mov     [rdi + 8], rax
        mov     ecx, 0xC0000081                 # STAR: kernel at 0x08, program at 0x20
        xor     eax, eax
        mov     edx, 0x00200008
        wrmsr
        inc     ecx                             # LSTAR
        mov     eax, offset entry
        xor     edx, edx
        wrmsr
        mov     ecx, 0xC0000084                 # FMASK: no interrupts before the kernel has its stack
        mov     eax, 0x200
        wrmsr
        mov     ecx, 0xC0000080                 # EFER.SCE
        rdmsr
        or      eax, 1
        wrmsr
        mov     rcx, USER
        mov     r11d, 2
        .globl  to_program
to_program:
        sysretq

# --- the kernel -------------------------------------------------------------------------------------------
        .globl  entry
entry:  mov     [rip + program_rsp], rsp        # RSP is still the program's: this store is the gap
        lea     rsp, [rip + kernel_stack + 4096]
        .globl  own_stack
own_stack:
        push    rcx
        push    r11
        mov     rax, [rip + granted]            # may this program have the secret?
        .globl  asked_granted
asked_granted:
        test    rax, rax
        jz      1f
        mov     rax, [rip + secret]
        .globl  handed_out
handed_out:
        nop
1:      pop     r11
        pop     rcx
        mov     rsp, [rip + program_rsp]
        sysretq

        .globl  page_came
page_came:                                      # a naive #VE handler: whatever page it is, take it
        push    rax
        push    rcx
        push    rdx
        push    r8
        push    r9
        push    r10
        mov     eax, 3                          # TDG.VP.VEINFO.GET: R9 is the GPA
        tdcall
        mov     rcx, r9
        and     rcx, -4096
        mov     eax, 6                          # TDG.MEM.PAGE.ACCEPT
        tdcall
        pop     r10
        pop     r9
        pop     r8
        pop     rdx
        pop     rcx
        pop     rax
        .globl  took_page
took_page:
        iretq

# --- the program, at CPL 3 ----------------------------------------------------------------------------------
        .align  4096, 0xCC
        .globl  program
program:
        mov     rsp, offset granted + 16        # not a stack: 16 bytes above a word of the kernel's
        .globl  calling
calling:
        syscall
        mov     rbx, rax
        jmp     program

        .align  4096, 0xCC
        .globl  secret
secret: .ascii  "my PIN:7"
        .zero   256
        .align  16
        .globl  granted
granted:
        .quad   0                               # 0: no
        .quad   0
        .data
        .align  4096
        .globl  program_rsp
program_rsp:
        .quad   0
        .align  4096
kernel_stack:
        .zero   4096
program_stack:
        .zero   4096
directory:
        .zero   4096
table:  .zero   4096
