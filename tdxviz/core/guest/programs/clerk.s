# clerk: answers requests from a public page, and does small jobs that the host asks for.
# Runs unchanged in a TD and in an ordinary VM. Flat: every linear address is the guest-physical one.
# Label X is the instruction right after the act that X names.

        .intel_syntax noprefix
        .set    PASSWORD, 0x80003540
        .set    PUBLIC,   0x80004540
        .set    STACK,    0x80003000
        .set    PML4,     0x80006000
        .set    VMCALL_JOB,   1             # our own TDVMCALL family: R10 is not 0
        .set    MAP_GPA,      0x10001
        .set    REPORT_FATAL, 0x10003
        .set    EPT_VIOLATION, 48
        .set    SERIAL,       0x3F8
        .set    SHARED_BIT,   47
        .set    WINDOW,       0x80010000    # linear page through which a shared page is seen
        .set    WINDOW_ENTRY, 0x80009080

# --- the reset page: 32-bit protected mode, paging off -----------------------------------------------
        .section .reset, "awx"
        .code32
        .org    0xFF0
        .globl  reset
reset:  mov     eax, offset enter_long_mode
        jmp     eax
        .org    0x1000

# --- code ---------------------------------------------------------------------------------------
        .section .text, "awx"
        .code32
        .globl  enter_long_mode
enter_long_mode:
        lgdt    [gdt_pointer]
        mov     eax, offset PML4
        mov     cr3, eax
        mov     eax, cr4
        or      eax, 0x20               # PAE; EFER.LME is already 1
        mov     cr4, eax
        mov     eax, cr0
        or      eax, 0x80000000         # PG: long mode becomes active
        mov     cr0, eax
        .byte   0xEA                    # far jump: 0x08 is the 64-bit code segment
        .long   main
        .word   0x08

        .code64
        .globl  main
main:   mov     ecx, 0x10
        mov     ss, ecx
        mov     esp, offset STACK
        lidt    [rip + idt_pointer]
        xor     ebp, ebp                # EBP = 1 in a TD
        mov     eax, 0x21
        xor     ecx, ecx
        cpuid
        cmp     ebx, 0x65746E49         # "Inte"
        jne     furnish
        cmp     edx, 0x5844546C         # "lTDX"
        jne     furnish
        inc     ebp
furnish:
        cld
        lea     rsi, [rip + password_text]
        mov     edi, offset PASSWORD
        mov     ecx, 8
        rep movsq
        lea     rsi, [rip + public_text]
        mov     edi, offset PUBLIC
        mov     ecx, 8
        rep movsq
        .globl  ready
ready:  nop

        .globl  loop
loop:   mov     esi, offset PASSWORD    # its own use of the secret: the first 16 bytes
        mov     rax, [rsi]
        mov     rdx, [rsi + 8]
        .globl  password_read
password_read:
        mov     edi, offset PUBLIC      # the service: 32 bytes of the public page go out
        mov     rsi, [rdi]
        mov     rbx, [rdi + 8]
        mov     r8,  [rdi + 16]
        mov     r9,  [rdi + 24]
        .globl  page_loaded
page_loaded:
        test    ebp, ebp
        jnz     in_td
        mov     eax, esi
        mov     edx, SERIAL
        out     dx, eax
        .globl  served
served: jmp     loop

in_td:  call    ask                     # R11: the job, R12: its address
        .globl  asked
asked:  cmp     r11, 1
        je      new_memory
        cmp     r11, 2
        je      convert
        cmp     r11, 3
        je      drop_caches
        cmp     r11, 4
        je      share
        jmp     loop

new_memory:                             # job 1: the host says that there is new memory at R12
        mov     eax, 6                  # TDG.MEM.PAGE.ACCEPT
        mov     rcx, r12
        .globl  before_accept
before_accept:
        tdcall
        .globl  after_accept
after_accept:
        jmp     loop

