import pytest

from tdxviz.core import events as e
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.arch.status_table import STATUS
from tdxviz.session.lessons.facts import EVENT_NAMES, LEAVES, TABLE, Reporter, known_event


def report(*events: e.Event):
    return list(Reporter("ci").report(events, 10))


def leaf(name: str, status: int) -> e.LeafReturned:
    return e.LeafReturned(side="host", leaf=0, name=name, status=status, passed=0, reason="", lp=0)


def test_every_leaf_of_the_table_exists_and_every_name_is_frozen():
    for name, event in LEAVES.items():
        assert name.startswith("TDG.") or name in BY_NAME, name
        assert known_event(event)
    assert known_event("sept.anything") and not known_event("mem.anything")
    assert len(set(EVENT_NAMES)) == len(EVENT_NAMES)


def test_the_rule_of_a_host_read_becomes_a_result():
    (fact,) = report(e.HostLoaded(hpa=64, keyid=0, data=bytes(64), rule="owned-zeros"))
    assert (fact.name, fact.number, fact.actor) == ("mem.read", 10, "host")
    assert "fixed_pattern" in fact.results and fact.more["value"] == "00" * 64
    (fact,) = report(e.HostLoaded(hpa=64, keyid=0, data=b"x", rule="plain"))
    assert "data" in fact.results and fact.size == 1


def test_a_machine_check_is_a_poisoned_read_and_an_exception():
    read, exception = report(e.MachineCheckRaised(context="td-a", hpa=128))
    assert (read.name, read.actor, read.results) == ("mem.read", "td_a", ("poison",))
    assert exception.name == "exception"


def test_an_entry_that_is_refused_differs_from_an_exit_with_the_same_leaf():
    fatal, gone = STATUS["TDX_TD_FATAL"], STATUS["TDX_NON_RECOVERABLE_TD_NON_ACCESSIBLE"]
    exited = e.TdExited(td="td-a", vcpu=0, reason=0, why="#MC", status=gone, lp=0)
    facts = report(exited, leaf("TDH.VP.ENTER", gone), leaf("TDH.VP.ENTER", fatal))
    assert [(fact.name, fact.results) for fact in facts] == [
        ("td.exit", ("ok",)),
        ("td.enter", ("refused",)),
    ]
    assert facts[1].more["name"] == "TDX_TD_FATAL"


def test_other_leaves_carry_their_status_as_result():
    refused = leaf("TDH.MEM.PAGE.REMOVE", STATUS["TDX_TLB_TRACKING_NOT_DONE"])
    (fact,) = report(refused)
    assert fact.name == "sept.remove" and "tlb_tracking_not_done" in fact.results
    (fact,) = report(leaf("TDH.MEM.TRACK", 0))
    assert fact.name == "track.epoch" and "ok" in fact.results


SAMPLES = (
    e.DmaLoaded(device="nic", iova=0, hpa=0, keyid=0, data=b"x", rule="plain"),
    e.DmaStored(device="nic", iova=0, hpa=0, keyid=0, data=b"x"),
    e.IommuFaulted(device="nic", iova=0, hpa=0, keyid=33, reason="x"),
    e.BusCaptured(hpa=0, cipher=bytes(64), owner=True, mac=1),
    e.BusInjected(hpa=0, cipher=bytes(64), owner=True, mac=1),
    e.BitFlipped(hpa=0, field="data", bit=1),
    e.DimmDumped(hpa=0, data=b"x"),
    e.LineFilled(hpa=0, keyid=0, set=0, way=0),
    e.LineEvicted(hpa=0, keyid=0, dirty=True, reason="x"),
    e.TlbFilled(vpid=1, gla=0, gpa=0, hpa=0, keyid=0, perms="rwx"),
    e.TlbFlushed(vpid=-1, count=0, reason="x"),
    e.HostStored(hpa=0, keyid=0, data=b"x", how="ordinary"),
    e.HostFaulted(fault="#PF", hpa=0, keyid=33, detail="x"),
    e.MemoryLoaded(actor="td-a", kind="load", gla=0, gpa=0, hpa=0, keyid=0, data=b"x"),
    e.MemoryStored(actor="td-a", gla=0, gpa=0, hpa=0, keyid=0, data=b"x"),
    e.InstructionRetired(actor="td-a", rip=1, code=b"x"),
    e.TdEntered(td="td-a", vcpu=0),
    e.RegistersScrubbed(gprs=tuple(range(16)), exposed=("RBX", "XMM1")),
    e.HostRegistersRead(gprs=(1,) * 16, xmm=(0,) * 16),
    e.VmEntered(vm="vm-a"),
    e.VmExited(vm="vm-a", reason=1, why="x"),
    e.TdBecameFatal(td="td-a", why="x"),
    e.SeptEntryChanged(td="td-a", gpa=0, level=0, before="FREE", after="MAPPED", hpa=0),
    e.PamtChanged(hpa=0, before="PT_NDA", after="PT_REG", owner=0),
    e.MeasurementExtended(td="td-a", register="MRTD", what="x", gpa=0),
    e.VeInjected(td="td-a", reason=0, why="x"),
    e.InterruptArrived(vector=32),
    e.ExceptionDelivered(actor="td-a", vector=6, rip=0),
)


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_every_row_of_the_table_makes_facts_with_frozen_names(event):
    assert type(event) in TABLE
    facts = report(event)
    assert facts and all(known_event(fact.name) for fact in facts)


