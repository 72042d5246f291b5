"""Users' programs, run to their end in a TD and in an ordinary VM."""

from functools import cache

import pytest

from tdxviz.core.drive import carry_out, drive
from tdxviz.core.guest.load.image import Image, Segment
from tdxviz.core.guest.load.open import image_of
from tdxviz.core.host import guest_run, guests
from tdxviz.core.host.vmm import Vmm
from tdxviz.core.machine import Machine

BOTH = ("ci", "legacy")


@cache
def _up(world: str) -> Machine:
    """A machine on which a TD can be built at once."""
    from tdxviz.core.host import boot

    machine = Machine(world)  # type: ignore[arg-type]  # because tests name worlds as text
    if world != "legacy":
        carry_out(machine, boot.bring_up())
    return machine


def prepared(image: Image, world: str = "ci") -> Machine:
    machine = _up(world).copy()
    pages = guests.plan(image)
    carry_out(machine, guests.build_vm(pages) if world == "legacy" else guests.build_td(pages))
    return machine


def ran(source: str, world: str = "ci", limit: int = 100_000) -> guest_run.Outcome:
    machine = prepared(image_of(source.encode(), "t.s"), world)
    return carry_out(machine, guest_run.serve(machine, limit))


PRINT = """
_start: lea rsi, [rip + text]
1:      lodsb
        test al, al
        jz 2f
        out 0xE9, al
        jmp 1b
2:      mov eax, {code}
        out 0xF4, al
text:   .asciz "{text}"
"""


@pytest.mark.parametrize("world", BOTH)
def test_console_and_exit_code(world):
    outcome = ran(PRINT.format(text="one\\ntwo", code=9), world)
    assert (outcome.console, outcome.exit_code, outcome.reason) == (b"one\ntwo", 9, "exit")


def test_the_same_program_takes_the_same_number_of_instructions_every_time():
    assert ran(PRINT.format(text="x", code=0)) == ran(PRINT.format(text="x", code=0))


@pytest.mark.parametrize("world", BOTH)
def test_a_program_that_returns_ends_with_eax(world):
    assert ran("mov eax, 5\nret", world).exit_code == 5


@pytest.mark.parametrize("world", BOTH)
def test_ports_are_read_in_every_width_and_keep_the_rest_of_rax(world):
    source = """
        mov dx, 0x80
        mov eax, 0x11223344
        out dx, eax
        mov rax, -1
        in al, dx
        mov rbx, rax
        in ax, dx
        mov rcx, rax
        in eax, dx
        mov rdi, rax
        mov rdx, 0xFFFFFFFFFFFFFF44
        cmp rbx, rdx
        jne bad
        mov rdx, 0xFFFFFFFFFFFF3344
        cmp rcx, rdx
        jne bad
        cmp rdi, 0x11223344
        jne bad
        xor eax, eax
        in al, 0xE9
        ret
bad:    mov eax, 1
        ret"""
    assert ran(source, world).exit_code == 0xE9


def test_string_output_and_input_go_element_by_element():
    source = """
        lea rsi, [rip + text]
        mov ecx, 5
        mov dx, 0xE9
        rep outsb
        lea rdi, [rip + place]
        mov ecx, 3
        rep insb
        test ecx, ecx
        jnz bad
        mov eax, [rip + place]
        cmp eax, 0x00E9E9E9
        jne bad
        outsb
        mov eax, 0
        ret
bad:    mov eax, 1
        ret
text:   .ascii "hello!"
        .data
place:  .long 0"""
    outcome = ran(source)
    assert (outcome.console, outcome.exit_code) == (b"hello!", 0)


def test_registers_survive_a_ve_and_the_red_zone_too():
    names = ["rbx", "rcx", "rdx", "rsi", "rdi", "rbp", *(f"r{n}" for n in range(8, 16))]
    load = "\n".join(f"mov {name}, 0x{n + 1:x}23456789AB" for n, name in enumerate(names))
    check = "\n".join(
        f"mov r15, 0x{n + 1:x}23456789AB\ncmp {name}, r15\njne bad" for n, name in enumerate(names[:-1])
    )
    source = f"""
        mov qword ptr [rsp - 8], 0x77
        mov qword ptr [rsp - 128], 0x66
        {load}
        out 0x80, al
        {check}
        cmp qword ptr [rsp - 8], 0x77
        jne bad
        cmp qword ptr [rsp - 128], 0x66
        jne bad
        mov eax, 0
        ret
bad:    mov eax, 1
        ret"""
    assert ran(source).exit_code == 0


