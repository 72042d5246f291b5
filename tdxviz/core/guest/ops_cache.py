"""CLFLUSH, CLFLUSHOPT, CLWB: the guest's own lines, under the key that its addresses have."""

from tdxviz.core.guest.context import Context
from tdxviz.core.guest.decoder import Instruction
from tdxviz.core.guest.operands import address
from tdxviz.core.guest.table import Build, Op
from tdxviz.core.hw import path


def _flush(drop: bool, name: str) -> Build:
    def build(ins: Instruction) -> Op:
        at = address(ins)

        def run(x: Context) -> None:
            before = x.moves()
            path.flush_line(x.p, x.lp, x.ctx, at(x), name, drop=drop)
            x.notice(before)

        return run

    return build


TABLE: dict[str, Build] = {
    "CLFLUSH": _flush(True, "CLFLUSH"),
    "CLFLUSHOPT": _flush(True, "CLFLUSHOPT"),
    "CLWB": _flush(False, "CLWB"),
}
