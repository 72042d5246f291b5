"""Our assembler against GNU as, byte for byte, and its errors at their places."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tdxviz.core.guest.asm.assembler import assemble
from tdxviz.core.guest.asm.errors import AssemblyError
from tdxviz.core.guest.asm.library import library

ROOT = Path(__file__).resolve().parents[4]
sys.path.insert(0, str(ROOT / "tools"))
import assemble_guests  # noqa: E402  # because it is a script, found through the line above

needs_as = pytest.mark.skipif(not shutil.which("as"), reason="GNU as is not on this computer")

FORMS = """
mov eax, ebx|mov rax, 1|mov rax, 0xFFFFFFFF|mov rax, -1|mov al, 200|mov r9w, 0x1234|mov r10b, sil
mov [rdi], rax|mov dword ptr [rbp], 7|mov rax, [rsp+8]|mov ecx, [r12]|mov r8, [r13]|mov [rax+rcx*8-4], dx
mov eax, [0x1000]|mov rax, fs:[0x28]|mov eax, [rcx*4+0x10]|movabs rax, 0x1122334455667788
mov cr3, rax|mov rax, cr0|mov dr7, rax|mov ds, eax|mov ax, ss
add eax, 1|add eax, 0x1000|add rax, -128|add rax, 128|add ecx, 0xFFFFFFFF|add byte ptr [rsi], 3
sub rsp, 0x20|and eax, 15|xor eax, eax|cmp r11, [rdx+0x80]|test rax, rax|test eax, [rdi]|test byte ptr [rdi], 1
lea rsi, [rdi+rdx*2+5]|lea eax, [rbx-1]|movzx eax, byte ptr [rsi]|movsx rcx, word ptr [rdx]|movsxd rax, ecx
shl eax, 1|shl rax, 4|shr dword ptr [rdi], cl|sar bl|rol rbx, 7|shld rax, rbx, 3|shrd eax, ebx, cl
imul eax, ebx|imul rax, rbx, 100|imul rax, rbx, 1000|mul rcx|div qword ptr [rdi]|idiv ebx|neg rax|not cl
push rbp|push 5|push 0x1000|push [rax]|pop r15|pop qword ptr [rdi]|push fs
inc rax|dec byte ptr [rcx]|xchg eax, ebx|xchg rax, r8|xchg [rdi], ecx|bswap rdx|cmpxchg [rdi], ecx
lock cmpxchg [rdi], ecx|lock inc dword ptr [rdi]|cmpxchg16b xmmword ptr [rdi]|lock xadd [rsi], rax
bt eax, 3|bts [rdi], eax|btr rcx, 40|bsf eax, ebx|bsr rax, [rdi]|popcnt eax, ebx|tzcnt rax, rcx
setz al|setnbe byte ptr [rdi]|cmovz eax, ebx|cmovnae rax, [rdi]
rep movsb|rep stosq|repe cmpsb|repne scasb|lodsd|movsw|cld|std|cdq|cqo|cdqe|cbw
call rax|call [rbx+8]|jmp rdx|jmp [rax*8+0x100]|ret|ret 8|int 0x80|int3|ud2|nop|hlt|pause|leave
in al, 0x71|in eax, dx|out 0xE9, al|out dx, al|out dx, eax|outsb|rep outsb|insd
cpuid|rdtsc|rdtscp|rdmsr|wrmsr|rdpmc|xgetbv|xsetbv|rdrand eax|rdseed rcx|syscall|sysretq|iretq|swapgs
lgdt [rdi]|lidt [rdi+10]|ltr ax|invlpg [rax]|clts|wbinvd|invd|mfence|lfence|sfence|clflush [rdi]|clflushopt [rdi]
tdcall|seamcall|vmcall|vmlaunch|vmxon qword ptr [rdi]|vmread rax, rbx|endbr64|incsspq rax|rdsspq rcx
movdqa xmm0, [rdi]|movdqu [rsi], xmm3|movaps xmm1, xmm2|movups xmm9, [rdi+16]|pxor xmm0, xmm0
movq xmm0, rax|movq rax, xmm1|movq xmm1, xmm2|movq [rdi], xmm4|movd eax, xmm0|movd xmm7, ecx
pushfq|popfq|sti|cli|lahf|sahf|xlatb|enter 16, 0|loop .|jrcxz .|monitor|mwait|sal eax, 2|jmp .|jz .
fninit|fldcw [rdi]|ldmxcsr [rsi]|stac|clac|str eax|sldt ax|smsw rax|lmsw ax|verr ax
adc rax, rbx|sbb [rdi], ecx|or al, 1|or eax, 0x80000000|xor r8d, r8d|and rsp, -16|cmp al, 'z'|cmp ax, 500
ror word ptr [rdi], 3|rcl eax, 1|rcr rbx, cl|btc eax, ebx|cwde|cwd|scasq|cmpsq|movsb|stosd
"""


def gnu(source: str, folder: Path) -> bytes:
    """``.text`` at 0x400000 as GNU as and ld make it."""
    (folder / "s.s").write_text(".intel_syntax noprefix\n" + source)
    for command in (
        ["as", "--64", "-o", "s.o", "s.s"],
        ["ld", "-e", "0", "--section-start=.text=0x400000", "-o", "s.elf", "s.o"],
        ["objcopy", "-O", "binary", "-j", ".text", "s.elf", "s.bin"],
    ):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return (folder / "s.bin").read_bytes()


def text_of(source: str) -> bytes:
    return next((data for name, _, data, _ in assemble(source).sections if name == ".text"), b"")


@needs_as
def test_every_instruction_form_has_the_bytes_of_gnu_as(tmp_path):
    lines = [line.strip() for row in FORMS.split("\n") for line in row.split("|") if line.strip()]
    fenced = "\n".join(f"{line}\n.quad 0x5A5A5A5A5A5A5A5A" for line in lines)
    fence = b"\x5a" * 8
    theirs, ours = gnu(fenced, tmp_path).split(fence), text_of(fenced).split(fence)
    wrong = [
        f"{line}: ours {b.hex()}, GNU as {a.hex()}"
        for line, a, b in zip(lines, theirs, ours, strict=False)
        if a != b
    ]
    assert not wrong
    assert len(theirs) == len(ours) == len(lines) + 1
    assert len(lines) > 200


@needs_as
def test_labels_branches_and_data_have_the_bytes_of_gnu_as(tmp_path):
    source = """
        .set SIZE, 3*4 + (1 << 4)
        magic = 0x1234 ^ 0xFF
