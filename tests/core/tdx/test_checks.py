"""Every check of every modelled leaf: reached alone, with its status and operand, changing nothing."""

import re
import struct
from dataclasses import dataclass, field

import pytest

from tdxviz.core.arch import sept
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.events import LeafReturned, TdExited
from tdxviz.core.host import boot, layout
from tdxviz.core.hw import path
from tdxviz.core.tdx import dispatch, guest_leaves
from tdxviz.core.tdx.call import Call
from tdxviz.core.units import GIB, PAGE
from tests.core.tdx import kit

Key = tuple[str, int]


@dataclass(frozen=True)
class Case:
    """How to reach one check: where, with which registers changed, after what preparation."""

    regs: dict[str, int] = field(default_factory=dict)
    prepare: tuple[kit.Prepare, ...] = ()
    stage: str = ""
    """The leaf before which the machine stands; empty for the leaf itself."""
    status: str = ""
    """Where the row names several."""
    changes: str = ""
    """Why this refusal leaves something behind."""
    version: int = 0
    detail: int = 0
    """Low half of the status where the row names no operand."""


SERIAL = "the modelled host makes one SEAMCALL at a time, so nobody else can hold this lock"
VERSION_1 = "version 1 (L2 VMs) is refused by its first check: not modelled"
UNREACHABLE: dict[Key, str] = {
    **{(leaf, 0): SERIAL for leaf in (
        "TDH.SYS.INIT", "TDH.SYS.LP.INIT", "TDH.SYS.CONFIG", "TDH.SYS.KEY.CONFIG",
    )},
    ("TDH.SYS.TDMR.INIT", 2): SERIAL,
    ("TDH.MNG.CREATE", 5): SERIAL,
    **{("TDH.VP.CREATE", n): SERIAL for n in (2, 7)},
    **{("TDH.VP.ADDCX", n): SERIAL for n in (4, 8)},
    **{("TDH.VP.INIT", n): SERIAL for n in (4, 8)},
    **{("TDH.VP.ENTER", n): SERIAL for n in (4, 6, 10, 20)},
    **{("TDH.MEM.SEPT.ADD", n): SERIAL for n in (4, 9, 13, 15)},
    **{("TDH.MEM.PAGE.AUG", n): SERIAL for n in (2, 7, 11, 13)},
    ("TDG.MEM.PAGE.ACCEPT", 4): SERIAL,
    ("TDH.VP.ENTER", 18): "there is no clock in the model, so the TSC cannot go back",
    ("TDH.VP.ENTER", 21): "the zero-step filter is not modelled",
    ("TDH.VP.ENTER", 22): "the zero-step filter is not modelled",
    **{("TDH.MEM.SEPT.ADD", n): VERSION_1 for n in range(23, 31)},
}  # fmt: skip

HKID_BITS, FAR_AWAY = 1 << 46, 1 << 32
GLOBAL_LIST, INFO = layout.TDMR_LIST, layout.TDMR_INFO
KEPT_KOT = "the HKID is reserved before the list of TDMRs is judged, as in the module"


def info(**changes: int) -> kit.Prepare:
    """A TDMR_INFO like the honest one, with words changed (w0 is the base, w1 the size ...)."""
    words = list(struct.unpack("<64Q", boot._tdmr_info()))
    for name, value in changes.items():
        words[int(name[1:])] = value & (1 << 64) - 1
    return kit.host_bytes(INFO, struct.pack("<64Q", *words))


def params(at: int, *raw: int, **how: int) -> kit.Prepare:
    data = bytearray(boot.td_params(**how))
    data[at : at + len(raw)] = bytes(raw)
    return kit.host_bytes(layout.TD_PARAMS, bytes(data))


def sept_entry(gpa: int, state: str) -> kit.Prepare:
    """Overwrite one level-0 entry of the Secure EPT with another state, as an export would."""

    def prepare(machine) -> None:
        td = kit.td(machine)
        call = Call(machine.platform, machine.module, 0, BY_NAME["TDH.MR.EXTEND"], {})
        place, reached = call.entry_at(td, gpa, 0)
        assert reached
        call.set_entry(td, place, state, sept.frame(place.value))

    return prepare


