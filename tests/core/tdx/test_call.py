"""What leaves share: host buffers where there is no memory."""

from tdxviz.core.events import LeafReturned
from tdxviz.core.hw import physical
from tests.core.tdx import checks_sys, kit

NOWHERE = 0x2000_0000
"""Above the memory of the scenarios."""


def test_a_source_page_where_nothing_lies_reads_as_ones():
    machine, call = kit.before("TDH.MEM.PAGE.ADD"), kit.valid("TDH.MEM.PAGE.ADD")
    returned = kit.answer(kit.seamcall(machine, "TDH.MEM.PAGE.ADD", **kit.registers(call) | {"r9": NOWHERE}))
    assert returned.status == 0
    assert physical.read_physical(machine.platform, call.r8, kit.td(machine).hkid, 4096) == b"\xff" * 4096


def test_parameters_where_nothing_lies_are_judged_as_ones():
    machine, call = kit.before("TDH.MNG.INIT"), kit.valid("TDH.MNG.INIT")
    returned = kit.answer(kit.seamcall(machine, "TDH.MNG.INIT", **kit.registers(call) | {"rdx": NOWHERE}))
    assert (returned.passed, returned.reason) == (10, f"ATTRIBUTES = {(1 << 64) - 1:#x} is not allowed")


def test_answers_where_nothing_lies_are_lost():
    machine = kit.before("TDH.SYS.INFO")
    before = kit.essence(machine)
    for leaf, regs in (
        ("TDH.SYS.INFO", checks_sys.INFO_CALL | {"rcx": NOWHERE, "r8": NOWHERE + 512}),
        ("TDH.SYS.RDALL", {"rdx": NOWHERE, "r8": (1 << 64) - 1}),
    ):
        events = kit.seamcall(machine, leaf, **regs)
        assert [n.status for n in events if isinstance(n, LeafReturned)] == [0]
    assert kit.essence(machine) == before
