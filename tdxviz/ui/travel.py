"""Moving through time and space: steps, jumps, addresses."""

from collections.abc import Callable
from typing import Any

from tdxviz.core import peek
from tdxviz.core.faults import TdxvizError
from tdxviz.core.units import LINE, line_of
from tdxviz.session import places
from tdxviz.session.moment import Focus
from tdxviz.ui.bridge import Bridge


class Travel:
    """The transport of the window."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self.unit: Any = "event"

    def set_unit(self, unit: str) -> None:
        self.unit = unit

    def actions(self) -> dict[str, Callable[[], Any]]:
        b = self.bridge
        return {
            "first": lambda: b.go_to_instruction(0) if b.session.in_silence_at_start else b.go_to(0),
            "last": lambda: b.go_to(b.session.total),
            "forward": lambda: b.step(self.unit, 1),
            "back": lambda: b.step(self.unit, -1),
            "next_instruction": lambda: b.step("instruction", 1),
            "previous_instruction": lambda: b.step("instruction", -1),
            "next_action": lambda: b.step("action", 1),
            "previous_action": lambda: b.step("action", -1),
            "next_attack": lambda: self._attack(1),
            "previous_attack": lambda: self._attack(-1),
            "next_here": lambda: self._here(1),
            "previous_here": lambda: self._here(-1),
            "undo": self._undo,
        }

    def _attack(self, way: int) -> None:
        session = self.bridge.session
        ends = [e.end_event for e in session.entries if e.action.name == "attack"]
        ahead = [n for n in ends if n > session.index] if way > 0 else [n for n in ends if n < session.index]
        if ahead:
            self.bridge.go_to(ahead[0] if way > 0 else ahead[-1])

    def _here(self, way: int) -> None:
        """Next event that touches the selected line."""
        session = self.bridge.session
        hpa = session.focus.hpa
        if hpa is None:
            return
        line = line_of(hpa)
        order = range(session.index, session.total) if way > 0 else range(session.index - 2, -1, -1)
        for number in order:
            at = getattr(session.events[number], "hpa", None)
            if at is not None and line <= at < line + LINE:
                self.bridge.go_to(number + 1)
                return

    def _undo(self) -> None:
        """Back to before the last action; the script keeps it as a branch when one acts again."""
        session = self.bridge.session
        before = [e.first_event for e in session.entries if e.first_event < session.index]
        self.bridge.go_to(before[-1] if before else 0)

    def asked_instruction(self) -> tuple[str, str, str]:
        """Title, question and example of the dialog that goes to one."""
        total = self.bridge.moment.instructions
        return "Go to instruction", f"Number of an instruction, 0 to {total:,}", f"{total // 2}"

    def go_to_instruction(self, text: str) -> str:
        """To an instruction by its number; returns what is wrong with it, empty if nothing."""
        total = self.bridge.moment.instructions
        try:
            number = int(text.replace(",", "").replace("_", ""), 0)
        except ValueError:
            return f"{text!r} is no number; instructions are numbered 0 to {total:,}."
        if not 0 <= number <= total:
            return f"Guests executed {total:,} instructions in this recording; {number:,} is outside 0 to {total:,}."
        self.bridge.go_to_instruction(number)
        return ""

    def symbols(self) -> list[str]:
        return list(peek.symbols(self.bridge.moment.machine))

    def go_to_address(self, text: str) -> str:
        """Select an address given in words; returns what is wrong with it, empty if nothing."""
        try:
            hpa = places.hpa(self.bridge.moment.machine, text)
        except TdxvizError as slip:
            return str(slip)
        machine = self.bridge.moment.machine
        if not 0 <= hpa < machine.platform.size:
            found = peek.walk(machine, hpa).hpa
            if found is None:
                return f"{hpa:#x} is neither in memory (0 to {machine.platform.size:#x}) nor mapped in the guest."
            hpa = found
        self.bridge.select(Focus(hpa=hpa))
        self.bridge.open_view("line")
        return ""
