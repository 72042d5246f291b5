"""Cases for TDCALL leaves: what makes exactly one check of a row fail, or leave the guest."""

from tdxviz.core.arch import metadata as md
from tdxviz.core.arch import sept
from tdxviz.core.host import layout
from tdxviz.core.hw import physical
from tdxviz.core.units import PAGE
from tests.core.tdx import kit
from tests.core.tdx.cases import TD_2M, Case, Key, partitioned

ACCEPT, ATTR_RD, ATTR_WR = "TDG.MEM.PAGE.ACCEPT", "TDG.MEM.PAGE.ATTR.RD", "TDG.MEM.PAGE.ATTR.WR"
ALL = (1 << 64) - 1
PAGE_GPA = layout.symbol("picture")
"""A private page that the guest has accepted, and that these cases may overwrite."""
FREE_GPA = layout.GUEST_BASE + 0xC000
L2_CTLS, HOSTS_ONLY = md.named("L2_CTLS").element_id(1), md.named("VCPU_INDEX").id
UNKNOWN = 0x0A00000300000777


def reported(machine) -> None:
    """A report of the TD itself lies at PAGE_GPA."""
    returned = kit.answer(kit.tdcall(machine, "TDG.MR.REPORT", rcx=PAGE_GPA, rdx=PAGE_GPA, r8=0))
    assert returned.status == 0


def forged(machine) -> None:
    """Somebody in the TD has changed one bit of the REPORTDATA."""
    hkid, at = kit.td(machine).hkid, layout.hpa_of(PAGE_GPA) + 128
    before = physical.read_physical(machine.platform, at, hkid, 1)[0]
    physical.write_physical(machine.platform, at, hkid, bytes([before ^ 1]))


def large_leaf(machine) -> None:
    """The host adds a large page from another processor while the guest runs."""
    kit.first("TDH.MEM.PAGE.AUG", rcx=TD_2M | 1, rdx=layout.TDR, r8=kit.FREE_PAGE, lp=1)(machine)


def accepted(machine) -> None:
    assert kit.answer(kit.tdcall(machine, ACCEPT, rcx=TD_2M | 1)).status == 0


def violation(gpa: int, level: int, state: str, asked: int = 0, kind: int = 1) -> tuple[int, int]:
    """R8 and RDX at the exit of an ACCEPT (1) or ATTR.WR (5) that found something else."""
    row = sept.STATES[state]
    return gpa, kind | (asked | level << 3 | row.public << 6 | row.leaf << 14) << 32


