"""The honest host's recipes: every leaf by itself, and what stands at the end."""

import pytest

from tdxviz.core.arch.leaves import BY_NAME, SEAMCALL
from tdxviz.core.commands import HostWrite, Seamcall
from tdxviz.core.drive import drive
from tdxviz.core.events import LeafReturned
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import programs
from tdxviz.core.host import boot, layout
from tdxviz.core.machine import Machine
from tdxviz.core.tdx.structs import Td
from tdxviz.core.units import GIB, PAGE


def leaves(events) -> list[str]:
    return [event.name for event in events if isinstance(event, LeafReturned)]


@pytest.mark.parametrize("world", ["li", "ci"])
def test_bring_up_ends_ready_with_every_pamt_entry(world):
    machine = Machine(world)
    events, _ = drive(machine, boot.bring_up())
    module = machine.module
    assert module.sys_state == "SYS_READY"
    assert leaves(events).count("TDH.SYS.LP.INIT") == len(machine.platform.lps)
    assert leaves(events).count("TDH.SYS.KEY.CONFIG") == 2
    assert leaves(events).count("TDH.SYS.TDMR.INIT") == 256
    assert module.page(0).kind == "PT_NDA"
    assert module.page(layout.PAMT_4K).kind == "PT_RSVD"
    assert module.page(layout.TDMR_SIZE) is None
    assert module.kot[layout.GLOBAL_HKID].state == "HKID_RESERVED"


def test_build_td_ends_runnable_and_measured():
    machine = Machine("ci")
    drive(machine, boot.bring_up())
    program = programs.load("vault")
    events, _ = drive(machine, boot.build_td(program))
    td = Td(machine.platform, machine.module, layout.TDR)
    assert td.op_state == "RUNNABLE"
    assert leaves(events).count("TDH.MEM.PAGE.ADD") == len(program.pages)
    assert leaves(events).count("TDH.MR.EXTEND") == 16 * len(program.pages)
    children = [entry for entry in machine.module.pamt.values() if entry.owner == layout.TDR]
    assert td.tdr["CHLDCNT"] == len(children)
    for gpa in program.pages:
        assert machine.module.page(layout.hpa_of(gpa)).kind == "PT_REG"


def test_the_recipe_is_nothing_but_commands():
    """Each leaf is one command, so that each can be watched by itself."""
    machine = Machine("ci")
    commands = []

    def spied():
        steps = boot.bring_up()
        command = next(steps)
        try:
            while True:
                commands.append(command)
                command = steps.send((yield command))
        except StopIteration:
            return

    drive(machine, spied())
    assert {type(command) for command in commands} == {Seamcall, HostWrite}


def test_an_unexpected_refusal_names_leaf_status_operand_and_reason():
    machine = Machine("ci")
    drive(machine, boot.bring_up())
    drive(machine, boot.create_td())
    with pytest.raises(TdxvizError) as caught:
        drive(machine, boot.create_td())
    text = str(caught.value)
    for part in ("TDH.MNG.CREATE", "TDX_PAGE_METADATA_INCORRECT", "(RCX)", f"{layout.TDR:#x}"):
        assert part in text


def test_without_a_module_the_recipe_says_so():
    with pytest.raises(TdxvizError, match="no TDX module"):
        drive(Machine("legacy"), boot.bring_up())


def test_tables_are_added_top_down_and_once():
    gpas = [layout.GUEST_BASE, layout.GUEST_BASE + PAGE, layout.RESET_GPA]
    steps, calls = boot.sept_tables(gpas), []
    success = (LeafReturned(side="host", leaf=3, name="TDH.MEM.SEPT.ADD", status=0, passed=0, reason=""),)
    try:
        command = next(steps)
        while True:
            calls.append(command)
            command = steps.send(success)
    except StopIteration:
        pass
    assert {SEAMCALL[c.rax].name for c in calls} == {BY_NAME["TDH.MEM.SEPT.ADD"].name}
    levels = [c.rcx & 7 for c in calls]
    assert levels == sorted(levels, reverse=True)
    assert len({c.rcx for c in calls}) == len({c.r8 for c in calls}) == len(calls)


def test_a_machine_of_4_gib_gives_all_its_memory_to_tds():
    machine = Machine("ci", size=4 * GIB)
    drive(machine, boot.bring_up(4 * GIB))
    module = machine.module
    assert module.sys_state == "SYS_READY"
    assert len(module.tdmrs) == 2
    for page in (0, layout.MORE_PRIVATE, 2 * GIB, 4 * GIB - PAGE, machine.platform.seam_range[1]):
        assert module.page(page).kind == "PT_NDA"
    for page in (GIB, layout.PAMT_4K, machine.platform.seam_range[0]):
        assert module.page(page).kind == "PT_RSVD"
    assert module.page(4 * GIB) is None
    assert sorted(machine.platform.dram.pages()) == [layout.TDMR_LIST, layout.TDMR_INFO]
    drive(machine, boot.build_td(programs.load("vault")))
