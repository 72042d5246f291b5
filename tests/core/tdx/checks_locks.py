"""Cases for the checks on locks: another logical processor is inside the module and holds the lock."""

from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import Seamcall, Tdcall
from tdxviz.core.events import SeamcallHeld, TdEntered
from tdxviz.core.faults import EptViolation
from tdxviz.core.host import layout
from tdxviz.core.tdx import guest_side
from tdxviz.core.tdx.locks import Inside, Lock
from tests.core.tdx import kit
from tests.core.tdx.cases import TD_2M, Case, Key
from tests.core.tdx.checks_mem_range import TABLE, TDR, kick

OTHER_LP = 2
FLAGGED = "the host flags the entry, and the guest's next attempt fails in its favour"


def held(leaf: str, checks: int, *, lp: int = OTHER_LP, **regs: int) -> kit.Prepare:
    """That call stays inside the module after so many checks, with what it has locked."""

    def prepare(machine) -> None:
        if machine.platform.lps[0].mode == "td":
            kick(machine)
        events = machine.do(Seamcall(rax=BY_NAME[leaf].number, lp=lp, hold=checks, **regs))
        assert isinstance(events[-1], SeamcallHeld), events
        assert events[-1].passed == checks

    return prepare


TDR_EXCLUSIVE = held("TDH.MNG.ADDCX", 3, rdx=TDR)
TREE_EXCLUSIVE = held("TDH.MEM.RANGE.BLOCK", 12, rcx=3, rdx=TDR)
TREE_SHARED = held("TDH.MEM.SEPT.RD", 13, rcx=3, rdx=TDR)


def beside_the_guest(rcx: int) -> kit.Prepare:
    """While a guest runs, a host's call on another processor holds a Secure EPT entry."""

    def prepare(machine) -> None:
        regs = {"rcx": rcx, "rdx": TDR, "lp": OTHER_LP, "hold": 15}
        events = machine.do(Seamcall(rax=BY_NAME["TDH.MEM.SEPT.RD"].number, **regs))
        assert isinstance(events[-1], SeamcallHeld), events

    return prepare


def accepting(rcx: int, *, hpa: int) -> kit.Prepare:
    """The guest is in the middle of accepting a page that the host has just added."""

    def prepare(machine) -> None:
        kit.first("TDH.MEM.PAGE.AUG", rcx=rcx, rdx=TDR, r8=hpa, lp=1)(machine)
        events = machine.do(Tdcall(rax=6, rcx=rcx, hold=5))
        assert isinstance(events[-1], SeamcallHeld), events
        assert events[-1].locks[0].startswith("SEPT_ENTRY")

    return prepare


def entry(rcx: int) -> kit.Prepare:
    return held("TDH.MEM.SEPT.RD", 15, rcx=rcx, rdx=TDR)


def page(hpa: int) -> kit.Prepare:
    return held("TDH.PHYMEM.PAGE.RDMD", 3, rcx=hpa)


def _operand_of(leaf: str, register: str) -> str:
    """``TDR``, ``TDVPR`` or ``free``: what the leaf's checks say about a page operand."""
    kinds = {"PT_TDR": "TDR", "PT_TDVPR": "TDVPR", "PT_NDA": "free"}
    for check in BY_NAME[leaf].checks:
        if check.text.startswith(register + ": PAMT entry is a 4KB"):
            return next(kind for name, kind in kinds.items() if name in check.text)
    return ""


def common(leaf: str, text: str) -> Case | None:
    """Locks that many rows take, each held by somebody else."""
    call = kit.valid(leaf)
    register = text[:3] if text.startswith(("RCX:", "RDX:")) else ""
    if register and "PAMT entry lock obtained (shared)" in text:
        holder = {
            "TDR": TDR_EXCLUSIVE, "free": held("TDH.MNG.CREATE", 4, rcx=kit.FREE_PAGE, rdx=0x30),
            "TDVPR": held("TDH.VP.INIT", 3, rcx=layout.TDVPR),
        }[_operand_of(leaf, register)]  # fmt: skip
        return Case(prepare=(holder,))
    if "owner TDR lock" in text or "owner TDR shared lock" in text or text.startswith("owner TDR's PAMT"):
        return Case(prepare=(TDR_EXCLUSIVE,))
    if text.lower().startswith(("secure-ept tree lock", "sept tree lock")):
        return Case(prepare=(TREE_SHARED if "exclusive" in text else TREE_EXCLUSIVE,))
    if text.startswith("SEPT entry lock"):
        return Case(prepare=(entry(call.rcx & ~0xFF8),), changes=FLAGGED)
    return None


