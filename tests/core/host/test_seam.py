"""One SEAMCALL of an honest host."""

import pytest

from tdxviz.core.arch import status as s
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.events import LeafReturned
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host.seam import seamcall


def finish(status: int, name: str = "TDH.MNG.CREATE", reason: str = "why"):
    call = seamcall(name, lp=2, rcx=5)
    command = next(call)
    with pytest.raises(StopIteration):
        call.send((LeafReturned(side="host", leaf=9, name=name, status=status, passed=0, reason=reason),))
    return command


def test_it_yields_the_leafs_number_and_registers():
    command = finish(0)
    assert (command.rax, command.lp, command.rcx, command.rdx) == (BY_NAME["TDH.MNG.CREATE"].number, 2, 5, 0)


def test_information_is_no_error():
    assert finish(s.STATUS["TDX_TDMR_ALREADY_INITIALIZED"]).rcx == 5


def test_an_error_is_told_whole():
    with pytest.raises(TdxvizError, match=r"TDH.MNG.CREATE returned TDX_OPERAND_BUSY \(RCX\): why"):
        finish(s.with_operand("TDX_OPERAND_BUSY", "RCX"))