def no_entropy() -> tuple[kit.Prepare, ...]:
    return (kit.config(entropy=False),)


BLOCKED_KEYS = (kit.config(pconfig_free=False),)
TD_2M = layout.GUEST_BASE + 2 * 1024 * 1024
LARGE_LEAF = kit.first("TDH.MEM.PAGE.AUG", rcx=TD_2M | 1, rdx=layout.TDR, r8=kit.FREE_PAGE)

CASES: dict[Key, Case] = {
    ("TDH.SYS.INIT", 1): Case({"rcx": 1}),
    ("TDH.SYS.INIT", 2): Case(stage="TDH.SYS.LP.INIT"),
    ("TDH.SYS.INIT", 3): Case(prepare=(kit.config(feature_msrs_ok=False),)),
    ("TDH.SYS.INIT", 4): Case(prepare=(kit.config(cpuid_ok=False),), status="TDX_INCORRECT_CPUID_VALUE"),
    ("TDH.SYS.INIT", 5): Case(prepare=(kit.config(highest_private_hkid=2048),)),
    ("TDH.SYS.INIT", 6): Case(prepare=(kit.config(cmrs=()),)),
    ("TDH.SYS.INIT", 7): Case(prepare=(kit.config(smrr_ok=False),), status="TDX_SMRR_NOT_LOCKED"),
    ("TDH.SYS.INIT", 8): Case(prepare=(kit.config(seam_capabilities_ok=False),)),
    ("TDH.SYS.INIT", 9): Case(prepare=no_entropy()),
    ("TDH.SYS.LP.INIT", 1): Case(stage="TDH.SYS.INIT"),
    ("TDH.SYS.LP.INIT", 2): Case(stage="TDH.SYS.CONFIG"),
    ("TDH.SYS.LP.INIT", 3): Case(prepare=no_entropy()),
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
    ("TDH.SYS.KEY.CONFIG", 4): Case(prepare=no_entropy()),
    ("TDH.SYS.TDMR.INIT", 0): Case({"rcx": PAGE}),
    ("TDH.SYS.TDMR.INIT", 1): Case({"rcx": GIB}),
    ("TDH.SYS.TDMR.INIT", 3): Case(stage="TDH.MNG.CREATE"),
    ("TDH.MNG.CREATE", 0): Case({"rdx": 15}),
    ("TDH.MNG.CREATE", 3): Case({"rcx": layout.TDR, "lp": 1}, stage="running"),
    ("TDH.MNG.CREATE", 6): Case({"rdx": layout.GLOBAL_HKID}),
    ("TDH.MNG.CREATE", 7): Case(prepare=no_entropy()),
    ("TDH.MNG.KEY.CONFIG", 5): Case(stage="TDH.MNG.ADDCX"),
    ("TDH.MNG.KEY.CONFIG", 6): Case({"lp": 1}, (kit.first("TDH.MNG.KEY.CONFIG", rcx=layout.TDR),)),
    ("TDH.MNG.KEY.CONFIG", 7): Case(prepare=BLOCKED_KEYS),
    ("TDH.MNG.KEY.CONFIG", 8): Case(prepare=no_entropy()),
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
    ("TDH.MNG.INIT", 21): Case(prepare=(params(256, 1),)),
    ("TDH.MNG.INIT", 22): Case(prepare=(params(1008, 1),)),
    ("TDH.MNG.INIT", 23): Case(prepare=(params(224, 1),)),
    ("TDH.MNG.INIT", 24): Case(prepare=(params(19, 2),)),
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
    ("TDH.MEM.SEPT.ADD", 0): Case(version=1),
    ("TDH.MEM.SEPT.ADD", 1): Case({"rdx": layout.TDR | 2}),
    ("TDH.MEM.SEPT.ADD", 11): Case({"rcx": 0}),
    ("TDH.MEM.SEPT.ADD", 12): Case({"rcx": 1 << 47 | 3}),
    ("TDH.MEM.SEPT.ADD", 14): Case({"rcx": 2}),
    ("TDH.MEM.SEPT.ADD", 16): Case(
        {"rcx": TD_2M | 1, "r8": kit.FREE_PAGE + 0x400000}, (LARGE_LEAF,), stage="TDH.MEM.PAGE.AUG",
    ),
    ("TDH.MEM.SEPT.ADD", 17): Case({"r8": (1 << 64) - 1}),
    ("TDH.MEM.SEPT.ADD", 18): Case({"r8": kit.FREE_PAGE}, stage="TDH.MEM.PAGE.ADD"),
    ("TDH.MEM.PAGE.ADD", 8): Case({"rcx": layout.GUEST_BASE | 1}),
    ("TDH.MEM.PAGE.ADD", 9): Case({"rcx": 1 << 47}),
    ("TDH.MEM.PAGE.ADD", 10): Case({"rcx": 0x4000_0000}),
    ("TDH.MEM.PAGE.ADD", 11): Case({"r8": kit.FREE_PAGE}, stage="TDH.MR.EXTEND"),
    ("TDH.MEM.PAGE.ADD", 12): Case({"r9": 0x0F00_0000}),
    ("TDH.MEM.PAGE.AUG", 9): Case({"rcx": 2}),
    ("TDH.MEM.PAGE.AUG", 10): Case({"rcx": 1 << 47}),
    ("TDH.MEM.PAGE.AUG", 12): Case({"rcx": 0x4000_0000}),
    ("TDH.MEM.PAGE.AUG", 14): Case({"rcx": layout.GUEST_BASE}),
    ("TDH.MR.EXTEND", 8): Case({"rcx": layout.GUEST_BASE + 8}),
    ("TDH.MR.EXTEND", 9): Case({"rcx": 1 << 47}),
    ("TDH.MR.EXTEND", 10): Case({"rcx": 0x4000_0000}),
    ("TDH.MR.EXTEND", 11): Case(prepare=(sept_entry(layout.GUEST_BASE, "BLOCKEDW"),)),
    ("TDH.MR.FINALIZE", 8): Case(stage="TDH.VP.CREATE"),
}  # fmt: skip


