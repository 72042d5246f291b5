"""TDH.SYS.*: what the module tells of itself and of processors that differ."""

from tdxviz.core import commands as c
from tdxviz.core.arch import status as s
from tests.core.tdx import checks_sys, kit


def test_a_processor_whose_counter_was_changed_is_not_initialised():
    machine = kit.before("TDH.SYS.LP.INIT")
    machine.do(c.HostExec(insn="WRMSR", lp=0, msr=0x10, value=7))
    returned = kit.answer(machine.do(kit.valid("TDH.SYS.LP.INIT")))
    assert (s.name_of(returned.status), returned.status & 0xFFFF) == ("TDX_INCONSISTENT_MSR", 0x3B)


def test_a_platform_whose_counters_were_all_changed_before_is_as_good():
    machine = kit.before("TDH.SYS.INIT")
    for lp in range(4):
        machine.do(c.HostExec(insn="WRMSR", lp=lp, msr=0x3B, value=7))
    machine.do(kit.valid("TDH.SYS.INIT"))
    assert kit.answer(machine.do(kit.valid("TDH.SYS.LP.INIT"))).status == 0


def test_sys_info_says_that_the_newer_enumeration_is_there():
    machine = kit.before("TDH.SYS.INFO")
    kit.seamcall(machine, "TDH.SYS.INFO", **checks_sys.INFO_CALL)
    raw = kit.host_read(machine, checks_sys.BUFFER, 1024)
    assert (raw[14], raw[16], raw[18], raw[32]) == (5, 1, 1, 64)
    assert not any(raw[19:32])
