"""The KeyIDs of the platform as rows: who has each, how far its key is, what the cache still holds."""

from dataclasses import dataclass
from itertools import groupby

from tdxviz.core import peek_module
from tdxviz.core.units import Hpa
from tdxviz.ui.present.hexes import actor_title, owner_token
from tdxviz.ui.present.questions import Questions

KeyIdRow = peek_module.KeyIdRow

STATES = {
    "TME": ("host", "KeyID 0: one key for all memory that no TD has; host software and devices use it."),
    "shared": ("host", "Software may use these KeyIDs itself; TDX does not."),
    "HKID_FREE": ("rule", "Free: TDH.MNG.CREATE may give it to a TD."),
    "HKID_ASSIGNED": ("good", "A TD has it. Its key is made by TDH.MNG.KEY.CONFIG, once on each package."),
    "HKID_FLUSHED": (
        "warn",
        "No vCPU can use it any more; every package must write its caches back before it is free.",
    ),
    "HKID_RESERVED": ("module", "The module's own: it encrypts the PAMT and the TDRs."),
}
"""KOT state -> colour role, one sentence."""


@dataclass(frozen=True, slots=True)
class Row:
    """``last`` is beyond ``first`` where several alike KeyIDs share a row."""

    first: int
    last: int
    state: str
    role: str
    owner: str
    """Colour token of whoever has it; empty for nobody."""
    who: str
    life: str
    """Lifecycle state of the TD that has it; empty if none does."""
    made: tuple[bool, ...] | None
    """For each package: its key was configured. None: not a question for this KeyID."""
    flush: tuple[bool, ...] | None
    """For each package: its caches must still be written back."""
    lines: int
    dirty: int
    alarm: str
    """What is out of order, in words; empty if nothing."""
    tdr: Hpa | None
    tooltip: str

    @property
    def number(self) -> str:
        return f"{self.first:#x}" if self.first == self.last else f"{self.first:#x}–{self.last:x}"


def table(ask: Questions) -> tuple[Row, ...]:
    """Rows in order of KeyID; runs of unused ones as one row."""
    return ask.once(("keyid table",), lambda: _table(ask))


def _table(ask: Questions) -> tuple[Row, ...]:
    tds = {td.actor: td for td in peek_module.td_rows(ask.machine)}
    packages = 1 + max(lp.package for lp in ask.machine.platform.lps)
    rows: list[Row] = []
    found = peek_module.key_ids(ask.machine)
    for key, group in groupby(found, key=lambda r: (r.state, r.hkid) if is_special(r) else (r.state, -1)):
        run = list(group)
        td = tds.get(run[0].owner)
        rows.append(_row(run, td, packages) if key[1] >= 0 else _run(run))
    return tuple(rows)


def is_special(row: KeyIdRow) -> bool:
    """Not one of the many that are simply unused."""
    return row.state not in ("shared", "HKID_FREE") or bool(row.lines)


def _run(run: list[KeyIdRow]) -> Row:
    state = run[0].state
    role, words = STATES[state]
    count = len(run)
    return Row(run[0].hkid, run[-1].hkid, state, role, "", f"{count} unused", "", None, None, 0, 0, "", None,
               f"{count} KeyIDs. {words}")  # fmt: skip


def _row(run: list[KeyIdRow], td: peek_module.TdRow | None, packages: int) -> Row:
    one = run[0]
    role, words = STATES.get(one.state, ("secondary", ""))
    private = one.state.startswith("HKID")
    made = (
        tuple(bool(one.packages >> n & 1) for n in range(packages))
        if private and one.state != "HKID_FREE"
        else None
    )
    flush = tuple(bool(one.flush >> n & 1) for n in range(packages)) if one.state == "HKID_FLUSHED" else None
    who = {"module": "TDX module", "host": "host"}.get(
        one.owner, actor_title(one.owner) if one.owner else "nobody"
    )
    alarm = ""
    if one.state == "HKID_FREE" and one.dirty:
        alarm = f"free, but {one.dirty} dirty lines of its last owner are still in the cache"
    elif one.state == "HKID_FREE" and one.lines:
        alarm = f"free, but {one.lines} lines of its last owner are still in the cache"
    tip = f"KeyID {one.hkid:#x}: {one.state}. {words}\nCache: {one.lines} lines, {one.dirty} of them changed and not yet in memory."
    if private:
        tip += "\nA key is in the encryption engine." if one.key else "\nNo key was made for it yet."
    return Row(one.hkid, one.hkid, one.state, role, owner_token(one.owner) if one.owner else "", who, td.lifecycle if td else "", made, flush,
               one.lines, one.dirty, alarm, td.tdr if td else None, tip)  # fmt: skip


def counts(rows: tuple[Row, ...]) -> str:
    """How many KeyIDs are in which state."""
    found: dict[str, int] = {}
    for row in rows:
        found[row.state] = found.get(row.state, 0) + row.last - row.first + 1
    return " · ".join(f"{count} {state}" for state, count in found.items() if state.startswith("HKID"))


def describe(rows: tuple[Row, ...]) -> str:
    """The table in words."""
    if not rows:
        return "There is no TDX module in this world, and so no Key Ownership Table."
    parts = []
    for row in rows:
        words = f"KeyID {row.number}: {row.state}, {row.who}" + (f", {row.life}" if row.life else "")
        if row.made is not None:
            words += ", key configured on " + _packages(row.made)
        if row.flush is not None:
            words += ", still to be written back on " + _packages(row.flush)
        if row.lines:
            words += f", {row.lines} lines in the cache, {row.dirty} dirty"
        parts.append(words + (f" ({row.alarm})" if row.alarm else ""))
    return "; ".join(parts) + "."


def _packages(bits: tuple[bool, ...]) -> str:
    names = [str(n) for n, on in enumerate(bits) if on]
    return f"package {' and '.join(names)}" if names else "no package"
