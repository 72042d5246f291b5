"""TDH.MEM.SEPT.REMOVE: what its version 1 tells besides."""

import pytest

from tdxviz.core.arch import status as s
from tests.core.tdx import kit

NONE = (1 << 64) - 1
LEAF = "TDH.MEM.SEPT.REMOVE"


@pytest.mark.parametrize("version", [0, 1, 2])
def test_from_version_1_on_the_l2_registers_are_written_on_every_exit(version):
    machine = kit.before(LEAF)
    regs = kit.registers(kit.valid(LEAF))
    refused = kit.answer(kit.seamcall(machine.copy(), LEAF, version=version, **regs | {"rcx": 0}))
    assert s.name_of(refused.status) == "TDX_OPERAND_INVALID"
    done = kit.answer(kit.seamcall(machine, LEAF, version=version, **regs))
    assert (done.status == 0) == (version < 2)
    for returned in (refused, done):
        told = [returned.outputs.get(name) for name in ("R9", "R10", "R11")]
        assert told == ([NONE] * 3 if version else [None] * 3)
