"""Cases for TDCALL leaves: what makes exactly one check of a row fail, or leave the guest."""

from tdxviz.core.arch import sept
from tdxviz.core.host import layout
from tdxviz.core.tdx import guest_leaves
from tdxviz.core.units import PAGE
from tests.core.tdx import kit
from tests.core.tdx.cases import TD_2M, Case, Key

ACCEPT = "TDG.MEM.PAGE.ACCEPT"


def large_leaf(machine) -> None:
    """The host adds a large page from another processor while the guest runs."""
    kit.first("TDH.MEM.PAGE.AUG", rcx=TD_2M | 1, rdx=layout.TDR, r8=kit.FREE_PAGE, lp=1)(machine)


def accepted(machine) -> None:
    assert kit.answer(kit.tdcall(machine, ACCEPT, rcx=TD_2M | 1)).status == 0


def violation(gpa: int, level: int, state: str, asked: int = 0) -> tuple[int, int]:
    """R8 and RDX at the exit of an ACCEPT that found something else."""
    return gpa, guest_leaves.EXTENDED_ACCEPT | (asked | level << 3 | sept.PUBLIC[state] << 8) << 32


CASES: dict[Key, Case] = {
    ("TDG.VP.VMCALL", 0): Case({"rcx": 0x10}),
    ("TDG.VP.VEINFO.GET", 0): Case(),
    ("TDG.VP.CPUIDVE.SET", 0): Case({"rcx": 4}),
    (ACCEPT, 0): Case({"rcx": 2}),
    (ACCEPT, 1): Case({"rcx": 1 << 47}),
    (ACCEPT, 2): Case({"rcx": TD_2M + PAGE}, (large_leaf, accepted), detail=1),
    (ACCEPT, 3): Case({"rcx": 0x4000_0000}, exits=violation(0x4000_0000, 2, "FREE")),
    (ACCEPT, 5): Case({"rcx": layout.GUEST_BASE | 1}, detail=1),
    (ACCEPT, 6): Case({"rcx": layout.GUEST_BASE}),
    (ACCEPT, 7): Case(
        {"rcx": layout.GUEST_BASE + 0xC000}, exits=violation(layout.GUEST_BASE + 0xC000, 0, "FREE")
    ),
}

VALID: dict[str, tuple[str, dict[str, int], tuple[kit.Prepare, ...]]] = {
    "TDG.VP.INFO": ("running", {}, ()),
    "TDG.VP.VEINFO.GET": ("running", {}, (kit.vps_field("VE_VALID", 0xFFFF_FFFF),)),
    "TDG.VP.CPUIDVE.SET": ("running", {"rcx": 3}, ()),
    ACCEPT: ("running", {"rcx": TD_2M | 1}, (large_leaf,)),
}
