"""Copies of the machine along a timeline, near enough that replay between two is short."""

from bisect import bisect_right

from tdxviz.core.machine import Machine

SPACING = 1500
"""Cost (about: events) of replaying from one checkpoint to the next."""
MOST = 128
"""When there are more, every second one is dropped and the spacing doubles."""


class Checkpoints:
    """Sorted by number of commands done. The kept machines are never changed."""

    def __init__(self, base: Machine) -> None:
        self._numbers = [0]
        self._machines = [base]
        self._spacing = SPACING
        self._since = 0

    def __len__(self) -> int:
        return len(self._numbers)

    def consider(self, number: int, machine: Machine, cost: int) -> None:
        """After command ``number``: take a copy if replay from the last one has become long."""
        self._since += cost
        if self._since < self._spacing:
            return
        self._since = 0
        self._numbers.append(number)
        self._machines.append(machine.copy())
        if len(self._numbers) > MOST:
            self._numbers = self._numbers[::2]
            self._machines = self._machines[::2]
            self._spacing *= 2

    def nearest(self, number: int) -> tuple[int, Machine]:
        """The newest checkpoint not after command ``number``."""
        at = bisect_right(self._numbers, number) - 1
        return self._numbers[at], self._machines[at]

    def until(self, number: int) -> "Checkpoints":
        """The same checkpoints up to command ``number``, for a branch."""
        twin = object.__new__(Checkpoints)
        keep = bisect_right(self._numbers, number)
        twin._numbers, twin._machines = self._numbers[:keep], self._machines[:keep]
        twin._spacing, twin._since = self._spacing, 0
        return twin
