"""The indirect branch predictor of a logical processor: branch targets, branch history, return stack.

Small and explicit: who trained an entry is kept beside it, so that a view can show whose it is. The
hardware keeps no such name; it only sees the low bits of the branch's address, and so does ``predict``.
A processor with IBRS_ALL keeps what was learned in SEAM mode apart from everything else (``separate``).
Sizes and the history function are ours, not a particular processor's; history chooses no prediction
here. An empty return stack predicts nothing (RSBA = 0), and what the module's own CALLs leave in it is
not modelled: no source read here says that the module stuffs it; IBPB empties it.
"""

import hashlib
from collections import deque
from typing import NamedTuple

from tdxviz.core.units import Gla

TAG = 0xFFFFF
"""Bits of the branch's address that select an entry: branches that agree in them collide."""
SEAM = TAG + 1
"""Marks the entries of SEAM mode, where modes are kept apart."""
MOST_TARGETS, MOST_RETURNS = 64, 16
HISTORY = (1 << 64) - 1


class Target(NamedTuple):
    """Where the branch with this tag went last, and who executed it. Of a return: the address behind
    the CALL instead of the branch's own."""

    branch: Gla
    target: Gla
    trainer: str

    @property
    def of_return(self) -> bool:
        return self.branch == self.target


def in_seam(actor: str) -> bool:
    """Whether this actor's code runs in SEAM mode: the module and the TDs do."""
    return actor.startswith("td-") or actor == "module"


class Predictor:
    """Branch target buffer (oldest entry goes first), branch history buffer, return stack buffer."""

    def __init__(self, *, separate: bool = False) -> None:
        self.targets: dict[int, Target] = {}
        self.history = 0
        self.returns: deque[tuple[Gla, str]] = deque(maxlen=MOST_RETURNS)
        """(return address, who called), the newest last; blocks append to it directly."""
        self.separate = separate

    def _key(self, branch: Gla, actor: str) -> int:
        return branch & TAG | (SEAM if self.separate and in_seam(actor) else 0)

    def predict(self, branch: Gla, actor: str) -> Target | None:
        """What the front end will follow before the real target is known."""
        return self.targets.get(self._key(branch, actor))

    def train(self, branch: Gla, target: Gla, trainer: str) -> None:
        """An indirect branch was executed."""
        key = self._key(branch, trainer)
        self.targets.pop(key, None)
        if len(self.targets) >= MOST_TARGETS:
            del self.targets[next(iter(self.targets))]
        self.targets[key] = Target(branch, target, trainer)
        self.history = (self.history << 2 ^ branch ^ target >> 2) & HISTORY

    def push_return(self, after: Gla, caller: str) -> None:
        self.returns.append((after, caller))

    def pop_return(self, actor: str) -> Target | None:
        """The prediction for a RET of ``actor``: none from the other mode where modes are apart."""
        if not self.returns:
            return None
        after, caller = self.returns.pop()
        if self.separate and in_seam(caller) != in_seam(actor):
            return None
        return Target(after, after, caller)

    def barrier(self) -> int:
        """IBPB: nothing learned before is used afterwards, for RET neither. Returns how many entries went."""
        gone = len(self.targets) + len(self.returns)
        self.targets.clear()
        self.returns.clear()
        return gone

    def clear_history(self) -> bool:
        """The branch history is overwritten. Returns whether there was any."""
        had, self.history = self.history != 0, 0
        return had

    def copy(self) -> "Predictor":
        twin = Predictor(separate=self.separate)
        twin.targets, twin.history, twin.returns = self.targets.copy(), self.history, self.returns.copy()
        return twin

    def digest(self, h: "hashlib._Hash") -> None:
        known = list(self.targets.values()), self.history, list(self.returns), self.separate
        h.update(repr(known).encode())
