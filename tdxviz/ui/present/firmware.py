"""A firmware's boot as text: the TDCALL that comes next, those that were made, how much is accepted."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tdxviz.core.units import Gla
from tdxviz.ui.present.questions import Questions

if TYPE_CHECKING:  # the core is heavy and must not be imported before the first paint
    from tdxviz.core.host.firmware_notes import Notes

VMCALL, ACCEPT = "TDG.VP.VMCALL", "TDG.MEM.PAGE.ACCEPT"
SIZES = ("4 KiB", "2 MiB", "1 GiB")
GPA_MASK = (1 << 52) - 0x1000
TOLD = ("RCX", "RDX", "R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15")
"""Registers that TDCALL leaves take operands in."""
MOST_BETWEEN = 40
"""Commands between a TDVMCALL and the entry that answers it, at most."""
STOPS = (
    ("other", "another leaf than this"), (ACCEPT, ACCEPT), (VMCALL, VMCALL), ("TDG.MR.RTMR.EXTEND", "TDG.MR.RTMR.EXTEND"),
    ("TDG.VP.VEINFO.GET", "TDG.VP.VEINFO.GET"), ("accepted", "all memory accepted"),
)  # fmt: skip
"""What ``firmware.next`` can run to, and its words."""


@dataclass(slots=True)
class Made:
    """One TDCALL that was stopped at. ``end``: the index at which the machine stands before it."""

    number: int
    instruction: int
    rip: Gla
    leaf: str
    end: int
    result: int = -1
    """Number of the event with its completion; -1 while it has none."""
    given: int = 0
    """How often the host had to add the page first."""


class Log:
    """Every TDCALL of a timeline; grows with it."""

    def __init__(self) -> None:
        self.rows: list[Made] = []
        self._timeline: Any = None
        self._read = 0

    def update(self, timeline: Any) -> None:
        if timeline is not self._timeline or len(timeline.events) < self._read:
            self.rows, self._timeline, self._read = [], timeline, 0
        events = timeline.events
        for number in range(self._read, len(events)):
            self._hear(number, events[number])
        self._read = len(events)

    def _hear(self, number: int, event: Any) -> None:
        kind = type(event).__name__
        if kind == "RunPaused" and event.before == "TDCALL":
            from tdxviz.core.host.firmware import leaf_name

            here = Made(len(self.rows) + 1, event.number, event.rip, leaf_name(event.rax), number + 1)
            self.rows.append(here)
        elif kind == "LeafReturned" and self.rows and self.rows[-1].result < 0:
            self._completed(self.rows[-1], number, event)

    @staticmethod
    def _completed(made: Made, number: int, event: Any) -> None:
        from tdxviz.core.arch import exits

        if event.name == made.leaf or (
            event.name == "TDH.VP.ENTER" and event.status == exits.TDCALL and made.leaf == VMCALL
        ):
            made.result = number
        elif event.name == "TDH.VP.ENTER" and event.status == exits.EPT_VIOLATION:
            made.given += 1

    def shown(self, index: int) -> int:
        """How many of them had been come to at an index."""
        return bisect_right(self.rows, index, key=lambda made: made.end)


def registers(made: Made, events: Sequence[Any]) -> dict[str, int]:
    """Operands of a TDCALL that has completed, as its event tells them."""
    if made.result < 0:
        return {}
    event = events[made.result]
    return event.outputs if made.leaf == VMCALL else event.inputs


def status(made: Made, timeline: Any, index: int) -> tuple[str, bool]:
    """Completion status in words, and whether it is a good one; empty before it has completed."""
    if made.result < 0 or made.result >= index:
        return "", True
    if made.leaf == VMCALL:
        return _answered(made, timeline, index)
    from tdxviz.core.arch.status import ERROR, name_of

    rax = timeline.events[made.result].status
    return name_of(rax), not rax & ERROR


def _entry(made: Made, timeline: Any, index: int) -> Any:
    """The TDH.VP.ENTER with which the host answered a TDVMCALL; None before it did."""
    first = bisect_left(timeline.starts, made.result + 1)
    for number in range(first, min(first + MOST_BETWEEN, len(timeline.commands))):
        command = timeline.commands[number]
        if type(command).__name__ == "Seamcall" and command.rax & 0xFFFF == 0:
            return command if timeline.starts[number] < index else None
    return None


def _answered(made: Made, timeline: Any, index: int) -> tuple[str, bool]:
    """What the host put into R10 when it entered the TD again."""
    from tdxviz.core.host import vmm

    command = _entry(made, timeline, index)
    if command is None:
        return "exit to the host", True
    if command.r10:
        return vmm.ANSWERS.get(command.r10, f"R10 {command.r10:#x}"), False
    return "TDX_SUCCESS", True


def result(made: Made, timeline: Any, index: int) -> str:
    """What a TDVMCALL brought in R11, for those that ask for a value."""
    from tdxviz.core.host import vmm

    regs = registers(made, timeline.events)
    if made.leaf != VMCALL or regs.get("R11") not in (vmm.IO, vmm.MMIO, vmm.RDMSR) or regs.get("R13"):
        return ""
    command = _entry(made, timeline, index)
    return f" → {command.r11:#x}" if command is not None and not command.r10 else ""


def words(leaf: str, regs: dict[str, int]) -> str:
    """What a TDCALL with these operands asks for."""
    if leaf == ACCEPT:
        size = SIZES[min(regs.get("RCX", 0) & 7, 2)]
        return f"{size} at GPA {regs.get('RCX', 0) & GPA_MASK:#x}"
    if leaf == VMCALL:
        return _vmcall(regs)
    return {"TDG.VP.INFO": "who am I: GPA width, attributes, vCPUs", "TDG.VP.VEINFO.GET": "what was the #VE about",
            "TDG.MR.RTMR.EXTEND": f"extend RTMR{regs.get('RDX', 0)}"}.get(leaf, "")  # fmt: skip


def _vmcall(regs: dict[str, int]) -> str:
    """A TDVMCALL: its sub-function and what that is about."""
    from tdxviz.core.host import vmm

    def r(name: str) -> int:
        return regs.get(name, 0)

    if r("R10"):
        return f"a vendor's own call {r('R11'):#x}"
    function = r("R11")
    about = {
        vmm.IO: f"{'OUT' if r('R13') else 'IN'} {r('R14'):#x}, {r('R12')} bytes" + (f": {r('R15'):#x}" if r("R13") else ""),
        vmm.MMIO: f"{'write' if r('R13') else 'read'} {r('R12')} bytes at {r('R14'):#x}" + (f": {r('R15'):#x}" if r("R13") else ""),
        vmm.RDMSR: f"{r('R12'):#x}", vmm.WRMSR: f"{r('R12'):#x}: {r('R13'):#x}",
        vmm.CPUID: f"leaf {r('R12'):#x}, sub-leaf {r('R13'):#x}",
        vmm.MAP_GPA: f"{r('R13'):#x} bytes from {r('R12'):#x}",
    }.get(function, "")  # fmt: skip
    return f"{vmm.NAMES.get(function, f'sub-function {function:#x}')} {about}".rstrip()


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the machine stands. ``leaf`` is empty between two TDCALLs; ``operands``: register, value."""

    instruction: int
    rip: Gla
    leaf: str
    asks: str
    operands: tuple[tuple[str, int], ...]
    last: str
    """The TDCALL before it, with its completion."""
    good: bool


