"""Segment registers and far transfers. Intel SDM volume 2: MOV, POP, JMP, CALL, RET, LLDT."""

import pytest

from tdxviz.core.faults import GuestFault
from tdxviz.core.hw.cpu import CS, FS, GS, RAX, RBX, RSP, SS
from tests.core.guest.kit import CODE, DATA, STACK, Guest

CODE_64, DATA_SEGMENT, USER_DATA, USER_CODE, TSS_SEGMENT = 0x08, 0x10, 0x1B, 0x23, 0x28


def fault(guest: Guest, steps: int = 1) -> tuple[int, int | None]:
    with pytest.raises(GuestFault) as caught:
        guest.run(steps)
    return caught.value.vector, caught.value.error


@pytest.mark.parametrize("code", ["8ed8", "8ec0", "8ed0", "8ee0", "8ee8"])  # mov ds, es, ss, fs, gs, ax
def test_mov_takes_the_descriptor(code):
    guest = Guest(bytes.fromhex(code))
    guest.cpu.gprs[RAX] = 0xABCD_0010
    guest.run()
    number = bytes.fromhex(code)[1] >> 3 & 7
    assert guest.cpu.segments[number].selector == DATA_SEGMENT
    assert guest.cpu.segments[number].limit == 0xFFFF_FFFF


@pytest.mark.parametrize(
    ("code", "selector", "expected"),
    [("8ed8", 0x100, (13, 0x100)), ("8ed0", 0, "done"), ("8ed0", 3, (13, 0)), ("8ed0", CODE_64, (13, 8)), ("8ed8", 0, "done"),
     ("8ed8", TSS_SEGMENT, (13, 0x28)), ("8ed0", USER_DATA, (13, 0x18)), ("8ec8", DATA_SEGMENT, (6, None))],
)  # fmt: skip
def test_selectors_that_do_not_fit(code, selector, expected):
    guest = Guest(bytes.fromhex(code))
    guest.cpu.gprs[RAX] = selector
    before = guest.cpu.copy()
    if expected == "done":
        assert guest.run() == 1
    else:
        assert fault(guest) == expected
        assert guest.cpu == before


def test_reading_and_stacking_selectors():
    guest = Guest(
        bytes.fromhex("8cd066 8cd3 0fa0 0fa9".replace(" ", ""))
    )  # mov eax, ss; mov bx, ss; push fs; pop gs
    guest.cpu.gprs[RAX], guest.cpu.gprs[RBX] = -1 & (1 << 64) - 1, 0x5555_5555
    guest.cpu.segments[FS] = guest.cpu.segments[FS]._replace(selector=DATA_SEGMENT)
    guest.run(4)
    assert (guest.cpu.gprs[RAX], guest.cpu.gprs[RBX]) == (0x10, 0x5555_0010)
    assert guest.cpu.segments[GS].selector == DATA_SEGMENT
    assert guest.cpu.gprs[RSP] == STACK


def test_fs_and_gs_bases_are_added():
    guest = Guest(bytes.fromhex("64488b03" * 20 + "65488b0b"))  # mov rax, fs:[rbx]; mov rcx, gs:[rbx]
    guest.write(DATA, (7).to_bytes(8, "little") + (9).to_bytes(8, "little"))
    guest.cpu.gprs[RBX] = DATA - 0x1000
    guest.cpu.segments[FS] = guest.cpu.segments[FS]._replace(base=0x1000)
    guest.cpu.segments[GS] = guest.cpu.segments[GS]._replace(base=0x1008)
    guest.run(21)
    assert guest.cpu.gprs[:2] == [7, 9]


def far(selector: int, offset: int) -> bytes:
    return offset.to_bytes(8, "little") + selector.to_bytes(2, "little")


def test_far_jump_and_call_through_memory_and_back():
    guest = Guest(bytes.fromhex("48ff1b"))  # call far [rbx]
    guest.write(DATA, far(CODE_64, CODE + 0x40))
    guest.write(CODE + 0x40, bytes.fromhex("48cb"))  # retf
    guest.cpu.gprs[RBX] = DATA
    guest.run()
    assert (guest.cpu.rip, guest.cpu.gprs[RSP]) == (CODE + 0x40, STACK - 16)
    assert guest.read(STACK - 16, 16) == (CODE + 3).to_bytes(8, "little") + (8).to_bytes(8, "little")
    guest.run()
    assert (guest.cpu.rip, guest.cpu.gprs[RSP], guest.cpu.cs) == (CODE + 3, STACK, CODE_64)


@pytest.mark.parametrize(
    ("selector", "expected"), [(0, (13, 0)), (DATA_SEGMENT, (13, 0x10)), (TSS_SEGMENT, (13, 0x28)), (USER_CODE, (13, 0x20)), (0x80, (13, 0x80))]
)  # fmt: skip
def test_far_jumps_that_are_refused(selector, expected):
    guest = Guest(bytes.fromhex("48ff2b"))
    guest.write(DATA, far(selector, CODE))
    guest.cpu.gprs[RBX] = DATA
    before = guest.cpu.copy()
    assert fault(guest) == expected
    assert guest.cpu == before


def test_retf_to_user_code_changes_the_stack():
    guest = Guest(bytes.fromhex("48cb"))
    words = (CODE + 0x80, USER_CODE, STACK - 0x400, USER_DATA)
    guest.write(STACK - 32, b"".join(word.to_bytes(8, "little") for word in words))
    guest.cpu.gprs[RSP] = STACK - 32
    guest.run()
    assert (guest.cpu.cpl, guest.cpu.rip, guest.cpu.gprs[RSP]) == (3, CODE + 0x80, STACK - 0x400)
    assert (guest.cpu.segments[CS].selector, guest.cpu.segments[SS].selector) == (USER_CODE, USER_DATA)


def test_lldt():
    guest = Guest(bytes.fromhex("0f00d0"))
    guest.cpu.gprs[RAX] = 0
    guest.run()
    assert not guest.cpu.ldtr.usable
    guest = Guest(bytes.fromhex("0f00d0"))
    guest.cpu.gprs[RAX] = TSS_SEGMENT
    assert fault(guest) == (13, 0x28)