def test_fetches_and_unknown_events_say_nothing():
    fetch = e.MemoryLoaded(actor="td-a", kind="fetch", gla=0, gpa=0, hpa=0, keyid=0, data=b"x")
    assert report(fetch, e.CacheHit(hpa=0, keyid=0)) == []


def test_registers_that_reach_the_host_are_told_one_by_one():
    gprs = (77, 0x1C08, 0, 0x5EC2E7, *(0,) * 12)
    facts = report(e.RegistersScrubbed(lp=0, gprs=gprs, exposed=("RAX", "RCX", "RBX")))
    assert [(fact.name, fact.more["name"], fact.more["value"]) for fact in facts] == [
        ("td.expose", "rax", 77), ("td.expose", "rcx", 0x1C08), ("td.expose", "rbx", 0x5EC2E7),
    ]  # fmt: skip


def test_an_exit_by_tdcall_is_a_call_to_the_host():
    names = [fact.name for fact in report(e.TdExited(td="td-a", vcpu=0, reason=77, why="x", status=77))]
    assert names == ["td.exit", "vmcall"]


def test_in_a_td_looking_at_registers_exposes_nothing_by_itself():
    facts = list(Reporter("ci").report([e.HostRegistersRead(gprs=(1,) * 16, xmm=(0,) * 16)], 0))
    assert [fact.name for fact in facts] == ["host.registers"]


def loaded(kind: str, hpa: int = 0x1008) -> e.MemoryLoaded:
    return e.MemoryLoaded(lp=0, actor="vm-a", kind=kind, gla=hpa, gpa=hpa, hpa=hpa, keyid=0, data=b"s")


def strayed(trainer: str, *lines: int) -> tuple[e.Event, ...]:
    began = e.SpeculationBegan(lp=0, actor="vm-a", branch=1, predicted=2, actual=3, trainer=trainer)
    end = e.SpeculationSquashed(lp=0, actor="vm-a", executed=1, why="", lines=lines)
    return began, loaded("speculative fetch", 0x2000), loaded("speculative load"), end


def test_a_line_that_somebody_else_steered_the_guest_to_is_visible():
    read, visible = report(*strayed("host", 0x1000, 0x2000))
    assert (read.name, read.results, read.more["kind"]) == ("mem.read", ("speculative",), "speculative")
    assert (visible.actor, visible.hpa) == ("vm_a", 0x1008)
    assert visible.results == ("speculative", "attacker_visible")
    assert len(report(*strayed("host"))) == 1  # it was cached before
    assert len(report(*strayed("vm-a", 0x1000))) == 1  # its own mistake


def test_the_hosts_clock_and_its_training_are_facts():
    fast, slow = report(e.HostTimed(lp=1, hpa=64, slow=False), e.HostTimed(lp=1, hpa=64, slow=True))
    assert [(f.name, f.actor, f.results) for f in (fast, slow)] == [
        ("mem.read", "host", ("fast",)), ("mem.read", "host", ("slow",)),
    ]  # fmt: skip
    (trained,) = report(e.HostBranched(lp=0, at=0x40, to=0x80, call=False))
    assert (trained.name, trained.actor, trained.more["rip"]) == ("predictor.train", "host", 0x40)