def test_msrs_and_hypervisor_cpuid_are_asked_of_the_host():
    source = """
        mov ecx, 0x1B
        mov eax, 0x89ABCDEF
        mov edx, 0x01234567
        wrmsr
        xor eax, eax
        xor edx, edx
        rdmsr
        cmp eax, 0x89ABCDEF
        jne bad
        cmp edx, 0x01234567
        jne bad
        mov eax, 0x40000000
        cpuid
        movzx eax, bl
        ret
bad:    mov eax, 1
        ret"""
    assert ran(source).exit_code == 0x4B


ENDS = {
    "a loop for ever": ("1: jmp 1b", "limit", "within 20,000 instructions"),
    "halt": ("hlt", "halt", "nothing will wake it"),
    "memory that is not there": ("mov rax, [0x10000000]", "memory", "0x10000000"),
    "a wild jump": ("mov eax, 0x20000000\njmp rax", "memory", "0x20000000"),
    "no stack": ("xor esp, esp\npush rax", "memory", "0xffffffff"),
}


@pytest.mark.parametrize("world", BOTH)
@pytest.mark.parametrize("what", ENDS)
def test_a_program_that_cannot_go_on_is_told_why(what, world):
    source, reason, words = ENDS[what]
    if what == "no stack":
        reason, words = "exit", ""  # above 4 GiB nothing is mapped: #PF, told on the console
    outcome = ran(source, world, 20_000)
    assert outcome.reason == reason
    assert words in outcome.detail


@pytest.mark.parametrize("world", BOTH)
@pytest.mark.parametrize(
    ("source", "vector", "words"),
    [
        ("ud2", 6, "exception 06 at 0x0000000000400000\n"),
        ("xor ecx, ecx\ndiv ecx", 0, "exception 00 at 0x0000000000400002\n"),
        ("mov rax, 0x8000000000\nmov [rax], al", 14, ", address 0x0000008000000000\n"),
        ("mov rax, 1 << 63\nmov [rax], al", 13, "exception 13 at 0x000000000040000a\n"),
    ],
)
def test_an_exception_is_told_on_the_console(world, source, vector, words):
    outcome = ran(source, world)
    assert outcome.exit_code == 128 + vector
    assert outcome.console.decode().endswith(words)


def test_a_program_that_writes_for_ever_is_stopped(monkeypatch):
    monkeypatch.setattr(guest_run, "LONGEST_CONSOLE", 50)
    assert ran("1: out 0xE9, al\njmp 1b").reason == "console"


def test_what_is_not_modelled_is_named():
    outcome = ran("nop\n.byte 0xC5, 0xF8, 0x28, 0xC1")  # AVX
    assert outcome.reason == "not modelled"
    assert outcome.detail.startswith("vmovaps xmm0, xmm1 at 0x400001")


def test_a_dead_td_is_told():
    machine = prepared(image_of(b"1: jmp 1b", "t.s"))
    carry_out(machine, guest_run.serve(machine, 200))
    machine.platform.memctl.poison(guests.plan(image_of(b"1: jmp 1b", "t.s")).hpa_of(0x400000), 0)
    machine.platform.cache.clear()
    outcome = carry_out(machine, guest_run.serve(machine, 200))
    assert outcome.reason == "dead"
    assert carry_out(machine, guest_run.serve(machine, 200)).reason == "dead"


def test_the_host_of_a_td_sees_of_an_out_only_what_the_runtime_passes():
    machine = prepared(
        image_of(b"mov rbx, 0x5EC4E7\nmov rsi, 0x5EC4E7\nmov al, 65\nout 0xE9, al\nret", "t.s")
    )
    vmm = Vmm()
    story, _ = drive(machine, guest_run.serve(machine, 1_000, vmm=vmm))
    assert vmm.console == b"A"
    seen = [event.exposed for event in story if type(event).__name__ == "RegistersScrubbed"]
    assert {"RBX", "RSI"} & {name for names in seen for name in names} == set()
    assert any("R15" in names for names in seen)


def test_zero_pages_are_added_but_not_measured():
    image = Image("x", "flat", 0x400000, (Segment(0x400000, b"\xc3", 0x3000),))
    pages = guests.plan(image)
    assert 0x400000 in pages.content
    assert {0x401000, 0x402000} <= set(pages.zero)
    assert len(set(pages.frames.values())) == len(pages.gpas)
