"""A long watched run tells what single steps tell that remember nothing, whether events are collected or asked for."""

import random

import pytest

from tdxviz.core import events as e
from tdxviz.core.faults import Architectural
from tests.core.guest.kit import CODE, DATA, Guest
from tests.core.guest.test_block import go, prepared, program, whole


def forgetful(guest: Guest, steps: int) -> tuple:
    """One instruction after the other, each with nothing remembered from the one before."""
    for done in range(steps):
        guest.lp.told = None
        try:
            guest.run(1)
        except Architectural as outcome:
            return type(outcome), outcome.args, done + outcome.executed
    return None, (), steps


@pytest.mark.parametrize("mode", ["64", "32", "cet"])
@pytest.mark.parametrize("seed", range(200, 212))
def test_what_is_remembered_is_told_as_it_happens(seed, mode):
    code = program(random.Random(seed))
    collected, asked, steps = (prepared(code, seed, trace=True, mode=mode) for _ in range(3))
    collected.p.news = collected.news
    ends = go(collected, [500]), go(asked, [500]), forgetful(steps, 500)
    assert ends[0] == ends[1] == ends[2], code.hex()
    assert collected.news == asked.news == steps.news, code.hex()
    assert whole(collected) == whole(asked) == whole(steps)


def test_code_that_changes_itself_is_fetched_anew():
    # l: inc byte [rip + 1]; mov al, 0; mov bl, al; jmp l
    guest = Guest(bytes.fromhex("fe0501000000b00088c3ebf4"), trace=True)
    assert guest.run(4 * 5) == 20
    fetched = [n for n in guest.news if isinstance(n, e.InstructionRetired) and n.rip == CODE + 6]
    assert [n.code for n in fetched] == [bytes([0xB0, n]) for n in range(1, 6)]
    assert guest.cpu.gprs[3] == 5


def test_a_load_after_a_store_tells_the_new_bytes():
    # l: mov [rbx], al; inc al; mov cl, [rbx]; jmp l
    guest = Guest(bytes.fromhex("8803fec08a0bebf8"), trace=True)
    guest.cpu.gprs[3] = DATA
    guest.run(4 * 6)
    loaded = [n.data[0] for n in guest.news if isinstance(n, e.MemoryLoaded) and n.kind == "load"]
    stored = [n.data[0] for n in guest.news if isinstance(n, e.MemoryStored)]
    assert loaded == stored == list(range(6))
    told = {id(n) for n in guest.news if isinstance(n, e.TlbHit) and n.gla == DATA}
    assert len(told) <= 4  # one event object serves all repetitions
