"""Branches to where no code can be: #GP(0) at the branch, with nothing changed."""

import pytest

from tdxviz.core.faults import GuestFault
from tests.core.guest.kit import CODE, STACK, Guest

NOWHERE = 1 << 47
BRANCHES = {
    "jmp rax": "ffe0",
    "call rax": "ffd0",
    "jmp [rbx]": "ff23",
    "call [rbx]": "ff13",
    "ret": "c3",
    "ret 8": "c20800",
}


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("name", BRANCHES)
def test_the_branch_itself_faults_and_the_stack_stays(name, trace):
    guest = Guest(bytes.fromhex(BRANCHES[name]), trace=trace)
    guest.write(STACK, NOWHERE.to_bytes(8, "little"))
    guest.cpu.gprs[0], guest.cpu.gprs[3] = NOWHERE, STACK
    before, words = guest.cpu.copy(), guest.read(STACK - 16, 16)
    with pytest.raises(GuestFault) as caught:
        guest.run()
    assert (caught.value.vector, caught.value.error) == (13, 0)
    assert guest.cpu == before
    assert guest.read(STACK - 16, 16) == words


def test_translated_returns_look_too():
    """Hot: called 50 times from a loop, then with another return address."""
    source = "b932000000 e806000000 ffc9 75f7 eb01 c3 48c704240000 0000".replace(" ", "")
    code = bytes.fromhex(source[: 2 * 17])
    guest = Guest(code)
    assert guest.run(1000, until=CODE + 14) > 100
    guest.cpu.rip, guest.cpu.gprs[4] = CODE + 16, STACK
    guest.write(STACK, NOWHERE.to_bytes(8, "little"))
    with pytest.raises(GuestFault):
        guest.run(3)
    assert (guest.cpu.rip, guest.cpu.gprs[4]) == (CODE + 16, STACK)


@pytest.mark.parametrize("high", [0x7FFF_FFFF_FFFF, 0xFFFF_8000_0000_0000, U64 := (1 << 64) - 1])
def test_the_edges_of_the_address_space_are_addresses(high):
    guest = Guest(bytes.fromhex("ffe0"))
    guest.cpu.gprs[0] = high
    assert guest.run() == 1
    assert guest.cpu.rip == high
