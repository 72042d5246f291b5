"""What the start page lists and what Find knows: rows of words, taken from where they are kept."""

from typing import Any

from tdxviz.core.faults import TdxvizError
from tdxviz.session.actions import Action
from tdxviz.session.lessons.library import Library, number
from tdxviz.session.lessons.progress import Progress
from tdxviz.ui.dialogs import Found
from tdxviz.ui.glossary import GLOSSARY
from tdxviz.ui.layouts import TITLES
from tdxviz.ui.panels import PANELS
from tdxviz.ui.shortcuts import KEYS


def lesson_rows(library: Library, progress: Progress) -> list[tuple[str, str, str, int, str, str]]:
    """Id, title, level, minutes, state and number of each lesson; a bad lesson file raises a ``TdxvizError``."""
    rows = []
    for lesson in library.lessons:
        known = progress.of(lesson.id)
        state = f"{len(known.done)} of {len(lesson.steps)} steps" if known.done else "not started"
        front = lesson.front
        rows.append(
            (
                lesson.id,
                front.title,
                front.level,
                front.minutes,
                "done" if known.complete else state,
                number(lesson),
            )
        )
    return rows


def attack_cards() -> list[tuple[str, str, str]]:
    """Id, title, who."""
    from tdxviz.core.attacks.catalogue import attacks

    return [(one.id, one.title, one.who) for one in attacks()]


def everything(control: Any) -> list[Found]:
    """What Find knows, each with what choosing it does."""
    found = [Found("panel", r.title, lambda n=r.name: control.show_panel(n)) for r in PANELS if r.exists]
    found += [Found("layout", words, lambda n=name: control.layout(n)) for name, words in TITLES.items()]
    found += [
        Found("attack", title, lambda n=name: control.bridge.act(Action("attack", {"id": n})))
        for name, title, _ in attack_cards()
    ]
    try:
        found += [
            Found("lesson", one.front.title, lambda n=one.id: control.open_lesson(n))
            for one in control.library.lessons
        ]
    except TdxvizError as slip:
        control.window.tell(str(slip))
    found += [
        Found("symbol of the guest", n, lambda n=n: control.travel.go_to_address(n))
        for n in control.travel.symbols()
    ]
    found += [Found("word", t, lambda t=t, s=s: control.words(t, s)) for t, s in GLOSSARY.items()]
    commands = {action: (key, words) for key, action, words in KEYS if ":" not in action}
    found += [
        Found("command", f"{words}  ({key})", lambda a=action: control.window.do(a))
        for action, (key, words) in commands.items()
        if action != "find"
    ]
    return found


def glossary_text() -> str:
    return "\n\n".join(f"{term}\n    {words}" for term, words in sorted(GLOSSARY.items()))


def about_text() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        number = version("tdxviz")
    except PackageNotFoundError:
        number = "(source tree)"
    return (
        f"tdxviz {number}\n\nA learner's TDX machine: modelled after the TDX module 1.5. Memory, the module, "
        "a vCPU that executes real x86-64 code. See the README for what is simplified."
    )