@dataclass(frozen=True, slots=True)
class Picture:
    """``accepted`` and ``promised`` in bytes; ``name`` is empty while no firmware was booted."""

    name: str
    accepted: int
    promised: int
    stop: Stop | None


def picture(ask: Questions, log: Log, timeline: Any, index: int) -> Picture:
    notes = _notes(ask)
    if notes is None:
        return Picture("", 0, 0, None)
    return Picture(notes.name, accepted(ask, notes), notes.promised, _stop(ask, log, timeline, index))


def _notes(ask: Questions) -> "Notes | None":
    from tdxviz.core.faults import TdxvizError
    from tdxviz.core.host import firmware_notes

    def read() -> "Notes | None":
        try:
            return firmware_notes.read(ask.machine)
        except TdxvizError:
            return None

    return ask.once(("firmware notes",), read)


def accepted(ask: Questions, notes: "Notes") -> int:
    """Bytes whose Secure EPT entries say so, without those that were there from the beginning."""
    from tdxviz.core import peek_sept

    def count() -> int:
        found = (e for td in peek_sept.guests(ask.machine)[:1] for e in peek_sept.entries(ask.machine, td))
        return sum(0x1000 << 9 * e.level for e in found if e.state == "MAPPED") - notes.added * 0x1000

    return ask.once(("firmware accepted",), count)


