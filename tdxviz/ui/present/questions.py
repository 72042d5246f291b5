"""Further questions to a moment's machine: those of the views of memory, translation and vCPU."""

from typing import TYPE_CHECKING, Any

from tdxviz.core.units import PAGE, Hpa
from tdxviz.ui.present.ask import Ask, core

if TYPE_CHECKING:  # the core is heavy and must not be imported before the first paint
    from tdxviz.core.peek import EpochInfo, LineInfo, PageInfo

PROCESSORS = 4


def asked(bridge: Any, moment: Any) -> "Questions":
    """The questions to a moment's machine, shared by all panels of the window; its own in a test
    that has no bridge to keep them."""
    share = getattr(bridge, "questions", None)
    return Questions(moment.machine) if share is None else share(moment)


def asked_at(bridge: Any, index: int) -> "Questions":
    """The same for another instant of the present timeline."""
    share = getattr(bridge, "questions_at", None)
    return Questions(bridge.session.timeline.at(index)) if share is None else share(index)


def asked_within(bridge: Any, depth: Any) -> "Questions":
    """The same in the middle of a silent run."""
    share = getattr(bridge, "questions_inside", None)
    return Questions(bridge.session.timeline.within(depth)) if share is None else share(depth)


class Questions(Ask):
    """``Ask`` for the panels around the stage; every answer is remembered."""

    def page(self, hpa: Hpa) -> "PageInfo":
        page = hpa - hpa % PAGE
        return self._once(("page", page), lambda: core().peek.page_info(self.machine, page, self.page_map()))

    def page_map(self) -> bytes:
        """One owner code (index into ``peek.OWNERS``) a page."""
        return self._once(("map",), lambda: core().peek.page_map(self.machine))

    def page_lines(self, hpa: Hpa) -> "tuple[LineInfo, ...]":
        page = hpa - hpa % PAGE
        return self._once(("lines", page), lambda: core().peek.page_lines(self.machine, page))

    def epochs(self) -> "EpochInfo | None":
        return self._once(("epochs",), lambda: core().peek.epochs(self.machine))

    def host_registers(self, lp: int) -> tuple[int, ...]:
        return self._once(("host", lp), lambda: core().peek.host_registers(self.machine, lp))

    def symbols(self) -> dict[str, int]:
        return self._once(("symbols",), lambda: core().peek.symbols(self.machine))

    def translate(self, gla: int) -> Hpa | None:
        """A linear address of the guest to host-physical, through all its tables."""
        cpu = self.vcpu()
        return self._once(
            ("gla", gla),
            lambda: core().peek_walk.translate(self.machine, gla, cr3=cpu.cr3, paging=bool(cpu.cr0 >> 31)),
        )

    def modes(self) -> tuple[str, ...]:
        """Who runs on each logical processor: ``host``, ``td`` or ``vm``."""
        return tuple(lp.mode for lp in self.machine.platform.lps)
