"""Every check of every modelled leaf: reached alone, with its status and operand, changing nothing."""

import importlib

import pytest

from tdxviz.core.arch import state_table as st
from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME, Check
from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.events import LeafReturned, TdExited
from tdxviz.core.host import boot, layout
from tdxviz.core.hw import physical
from tdxviz.core.tdx import dispatch, guest_leaves
from tdxviz.core.units import PAGE
from tests.core.tdx import cases, checks_guest, kit
from tests.core.tdx.cases import Case

REACHED = list(cases.covered())
HOST = [key for key in REACHED if BY_NAME[key[0]].side == "host"]
GUEST = [key for key in REACHED if BY_NAME[key[0]].side == "guest"]
REFUSED = [key for key in GUEST if cases.covered()[key].exits is None]
LEAVING = [key for key in GUEST if cases.covered()[key].exits is not None]


def ids(value: object) -> str:
    return str(value)


def wanted_status(case: Case, check: Check) -> int:
    operand = case.operand or check.operand
    if operand == "level":  # the level that was found, in the low half
        operand = None
    return s.with_operand(case.status or check.status, operand) | case.detail


@pytest.mark.parametrize(("leaf", "number"), HOST, ids=ids)
def test_the_check_is_reached_alone_and_changes_nothing(leaf, number):
    case, check = cases.covered()[leaf, number], BY_NAME[leaf].checks[number]
    machine = kit.before(case.stage or leaf)
    for prepare in case.prepare:
        prepare(machine)
    call = kit.valid(leaf)
    before = kit.essence(machine)
    events = kit.seamcall(machine, leaf, version=case.version, **{**kit.registers(call), **case.regs})
    returned = kit.answer(events)
    assert returned.passed == number, returned.reason
    assert returned.reason
    assert returned.status == wanted_status(case, check), returned.reason
    assert returned.outputs["RAX"] == returned.status == machine.platform.lps[returned.lp].gprs[0]
    assert {name: returned.outputs.get(name) for name in case.outputs} == case.outputs
    assert set(cases.ALWAYS.get(leaf, ())) <= set(returned.outputs)
    if case.changes:
        assert kit.essence(machine) != before
    else:
        assert kit.essence(machine) == before
        assert [type(e) for e in events if type(e).__name__ not in ("LineEvicted",)] == [LeafReturned]


@pytest.mark.parametrize("leaf", dispatch.BODIES)
def test_the_honest_call_passes_every_check(leaf):
    assert kit.known(leaf), f"the build never calls {leaf}: a VALID in checks_*.py gives a call that succeeds"
    machine, call = kit.before(leaf), kit.valid(leaf)
    events = machine.do(call)
    if leaf == "TDH.VP.ENTER":
        assert type(events[-1]).__name__ == "TdEntered"
        return
    returned = kit.answer(events)
    assert (returned.status, returned.reason) == (0, "")
    skipped = cases.gather("SKIPPED").get(leaf, 0)
    assert returned.passed == len(BY_NAME[leaf].checks) - skipped


STATE_CHECK = "TDCS.OP_STATE is in this leaf's allowed set"
WITH_STATES = [
    leaf for leaf in dispatch.BODIES if any(check.text == STATE_CHECK for check in BY_NAME[leaf].checks)
]


@pytest.mark.parametrize("leaf", WITH_STATES)
def test_every_op_state_is_allowed_or_refused_as_the_table_says(leaf):
    row = BY_NAME[leaf]
    number = next(n for n, check in enumerate(row.checks) if check.text == STATE_CHECK)
    assert row.op_states
    for name, value in st.OP_STATES.items():
        machine = kit.before(leaf)
        kit.tdcs_field("OP_STATE", value)(machine)
        events = machine.do(kit.valid(leaf))
        returned = [e for e in events if isinstance(e, LeafReturned)]
        if name in row.op_states:
            assert not returned or returned[0].passed > number, (name, returned)
        else:
            assert returned[0].passed == number, (name, returned)
            assert returned[0].status == s.STATUS["TDX_OP_STATE_INCORRECT"]


# --- the guest's side -----------------------------------------------------------------------------


def guest(case: Case):
    machine = kit.before(case.stage or "running")
    for step in case.prepare:
        step(machine)
    assert machine.platform.lps[0].mode == "td"
    return machine


