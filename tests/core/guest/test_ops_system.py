"""Port accesses by privilege: IOPL and the TSS's permission bitmap. SDM volume 1, chapter 19."""

import pytest

from tdxviz.core.faults import GuestFault, Intercept
from tdxviz.core.hw.cpu import RDX, Segment
from tests.core.guest.kit import TSS, Guest

MAP = 0x68
PORT = 0x3F8
CODES = {1: "ec", 2: "66ed", 4: "ed"}
"""IN AL, AX, EAX from the port in DX."""


def user(code: str, *, closed: tuple[int, ...] = (), limit: int = 0x67 + 0x100, at: int = MAP) -> Guest:
    """A guest at CPL 3 with IOPL 0 whose bitmap opens all ports below 0x800 but those named."""
    guest = Guest(bytes.fromhex(code))
    bits = bytearray(0x100)
    for port in closed:
        bits[port // 8] |= 1 << port % 8
    guest.write(TSS + MAP, bytes(bits))
    guest.write(TSS + 0x66, at.to_bytes(2, "little"))
    guest.cpu.tr = Segment(0x28, TSS, limit, 0x8B)
    guest.cpu.cpl, guest.cpu.gprs[RDX] = 3, PORT
    return guest


def outcome(guest: Guest) -> str:
    try:
        guest.run()
    except Intercept as left:
        return left.name
    except GuestFault as fault:
        return f"#{fault.vector}({fault.error})"
    return "ran"


@pytest.mark.parametrize("size", CODES)
@pytest.mark.parametrize("closed", range(PORT - 1, PORT + 5))
def test_every_port_of_the_access_must_be_open(size, closed):
    allowed = not PORT <= closed < PORT + size
    assert outcome(user(CODES[size], closed=(closed,))) == ("IN" if allowed else "#13(0)")


@pytest.mark.parametrize("code", ["ec", "ee", "6c", "6e", "e4e9", "e6e9"])
def test_all_forms_ask(code):
    port = 0xE9 if code[0] == "e" and code.endswith("e9") else PORT
    assert outcome(user(code)) in ("IN", "OUT", "INS", "OUTS")
    assert outcome(user(code, closed=(port,))) == "#13(0)"


def test_iopl_and_the_kernel_need_no_bitmap():
    for change in (lambda cpu: setattr(cpu, "cpl", 0), lambda cpu: setattr(cpu, "rflags", 2 | 3 << 12)):
        guest = user("ec", closed=(PORT,))
        change(guest.cpu)
        assert outcome(guest) == "IN"


@pytest.mark.parametrize(
    ("limit", "at", "expected"),
    [
        (0x66, MAP, "#13(0)"), (0x67, MAP, "#13(0)"), (MAP + PORT // 8, MAP, "#13(0)"),
        (MAP + PORT // 8 + 1, MAP, "IN"), (0x167, 0xFFFF, "#13(0)"),
    ],
)  # fmt: skip
def test_a_bitmap_that_ends_before_the_port_closes_it(limit, at, expected):
    assert outcome(user("ec", limit=limit, at=at)) == expected
