"""A second-level walk as a picture: the address in bits, four tables, the ownership check."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tdxviz.core.units import PAGE, Gpa, Hpa
from tdxviz.ui.present.hexes import actor_title, spaced
from tdxviz.ui.present.questions import Questions

if TYPE_CHECKING:  # the core is heavy and must not be imported before the first paint
    from tdxviz.core.peek import WalkInfo

SHARED = 47
"""Bit of a GPA that chooses the host's EPT, with a guest-physical width of 48."""
LEVELS = ("PML4", "PDPT", "PD", "PT")
SECRET_GPA = 0x8000_3540
FINE = ("MAPPED", "NL_MAPPED", "PRESENT", "EXPORTED_DIRTY")
MEANINGS = {
    "FREE": "nothing is mapped here",
    "NL_MAPPED": "points to the next table",
    "NL_BLOCKED": "the way to the next table is blocked",
    "MAPPED": "the page is the TD's to use",
    "PENDING": "added by the host, not yet accepted by the TD",
    "BLOCKED": "blocked by the host, on its way out",
    "PENDING_BLOCKED": "blocked before the TD accepted it",
    "REMOVED": "the host took the page away",
    "PRESENT": "mapped by the host",
    "NOT PRESENT": "the host maps nothing here",
    "CORRUPT": "the entry holds a state that the module never writes",
}
"""One clause for each state, for tooltips and captions."""


@dataclass(frozen=True, slots=True)
class Group:
    """Consecutive bits of the address. ``level`` indexes ``LEVELS``; 4 is the offset."""

    level: int
    name: str
    bits: str
    value: int


@dataclass(frozen=True, slots=True)
class Entry:
    index: int
    state: str
    points: Hpa | None
    """Where a present entry leads."""


@dataclass(frozen=True, slots=True)
class Table:
    """One level. ``used`` is None when the walk never got here. ``near``: up to three neighbours
    on each side of it."""

    level: int
    name: str
    hpa: Hpa | None
    entry_hpa: Hpa | None
    used: Entry | None
    near: tuple[Entry, ...]
    gpa: Gpa
    """First address that the used entry covers."""
    covers: int
    """Bytes that one entry covers."""
    tooltip: str

    @property
    def stops(self) -> bool:
        return self.used is not None and self.used.state not in FINE


@dataclass(frozen=True, slots=True)
class End:
    """The last box: where the walk ends, and who owns that page."""

    title: str
    lines: tuple[str, ...]
    good: bool
    tooltip: str


@dataclass(frozen=True, slots=True)
class WalkPicture:
    gpa: Gpa
    detail: str
    shared: bool
    by_host: bool
    """The tables are the host's: drawn grey."""
    groups: tuple[Group, ...]
    tables: tuple[Table, ...]
    end: End
    hpa: Hpa | None
    caption: str


def gpa_of(ask: Questions, focus: object, hpa: Hpa) -> tuple[Gpa, str]:
    """The address to walk for what is chosen, and a remark when there is none for it."""
    chosen = getattr(focus, "gpa", None)
    if chosen is not None:
        return chosen, ""
    info = ask.page(hpa)
    if info.gpa is not None:
        return info.gpa + hpa % PAGE, ""
    return SECRET_GPA, f"{spaced(hpa)} is not mapped in the guest; shown is its secret"


def groups(gpa: Gpa) -> tuple[Group, ...]:
    """SHARED bit, then 8 + 9 + 9 + 9 bits of table index, then 12 bits of offset."""
    rows = [Group(-1, "SHARED", str(gpa >> SHARED & 1), gpa >> SHARED & 1)]
    for level, name in enumerate(LEVELS):
        low = 12 + 9 * (3 - level)
        wide = 8 if level == 0 else 9
        value = gpa >> low & (1 << wide) - 1
        rows.append(Group(level, name, f"{value:0{wide}b}", value))
    offset = gpa & PAGE - 1
    return (*rows, Group(4, "offset", f"{offset:012b}", offset))


def walk_picture(ask: Questions, gpa: Gpa, remark: str = "") -> WalkPicture:
    """The walk of one address in the present machine."""
    walk = ask.walk(gpa)
    by_host = walk.table == "ept"
    tables = tuple(_table(ask, walk, level) for level in range(4))
    return WalkPicture(
        gpa=gpa,
        detail=remark or _detail(ask, walk, by_host),
        shared=bool(gpa >> SHARED & 1) and ask.world != "legacy",
        by_host=by_host,
        groups=groups(gpa),
        tables=tables,
        end=_end(walk, by_host),
        hpa=walk.hpa,
        caption=_caption(ask, walk, by_host, tables),
    )


