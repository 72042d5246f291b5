"""Epochs: who still runs with the one before is told as long as it does, and no longer."""

from tdxviz.core import commands as c
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.ui.present import tlb as present
from tdxviz.ui.present.questions import Questions


def call(machine, name: str, **regs: int) -> None:
    machine.do(c.Seamcall(rax=BY_NAME[name].number, lp=1, rdx=0x60_0000, **regs))


def epoch(machine) -> present.Epoch:
    return present.epochs(Questions(machine))[0]


def test_a_running_vcpu_is_counted_in_the_epoch_of_its_entry(ready) -> None:
    made = epoch(ready("ci"))
    assert (made.number, made.counts) == (1, (0, 1))
    assert made.runners == (present.Runner(0, 0, 1, False),)
    assert made.words.startswith("nobody")
    assert made.notes == ("VCPU_EPOCH: vCPU 0 1",)


def test_after_tracking_it_is_late_until_it_exits(ready) -> None:
    machine = ready("ci")
    call(machine, "TDH.MEM.RANGE.BLOCK", rcx=0x8000_4000)
    call(machine, "TDH.MEM.TRACK", rcx=0x60_0000)
    made = epoch(machine)
    assert (made.number, made.counts) == (2, (0, 1))
    assert made.runners[0].old
    assert "vCPU 0 on LP0 still runs" in made.words
    assert made.notes[1] == "GPA 0x8000 4000 BLOCKED: BEPOCH 1, not tracked yet"
    rows = present.rows(Questions(machine), 0, ())
    assert [row.gpa for row in rows if row.state == "stale"] == [0x8000_4000]
    assert "still runs" in present.describe(Questions(machine), 0, rows)
    machine.do(c.RaiseInterrupt(lp=0))
    machine.do(c.RunGuest(lp=0, steps=5))
    made = epoch(machine)
    assert (made.counts, made.runners) == ((0, 0), ())
    assert made.notes[1].endswith("BEPOCH 1, tracked")
    call(machine, "TDH.MEM.PAGE.REMOVE", rcx=0x8000_4000)
    assert machine.module.page(0x41_4000).kind == "PT_NDA"  # the module takes it for tracked as well
    assert made.words.startswith("nobody")


def test_processors_say_who_runs_there(ready) -> None:
    who = [one.who for one in present.processors(Questions(ready("ci")))]
    assert who == ["TD-A", "host", "host", "host"]
    assert present.epochs(Questions(ready("legacy"))) == ()
