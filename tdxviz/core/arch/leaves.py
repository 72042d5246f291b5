"""Leaf rows: what is uniform about a SEAMCALL or TDCALL leaf, read by code, views and tests."""

from dataclasses import dataclass

from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaf_table import ROWS


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what must hold, and the status and operand when it does not."""

    text: str
    status: str
    operand: str | None


@dataclass(frozen=True, slots=True)
class Leaf:
    number: int
    name: str
    side: str
    """``host`` for SEAMCALL, ``guest`` for TDCALL."""
    purpose: str
    inputs: dict[str, str]
    outputs: dict[str, str]
    checks: tuple[Check, ...]
    op_states: frozenset[str]
    source: tuple[str, ...]

    def failed(self, status: int, passed: int) -> int | None:
        """Index of the check that gave ``status`` after ``passed`` others; None on success, or when the
        dispatcher refused before any."""
        if not status & s.ERROR or passed >= len(self.checks):
            return None
        check, operand = self.checks[passed], s.operand_of(status)
        if s.name_of(status) not in check.status:
            return None
        return passed if check.operand is None or operand is None or operand in check.operand else None


def _leaf(row: dict) -> Leaf:
    checks = tuple(Check(c["check"], c["status"], c["operand"]) for c in row["checks"])
    return Leaf(
        row["number"], row["name"], row["side"], row["purpose"], row["inputs"], row["outputs"],
        checks, frozenset(row["op_states"]), tuple(row["source"]),
    )  # fmt: skip


LEAVES: tuple[Leaf, ...] = tuple(_leaf(row) for row in ROWS)
BY_NAME = {leaf.name: leaf for leaf in LEAVES}
SEAMCALL = {leaf.number: leaf for leaf in LEAVES if leaf.side == "host"}
TDCALL = {leaf.number: leaf for leaf in LEAVES if leaf.side == "guest"}
