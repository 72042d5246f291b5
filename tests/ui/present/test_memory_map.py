"""Overlays of the memory map against the machine they come from."""

from collections import Counter

import numpy as np
import pytest

from tdxviz.core import commands as c
from tdxviz.core import peek, peek_sept
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.arch.state_table import PAGE_TYPES
from tdxviz.core.units import MIB, PAGE
from tdxviz.ui.present import memory_map as m
from tdxviz.ui.present.map_events import Written
from tdxviz.ui.present.questions import Questions


def layer(machine, name: str, news=()) -> m.Layer:
    return m.BY_NAME[name].make(m.Scene(Questions(machine), Written(), 0, news))


def named(made: m.Layer, hpa: int) -> str:
    return made.kinds[made.codes[hpa // PAGE]].label


def test_owners_are_those_of_the_machine(ready) -> None:
    machine = ready("ci")
    made = layer(machine, "owner")
    codes = Counter(peek.page_map(machine))
    assert made.counts[peek.HOST] == codes[peek.HOST]
    assert made.counts[peek.TD_A] == codes[peek.TD_A] == 12
    tables = [n for n, kind in enumerate(made.kinds) if kind.role == "meta"]
    assert sum(made.counts[n] for n in tables) == codes[peek.META]
    assert len(made.codes) == machine.platform.size // PAGE


def test_page_types_are_those_of_the_pamt(ready) -> None:
    machine = ready("ci")
    made = layer(machine, "type")
    for hpa in range(0, machine.platform.size, 97 * PAGE):
        entry = machine.module.page(hpa)
        assert named(made, hpa).split()[0] == (entry.kind if entry else "no")
    for hpa, entry in machine.module.pamt.items():
        assert named(made, hpa).startswith(entry.kind)
    assert set(PAGE_TYPES) == set(m.TYPE_WORDS)


def test_a_large_page_covers_its_range(ready) -> None:
    machine = ready("ci")
    machine.do(
        c.Seamcall(rax=BY_NAME["TDH.MEM.PAGE.AUG"].number, lp=1, rcx=0x8020_0001, rdx=0x60_0000, r8=32 * MIB)
    )
    made, use = layer(machine, "type"), layer(machine, "accept")
    for hpa in (32 * MIB, 34 * MIB - PAGE):
        assert named(made, hpa) == "PT_REG TD-A 2 MiB"
        assert named(use, hpa) == "pending"
        assert "PAMT: PT_REG, 2 MiB, owner TD-A" in m.page_words(Questions(machine), made, hpa // PAGE)
    assert "GPA 0x803f f000, PENDING" in m.page_words(Questions(machine), made, 34 * MIB // PAGE - 1)
    assert named(made, 34 * MIB) == "PT_NDA"


def test_states_are_those_of_the_secure_ept(ready) -> None:
    machine = ready("ci")
    sept, use = layer(machine, "sept"), layer(machine, "accept")
    for hpa, (_, entry) in peek_sept.leaves(machine).items():
        assert named(sept, hpa) == entry.state == "MAPPED"
        assert named(use, hpa) == "usable"
    assert sum(use.counts[1:]) == len(peek_sept.leaves(machine))


@pytest.mark.parametrize(
    ("state", "word"),
    [("PENDING", "pending"), ("PENDING_BLOCKED", "blocked"), ("BLOCKED", "blocked"),
     ("EXPORTED_DIRTY", "usable"), ("BLOCKEDW", "usable"), ("PENDING_BLOCKEDW", "pending")],
)  # fmt: skip
def test_words_for_states(ready, state: str, word: str) -> None:
    ask = Questions(ready("ci"))
    entry = peek_sept.Entry(0, 0, 0x8000_0000, 0, 0x41_0000, state)
    ask.once(("sept leaves",), lambda: {0x41_0000: ("td-a", entry)})
    made = m.accept_layer(m.Scene(ask, Written(), 0))
    assert made.kinds[made.codes[0x410]].label == word


def test_the_legacy_world_has_owners_but_no_tables(ready) -> None:
    machine = ready("legacy")
    assert not layer(machine, "owner").is_empty
    assert layer(machine, "type").is_empty
    assert layer(machine, "sept").is_empty
    assert "no PAMT in this world" in m.describe(Questions(machine), layer(machine, "type"), 0)


def test_words_of_a_page(ready) -> None:
    ask = Questions(ready("ci"))
    made = m.owner_layer(m.Scene(ask, Written(), 0))
    words = m.page_words(ask, made, 0x413)
    for part in ("0x0041 3000: TD-A", "PAMT: PT_REG, 4 KiB, owner TD-A", "GPA 0x8000 3000, MAPPED"):
        assert part in words
    assert "first at 0x0041 0000" in m.describe(ask, made, 0x41_3540)


def test_third_and_further_guests_have_their_own_letters(ready) -> None:
    machine = ready("ci")
    first = peek_sept.guests(machine)[0]
    ask = Questions(machine)
    kinds: list[m.Kind] = []
    further = {}
    twin = type(first)("td-c", 0x70_0000, 40, False, first.tdcx, first.sept_root, ())
    original = peek_sept.guests
    try:
        peek_sept.guests = lambda machine: (first, first, twin)
        further = m._further(ask, kinds)
    finally:
        peek_sept.guests = original
    assert further == {0x70_0000: 0}
    assert (kinds[0].letter, kinds[0].role) == ("C", "td_a")


def test_codes_fit_their_kinds(ready) -> None:
    for name in m.BY_NAME:
        made = layer(ready("ci"), name)
        assert made.codes.max() < len(made.kinds)
        assert sum(made.counts) == len(made.codes)
        assert made.codes.dtype == np.uint8
