"""Rules about foreign code, foreign state, a dead platform and idleness, event by event."""

from tdxviz.core import events as e
from tdxviz.core.evidence import Case, collect

CASE = Case(attack="x", world="ci", position="software", guest="td-a", hpa=0x1000, expected=bytes(64))
PLANTED = bytes([0x90]) * 64


def fetch(data: bytes, actor: str = "td-a") -> e.MemoryLoaded:
    return e.MemoryLoaded(lp=0, actor=actor, kind="fetch", gla=0, gpa=0, hpa=0x1010, keyid=33, data=data)


STORE = e.HostStored(lp=1, hpa=0x1000, keyid=0, data=PLANTED, how="full-line")
RETIRED = e.InstructionRetired(lp=0, actor="td-a", rip=0x10, code=b"\x90")


def test_planted_code_counts_when_it_has_executed():
    found = collect(CASE, [STORE, fetch(PLANTED[:15]), RETIRED])
    assert found.integrity == "lost"
    assert ("TD", "data", "attacker's code executed") in found.signals


def test_fetching_alone_or_other_code_does_not_count():
    assert collect(CASE, [STORE, fetch(PLANTED[:15])]).integrity == "kept"
    assert collect(CASE, [STORE, fetch(b"\xcc" * 15), RETIRED]).integrity == "kept"
    assert collect(CASE, [STORE, fetch(PLANTED[:15], actor="td-b"), RETIRED]).integrity == "kept"


def test_foreign_registers_count_when_the_guest_goes_on():
    write = e.VmStateWritten(vm="td-a", register="RIP", value=5)
    assert collect(CASE, [write]).integrity == "kept"
    assert ("TD", "data", "runs at X") in collect(CASE, [write, RETIRED]).signals
    other = e.VmStateWritten(vm="td-a", register="RAX", value=5)
    assert ("TD", "data", "attacker's state loaded") in collect(CASE, [write, other, RETIRED]).signals


def test_a_machine_check_in_the_module_costs_the_platform():
    log = e.UcnaLogged(lp=0, hpa=0x1000, rule="owner-mismatch")
    check = e.MachineCheckRaised(lp=0, context="module", hpa=0x1000)
    found = collect(CASE, [log, check, e.SeamcallFailed(lp=0, how="VMfailInvalid")])
    assert found.platform_lost
    assert (found.integrity, found.availability) == ("detected", "lost")
    assert found.signals == [
        ("platform", "platform", "unbreakable shutdown of the LP"),
        ("host", "status", "VMfailInvalid"),
    ]


def test_waiting_costs_a_guest_that_did_not_run_and_only_that():
    assert collect(CASE, [e.TimePassed(ran=("td-a",))]).availability == "kept"
    assert collect(CASE, [e.TimePassed(ran=("td-b",))]).availability == "lost"
