"""Debug registers, XCR0, time, randomness and the small system instructions. Intel SDM volume 2."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import msrs
from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import boundary
from tdxviz.core.hw.cpu import FS, GS, RAX, RBX, RCX, RDX, Segment
from tests.core.guest.kit import BASE, CODE, DATA, STACK, Guest

ALL = (1 << 64) - 1
PRIVILEGED = ["0f21c0", "0f23c0", "0f06", "0f0113", "0f011b", "0f013b", "660f388203", "0f01f8"]
"""mov rax, dr0; mov dr0, rax; clts; lgdt; lidt; invlpg; invpcid; swapgs"""


def fault(guest: Guest) -> tuple[int, int | None]:
    before = guest.cpu.copy()
    with pytest.raises(GuestFault) as caught:
        guest.run()
    assert guest.cpu == before
    return caught.value.vector, caught.value.error


def ready(code: str, **registers: int) -> Guest:
    guest = Guest(bytes.fromhex(code))
    for number, value in zip((RAX, RCX, RDX, RBX), (registers.get(n, 0) for n in ("rax", "rcx", "rdx", "rbx")), strict=True):  # fmt: skip
        guest.cpu.gprs[number] = value
    return guest


@pytest.mark.parametrize("code", PRIVILEGED)
def test_the_kernels_own(code):
    guest = ready(code, rbx=DATA)
    guest.cpu.cpl = 3
    assert fault(guest) == (13, 0)


def test_debug_registers():
    guest = ready(
        "0f23c0440f23d8".replace("44", "") + "0f21db", rax=0x1234
    )  # mov dr0, rax; mov dr3, rax; mov rbx, dr3
    guest.run(3)
    assert (guest.cpu.dr[0], guest.cpu.dr[3], guest.cpu.gprs[RBX]) == (0x1234, 0x1234, 0x1234)
    guest = ready("0f23f0", rax=0xFFFF_FFFF)  # mov dr6, rax
    guest.run()
    assert guest.cpu.dr6 == 0xFFFF_EFFF & ~0x1000 | 0xFFFF_0FF0 & 0xFFFF_FFFF
    assert fault(ready("0f23f0", rax=1 << 32)) == (13, 0)
    assert fault(ready("0f23f8", rax=1 << 32)) == (13, 0)


def test_dr4_is_dr6_unless_de_is_set():
    guest = ready("0f21e0")
    guest.run()
    assert guest.cpu.gprs[RAX] == guest.cpu.dr6
    guest = ready("0f21e0")
    guest.cpu.cr4 |= 8
    assert fault(guest) == (6, None)


def test_general_detect():
    guest = ready("0f21c0")
    guest.cpu.dr7 |= 1 << 13
    with pytest.raises(GuestFault) as caught:
        guest.run()
    assert caught.value.vector == 1
    assert guest.cpu.dr6 & 1 << 13


def test_a_breakpoint_set_by_the_guest_is_looked_for_at_once():
    guest = ready("0f23f890", rax=0x401)
    guest.cpu.dr[0] = CODE + 3
    assert guest.run(10) == 1  # the step loop looks before the next instruction
    with pytest.raises(GuestFault):
        boundary.before(guest.p, guest.lp, guest.ctx, 10)


def test_time_counts_instructions():
    guest = ready("90" * 5 + "0f31" + "89c1" + "0f31" + "0f01f9")
    guest.lp.retired, guest.cpu.msrs[msrs.TSC_AUX] = (3 << 32) + 100, 0x77
    guest.run(6)
    assert (guest.cpu.gprs[RAX], guest.cpu.gprs[RDX]) == (105, 3)
    guest.run(3)  # the caller counts; here the run begins at the same count again
    assert guest.cpu.gprs[RCX] == 0x77
    assert guest.cpu.gprs[RAX] == 102


def test_time_inside_a_hot_loop_is_exact():
    guest = ready("0f3148ffc3ebf9")  # rdtsc; inc rbx; jmp back
    guest.run(3 * 50 + 1)
    assert guest.cpu.gprs[RAX] == 150
    guest.cpu.cr4, guest.cpu.cpl, guest.cpu.rip = guest.cpu.cr4 | 4, 3, CODE
    assert fault(guest) == (13, 0)


def test_random_numbers_come_from_the_machine():
    one, same = (ready("480fc7f00fc7f9") for _ in range(2))
    for guest in (one, same):
        guest.run(2)
        assert guest.cpu.rflags & 0x8D5 == 1
    assert one.cpu.gprs == same.cpu.gprs
    assert one.cpu.gprs[RAX] >> 32
    assert 0 < one.cpu.gprs[RCX] < 1 << 32


def test_xgetbv():
    guest = ready("0f01d0")
    assert fault(guest) == (6, None)
    guest.cpu.cr4, guest.cpu.xcr0 = guest.cpu.cr4 | 1 << 18, 0x2_0000_00E7
    guest.run()
    assert (guest.cpu.gprs[RAX], guest.cpu.gprs[RDX]) == (0xE7, 2)
    guest = ready("0f01d0", rcx=2)
    guest.cpu.cr4 |= 1 << 18
    assert fault(guest) == (13, 0)


def test_tables_are_stored_as_they_were_loaded():
    guest = ready("0f01130f0143100f011b0f014b20", rbx=DATA)  # lgdt [rbx]; sgdt [rbx+16]; lidt; sidt
    raw = (0x37).to_bytes(2, "little") + 0xFFFF_8000_1234_5678.to_bytes(8, "little")
    guest.write(DATA, raw)
    guest.run(4)
    assert guest.read(DATA + 16, 10) == guest.read(DATA + 32, 10) == raw
    guest = ready("0f0113", rbx=DATA)
    guest.write(DATA, raw[:2] + (1 << 60).to_bytes(8, "little"))
    assert fault(guest) == (13, 0)


@pytest.mark.parametrize(
    "code", ["0f0103", "0f010b", "0f00c8", "0f00c0", "0f01e0"]
)  # sgdt sidt str sldt smsw
def test_umip(code):
    guest = ready(code, rbx=DATA)
    guest.cpu.gprs[RAX], guest.cpu.cpl = DATA, 3
    guest.run()
    guest = ready(code, rbx=DATA)
    guest.cpu.gprs[RAX], guest.cpu.cpl, guest.cpu.cr4 = DATA, 3, guest.cpu.cr4 | 1 << 11
    assert fault(guest) == (13, 0)


@pytest.mark.parametrize(
    ("kind", "pcid", "gla", "expected"),
    [(0, 0, DATA, "done"), (1, 0, 0, "done"), (2, 0, 0, "done"), (3, 0, 0, "done"), (4, 0, 0, 13), (0, 0, 1 << 60, 13),
     (0, 1, 0, 13), (2, 1 << 12, 0, 13)],
)  # fmt: skip
def test_invpcid(kind, pcid, gla, expected):
    guest = ready("660f388203", rax=kind, rbx=DATA)
    guest.write(DATA, pcid.to_bytes(8, "little") + gla.to_bytes(8, "little"))
    if expected == "done":
        guest.run()
        assert isinstance(guest.news[-1], e.TlbFlushed)
    else:
        assert fault(guest) == (expected, 0)


def test_fs_and_gs():
    guest = ready("f3480faed0f3480faec90f01f8", rax=DATA)  # wrfsbase rax; rdgsbase rcx; swapgs
    assert fault(guest) == (6, None)
    guest.cpu.cr4 |= 1 << 16
    guest.cpu.segments[GS] = Segment(0, 0x1111)
    guest.cpu.msrs[msrs.KERNEL_GS_BASE] = 0x2222
    guest.run(3)
    assert guest.cpu.segments[FS].base == DATA
    assert guest.cpu.gprs[RCX] == 0x1111
    assert guest.cpu.segments[GS].base == 0x2222
    assert guest.cpu.msrs[msrs.KERNEL_GS_BASE] == 0x1111
    guest = ready("f3480faed0", rax=1 << 60)
    guest.cpu.cr4 |= 1 << 16
    assert fault(guest) == (13, 0)


LINEAR, TABLE = 1 << 39 | 2 << 30 | 3 << 21 | 4 << 12, BASE + 7 * 0x1000
SMAP, AC = 1 << 21, 1 << 18


def kernel(code: str) -> Guest:
    """Under paging: code on a kernel page at LINEAR, data on a user page behind it, then a stack."""
    guest = Guest(bytes.fromhex(code))
    entries = {1: TABLE | 7, 2: TABLE | 7, 3: TABLE | 7, 4: CODE | 3, 5: DATA | 7, 6: (STACK - 0x1000) | 3}
    for n, value in entries.items():
        guest.write(TABLE + 8 * n, value.to_bytes(8, "little"))
    cpu = guest.cpu
    cpu.cr0, cpu.cr3, cpu.cr4 = cpu.cr0 | 1 << 31, TABLE, 1 << 5 | SMAP
    cpu.rip, cpu.gprs[6], cpu.gprs[4] = LINEAR, LINEAR + 0x1000, LINEAR + 0x3000
    return guest


@pytest.mark.parametrize("hot", [False, True])
def test_stac_opens_user_pages_to_the_kernel_and_clac_closes_them(hot):
    """Also for code that was translated and remembers where the page lies."""
    body = "0f01cb" + "488b06" + "488906" + "0f01ca" + "48ffc9" + "75ef"
    guest = kernel(body + "488b06")
    guest.cpu.gprs[1] = 40 if hot else 1
    with pytest.raises(GuestFault) as outcome:
        guest.run(400)
    assert (outcome.value.vector, outcome.value.error, outcome.value.cr2) == (14, 1, LINEAR + 0x1000)
    assert (guest.cpu.rip, guest.cpu.gprs[1]) == (LINEAR + 17, 0)


def test_popf_moves_ac_and_what_the_kernel_may_reach():
    guest = kernel("0f01cb" + "488b06" + "6a02" + "9d" + "488b06")
    assert guest.run(9) == 4
    with pytest.raises(GuestFault) as outcome:
        guest.run(9)
    assert (outcome.value.vector, guest.cpu.rip, guest.cpu.rflags & AC) == (14, LINEAR + 9, 0)


def test_stac_is_undefined_outside_the_kernel():
    for code in ("0f01cb", "0f01ca"):
        guest = Guest(bytes.fromhex(code))
        guest.cpu.cpl = 3
        assert fault(guest) == (6, None)
