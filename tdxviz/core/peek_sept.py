"""Peek at a whole Secure EPT: every table, every entry that is not FREE, without touching caches."""

from collections.abc import Iterator
from typing import NamedTuple

from tdxviz.core.arch import sept
from tdxviz.core.machine import Machine
from tdxviz.core.observe import line_as_read
from tdxviz.core.tdx.inspect import TdInfo, tds
from tdxviz.core.units import LINE, PAGE, Gpa, Hkid, Hpa

TOP = 3
"""Level of the root table: PML4."""
LEVELS = ("PT", "PD", "PDPT", "PML4")
SIZES = ("4 KiB", "2 MiB", "1 GiB", "512 GiB")
"""What one entry of each level stands for."""
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
        return sept.frame(self.value) if self.is_leaf or self.is_table else 0

    @property
    def is_leaf(self) -> bool:
        row = sept.STATES.get(self.state)
        return row is not None and row.leaf

    @property
    def is_table(self) -> bool:
        """Whether a table hangs below it, mapped or blocked."""
        return self.state in ("NL_MAPPED", "NL_BLOCKED") and self.level > 0


def guests(machine: Machine) -> tuple[TdInfo, ...]:
    """Every TD that has a Secure EPT root."""
    found = () if machine.module is None else tds(machine.platform, machine.module)
    return tuple(td for td in found if td.sept_root)


def table(machine: Machine, hkid: Hkid, root: Hpa, level: int, gpa: Gpa) -> tuple[Entry, ...]:
    """The entries of one table that are not FREE, in order. ``gpa``: what its entry 0 stands for."""
    rows: list[Entry] = []
    if not 0 < root < machine.platform.size:
        return ()
    for at in range(root, root + PAGE, LINE):
        data, _ = line_as_read(machine, at, hkid)
        if data == FREE_LINE:
            continue
        for n in range(0, LINE, 8):
            value = int.from_bytes(data[n : n + 8], "little")
            state = sept.state_of(value)
            if state != "FREE":
                index = (at + n - root) // 8
                rows.append(Entry(level, index, gpa | index << 12 + 9 * level, at + n, value, state))
    return tuple(rows)


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
    return {
        entry.hpa: (td.actor, entry)
        for td in guests(machine)
        for entry in entries(machine, td)
        if entry.is_leaf
    }


def leaf_of(found: dict[Hpa, tuple[str, Entry]], hpa: Hpa) -> tuple[str, Entry] | None:
    """The entry whose page, of whatever size, holds ``hpa``; ``found`` as ``leaves`` gives it."""
    for level in range(TOP):
        leaf = found.get(hpa & -(1 << 12 + 9 * level))
        if leaf is not None and leaf[1].level >= level:
            return leaf
    return None
