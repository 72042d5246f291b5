"""Peek at a whole Secure EPT: every table, every entry that is not FREE, without touching caches."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from tdxviz.core.arch import sept
from tdxviz.core.machine import Machine
from tdxviz.core.observe import data_as_read
from tdxviz.core.tdx.inspect import TdInfo, tds
from tdxviz.core.units import LINE, PAGE, Gpa, Hkid, Hpa

TOP = 3
"""Level of the root table: PML4."""
LEVELS = ("PT", "PD", "PDPT", "PML4")
SIZES = ("4 KiB", "2 MiB", "1 GiB", "512 GiB")
"""What one entry of each level stands for."""
MOST_LINES = 1 << 14
"""Lines whose entries are kept: those of a TD with 131,072 pages."""
FREE_LINE = sept.FREE_ENTRY.to_bytes(8, "little") * (LINE // 8)


class Entry(NamedTuple):
    """One Secure EPT entry. ``hpa``: the next table or the page; 0 where there is none."""

    level: int
    index_in_table: int
    gpa: Gpa
    """First guest-physical address it stands for."""
    address: Hpa
    """Where the entry itself lies in memory."""
    value: int
    state: str

    @property
    def hpa(self) -> Hpa:
        return sept.page_of(self.value, self.level) if self.is_leaf or self.is_table else 0

    @property
    def is_leaf(self) -> bool:
        row = sept.STATES.get(self.state)
        return row is not None and row.leaf

    @property
    def is_table(self) -> bool:
        """Whether a table hangs below it, mapped or blocked."""
        return self.state in ("NL_MAPPED", "NL_BLOCKED") and self.level > 0


Named: TypeAlias = tuple[Hpa, tuple[str, Entry]]


def guests(machine: Machine) -> tuple[TdInfo, ...]:
    """Every TD that has a Secure EPT root."""
    found = () if machine.module is None else tds(machine.platform, machine.module)
    return tuple(td for td in found if td.sept_root)


def table(machine: Machine, hkid: Hkid, root: Hpa, level: int, gpa: Gpa) -> tuple[Entry, ...]:
    """The entries of one table that are not FREE, in order. ``gpa``: what its entry 0 stands for."""
    lines = _lines(machine, hkid, root)
    return tuple(entry for at, data in lines for entry in _line(data, at, (at - root) // 8, level, gpa))


def _lines(machine: Machine, hkid: Hkid, root: Hpa) -> Iterator[tuple[Hpa, bytes]]:
    """Address and content of a table's lines that hold something."""
    if 0 < root < machine.platform.size:
        for at in range(root, root + PAGE, LINE):
            data = data_as_read(machine, at, hkid)
            if data != FREE_LINE:
                yield at, data


@lru_cache(MOST_LINES)
def _line(data: bytes, at: Hpa, first: int, level: int, gpa: Gpa) -> tuple[Entry, ...]:
    """The entries of one line; from moment to moment most lines stay as they are."""
    rows: list[Entry] = []
    for n in range(LINE // 8):
        value = int.from_bytes(data[8 * n : 8 * n + 8], "little")
        state = sept.state_of(value)
        if state != "FREE":
            index = first + n
            rows.append(Entry(level, index, gpa | index << 12 + 9 * level, at + 8 * n, value, state))
    return tuple(rows)


@lru_cache(MOST_LINES)
def _named(actor: str, data: bytes, at: Hpa, first: int, level: int, gpa: Gpa) -> tuple[Named, ...]:
    """Page, TD and entry of the leaves in one line."""
    return tuple((e.hpa, (actor, e)) for e in _line(data, at, first, level, gpa) if e.is_leaf)


def below(machine: Machine, td: TdInfo, entry: Entry) -> tuple[Entry, ...]:
    """The entries of the table that ``entry`` points at."""
    return table(machine, td.hkid, entry.hpa, entry.level - 1, entry.gpa) if entry.is_table else ()


def root(machine: Machine, td: TdInfo) -> tuple[Entry, ...]:
    return table(machine, td.hkid, td.sept_root, TOP, 0)


def entries(machine: Machine, td: TdInfo) -> Iterator[Entry]:
    """Every entry of a TD's Secure EPT that is not FREE, parents before children."""
    waiting = list(reversed(root(machine, td)))
    while waiting:
        entry = waiting.pop()
        yield entry
        waiting += reversed(below(machine, td, entry))


def leaves(machine: Machine) -> dict[Hpa, tuple[str, Entry]]:
    """Page -> (TD, leaf entry) for every private page that some Secure EPT names."""
    found: dict[Hpa, tuple[str, Entry]] = {}
    for td in guests(machine):
        waiting = [(td.sept_root, TOP, 0)]
        while waiting:
            table_hpa, level, gpa = waiting.pop()
            for at, data in _lines(machine, td.hkid, table_hpa):
                first = (at - table_hpa) // 8
                found.update(_named(td.actor, data, at, first, level, gpa))
                if level:
                    below_it = [e for e in _line(data, at, first, level, gpa) if e.is_table]
                    waiting += [(e.hpa, level - 1, e.gpa) for e in below_it]
    return found


def tables(machine: Machine) -> dict[str, int]:
    """State -> how many entries that lead to a table are in it, over all TDs. Leaves are not looked at."""
    found: dict[str, int] = {}
    for td in guests(machine):
        waiting = [(td.sept_root, TOP)]
        while waiting:
            table_hpa, level = waiting.pop()
            for at, data in _lines(machine, td.hkid, table_hpa):
                for entry in _line(data, at, (at - table_hpa) // 8, level, 0):
                    if entry.is_table:
                        found[entry.state] = found.get(entry.state, 0) + 1
                        waiting += [(entry.hpa, level - 1)] if level > 1 else []
    return found


def leaf_of(found: dict[Hpa, tuple[str, Entry]], hpa: Hpa) -> tuple[str, Entry] | None:
    """The entry whose page, of whatever size, holds ``hpa``; ``found`` as ``leaves`` gives it."""
    for level in range(TOP):
        leaf = found.get(hpa & -(1 << 12 + 9 * level))
        if leaf is not None and leaf[1].level >= level:
            return leaf
    return None
