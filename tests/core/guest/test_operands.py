"""Operands: which bits of which register, and every form of address."""

import pytest

from tdxviz.core.guest import decoder
from tdxviz.core.guest.decoder import Register, register_place
from tdxviz.core.guest.operands import address, mask, read_register, signed, write_register
from tests.core.guest.kit import CODE, Guest

FILL = 0x1122_3344_5566_7788
LOW = ("AL", "CL", "DL", "BL", "SPL", "BPL", "SIL", "DIL", *(f"R{n}L" for n in range(8, 16)))
WORD = ("AX", "CX", "DX", "BX", "SP", "BP", "SI", "DI", *(f"R{n}W" for n in range(8, 16)))
DWORD = ("EAX", "ECX", "EDX", "EBX", "ESP", "EBP", "ESI", "EDI", *(f"R{n}D" for n in range(8, 16)))
QWORD = ("RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", *(f"R{n}" for n in range(8, 16)))
PLACES = {
    **{name: (n, 1, 0) for n, name in enumerate(LOW)}, **{name: (n, 2, 0) for n, name in enumerate(WORD)},
    **{name: (n, 4, 0) for n, name in enumerate(DWORD)}, **{name: (n, 8, 0) for n, name in enumerate(QWORD)},
    **{name: (n, 1, 8) for n, name in enumerate(("AH", "CH", "DH", "BH"))},
}  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_every_general_register_is_where_it_belongs(name):
    register, (number, size, shift) = getattr(Register, name), PLACES[name]
    assert register_place(register) == (number, size, shift)
    guest = Guest()
    guest.cpu.gprs[:] = [n << 56 | FILL & ~(0xFF << 56) for n in range(16)]
    before = list(guest.cpu.gprs)
    assert read_register(register)(guest.context()) == before[number] >> shift & mask(size)
    write_register(register)(guest.context(), 0x99 & mask(size))
    kept = 0 if size >= 4 else before[number] & ~(mask(size) << shift)
    before[number] = kept | 0x99 << shift
    assert guest.cpu.gprs == before


@pytest.mark.parametrize(
    ("code", "wanted"),
    [
        ("488b00", 0x1000), ("488b4010", 0x1010), ("488b40f0", 0xFF0), ("488b80ffffff7f", 0x8000_0FFF),
        ("488b0488", 0x1400), ("488b04c8", 0x1800), ("488b044d00000000", 0x200), ("488b042500100000", 0x1000),
        ("488b0500010000", CODE + 7 + 0x100), ("678b00", 0x1000), ("67488b0490", 0x0FFC), ("488b0490", 0x0FFC),
        ("488b042500f0ffff", 0xFFFF_FFFF_FFFF_F000), ("488b02", 2**64 - 1), ("678b02", 0xFFFF_FFFF),
        ("67488b0500010000", CODE + 8 + 0x100), ("65488b00", 0x1000),
    ],
)  # fmt: skip
def test_addresses(code, wanted):
    guest = Guest()
    guest.cpu.gprs[0], guest.cpu.gprs[1], guest.cpu.gprs[2] = 0x1000, 0x100, 2**64 - 1
    ins = decoder.decode(bytes.fromhex(code), CODE, 64)
    assert ins is not None
    assert address(ins)(guest.context()) == wanted


def test_signed():
    assert (signed(0x80, 8), signed(0x7F, 8), signed(2**64 - 1, 64)) == (-128, 127, -1)