LEAVES = (
    "TDH.MEM.SEPT.ADD", "TDH.MEM.SEPT.RD", "TDH.MEM.SEPT.REMOVE", "TDH.MEM.PAGE.AUG",
    "TDH.MEM.PAGE.REMOVE", "TDH.MEM.PAGE.RELOCATE", "TDH.MEM.PAGE.PROMOTE", "TDH.MEM.PAGE.DEMOTE",
    "TDH.MEM.RANGE.BLOCK", "TDH.MEM.RANGE.UNBLOCK", "TDH.MEM.TRACK", "TDH.MEM.RD", "TDH.MEM.WR",
    "TDH.PHYMEM.PAGE.RDMD", "TDH.PHYMEM.PAGE.RECLAIM", "TDH.PHYMEM.PAGE.WBINVD",
    "TDH.PHYMEM.CACHE.WB", "TDH.VP.CREATE", "TDH.VP.ENTER", "TDH.VP.ADDCX", "TDH.VP.INIT",
    "TDH.VP.FLUSH", "TDH.VP.RD", "TDH.VP.WR", "TDH.MNG.RD", "TDH.MNG.WR",
)  # fmt: skip
TREE_EXCLUSIVE_LEAVES = ("TDH.MEM.SEPT.REMOVE", "TDH.MEM.RANGE.BLOCK", "TDH.MEM.RANGE.UNBLOCK")


def exporting(machine) -> None:
    """Another host call is about to change the TD's OP_STATE. Of the modelled leaves none does so under
    the lock; those that export a TD do."""
    lock = Lock("OP_STATE", TDR, exclusive=True)
    machine.module.inside[OTHER_LP] = Inside("TDH.EXPORT.PAUSE", (), (lock,))


def _everything() -> dict[Key, Case]:
    found: dict[Key, Case] = {}
    for leaf in LEAVES:
        for number, check in enumerate(BY_NAME[leaf].checks):
            if check.text.startswith("OP_STATE lock"):
                found[leaf, number] = Case(prepare=(exporting,))
            elif check.text.startswith("SEPT entry lock") and leaf in TREE_EXCLUSIVE_LEAVES:
                at = TD_2M | 1
                guest = accepting(at, hpa=kit.FREE_PAGE)
                found[leaf, number] = Case({"rcx": at}, (guest,), stage="running", changes=FLAGGED)
            elif case := common(leaf, check.text):
                found[leaf, number] = case
    return found


def __getattr__(name: str) -> object:
    """``CASES`` needs the other modules' calls, so they are made when asked for."""
    if name != "CASES":
        raise AttributeError(name)
    return _everything() | OWN


KOT = held("TDH.MNG.CREATE", 6, rcx=kit.FREE_PAGE, rdx=0x30)
GUEST_TABLE = layout.GUEST_BASE & -(1 << 21) | 1
ANY_PAGE = layout.symbol("picture")


def extending(machine) -> None:
    """Another vCPU of the TD is inside TDG.MR.RTMR.EXTEND."""
    lock = Lock("RTMR", TDR, exclusive=True)
    machine.module.inside[1] = Inside("TDG.MR.RTMR.EXTEND", (), (lock,))


def suspected(machine) -> None:
    """The same instruction has met the same page that is not there once too often."""
    kick(machine)
    for _ in range(7):
        assert isinstance(machine.do(Seamcall(rax=0, rcx=layout.TDVPR))[-1], TdEntered)
        outcome = EptViolation(layout.GUEST_BASE + 0xD000, "load", state="FREE", level=0)
        guest_side.guest_ept_violation(machine.platform, machine.module, 0, outcome)


