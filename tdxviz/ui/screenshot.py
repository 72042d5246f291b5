"""``tdxviz screenshot``: paints views to PNG files without a display."""

import argparse
import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.units import WORLDS

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

    from tdxviz.ui.studio import Studio

ATTACK = "host-read-keyid0"
"""What the pictures show when no lesson is named: the host reads the guest's secret."""
SECRET = "password"
WINDOW = "window-"
"""Prefix of pictures of the whole window: ``window-stage``, ``window-workbench``, ..."""


def main(args: Namespace | Sequence[str]) -> int:
    """``args``: the words of the command line, or a namespace of its attributes.

    Raises:
        TdxvizError: wrong name or size, or a picture cannot be written.
    """
    wanted = args if isinstance(args, Namespace) else parser().parse_args(list(args))
    from tdxviz.ui.studio import look, studio

    chosen = look(wanted.size, wanted.theme, wanted.scale)
    names = chosen_views(wanted.view)
    folder = make_folder(Path(wanted.output))
    with studio(chosen) as made:
        if "start" in names:  # before anything is played: it would tell of an unfinished session
            save(made.picture(), folder / "start.png")
        prepare(made, wanted.world, wanted.lesson)
        for name in [name for name in names if name != "start"]:
            save(picture(made, name), folder / f"{name}.png")
    print(f"{len(names)} pictures in {folder}/: {', '.join(names)}")
    return 0


def parser() -> argparse.ArgumentParser:
    """The sub-command's arguments."""
    made = argparse.ArgumentParser(prog="tdxviz screenshot", description="Paint views to PNG files.")
    made.add_argument("--view", default="all", metavar="NAME", help="a panel, window-LAYOUT, start, or all")
    made.add_argument("-o", "--output", required=True, metavar="DIR", help="folder for the pictures")
    made.add_argument("--theme", default="light", help="light, dark or contrast")
    made.add_argument("--scale", type=float, default=1.0, help="0.7 to 2.5")
    made.add_argument("--size", default="1280x720", metavar="WxH", help="of the window")
    made.add_argument("--world", default="ci", choices=WORLDS)
    made.add_argument("--lesson", default="", metavar="ID", help="show this lesson, played to its verdict")
    return made


def views() -> list[str]:
    """Every name ``--view`` knows: panels that exist, the window in every layout, the start page."""
    from tdxviz.ui.layouts import LAYOUTS
    from tdxviz.ui.panels import PANELS

    return [row.name for row in PANELS if row.exists] + [WINDOW + name for name in LAYOUTS] + ["start"]


def chosen_views(name: str) -> list[str]:
    known = views()
    if name == "all":
        return known
    if name not in known:
        raise TdxvizError(f"there is no view {name!r}; {did_you_mean(name, known)}")
    return [name]


def make_folder(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TdxvizError(f"{folder}: cannot be made ({error.strerror})") from None
    return folder


def prepare(made: "Studio", world: str, lesson: str) -> None:
    """Play what the pictures shall show: a lesson up to its contrast, or an attack in the sandbox."""
    from tdxviz.session import places
    from tdxviz.session.moment import Focus

    control = made.control
    if lesson:
        open_lesson(made, lesson)
    else:
        control.sandbox_attack(ATTACK)
        control.bridge.select(Focus(hpa=places.hpa(control.bridge.session.machine, SECRET)))
    control.bridge.switch_world(world)  # type: ignore[arg-type]  # argparse checked the name


def open_lesson(made: "Studio", name: str) -> None:
    """At the step where the two worlds are compared; the last one if there is none."""
    control = made.control
    lesson = control.library.locate(name)
    control.open_lesson(str(lesson.path or lesson.id))
    player = control.bridge.player
    if player is None:
        raise TdxvizError(f"the lesson {name!r} cannot be opened")
    contrast = [n for n, step in enumerate(player.steps) if step.phase == "contrast"]
    player.jump_ahead(contrast[0] if contrast else len(player.steps) - 1)
    control.bridge.step_changed()


def picture(made: "Studio", name: str) -> "QImage":
    """One view as it looks now; ``compare`` brings its other world along."""
    bridge = made.control.bridge
    before = bridge.session.compare_world
    if name in ("compare", WINDOW + "compare") and before is None:
        bridge.set_compare("ci" if bridge.session.world == "legacy" else "legacy")
    try:
        if name.startswith(WINDOW):
            made.arrange(name.removeprefix(WINDOW))
            return made.picture()
        return alone(made, name)
    finally:
        bridge.set_compare(before)


def alone(made: "Studio", name: str) -> "QImage":
    """A panel without its dock: two thirds of the window, or less if it wants less height."""
    from PySide6.QtCore import QSize

    window = made.window
    panel = window.workspace.panel(name)
    panel.show_moment(made.control.bridge.moment)
    panel.setParent(None)
    room, wish = window.size() * 2 / 3, panel.sizeHint().height()
    size = QSize(room.width(), min(room.height(), wish) if wish > 0 else room.height())
    panel.resize(size.expandedTo(panel.minimumSizeHint()))
    try:
        return made.picture(panel)
    finally:
        window.workspace.docks[name].setWidget(panel)


def save(image: "QImage", path: Path) -> None:
    """Write one picture; the file appears when it is whole."""
    part = path.with_name(f".part-{path.name}")
    try:
        if not image.save(str(part)):
            raise TdxvizError(f"{path}: cannot be written; is the folder writable and the disk not full?")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
