"""The state machines of the module as pictures: boxes, arrows, and where the machine is now."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tdxviz.core import peek_module, peek_sept
from tdxviz.core.arch import transitions
from tdxviz.core.arch.leaves import LEAVES
from tdxviz.core.tdx.dispatch import is_modelled
from tdxviz.core.units import Hpa, page_of
from tdxviz.ui.present.hexes import actor_title, spaced
from tdxviz.ui.present.questions import Questions

PLACES: dict[str, dict[str, tuple[int, int]]] = {
    "system": {
        "SYSINIT_PENDING": (0, 0), "SYSINIT_DONE": (1, 0), "SYSCONFIG_DONE": (2, 0), "SYS_READY": (2, 1),
        "SYS_SHUTDOWN": (1, 1),
    },
    "kot": {"HKID_FREE": (0, 0), "HKID_ASSIGNED": (1, 0), "HKID_FLUSHED": (1, 1), "HKID_RESERVED": (0, 1)},
    "lifecycle": {
        "TD_HKID_ASSIGNED": (0, 0), "TD_KEYS_CONFIGURED": (1, 0), "TD_BLOCKED": (1, 1), "TD_TEARDOWN": (0, 1),
    },
    "op_state": {
        "UNINITIALIZED": (0, 0), "INITIALIZED": (1, 0), "RUNNABLE": (2, 0), "LIVE_EXPORT": (2, 1),
        "PAUSED_EXPORT": (1, 1), "POST_EXPORT": (1, 2), "MEMORY_IMPORT": (0, 1), "STATE_IMPORT": (0, 2),
        "POST_IMPORT": (1, 3), "LIVE_IMPORT": (2, 3), "FAILED_IMPORT": (0, 3),
    },
    "vcpu": {"UNINITIALIZED": (0, 0), "READY": (1, 0), "ACTIVE": (1, 1), "DISABLED": (0, 1), "IMPORT": (2, 0)},
    "sept": {
        "FREE": (1, 0), "REMOVED": (0, 0), "PENDING": (0, 1), "PENDING_BLOCKED": (0, 2), "MAPPED": (1, 1),
        "BLOCKED": (1, 2), "NL_MAPPED": (2, 1), "NL_BLOCKED": (2, 2),
    },
}  # fmt: skip
"""Machine -> state -> column and row of its box. States that are not here are named below the picture."""
CHANGES = {
    "SystemStateChanged": "system", "KotChanged": "kot", "LifecycleChanged": "lifecycle",
    "OpStateChanged": "op_state", "VcpuStateChanged": "vcpu", "SeptEntryChanged": "sept",
}  # fmt: skip
"""Event -> the machine of which it is a step."""


@dataclass(frozen=True, slots=True)
class Node:
    state: str
    column: int
    row: int
    here: bool
    count: int
    """How many things are in this state; shown where there are several things."""
    tooltip: str


@dataclass(frozen=True, slots=True)
class Edge:
    """All arrows between two states as one line. ``leaves``: what leads along it."""

    before: str
    after: str
    leaves: tuple[str, ...]
    tooltip: str
    usable: bool
    """It starts where the machine is."""
    taken: bool
    """The step just made went along it."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A thing that has such a state: a TD, a vCPU, an HKID, an entry."""

    label: str
    state: str
    hpa: Hpa | None = None
    """Its page, to be chosen by a click."""


@dataclass(frozen=True, slots=True)
class Picture:
    name: str
    title: str
    subject: Subject | None
    subjects: tuple[Subject, ...]
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    others: tuple[str, ...]
    """States without a box."""
    words: tuple[str, ...]
    """What holds here, in sentences."""


def subjects(ask: Questions, name: str, hpa: Hpa) -> tuple[Subject, ...]:
    """Everything that has a state of this machine. ``hpa``: the place in question."""
    machine = ask.machine
    module = machine.module
    if module is None:
        return ()
    tds = ask.once(("td rows",), lambda: peek_module.td_rows(machine))
    if name == "system":
        return (Subject("TDX module", module.sys_state),)
    if name == "kot":
        return tuple(Subject(f"HKID {n:#x}", row.state) for n, row in sorted(module.kot.items()))
    if name == "lifecycle":
        return tuple(Subject(actor_title(td.actor), td.lifecycle, td.tdr) for td in tds)
    if name == "op_state":
        return tuple(Subject(actor_title(td.actor), td.op_state, td.tdr) for td in tds if td.op_state)
    if name == "vcpu":
        return tuple(
            Subject(f"{actor_title(td.actor)} vCPU {v.number}", v.state, v.tdvpr)
            for td in tds
            for v in td.vcpus
        )
    leaves = ask.once(("sept leaves",), lambda: peek_sept.leaves(machine))
    return tuple(_entry(page, *leaf) for page, leaf in leaves.items())


def _entry(page: Hpa, actor: str, entry: peek_sept.Entry) -> Subject:
    return Subject(f"{actor_title(actor)} GPA {spaced(entry.gpa)}", entry.state, page)


