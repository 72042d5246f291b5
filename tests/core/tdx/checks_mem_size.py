"""Cases for RELOCATE, PROMOTE and DEMOTE, and for reading and writing a debug TD."""

from tdxviz.core.arch import sept
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.host import boot, layout
from tdxviz.core.hw import physical
from tdxviz.core.tdx.call import Call
from tests.core.tdx import kit
from tests.core.tdx.cases import FAR_AWAY, TD_2M, Case, Key, partitioned, sept_entry
from tests.core.tdx.checks_mem_range import (
    BASE,
    LARGE,
    NO_TABLES,
    SHARED_GPA,
    TABLE,
    TDR,
    TRACK,
    block,
    kick,
    pending_interrupt,
)

SPLIT = kit.first("TDH.MEM.PAGE.DEMOTE", rcx=TD_2M | 1, rdx=TDR, r8=TABLE, lp=1)
TO_SPLIT = (LARGE, block(TD_2M | 1), TRACK, kick)
SMALL_PAGES = (*TO_SPLIT, SPLIT)
DEBUG = kit.tdcs_field("ATTRIBUTES", boot.SEPT_VE_DISABLE | 1)
RUNNING, LP = "running", {"rdx": TDR, "lp": 1}
ONE_L2, SPARE = partitioned(1), TABLE + 0x1000

VALID = {
    "TDH.MEM.PAGE.RELOCATE": (
        RUNNING, {"rcx": BASE, "r8": kit.FREE_PAGE, **LP}, (block(BASE), TRACK, kick),
    ),
    "TDH.MEM.PAGE.PROMOTE": (
        RUNNING, {"rcx": TD_2M | 1, **LP}, (*SMALL_PAGES, block(TD_2M | 1), TRACK),
    ),
    "TDH.MEM.PAGE.DEMOTE": (RUNNING, {"rcx": TD_2M | 1, "r8": TABLE, **LP}, TO_SPLIT),
    "TDH.MEM.RD": (RUNNING, {"rcx": BASE + 8, **LP}, (DEBUG,)),
    "TDH.MEM.WR": (RUNNING, {"rcx": BASE + 8, "r8": 7, **LP}, (DEBUG,)),
}  # fmt: skip


def aliased(gpa: int) -> kit.Prepare:
    """The 2 MiB entry says that L2 VM 1 maps the page too, as TDG.MEM.PAGE.ATTR.WR would have it."""

    def prepare(machine) -> None:
        td = kit.td(machine)
        call = Call(machine.platform, machine.module, 0, BY_NAME["TDH.MR.EXTEND"], {})
        place, reached = call.entry_at(td, gpa, 1)
        assert reached
        value = (place.value | sept.alias(1)).to_bytes(8, "little")
        physical.write_physical(machine.platform, place.address, td.hkid, value)

    return prepare


