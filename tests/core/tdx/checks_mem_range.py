"""Cases for the leaves that take memory away from a running TD, and that read or give back pages."""

from tdxviz.core.arch import state_table as st
from tdxviz.core.commands import RaiseInterrupt, RunGuest, Seamcall
from tdxviz.core.host import layout
from tdxviz.core.tdx.module import KotEntry
from tests.core.tdx import kit
from tests.core.tdx.cases import FAR_AWAY, HKID_BITS, TD_2M, Case, Key

BASE, TDR = layout.GUEST_BASE, layout.TDR
SHARED_GPA, NO_TABLES = 1 << 47, 0x4000_0000
TABLE = kit.FREE_PAGE + 0x40_0000
TDX_BUSY = "a host interrupt came while the caches were written back: where it stopped is remembered"


def kick(machine) -> None:
    """An interrupt takes the guest off logical processor 0."""
    machine.do(RaiseInterrupt(lp=0))
    machine.do(RunGuest(lp=0, steps=1))
    assert machine.platform.lps[0].mode == "host"


def block(gpa: int) -> kit.Prepare:
    return kit.first("TDH.MEM.RANGE.BLOCK", rcx=gpa, rdx=TDR, lp=1)


TRACK = kit.first("TDH.MEM.TRACK", rcx=TDR, lp=1)
LARGE = kit.first("TDH.MEM.PAGE.AUG", rcx=TD_2M | 1, rdx=TDR, r8=kit.FREE_PAGE, lp=1)
EMPTY = kit.first("TDH.MEM.SEPT.ADD", rcx=TD_2M | 1, rdx=TDR, r8=TABLE, lp=1)


def kot(state: str, wbinvd: int = 3) -> kit.Prepare:
    def prepare(machine) -> None:
        machine.module.kot[layout.HKIDS[0]] = KotEntry(state, wbinvd)

    return prepare


TORN = kit.tdr_field("LIFECYCLE_STATE", st.LIFECYCLE_STATES["TD_TEARDOWN"])


def pending_interrupt(machine) -> None:
    machine.platform.lps[1].pending_interrupt = 0x20


def stopped_write_back(machine) -> None:
    pending_interrupt(machine)
    machine.do(Seamcall(rax=40, lp=1))
    machine.platform.lps[1].pending_interrupt = -1


VALID = {
    "TDH.MEM.SEPT.RD": ("running", {"rcx": BASE, "rdx": TDR, "lp": 1}, ()),
    "TDH.MEM.RANGE.BLOCK": ("running", {"rcx": BASE, "rdx": TDR, "lp": 1}, ()),
    "TDH.MEM.RANGE.UNBLOCK": (
        "running", {"rcx": BASE, "rdx": TDR, "lp": 1}, (block(BASE), TRACK, kick),
    ),
    "TDH.MEM.TRACK": ("running", {"rcx": TDR, "lp": 1}, ()),
    "TDH.MEM.PAGE.REMOVE": (
        "running", {"rcx": BASE, "rdx": TDR, "lp": 1}, (block(BASE), TRACK, kick),
    ),
    "TDH.MEM.SEPT.REMOVE": (
        "running", {"rcx": TD_2M | 1, "rdx": TDR, "lp": 1}, (EMPTY, block(TD_2M | 1), TRACK, kick),
    ),
    "TDH.PHYMEM.PAGE.RDMD": ("running", {"rcx": TDR, "lp": 1}, ()),
    "TDH.PHYMEM.PAGE.RECLAIM": ("running", {"rcx": layout.PRIVATE, "lp": 1}, (kick, TORN)),
    "TDH.PHYMEM.PAGE.WBINVD": (
        "running", {"rcx": kit.FREE_PAGE | layout.HKIDS[0] << 46, "lp": 1}, (),
    ),
    "TDH.PHYMEM.CACHE.WB": ("running", {"rcx": 0, "lp": 1}, (kick, kot("HKID_FLUSHED"))),
}  # fmt: skip

