"""Cases for TDH.MNG.* and TDH.MR.*: what makes exactly one check of a row fail."""

from tdxviz.core.host import boot, layout
from tests.core.tdx import kit
from tests.core.tdx.cases import BLOCKED_KEYS, NO_ENTROPY, Case, Key, sept_entry


def params(at: int, *raw: int, **how: int) -> kit.Prepare:
    data = bytearray(boot.td_params(**how))
    data[at : at + len(raw)] = bytes(raw)
    return kit.host_bytes(layout.TD_PARAMS, bytes(data))


BLOCKED = (kit.first("TDH.MNG.VPFLUSHDONE", rcx=layout.TDR),)
"""The TD of the stage ``TDH.MNG.INIT`` has no vCPU yet."""


def written_back(machine) -> None:
    """Both packages have written their caches back, as TDH.PHYMEM.CACHE.WB would have it."""
    kot = machine.module.kot
    kot[layout.HKIDS[0]] = kot[layout.HKIDS[0]]._replace(wbinvd=0)


HOST_READS, HOST_WRITES, DEBUG_ONLY = 0x9010000200000004, 0x9110000300000011, 0x1310000300000040
UNKNOWN = 0x9010000200000077
ALL = (1 << 64) - 1
DEBUG = (kit.tdcs_field("ATTRIBUTES", 1),)

VALID: dict[str, tuple[str, dict[str, int], tuple[kit.Prepare, ...]]] = {
    "TDH.MNG.RD": ("TDH.MR.FINALIZE", {"rcx": layout.TDR, "rdx": HOST_READS}, ()),
    "TDH.MNG.WR": ("TDH.MR.FINALIZE", {"rcx": layout.TDR, "rdx": HOST_WRITES, "r8": 20_000, "r9": ALL}, ()),
    "TDH.MNG.VPFLUSHDONE": ("TDH.MNG.INIT", {"rcx": layout.TDR}, ()),
    "TDH.MNG.KEY.FREEID": ("TDH.MNG.INIT", {"rcx": layout.TDR}, (*BLOCKED, written_back)),
    "TDH.MNG.KEY.RECLAIMID": ("TDH.MNG.INIT", {"rcx": layout.TDR}, ()),
}

ELSEWHERE: dict[Key, str] = {
    ("TDH.MNG.WR", 13): "test_dispatch.test_a_field_that_another_processor_writes_meanwhile_is_busy",
}
"""The refusal comes when a held call goes on."""

CASES: dict[Key, Case] = {
    ("TDH.MNG.RD", 0): Case(version=2),
    ("TDH.MNG.RD", 10): Case({"rdx": ALL}, version=1, outputs={"RDX": 0x8010000000000001}),
    ("TDH.MNG.RD", 11): Case({"rdx": UNKNOWN}),
    ("TDH.MNG.RD", 12): Case({"rdx": DEBUG_ONLY}),
    ("TDH.MNG.WR", 9): Case({"rdx": HOST_WRITES | 1 << 34}),
    ("TDH.MNG.WR", 10): Case({"rdx": HOST_READS}),
    ("TDH.MNG.WR", 11): Case({"r8": 9_999}),
    ("TDH.MNG.WR", 12): Case({"r9": ALL >> 1}),
    ("TDH.MNG.VPFLUSHDONE", 5): Case(prepare=BLOCKED),
    ("TDH.MNG.VPFLUSHDONE", 6): Case(stage="TDH.MR.FINALIZE"),
    ("TDH.MNG.KEY.FREEID", 4): Case(stage="TDH.MNG.INIT"),
    ("TDH.MNG.KEY.FREEID", 6): Case(stage="TDH.MNG.INIT", prepare=BLOCKED),
    ("TDH.MNG.CREATE", 0): Case({"rdx": 15}),
    ("TDH.MNG.CREATE", 3): Case({"rcx": layout.TDR, "lp": 1}, stage="running"),
    ("TDH.MNG.CREATE", 6): Case({"rdx": layout.GLOBAL_HKID}),
    ("TDH.MNG.CREATE", 7): Case(prepare=NO_ENTROPY),
    ("TDH.MNG.KEY.CONFIG", 5): Case(stage="TDH.MNG.ADDCX"),
    ("TDH.MNG.KEY.CONFIG", 6): Case({"lp": 1}, (kit.first("TDH.MNG.KEY.CONFIG", rcx=layout.TDR),)),
    ("TDH.MNG.KEY.CONFIG", 7): Case(prepare=BLOCKED_KEYS),
    ("TDH.MNG.KEY.CONFIG", 8): Case(prepare=NO_ENTROPY),
    ("TDH.MNG.ADDCX", 6): Case(prepare=(kit.tdr_field("NUM_TDCX", 9),)),
    ("TDH.MNG.ADDCX", 11): Case(prepare=(kit.tdr_field("NUM_TDCX", 5), kit.config(entropy=False))),
    ("TDH.MNG.ADDCX", 12): Case({"rcx": kit.FREE_PAGE}, stage="TDH.VP.CREATE"),
    ("TDH.MNG.INIT", 0): Case(prepare=(kit.config(boot_nt4=True),)),
    ("TDH.MNG.INIT", 9): Case({"rdx": layout.TD_PARAMS + 512}),
    ("TDH.MNG.INIT", 10): Case(prepare=(params(0, 2),)),
    ("TDH.MNG.INIT", 11): Case(prepare=(params(8, 0),)),
    ("TDH.MNG.INIT", 12): Case(prepare=(params(16, 0, 0),)),
    ("TDH.MNG.INIT", 13): Case(prepare=(params(18, 4),)),
    ("TDH.MNG.INIT", 14): Case(prepare=(params(18, 1),)),
    ("TDH.MNG.INIT", 15): Case(prepare=(params(20, 1),)),
    ("TDH.MNG.INIT", 16): Case(prepare=(params(32, 8),)),
    ("TDH.MNG.INIT", 17): Case(prepare=(params(24, 0x26),)),
    ("TDH.MNG.INIT", 18): Case(prepare=(params(40, 3, 0),)),
    ("TDH.MNG.INIT", 19): Case(prepare=(kit.config(tsc_adjust=1),)),
    ("TDH.MNG.INIT", 20): Case(prepare=(params(42, 1),)),
    ("TDH.MNG.INIT", 21): Case(prepare=(params(256 + 16, 1),), outputs={"RCX": 0x4}),
    ("TDH.MNG.INIT", 22): Case(prepare=(params(1008, 1),)),
    ("TDH.MNG.INIT", 23): Case(prepare=(params(224, 1),)),
    ("TDH.MNG.INIT", 24): Case(prepare=(params(19, 2),)),
    ("TDH.MR.EXTEND", 8): Case({"rcx": layout.GUEST_BASE + 8}),
    ("TDH.MR.EXTEND", 9): Case({"rcx": 1 << 47}),
    ("TDH.MR.EXTEND", 10): Case({"rcx": 0x4000_0000}),
    ("TDH.MR.EXTEND", 11): Case(prepare=(sept_entry(layout.GUEST_BASE, "BLOCKEDW"),)),
    ("TDH.MR.FINALIZE", 8): Case(stage="TDH.VP.CREATE"),
}  # fmt: skip
