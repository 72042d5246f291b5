"""The same program as an ordinary VM, at the same host addresses."""

from tdxviz.core.commands import HostRead, RunGuest, VmEnter
from tdxviz.core.drive import drive
from tdxviz.core.events import HostLoaded
from tdxviz.core.guest import programs
from tdxviz.core.host import layout, plain_vm
from tdxviz.core.machine import Machine


def test_every_page_lies_where_the_td_has_it_and_can_be_read_by_the_host():
    machine, program = Machine("legacy"), programs.load("vault")
    drive(machine, plain_vm.build_vm(program))
    for gpa, content in program.pages.items():
        (loaded,) = [
            event
            for event in machine.do(HostRead(hpa=layout.hpa_of(gpa), size=64))
            if isinstance(event, HostLoaded)
        ]
        assert loaded.data == content[:64]
    assert machine.vms[0].eptp == layout.TABLES


def test_it_runs_on_a_tdx_machine_as_well():
    machine = Machine("ci")
    program = programs.load("vault")
    drive(machine, plain_vm.build_vm(program))
    machine.do(VmEnter(vm=0))
    machine.do(RunGuest(steps=60_000, until=program.symbols["ready"], trace=False))
    assert machine.platform.lps[0].cpu.rip == program.symbols["ready"]
    assert machine.module.kot[33].state == "HKID_FREE"
