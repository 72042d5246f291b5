# rtmr: extends RTMR3 with a digest and reads it back from a TDREPORT; good for seeing what a running TD may add to its measurements. Needs a TD.

        .intel_syntax noprefix
        .set    RTMR3, 512 + 352        # in the report: TDINFO_STRUCT, then its fourth RTMR
_start: mov     eax, 2                  # TDG.MR.RTMR.EXTEND
        mov     ecx, offset digest
        mov     edx, 3
        tdcall
        test    rax, rax
        jnz     failed
        mov     eax, 4                  # TDG.MR.REPORT
        mov     ecx, offset report
        mov     edx, offset nonce
        xor     r8d, r8d
        tdcall
        test    rax, rax
        jnz     failed
        lea     rbx, [rip + report + RTMR3]
        mov     ebp, 48
1:      movzx   edx, byte ptr [rbx]
        call    print_byte
        inc     rbx
        dec     ebp
        jnz     1b
        mov     al, 10
        out     0xE9, al
        xor     eax, eax
        ret
failed: mov     eax, 1
        ret

print_byte:                             # DL, two digits
        mov     ecx, 2
1:      rol     dl, 4
        mov     eax, edx
        and     eax, 15
        add     al, 0x30
        cmp     al, 0x3A
        jb      2f
        add     al, 0x27
2:      out     0xE9, al
        dec     ecx
        jnz     1b
        ret

        .data
        .align  1024
report: .zero   1024
digest: .rept   48                      # what was measured: in real life a hash
        .byte   0x11
        .endr
        .align  64
nonce:  .ascii  "a verifier's fresh number"
        .zero   39
