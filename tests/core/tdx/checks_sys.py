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


READY = "TDH.MNG.CREATE"
BUFFER, CMRS = 0x0030_0000, 0x0030_1000
KNOWN, HIDDEN = 0x9100000100000008, 0x0800000200000000 | 0x99
INFO_CALL = {"rcx": BUFFER, "rdx": 1024, "r8": CMRS, "r9": 32}


def never_initialised(machine) -> None:
    """As if LP 0 had skipped TDH.SYS.LP.INIT."""
    machine.module.lps_initialised -= {0}


VALID: dict[str, tuple[str, dict[str, int], tuple[kit.Prepare, ...]]] = {
    "TDH.SYS.INFO": (READY, INFO_CALL, ()),
    "TDH.SYS.RD": (READY, {"rdx": KNOWN}, ()),
    "TDH.SYS.RDALL": (READY, {"rdx": BUFFER, "r8": (1 << 64) - 1}, ()),
    "TDH.SYS.SHUTDOWN": (READY, {}, ()),
    "TDH.SYS.LP.SHUTDOWN": (READY, {"rcx": 5}, ()),
}

UNREACHABLE: dict[Key, str] = {
    ("TDH.SYS.RD", 3): "every field of the system context in the table may be read by the host",
}

CASES: dict[Key, Case] = {
    **{(leaf, 0): Case(prepare=(never_initialised,)) for leaf in ("TDH.SYS.INFO", "TDH.SYS.RD", "TDH.SYS.RDALL")},
    ("TDH.SYS.INFO", 1): Case({"rcx": BUFFER + 512}),
    ("TDH.SYS.INFO", 2): Case({"rdx": 1023}),
    ("TDH.SYS.INFO", 3): Case({"r8": CMRS + 256}),
    ("TDH.SYS.INFO", 4): Case({"r9": 31}),
    ("TDH.SYS.RD", 1): Case({"rdx": (1 << 64) - 1}),
    ("TDH.SYS.RD", 2): Case({"rdx": HIDDEN}),
    ("TDH.SYS.RDALL", 1): Case({"rdx": BUFFER + 64}),
    ("TDH.SYS.RDALL", 2): Case({"r8": HIDDEN}),
    ("TDH.SYS.SHUTDOWN", 0): Case({"rcx": 1}),
    ("TDH.SYS.SHUTDOWN", 2): Case({"lp": 1}, stage="running"),
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
    ("TDH.SYS.CONFIG", 10): Case(prepare=(info(w10=PAGE, w11=PAGE),), changes=KEPT_KOT, detail=1 << 8),
    ("TDH.SYS.CONFIG", 11): Case(prepare=(info(w8=layout.RESERVED[0] + 8),), changes=KEPT_KOT),
    ("TDH.SYS.CONFIG", 12): Case(prepare=(info(w3=8),), changes=KEPT_KOT, detail=2 << 8),
    ("TDH.SYS.CONFIG", 13): Case(prepare=(info(w4=layout.PAMT_4K),), changes=KEPT_KOT),
    ("TDH.SYS.CONFIG", 14): Case(prepare=(info(w2=0x0100_0000),), changes=KEPT_KOT, detail=2 << 8),
    ("TDH.SYS.CONFIG", 15): Case(prepare=(info(w2=0x2000_0000),), changes=KEPT_KOT, detail=2 << 8),
    ("TDH.SYS.CONFIG", 16): Case(prepare=(info(w9=layout.RESERVED[1] - PAGE),), changes=KEPT_KOT),
    ("TDH.SYS.KEY.CONFIG", 1): Case(stage="TDH.SYS.CONFIG"),
    ("TDH.SYS.KEY.CONFIG", 2): Case({"lp": 1}, (kit.first("TDH.SYS.KEY.CONFIG", lp=0),)),
    ("TDH.SYS.KEY.CONFIG", 3): Case(prepare=BLOCKED_KEYS),
    ("TDH.SYS.KEY.CONFIG", 4): Case(prepare=NO_ENTROPY),
    ("TDH.SYS.TDMR.INIT", 0): Case({"rcx": PAGE}),
    ("TDH.SYS.TDMR.INIT", 1): Case({"rcx": GIB}),
    ("TDH.SYS.TDMR.INIT", 3): Case(stage="TDH.MNG.CREATE"),
}  # fmt: skip