def _detail(ask: Questions, walk: "WalkInfo", by_host: bool) -> str:
    whose = "host EPT: host controls this" if by_host else "Secure EPT: only the module changes it"
    return f"GPA {spaced(walk.gpa)} · {whose}"


def _table(ask: Questions, walk: "WalkInfo", level: int) -> Table:
    covers = 1 << 12 + 9 * (3 - level)
    first = walk.gpa & ~(covers - 1)
    name = LEVELS[level]
    if level >= len(walk.steps):
        return Table(level, name, None, None, None, (), first, covers, f"{name}: the walk does not get here.")
    step = walk.steps[level]
    used = _entry(step.index, step.state, step.value)
    near: list[Entry] = []
    for other in (-3, -2, -1, 1, 2, 3):
        there = walk.gpa + other * covers
        if not 0 <= step.index + other < 512 or there < 0:
            continue
        steps = ask.walk(there).steps
        if level < len(steps) and steps[level].entry_hpa == step.entry_hpa + 8 * other:
            near.append(_entry(steps[level].index, steps[level].state, steps[level].value))
    tip = (
        f"{name} entry {step.index}: {step.state}, {MEANINGS.get(step.state, 'as the module names it')}.\n"
        f"It lies at {spaced(step.entry_hpa)}, holds {step.value:#018x} and covers {_size(covers)} "
        f"from GPA {spaced(first)}."
    )
    table = step.entry_hpa - 8 * step.index
    return Table(level, name, table, step.entry_hpa, used, tuple(near), first, covers, tip)


def _entry(index: int, state: str, value: int) -> Entry:
    leads = value & 0x000F_FFFF_FFFF_F000
    return Entry(index, state, leads if value & 7 or leads else None)


def _size(size: int) -> str:
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB")):
        if size >= unit:
            return f"{size // unit} {name}"
    return f"{size >> 10} KiB"


def _end(walk: "WalkInfo", by_host: bool) -> End:
    if walk.hpa is None:
        return End("EPT violation", ("the walk ends here",), False,
                   "No translation: the access traps out of the guest.")  # fmt: skip
    rows = [f"{spaced(walk.hpa)} {walk.perms}"]
    if by_host:
        rows += ["no PAMT", "nobody checks"]
        return End("Page", tuple(rows), True, "The host wrote these tables and may change them at any time.")
    owner = actor_title(walk.pamt_owner) if walk.pamt_owner else "nobody"
    rows += [f"PAMT: {walk.pamt_kind or 'none'}", f"owner {owner} {'✔' if walk.owner_ok else '✕'}"]
    return End("Page", tuple(rows), walk.owner_ok,
               "The module let this page in only because PAMT says that it belongs to this TD.")  # fmt: skip


def _caption(ask: Questions, walk: "WalkInfo", by_host: bool, tables: tuple[Table, ...]) -> str:
    if walk.shared and not walk.steps:
        return "SHARED = 1: the host's own EPT decides, and it maps nothing here. Host controls this."
    if by_host:
        return "The hypervisor owns these tables: it can point the guest's address anywhere, unseen."
    if not walk.steps:
        return "There is no TD, so there are no tables to walk."
    stop = next((table for table in tables if table.stops), None)
    if stop is not None and stop.used is not None:
        return f"Stops at {stop.name}: {stop.used.state}, {MEANINGS.get(stop.used.state, '')}."
    if walk.owner_ok:
        return "Every table is encrypted with the TD's key; the page's owner in PAMT is this TD."
    return "The page's owner in PAMT is somebody else."


def short(state: str, fits: Callable[[str], bool]) -> str:
    """A state name, cut at its underscores where it does not fit."""
    if fits(state):
        return state
    parts = state.split("_")
    return "_".join(part[:3] for part in parts)


def describe(picture: WalkPicture) -> str:
    bits = ", ".join(f"{group.name} {group.value}" for group in picture.groups)
    steps = "; ".join(
        f"{table.name} entry {table.used.index} {table.used.state}" for table in picture.tables if table.used
    )
    return (
        f"Walk of GPA {spaced(picture.gpa)}: {bits}. {steps or 'No table is read'}. "
        f"{picture.end.title}: {', '.join(picture.end.lines)}. {picture.caption}"
    )
