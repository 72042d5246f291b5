"""Cases for TDH.SYS.*: what makes exactly one check of a row fail."""

import struct

from tdxviz.core.host import boot, layout
from tdxviz.core.units import GIB, PAGE
from tests.core.tdx import kit
from tests.core.tdx.cases import BLOCKED_KEYS, NO_ENTROPY, Case, Key

GLOBAL_LIST, INFO = layout.TDMR_LIST, layout.TDMR_INFO
KEPT_KOT = "the HKID is reserved before the list of TDMRs is judged, as in the module"


def info(**changes: int) -> kit.Prepare:
    """A TDMR_INFO like the honest one, with words changed (w0 is the base, w1 the size ...)."""
    words = list(struct.unpack("<64Q", boot.tdmr_info()))
    for name, value in changes.items():
        words[int(name[1:])] = value & (1 << 64) - 1
    return kit.host_bytes(INFO, struct.pack("<64Q", *words))


CASES: dict[Key, Case] = {
    ("TDH.SYS.INIT", 1): Case({"rcx": 1}),
    ("TDH.SYS.INIT", 2): Case(stage="TDH.SYS.LP.INIT"),
    ("TDH.SYS.INIT", 3): Case(prepare=(kit.config(feature_msrs_ok=False),)),
    ("TDH.SYS.INIT", 4): Case(prepare=(kit.config(cpuid_ok=False),), status="TDX_INCORRECT_CPUID_VALUE"),
    ("TDH.SYS.INIT", 5): Case(prepare=(kit.config(highest_private_hkid=2048),)),
    ("TDH.SYS.INIT", 6): Case(prepare=(kit.config(cmrs=()),)),
    ("TDH.SYS.INIT", 7): Case(prepare=(kit.config(smrr_ok=False),), status="TDX_SMRR_NOT_LOCKED"),
    ("TDH.SYS.INIT", 8): Case(prepare=(kit.config(seam_capabilities_ok=False),)),
    ("TDH.SYS.INIT", 9): Case(prepare=NO_ENTROPY),
    ("TDH.SYS.LP.INIT", 1): Case(stage="TDH.SYS.INIT"),
    ("TDH.SYS.LP.INIT", 2): Case(stage="TDH.SYS.CONFIG"),
    ("TDH.SYS.LP.INIT", 3): Case(prepare=NO_ENTROPY),
    ("TDH.SYS.LP.INIT", 4): Case(prepare=(kit.config(seam_capabilities_ok=False),)),
    ("TDH.SYS.LP.INIT", 5): Case(prepare=(kit.config(feature_msrs_ok=False),), status="TDX_INCONSISTENT_MSR"),
    ("TDH.SYS.CONFIG", 1): Case(stage="TDH.SYS.INIT"),
    ("TDH.SYS.CONFIG", 2): Case(stage="TDH.SYS.LP.INIT"),
    ("TDH.SYS.CONFIG", 3): Case({"rcx": GLOBAL_LIST | 8}),
    ("TDH.SYS.CONFIG", 4): Case({"rdx": 65}),
    ("TDH.SYS.CONFIG", 5): Case({"r8": 15}),
    ("TDH.SYS.CONFIG", 6): Case(prepare=(kit.host_bytes(GLOBAL_LIST, b"\x01"),), changes=KEPT_KOT),
    ("TDH.SYS.CONFIG", 7): Case(prepare=(info(w0=-GIB, w1=2 * GIB),), changes=KEPT_KOT),
    ("TDH.SYS.CONFIG", 8): Case(
        {"rdx": 2}, (kit.host_bytes(GLOBAL_LIST + 8, INFO.to_bytes(8, "little")),), changes=KEPT_KOT,
        detail=1,  # the second TDMR
    ),
    ("TDH.SYS.CONFIG", 9): Case(prepare=(info(w1=GIB + PAGE),), changes=KEPT_KOT),
    ("TDH.SYS.CONFIG", 10): Case(prepare=(info(w10=PAGE, w11=PAGE),), changes=KEPT_KOT),
    ("TDH.SYS.CONFIG", 11): Case(prepare=(info(w8=layout.RESERVED[0] + 8),), changes=KEPT_KOT),
    ("TDH.SYS.CONFIG", 12): Case(prepare=(info(w3=8),), changes=KEPT_KOT),
    ("TDH.SYS.CONFIG", 13): Case(prepare=(info(w4=layout.PAMT_4K),), changes=KEPT_KOT),
    ("TDH.SYS.CONFIG", 14): Case(prepare=(info(w2=0x0100_0000),), changes=KEPT_KOT),
    ("TDH.SYS.CONFIG", 15): Case(prepare=(info(w2=0x2000_0000),), changes=KEPT_KOT),
    ("TDH.SYS.CONFIG", 16): Case(prepare=(info(w9=layout.RESERVED[1] - PAGE),), changes=KEPT_KOT),
    ("TDH.SYS.KEY.CONFIG", 1): Case(stage="TDH.SYS.CONFIG"),
    ("TDH.SYS.KEY.CONFIG", 2): Case({"lp": 1}, (kit.first("TDH.SYS.KEY.CONFIG", lp=0),)),
    ("TDH.SYS.KEY.CONFIG", 3): Case(prepare=BLOCKED_KEYS),
    ("TDH.SYS.KEY.CONFIG", 4): Case(prepare=NO_ENTROPY),
    ("TDH.SYS.TDMR.INIT", 0): Case({"rcx": PAGE}),
    ("TDH.SYS.TDMR.INIT", 1): Case({"rcx": GIB}),
    ("TDH.SYS.TDMR.INIT", 3): Case(stage="TDH.MNG.CREATE"),
}  # fmt: skip
