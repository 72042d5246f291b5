"""The indirect branch predictor of a logical processor: branch targets, branch history, return stack.

Small and explicit: who trained an entry is kept beside it, so that a view can show whose it is. The
hardware keeps no such name; it only sees the low bits of the branch's address, and so does ``predict``.
Guests train it with indirect jumps and calls; near calls and returns are not recorded (they run in
translated blocks), and nothing is executed transiently.
Sizes and the history function are ours, not a particular processor's.
"""

import hashlib
from typing import NamedTuple

from tdxviz.core.units import Gla

TAG = 0xFFFFF
"""Bits of the branch's address that select an entry: branches that agree in them collide."""
MOST_TARGETS, MOST_RETURNS = 64, 16
HISTORY = (1 << 64) - 1


class Target(NamedTuple):
    """Where the branch with this tag went last, and who executed it."""

    branch: Gla
    target: Gla
    trainer: str


class Predictor:
    """Branch target buffer (oldest entry goes first), branch history buffer, return stack buffer."""

    def __init__(self) -> None:
        self.targets: dict[int, Target] = {}
        self.history = 0
        self.returns: list[tuple[Gla, str]] = []

    def predict(self, branch: Gla) -> Target | None:
        """What the front end will follow before the real target is known."""
        return self.targets.get(branch & TAG)

    def train(self, branch: Gla, target: Gla, trainer: str) -> None:
        """An indirect branch was executed."""
        self.targets.pop(branch & TAG, None)
        if len(self.targets) >= MOST_TARGETS:
            del self.targets[next(iter(self.targets))]
        self.targets[branch & TAG] = Target(branch, target, trainer)
        self.history = (self.history << 2 ^ branch ^ target >> 2) & HISTORY

    def push_return(self, after: Gla, caller: str) -> None:
        self.returns.append((after, caller))
        del self.returns[:-MOST_RETURNS]

    def pop_return(self) -> tuple[Gla, str] | None:
        return self.returns.pop() if self.returns else None

    def barrier(self) -> int:
        """IBPB: nothing learned before is used afterwards. Returns how many entries went."""
        gone = len(self.targets) + len(self.returns)
        self.targets, self.returns = {}, []
        return gone

    def clear_history(self) -> bool:
        """The branch history is overwritten. Returns whether there was any."""
        had, self.history = self.history != 0, 0
        return had

    def copy(self) -> "Predictor":
        twin = Predictor()
        twin.targets, twin.history, twin.returns = self.targets.copy(), self.history, self.returns.copy()
        return twin

    def digest(self, h: "hashlib._Hash") -> None:
        h.update(repr((list(self.targets.values()), self.history, self.returns)).encode())
