"""Cases for TDH.MEM.* and TDH.PHYMEM.*: what makes exactly one check of a row fail."""

from tdxviz.core.host import layout
from tests.core.tdx import kit
from tests.core.tdx.cases import LARGE_LEAF, TD_2M, Case, Key

VERSION_1 = "version 1 (L2 VMs) is refused by its first check: not modelled"

CASES: dict[Key, Case] = {
    ("TDH.MEM.SEPT.ADD", 0): Case(version=1),
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

UNREACHABLE: dict[Key, str] = {("TDH.MEM.SEPT.ADD", n): VERSION_1 for n in range(23, 31)}
SKIPPED = {"TDH.MEM.SEPT.ADD": 8}
"""Version 1 only."""
