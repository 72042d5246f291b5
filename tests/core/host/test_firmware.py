"""Booting firmware: a made-up image that does what real ones do, and Debian's OVMF where it is installed."""

import copy
from functools import cache
from pathlib import Path

import pytest

from tdxviz.core.drive import carry_out
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest.asm.assembler import assemble
from tdxviz.core.host import firmware, shared_ept, tdvf
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe
from tdxviz.core.units import MIB, PAGE
from tests.core.host.test_tdvf import image

OVMF = Path("/usr/share/ovmf/OVMF.fd")

FRAME = """
        .set BASE, 0xFFFFE000
        .section .text
        .code32
go:     mov eax, offset gdt_pointer
        lgdt [eax]
        mov eax, 0x800000                # page tables in temporary memory: 1 GiB pages
        mov dword ptr [eax], 0x801003
        mov dword ptr [eax + 0x1000], 0x83
        mov dword ptr [eax + 0x1018], 0xC0000083
        mov dword ptr [eax + 0x1008], 0x83       # at 1 GiB the shared half of memory
        mov dword ptr [eax + 0x100C], 0x8000
        mov cr3, eax
        mov eax, cr4
        or eax, 0x20
        mov cr4, eax
        mov eax, cr0
        or eax, 0x80000000
        mov cr0, eax
        .byte 0xEA
        .long long_mode
        .word 8
        .code64
long_mode:
{body}bad:    mov r11d, 0x10003                # ReportFatalError
        mov r12d, 0x77
        xor r10d, r10d
        xor eax, eax
        mov ecx, 0xFC00
        tdcall
        .align 8
gdt:    .quad 0, 0x00AF9B000000FFFF
gdt_pointer:
        .word 15
        .long gdt
        .section .reset
        .code32
        jmp go
"""


FIRST = 19
"""The instruction that is the first TDCALL."""
BODY = """
        mov eax, 1
        tdcall                           # TDG.VP.INFO
        mov ebx, 0x1000000
1:      lea rcx, [rbx + 1]               # 2 MiB pages
        mov eax, 6
        tdcall
        test rax, rax
        jnz bad
        add ebx, 0x200000
        cmp ebx, 0x1800000
        jb 1b
        mov ecx, 0xA00000                # one of 4 KiB
        mov eax, 6
        tdcall
        test rax, rax
        jnz bad
        mov rax, [rbx - 8]               # accepted memory is zero
        test rax, rax
        jnz bad
        mov r11d, 12                     # HLT
        xor r10d, r10d
        xor r12d, r12d
        xor eax, eax
        mov ecx, 0xFC00
        tdcall
"""

TALKS = """
        mov ecx, 0xA00000
        mov eax, 6
        tdcall
        test rax, rax
        jnz bad
        mov r11d, 0x10001                # MapGPA: one page becomes shared
        mov r12, 0x800000A00000
        mov r13d, 0x1000
        xor r10d, r10d
        xor eax, eax
        mov ecx, 0x3C00
        tdcall
        or rax, r10
        jnz bad
        mov ebx, 0x40A00000
        mov dword ptr [rbx], 0x11223344
        mov r11d, 30                     # OUT 0x3F8, a letter
        mov r12d, 1
        mov r13d, 1
        mov r14d, 0x3F8
        mov r15d, 0x4B
        xor r10d, r10d
        xor eax, eax
        mov ecx, 0xFC00
        tdcall
        mov r11d, 30                     # OUT 0xCF9: reset
        mov r12d, 1
        mov r13d, 1
        mov r14d, 0xCF9
        mov r15d, 6
        xor r10d, r10d
        xor eax, eax
        mov ecx, 0xFC00
        tdcall
"""


@cache
def tiny(body: str = BODY) -> tdvf.Firmware:
    """An image whose reset vector goes to long mode and then does what ``body`` says."""
    made = assemble(FRAME.replace("{body}", body), places={".text": 0xFFFFE000, ".reset": 0xFFFFFFF0})
    code = {name: data for name, _, data, _ in made.sections}
    raw = bytearray(image([(0, 2 * PAGE, 0xFFFFE000, 2 * PAGE, 0, 1), (0, 0, 0x800000, 4 * PAGE, 3, 0),
                           (0, 0, 0x809000, 2 * PAGE, 2, 0)], size=2 * PAGE))  # fmt: skip
    raw[: len(code[".text"])] = code[".text"]
    raw[-16 : -16 + len(code[".reset"])] = code[".reset"]
    return tdvf.parse(bytes(raw), "tiny.fd")


@cache
def _built() -> tuple[Machine, firmware.Boot]:
    machine, job = Machine("ci"), firmware.begin(tiny(), 32 * MIB)
    carry_out(machine, firmware.build(job, tiny()))
    return machine, job


