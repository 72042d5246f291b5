"""Runtime measurements and reports, from the guest's TDCALL to the bytes in its memory."""

import hashlib

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import report as lay
from tdxviz.core.arch import status as s
from tdxviz.core.commands import Tdcall
from tdxviz.core.host import layout
from tdxviz.core.hw import physical
from tdxviz.core.machine import Machine
from tdxviz.core.tdx import report
from tests.core.tdx import checks_guest, kit

GPA = layout.symbol("picture")
HPA = layout.hpa_of(GPA)
ZERO_EXTENDED = (
    "518923b0f955d08da077c96aaba522b9decede61c599cea6c41889cfbea4ae4d50529d96fe4d1afdafb65e7f95bf23c4"
)
"""RTMR after its first extension with SHA384(00000000). Source: attestation-and-migration 1.3."""


@pytest.fixture(scope="module")
def running() -> Machine:
    return kit.before("running")


def content(machine: Machine, size: int = 1024) -> bytes:
    return physical.read_physical(machine.platform, HPA, kit.td(machine).hkid, size)


def put(machine: Machine, data: bytes) -> None:
    physical.write_physical(machine.platform, HPA, kit.td(machine).hkid, data)


def call(machine: Machine, leaf: str, **regs: int) -> str:
    return s.name_of(kit.answer(kit.tdcall(machine, leaf, **regs)).status)


def test_an_rtmr_grows_as_the_specification_says(running):
    machine = running.copy()
    put(machine, hashlib.sha384(bytes(4)).digest())
    events = kit.tdcall(machine, "TDG.MR.RTMR.EXTEND", rcx=GPA, rdx=1)
    (extended,) = [n for n in events if isinstance(n, e.MeasurementExtended)]
    assert extended.register == "RTMR1"
    assert extended.digest.hex() == ZERO_EXTENDED == kit.td(machine).tdcs.raw("RTMR1").hex()
    assert kit.td(machine).tdcs.raw("RTMR0") == bytes(48)


def test_a_report_holds_the_td_s_facts_under_two_hashes_and_a_seal(running):
    machine = running.copy()
    put(machine, b"nonce".ljust(64, b"!"))
    assert call(machine, "TDG.MR.REPORT", rcx=GPA, rdx=GPA, r8=0) == "TDX_SUCCESS"
    raw, tdcs = content(machine), kit.td(machine).tdcs
    assert lay.cut(raw, "REPORTDATA") == b"nonce".ljust(64, b"!")
    assert lay.cut(raw, "REPORTTYPE") == bytes([0x81, 0, 0, 0])
    for name in ("ATTRIBUTES", "XFAM", "MRTD", "RTMR3", "MROWNER"):
        assert lay.cut(raw, name) == tdcs.raw(name)
    assert lay.cut(raw, "MRTD") != bytes(48)
    assert lay.cut(raw, "TEE_TCB_INFO_HASH") == hashlib.sha384(raw[256:495]).digest()
    assert lay.cut(raw, "TEE_INFO_HASH") == hashlib.sha384(raw[512:]).digest()
    assert lay.cut(raw, "MRSEAM") == report.MRSEAM
    assert not any(raw[495:512]) and not any(raw[4:16]) and not any(raw[960:])


def test_only_this_platform_recognises_the_report(running):
    machine = running.copy()
    checks_guest.reported(machine)
    raw = content(machine)
    assert call(machine, "TDG.MR.VERIFYREPORT", rcx=GPA) == "TDX_SUCCESS"
    twin = running.copy()
    put(twin, raw)
    assert call(twin, "TDG.MR.VERIFYREPORT", rcx=GPA) == "TDX_SUCCESS"
    twin.platform.report_key = bytes(32)  # another power-on
    assert call(twin, "TDG.MR.VERIFYREPORT", rcx=GPA) == "TDX_INVALID_REPORTMACSTRUCT"


def test_a_later_extension_shows_in_the_next_report(running):
    machine = running.copy()
    checks_guest.reported(machine)
    first = content(machine)
    kit.tdcall(machine, "TDG.MR.RTMR.EXTEND", rcx=GPA, rdx=0)
    checks_guest.reported(machine)
    second = content(machine)
    assert lay.cut(first, "RTMR0") != lay.cut(second, "RTMR0")
    assert lay.cut(first, "TEE_INFO_HASH") != lay.cut(second, "TEE_INFO_HASH")
    assert lay.cut(first, "MRTD") == lay.cut(second, "MRTD")


@pytest.mark.parametrize("leaf", ["TDG.MR.RTMR.EXTEND", "TDG.MR.VERIFYREPORT"])
def test_an_operand_that_is_not_there_leaves_the_guest_and_the_tdcall_repeats(running, leaf):
    machine = running.copy()
    rip = machine.platform.lps[0].cpu.rip
    events = machine.do(Tdcall(rax=kit.BY_NAME[leaf].number, rcx=0x4000_0000, rdx=0))
    (exited,) = [n for n in events if isinstance(n, e.TdExited)]
    assert (exited.reason, machine.platform.lps[0].gprs[8]) == (48, 0x4000_0000)
    assert kit.vcpu(machine).vps["RIP"] == rip
    assert kit.vcpu(machine).vps["RAX"] == kit.BY_NAME[leaf].number


def test_a_pending_operand_becomes_ve_where_the_td_wants_it(running):
    machine = running.copy()
    kit.tdcs_field("TD_CTLS", 0)(machine)
    gpa = checks_guest.FREE_GPA
    kit.first("TDH.MEM.PAGE.AUG", rcx=gpa, rdx=layout.TDR, r8=kit.FREE_PAGE, lp=1)(machine)
    events = machine.do(Tdcall(rax=2, rcx=gpa, rdx=0))
    assert [n.reason for n in events if isinstance(n, e.VeInjected)] == [48]
    vps = kit.vcpu(machine).vps  # (this guest has no #VE handler yet)
    assert (vps["VE_VALID"], vps["VE_EXIT_REASON"], vps["VE_GPA"]) == (0xFFFF_FFFF, 48, gpa)


def test_a_report_is_made_again_after_an_interruption_that_waits():
    machine = kit.before("running")
    where = {"rcx": checks_guest.PAGE_GPA, "rdx": checks_guest.PAGE_GPA, "r8": 0}
    before = kit.essence(machine)
    machine.platform.lps[0].pending_interrupt = 0x31
    events = kit.tdcall(machine, "TDG.MR.REPORT", **where)
    assert events[-1] == e.TdcallInterrupted(lp=0, name="TDG.MR.REPORT")
    machine.platform.lps[0].pending_interrupt = -1
    twin = machine.copy()
    twin.platform.lps[0].cpu = kit.before("running").platform.lps[0].cpu
    assert kit.essence(twin) == before
    assert kit.answer(kit.tdcall(machine, "TDG.MR.REPORT", **where)).status == 0
