"""The machine as a library, as a notebook would use it."""

import subprocess
import sys

import pytest

import tdxviz.core
from tdxviz.core import Machine, Seamcall, Tdcall, TdxvizError, call, name_of
from tdxviz.core.codec import COMMANDS
from tdxviz.core.drive import drive
from tdxviz.core.host import boot
from tdxviz.core.observe import observe


def test_it_reaches_every_call_with_raw_registers_on_any_logical_processor():
    machine = Machine("ci")
    for lp in range(4):
        returned = machine.do(Seamcall(rax=1 << 40, lp=lp, rcx=(1 << 64) - 1))[-1]
        assert name_of(returned.status) == "TDX_OPERAND_INVALID"
    assert machine.do(call("TDH.SYS.INIT"))[-1].status == 0
    assert machine.do(Tdcall(rax=1, lp=3))[-1].reason.startswith("no TD runs")


def test_recipes_and_observation_are_at_hand():
    machine = Machine("li")
    events, _ = drive(machine, boot.bring_up())
    assert len(events) > 256
    assert observe(machine, "host", 0x1000, 8).kind == "readable"


def test_every_command_is_there_and_nothing_else():
    for name, kind in COMMANDS.items():
        assert getattr(tdxviz.core, name) is kind
    with pytest.raises(AttributeError, match="no 'Seamcal'"):
        _ = tdxviz.core.Seamcal
    assert issubclass(TdxvizError, Exception)


def test_the_package_itself_loads_nothing():
    code = "import sys, tdxviz.core; print(sorted(n for n in sys.modules if n.startswith('tdxviz.core.')))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