start:  mov eax, offset data
        mov ebx, SIZE
        lea rsi, [rip + data]
        mov rdi, [rip + data + 8]
        add rax, SIZE - 20
1:      dec ebx
        jnz 1b
        jmp 1f
        .zero 130
1:      jz away
        call away
        .align 16
        movzx eax, byte ptr [data + rax*4]
        cmp qword ptr [rip + data], 5
        jmp start
        .p2align 3
data:   .byte 1, 'A', -1, SIZE
        .word 0x1234, data - start
        .long magic, away
        .quad start, 1f - 1b
        .ascii "a\\tb\\x41\\101", "c"
        .asciz "end"
        .fill 3, 2, 0xABCD
        .skip 5, 0x90
many:   .rept 3
        .byte 7
        .endr
away:   ret ; nop # a comment
1:      hlt /* over
        two lines */ ; cli
    """
    assert text_of(source) == gnu(source, tmp_path)


@needs_as
def test_the_shipped_sources_have_the_bytes_of_gnu_as():
    from tdxviz.core.guest import programs

    source = (assemble_guests.HERE / "vault.s").read_text()
    made = assemble(
        source, places=assemble_guests.SECTIONS, includes={"padlock.bin": assemble_guests.padlock()}
    )
    pages = programs.load("vault").pages
    for _, address, data, _ in made.sections:
        for n in range(0, len(data), 4096):
            assert data[n : n + 4096].ljust(4096, b"\x00") == pages[address + n]


def test_an_included_text_stands_at_the_line_that_includes_it():
    made = assemble('_start: call two\n.include "two.s"\nhlt\n', includes={"two.s": b"two: nop\nret\n"})
    assert made.sections[0][2].hex() == "e80000000090c3f4"
    assert [line for line, _ in made.lines.values()] == [1, 2, 2, 3]


def test_every_text_of_the_library_assembles_alone():
    for name in library():
        made = assemble(f'.include "{name}"\n')
        assert name.removesuffix(".s") in made.symbols


def test_no_file_is_included():
    with pytest.raises(AssemblyError) as failed:
        assemble('nop\n  .include "/etc/passwd"\n')
    (problem,) = failed.value.problems
    assert (problem.line, problem.column) == (2, 12)
    assert "no file is read" in problem.text and "print_decimal.s" in problem.text


def test_an_included_text_includes_nothing():
    with pytest.raises(AssemblyError, match="cannot include another"):
        assemble('.include "a.s"', includes={"a.s": b'.include "a.s"'})


def test_sections_are_placed_page_by_page_with_bss_last():
    made = assemble(
        "nop\n.data\nx: .quad y\n.bss\ny: .zero 5000\n.section .rodata\n.byte 1\n.text\n_start: mov eax, [x]\n"
    )
    places = {name: (address, len(data), size) for name, address, data, size in made.sections}
    assert places == {
        ".text": (0x400000, 8, 8),
        ".data": (0x401000, 8, 8),
        ".rodata": (0x402000, 1, 1),
        ".bss": (0x403000, 0, 5000),
    }
    assert made.entry == made.symbols["_start"] == 0x400001
    assert {name: data for name, _, data, _ in made.sections}[".data"] == (0x403000).to_bytes(8, "little")
    assert made.lines[0x400001] == (9, "_start: mov eax, [x]")


def test_32_bit_code():
    assert text_of(".code32\npush eax\ninc ecx\nmov eax, [0x1000]\njmp .\n").hex() == "50418b0500100000ebfe"


@pytest.mark.parametrize(
    ("source", "line", "column", "words"),
    [
        ("nop\n  mvo eax, 1", 2, 3, "did you mean 'mov'?"),
        ("mov [rdi], 1", 1, 1, "the size of the memory operand is not clear"),
        ("mov eax, rbx", 1, 1, "mov does not take these operands"),
        ("mov eax", 1, 1, "takes 2 operands, not 1"),
        ("jmp nowere\nnowhere: ret", 1, 5, "did you mean 'nowhere'?"),
        ("mov eax, x\nx: .long 1", 1, 10, "offset x for its address"),
        ("a: nop\na: nop", 2, 1, "defined twice"),
        ("mov eax, [rax+rbx+rcx]", 1, 19, "at most two registers"),
        ("mov eax, [rax*3]", 1, 15, "the scale '3' must be 1, 2, 4 or 8"),
        ("mov eax, [rax", 1, 14, "']' is missing"),
        ("mov eax, (1 + 2", 1, 16, "')' is missing"),
        ("mov eax, 08", 1, 10, "is no number"),
        ("mov eax, 12xyz", 1, 10, "is no number"),
        ('.ascii "abc', 1, 8, 'no closing "'),
        ('.ascii "a\\q"', 1, 10, "the escape"),
        (".bite 1", 1, 1, "did you mean '.byte'?"),
        (".byte 300", 1, 7, "does not fit into 1 bytes"),
        (".byte 1/0", 1, 8, "division by zero"),
        (".zero 99999999999", 1, 1, "cannot be added"),
        (".zero 0x200000\n.zero 0x200001", 2, 1, "cannot be added"),
        (".rept 3\nnop", 1, 1, ".rept has no .endr"),
        (".rept 99999999\nnop\n.endr", 1, 1, "more than 100000 statements"),
        ("mov %eax, 1", 1, 5, "a number or a name is missing"),
        (".align 3", 1, 1, "power of two"),
        ("rax: nop", 1, 1, "is a register"),
        ("loop x\n.zero 500\nx: nop", 1, 1, "cannot reach that far"),
        ('.incbin "/etc/passwd"', 1, 9, "no file is read from here"),
        (".bss\n.byte 1", 2, 7, ".bss holds zeros only"),
        ("mov al, [rip + 5]", 1, 9, "rip needs a label"),
        ("jmp 1f", 1, 5, "there is no label 1: after this"),
        ("mov eax, ebx ecx", 1, 14, "is not expected here"),
        ("mov al, '\u00e4'", 1, 9, "2 bytes in UTF-8"),
        ("mov eax, 1,", 1, 12, "an operand is missing"),
        ("mov eax, 0x12345678901234567", 1, 10, "more than 64 bits"),
        ("x: .org 10\n.org 5", 2, 1, ".org cannot go back"),
        ("@", 1, 1, "a comment begins with #"),
        ("x = " + "(" * 100, 1, 45, "nested more than 40 deep"),
        (".macro a", 1, 1, "is not known here"),
        ("rep nop_", 1, 5, "there is no instruction"),
        ("lock mov eax, ebx", 1, 6, "does not encode these operands or prefixes"),
    ],
)
def test_errors_stand_at_their_place(source, line, column, words):
    with pytest.raises(AssemblyError) as caught:
        assemble(source, name="x.s")
    first = caught.value.problems[0]
    assert (first.line, first.column) == (line, column), first
    assert words in first.text
    assert str(caught.value).startswith(f"x.s:{line}:{column}: ")


def test_all_problems_of_a_text_are_told_at_once():
    with pytest.raises(AssemblyError) as caught:
        assemble("bad1\nnop\nbad2\nmov eax, [")
    assert [problem.line for problem in caught.value.problems] == [1, 3, 4]


def test_a_huge_source_and_garbage_end_in_errors():
    with pytest.raises(AssemblyError, match="characters"):
        assemble("nop\n" * 400_000)
    for text in (
        "\x00\x01",
        "\u00e4\u00f6",
        "::::",
        ",,,,",
        "[[[[",
        "mov " * 50,
        "0x",
        ".byte",
        ".set",
        "=",
        "1f:",
    ):
        with pytest.raises(AssemblyError):
            assemble(text)
