# primes: the sieve of Eratosthenes over 1000 numbers; good for strided stores that fill the cache line by line.

        .intel_syntax noprefix
        .set    COUNT, 1000
_start: lea     rdi, [rip + sieve]
        mov     ecx, 2
1:      cmp     byte ptr [rdi + rcx], 0
        jne     3f
        mov     edx, ecx
        imul    edx, ecx
2:      cmp     edx, COUNT
        jae     3f
        mov     byte ptr [rdi + rdx], 1
        add     edx, ecx
        jmp     2b
3:      inc     ecx
        cmp     ecx, COUNT
        jb      1b
        xor     eax, eax                # how many are left?
        mov     ecx, 2
4:      cmp     byte ptr [rdi + rcx], 1
        adc     eax, 0
        inc     ecx
        cmp     ecx, COUNT
        jb      4b
        call    print_decimal
        mov     al, 10
        out     0xE9, al
        xor     eax, eax
        ret

        .include "print_decimal.s"

        .bss
        .align  64
sieve:  .zero   COUNT
