# memory: accepts four pages that the host adds on demand and fills them; good for watching PAGE.AUG, TDG.MEM.PAGE.ACCEPT and the Secure EPT states. Needs a TD.

        .intel_syntax noprefix
        .set    PLACE, 0x10000000
_start: mov     ebx, offset PLACE
        mov     ebp, 4
1:      mov     eax, 6                  # TDG.MEM.PAGE.ACCEPT, 4 KiB; exits until the host has added a page
        mov     rcx, rbx
        tdcall
        test    rax, rax
        jnz     failed
        mov     eax, [rbx]              # accepted memory is zero
        test    eax, eax
        jnz     failed
        mov     [rbx], ebp
        mov     al, '.'
        out     0xE9, al
        add     ebx, 0x1000
        dec     ebp
        jnz     1b
        mov     eax, 6                  # once more: refused, the page belongs to the TD already
        mov     ecx, offset PLACE
        tdcall
        shr     rax, 32
        cmp     eax, 0x00000B0A         # TDX_PAGE_ALREADY_ACCEPTED
        jne     failed
        mov     al, 10
        out     0xE9, al
        xor     eax, eax
        ret
failed: mov     eax, 1
        ret
