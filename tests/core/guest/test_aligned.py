"""#AC: CR0.AM, RFLAGS.AC and CPL 3 together, and nobody else."""

import pytest

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import aligned
from tests.core.guest.kit import CODE, DATA, Guest

AM = AC = 1 << 18


def user(code: str, *, trace: bool = False, cpl: int = 3, am: int = AM, ac: int = AC) -> Guest:
    guest = Guest(bytes.fromhex(code), trace=trace)
    guest.cpu.cpl, guest.cpu.gprs[3] = cpl, DATA
    guest.cpu.gprs[6], guest.cpu.gprs[7] = DATA + 8, DATA + 65
    guest.cpu.cr0 |= am
    guest.cpu.cr4 |= 1 << 9
    guest.cpu.rflags |= ac
    return guest


BAD = {
    "word": "668b4301", "dword": "8b4302", "quad": "488b4304", "store": "894301", "locked": "f04883430401",
    "string": "a5", "line crossing": "8b433e",
}  # fmt: skip
GOOD = {"byte": "8a4301", "aligned": "488b4308", "wide": "0f104301", "dword at 4": "8b4304"}


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("name", BAD)
def test_an_operand_that_is_not_at_a_multiple_of_its_size_is_ac_0(name, trace):
    guest = user(BAD[name], trace=trace)
    before = guest.cpu.copy()
    with pytest.raises(GuestFault) as caught:
        guest.run()
    assert (caught.value.vector, caught.value.error) == (17, 0)
    assert guest.cpu == before


@pytest.mark.parametrize("name", GOOD)
def test_bytes_and_aligned_and_wide_operands_are_fine(name):
    assert user(GOOD[name]).run() == 1


@pytest.mark.parametrize("way", [{"cpl": 0}, {"am": 0}, {"ac": 0}])
def test_without_one_of_the_three_nothing_is_checked(way):
    assert user(BAD["dword"], **way).run() == 1


def test_translated_code_is_checked_too():
    """A loop that is hot long before its pointer leaves the alignment."""
    guest = user("8b03 4883c304 ffc9 75f6 8b4301".replace(" ", ""))
    guest.cpu.gprs[1] = 100
    with pytest.raises(GuestFault) as caught:
        guest.run(1000)
    assert caught.value.vector == 17
    assert guest.cpu.rip == CODE + 10
    assert guest.cpu.gprs[3] == DATA + 400


def test_popf_switches_it_on_in_the_midst_of_a_run():
    guest = user("6800020400 9d 8b4301".replace(" ", ""), ac=0)
    steps = 0
    with pytest.raises(GuestFault) as caught:
        while steps < 10:
            steps += guest.run(10)
    assert caught.value.vector == 17
    assert guest.cpu.rip == CODE + 6


def test_the_ordinary_way_to_memory_knows_nothing_of_it():
    guest = user("90")
    assert aligned.wanted(guest.cpu)
    guest.cpu.cpl = 0
    assert not aligned.wanted(guest.cpu)
