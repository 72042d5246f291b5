# secret: touches page A or page B for each bit of a secret number; good for following a secret through page accesses alone (sept-page-trace).

        .intel_syntax noprefix
        .globl  secret_loop
_start: mov     ebx, [rip + secret]
        xor     ebp, ebp
secret_loop:
        bt      ebx, ebp
        jc      one
        call    page_a
        jmp     next
one:    call    page_b
next:   inc     ebp
        cmp     ebp, 32
        jb      secret_loop
        mov     eax, [rip + count_a]
        add     eax, [rip + count_b]
        cmp     eax, 32
        setne   al
        movzx   eax, al
        ret

        .align  4096, 0xCC
        .globl  page_a
page_a: inc     dword ptr [rip + count_a]
        ret
        .align  4096, 0xCC
        .globl  page_b
page_b: inc     dword ptr [rip + count_b]
        ret

        .data
secret: .long   0x5EC2E75A
count_a: .long  0
        .align  4096
count_b: .long  0
