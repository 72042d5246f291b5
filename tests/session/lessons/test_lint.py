import pytest

from tdxviz.session.lessons.format import parse
from tdxviz.session.lessons.library import Library
from tdxviz.session.lessons.lint import lint

LIBRARY = Library()
SOURCE = LIBRARY.find("host-writes").path.read_text()


def findings(old: str, new: str) -> str:
    assert old in SOURCE
    text = SOURCE.replace(old, new, 1)
    return "\n".join(str(one) for one in lint(parse(text.encode()), LIBRARY))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("symbol: password", "symbol: passwort", "anchors.secret: .*did you mean 'password'"),
        ("[[secret]]", "[[sekret]]", "points at no anchor"),
        ("# hint.h1", "# hint.h9", "hint 'h1' has no text"),
        ("# hint.h1", "# hint.h9", "# hint.h9: no step, hint or option"),
        ("# feedback.d", "# feedback.e", "wrong option 'd' has no feedback"),
        ("- d: Never", "Never", "option 'd' has no text"),
        ("{id: c, correct: true}", "{id: c}", "exactly one option"),
        ("# readback", "# redback", "steps.readback: has no text"),
        ("allow: [host.store]", "allow: [host.stare]", "did you mean 'host.store'"),
        ("{do: host.store,", "{do: host.stare,", "did you mean 'host.store'"),
        ("pattern:", "patern:", "did you mean 'pattern'"),
        ("event: mem.write", "event: mem.wrote", "did you mean 'mem.write'"),
        ("select: secret", "select: sekret", "focus.select"),
        ("from: cache-line", "from: cache-lime", "did you mean 'cache-line'"),
        ("n: 1}", "n: 9}", "no question 9"),
        ("minutes: 7", "minutes: 99", "minutes: 99 must be"),
        ("{how}", "(how)", "no {how}"),
        ("answer: detected}", "answer: detect}", "not among its options"),
        ("    auto: {do: td.run, td: A, steps: 1}\n", "", "no 'auto'"),
        ("auto: {do: td.run, td: A, steps: 1}", "auto: {do: host.registers}", "steps.again"),
    ],
)
def test_what_an_author_forgot(old, new, message):
    import re

    assert re.search(message, findings(old, new))


def test_a_check_that_holds_from_the_start_is_told():
    seen = "seen: {event: td.enter, result: refused, name: TDX_TD_FATAL}"
    old = seen + "\n      never: {event: td.enter, result: ok}"
    assert "holds before anything was done" in findings(old, "never: {event: vmcall}")


def test_a_solution_that_stumbles_is_told():
    old = "auto: {do: host.load, target: secret}"
    assert "needs a number" not in findings(old, old)
    assert "there is no anchor" in findings(old, "auto: {do: host.load, target: sekret}")
