"""What an ordinary VM's instructions come to: its own MSRs, ports, VMX."""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import msrs
from tests.core.test_legacy import GPA, run, vm

RAX, RCX, RDX = 0, 1, 2


def guest(code: str, **regs: int):
    machine = vm(bytes.fromhex(code))
    cpu = machine.platform.lps[0].cpu
    for number, name in enumerate(("rax", "rcx", "rdx")):
        cpu.gprs[number] = regs.get(name, 0)
    return machine


def wrmsr(index: int, value: int):
    """The machine after WRMSR and whether it was done (else: a fault that could not be delivered)."""
    machine = guest("0f30", rcx=index, rax=value & 0xFFFF_FFFF, rdx=value >> 32)
    left = [n for n in run(machine) if isinstance(n, e.VmExited)]
    return machine, not left


HELD = {
    0xC0000100: 0x7FFF_1234_5000, 0xC0000101: 0xFFFF_8000_0000_1000, 0xC0000102: 0x1234, 0xC0000082: 0x40_1000,
    0xC0000081: 0x13_0008_0000_0000, 0xC0000084: 0x200, 0xC0000103: 77, 0x277: 0x0606_0606_0606_0606,
    0x808: 0x50, 0xC0000080: 0xD01, 0x48: 1, 0x176: 0x40_2000, 0x6A0: 0,
}  # fmt: skip


@pytest.mark.parametrize("index", HELD)
def test_wrmsr_reaches_the_vcpu_and_rdmsr_reads_it_back(index):
    machine, done = wrmsr(index, HELD[index])
    cpu = machine.platform.lps[0].cpu
    assert done
    assert cpu.rip == GPA + 2
    cpu.gprs[RAX] = cpu.gprs[RDX] = 0
    cpu.rip = GPA + 0x10
    machine.do(e_write("0f32"))
    run(machine)
    read = cpu.gprs[RDX] << 32 | cpu.gprs[RAX]
    assert read == (HELD[index] if index != 0xC0000080 else HELD[index] & ~0x400 | cpu.efer & 0x400)


def e_write(code: str):
    from tdxviz.core import commands as c
    from tests.core.test_legacy import RAM

    return c.HostWrite(hpa=RAM + 0x10, data=bytes.fromhex(code))


def test_segment_bases_and_priority_are_where_instructions_look():
    cpu = wrmsr(0xC0000100, 0x1000)[0].platform.lps[0].cpu
    assert cpu.segments[4].base == 0x1000
    cpu = wrmsr(0x808, 0x50)[0].platform.lps[0].cpu
    assert cpu.cr8 == 5
    cpu = wrmsr(0xC0000082, 0x1000)[0].platform.lps[0].cpu
    assert cpu.msrs[msrs.LSTAR] == 0x1000


ILLEGAL = {
    "FS base": (0xC0000100, 1 << 47), "LSTAR": (0xC0000082, 1 << 62), "PAT": (0x277, 2),
    "EFER": (0xC0000080, 1 << 12), "command": (0x49, 2), "TPR": (0x808, 0x100), "EOI": (0x80B, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", ILLEGAL)
def test_illegal_values_are_gp(name):
    machine, done = wrmsr(*ILLEGAL[name])
    assert not done
    assert machine.vms[0].cpu.rip == GPA  # no IDT: #GP ends in a triple fault at the instruction


def test_lme_is_fixed_while_paging():
    machine = guest("0f30", rcx=0xC0000080, rax=0x900)
    cpu = machine.platform.lps[0].cpu
    cpu.efer = 0xD00
    assert not [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert cpu.efer == 0xD00  # LMA is not WRMSR's
    machine = guest("0f30", rcx=0xC0000080, rax=0x800)
    cpu = machine.platform.lps[0].cpu
    cpu.efer = 0xD00
    machine.platform.lps[0].tlb, cpu.cr0 = machine.platform.lps[0].tlb, cpu.cr0 | 1 << 31
    from tdxviz.core import legacy_guest
    from tdxviz.core.legacy import translation

    lp = machine.platform.lps[0]
    assert not legacy_guest._write(machine.state, lp, translation(machine.state, lp), 0xC0000080, 0x800)


@pytest.mark.parametrize(
    ("code", "index", "reason"),
    [("0f32", 0x1B, 31), ("0f30", 0x1B, 32), ("0f30", 0x10, 32), ("0f32", 0x814, 31)],
)
def test_other_msrs_are_the_hosts(code, index, reason):
    (left,) = [n for n in run(guest(code, rcx=index)) if isinstance(n, e.VmExited)]
    assert left.reason == reason


@pytest.mark.parametrize(("code", "reason"), [("0f08", 13), ("0f09", 54)])
def test_cache_instructions_leave_with_their_reason(code, reason):
    machine = guest(code)
    (left,) = [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert left.reason == reason
    assert machine.vms[0].cpu.rip == GPA + 2


def test_rdpmc_is_gp_and_xsetbv_follows_its_rules():
    machine = guest("0f33")
    assert next(n.vector for n in run(machine) if isinstance(n, e.ExceptionDelivered)) == 13
    machine = guest("0f01d1", rax=3)
    assert next(n.vector for n in run(machine) if isinstance(n, e.ExceptionDelivered)) == 6
    for value, fine in ((3, True), (1, True), (0, False), (2, False), (7, False)):
        machine = guest("0f01d1", rax=value)
        cpu = machine.platform.lps[0].cpu
        cpu.cr4 |= 1 << 18
        told = [n for n in run(machine) if isinstance(n, e.ExceptionDelivered)]
        assert (not told) == fine
        assert cpu.xcr0 == (value if fine else 1)


def test_outs_leaves_at_the_instruction_with_where_and_how():
    machine = guest("f36e", rcx=2, rdx=0xE9)
    machine.platform.lps[0].cpu.gprs[6] = GPA + 0x20
    (left,) = [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert (left.reason, left.qualification) == (30, 16 | 32 | 0xE9 << 16)
    assert (left.linear, left.length, left.information) == (GPA + 0x20, 2, 2 << 7 | 3 << 15)
    assert machine.vms[0].cpu.rip == GPA
    machine = guest("f36e", rcx=0, rdx=0xE9)
    assert not [n for n in run(machine) if isinstance(n, e.VmExited)]
    machine = guest("6e", rdx=0xE9)
    machine.platform.lps[0].cpu.gprs[6] = 0x4000_0000
    (left,) = [n for n in run(machine) if isinstance(n, e.VmExited)]
    assert left.reason == 48  # its operand is not mapped


def test_vmx_is_modelled_up_to_vmxon_and_says_so():
    def told(code, *, vmxe=True, vmx=False):
        machine = guest(code)
        machine.platform.lps[0].cpu.cr4 |= vmxe << 13
        machine.vms[0].vmx = vmx
        return machine, [n for n in run(machine) if isinstance(n, e.InstructionNotModelled)]

    on = "f30fc73500000000"
    machine, said = told(on)
    assert machine.vms[0].vmx
    assert not said
    machine, said = told("0f01c4", vmx=True)  # VMXOFF
    assert not machine.vms[0].vmx
    assert not said
    for code, name in (
        ("0f78c8", "vmread"),
        ("0f01c2", "vmlaunch"),
        (on, "vmxon"),
        ("0fc73500000000", "vmptrld"),
    ):
        _, said = told(code, vmx=True)
        assert [n.text for n in said] == [name]
        _, said = told(code, vmx=False, vmxe=False)
        assert not said  # an honest #UD: it is not in VMX operation
