"""Calls by the name of their leaf."""

import pytest

from tdxviz.core.arch.leaves import LEAVES
from tdxviz.core.calls import call, number_of
from tdxviz.core.commands import Seamcall, Tdcall
from tdxviz.core.faults import TdxvizError


def test_every_leaf_can_be_called_by_name():
    for leaf in LEAVES:
        made = call(leaf.name, rcx=5, version=1)
        assert isinstance(made, Seamcall if leaf.side == "host" else Tdcall)
        assert (made.rax, made.rcx) == (leaf.number | 1 << 16, 5)


@pytest.mark.parametrize(
    ("leaf", "registers", "said"),
    [
        ("TDH.MNG.CRAETE", {}, "did you mean 'TDH.MNG.CREATE'"),
        ("tdh.mng.create", {}, "did you mean 'TDH.MNG.CREATE'"),
        ("TDH.MNG.CREATE", {"rccx": 1}, "did you mean 'rcx'"),
        ("TDH.MNG.CREATE", {"version": 256}, "version 256"),
    ],
)
def test_a_slip_names_the_nearest(leaf, registers, said):
    with pytest.raises(TdxvizError, match=said):
        call(leaf, **registers)


def test_a_leaf_of_the_other_side_is_none():
    with pytest.raises(TdxvizError):
        number_of("TDG.VP.INFO", side="host")