convert:                                # job 2: make a shared page private again
        xor     r10d, r10d
        mov     r11d, MAP_GPA
        mov     r13d, 0x1000
        mov     ecx, 0x3C00             # R10 to R13
        xor     eax, eax
        tdcall
        test    r10, r10
        jnz     loop
        .globl  map_gpa_answered
map_gpa_answered:
        jmp     new_memory

drop_caches:                            # job 3
        invd
        .globl  after_invd
after_invd:
        jmp     loop

share:                                  # job 4: from now on the page at R12 is shared, and read as such
        bts     r12, SHARED_BIT
        mov     rsi, r12
        xor     r10d, r10d
        mov     r11d, MAP_GPA
        mov     r13d, 0x1000
        mov     ecx, 0x3C00             # R10 to R13
        xor     eax, eax
        tdcall
        test    r10, r10
        jnz     loop
        .globl  share_answered
share_answered:
        or      rsi, 3
        mov     edi, offset WINDOW_ENTRY
        mov     [rdi], rsi
        mov     edi, offset WINDOW
        invlpg  [rdi]
        mov     rax, [rdi + 0x540]      # what others say there is input, never a secret of its own
        .globl  shared_read
shared_read:
        jmp     loop

ask:    mov     r10d, VMCALL_JOB
        xor     r11d, r11d
        xor     r12d, r12d
        mov     ecx, 0x1C00             # R10 to R12
        xor     eax, eax                # TDG.VP.VMCALL
        tdcall
        ret

# --- #VE: an instruction is skipped; a page of ours that is gone is a reason to stop -----------------
        .balign 16
        .globl  ve_handler
ve_handler:
        push    rax
        push    rcx
        push    rdx
        push    r8
        push    r9
        push    r10
        mov     eax, 3                  # TDG.VP.VEINFO.GET: RCX exit reason, R9 GPA, R10 length
        tdcall
        cmp     ecx, EPT_VIOLATION
        je      page_gone
        mov     r10d, r10d              # the low half: length of the instruction
        add     [rsp + 48], r10
        jmp     ve_done
page_gone:
        test    byte ptr [rip + trusting], 1
        jz      panic
        mov     rcx, r9                 # a naive guest: take the page and go on
        and     rcx, -4096
        mov     eax, 6
        tdcall
        .globl  took_page
took_page:
ve_done:
        pop     r10
        pop     r9
        pop     r8
        pop     rdx
        pop     rcx
        pop     rax
        iretq

        .globl  panic
panic:  xor     r10d, r10d
        mov     r11d, REPORT_FATAL
        xor     r12d, r12d
        mov     ecx, 0x1C00
        xor     eax, eax
        tdcall
        jmp     panic

        .balign 8
password_text:
        .ascii  "my password is: correct horse battery staple. tell nobody, ever."
public_text:
        .ascii  "opening hours: nine to five. the clerk answers every request. ok"
        .globl  trusting
trusting:
        .byte   0                       # 1: the #VE handler accepts whatever page it is given

# --- data that never changes: GDT, IDT ---------------------------------------------------------------
        .section .fixed, "aw"
gdt:    .quad   0
        .quad   0x00AF9B000000FFFF      # 0x08: 64-bit code
        .quad   0x00CF93000000FFFF      # 0x10: data
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt
        .long   0
idt_pointer:
        .word   21 * 16 - 1
        .quad   idt
        .balign 16
idt:    .fill   40, 8, 0                # vectors 0 to 19: none, an exception ends in a triple fault
        .word   ve_handler - enter_long_mode    # vector 20, interrupt gate: .text begins at 0x80000000
        .word   0x08, 0x8E00, 0x8000
        .quad   0

# --- page tables: PML4, PDPT, PD, PT, identity ---------------------------------------------------------
        .section .tables, "aw"
        .quad   0x80007003
        .fill   511, 8, 0
        .fill   2, 8, 0
        .quad   0x80008003
        .fill   509, 8, 0
        .quad   0x80009003
        .fill   511, 8, 0
        .set    page, 0
        .rept   16
        .quad   0x80000003 + page * 0x1000
        .set    page, page + 1
        .endr
        .fill   496, 8, 0

