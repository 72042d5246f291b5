# parser: a network parser that trusts the length in a packet: the second packet overflows its buffer with a real ROP chain and prints the secret.

        .intel_syntax noprefix
        .globl  handle
_start: sub     rsp, 1024               # a caller's frames lie above
        lea     rsi, [rip + polite]
        call    handle
        lea     rsi, [rip + packet]
        call    handle
        xor     eax, eax                # not reached after the second packet
        out     0xF4, al

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

send:   push    rdi                     # the text at RDI, up to its zero
1:      mov     al, [rdi]
        test    al, al
        jz      2f
        out     0xE9, al
        inc     rdi
        jmp     1b
2:      mov     al, 10
        out     0xE9, al
        .globl  send_ends
send_ends:
        pop     rdi                     # POP RDI, RET: every parser has some
        ret

leave_with:                             # exit code in EDI
        mov     eax, edi
        out     0xF4, al

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