def _stop(ask: Questions, log: Log, timeline: Any, index: int) -> Stop:
    cpu, lp = ask.vcpu(), ask.machine.platform.lps[0]
    count = log.shown(index)
    here = log.rows[count - 1] if count else None
    at = here is not None and not 0 <= here.result < index and lp.mode == "td" and cpu.rip == here.rip
    before = (log.rows[count - 2] if count > 1 else None) if at else here
    last, good = _last(before, timeline, index) if before is not None else ("", True)
    regs = dict(zip(NAMES, cpu.gprs, strict=True))
    if here is None or not at:
        return Stop(lp.retired, cpu.rip, "", "", (), last, good)
    operands = tuple((name, regs[name]) for name in _used(here.leaf))
    return Stop(here.instruction, here.rip, here.leaf, words(here.leaf, regs), operands, last, good)


def _used(leaf: str) -> tuple[str, ...]:
    """Registers in which a leaf takes operands: those its row names."""
    from tdxviz.core.arch.leaves import BY_NAME
    from tdxviz.ui.present.leaf_operands import operands

    if leaf == VMCALL:
        return TOLD[4:]
    return tuple(o.register for o in operands(BY_NAME[leaf])) if leaf in BY_NAME else TOLD


def _last(made: Made, timeline: Any, index: int) -> tuple[str, bool]:
    said, good = status(made, timeline, index)
    regs = registers(made, timeline.events)
    if not said:
        return f"{made.leaf} is being carried out", True
    more = f", after the host added the page ({made.given} EPT violation)" if made.given else ""
    asked = f"{words(made.leaf, regs)}{result(made, timeline, index)}"
    return f"{made.leaf}: {said}. {asked}{more}".rstrip(), good


def focus(ask: Questions, made: Made, events: Sequence[Any]) -> Any:
    """The place a TDCALL was about, for every view; None if it was about no page."""
    from tdxviz.session.moment import Focus

    if made.leaf != ACCEPT or made.result < 0:
        return None
    gpa = events[made.result].inputs.get("RCX", 0) & GPA_MASK
    return Focus(gpa=gpa, hpa=ask.walk(gpa).hpa)


def last_focus(ask: Questions, news: Sequence[Any]) -> Any:
    """The page that was accepted last in these events; None if none was."""
    from tdxviz.session.moment import Focus

    for event in reversed(news):
        if type(event).__name__ == "LeafReturned" and event.name == ACCEPT and not event.status:
            gpa = event.inputs.get("RCX", 0) & GPA_MASK
            return Focus(gpa=gpa, hpa=ask.walk(gpa).hpa)
    return None


NAMES = ("RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", *(f"R{n}" for n in range(8, 16)))
"""General registers in encoding order."""


def describe(shown: Picture) -> str:
    if not shown.name:
        return "No firmware was booted in this session. Press Boot firmware to choose an image."
    stop = shown.stop
    assert stop is not None
    state = f"Firmware {shown.name}: {shown.accepted >> 20} of {shown.promised >> 20} MiB accepted. "
    if stop.leaf:
        regs = ", ".join(f"{name} {value:#x}" for name, value in stop.operands)
        state += f"Instruction {stop.instruction:,} at {stop.rip:#x} is {stop.leaf}: {stop.asks}. {regs}. "
    else:
        state += f"{stop.instruction:,} instructions have run; RIP {stop.rip:#x}. "
    return state + (f"Before it, {stop.last}." if stop.last else "")


def card(stop: Stop) -> str:
    """The stop as a few lines of text."""
    if not stop.leaf:
        lines = [f"{stop.instruction:,} instructions have run   RIP {stop.rip:#x}"]
    else:
        lines = [f"instruction {stop.instruction:,}   RIP {stop.rip:#x}   next: {stop.leaf}", stop.asks]
        lines += [
            "  ".join(f"{n} {v:#x}" for n, v in stop.operands[k : k + 4])
            for k in range(0, len(stop.operands), 4)
        ]
    if stop.last:
        lines.append(f"before it: {stop.last}")
    return "\n".join(line for line in lines if line)


def state(shown: Picture) -> str:
    if not shown.name:
        return (
            "A firmware image with TDX metadata (Debian's package ovmf brings one) becomes a TD, page by page; "
            "then its own reset vector runs, and the machine stops before each TDCALL."
        )
    return f"{shown.name}: {shown.accepted / (1 << 20):.1f} of {shown.promised / (1 << 20):.1f} MiB accepted"


def share(shown: Picture) -> float:
    """How much of what was promised is accepted, 0 to 1."""
    return shown.accepted / shown.promised if shown.promised else 0.0


def running(task: Any, session: Any) -> str:
    """What a task that is going on has done so far."""
    if task.action is None:
        return ""
    if task.action.name == "firmware.build":
        return f"building the TD: {task.done:,} of {max(task.wanted, task.done):,} calls"
    ran = session.timeline.machine.platform.lps[0].retired
    return f"running: {ran:,} instructions since reset, {task.seconds:.0f} s"
