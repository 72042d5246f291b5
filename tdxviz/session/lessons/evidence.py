"""What a check may look at: facts since the step began, answers, clicks, verdicts, and state."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tdxviz.core.arch import report as report_layout
from tdxviz.core.arch.structures import TDCS
from tdxviz.core.host.boot import XFAM_CET
from tdxviz.core.machine import Machine
from tdxviz.core.observe import Seen, observe
from tdxviz.core.peek import vcpu
from tdxviz.core.peek_sept import leaves
from tdxviz.core.tdx.inspect import field as field_of
from tdxviz.core.tdx.inspect import tds
from tdxviz.core.units import LINE, PAGE, Gpa, Hpa, page_of
from tdxviz.session.lessons.facts import Fact

REGISTERS = (
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
    "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
)  # fmt: skip
OBSERVERS = ("guest", "host", "device", "probe")
STATE_FIELDS: dict[str, tuple[str, ...]] = {
    "line": (
        *(f"{who}_view" for who in OBSERVERS),
        *(f"{who}_kind" for who in OBSERVERS),
        "poisoned", "owner", "changed_bytes",
    ),
    "td": ("fatal", "alive", "cet"),
    "report": ("cet", "debug", "type"),
    "vcpu": ("rip", *REGISTERS),
    "host": REGISTERS,
}  # fmt: skip
"""What ``state`` may ask, by ``of``. Views are hex digits; kinds as ``observe`` names them. ``report``:
the newest TDREPORT that TD-A has made since the step began, read in the guest's own memory."""

GUEST_LP = 0
Place = tuple[Hpa, int]
"""First byte and size."""


@dataclass
class Evidence:
    """``machines``: the machine of a world (empty: the lesson's present one), None if not built.

    ``pristine``: the machine as it was when the lesson began. ``answer``: whether a question is
    answered as wanted.
    """

    places: dict[str, Place]
    machines: Callable[[str], Machine | None]
    pristine: Machine
    answered: Callable[[str, str], bool]
    facts: list[Fact] = field(default_factory=list)
    selected: set[str] = field(default_factory=set)
    verdicts: list[dict[str, str]] = field(default_factory=list)

    def forget(self) -> None:
        """A new step begins: what was before does not count."""
        self.facts.clear()
        self.selected.clear()
        self.verdicts.clear()

    def touches(self, fact: Fact, anchor: str) -> bool:
        """Whether the fact is about at least one byte of the anchor."""
        start, size = self.places[anchor]
        return fact.hpa < start + size and start < fact.hpa + fact.size

    def state(self, kind: str, at: str, name: str, world: str) -> str | int | bool | None:
        """None when there is nothing to look at."""
        machine = self.machines(world)
        if machine is None:
            return None
        if kind == "line":
            return self._line(machine, self.places[at][0], name)
        if kind == "td":
            return _td(machine, name)
        if kind == "report":
            return self._report(machine, name)
        if kind == "host":
            return machine.platform.lps[GUEST_LP].gprs[REGISTERS.index(name)]
        found = vcpu(machine)
        return found.rip if name == "rip" else found.gprs[REGISTERS.index(name)]

    def _line(self, machine: Machine, hpa: Hpa, name: str) -> str | int | bool:
        chips = machine.platform.memctl.probe(hpa)
        if name == "poisoned":
            return chips.poison
        if name == "owner":
            return chips.owner
        if name == "changed_bytes":
            now, then = _seen(machine, "guest", hpa), _seen(self.pristine, "guest", hpa)
            return sum(a != b for a, b in zip(now.data or b"", then.data or b"", strict=False))
        who, _, what = name.partition("_")
        seen = _seen(machine, who, hpa)
        return seen.kind if what == "kind" else (seen.data or b"").hex()

    def _report(self, machine: Machine, name: str) -> int | bool | None:
        made = [fact for fact in self.facts if fact.name == "report.create" and "ok" in fact.results]
        if not made:
            return None
        report = _guest_bytes(machine, int(made[-1].more["first"]), report_layout.SIZE)
        if name == "type":
            return report[0]
        part = int.from_bytes(report_layout.cut(report, "XFAM" if name == "cet" else "ATTRIBUTES"), "little")
        return part & XFAM_CET == XFAM_CET if name == "cet" else bool(part & 1)


def _guest_bytes(machine: Machine, gpa: Gpa, size: int) -> bytes:
    """TD-A's memory as TD-A sees it; zeros where nothing is mapped. ``gpa`` and ``size``: whole lines."""
    pages = {entry.gpa: hpa for hpa, (actor, entry) in leaves(machine).items() if actor == "td-a"}
    found = b""
    for at in range(gpa, gpa + size, LINE):
        hpa = pages.get(page_of(at))
        seen = _seen(machine, "guest", hpa + at % PAGE) if hpa is not None else None
        found += (seen.data if seen else None) or bytes(LINE)
    return found


def _seen(machine: Machine, who: str, hpa: Hpa) -> Seen:
    return observe(machine, who, hpa, LINE)


def _td(machine: Machine, name: str) -> bool | None:
    if machine.module is None:
        return None
    found = [td for td in tds(machine.platform, machine.module) if td.actor == "td-a"]
    if not found:
        return None
    if name == "cet":
        xfam = field_of(machine.platform, found[0].hkid, found[0].tdcx, TDCS, "XFAM")
        return xfam & XFAM_CET == XFAM_CET
    return bool(found[0].fatal) == (name == "fatal")
