"""Cases for TDH.MEM.* and TDH.PHYMEM.*: what makes exactly one check of a row fail."""

from tdxviz.core.host import layout
from tests.core.tdx import kit
from tests.core.tdx.cases import FAR_AWAY, LARGE_LEAF, TD_2M, Case, Key, partitioned

ROOT, NONE = layout.GUEST_BASE & -(1 << 39) | 3, (1 << 64) - 1
L2 = {"rcx": ROOT, "r8": kit.FREE_PAGE, "r9": kit.FREE_PAGE + 0x1000, "r10": NONE, "r11": NONE}
"""Version 1: a first table for the L1 VMM and for L2 VM 1."""


def l2(
    number: int, *, vms: int = 1, prepare: tuple[kit.Prepare, ...] = (), regs=(), **how
) -> dict[Key, Case]:
    case = Case(L2 | dict(regs), (partitioned(vms), *prepare), version=1, **how)
    return {("TDH.MEM.SEPT.ADD", number): case}


def interrupted(machine) -> None:
    machine.platform.lps[0].pending_interrupt = 0x20


def done_before(machine) -> None:
    """The same call, to the end."""
    assert kit.answer(kit.seamcall(machine, "TDH.MEM.SEPT.ADD", version=1, rdx=layout.TDR, **L2)).status == 0


def told(r8: int, r9: int) -> dict[str, int]:
    return {"R8": r8, "R9": r9, "R10": NONE, "R11": NONE}


CASES: dict[Key, Case] = {
    ("TDH.MEM.SEPT.ADD", 0): Case(version=2),
    **l2(23, vms=0, operand="R9", outputs=told(L2["r8"], L2["r9"])),
    **l2(24, stage="TDH.MEM.PAGE.ADD", regs={"rcx": TD_2M & -(1 << 30) | 2, "r8": NONE}.items(), detail=1 << 16 | 3,
         outputs={"RCX": 1 << 63, "RDX": 1 << 16 | 64 << 8 | 3}),
    **l2(25, regs={"r9": 8}.items(), operand="R9", outputs=told(L2["r8"], 8)),
    **l2(26, regs={"r9": FAR_AWAY}.items(), operand="R9"),
    **l2(27, regs={"r9": L2["r8"]}.items(), operand="R9"),
    **l2(28, regs={"r9": layout.PAMT_4K}.items(), operand="R9"),
    **l2(29, prepare=(done_before,), regs={"r8": NONE}.items(), detail=1 << 16 | 3,
         outputs={"RCX": 0x407, "RDX": 1 << 16 | 196 << 8 | 3} | told(NONE, L2["r9"])),
    **l2(30, prepare=(interrupted,), changes="the first table is there already",
         outputs={"RCX": ROOT, "RDX": layout.TDR} | told(NONE, L2["r9"])),
    ("TDH.MEM.SEPT.ADD", 1): Case({"rdx": layout.TDR | 2}),
    ("TDH.MEM.SEPT.ADD", 11): Case({"rcx": 0}),
    ("TDH.MEM.SEPT.ADD", 12): Case({"rcx": 1 << 47 | 3}),
    ("TDH.MEM.SEPT.ADD", 14): Case({"rcx": 2}),
    ("TDH.MEM.SEPT.ADD", 16): Case(
        {"rcx": TD_2M | 1, "r8": kit.FREE_PAGE + 0x400000}, (LARGE_LEAF,), stage="TDH.MEM.PAGE.AUG",
    ),
    ("TDH.MEM.SEPT.ADD", 17): Case({"r8": (1 << 64) - 1}),
    ("TDH.MEM.SEPT.ADD", 18): Case({"r8": kit.FREE_PAGE}, stage="TDH.MEM.PAGE.ADD"),
    ("TDH.MEM.PAGE.ADD", 8): Case({"rcx": layout.GUEST_BASE | 1}),
    ("TDH.MEM.PAGE.ADD", 9): Case({"rcx": 1 << 47}),
    ("TDH.MEM.PAGE.ADD", 10): Case({"rcx": 0x4000_0000}),
    ("TDH.MEM.PAGE.ADD", 11): Case({"r8": kit.FREE_PAGE}, stage="TDH.MR.EXTEND"),
    ("TDH.MEM.PAGE.ADD", 12): Case({"r9": 0x0F00_0000}),
    ("TDH.MEM.PAGE.AUG", 9): Case({"rcx": 2}),
    ("TDH.MEM.PAGE.AUG", 10): Case({"rcx": 1 << 47}),
    ("TDH.MEM.PAGE.AUG", 12): Case({"rcx": 0x4000_0000}),
    ("TDH.MEM.PAGE.AUG", 14): Case({"rcx": layout.GUEST_BASE}),
}  # fmt: skip

SKIPPED = {"TDH.MEM.SEPT.ADD": 8}
"""Version 1 only."""
