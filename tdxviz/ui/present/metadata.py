"""Metadata fields of TDs, vCPUs and the module: who may read which, and what the host gets."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tdxviz.core import peek_module
from tdxviz.core.arch import metadata as md
from tdxviz.core.arch.state_table import LAST_TD_EXIT, LIFECYCLE_STATES, OP_STATES, VCPU_STATES
from tdxviz.core.faults import Inconsistent, MachineCheck
from tdxviz.core.tdx.metadata import Store, read
from tdxviz.core.tdx.structs import Td, Vcpu
from tdxviz.core.units import Hpa, page_of
from tdxviz.ui.present.hexes import actor_title
from tdxviz.ui.present.questions import Questions

STATES = {
    "LIFECYCLE_STATE": LIFECYCLE_STATES, "OP_STATE": OP_STATES, "VCPU_STATE": VCPU_STATES,
    "LAST_TD_EXIT": LAST_TD_EXIT,
}  # fmt: skip
"""Fields whose values have names."""
MOST = 16
"""Rows of so many fields are taken apart; longer ones are told as one."""


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    title: str
    context: int
    prefix: tuple[str, ...]
    """Structures whose fields belong here; empty: computed ones."""
    words: str


GROUPS: tuple[Group, ...] = (
    Group("td", "TD", md.TD, ("TDR", "TDCS"), "Fields of TDR and TDCS, read with TDH.MNG.RD"),
    Group("vcpu", "vCPU", md.VP, ("TDVPS",), "Fields of TDVPS, read with TDH.VP.RD"),
    Group("vmcs", "VMCS", md.VP, ("VMCS",), "Fields of the vCPU's VMCS, read with TDH.VP.RD"),
    Group("sys", "System", md.SYS, (), "Fields of the module itself, read with TDH.SYS.RD"),
)
BY_NAME = {group.name: group for group in GROUPS}


@dataclass(frozen=True, slots=True)
class Row:
    """``host``, ``debug``, ``guest``: ``r``, ``rw``, ``w`` or empty."""

    name: str
    id: int
    host: str
    debug: str
    guest: str
    value: str
    """What the host gets, else what the structure holds; in hex, empty where nothing can be read."""
    meaning: str
    """The value by name, where it has one."""
    given: bool
    """The host of this TD may read it now."""
    partly: bool
    """Only some of its bits."""
    hpa: Hpa | None
    """Where it lies; None for computed fields."""
    tooltip: str


@dataclass(frozen=True, slots=True)
class Table:
    group: str
    subject: str
    """``TD-A``, ``TD-A vCPU 0`` or ``TDX module``."""
    debug: bool
    """The TD was built with ATTRIBUTES.DEBUG."""
    rows: tuple[Row, ...]
    problem: str = ""


def subjects(ask: Questions, group: str) -> tuple[tuple[str, Hpa], ...]:
    """Label and page of everything that has such fields."""
    tds = [td for td in _tds(ask) if td.op_state]
    if group == "sys":
        return (("TDX module", 0),) if ask.machine.module is not None else ()
    if group == "td":
        return tuple((actor_title(td.actor), td.tdr) for td in tds)
    return tuple((f"{actor_title(td.actor)} vCPU {v.number}", v.tdvpr) for td in tds for v in td.vcpus)


def _tds(ask: Questions) -> tuple[peek_module.TdRow, ...]:
    return ask.once(("td rows",), lambda: peek_module.td_rows(ask.machine))


def chosen(ask: Questions, group: str, wanted: str, place: Hpa) -> tuple[str, Hpa] | None:
    """By label; else what owns the place in question; else the first."""
    found = subjects(ask, group)
    page = page_of(place)
    module = ask.machine.module
    entry = module.page(page) if module is not None else None
    owner = actor_title(module.actors.get(entry.owner, "?")) if module is not None and entry else "?"
    for fits in (lambda s: s[0] == wanted, lambda s: s[1] == page, lambda s: s[0].split(" vCPU")[0] == owner):
        for subject in found:
            if fits(subject):
                return subject
    return found[0] if found else None


def table(ask: Questions, group: str, wanted: str, place: Hpa) -> Table:
    """All fields of a group for one TD or vCPU; asked once a moment."""
    subject = chosen(ask, group, wanted, place)
    if subject is None:
        words = "this world has no TDX module" if ask.machine.module is None else "no TD has such fields yet"
        return Table(group, "", False, (), words)
    return ask.once(("metadata", group, subject), lambda: _table(ask, group, *subject))


def _table(ask: Questions, group: str, label: str, page: Hpa) -> Table:
    machine = ask.machine.copy()  # the module's own reads would move lines in the cache
    store: Store | None = None
    problem = ""
    try:
        store = _store(machine, group, page)
    except (Inconsistent, MachineCheck) as damage:
        problem = f"{label} cannot be read: {damage}"
    td = next((td for td in _tds(ask) if td.actor == label.split(" vCPU")[0].lower()), None)
    debug = bool(td and td.debug)
    rows = tuple(_rows(group, store, debug))
    state = next((v.state for v in td.vcpus if v.tdvpr == page), "") if td else ""
    if state == "ACTIVE" and not problem:
        problem = "The vCPU runs: TDH.VP.RD is refused until it exits; the values are those of its last exit."
    return Table(group, label, debug, rows, problem)


def _store(machine: Any, group: str, page: Hpa) -> Store:
    p, m = machine.platform, machine.module
    if group == "sys":
        return Store(p, m)
    if group == "td":
        return Store(p, m, Td(p, m, page))
    entry = m.page(page)
    td = Td(p, m, entry.owner)
    return Store(p, m, td, Vcpu(td, page))


def _rows(group: str, store: Store | None, debug: bool) -> Iterator[Row]:
    for field in fields(group):
        if field.fields > MOST:
            yield _row(field, 0, store, debug, f"{field.name}[0..{field.fields - 1}]")
            continue
        for number in range(field.fields):
            name = field.name if field.fields == 1 else f"{field.name}[{number}]"
            yield _row(field, number, store, debug, name)


def fields(group: str) -> tuple[md.Field, ...]:
    """The rows of the table that belong to a group."""
    if group == "vmcs":
        return md.VMCS_FIELDS
    return {"td": md.TD_FIELDS, "vcpu": md.TDVPS_FIELDS, "sys": md.SYS_FIELDS}[group]


def _row(field: md.Field, number: int, store: Store | None, debug: bool, name: str) -> Row:
    host = field.debug if debug else field.host
    value = _value(field, number, store, host.read or (1 << field.bits) - 1)
    whole = (1 << field.bits) - 1
    hpa = _place(field, number, store)
    field_id = field.element_id(number * field.elements)
    return Row(
        name, field_id, access(field.host), access(field.debug), access(field.guest), value, meaning(field.name, value), bool(host.read),
        bool(host.read) and host.read & whole != whole, hpa, _tooltip(field, field_id, host, name, value),
    )  # fmt: skip


def access(masks: md.Access) -> str:
    return ("r" if masks.read else "") + ("w" if masks.write else "")


def meaning(name: str, value: str) -> str:
    """``RUNNABLE`` for an OP_STATE of 2, and the like."""
    table = STATES.get(name, {})
    return next((state for state, code in table.items() if value and int(value, 16) == code), "")


def _value(field: md.Field, number: int, store: Store | None, mask: int) -> str:
    """The field's elements as one number, highest element first."""
    if store is None:
        return ""
    try:
        parts = [read(store, field, number * field.elements + n) & mask for n in range(field.elements)]
    except (Inconsistent, MachineCheck):
        return ""
    digits = field.bits // 4
    return "0x" + "".join(f"{part:0{digits}x}" for part in reversed(parts))