RUNNING = "running"
CASES: dict[Key, Case] = {
    ("TDH.MEM.SEPT.RD", 9): Case({"rdx": TDR | 1}),
    ("TDH.MEM.SEPT.RD", 10): Case({"rcx": BASE | 4}),
    ("TDH.MEM.SEPT.RD", 11): Case({"rcx": SHARED_GPA}),
    ("TDH.MEM.SEPT.RD", 13): Case({"rcx": NO_TABLES}),
    ("TDH.MEM.RANGE.BLOCK", 9): Case({"rcx": BASE | 4}),
    ("TDH.MEM.RANGE.BLOCK", 10): Case({"rcx": SHARED_GPA}),
    ("TDH.MEM.RANGE.BLOCK", 12): Case({"rcx": NO_TABLES}),
    ("TDH.MEM.RANGE.BLOCK", 14): Case(prepare=(block(BASE),)),
    ("TDH.MEM.RANGE.BLOCK", 15): Case({"rcx": TD_2M | 1}),
    ("TDH.MEM.RANGE.UNBLOCK", 9): Case({"rcx": BASE | 4}),
    ("TDH.MEM.RANGE.UNBLOCK", 10): Case({"rcx": SHARED_GPA}),
    ("TDH.MEM.RANGE.UNBLOCK", 12): Case({"rcx": NO_TABLES}),
    ("TDH.MEM.RANGE.UNBLOCK", 14): Case({"rcx": BASE + 0x1000}),
    ("TDH.MEM.RANGE.UNBLOCK", 15): Case(stage=RUNNING, prepare=(block(BASE), TRACK)),
    ("TDH.MEM.TRACK", 10): Case(prepare=(TRACK,)),
    ("TDH.MEM.PAGE.REMOVE", 9): Case({"rcx": BASE | 3}),
    ("TDH.MEM.PAGE.REMOVE", 10): Case({"rcx": SHARED_GPA}),
    ("TDH.MEM.PAGE.REMOVE", 12): Case({"rcx": NO_TABLES}),
    ("TDH.MEM.PAGE.REMOVE", 14): Case({"rcx": BASE & -(1 << 21) | 1}),
    ("TDH.MEM.PAGE.REMOVE", 16): Case(stage=RUNNING),
    ("TDH.MEM.PAGE.REMOVE", 17): Case(stage=RUNNING, prepare=(block(BASE), TRACK)),
    ("TDH.MEM.SEPT.REMOVE", 0): Case(version=2),
    ("TDH.MEM.SEPT.REMOVE", 10): Case({"rcx": BASE}),
    ("TDH.MEM.SEPT.REMOVE", 11): Case({"rcx": SHARED_GPA | 1}),
    ("TDH.MEM.SEPT.REMOVE", 13): Case({"rcx": NO_TABLES | 1}),
    ("TDH.MEM.SEPT.REMOVE", 15): Case({"rcx": TD_2M + (1 << 21) | 1}),
    ("TDH.MEM.SEPT.REMOVE", 17): Case(stage=RUNNING, prepare=(EMPTY,)),
    ("TDH.MEM.SEPT.REMOVE", 18): Case(stage=RUNNING, prepare=(EMPTY, block(TD_2M | 1), TRACK)),
    ("TDH.MEM.SEPT.REMOVE", 19): Case(
        stage=RUNNING, prepare=(
            EMPTY, kit.first("TDH.MEM.PAGE.AUG", rcx=TD_2M, rdx=TDR, r8=kit.FREE_PAGE, lp=1),
            block(TD_2M | 1), TRACK, kick,
        ),
    ),
    ("TDH.PHYMEM.PAGE.RDMD", 0): Case({"rcx": TDR | HKID_BITS}),
    ("TDH.PHYMEM.PAGE.RDMD", 1): Case({"rcx": FAR_AWAY}),
    ("TDH.PHYMEM.PAGE.RECLAIM", 0): Case({"rcx": layout.PRIVATE + 8}),
    ("TDH.PHYMEM.PAGE.RECLAIM", 1): Case({"rcx": FAR_AWAY}),
    ("TDH.PHYMEM.PAGE.RECLAIM", 2): Case({"rcx": TDR}, stage=RUNNING),
    ("TDH.PHYMEM.PAGE.RECLAIM", 3): Case({"rcx": kit.FREE_PAGE}),
    ("TDH.PHYMEM.PAGE.RECLAIM", 4): Case(
        {"rcx": kit.FREE_PAGE + 0x1000}, stage=RUNNING, prepare=(LARGE, kick, TORN)
    ),
    ("TDH.PHYMEM.PAGE.RECLAIM", 6): Case(stage=RUNNING),
    ("TDH.PHYMEM.PAGE.RECLAIM", 7): Case({"rcx": TDR}),
    ("TDH.PHYMEM.PAGE.WBINVD", 0): Case({"rcx": 1 << 52}),
    ("TDH.PHYMEM.CACHE.WB", 0): Case({"rcx": 2}),
    ("TDH.PHYMEM.CACHE.WB", 3): Case(stage=RUNNING),
    ("TDH.PHYMEM.CACHE.WB", 4): Case({"rcx": 1}),
    ("TDH.PHYMEM.CACHE.WB", 5): Case(prepare=(pending_interrupt,), changes=TDX_BUSY),
}  # fmt: skip
UNREACHABLE: dict[Key, str] = {
    ("TDH.MEM.SEPT.RD", 15): "every state of an entry can be read",
}
