# sha256: hashes "abc" with SHA-256; good for a realistic mix of loads, rotates and additions, and for timing the simulator.

        .intel_syntax noprefix
_start: lea     rdi, [rip + message]    # one padded block
        mov     byte ptr [rdi + 3], 0x80
        mov     byte ptr [rdi + 63], 24
        lea     rsi, [rip + schedule]
        xor     ecx, ecx
1:      mov     eax, [rdi + rcx * 4]    # W[0..15], big-endian
        bswap   eax
        mov     [rsi + rcx * 4], eax
        inc     ecx
        cmp     ecx, 16
        jb      1b
2:      mov     eax, [rsi + rcx * 4 - 60]
        mov     edx, eax
        mov     r8d, eax
        ror     eax, 7
        ror     edx, 18
        shr     r8d, 3
        xor     eax, edx
        xor     eax, r8d
        mov     ebx, [rsi + rcx * 4 - 8]
        mov     edx, ebx
        mov     r8d, ebx
        ror     ebx, 17
        ror     edx, 19
        shr     r8d, 10
        xor     ebx, edx
        xor     ebx, r8d
        add     eax, ebx
        add     eax, [rsi + rcx * 4 - 64]
        add     eax, [rsi + rcx * 4 - 28]
        mov     [rsi + rcx * 4], eax
        inc     ecx
        cmp     ecx, 64
        jb      2b

        lea     rbx, [rip + state]      # A..H in R8D..R15D
        mov     r8d, [rbx]
        mov     r9d, [rbx + 4]
        mov     r10d, [rbx + 8]
        mov     r11d, [rbx + 12]
        mov     r12d, [rbx + 16]
        mov     r13d, [rbx + 20]
        mov     r14d, [rbx + 24]
        mov     r15d, [rbx + 28]
        lea     rdi, [rip + constants]
        xor     ecx, ecx
round:  mov     eax, r12d
        mov     edx, r12d
        ror     eax, 6
        ror     edx, 11
        xor     eax, edx
        mov     edx, r12d
        ror     edx, 25
        xor     eax, edx
        add     r15d, eax               # H += S1(E)
        mov     eax, r13d
        xor     eax, r14d
        and     eax, r12d
        xor     eax, r14d
        add     r15d, eax               # + Ch(E, F, G)
        add     r15d, [rdi + rcx * 4]
        add     r15d, [rsi + rcx * 4]
        add     r11d, r15d              # D += T1
        mov     eax, r8d
        mov     edx, r8d
        ror     eax, 2
        ror     edx, 13
        xor     eax, edx
        mov     edx, r8d
        ror     edx, 22
        xor     eax, edx
        add     r15d, eax               # T1 + S0(A)
        mov     eax, r8d
        mov     edx, r8d
        and     eax, r9d
        or      edx, r9d
        and     edx, r10d
        or      eax, edx
        add     r15d, eax               # + Maj(A, B, C): the new A
        mov     eax, r15d
        mov     r15d, r14d
        mov     r14d, r13d
        mov     r13d, r12d
        mov     r12d, r11d
        mov     r11d, r10d
        mov     r10d, r9d
        mov     r9d, r8d
        mov     r8d, eax
        inc     ecx
        cmp     ecx, 64
        jb      round

        add     [rbx], r8d
        add     [rbx + 4], r9d
        add     [rbx + 8], r10d
        add     [rbx + 12], r11d
        add     [rbx + 16], r12d
        add     [rbx + 20], r13d
        add     [rbx + 24], r14d
        add     [rbx + 28], r15d
        xor     ebp, ebp
3:      mov     edx, [rbx + rbp * 4]
        mov     ecx, 8
4:      rol     edx, 4
        mov     eax, edx
        and     eax, 15
        add     al, 0x30
        cmp     al, 0x3A
        jb      5f
        add     al, 0x27
5:      out     0xE9, al
        dec     ecx
        jnz     4b
        inc     ebp
        cmp     ebp, 8
        jb      3b
        mov     al, 10
        out     0xE9, al
        xor     eax, eax
        ret

        .section .rodata
constants:
        .long   0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
        .long   0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
        .long   0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
        .long   0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
        .long   0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
        .long   0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
        .long   0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
        .long   0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
        .data
state:  .long   0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
        .align  64
message:
        .ascii  "abc"
        .zero   61
        .bss
schedule:
        .zero   256