def _place(field: md.Field, number: int, store: Store | None) -> Hpa | None:
    if store is None or field.where.startswith("="):
        return None
    structure, _, name = field.where.partition(".")
    try:
        found = store.structure(structure)
        page, offset, _ = found.layout[name.format(n=number)]
        return found.page(page) + offset
    except (Inconsistent, MachineCheck, KeyError):
        return None


def _tooltip(field: md.Field, field_id: int, host: md.Access, name: str, value: str) -> str:
    def words(masks: md.Access) -> str:
        if not masks.read and not masks.write:
            return "nothing"
        rows = [f"read {_mask(masks.read, field.bits)}"] if masks.read else []
        return " and ".join(rows + ([f"write {_mask(masks.write, field.bits)}"] if masks.write else []))

    lines = [
        f"{name}: field id {field_id:#018x}, {field.bits} bits"
        + (f", {field.elements} elements" if field.elements > 1 else ""),
        f"Host of a production TD may {words(field.host)}; of a debug TD {words(field.debug)}; the guest {words(field.guest)}.",
    ]
    if value:
        lines.append(
            f"{'The host gets' if host.read else 'It holds'} {value}{f' = {named}' if (named := meaning(field.name, value)) else ''}."
        )
    if not host.read:
        lines.append(
            "The host gets TDX_METADATA_FIELD_NOT_READABLE; the value is shown to you, not to the host."
        )
    if field.note:
        lines.append(field.note[:1].upper() + field.note[1:] + ".")
    return "\n".join(lines)


def _mask(mask: int, bits: int) -> str:
    return "all" if mask == (1 << bits) - 1 else f"bits {mask:#x}"


def filtered(made: Table, text: str) -> tuple[Row, ...]:
    """Rows whose name or id contains what was typed."""
    words = text.lower().split()
    return tuple(row for row in made.rows if all(w in f"{row.name} {row.id:#x}".lower() for w in words))


def counts(made: Table) -> tuple[int, int, int]:
    """Fields; readable by a production host; readable by a debug host."""
    rows = made.rows
    return len(rows), sum("r" in r.host for r in rows), sum("r" in r.debug for r in rows)


def describe(made: Table) -> str:
    """The table in words: what is kept from the host, then what it gets."""
    if not made.rows:
        return f"Metadata: {made.problem}."
    every, host, debug = counts(made)
    kind = "" if made.group == "sys" else ", a debug TD" if made.debug else ", a production TD"
    head = f"Metadata of {made.subject}{kind}: {every} fields, the host of a production TD reads {host}, of a debug TD {debug}."
    given = [f"{row.name} = {row.value}" for row in made.rows if row.given and row.value][:25]
    kept = [row.name for row in made.rows if not row.given][:25]
    tail = f" Kept from the host: {', '.join(kept)}." if kept else ""
    return f"{head} {made.problem} The host gets {'; '.join(given)}.{tail}".replace("  ", " ")
