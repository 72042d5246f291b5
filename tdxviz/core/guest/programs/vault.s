# vault: keeps a password and a 64 x 64 picture in its memory, reads them back and checksums them.
# Runs unchanged in a TD and in an ordinary VM. Flat: every linear address is the guest-physical one.
# Label X is the instruction right after the act that X names.

        .intel_syntax noprefix
        .set    PASSWORD, 0x80003540
        .set    PICTURE,  0x80004000
        .set    BALANCE,  0x80005000
        .set    CELL,     0x80005040
        .set    TABLE_0,  0x80004800        # in the picture's page and in the balance's
        .set    TABLE_1,  0x80005800
        .set    DEMAND,   0x8000A000
        .set    STACK,    0x80003000
        .set    PML4,     0x80006000

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
        mov     eax, 0x21               # is this a TD?
        xor     ecx, ecx
        cpuid
        cmp     ebx, 0x65746E49         # "Inte"
        jne     furnish
        cmp     edx, 0x5844546C         # "lTDX"
        jne     furnish
        mov     eax, 1                  # TDG.VP.INFO
        tdcall
accept: mov     eax, 6                  # TDG.MEM.PAGE.ACCEPT: the host adds the page on the exit
        mov     ecx, offset DEMAND
        tdcall
        test    rax, rax
        jnz     accept
        .globl  accepted
accepted:
        mov     rdi, offset DEMAND
        mov     rax, 0x21646574704363   # it works: use the new page
        mov     [rdi], rax

furnish:
        lea     rsi, [rip + password_text]
        mov     edi, offset PASSWORD
        mov     ecx, 8
        cld
        rep movsq
        .globl  password_stored
password_stored:
        call    draw
        xor     r12d, r12d
        .globl  ready
ready:  nop

        .globl  loop
loop:   mov     edi, offset PASSWORD    # read the password, keep its checksum in RBX
        mov     ecx, 8
        xor     ebx, ebx
1:      mov     rax, [rdi]
        rol     rbx, 7
        xor     rbx, rax
        add     rdi, 8
        dec     ecx
        jnz     1b
        .globl  password_read
password_read:
        inc     r12d
        test    r12d, 15
        jnz     3f
        mov     esi, offset PICTURE     # checksum the picture every 16th time
        mov     ecx, 512
        xor     edx, edx
2:      add     rdx, [rsi]
        rol     rdx, 3
        add     rsi, 8
        dec     ecx
        jnz     2b
        .globl  picture_read
picture_read:
        nop
3:      mov     eax, 100                # a deposit: balance = 100
        mov     edi, offset BALANCE
        call    fill_line
        .globl  deposited
deposited:
        mov     rax, 0x1111111111111111 # a cell that takes few values
        mov     edi, offset CELL
        mov     [rdi], rax
        mov     [rdi + 8], rax
        .globl  cell_v1
cell_v1:
        xor     eax, eax                # everything is spent: balance = 0
        mov     edi, offset BALANCE
        call    fill_line
        .globl  spent
spent:  mov     rax, 0x2222222222222222
        mov     edi, offset CELL
        mov     [rdi], rax
        mov     [rdi + 8], rax
        .globl  cell_v2
cell_v2:
        mov     rax, 0x1111111111111111
        mov     [rdi], rax
        mov     [rdi + 8], rax
        .globl  cell_v1_again
cell_v1_again:
        mov     edi, offset BALANCE
        mov     rdx, [rdi]
        .globl  balance_read
balance_read:
        mov     esi, offset PASSWORD
        mov     rax, [rsi]
        .globl  lookup
lookup: mov     edi, offset TABLE_0     # one bit of the password decides which table is used
        mov     edx, offset TABLE_1
        bt      rax, r12
        cmovc   edi, edx
        mov     edx, [rdi]
        .globl  looked_up
looked_up:
        nop
        .globl  loop_end
loop_end:
        jmp     loop

fill_line:                              # RAX, spelled out in the line at RDI: 8 stores
        mov     ecx, 8
1:      mov     [rdi], rax
        add     rdi, 8
        dec     ecx
        jnz     1b
        ret

draw:                                   # copy the picture: four pixels a byte on disk, one in memory
        lea     rsi, [rip + picture_data]
        mov     edi, offset PICTURE
        mov     ecx, 2048
1:      movzx   eax, byte ptr [rsi]
        mov     edx, eax
        and     eax, 15
        shr     edx, 4
        mov     [rdi], al
        mov     [rdi + 1], dl
        inc     rsi
        add     rdi, 2
        dec     ecx
        jnz     1b
        .globl  picture_stored
picture_stored:
        ret

        .balign 8
password_text:
        .ascii  "my password is: correct horse battery staple. tell nobody, ever."

# --- data that never changes: GDT, IDT, the picture ---------------------------------------------------
        .section .fixed, "aw"
gdt:    .quad   0
        .quad   0x00AF9B000000FFFF      # 0x08: 64-bit code
        .quad   0x00CF93000000FFFF      # 0x10: data
gdt_pointer:
        .word   gdt_pointer - gdt - 1
        .long   gdt
        .long   0
idt_pointer:                            # no handlers: an exception ends in a triple fault
        .word   0
        .quad   0
        .balign 64
picture_data:
        .incbin "padlock.bin"

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