def with_registers(machine, registers: dict[str, int]):
    twin = machine.copy()
    for name, value in registers.items():
        twin.platform.lps[0].cpu.gprs[GPR_NAMES.index(name.upper())] = value
    return twin


@pytest.mark.parametrize(("leaf", "number"), REFUSED, ids=ids)
def test_a_tdcall_is_refused_by_exactly_its_check(leaf, number):
    case, check = cases.covered()[leaf, number], BY_NAME[leaf].checks[number]
    machine = guest(case)
    rip, before = machine.platform.lps[0].cpu.rip, machine.copy()
    returned = kit.answer(kit.tdcall(machine, leaf, version=case.version, **case.regs))
    assert returned.passed == number, returned.reason
    assert returned.reason
    cpu = machine.platform.lps[0].cpu
    assert returned.status == wanted_status(case, check) == cpu.gprs[0], returned.reason
    assert cpu.rip == rip + 4
    assert {name: returned.outputs.get(name) for name in case.outputs} == case.outputs
    assert set(cases.ALWAYS.get(leaf, ())) <= set(returned.outputs)
    expected = with_registers(before, {**case.regs, **returned.outputs})
    assert kit.essence(machine) == kit.essence(expected)


@pytest.mark.parametrize(("leaf", "number"), LEAVING, ids=ids)
def test_a_tdcall_that_cannot_return_leaves_the_guest_and_repeats(leaf, number):
    case = cases.covered()[leaf, number]
    machine = guest(case)
    rip = machine.platform.lps[0].cpu.rip
    events = kit.tdcall(machine, leaf, version=case.version, **case.regs)
    (exited,) = [e for e in events if isinstance(e, TdExited)]
    assert (exited.reason, exited.status) == (48, 48)
    gprs = machine.platform.lps[0].gprs
    assert (gprs[8], gprs[2]) == case.exits
    assert kit.vcpu(machine).vps["RIP"] == rip


@pytest.mark.parametrize("leaf", [leaf for leaf in guest_leaves.BODIES if leaf != "TDG.VP.VMCALL"])
def test_the_honest_tdcall_passes_every_check(leaf):
    assert kit.known(leaf), f"a VALID in checks_*.py gives a TDCALL {leaf} that succeeds"
    returned = [e for e in kit.valid_tdcall(leaf) if isinstance(e, LeafReturned)]
    assert [(n.status, n.reason) for n in returned] == [(0, "")]
    skipped = cases.gather("SKIPPED").get(leaf, 0)
    assert returned[0].passed == len(BY_NAME[leaf].checks) - skipped


def test_vp_info_has_no_checks_and_tells_the_tds_facts():
    machine = kit.before("running")
    returned = kit.answer(kit.tdcall(machine, "TDG.VP.INFO"))
    gprs = machine.platform.lps[0].cpu.gprs
    assert returned.status == 0
    assert (gprs[1], gprs[2], gprs[8], gprs[9]) == (48, boot.SEPT_VE_DISABLE, 1 | 1 << 32, 0)


def test_accept_zeroes_the_page_and_maps_it():
    machine = kit.before("running")
    checks_guest.large_leaf(machine)
    hkid = kit.td(machine).hkid
    checks_guest.accepted(machine)
    for page in (kit.FREE_PAGE, kit.FREE_PAGE + 511 * PAGE):
        assert physical.read_physical(machine.platform, page, hkid, 64) == bytes(64)
    assert layout.TDR in machine.module.running


# --- completeness ---------------------------------------------------------------------------------


def test_every_check_of_every_modelled_leaf_has_a_case_or_a_reason():
    everything, reached = set(cases.keys()), set(cases.covered())
    without = set(cases.unreachable()) | set(cases.elsewhere())
    assert everything - reached - without == set(), "a new row or check needs its case in checks_*.py"
    assert reached & without == set()
    assert (reached | without) - everything == set()
    assert set(cases.gather("CASES")) <= everything


@pytest.mark.parametrize("name", cases.elsewhere().values())
def test_a_test_of_its_own_is_there(name):
    module, function = name.split(".")
    assert callable(getattr(importlib.import_module(f"tests.core.tdx.{module}"), function))
