# picture: draws the Mandelbrot set with fixed-point arithmetic; good for a long run of pure computation that no exit disturbs.

        .intel_syntax noprefix
        .set    ONE, 1 << 12            # fixed point, 12 bits of fraction
        .set    LIMIT, 24
_start: mov     r12, -5 * ONE / 4       # imaginary part
row:    mov     r13, -2 * ONE           # real part
cell:   xor     r8d, r8d                # z = 0
        xor     r9d, r9d
        xor     ecx, ecx
1:      mov     rax, r8                 # re * re
        imul    rax, rax
        sar     rax, 12
        mov     rdx, r9                 # im * im
        imul    rdx, rdx
        sar     rdx, 12
        lea     rsi, [rax + rdx]
        cmp     rsi, 4 * ONE
        jg      2f
        imul    r9, r8                  # im = 2 * re * im + y
        sar     r9, 11
        add     r9, r12
        sub     rax, rdx                # re = re * re - im * im + x
        lea     r8, [rax + r13]
        inc     ecx
        cmp     ecx, LIMIT
        jb      1b
2:      lea     rbx, [rip + shades]
        shr     ecx, 2
        mov     al, [rbx + rcx]
        out     0xE9, al
        add     r13, ONE / 14
        cmp     r13, ONE / 2
        jle     cell
        mov     al, 10
        out     0xE9, al
        add     r12, ONE / 4
        cmp     r12, 5 * ONE / 4
        jle     row
        xor     eax, eax
        ret

shades: .ascii  " .:-=+#"
