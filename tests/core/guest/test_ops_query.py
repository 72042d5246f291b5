"""LAR, LSL, VERR, VERW, CRC32, SERIALIZE."""

import pytest

from tests.core.guest.kit import DATA, Guest

ZF = 1 << 6


def asked(code: str, selector: int, **how) -> Guest:
    guest = Guest(bytes.fromhex(code))
    guest.cpu.gprs[3], guest.cpu.gprs[0] = selector, 0x1234
    for name, value in how.items():
        setattr(guest.cpu, name, value)
    assert guest.run() == 1
    return guest


ANSWERS = {
    # selector, cpl -> rights (LAR), limit (LSL), readable, writable; None: no answer
    (0x08, 0): (0xA09B00, 0xFFFF_FFFF, True, False), (0x10, 0): (0xC09300, 0xFFFF_FFFF, True, True),
    (0x18, 3): (0xC0F300, 0xFFFF_FFFF, True, True), (0x08, 3): (None, None, False, False),
    (0x0B, 0): (None, None, False, False), (0x28, 0): (0x8900, 0x67, False, False), (0, 0): (None, None, False, False),
    (0x7FF8, 0): (None, None, False, False),
}  # fmt: skip


@pytest.mark.parametrize("where", ANSWERS)
def test_segments_answer_by_type_and_privilege(where):
    selector, cpl = where
    lar, lsl, readable, writable = ANSWERS[where]
    for code, answer in (("0f02c3", lar), ("0f03c3", lsl)):
        guest = asked(code, selector, cpl=cpl)
        assert bool(guest.cpu.rflags & ZF) == (answer is not None)
        assert guest.cpu.gprs[0] == (0x1234 if answer is None else answer)
    assert bool(asked("0f00e3", selector, cpl=cpl).cpu.rflags & ZF) == readable
    assert bool(asked("0f00eb", selector, cpl=cpl).cpu.rflags & ZF) == writable


def test_crc32c_of_the_check_string():
    guest = Guest(bytes.fromhex("f2480f38f103" + "f20f38f04308"))
    guest.write(DATA, b"123456789")
    guest.cpu.gprs[3], guest.cpu.gprs[0] = DATA, 0xFFFF_FFFF
    guest.run(2)
    assert guest.cpu.gprs[0] ^ 0xFFFF_FFFF == 0xE306_9283


def test_serialize_changes_nothing_else():
    guest = Guest(bytes.fromhex("0f01e8"))
    before = guest.cpu.copy()
    guest.run()
    before.rip += 3
    assert guest.cpu == before