def built() -> tuple[Machine, firmware.Boot]:
    machine, job = _built()
    return machine.copy(), copy.deepcopy(job)


def boot(limit: int = 1_000, *, go_on: bool = True) -> tuple[Machine, firmware.Boot, str]:
    machine, job = built()
    seen: list[int] = []
    reason = carry_out(
        machine, firmware.start(machine, job, limit, lambda j: seen.append(j.total), go_on=go_on)
    )
    assert seen == sorted(seen) and seen
    return machine, job, reason


def test_every_tdcall_is_listed_before_it_runs():
    _, job, reason = boot()
    leaves = [call.leaf for call in job.tdcalls]
    assert leaves == ["TDG.VP.INFO"] + ["TDG.MEM.PAGE.ACCEPT"] * 5 + ["TDG.VP.VMCALL"]
    assert job.tdcalls[0].instruction == FIRST
    assert all(0xFFFFE000 <= call.at < 0xFFFFF000 for call in job.tdcalls)
    assert reason == "halt: the firmware halted, and nothing will wake it"
    assert job.accepted == {PAGE: 1, 2 * MIB: 4}
    assert job.accepted_bytes == 8 * MIB + PAGE


def test_the_count_is_equal_from_run_to_run():
    first, again = boot(50), boot(50)
    assert first[1].tdcalls == again[1].tdcalls
    assert first[0].platform.lps[0].cpu == again[0].platform.lps[0].cpu


def test_stepping_stops_at_each_tdcall():
    machine, job = built()
    for number in (1, 2, 3):
        assert carry_out(machine, firmware.step(machine, job, 1_000)) == ""
        assert job.total == number
        cpu = machine.platform.lps[0].cpu
        assert cpu.rip == job.tdcalls[-1].at
    assert job.accepted[2 * MIB] == 1


def test_a_page_that_it_shares_is_shared_and_its_words_arrive():
    made = tiny(TALKS)
    machine, job = Machine("ci"), firmware.begin(made, 32 * MIB)
    carry_out(machine, firmware.build(job, made))
    reason = carry_out(machine, firmware.start(machine, job, 1_000, lambda j: None, go_on=True))
    assert reason == "reset: the firmware asks for a reset of the machine"
    assert bytes(job.vmm.console) == b"K"
    _, page = shared_ept.leaf_of(machine, 0xA00000)
    assert observe(machine, "host", page, 4).data == bytes.fromhex("44332211")


@pytest.mark.parametrize("most", [1, 2, 3, 7])
def test_runs_that_are_cut_into_pieces_stop_at_the_same_tdcalls(most):
    machine, job = built()
    ended = ""
    while not ended:
        ended = carry_out(machine, firmware.step(machine, job, 1_000, most=most))
    assert job.tdcalls == boot()[1].tdcalls
    assert ended == boot()[2]


def test_a_limit_ends_it():
    _, job, reason = boot(20)
    assert reason == "limit: 20 instructions have run"
    assert job.instructions == 20


def test_the_firmware_finds_its_hand_off_list_in_rcx():
    machine, _ = built()
    from tests.core.tdx import kit

    assert kit.vcpu(machine).vps["RCX"] == 0x809000


def test_mrtd_is_what_measure_says():
    machine, _ = built()
    from tests.core.tdx import kit

    assert kit.td(machine).tdcs.raw("MRTD") == tdvf.mrtd(tiny())


def test_an_image_without_a_hand_off_list_is_refused():
    raw = image([(0, PAGE, 0xFFFFF000, PAGE, 0, 1)])
    made = tdvf.parse(raw, "f")
    with pytest.raises(TdxvizError, match="no TD_HOB section"):
        carry_out(Machine("ci"), firmware.build(firmware.begin(made), made))


@pytest.mark.skipif(not OVMF.exists(), reason="Debian's package ovmf is not installed")
def test_ovmf_reaches_its_first_tdcall_and_accepts_pages():
    raw = OVMF.read_bytes()
    if len(raw) != 2097152:
        pytest.skip("another edition of the package ovmf is installed")
    made = tdvf.parse(raw, "OVMF.fd")
    machine, job = Machine("ci"), firmware.begin(made)
    carry_out(machine, firmware.build(job, made))
    reason = carry_out(machine, firmware.start(machine, job, 36_000, lambda j: None, go_on=False))
    assert reason == "limit: 36,000 instructions have run"
    first = job.tdcalls[0]
    assert (first.leaf, first.at, first.instruction) == ("TDG.VP.INFO", 0xFFFD26B4, 27_197)
    assert job.accepted == {PAGE: 0, 2 * MIB: 2}
