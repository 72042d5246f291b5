"""A TD's Secure EPT as a tree: tables open one by one, entries that are not FREE a row each."""

from collections.abc import Collection
from dataclasses import dataclass

from tdxviz.core import peek_sept
from tdxviz.core.arch import sept as arch
from tdxviz.core.tdx.inspect import TdInfo
from tdxviz.core.units import Gpa, Hpa, page_of
from tdxviz.ui.present.hexes import actor_title, spaced
from tdxviz.ui.present.questions import Questions
from tdxviz.ui.present.sept import MEANINGS

ROLES = {
    "NL_MAPPED": "meta", "MAPPED": "good", "PENDING": "warn", "NL_BLOCKED": "bad", "BLOCKED": "bad",
    "PENDING_BLOCKED": "bad", "REMOVED": "secondary", "CORRUPT": "bad",
}  # fmt: skip
"""Colour role of a state; those of migration are ``blocked``."""
ENTRIES = 512


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the tree. ``entry`` is None for a run of FREE entries, told in ``words``."""

    depth: int
    entry: peek_sept.Entry | None
    words: str
    """``PT 3``: table and index."""
    detail: str
    """Where it leads, in words."""
    role: str
    opened: bool | None
    """None: nothing can be opened."""
    on_path: bool
    """The entry stands for the place in question."""
    tooltip: str


@dataclass(frozen=True, slots=True)
class Tree:
    actor: str
    rows: tuple[Row, ...]
    counts: tuple[tuple[str, int], ...]
    """State -> entries, over all opened tables."""


def chosen_td(ask: Questions, wanted: str, hpa: Hpa) -> TdInfo | None:
    """The TD asked for by name, else the one that owns the page, else the first."""
    found = peek_sept.guests(ask.machine)
    owner = peek_sept.leaf_of(_leaves(ask), page_of(hpa))
    for name in (wanted, owner[0] if owner else ""):
        for td in found:
            if td.actor == name:
                return td
    return found[0] if found else None


def _leaves(ask: Questions) -> dict[Hpa, tuple[str, peek_sept.Entry]]:
    return ask.once(("sept leaves",), lambda: peek_sept.leaves(ask.machine))


def gpa_here(ask: Questions, td: TdInfo, hpa: Hpa) -> Gpa | None:
    """Where this TD sees the page in question."""
    leaf = peek_sept.leaf_of(_leaves(ask), page_of(hpa))
    return leaf[1].gpa + page_of(hpa) - leaf[1].hpa if leaf and leaf[0] == td.actor else None


def tree(ask: Questions, td: TdInfo, opened: Collection[Hpa], here: Gpa | None) -> Tree:
    """The rows to draw. ``opened``: addresses of the entries whose tables are open."""
    rows: list[Row] = []
    _table(ask, td, root(ask, td), peek_sept.TOP, 0, opened, here, rows)
    counts: dict[str, int] = {}
    for row in rows:
        if row.entry is not None:
            counts[row.entry.state] = counts.get(row.entry.state, 0) + 1
    return Tree(td.actor, tuple(rows), tuple(sorted(counts.items())))


def root(ask: Questions, td: TdInfo) -> tuple[peek_sept.Entry, ...]:
    return ask.once(("sept root", td.tdr), lambda: peek_sept.root(ask.machine, td))


def below(ask: Questions, td: TdInfo, entry: peek_sept.Entry) -> tuple[peek_sept.Entry, ...]:
    return ask.once(("sept table", td.tdr, entry.address), lambda: peek_sept.below(ask.machine, td, entry))


def path_to(ask: Questions, td: TdInfo, gpa: Gpa) -> tuple[Hpa, ...]:
    """Addresses of the entries from the root down to the leaf that stands for ``gpa``."""
    found: list[Hpa] = []
    entries = root(ask, td)
    while True:
        entry = next((e for e in entries if covers(e, gpa)), None)
        if entry is None:
            return tuple(found)
        found.append(entry.address)
        entries = below(ask, td, entry)


def covers(entry: peek_sept.Entry, gpa: Gpa) -> bool:
    return entry.gpa <= gpa < entry.gpa + (1 << 12 + 9 * entry.level)


def _table(
    ask: Questions, td: TdInfo, entries: tuple[peek_sept.Entry, ...], level: int, depth: int,
    opened: Collection[Hpa], here: Gpa | None, rows: list[Row],
) -> None:  # fmt: skip
    next_index = 0
    for entry in entries:
        _free(rows, depth, level, next_index, entry.index_in_table)
        is_open = entry.address in opened if entry.is_table else None
        rows.append(_row(ask, entry, depth, is_open, here is not None and covers(entry, here)))
        if is_open:
            _table(ask, td, below(ask, td, entry), level - 1, depth + 1, opened, here, rows)
        next_index = entry.index_in_table + 1
    _free(rows, depth, level, next_index, ENTRIES)


def _free(rows: list[Row], depth: int, level: int, first: int, end: int) -> None:
    """A run of FREE entries as one row."""
    if first < end:
        span = f"{first}" if end - first == 1 else f"{first} to {end - 1}"
        words = f"{peek_sept.LEVELS[level]} {span}"
        rows.append(
            Row(depth, None, words, "FREE", "secondary", None, False, f"{words}: {MEANINGS['FREE']}.")
        )


def _row(ask: Questions, entry: peek_sept.Entry, depth: int, opened: bool | None, on_path: bool) -> Row:
    words = f"{peek_sept.LEVELS[entry.level]} {entry.index_in_table}"
    size = peek_sept.SIZES[entry.level]
    if entry.is_leaf:
        detail = f"GPA {spaced(entry.gpa)} → {spaced(entry.hpa)}" + (f"  {size}" if entry.level else "")
        tail = _owner_words(ask, entry.hpa)
    elif entry.is_table:
        detail, tail = f"GPA {spaced(entry.gpa)} + {size} → table {spaced(entry.hpa)}", ""
    else:
        detail, tail = f"GPA {spaced(entry.gpa)} + {size}", ""
    tooltip = (
        f"{words}: {entry.state}, {MEANINGS.get(entry.state, 'a state of live migration')}.\n"
        f"Entry at {spaced(entry.address)} = {entry.value:#018x}, permissions {arch.PERMS.get(entry.state, '---')}, "
        f"stands for {size} from GPA {spaced(entry.gpa)}." + tail
    )
    click = {None: "\nClick: choose the page.", True: "\nClick: close.", False: "\nClick: open the table."}[
        opened
    ]
    return Row(
        depth, entry, words, detail, ROLES.get(entry.state, "blocked"), opened, on_path, tooltip + click
    )


def _owner_words(ask: Questions, hpa: Hpa) -> str:
    """What the PAMT says of the page that a leaf names."""
    module = ask.machine.module
    entry = module.page(hpa) if module is not None else None
    if module is None or entry is None:
        return "\nPAMT: no entry for this page!"
    owner = module.actors.get(entry.owner, "nobody")
    return f"\nPAMT: {entry.kind}, {peek_sept.SIZES[entry.size]}, owner {actor_title(owner)}."


def describe(made: Tree) -> str:
    """The open part of the tree in words."""
    rows = [f"{row.words} {row.entry.state if row.entry else row.detail}, {row.detail}" if row.entry
            else f"{row.words} FREE" for row in made.rows[:40]]  # fmt: skip
    more = f" and {len(made.rows) - 40} more rows" if len(made.rows) > 40 else ""
    counts = ", ".join(f"{count} {state}" for state, count in made.counts)
    return f"Secure EPT of {actor_title(made.actor)}: {counts or 'all FREE'}. " + "; ".join(rows) + more + "."
