"""Every row of "what guest instructions do" (tdx-architecture 10.1), as machine code that a TD executes.

``test_guest_side`` asks the module; here the instruction is fetched, decoded and executed by the vCPU,
and what comes of it is read from the events and from the vCPU's pages.
"""

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import instructions
from tdxviz.core.commands import RunGuest
from tdxviz.core.host import layout
from tdxviz.core.hw import path
from tdxviz.core.tdx import guest_memory
from tests.core.tdx import kit

CODE, DATA = layout.GUEST_BASE + 0x2000, layout.GUEST_BASE + 0x5000
VE, UD, GP, RUNS, LEAVES = "#VE", "#UD", "#GP(0)", "executes", "TD exit"

ROWS: dict[str, tuple[str, str, int | None]] = {
    # instruction -> code, behaviour, exit reason that #VE tells or with which the TD is left
    "CPUID, known leaf": ("0fa2", RUNS, None),
    "CPUID, unknown leaf": ("b80200000031c90fa2", VE, 10), "CPUID, reserved leaf": ("b80000004031c90fa2", VE, 10),
    "CPUID, leaf above the last": ("b8ffff000031c90fa2", RUNS, None),
    "HLT": ("f4", VE, 12), "INVD": ("0f08", VE, 13), "VMCALL": ("0f01c1", VE, 18),
    "WBINVD": ("0f09", VE, 54), "WBNOINVD": ("f30f09", VE, 54),
    "IN": ("e4e9", VE, 30), "IN, DX": ("ec", VE, 30), "OUT": ("e6e9", VE, 30), "INS": ("6c", VE, 30), "OUTS": ("6e", VE, 30),
    "MONITOR": ("0f01c8", VE, 39), "MWAIT": ("0f01c9", VE, 36), "PCONFIG": ("0f01c5", VE, 65),
    "VMCLEAR": ("660fc737", UD, None), "VMLAUNCH": ("0f01c2", UD, None), "VMPTRLD": ("0fc737", UD, None),
    "VMPTRST": ("0fc73f", UD, None), "VMREAD": ("0f78c0", UD, None), "VMRESUME": ("0f01c3", UD, None),
    "VMWRITE": ("0f79c0", UD, None), "VMXOFF": ("0f01c4", UD, None), "VMXON": ("f30fc737", UD, None),
    "INVEPT": ("660f388007", UD, None), "INVVPID": ("660f388107", UD, None), "VMFUNC": ("0f01d4", UD, None),
    "SEAMCALL": ("660f01cf", UD, None), "SEAMRET": ("660f01cd", UD, None), "SEAMOPS": ("660f01ce", UD, None),
    "GETSEC": ("0f37", UD, None), "RSM": ("0faa", UD, None),
    "ENCLS": ("0f01cf", UD, None), "ENCLV": ("0f01c0", UD, None), "ENQCMDS": ("f30f38f807", UD, None),
    "ENQCMD": ("f20f38f807", GP, None), "RDPMC": ("0f33", GP, None),
    "XSETBV, legal": ("31c931d2b8030000000f01d1", RUNS, None), "XSETBV, ECX 1": ("b9010000000f01d1", GP, None),
    "XSETBV, outside XFAM": ("31c931d2b8030002000f01d1", GP, None),
    "MOV to CR0, legal": ("0f20c00f22c0", RUNS, None), "MOV to CR0, NE": ("0f20c083e0df0f22c0", VE, 28),
    "MOV to CR0, illegal": ("0f20c00fbae01f0fbaf01f0f22c0", GP, None),
    "MOV to CR4, MCE": ("0f20e083e0bf0f22e0", VE, 28), "MOV to CR4, reserved": ("0f20e00fbae80f0f22e0", GP, None),
    "LMSW": ("0f01e00f01f0", RUNS, None),
    "RDMSR, direct": ("b9820000c00f32", RUNS, None), "RDMSR, for the host": ("b91b0000000f32", VE, 31),
    "RDMSR, forbidden": ("b98c0000000f32", GP, None), "WRMSR, for the host": ("b91b0000000f30", VE, 32),
    "TDCALL": ("b801000000660f01cc", RUNS, None),
    "TDCALL, to the host": ("31c0b900040000660f01cc", LEAVES, 77),
    "RDTSC": ("0f31", RUNS, None), "RDTSCP": ("0f01f9", RUNS, None), "PAUSE": ("f390", RUNS, None),
    "INVLPG": ("0f013f", RUNS, None), "INVPCID": ("31c0660f388207", RUNS, None),
    "MOV CR3": ("0f20d80f22d8", RUNS, None), "MOV DR": ("0f21c00f23c0", RUNS, None),
    "RDRAND": ("0fc7f0", RUNS, None), "RDSEED": ("0fc7f8", RUNS, None), "LGDT": ("0f01070f0117", RUNS, None),
}  # fmt: skip


@pytest.fixture(scope="module")
def base():
    return kit.before("running")


def executed(base, code: str):
    """A copy of the TD after running ``code`` up to its end or until something else happens."""
    machine = base.copy()
    p, lp = machine.platform, machine.platform.lps[0]
    ctx = guest_memory.translation(p, machine.module, 0)
    raw = bytes.fromhex(code)
    path.store(p, lp, ctx, CODE, raw + b"\xeb\xfe")
    lp.cpu.gprs[:] = [0x8000_3000 if n == 4 else DATA if n == 7 else 0 for n in range(16)]
    lp.cpu.rip, lp.cpu.cr4 = CODE, lp.cpu.cr4 | 1 << 18
    return machine, machine.do(RunGuest(lp=0, steps=20, until=CODE + len(raw), trace=False)), CODE + len(raw)


def told(events) -> list[tuple[int, int]]:
    """Vector and error code of the first exception."""
    return [(n.vector, n.error) for n in events if isinstance(n, e.ExceptionDelivered)][:1]


@pytest.mark.parametrize("row", ROWS)
def test_row(base, row):
    code, behaviour, reason = ROWS[row]
    machine, events, end = executed(base, code)
    lp = machine.platform.lps[0]
    ve = [n.reason for n in events if isinstance(n, e.VeInjected)]
    if behaviour == RUNS:
        assert (lp.mode, lp.cpu.rip) == ("td", end)
        assert not told(events) + ve
    elif behaviour == LEAVES:
        assert [n.reason for n in events if isinstance(n, e.TdExited)] == [reason]
    else:
        assert told(events) == [{VE: (20, -1), UD: (6, -1), GP: (13, 0)}[behaviour]]
        assert ve[:1] == ([reason] if behaviour == VE else [])
        if behaviour == VE:
            vps = kit.vcpu(machine).vps
            assert vps["VE_EXIT_REASON"] == reason


def test_no_instruction_of_the_products_table_lacks_a_row():
    rows = {row.split(",")[0] for row in ROWS}
    assert {name for name in instructions.BEHAVIOUR if name != "MOV_CR"} <= rows
    assert {"MOV to CR0", "MOV to CR4", "MOV CR3"} <= rows
