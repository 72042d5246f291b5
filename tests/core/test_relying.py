"""A relying party that sees a TDREPORT and nothing else."""

import pytest

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core import relying
from tdxviz.core.arch import report as lay
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.host import layout
from tdxviz.core.hw import seamops

KEY = bytes(range(32))
PAGE_OF_REPORT, DATA = 0x8000_A000, 0x8000_5000


def report(attributes: int = 0) -> bytes:
    raw = bytearray(lay.SIZE)
    raw[lay.FIELDS["ATTRIBUTES"][0]] = attributes
    offset, size = lay.FIELDS["MAC"]
    raw[offset : offset + size] = seamops.seal(KEY, bytes(raw[:256]))
    return bytes(raw)


def test_a_production_td_is_accepted_and_a_debug_td_is_not():
    assert relying.judge(KEY, report()) == ""
    assert relying.judge(KEY, report(relying.DEBUG)) == "TD_ATTRIBUTES DEBUG bit is set"


def test_a_report_that_no_platform_sealed_is_turned_down():
    assert "vouches" in relying.judge(bytes(32), report())
    forged = bytearray(report())
    forged[lay.FIELDS["REPORTDATA"][0]] ^= 1
    assert "vouches" in relying.judge(KEY, bytes(forged))


def test_a_real_report_of_a_running_td(ready):
    machine = ready("ci")
    machine.do(c.Tdcall(rax=BY_NAME["TDG.MR.REPORT"].number, rcx=PAGE_OF_REPORT, rdx=DATA, r8=0))
    (checked,) = [n for n in machine.do(c.CheckReport(gpa=PAGE_OF_REPORT)) if isinstance(n, e.ReportChecked)]
    assert (checked.td, checked.accepted) == ("td-a", True)
    machine.do(c.HostWrite(hpa=layout.hpa_of(DATA), data=bytes(64), how="full-line"))
    (other,) = [n for n in machine.do(c.CheckReport(gpa=DATA)) if isinstance(n, e.ReportChecked)]
    assert not other.accepted  # the balance's page holds no report


@pytest.mark.parametrize(("world", "gpa"), [("legacy", PAGE_OF_REPORT), ("ci", 0x5), ("ci", 1 << 46)])
def test_nothing_to_look_at_is_refused(ready, world, gpa):
    machine = ready(world)
    assert isinstance(machine.do(c.CheckReport(gpa=gpa))[-1], e.CommandRefused)