OWN: dict[Key, Case] = {
    ("TDG.MR.REPORT", 4): Case({"rcx": ANY_PAGE, "rdx": ANY_PAGE, "r8": 0}, (extending,)),
    ("TDG.MR.RTMR.EXTEND", 3): Case({"rcx": ANY_PAGE, "rdx": 0}, (extending,)),
    ("TDH.SYS.INIT", 0): Case(prepare=(held("TDH.SYS.INIT", 1),)),
    ("TDH.SYS.LP.INIT", 0): Case(stage="TDH.SYS.INIT", prepare=(held("TDH.SYS.INIT", 1),)),
    ("TDH.SYS.CONFIG", 0): Case(prepare=(held("TDH.SYS.LP.INIT", 1),), stage="TDH.SYS.LP.INIT"),
    ("TDH.SYS.KEY.CONFIG", 0): Case(prepare=(held("TDH.SYS.KEY.CONFIG", 1),)),
    ("TDH.SYS.TDMR.INIT", 2): Case(prepare=(held("TDH.SYS.TDMR.INIT", 3),)),
    ("TDH.SYS.SHUTDOWN", 1): Case(prepare=(held("TDH.SYS.SHUTDOWN", 2),)),
    ("TDH.MNG.CREATE", 5): Case(prepare=(KOT,)),
    ("TDH.MNG.VPFLUSHDONE", 4): Case(prepare=(KOT,)),
    ("TDH.MNG.KEY.FREEID", 5): Case(prepare=(KOT,)),
    ("TDG.MEM.PAGE.ACCEPT", 4): Case({"rcx": ANY_PAGE}, (beside_the_guest(ANY_PAGE),)),
    ("TDG.MEM.PAGE.ATTR.RD", 1): Case({"rcx": ANY_PAGE}, (beside_the_guest(ANY_PAGE),)),
    ("TDG.MEM.PAGE.ATTR.WR", 3): Case(
        {"rcx": ANY_PAGE, "rdx": 0, "r8": 0}, (beside_the_guest(ANY_PAGE),)
    ),
    ("TDH.MEM.PAGE.REMOVE", 15): Case(prepare=(page(layout.PRIVATE),)),
    ("TDH.MEM.PAGE.RELOCATE", 16): Case(prepare=(page(layout.PRIVATE),)),
    ("TDH.MEM.PAGE.PROMOTE", 16): Case(prepare=(page(TABLE),)),
    ("TDH.MEM.PAGE.PROMOTE", 22): Case(prepare=(page(kit.FREE_PAGE + 0x5000),)),
    ("TDH.MEM.PAGE.PROMOTE", 19): Case(
        {"rcx": GUEST_TABLE, "lp": 0}, (held("TDH.MEM.SEPT.RD", 15, rcx=GUEST_TABLE & ~1, rdx=TDR),),
        stage="TDH.MR.FINALIZE", changes=FLAGGED, outputs={"RCX": 7, "RDX": 132 << 8 | 1},
    ),
    ("TDH.MEM.PAGE.DEMOTE", 30): Case(prepare=(page(kit.FREE_PAGE + 0x5000),)),
    ("TDH.MEM.SEPT.REMOVE", 16): Case(prepare=(page(TABLE),)),
    ("TDH.MEM.TRACK", 9): Case(
        prepare=(held("TDH.VP.ENTER", 21, lp=0, rcx=layout.TDVPR),)
    ),
    ("TDH.PHYMEM.PAGE.RDMD", 2): Case(prepare=(TDR_EXCLUSIVE,)),
    ("TDH.PHYMEM.PAGE.RECLAIM", 5): Case(prepare=(TDR_EXCLUSIVE,)),
    ("TDH.PHYMEM.CACHE.WB", 1): Case(prepare=(held("TDH.PHYMEM.CACHE.WB", 2, lp=0),)),
    ("TDH.PHYMEM.CACHE.WB", 2): Case(
        prepare=(held("TDH.MNG.CREATE", 6, rcx=kit.FREE_PAGE, rdx=0x30),)
    ),
    ("TDH.VP.ENTER", 21): Case(stage="running", prepare=(suspected, TREE_SHARED)),
    ("TDH.VP.ENTER", 20): Case(prepare=(held("TDH.MEM.TRACK", 10, rcx=TDR),)),
}  # fmt: skip
