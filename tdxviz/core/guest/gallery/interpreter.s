# interpreter: runs a program of eight one-character commands held as data; good for telling code that the CPU runs from code that a program runs.

        .intel_syntax noprefix
_start: lea     rsi, [rip + program]
        lea     rdi, [rip + tape]
next:   movzx   eax, byte ptr [rsi]
        inc     rsi
        test    al, al
        jz      done
        cmp     al, '>'
        je      right
        cmp     al, '<'
        je      left
        cmp     al, '+'
        je      more
        cmp     al, '-'
        je      less
        cmp     al, '.'
        je      show
        cmp     al, '['
        je      open
        cmp     al, ']'
        je      close
        jmp     next
right:  inc     rdi
        jmp     next
left:   dec     rdi
        jmp     next
more:   inc     byte ptr [rdi]
        jmp     next
less:   dec     byte ptr [rdi]
        jmp     next
show:   mov     al, [rdi]
        out     0xE9, al
        jmp     next
open:   cmp     byte ptr [rdi], 0
        jne     next
        mov     ecx, 1                  # skip to the matching ]
1:      movzx   eax, byte ptr [rsi]
        inc     rsi
        cmp     al, '['
        jne     2f
        inc     ecx
2:      cmp     al, ']'
        jne     1b
        dec     ecx
        jnz     1b
        jmp     next
close:  cmp     byte ptr [rdi], 0
        je      next
        sub     rsi, 2                  # back to the matching [
        mov     ecx, 1
1:      movzx   eax, byte ptr [rsi]
        cmp     al, ']'
        jne     2f
        inc     ecx
2:      cmp     al, '['
        jne     3f
        dec     ecx
        jz      4f
3:      dec     rsi
        jmp     1b
4:      inc     rsi
        jmp     next
done:   xor     eax, eax
        ret

program:                                # prints TDX! and a line end
        .asciz  "++++++++[>++++++++++>++++++++>+++++++++++>++++<<<<-]>++++.>++++.>.>+.<<<<++++++++++."
        .bss
tape:   .zero   64