CASES: dict[Key, Case] = {
    ("TDH.MEM.PAGE.RELOCATE", 9): Case({"rcx": BASE | 1}),
    ("TDH.MEM.PAGE.RELOCATE", 10): Case({"rcx": SHARED_GPA}),
    ("TDH.MEM.PAGE.RELOCATE", 12): Case({"rcx": NO_TABLES}),
    ("TDH.MEM.PAGE.RELOCATE", 14): Case({"rcx": BASE + 0xC000}),
    ("TDH.MEM.PAGE.RELOCATE", 15): Case({"r8": layout.PRIVATE}),
    ("TDH.MEM.PAGE.RELOCATE", 17): Case(stage=RUNNING),
    ("TDH.MEM.PAGE.RELOCATE", 18): Case(stage=RUNNING, prepare=(block(BASE), TRACK)),
    ("TDH.MEM.PAGE.PROMOTE", 0): Case(version=2),
    ("TDH.MEM.PAGE.PROMOTE", 10): Case({"rcx": TD_2M}),
    ("TDH.MEM.PAGE.PROMOTE", 11): Case({"rcx": SHARED_GPA | 1}),
    ("TDH.MEM.PAGE.PROMOTE", 13): Case({"rcx": NO_TABLES | 1}),
    ("TDH.MEM.PAGE.PROMOTE", 15): Case({"rcx": TD_2M + (1 << 21) | 1}),
    ("TDH.MEM.PAGE.PROMOTE", 17): Case(stage=RUNNING, prepare=SMALL_PAGES),
    ("TDH.MEM.PAGE.PROMOTE", 18): Case(stage=RUNNING, prepare=(*SMALL_PAGES, block(TD_2M | 1))),
    ("TDH.MEM.PAGE.PROMOTE", 20): Case({"rcx": BASE | 1}, (block(BASE | 1), TRACK)),
    ("TDH.MEM.PAGE.PROMOTE", 21): Case(prepare=(pending_interrupt,)),
    ("TDH.MEM.PAGE.DEMOTE", 0): Case({"rdx": TDR | 2}),
    ("TDH.MEM.PAGE.DEMOTE", 10): Case({"rcx": TD_2M}),
    ("TDH.MEM.PAGE.DEMOTE", 11): Case({"rcx": SHARED_GPA | 1}),
    ("TDH.MEM.PAGE.DEMOTE", 13): Case({"rcx": NO_TABLES | 1}),
    ("TDH.MEM.PAGE.DEMOTE", 15): Case({"rcx": BASE | 1}),
    ("TDH.MEM.PAGE.DEMOTE", 16): Case(stage=RUNNING, prepare=(LARGE,)),
    ("TDH.MEM.PAGE.DEMOTE", 17): Case(stage=RUNNING, prepare=(LARGE, block(TD_2M | 1), TRACK)),
    ("TDH.MEM.PAGE.DEMOTE", 22): Case({"r9": (1 << 64) - 1}, (ONE_L2, aliased(TD_2M)), operand="R9"),
    ("TDH.MEM.PAGE.DEMOTE", 23): Case({"r9": 8}, (ONE_L2,), operand="R9"),
    ("TDH.MEM.PAGE.DEMOTE", 24): Case({"r9": FAR_AWAY}, (ONE_L2,), operand="R9"),
    ("TDH.MEM.PAGE.DEMOTE", 25): Case({"r9": TABLE}, (ONE_L2,), operand="R9"),
    ("TDH.MEM.PAGE.DEMOTE", 26): Case({"r9": layout.PAMT_4K}, (ONE_L2,), operand="R9"),
    ("TDH.MEM.PAGE.DEMOTE", 27): Case({"r9": SPARE}, (ONE_L2, pending_interrupt)),
    ("TDH.MEM.PAGE.DEMOTE", 28): Case(
        {"r9": SPARE}, (ONE_L2,), detail=1 << 16 | 3, outputs={"RCX": 1 << 63, "RDX": 1 << 16 | 64 << 8 | 3},
    ),
    ("TDH.MEM.PAGE.DEMOTE", 29): Case(prepare=(pending_interrupt,)),
    ("TDH.MEM.RD", 9): Case(stage=RUNNING),
    ("TDH.MEM.RD", 10): Case({"rcx": BASE + 1}),
    ("TDH.MEM.RD", 12): Case({"rcx": SHARED_GPA}),
    ("TDH.MEM.RD", 13): Case({"rcx": NO_TABLES}),
    ("TDH.MEM.WR", 9): Case(stage=RUNNING),
    ("TDH.MEM.WR", 10): Case({"rcx": BASE + 1}),
    ("TDH.MEM.WR", 12): Case({"rcx": SHARED_GPA}),
    ("TDH.MEM.WR", 13): Case({"rcx": NO_TABLES}),
    ("TDH.MEM.WR", 15): Case(prepare=(sept_entry(BASE, "BLOCKEDW"),)),
}  # fmt: skip
UNREACHABLE: dict[Key, str] = {
    ("TDH.MEM.RD", 15): "every state of a present leaf can be read",
}
