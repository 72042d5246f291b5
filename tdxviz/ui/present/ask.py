"""The questions the stage and the eyes put to a moment's machine, answered once per moment.

The core is imported when the first question is asked, so that these modules cost nothing at
start-up. Tests hand in an object with the same methods and hand-made answers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from tdxviz.core.units import PAGE, Gpa, Hpa

if TYPE_CHECKING:  # because the core is heavy and must not be imported before the first paint
    from tdxviz.core.observe import Seen
    from tdxviz.core.peek import KeyRow, LineDetail, PageInfo, TlbRow, VcpuInfo, WalkInfo

Answer = TypeVar("Answer")

SECRET = 0x413540
"""The vault's password line: what the picture is about until something else is chosen."""
PICTURE = 0x414000
"""The page in which the vault keeps its 64 by 64 picture."""


@dataclass(frozen=True)
class Core:
    """The parts of the core that answer questions."""

    peek: Any
    peek_walk: Any
    observe: Any


@cache
def core() -> Core:
    """Imported when the first question is asked, and looked up no more after that."""
    from tdxviz.core import observe, peek, peek_walk

    return Core(peek, peek_walk, observe)


def same_instant(old: Any, new: Any, old_events: Any, new_events: Any) -> bool:
    """True if two moments show the same instant of the same story with the same line chosen, so
    that nothing has to be asked again; only hovering and pins may differ."""
    return old is not None and old_events is new_events and _instant(old) == _instant(new)


def _instant(moment: Any) -> tuple[Any, ...]:
    """A run without trace moves the machine without an event: its instructions count, too."""
    return moment.index, moment.total, moment.focus, moment.depth, moment.instruction, moment.instructions


class Ask:
    """Read-only; remembers answers, so a repaint asks nothing twice."""

    def __init__(self, machine: Any) -> None:
        self.machine = machine
        self._known: dict[tuple[object, ...], Any] = {}

    @property
    def world(self) -> str:
        return self.machine.world

    @property
    def powered(self) -> bool:
        """False once the DIMM was moved to another machine."""
        return self.machine.platform.powered

    def once(self, key: tuple[object, ...], question: Callable[[], Answer]) -> Answer:
        """The answer to a question a view makes up itself; asked once a moment."""
        return self._once(key, question)

    def _once(self, key: tuple[object, ...], question: Callable[[], Answer]) -> Answer:
        if key not in self._known:
            self._known[key] = question()
        return self._known[key]

    def line(self, hpa: Hpa) -> "LineDetail":
        """``peek.LineDetail`` of the line at ``hpa``."""
        return self._once(("line", hpa), lambda: core().peek.line_detail(self.machine, hpa))

    def page(self, hpa: Hpa) -> "PageInfo":
        """``peek.PageInfo`` of the page that holds ``hpa``."""
        page = hpa - hpa % PAGE
        return self._once(("page", page), lambda: core().peek.page_info(self.machine, page))

    def tlb(self, lp: int = 0) -> "tuple[TlbRow, ...]":
        return self._once(("tlb", lp), lambda: core().peek.tlb(self.machine, lp))

    def walk(self, gpa: Gpa) -> "WalkInfo":
        return self._once(("walk", gpa), lambda: core().peek.walk(self.machine, gpa))

    def vcpu(self) -> "VcpuInfo":
        return self._once(("vcpu",), lambda: core().peek.vcpu(self.machine))

    def disassembly(self, count: int = 6) -> tuple[tuple[int, bytes, str, bool], ...]:
        return self._once(("code", count), lambda: core().peek.disassembly(self.machine, count))

    def key_rows(self) -> "tuple[KeyRow, ...]":
        return self._once(("keys",), lambda: core().peek.keys(self.machine))

    def seen(self, actor: str, hpa: Hpa, size: int) -> "Seen":
        """``observe.Seen``."""
        return self._once(
            ("seen", actor, hpa, size), lambda: core().observe.observe(self.machine, actor, hpa, size)
        )

    def palette(self) -> tuple[int, ...]:
        """Colours of the guest's picture, 0xRRGGBB each."""
        return tuple(int(colour.removeprefix("#"), 16) for colour in core().peek.palette())

    def actors(self) -> tuple[str, ...]:
        """Everybody who can look, guests first."""
        return self._once(("actors",), lambda: core().observe.actors(self.machine))
