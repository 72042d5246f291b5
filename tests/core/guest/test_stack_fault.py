"""#SS(0) or #GP(0) for an address that is none."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tests.core.test_running import td

BAD = (1 << 47) + 0x100
RSP, RBP, RAX = 4, 5, 0
FAULTS = {
    # code, register that is no address, vector
    "mov [rbp+8]": ("48894508", RBP, 12), "mov [rsp]": ("8b0424", RSP, 12), "ss:[rax]": ("368b00", RAX, 12),
    "push": ("50", RSP, 12), "pop": ("58", RSP, 12), "leave": ("c9", RBP, 12), "call": ("e800000000", RSP, 12),
    "ret": ("c3", RSP, 12), "pushf": ("9c", RSP, 12), "enter": ("c8000000", RSP, 12), "iret": ("48cf", RSP, 12),
    "pop [rsp]": ("8f0424", RSP, 12), "mov [rax]": ("8b00", RAX, 13), "push [rax]": ("ff30", RAX, 13),
    "call [rax]": ("ff10", RAX, 13), "ds:[rbp]": ("3e8b4500", RBP, 13), "lods": ("ac", 6, 13), "stos": ("aa", 7, 13),
    "jmp rax": ("ffe0", RAX, 13),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_the_segment_decides_which_fault_it_is(name):
    code, register, vector = FAULTS[name]
    machine = td(code)
    cpu = machine.platform.lps[0].cpu
    cpu.gprs[register] = BAD
    rip, gprs = cpu.rip, cpu.gprs.copy()
    events = machine.do(c.RunGuest(steps=1))
    first = next(n for n in events if isinstance(n, e.ExceptionDelivered))
    assert (first.vector, first.error, first.rip) == (vector, 0, rip)
    assert next((n for n in events if isinstance(n, e.TdExited)), None) is not None  # no IDT: a triple fault
    assert gprs[register] == BAD


def test_code_that_is_nowhere_is_gp():
    machine = td("90")
    machine.platform.lps[0].cpu.rip = BAD
    events = machine.do(c.RunGuest(steps=1))
    assert next(n.vector for n in events if isinstance(n, e.ExceptionDelivered)) == 13