def picture(ask: Questions, name: str, wanted: str, hpa: Hpa, news: Sequence[Any]) -> Picture:
    """The machine of that name. ``wanted``: label of the chosen subject; empty: the most telling one."""
    one = transitions.BY_NAME[name]
    found = subjects(ask, name, hpa)
    here = _chosen(ask, name, found, wanted, hpa)
    state = here.state if here else ""
    taken = {(e.before, e.after) for e in news if CHANGES.get(type(e).__name__) == name}
    tally: dict[str, int] = {}
    for subject in found:
        tally[subject.state] = tally.get(subject.state, 0) + 1
    if name == "sept" and ask.machine.module is not None:
        tally |= ask.once(("sept tables",), lambda: peek_sept.tables(ask.machine))
    places = PLACES[name]
    nodes = tuple(
        Node(s, *places[s], s == state, tally.get(s, 0), _node_words(name, s, s == state, tally.get(s, 0)))
        for s in one.states
        if s in places
    )
    others = tuple(s for s in one.states if s not in places)
    return Picture(
        name, one.title, here, found, nodes, _edges(one, state, taken), others, _words(name, state, here)
    )


def _chosen(ask: Questions, name: str, found: tuple[Subject, ...], wanted: str, hpa: Hpa) -> Subject | None:
    """By label; else what the place in question is about; else the first."""
    page = page_of(hpa)
    if name == "sept":
        leaf = peek_sept.leaf_of(ask.once(("sept leaves",), lambda: peek_sept.leaves(ask.machine)), page)
        page = leaf[1].hpa if leaf else page
    fitting = [s for s in found if s.label == wanted] or [s for s in found if s.hpa == page]
    if not fitting and found:
        module, actors = ask.machine.module, {}
        entry = module.page(page) if module else None
        if module and entry:
            actors = {actor_title(actor): tdr for tdr, actor in module.actors.items()}
        fitting = [s for s in found if entry and actors.get(s.label.split(" vCPU")[0]) == entry.owner]
    if not fitting and name == "kot":
        fitting = [s for s in found if s.state == "HKID_ASSIGNED"]
    return (fitting or list(found) or [None])[0]


def _edges(one: transitions.StateMachine, state: str, taken: set[tuple[str, str]]) -> tuple[Edge, ...]:
    ways: dict[tuple[str, str], list[transitions.Arrow]] = {}
    for arrow in one.arrows:
        ways.setdefault((arrow.before, arrow.after), []).append(arrow)
    return tuple(
        Edge(before, after, tuple(a.by for a in arrows), "\n".join(_arrow_words(a) for a in arrows),
             before == state, (before, after) in taken)
        for (before, after), arrows in ways.items()
    )  # fmt: skip


def _arrow_words(arrow: transitions.Arrow) -> str:
    note = f" ({arrow.note})" if arrow.note else ""
    return f"{arrow.before} → {arrow.after} by {arrow.by}{note}"


def _node_words(name: str, state: str, here: bool, count: int) -> str:
    one = transitions.BY_NAME[name]
    ways = [_arrow_words(a) for a in one.arrows if a.before == state]
    head = (
        f"{state}: " + ("you are here. " if here else "") + (f"{count} in this state." if count > 1 else "")
    )
    return "\n".join([head, *(ways or ["Nothing that is drawn here leads out of it."])])


def _words(name: str, state: str, here: Subject | None) -> tuple[str, ...]:
    """Where the machine is, what leads on, and which leaves work here."""
    if here is None:
        return ("There is nothing in this machine that has such a state.",)
    rows = [f"{here.label} is {state or 'in no state'}."]
    if state == peek_module.UNREADABLE:
        return (f"{here.label} cannot be read: its key is gone, or its page was damaged.",)
    ways = [a for a in transitions.BY_NAME[name].arrows if a.before == state]
    rows += [f"→ {_arrow_words(a).partition(' → ')[2]}" for a in ways]
    if name == "op_state":
        allowed = [leaf for leaf in LEAVES if state in leaf.op_states]
        real = [leaf.name for leaf in allowed if is_modelled(leaf)]
        rest = len(allowed) - len(real)
        tail = f"; {rest} more that are not modelled yet" if rest else ""
        rows.append(f"Leaves that test OP_STATE and work here: {', '.join(sorted(real)) or 'none'}{tail}.")
    return tuple(rows)


def describe(made: Picture) -> str:
    """The machine in words: every state, what leads out of it, where we are."""
    parts = [f"State machine {made.title}: {', '.join(n.state for n in made.nodes)}."]
    parts += [f"{made.words[0]}"]
    ways = [words.removeprefix("→ ") for words in made.words[1:] if words.startswith("→")]
    if ways:
        parts.append(f"From here to {'; '.join(ways)}.")
    parts += [words for words in made.words[1:] if not words.startswith("→")]
    taken = [f"{edge.before} to {edge.after}" for edge in made.edges if edge.taken]
    if taken:
        parts.append(f"The last step went from {', '.join(taken)}.")
    if made.others:
        parts.append(f"States of live migration, not drawn: {', '.join(made.others)}.")
    return " ".join(parts)
