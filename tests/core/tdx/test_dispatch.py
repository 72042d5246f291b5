"""The dispatcher: its own checks in order, and any registers whatever."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tdxviz.core import events as e
from tdxviz.core.arch import metadata as md
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME, SEAMCALL, TDCALL
from tdxviz.core.commands import Proceed, Seamcall, Tdcall
from tdxviz.core.host import layout
from tdxviz.core.machine import Machine
from tdxviz.core.tdx import dispatch, guest_leaves
from tests.core.tdx import kit


@pytest.mark.parametrize(
    ("stage", "rax", "status"),
    [
        ("TDH.MNG.CREATE", 1 << 24, "TDX_OPERAND_INVALID"),
        ("TDH.MNG.CREATE", 1 << 62 | 9, "TDX_OPERAND_INVALID"),
        ("TDH.MNG.CREATE", 9 | 1 << 16, "TDX_OPERAND_INVALID"),
        ("TDH.MNG.CREATE", 999, "TDX_OPERAND_INVALID"),
        ("TDH.MNG.CREATE", 42, "TDX_OPERAND_INVALID"),
        ("TDH.SYS.INIT", 9, "TDX_SYS_NOT_READY"),
        ("TDH.SYS.INIT", 999, "TDX_SYS_NOT_READY"),
    ],
)
def test_what_no_leaf_gets_to_see(stage, rax, status):
    machine = kit.before(stage)
    before = kit.essence(machine)
    returned = kit.answer(machine.do(Seamcall(rax=rax)))
    assert (s.name_of(returned.status), returned.passed) == (status, 0)
    if status == "TDX_OPERAND_INVALID":
        assert s.operand_of(returned.status) == "RAX"
    assert kit.essence(machine) == before


@pytest.mark.parametrize("rax", [1 << 63, 1 << 63 | 9, (1 << 64) - 1])
def test_bit_63_calls_the_loader_and_never_reaches_the_module(rax):
    machine = kit.before("running")
    before = machine.fingerprint()
    (refused,) = machine.do(Seamcall(rax=rax, lp=1))
    assert "P-SEAMLDR" in refused.reason
    assert machine.fingerprint() == before


@pytest.mark.parametrize("name", ["VM_CTLS", "HP_LOCK_TIMEOUT"])
def test_a_field_that_another_processor_writes_meanwhile_is_busy(name):
    machine = kit.before("TDH.MNG.WR")
    field = md.named(name).element_id(1 if name == "VM_CTLS" else 0)
    value = 1 if name == "VM_CTLS" else 20_000
    write = Seamcall(rax=13, rcx=layout.TDR, rdx=field, r8=value, r9=(1 << 64) - 1)
    assert isinstance(machine.do(msgspec.structs.replace(write, lp=1, hold=12))[-1], e.SeamcallHeld)
    twin = machine.copy()
    assert kit.answer(twin.do(Proceed(lp=1))).status == 0
    assert kit.answer(machine.do(msgspec.structs.replace(write, lp=2))).status == 0
    alone = machine.copy()
    del alone.module.inside[1]
    refused = kit.answer(machine.do(Proceed(lp=1)))
    assert refused.status == s.with_operand("TDX_OPERAND_BUSY", "METADATA_FIELD")
    assert (refused.passed, refused.outputs["R8"]) == (13, 0)
    assert kit.essence(machine) == kit.essence(alone)
    assert kit.td(machine).tdcs["VM_CTLS1" if name == "VM_CTLS" else name] == value


@pytest.mark.parametrize(
    "leaf", [leaf.name for leaf in SEAMCALL.values() if leaf.name not in dispatch.BODIES]
)
def test_a_leaf_that_is_not_modelled_says_so(leaf):
    returned = kit.answer(kit.seamcall(kit.before("TDH.MNG.CREATE"), leaf))
    assert s.name_of(returned.status) == "TDX_OPERAND_INVALID"
    assert "not modelled" in returned.reason or "no leaf" in returned.reason


@pytest.mark.parametrize(
    "leaf", [leaf.name for leaf in TDCALL.values() if leaf.name not in guest_leaves.BODIES]
)
def test_a_guest_leaf_that_is_not_modelled_says_so(leaf):
    returned = kit.answer(kit.tdcall(kit.before("running"), leaf))
    assert "not modelled" in returned.reason


def test_the_legacy_world_has_no_seam():
    (event,) = Machine("legacy").do(Seamcall(rax=33))
    assert (type(event), event.how) == (e.SeamcallFailed, "#UD")


def test_a_guest_on_the_processor_keeps_the_host_out():
    machine = kit.before("running")
    before = machine.fingerprint()
    (event,) = machine.do(Seamcall(rax=33))
    assert isinstance(event, e.CommandRefused)
    assert machine.fingerprint() == before


def test_r8_poison_in_the_module_ends_tdx_for_good():
    machine = kit.before("TDH.MNG.ADDCX")
    machine.platform.cache.clear()
    machine.platform.memctl.poison(layout.TDR, 0)
    events = machine.do(kit.valid("TDH.MNG.ADDCX"))
    assert [type(n) for n in events][-2:] == [e.MachineCheckRaised, e.SeamcallFailed]
    assert events[-2].context == "module"
    before = machine.fingerprint()
    assert [n.how for n in machine.do(Seamcall(rax=33))] == ["VMfailInvalid"]
    assert machine.fingerprint() == before


def test_tdcall_outside_64_bit_mode_is_gp():
    machine = kit.before("running")
    machine.platform.lps[0].cpu.bits = 32
    fault = guest_leaves.tdcall(machine.platform, machine.module, 0, 4)
    assert (fault.vector, fault.error) == (13, 0)


U64 = st.integers(0, 2**64 - 1)
IDS = [row.id for row in (md.named(name) for name in (
    "OP_STATE", "HP_LOCK_TIMEOUT", "MRTD", "RTMR", "Guest RIP", "Shared EPTP", "PEND_NMI", "VCPU_INDEX",
    "Pin-based VM-execution controls", "NUM_CMRS", "CMR_BASE",
))]  # fmt: skip
PLAUSIBLE = st.sampled_from(
    [0, 1, 2, 3, 0x20, 0x21, 0x22, layout.TDR, layout.TDVPR, layout.TDCX, layout.TABLES, layout.GUEST_BASE,
     layout.GUEST_BASE | 1, layout.GUEST_BASE + 0xA000, kit.FREE_PAGE, kit.FREE_PAGE + 4096, layout.TD_PARAMS,
     layout.TDMR_LIST, 1 << 47, 1 << 46, (1 << 64) - 1, layout.TDVPR | 1 << 52, *IDS]
)  # fmt: skip
REGISTERS = st.dictionaries(
    st.sampled_from(["rcx", "rdx", "r8", "r9", "r10", "r11", "rbx", "rdi"]), U64 | PLAUSIBLE, max_size=6
)
LEAF = st.sampled_from(sorted(dispatch.BODIES)).map(lambda n: BY_NAME[n].number)
RAX = (
    LEAF
    | st.sampled_from(sorted(SEAMCALL))
    | U64
    | st.builds(lambda a, b: a | b << 16, LEAF, st.integers(0, 3))
)
STAGES = st.sampled_from([*dispatch.BODIES, "running"])
FINAL = (e.LeafReturned, e.SeamcallFailed, e.TdEntered, e.CommandRefused)


@settings(max_examples=400, deadline=None)
@given(STAGES, st.integers(0, 3), st.lists(st.tuples(RAX, REGISTERS), min_size=1, max_size=4))
def test_random_registers_on_random_leaves_always_get_one_answer(stage, lp, calls):
    machine = kit.before(stage)
    for rax, regs in calls:
        if machine.platform.lps[lp].mode != "host":
            return
        events = machine.do(Seamcall(rax=rax, lp=lp, **regs))
        assert sum(isinstance(n, FINAL) for n in events) == 1
        assert isinstance(events[-1], FINAL)
        returned = events[-1]
        if isinstance(returned, e.LeafReturned):
            assert 0 <= returned.status < 1 << 64
            assert bool(returned.status) == bool(returned.reason)  # zero is success, and success alone
    machine.fingerprint()


GUEST_LEAF = st.sampled_from(sorted(guest_leaves.BODIES)).map(lambda n: BY_NAME[n].number)
GUEST_RAX = GUEST_LEAF | st.sampled_from(sorted(TDCALL)) | U64 | st.builds(lambda a: a | 1 << 16, GUEST_LEAF)
GUEST_PLAUSIBLE = st.sampled_from(
    [0, 1, 3, 1 << 47, 1 << 48, layout.GUEST_BASE, layout.GUEST_BASE | 1, layout.GUEST_BASE + 0xC000,
     layout.symbol("picture"), layout.symbol("picture") + 1024, (1 << 64) - 1, 0x1310000300000000,
     0x9110000300000010, 0xA020000300000051, 0x0800000200000000, 0x800F, 0x800F << 16]
)  # fmt: skip
GUEST_REGISTERS = st.dictionaries(
    st.sampled_from(["rcx", "rdx", "r8", "r9", "r10", "r11", "rbx"]), U64 | GUEST_PLAUSIBLE, max_size=5
)


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(GUEST_RAX, GUEST_REGISTERS), min_size=1, max_size=4))
def test_random_tdcalls_always_get_one_answer(calls):
    machine = kit.before("running")
    for rax, regs in calls:
        events = machine.do(Tdcall(rax=rax, **regs))
        returned = [n for n in events if isinstance(n, e.LeafReturned) and n.side == "guest"]
        exited = [n for n in events if isinstance(n, e.TdExited)]
        delivered = [n for n in events if isinstance(n, e.ExceptionDelivered)]
        # an exception may escalate to a triple fault, which is an exit: still one answer
        assert len(returned) + bool(exited or delivered) == 1 and len(exited) < 2, events
        assert (machine.platform.lps[0].mode == "host") == bool(exited)
        if exited:
            break
        for answer in returned:
            assert answer.status == machine.platform.lps[0].cpu.gprs[0]
            assert bool(answer.status) == bool(answer.reason)


def test_a_tdcall_needs_a_guest_that_runs():
    machine = kit.before("TDH.VP.ENTER")
    (event,) = machine.do(Tdcall(rax=1))
    assert isinstance(event, e.CommandRefused)
    assert "enter one first" in event.reason