def generic(leaf: str, number: int) -> Case | None:
    """Checks that many rows share, bent the same way."""
    if not kit.known(leaf):
        return None
    text = BY_NAME[leaf].checks[number].text
    operand = re.match(r"(R[CD]X|R8): ", text)
    reg = operand[1].lower() if operand else ""
    if "address is 4KB aligned" in text:
        return Case({reg: kit.valid(leaf).rcx | HKID_BITS if reg == "rcx" else FAR_AWAY | HKID_BITS})
    if "inside a fully initialised 1GB block" in text:
        return Case({reg: FAR_AWAY})
    if "PAMT entry is a 4KB" in text:
        wrong = layout.TDCX if leaf not in ("TDH.MNG.CREATE", "TDH.MNG.KEY.CONFIG", "TDH.MNG.ADDCX") else 0
        if leaf in ("TDH.MNG.KEY.CONFIG", "TDH.MNG.ADDCX") and "PT_TDR" in text:
            return Case({reg: kit.FREE_PAGE})
        if wrong == 0:
            return Case({reg: layout.PAMT_4K})  # PT_RSVD
        return Case({reg: wrong})
    if "PAMT entry lock obtained (exclusive)" in text:
        if "RDX: PAMT entry lock" in text or (leaf.startswith(("TDH.M", "TDH.VP.INIT")) and reg == "rcx"
                                              and leaf != "TDH.MNG.ADDCX"):  # fmt: skip
            return Case({"lp": 1}, stage="running")
        return Case({reg: layout.TDVPR if leaf == "TDH.VP.ADDCX" else layout.TDR})
    if text == "TDR.FATAL is clear":
        return Case(prepare=(kit.tdr_field("FATAL", 1),))
    if text.endswith("LIFECYCLE_STATE is TD_KEYS_CONFIGURED"):
        return Case(prepare=(kit.tdr_field("LIFECYCLE_STATE", 0),))
    if text == "at least 6 TDCX pages were added":
        return Case(prepare=(kit.tdr_field("NUM_TDCX", 5),))
    if text == "TDCS.OP_STATE is in this leaf's allowed set":
        return Case(prepare=(kit.tdcs_field("OP_STATE", 10),))
    return None


