# dispatch: answers requests from a shared page through a table of functions; good for seeing what an indirect call leaves in the cache when somebody else has trained the branch predictor.

        .intel_syntax noprefix
        .set    ALIAS, 0x140000000      # linear 5 GiB and up: the same addresses, as shared memory
        .set    MAP_GPA, 0x10001
_start: xor     ebp, ebp                # EBP = 1 in a TD
        mov     eax, 0x21
        xor     ecx, ecx
        cpuid
        cmp     edx, 0x5844546C         # "lTDX"
        jne     1f
        inc     ebp
1:      mov     rax, cr3                # map the alias, in a TD with the SHARED bit (47)
        mov     rdi, [rax]
        and     rdi, -4096
        mov     rax, rbp
        shl     rax, 47
        or      rax, 0x83
        mov     [rdi + 40], rax
        test    ebp, ebp
        jz      furnished
        mov     r12d, offset mailbox    # MapGPA: the mailbox and the table behind it become shared
        bts     r12, 47
        mov     r13d, 0x5000
        mov     r11d, MAP_GPA
        xor     r10d, r10d
        xor     eax, eax
        mov     ecx, 0x3C00             # R10 to R13
        tdcall
        .globl  furnished
furnished:
        mov     r8d, offset mailbox
        mov     rax, ALIAS
        add     r8, rax                 # the request
        lea     rdi, [r8 + 4096]        # what guests and hosts exchange: 256 lines
        lea     rbx, [rip + tariff]
        mov     al, [rip + secret]      # the secret is in use
        .globl  serve
serve:  test    ebp, ebp                # done; next request please
        jnz     2f
        vmcall
        jmp     asked
2:      mov     r10d, 1                 # a call of our own: the host sees R10
        xor     eax, eax
        mov     ecx, 0x400
        tdcall
        .globl  asked
asked:  mov     rsi, [r8]               # whatever number the other side wrote
        lea     rax, [rip + functions]
        mov     rax, [rax]
        .globl  branch
branch: call    rax
        .globl  served
served: jmp     serve

answer: and     esi, 3                  # the only function: a number from the tariff, in bounds
        mov     eax, [rbx + rsi * 4]
        mov     [r8 + 8], eax
        ret

        .globl  gadget
gadget: movzx   eax, byte ptr [rbx + rsi]       # never called like this: some other function's middle
        shl     eax, 6
        mov     eax, [rdi + rax]
        ret

        .data
        .globl  tariff
tariff: .long   10, 20, 50, 100
functions:
        .quad   answer
        .globl  secret
secret: .ascii  "correct horse battery staple, and nobody else has to know that!!"
        .balign 4096
        .globl  mailbox
mailbox:
        .zero   4096
        .globl  exchange
exchange:
        .zero   0x4000
