"""A program in slices: text as it comes, the end once, slips as words."""

from tdxviz.ui.program_run import ProgramRun


def test_text_comes_in_order_and_the_end_comes_once(qtbot):
    program, said, ends = ProgramRun(), [], []
    program.told.connect(said.append)
    program.ended.connect(ends.append)
    source = 'lea rsi, [rip + t]\nmov ecx, 3\n1: lodsb\nout 0xE9, al\nloop 1b\nxor eax, eax\nret\nt: .ascii "abc"\n'
    with qtbot.waitSignal(program.ended, timeout=60_000):
        program.start(source, "legacy")
    assert "".join(said) == "abc"
    assert [outcome.exit_code for outcome in ends] == [0]
    assert not program.running


def test_a_slip_is_told(qtbot):
    program = ProgramRun()
    with qtbot.waitSignal(program.failed, timeout=5_000) as told:
        program.start("bad bad", "ci")
    assert "there is no instruction 'bad'" in told.args[0]
