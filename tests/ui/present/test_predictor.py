"""Entries with their trainers, history in cells, sweeps newest first."""

from tdxviz.core import events as e
from tdxviz.core.machine import Machine
from tdxviz.ui.present import predictor as present
from tdxviz.ui.present.questions import Questions


def shown(machine: Machine, events=(), index: int = 0, lp: int = 0):
    return present.picture(Questions(machine), list(events), index, lp)


def trained() -> Machine:
    machine = Machine("ci")
    predictor = machine.platform.lps[0].predictor
    predictor.train(0x1000, 0x2000, "host")
    predictor.train(0x8000_0100, 0x8000_0200, "td-a")
    predictor.push_return(0x8000_0300, "td-a")
    return machine


def test_every_entry_has_its_trainer_and_the_newest_comes_first():
    picture = shown(trained())
    assert [(one.kind, one.letter) for one in picture.learned] == [
        ("target", "A"), ("target", "H"), ("return", "A"),
    ]  # fmt: skip
    assert picture.learned[0].words == "80000100 → 80000200"
    assert "A, H trained" in picture.caption


def test_the_history_is_the_predictors():
    machine = trained()
    cells = shown(machine).history
    assert len(cells) == present.CELLS and any(cells)
    value = 0
    for cell in cells:
        value = value << 2 | cell
    assert value == machine.platform.lps[0].predictor.history


def test_sweeps_of_this_processor_up_to_the_moment():
    events = [
        e.IbpbIssued(lp=0, reason="another vCPU", entries=3),
        e.IbpbIssued(lp=1, reason="elsewhere", entries=1),
        e.IbpbIssued(lp=0, reason="later", entries=2),
    ]
    picture = shown(trained(), events, 2)
    assert [(one.words, one.index) for one in picture.sweeps] == [("3 entries: another vCPU", 1)]
    assert [one.index for one in shown(trained(), events, 3).sweeps] == [3, 1]


def test_flushes_are_found_in_a_story_that_grows_or_is_another():
    events, flushes = (
        [
            e.IbpbIssued(lp=0, reason="a", entries=1),
            e.TimePassed(ran=()),
            e.IbpbIssued(lp=0, reason="b", entries=1),
        ],
        present.Flushes(),
    )
    assert flushes.before(events, 2) == [0]
    assert flushes.before(events, 3) == [0, 2]
    events.append(e.BranchHistoryCleared(lp=1, reason="c"))
    assert flushes.before(events, 4) == [0, 2, 3]
    del events[1:]
    assert flushes.before(events, 4) == [0]
    assert flushes.before([e.TimePassed(ran=())], 1) == []


def test_an_empty_predictor_says_so_and_is_told_in_words():
    picture = shown(Machine("legacy"))
    assert picture.learned == () and "steered by nobody" in picture.caption
    assert "no entries" in present.describe(picture)
    assert "A 80000100" in present.describe(shown(trained()))


BEGAN = e.SpeculationBegan(
    lp=0, actor="vm-a", branch=0x4000AA, predicted=0x4000B9, actual=0x4000AE, trainer="host"
)
SQUASHED = e.SpeculationSquashed(
    lp=0, actor="vm-a", executed=6, why="VMCALL waits until the branch is resolved", lines=(0x100_4A80, 0x40)
)


def test_wrong_predictions_say_who_trained_them_and_what_stayed_in_the_cache():
    events = [BEGAN, SQUASHED, e.IbpbIssued(lp=0, reason="x", entries=1), BEGAN]
    (stray,) = shown(trained(), events, 3).strays
    assert (stray.owner, stray.letter, stray.index) == ("host", "H", 2)
    assert stray.words == "004000aa ⇢ 004000b9, not 004000ae: 6 undone, 2 lines left"
    assert stray.lines == (0x100_4A80, 0x40) and "VMCALL waits" in stray.tooltip
    newest, before = shown(trained(), events, 4).strays
    assert newest.words.endswith("executing ahead") and newest.lines == ()
    assert before == stray
    assert shown(trained(), events, 4, lp=1).strays == ()
    assert "trained by H" in present.describe(shown(trained(), events, 3))


def test_the_caption_says_whether_modes_are_apart():
    assert "IBRS_ALL" in shown(trained()).caption
    machine = Machine("legacy")
    machine.platform.lps[0].predictor.train(1, 2, "host")
    assert "collides" in shown(machine).caption