HOST_CHECKS = [(leaf, n) for leaf in dispatch.BODIES for n in range(len(BY_NAME[leaf].checks))]
REACHABLE = [key for key in HOST_CHECKS if key in CASES or (key not in UNREACHABLE and generic(*key))]


@pytest.mark.parametrize(("leaf", "number"), REACHABLE)
def test_the_check_is_reached_alone_and_changes_nothing(leaf, number):
    case = CASES.get((leaf, number)) or generic(leaf, number)
    assert case is not None
    machine = kit.before(case.stage or leaf)
    for prepare in case.prepare:
        prepare(machine)
    call = kit.valid(leaf)
    before = kit.essence(machine)
    events = kit.seamcall(machine, leaf, version=case.version, **{**kit.registers(call), **case.regs})
    returned = kit.answer(events)
    check = BY_NAME[leaf].checks[number]
    assert returned.passed == number, returned.reason
    assert returned.reason
    assert s.name_of(returned.status) == s.name_of(s.with_operand(case.status or check.status, None))
    assert returned.status == s.with_operand(case.status or check.status, check.operand) | case.detail
    assert returned.outputs["RAX"] == returned.status == machine.platform.lps[case.regs.get("lp", 0)].gprs[0]
    if case.changes:
        assert kit.essence(machine) != before
    else:
        assert kit.essence(machine) == before
        assert [type(e) for e in events if type(e).__name__ not in ("LineEvicted",)] == [LeafReturned]


@pytest.mark.parametrize("leaf", dispatch.BODIES)
def test_the_honest_call_passes_every_check(leaf):
    assert kit.known(leaf), f"the build never calls {leaf}: give kit.ELSEWHERE a call that succeeds"
    machine, call = kit.before(leaf), kit.valid(leaf)
    events = machine.do(call)
    if leaf == "TDH.VP.ENTER":
        assert type(events[-1]).__name__ == "TdEntered"
        return
    returned = kit.answer(events)
    assert (returned.status, returned.reason) == (0, "")
    skipped = 8 if leaf == "TDH.MEM.SEPT.ADD" else 0  # version 1 only
    assert returned.passed == len(BY_NAME[leaf].checks) - skipped


# --- the guest's side -----------------------------------------------------------------------------

ACCEPT = "TDG.MEM.PAGE.ACCEPT"


def guest(*prepare: kit.Prepare):
    machine = kit.before("running")
    for step in prepare:
        step(machine)
    assert machine.platform.lps[0].mode == "td"
    return machine


def large_leaf(machine) -> None:
    """The host adds a large page from another processor while the guest runs."""
    kit.first("TDH.MEM.PAGE.AUG", rcx=TD_2M | 1, rdx=layout.TDR, r8=kit.FREE_PAGE, lp=1)(machine)


def accepted(machine) -> None:
    assert kit.answer(kit.tdcall(machine, ACCEPT, rcx=TD_2M | 1)).status == 0


