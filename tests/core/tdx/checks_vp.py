"""Cases for TDH.VP.*: what makes exactly one check of a row fail."""

from tdxviz.core.host import layout
from tests.core.tdx import kit
from tests.core.tdx.cases import Case, Key

VALID: dict[str, tuple[str, dict[str, int], tuple[kit.Prepare, ...]]] = {
    "TDH.VP.FLUSH": ("TDH.MR.FINALIZE", {"rcx": layout.TDVPR}, ()),
}

CASES: dict[Key, Case] = {
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
    ("TDH.VP.ENTER", 15): Case({"rcx": layout.TDVPR | 1 << 52}),
    ("TDH.VP.ENTER", 16): Case({"rcx": layout.TDVPR | 1 << 53}),
    ("TDH.VP.ENTER", 17): Case(prepare=(kit.config(tsc_adjust=1),)),
    ("TDH.VP.ENTER", 19): Case(prepare=(kit.config(monitor_ok=False),)),
}  # fmt: skip

UNREACHABLE: dict[Key, str] = {
    ("TDH.VP.ENTER", 18): "there is no clock in the model, so the TSC cannot go back",
    ("TDH.VP.ENTER", 21): "the zero-step filter is not modelled",
    ("TDH.VP.ENTER", 22): "the zero-step filter is not modelled",
}
