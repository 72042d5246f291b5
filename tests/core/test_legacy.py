"""The ordinary VM: everything is the host's."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core import legacy, legacy_guest
from tdxviz.core.machine import Machine
from tdxviz.core.observe import observe
from tdxviz.core.peek import page_map
from tdxviz.core.units import World

EPT, TABLES, RAM = 0x70_0000, 0x71_0000, 0x80_0000
GPA = 0x5000


def vm(code: bytes, *, number: int = 0, world: World = "legacy") -> Machine:
    machine = Machine(world)
    machine.do(c.VmCreate(vm=number, eptp=EPT))
    machine.do(c.HostWrite(hpa=RAM, data=code.ljust(64, b"\x90"), how="full-line"))
    machine.do(c.VmMap(vm=number, gpa=GPA, hpa=RAM, tables=TABLES))
    cpu = machine.vms[number].cpu
    cpu.rip, cpu.bits = GPA, 64
    machine.do(c.VmEnter(vm=number))
    return machine


def run(machine, steps=1):
    return machine.do(c.RunGuest(steps=steps))


@pytest.mark.parametrize(
    ("code", "reason", "length"),
    [("f4", 12, 1), ("ec", 30, 1), ("ee", 30, 1), ("0f32", 31, 2), ("0f30", 32, 2), ("0f01c1", 18, 3)],
)
def test_intercepted_instructions_leave_with_their_reason_and_advance(code, reason, length):
    machine = vm(bytes.fromhex(code))
    (left,) = [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert (left.vm, left.reason) == ("vm-a", reason)
    assert machine.vms[0].cpu.rip == GPA + length
    assert machine.vms[0].lp == -1
    assert machine.platform.lps[0].mode == "host"


def test_every_register_stays_for_the_host():
    machine = vm(bytes.fromhex("f4"))
    machine.platform.lps[0].cpu.gprs[:] = range(100, 116)
    run(machine)
    (read,) = machine.do(c.ReadHostRegisters())
    assert read.gprs == tuple(range(100, 116))


def test_cpuid_is_answered_by_the_host():
    machine = vm(bytes.fromhex("0fa2"))
    machine.platform.lps[0].cpu.gprs[0] = 0x21
    (answered,) = [n for n in run(machine) if isinstance(n, e.CpuidAnswered)]
    assert (answered.by, answered.leaf) == ("host", 0x21)
    assert machine.platform.lps[0].cpu.gprs[:4] == [0, 0, 0, 0]
    assert machine.platform.lps[0].mode == "vm"


@pytest.mark.parametrize(
    ("code", "reason"),
    [("488b042500000040", 48), ("660f01cc", 2), ("0f0b", 2), ("0f58c0", 2)],
)
def test_what_cannot_be_delivered_or_mapped_leaves(code, reason):
    machine = vm(bytes.fromhex(code))
    before = machine.vms[0].cpu.copy()
    (left,) = [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert left.reason == reason
    assert machine.vms[0].cpu == before


def test_a_port_access_tells_the_host_which():
    (left,) = [n for n in run(vm(bytes.fromhex("e6e9"))) if isinstance(n, e.VmExited)]
    assert (left.reason, left.qualification) == (30, 64 | 0xE9 << 16)


def test_an_interrupt_leaves():
    machine = vm(b"\x90" * 10)
    machine.do(c.RaiseInterrupt(vector=0x30))
    (left,) = [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert left.reason == 1
    machine.do(c.RaiseInterrupt(vector=0x30))  # the host's own affair now
    machine.do(c.VmEnter())
    assert [type(n) for n in machine.do(c.RunGuest(steps=1, trace=False))] == []


def test_poison_is_the_vms_machine_check():
    machine = vm(bytes.fromhex("488b042540500000"))
    machine.platform.memctl.poison(RAM + 64, 0)
    (left,) = [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert left.why == "machine check"


def test_the_host_reads_and_changes_everything():
    machine = vm(bytes.fromhex("488b042540500000"))
    machine.do(c.HostWrite(hpa=RAM + 64, data=b"\x2a"))
    run(machine)
    assert machine.platform.lps[0].cpu.gprs[0] == 0x2A


def test_map_uses_the_pool_and_skips_used_tables():
    machine = vm(b"\x90")
    machine.do(c.VmMap(gpa=1 << 40, hpa=RAM, tables=TABLES))
    tables = legacy._tables(machine.state, EPT)
    assert tables - {EPT} == {TABLES + n * 4096 for n in range(6)}


REFUSED = {
    "a table outside memory": c.VmCreate(eptp=1 << 40),
    "an unaligned root": c.VmCreate(eptp=5),
    "too many": c.VmCreate(vm=26, eptp=EPT),
    "no such VM": c.VmMap(vm=3, gpa=0, hpa=0, tables=TABLES),
    "a page outside memory": c.VmMap(gpa=0, hpa=1 << 40, tables=TABLES),
    "a pool outside memory": c.VmMap(gpa=0, hpa=0, tables=-4096),
    "entered twice": c.VmEnter(lp=1),
    "busy processor": c.VmEnter(lp=0),
    "no VM to enter": c.VmEnter(lp=2, vm=9),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name):
    machine = vm(b"\x90")
    before = machine.fingerprint()
    (event,) = machine.do(REFUSED[name])
    assert isinstance(event, e.CommandRefused)
    assert event.reason
    assert machine.fingerprint() == before


@pytest.mark.parametrize("world", ["li", "ci"])
def test_an_ordinary_vm_lives_in_a_tdx_world_too(world):
    machine = vm(bytes.fromhex("f4"), world=world)
    (left,) = [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert (left.vm, left.reason) == ("vm-a", 12)
    assert machine.platform.memctl.probe(RAM).data[:1] != b"\xf4"  # under the TME key
    assert not machine.platform.memctl.probe(RAM).owner


@pytest.mark.parametrize(
    ("how", "reason"), [({"keyid": 33}, 49), ({"perms": 2}, 49), ({"perms": 6}, 49), ({"perms": 0}, 48)]
)
def test_an_entry_that_no_ept_may_hold_is_a_misconfiguration(how, reason):
    machine = vm(b"\x90", world="ci")
    machine.do(c.VmMap(gpa=GPA, hpa=RAM, tables=TABLES, **how))
    (left,) = [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert (left.reason, left.gpa) == (reason, GPA)
    assert machine.vms[0].cpu.rip == GPA


@pytest.mark.parametrize("world", ["legacy", "ci"])
def test_a_tangled_ept_is_walked_once(world):
    """Every entry of the root names the root itself: a walk finds a page in it, and mapping goes on."""
    machine = vm(b"\x90", world=world)
    machine.do(c.HostWrite(hpa=EPT, data=(EPT | 7).to_bytes(8, "little") * 512, how="full-line"))
    machine.do(c.VmMap(gpa=1 << 39, hpa=RAM, tables=TABLES))
    page_map(machine)
    assert observe(machine, "vm-a", RAM, 8).data == b"\x90" * 8


def test_a_shared_keyid_in_an_ept_is_the_hosts_own_business():
    machine = vm(b"\x90", world="ci")
    machine.do(c.VmMap(gpa=GPA, hpa=RAM, tables=TABLES, keyid=5))
    (filled,) = [n for n in run(machine) if isinstance(n, e.TlbFilled)]
    assert (filled.hpa, filled.keyid) == (RAM, 5)


def test_a_copy_runs_by_itself(ready):
    machine = ready("legacy")
    twin = machine.copy()
    assert twin.vms[0].cpu is twin.platform.lps[0].cpu is not machine.platform.lps[0].cpu
    before = machine.fingerprint()
    twin.do(c.RunGuest(steps=50))
    assert machine.fingerprint() == before
    assert twin.vms[0].cpu.rip == twin.platform.lps[0].cpu.rip != 0


@pytest.mark.parametrize("pool", [256 * 1024 * 1024 - 4096])
def test_a_pool_that_runs_out_of_memory_is_not_a_crash(pool):
    machine = vm(b"\x90")
    assert machine.do(c.VmMap(gpa=1 << 40, hpa=RAM, tables=pool))


@pytest.mark.parametrize("gpa", [-4096, 5, 1 << 60])
def test_a_strange_gpa_is_not_a_crash(gpa):
    assert vm(b"\x90").do(c.VmMap(gpa=gpa, hpa=RAM, tables=TABLES))


@pytest.mark.parametrize("entry", [0xFFFF_FFFF_FFFF_F007, 0x0FFF_F000_0000 | 7, EPT | 7])
def test_a_host_that_scribbles_over_its_own_ept_is_not_a_crash(entry):
    machine = vm(b"\x90")
    machine.do(c.HostWrite(hpa=EPT, data=entry.to_bytes(8, "little")))
    machine.platform.lps[0].tlb.flush()
    assert run(machine, 3)
    assert machine.do(c.VmMap(gpa=0x9000, hpa=RAM, tables=TABLES + 0x8000))


def test_the_host_writes_the_registers_of_a_vm_that_is_out():
    machine = vm(bytes.fromhex("f4"))
    (refused,) = machine.do(c.VmWrite(register="RIP", value=1))
    assert isinstance(refused, e.CommandRefused) and "runs" in refused.reason
    run(machine)
    machine.do(c.VmWrite(register="RIP", value=0x5010))
    machine.do(c.VmWrite(register="RBX", value=1 << 64 | 7))
    assert (machine.vms[0].cpu.rip, machine.vms[0].cpu.gprs[3]) == (0x5010, 7)
    (unknown,) = machine.do(c.VmWrite(register="RIPP", value=0))
    assert "'RIPP'" in unknown.reason


def test_the_host_injects_an_exception_without_a_cause():
    machine = vm(bytes.fromhex("f4"))
    run(machine)
    machine.do(c.VmWrite(register=c.INJECTION, value=1 << 31 | 3 << 8 | 20))
    machine.do(c.VmEnter())
    told = [n for n in run(machine) if isinstance(n, e.ExceptionDelivered)]
    assert told and told[0].vector == 20  # this guest has no IDT: its delivery ends in a triple fault


def test_a_page_can_be_taken_away_and_given_back():
    machine = vm(b"\x90" * 8)
    run(machine)
    machine.do(c.VmMap(gpa=GPA, hpa=RAM, tables=TABLES, perms=0))
    assert not [n for n in run(machine) if isinstance(n, e.VmExited)]  # the TLB still knows the page
    (flushed,) = machine.do(c.VmInvept())
    assert isinstance(flushed, e.TlbFlushed) and flushed.count == 1
    (left,) = [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert (left.reason, left.gpa) == (48, GPA + 2)
    machine.do(c.VmMap(gpa=GPA, hpa=RAM, tables=TABLES))
    machine.do(c.VmEnter())
    assert any(isinstance(n, e.InstructionRetired) for n in run(machine))


def test_a_hypervisor_that_offers_vmx_wants_it_switched_on_first():
    machine = vm(bytes.fromhex("f30fc73500000000") + b"\x90" * 16)  # VMXON
    assert [n.vector for n in run(machine) if isinstance(n, e.ExceptionDelivered)][:1] == [6]
    machine = vm(bytes.fromhex("f30fc73500000000") + b"\x90" * 16)
    machine.vms[0].cpu.cr4 |= 1 << 13
    (entered,) = [n for n in run(machine) if isinstance(n, e.VmxOperationEntered)]
    assert entered.actor == "vm-a" and machine.platform.lps[0].cpu.rip == GPA + 8


def test_cet_msrs_are_the_guests_own():
    machine = vm(bytes.fromhex("0f30"))  # WRMSR
    cpu = machine.vms[0].cpu
    cpu.gprs[1], cpu.gprs[0] = 0x6A2, 1
    assert not [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert cpu.msr(0x6A2) == 1
    machine = vm(bytes.fromhex("0f30"))
    cpu = machine.vms[0].cpu
    cpu.gprs[1], cpu.gprs[0] = 0x6A2, 1 << 8  # a reserved bit
    assert 13 in [n.vector for n in run(machine) if isinstance(n, e.ExceptionDelivered)]


def test_cpuid_says_what_the_host_has_chosen_for_this_vm():
    machine = vm(bytes.fromhex("0fa2" * 2))
    (chosen,) = machine.do(c.VmCpuid(leaf=1 << 32 | 1, eax=5, ecx=1 << 40 | 7))
    assert chosen == e.VmCpuidChosen(vm="vm-a", leaf=1, values=(5, 0, 7, 0))
    before, twin = machine.fingerprint(), machine.copy()
    twin.do(c.VmCpuid(leaf=1, eax=6))
    assert machine.fingerprint() == before != twin.fingerprint()
    cpu = machine.platform.lps[0].cpu
    cpu.gprs[0] = 1
    run(machine)
    assert (cpu.gprs[0], cpu.gprs[1]) == (5, 7)
    cpu.gprs[0] = 0
    run(machine)
    assert cpu.gprs[0] == legacy_guest.CPUID[0, 0][0]
    (refused,) = machine.do(c.VmCpuid(vm=3, leaf=1))
    assert isinstance(refused, e.CommandRefused)
