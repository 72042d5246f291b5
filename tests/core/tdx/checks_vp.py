"""Cases for TDH.VP.*: what makes exactly one check of a row fail."""

from tdxviz.core.host import layout
from tests.core.tdx import kit
from tests.core.tdx.cases import Case, Key

ALL = (1 << 64) - 1
INDEX, VECTOR, RIP, PIN = 0xA020000200000002, 0x0024000100000002, 0x002400030000681E, 0x0024000200004000
UNKNOWN = 0xA020000200000777

VALID: dict[str, tuple[str, dict[str, int], tuple[kit.Prepare, ...]]] = {
    "TDH.VP.FLUSH": ("TDH.MR.FINALIZE", {"rcx": layout.TDVPR}, ()),
    "TDH.VP.RD": ("TDH.MR.FINALIZE", {"rcx": layout.TDVPR, "rdx": INDEX}, ()),
    "TDH.VP.WR": ("TDH.MR.FINALIZE", {"rcx": layout.TDVPR, "rdx": VECTOR, "r8": 0xE0, "r9": ALL}, ()),
}

FREED = (kit.first("TDH.VP.FLUSH", rcx=layout.TDVPR),)
TIED = "the vCPU is associated with the processor before these checks, and stays so"

CASES: dict[Key, Case] = {
    **{
        (leaf, number): case
        for leaf, first in (("TDH.VP.RD", 11), ("TDH.VP.WR", 10))
        for number, case in (
            (first, Case(prepare=(kit.vps_field("NUM_TDVPS", 5),))),
            (first + 1, Case(prepare=(kit.vps_field("VCPU_STATE", 0),))),
            (first + 2, Case({"lp": 1})),
        )
    },
    ("TDH.VP.RD", 0): Case(version=2),
    ("TDH.VP.RD", 14): Case({"rdx": ALL ^ 7 << 52}, version=1, outputs={"RDX": VECTOR}),
    ("TDH.VP.RD", 15): Case({"rdx": UNKNOWN}),
    ("TDH.VP.RD", 16): Case({"rdx": RIP}),
    ("TDH.VP.WR", 13): Case({"rdx": VECTOR | 1 << 34}),
    ("TDH.VP.WR", 14): Case({"rdx": INDEX}),
    ("TDH.VP.WR", 15): Case({"r8": 0x100}),
    ("TDH.VP.WR", 16): Case({"rdx": PIN, "r8": 0x80, "r9": 0x80}, detail=2),
    ("TDH.VP.FLUSH", 6): Case(prepare=(kit.vps_field("NUM_TDVPS", 5),)),
    ("TDH.VP.FLUSH", 7): Case({"lp": 1}),
    ("TDH.VP.ADDCX", 10): Case({"rcx": kit.FREE_PAGE}, stage="TDH.MEM.SEPT.ADD"),
    ("TDH.VP.ADDCX", 11): Case(prepare=(kit.vps_field("NUM_TDVPS", 15),)),
    ("TDH.VP.INIT", 10): Case(stage="TDH.VP.ADDCX"),
    ("TDH.VP.INIT", 11): Case(prepare=(kit.vps_field("VCPU_STATE", 2),)),
    ("TDH.VP.INIT", 12): Case(prepare=(kit.tdcs_field("NUM_VCPUS", 1),)),
    ("TDH.VP.INIT", 13): Case(
        prepare=(kit.config(tsc_adjust=1),), changes="the module has counted the vCPU already",
    ),
    ("TDH.VP.ENTER", 0): Case(prepare=(kit.config(boot_nt4=True),)),
    ("TDH.VP.ENTER", 1): Case({"rcx": layout.TDVPR | 1 << 54}),
    ("TDH.VP.ENTER", 12): Case(prepare=(kit.vps_field("NUM_TDVPS", 5),)),
    ("TDH.VP.ENTER", 13): Case({"lp": 1}, stage="running"),
    ("TDH.VP.ENTER", 14): Case({"lp": 1}),
    ("TDH.VP.ENTER", 15): Case({"rcx": layout.TDVPR | 1 << 52}, FREED, changes=TIED),
    ("TDH.VP.ENTER", 16): Case({"rcx": layout.TDVPR | 1 << 53}, FREED, changes=TIED),
    ("TDH.VP.ENTER", 17): Case(prepare=(*FREED, kit.config(tsc_adjust=1)), changes=TIED),
    ("TDH.VP.ENTER", 18): Case(prepare=(*FREED, kit.vps_field("LAST_EXIT_TSC", 1)), changes=TIED),
    ("TDH.VP.ENTER", 19): Case(prepare=(*FREED, kit.config(monitor_ok=False)), changes=TIED),
}  # fmt: skip

ELSEWHERE: dict[Key, str] = {
    ("TDH.VP.ENTER", 22): "test_stepping.test_then_the_guest_does_not_run_until_the_page_is_there",
}
"""No refusal but an emulated TD exit."""