GUEST_CASES: dict[Key, tuple[dict[str, int], tuple[kit.Prepare, ...], int]] = {
    # registers, preparation, level in the status (-1: operand RCX)
    ("TDG.VP.VMCALL", 0): ({"rcx": 0x10}, (), -1),
    (ACCEPT, 0): ({"rcx": 2}, (), -1),
    (ACCEPT, 1): ({"rcx": 1 << 47}, (), -1),
    (ACCEPT, 2): ({"rcx": TD_2M + PAGE}, (large_leaf, accepted), 1),
    (ACCEPT, 5): ({"rcx": layout.GUEST_BASE | 1}, (), 1),
    (ACCEPT, 6): ({"rcx": layout.GUEST_BASE}, (), 0),
}
GUEST_EXITS: dict[Key, tuple[int, int]] = {
    # GPA that is accepted -> level at which the walk stops
    (ACCEPT, 3): (0x4000_0000, 2),
    (ACCEPT, 7): (layout.GUEST_BASE + 0xC000, 0),
}


@pytest.mark.parametrize(("leaf", "number"), GUEST_CASES)
def test_a_tdcall_is_refused_by_exactly_its_check(leaf, number):
    regs, prepare, level = GUEST_CASES[leaf, number]
    machine = guest(*prepare)
    rip, twin = machine.platform.lps[0].cpu.rip, machine.copy()
    twin.platform.lps[0].cpu.gprs[1] = regs["rcx"]
    before = kit.essence(twin)
    returned = kit.answer(kit.tdcall(machine, leaf, **regs))
    check = BY_NAME[leaf].checks[number]
    assert returned.passed == number
    wanted = s.with_operand(check.status, "RCX") if level < 0 else s.STATUS[check.status] | level
    assert returned.status == wanted == machine.platform.lps[0].cpu.gprs[0]
    assert machine.platform.lps[0].cpu.rip == rip + 4
    assert kit.essence(machine) == before


@pytest.mark.parametrize(("leaf", "number"), GUEST_EXITS)
def test_accepting_what_is_not_there_is_an_ept_violation_exit_and_repeats(leaf, number):
    gpa, level = GUEST_EXITS[leaf, number]
    machine = guest()
    rip = machine.platform.lps[0].cpu.rip
    events = kit.tdcall(machine, leaf, rcx=gpa)
    (exited,) = [e for e in events if isinstance(e, TdExited)]
    assert (exited.reason, exited.status) == (48, 48)
    gprs = machine.platform.lps[0].gprs
    assert gprs[8] == gpa
    assert gprs[2] & 0xFF == guest_leaves.EXTENDED_ACCEPT
    assert gprs[2] >> 32 == 0 | level << 3 | sept.PUBLIC["FREE"] << 8
    assert kit.vcpu(machine).vps["RIP"] == rip  # the TDCALL is repeated


def test_vp_info_has_no_checks_and_tells_the_tds_facts():
    machine = guest()
    returned = kit.answer(kit.tdcall(machine, "TDG.VP.INFO"))
    gprs = machine.platform.lps[0].cpu.gprs
    assert returned.status == 0
    assert (gprs[1], gprs[2], gprs[8], gprs[9]) == (48, boot.SEPT_VE_DISABLE, 1 | 1 << 32, 0)


def test_accept_zeroes_the_page_and_maps_it():
    machine = guest(large_leaf)
    hkid = kit.td(machine).hkid
    returned = kit.answer(tuple(e for e in kit.tdcall(machine, ACCEPT, rcx=TD_2M | 1)
                                if isinstance(e, LeafReturned)))  # fmt: skip
    assert (returned.status, returned.passed) == (0, len(BY_NAME[ACCEPT].checks))
    for page in (kit.FREE_PAGE, kit.FREE_PAGE + 511 * PAGE):
        assert path.read_physical(machine.platform, page, hkid, 64) == bytes(64)


# --- completeness ---------------------------------------------------------------------------------


def test_every_check_of_every_modelled_leaf_has_a_case_or_a_reason():
    everything = {(leaf, n) for leaf in (*dispatch.BODIES, *guest_leaves.BODIES)
                  for n in range(len(BY_NAME[leaf].checks))}  # fmt: skip
    covered = set(REACHABLE) | set(GUEST_CASES) | set(GUEST_EXITS)
    assert everything - covered - set(UNREACHABLE) == set()
    assert covered & set(UNREACHABLE) == set()
    assert (covered | set(UNREACHABLE)) - everything == set()