CASES: dict[Key, Case] = {
    ("TDG.VP.VMCALL", 0): Case({"rcx": 0x10}),
    ("TDG.VP.VEINFO.GET", 0): Case(),
    ("TDG.VP.CPUIDVE.SET", 0): Case({"rcx": 4}),
    **{
        (leaf, n + (n > 0) * later): case
        for leaf, later in (("TDG.VP.RD", 1), ("TDG.VP.WR", 0))
        for n, case in enumerate(
            (
                Case({"rcx": 1, "rdx": L2_CTLS}),
                Case({"rcx": 0, "rdx": UNKNOWN}),
                Case({"rcx": 0, "rdx": HOSTS_ONLY, "r9": ALL}),
            )
        )
    },
    ("TDG.VP.RD", 1): Case({"rcx": 0, "rdx": ALL}, outputs={"RDX": L2_CTLS - 1}),
    ("TDG.VP.WR", 3): Case({"rcx": 0, "rdx": L2_CTLS, "r8": 4, "r9": ALL}),
    ("TDG.VM.RD", 1): Case({"rcx": 1}),
    ("TDG.VM.RD", 0): Case({"rcx": 0}, version=2),
    ("TDG.VM.RD", 2): Case(
        {"rcx": 0, "rdx": ALL ^ 2 << 52}, version=1, outputs={"RDX": md.named("TD_UUID").id}
    ),
    ("TDG.VM.RD", 3): Case({"rcx": 0, "rdx": ALL}),
    ("TDG.VM.RD", 4): Case({"rcx": 0, "rdx": md.named("HKID").id}),
    ("TDG.VM.WR", 0): Case({"rcx": 1}),
    ("TDG.VM.WR", 1): Case({"rcx": 0, "rdx": UNKNOWN}),
    ("TDG.VM.WR", 2): Case({"rcx": 0, "rdx": md.named("MRTD").id, "r9": ALL}),
    ("TDG.VM.WR", 3): Case({"rcx": 0, "rdx": md.named("TD_CTLS").id, "r8": 0, "r9": ALL}),
    ("TDG.SYS.RD", 0): Case({"rdx": ALL ^ 7 << 52}, outputs={"RDX": md.named("VENDOR_ID").id}),
    ("TDG.SYS.RD", 1): Case({"rdx": UNKNOWN}),
    ("TDG.SYS.RD", 2): Case({"rdx": md.named("NUM_CMRS").id}),
    ("TDG.SYS.RDALL", 0): Case({"rdx": PAGE_GPA + 8, "r8": ALL}),
    ("TDG.SYS.RDALL", 1): Case({"rdx": PAGE_GPA, "r8": UNKNOWN}),
    ("TDG.MR.RTMR.EXTEND", 0): Case({"rcx": PAGE_GPA + 32, "rdx": 0}),
    ("TDG.MR.RTMR.EXTEND", 1): Case({"rcx": 1 << 47, "rdx": 0}),
    ("TDG.MR.RTMR.EXTEND", 2): Case({"rcx": PAGE_GPA, "rdx": 4}),
    ("TDG.MR.REPORT", 0): Case({"rcx": PAGE_GPA + 512, "rdx": PAGE_GPA, "r8": 0}),
    ("TDG.MR.REPORT", 1): Case({"rcx": PAGE_GPA, "rdx": PAGE_GPA + 8, "r8": 0}),
    ("TDG.MR.REPORT", 2): Case({"rcx": PAGE_GPA, "rdx": 1 << 48, "r8": 0}),
    ("TDG.MR.REPORT", 3): Case({"rcx": PAGE_GPA, "rdx": PAGE_GPA, "r8": 1}),
    ("TDG.MR.REPORT", 5): Case({"rcx": 1 << 48, "rdx": PAGE_GPA, "r8": 0}),
    ("TDG.MR.VERIFYREPORT", 0): Case({"rcx": PAGE_GPA}, (kit.config(local_attestation=False),)),
    ("TDG.MR.VERIFYREPORT", 1): Case({"rcx": PAGE_GPA + 64}),
    ("TDG.MR.VERIFYREPORT", 2): Case({"rcx": 1 << 47}),
    ("TDG.MR.VERIFYREPORT", 3): Case({"rcx": PAGE_GPA}),
    ("TDG.MR.VERIFYREPORT", 4): Case({"rcx": PAGE_GPA}, (reported, forged)),
    (ATTR_RD, 0): Case({"rcx": 1 << 47}),
    (ATTR_RD, 2): Case({"rcx": 0x4000_0000}, exits=(0x4000_0000, 0)),
    (ATTR_WR, 0): Case({"rcx": PAGE_GPA, "rdx": 0x800F, "r8": 0}, operand="RDX"),
    (ATTR_WR, 1): Case({"rcx": PAGE_GPA | 3, "rdx": 0, "r8": 0}),
    (ATTR_WR, 2): Case(
        {"rcx": 0x4000_0000, "rdx": 0, "r8": 0}, exits=violation(0x4000_0000, 2, "FREE", kind=5)
    ),
    (ATTR_WR, 4): Case({"rcx": layout.GUEST_BASE | 1, "rdx": 0, "r8": 0}, detail=1),
    (ATTR_WR, 5): Case({"rcx": FREE_GPA, "rdx": 0, "r8": 0}, exits=violation(FREE_GPA, 0, "FREE", kind=5)),
    (ATTR_WR, 6): Case({"rcx": PAGE_GPA, "rdx": 0x8002 << 16, "r8": 0xFFFF << 16}, (partitioned(1),)),
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

ELSEWHERE: dict[Key, str] = {
    ("TDG.VM.WR", 4): "test_guest_leaves.test_a_field_that_somebody_else_changes_meanwhile_is_busy",
}
"""The refusal comes when a held call goes on."""

VALID: dict[str, tuple[str, dict[str, int], tuple[kit.Prepare, ...]]] = {
    "TDG.VP.INFO": ("running", {}, ()),
    "TDG.VP.VEINFO.GET": ("running", {}, (kit.vps_field("VE_VALID", 0xFFFF_FFFF),)),
    "TDG.VP.CPUIDVE.SET": ("running", {"rcx": 3}, ()),
    ACCEPT: ("running", {"rcx": TD_2M | 1}, (large_leaf,)),
    "TDG.VP.RD": ("running", {"rcx": 0, "rdx": L2_CTLS}, ()),
    "TDG.VP.WR": ("running", {"rcx": 0, "rdx": L2_CTLS, "r8": 3, "r9": ALL}, ()),
    "TDG.VM.RD": ("running", {"rcx": 0, "rdx": md.named("MRTD").id}, ()),
    "TDG.VM.WR": ("running", {"rcx": 0, "rdx": md.named("NOTIFY_ENABLES").id, "r8": 1, "r9": ALL}, ()),
    "TDG.SYS.RD": ("running", {"rdx": md.named("VENDOR_ID").id}, ()),
    "TDG.SYS.RDALL": ("running", {"rdx": PAGE_GPA, "r8": ALL}, ()),
    "TDG.MR.RTMR.EXTEND": ("running", {"rcx": PAGE_GPA, "rdx": 2}, ()),
    "TDG.MR.REPORT": ("running", {"rcx": PAGE_GPA, "rdx": PAGE_GPA, "r8": 0}, ()),
    "TDG.MR.VERIFYREPORT": ("running", {"rcx": PAGE_GPA}, (reported,)),
    ATTR_RD: ("running", {"rcx": PAGE_GPA + 0x123}, ()),
    ATTR_WR: ("running", {"rcx": PAGE_GPA, "rdx": 0, "r8": 0}, ()),
}
