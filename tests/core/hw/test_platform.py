"""The platform: what power-on draws, what a copy shares, what the digest sees."""

import hashlib

import pytest

from tdxviz.core import events as e
from tdxviz.core.hw.dram import Line
from tdxviz.core.hw.platform import PACKAGE_OF_LP, LogicalProcessor, Platform
from tdxviz.core.hw.tlb import TlbEntry
from tdxviz.core.units import LINE


def digest(p) -> str:
    h = hashlib.sha256()
    p.digest(h)
    return h.hexdigest()


def test_power_on():
    ci, legacy = Platform.fresh("ci", 7), Platform.fresh("legacy", 7)
    assert ci.keys.configured() == (0,)
    assert legacy.keys.configured() == ()
    assert ci.memctl.mac_key == legacy.memctl.mac_key != Platform.fresh("ci", 8).memctl.mac_key
    assert tuple(lp.package for lp in ci.lps) == PACKAGE_OF_LP
    assert ci.powered


def test_trace_and_note_reach_the_memory_controller():
    p, news = Platform.fresh("ci", 7), []
    p.listen(news.append)
    p.memctl.read_line(0, 0)
    assert news == []
    p.trace = True
    p.memctl.read_line(0, 0)
    assert [type(n) for n in news] == [e.LineFetched, e.LineDecrypted]


CHANGES = {
    "drbg": lambda p: p.drbg.draw(1, "x"),
    "dram": lambda p: p.memctl.write_line(0, 0, bytes(LINE)),
    "keys": lambda p: p.keys.program(9, p.drbg),
    "cache": lambda p: p.cache.fill(0, 0, bytes(LINE)),
    "iommu": lambda p: p.iommu.update({("nic", 0): (0, 0)}),
    "captures": lambda p: p.captures.update({0: Line(bytes(LINE), 0, False, False)}),
    "powered": lambda p: setattr(p, "powered", False),
    "mode": lambda p: setattr(p.lps[1], "mode", "td"),
    "gprs": lambda p: p.lps[2].gprs.__setitem__(3, 1),
    "xmm": lambda p: p.lps[2].xmm.__setitem__(3, 1),
    "cpu": lambda p: setattr(p.lps[3].cpu, "cr3", 1),
    "tdvpr": lambda p: setattr(p.lps[0], "tdvpr", 1),
    "vm": lambda p: setattr(p.lps[0], "vm", 1),
    "last_tdvpr": lambda p: setattr(p.lps[0], "last_tdvpr", 1),
    "pending_interrupt": lambda p: setattr(p.lps[0], "pending_interrupt", 1),
    "tlb": lambda p: p.lps[0].tlb.fill(TlbEntry(1, 0, 0, 0, 0, "rwx", False, 0)),
}


@pytest.mark.parametrize("what", CHANGES)
def test_every_part_reaches_the_digest_and_copies_are_independent(what):
    p = Platform.fresh("ci", 7)
    before, twin = digest(p), p.copy()
    assert digest(twin) == before
    CHANGES[what](twin)
    assert digest(twin) != before
    assert digest(p) == before
    CHANGES[what](p)
    assert digest(p) == digest(twin)


def test_the_boots_mac_key_is_part_of_the_digest():
    one, two = Platform.fresh("legacy", 7), Platform.fresh("legacy", 8)
    assert digest(one) != digest(two)


def test_a_copied_processor_keeps_everything():
    lp = LogicalProcessor(1, 0, "td", tdvpr=5, vm=6, last_tdvpr=7, pending=8)
    twin = lp.copy()
    for name in ("id", "package", "mode", "tdvpr", "vm", "last_tdvpr", "pending"):
        assert getattr(twin, name) == getattr(lp, name)


def test_a_copy_is_silent_until_somebody_listens():
    p, news = Platform.fresh("ci", 7), []
    p.listen(news.append)
    p.trace = True
    twin = p.copy()
    assert not twin.trace
    twin.memctl.poison(0, 0)
    assert news == []


def test_one_clock_drives_the_counters_of_all_processors():
    p = Platform.fresh("ci", 7)
    p.lps[0].retired, p.lps[2].retired, p.lps[3].tsc_adjust = 100, 20, 5
    assert [lp.tsc for lp in p.lps] == [120, 120, 120, 125]
    twin = p.copy()
    twin.lps[1].retired = 1000
    assert (twin.lps[0].tsc, p.lps[0].tsc) == (1120, 120)
    twin.lps[0].tsc_multiplier, twin.lps[0].tsc_offset = 1 << 47, 10
    assert (twin.lps[0].guest_tsc(), twin.lps[0].guest_tsc(20)) == (570, 580)
    assert digest(p) == digest(p.copy())
