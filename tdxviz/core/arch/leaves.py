"""Leaf rows: what is uniform about a SEAMCALL or TDCALL leaf, read by code, views and tests."""

from dataclasses import dataclass

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
