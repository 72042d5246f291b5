# guarded: the parser of "parser" behind a CET shadow stack: the same packet ends in #CP at the first wrong return.

        .intel_syntax noprefix
        .set    GATE, 0x80004150        # 21 * 16 bytes into the runtime's IDT
_start: mov     eax, 0x21               # in a TD, CPUID leaf 0x21 says "IntelTDX    "
        xor     ecx, ecx
        cpuid
        xor     r15d, r15d
        cmp     ebx, 0x65746E49
        sete    r15b
        sub     rsp, 1024               # a caller's frames lie above
        mov     edi, offset GATE        # #CP comes to us, on the stack that is in use
        mov     eax, offset caught
        mov     [rdi], ax
        shr     eax, 16
        mov     [rdi + 6], ax
        mov     byte ptr [rdi + 4], 0
        mov     rax, cr3                # linear 5 GiB: the same memory, as shadow stack (not writable, dirty)
        mov     rdi, [rax]
        and     rdi, -4096
        mov     qword ptr [rdi + 40], 0xE1
        mov     rax, cr0                # CET wants WP
        or      eax, 0x10000
        mov     cr0, rax
        mov     rax, cr4
        or      eax, 0x800000
        mov     cr4, rax
        lea     rbx, [rip + shadow]     # a restore token at the top: where the stack begins, and bit 0
        add     rbx, 4080
        mov     rax, 0x140000000
        lea     rcx, [rbx + 8]
        add     rcx, rax
        or      rcx, 1
        mov     [rbx], rcx
        add     rbx, rax
        mov     ecx, 0x6A2              # IA32_S_CET: shadow stack on
        mov     eax, 1
        xor     edx, edx
        wrmsr
        rstorssp [rbx]
        .globl  guarded
guarded:
        lea     rsi, [rip + polite]
        call    handle
        lea     rsi, [rip + packet]
        call    handle
        .globl  caught
caught: inc     r13                     # the packet was noticed; a kernel would end the process here
        test    r13d, 0x3FF
        jnz     caught
        test    r15d, r15d
        jz      caught
        mov     eax, 4                  # TDG.MR.REPORT: now and then, for whoever asks whether CET is on
        mov     ecx, offset report_data
        mov     edx, offset nonce
        xor     r8d, r8d
        tdcall
        .globl  reported
reported:
        jmp     caught

handle: sub     rsp, 40                 # 32 bytes are meant for the payload
        mov     rdi, rsp
        movzx   ecx, word ptr [rsi]     # the sender's word, unchecked: here is the mistake
        add     rsi, 2
        cld
        rep movsb
        lea     rdi, [rip + received]
        call    send
        add     rsp, 40
        .globl  handle_returns
handle_returns:
        ret

send:   push    rdi                     # counts the text at RDI; printing would need #VE, and a kernel that
1:      mov     al, [rdi]               # keeps the shadow of the addresses that it changes
        inc     rdi
        test    al, al
        jnz     1b
        .globl  send_ends
send_ends:
        pop     rdi                     # POP RDI, RET: every parser has some
        ret

leave_with:
        jmp     leave_with

received:
        .asciz  "packet received"
        .data
secret: .asciz  "the secret: correct horse battery staple"
polite: .word   5
        .ascii  "hello"
        .align  8
        .globl  packet
packet: .word   40 + 7 * 8              # what arrived from the network
        .ascii  "ABCDEFGHIJKLMNOPQRSTUVWXYZ01234567890123"
        .quad   send_ends, secret       # RDI = secret
        .quad   send
        .quad   send_ends, 66           # RDI = 66
        .quad   leave_with
        .quad   0
        .balign 1024
report_data:
        .zero   1024
nonce:  .ascii  "a verifier's fresh number"
        .balign 64
        .balign 4096
shadow: .zero   4096
