"""What the window's actions do: the one place where window, bridge and session meet."""

from pathlib import Path
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFileDialog, QInputDialog, QWidget

from tdxviz.core.faults import TdxvizError
from tdxviz.session import autosave
from tdxviz.session.actions import Action
from tdxviz.session.lessons.library import Library
from tdxviz.session.lessons.player import Player
from tdxviz.session.lessons.progress import Progress
from tdxviz.session.moment import Focus
from tdxviz.session.session import Session
from tdxviz.ui import lookup
from tdxviz.ui import settings as store
from tdxviz.ui.bridge import Bridge
from tdxviz.ui.dialogs import FindDialog, GoToDialog, WordsDialog
from tdxviz.ui.edit_bytes import edit
from tdxviz.ui.firmware_actions import FirmwareActions
from tdxviz.ui.main_window import MainWindow
from tdxviz.ui.panels import BY_NAME
from tdxviz.ui.runner import Runner
from tdxviz.ui.shortcuts import help_text
from tdxviz.ui.show import Show
from tdxviz.ui.theme import THEMES
from tdxviz.ui.travel import Travel

CURRENT, KEYBOARD = "current.json", "Keyboard map"


class Control:
    """Made when the core is loaded; fills the window's table of actions."""

    def __init__(self, window: MainWindow, folder: Path) -> None:
        self.window = window
        self.folder = folder
        self.library = Library()
        self.progress = Progress(folder)
        self.bridge = Bridge(Session())
        self.travel = Travel(self.bridge)
        self.show = Show(window, self.bridge, self.travel.actions())
        self.runner = Runner(self.bridge)
        self.runner.changed.connect(self._state)
        self.bridge.slipped.connect(window.tell)
        self.bridge.view_wanted.connect(self.show_panel)
        self.bridge.layout_wanted.connect(self.layout)
        self.bridge.moment_changed.connect(lambda _: self._state())
        self.bridge.step_begun.connect(self._step_layout)
        self.bridge.lesson_finished.connect(self._lesson_finished)
        self._table()
        window.furnish()
        window.workspace.connect_bridge(self.bridge)
        self.home()
        window.tell(self.progress.notice)

    def _table(self) -> None:
        w = self.window
        t = self.travel
        w.actions_.update(
            {
                "home": self.home, "lesson": self.open_lesson, "continue": self.go_on,
                "sandbox": self.sandbox, "attack_id": self.sandbox_attack, "panel": self.show_panel,
                "attack": self.attack, "layout": self.layout,
                "reset_layout": lambda: w.workspace.arrange(w.workspace.layout_name or "stage"),
                "toggle_lesson": lambda: w.workspace.show_lesson(not w.workspace.lesson_shown),
                "theme": self.theme, "bigger": lambda: self.scale(1.15), "smaller": lambda: self.scale(1 / 1.15),
                "normal": lambda: self.scale(0), "world": self.bridge.switch_world, "unit": t.set_unit, "step": w.bar.set_unit,
                "compare": self.compare, "record": self.record, "find": self.find, "goto": self.go_to,
                "instruction": lambda: GoToDialog(w, t.go_to_instruction, t.asked_instruction()).exec(),
                "play": self.runner.toggle, "help": self.help, "describe": self.describe,
                "next_panel": lambda: self.focus_panel(1), "previous_panel": lambda: self.focus_panel(-1),
                "present": self.show.toggle, "bookmark": self.bookmark, "save": self.save, "open": self.open,
                "branches": self.branches, "keyboard": lambda: self.words(KEYBOARD, help_text()),
                "glossary": lambda: self.words("Glossary", lookup.glossary_text()), "about": self.about,
                "escape": self.escape, "edit": lambda: edit(w, self.bridge), "quit": self.quit, **t.actions(), **FirmwareActions(self).actions(),
            }
        )  # fmt: skip
        w.actions_["lesson"] = lambda name="": self.open_lesson(name) if name else self.show_panel("lesson")

    # --- pages ----------------------------------------------------------------------------

    def home(self) -> None:
        """The start page, with what is known now."""
        self.runner.stop()
        if self.show.on:
            self.show.leave()
        self.bridge.task.stop()
        rows = []
        try:
            rows = lookup.lesson_rows(self.library, self.progress)
        except TdxvizError as slip:
            self.window.tell(str(slip))
        cards = lookup.attack_cards()
        found = autosave.unfinished(self.folder)
        words = ""
        if found:
            from datetime import datetime

            when = datetime.fromtimestamp(found[0].stat().st_mtime)
            words = f"A session from {when:%d %B, %H:%M} did not end in good order; at most its last action is missing."
        elif self._current():
            words = f"Lesson: {self._lesson_title(self._current())}"
        self.window.start.fill(lessons=rows, attacks=cards, unfinished=words)
        self.window.show_page("start")
        self._state()

    def _lesson_title(self, name: str) -> str:
        try:
            return self.library.find(name).front.title
        except TdxvizError:
            return name

    def _current(self) -> str:
        """Id of the lesson that was open last and is not complete."""
        path = self.folder / CURRENT
        try:
            name = path.read_text("utf-8")[:200].strip()
            known = {lesson.id for lesson in self.library.lessons}
        except (OSError, UnicodeDecodeError, TdxvizError):
            return ""
        return name if name in known and not self.progress.of(name).complete else ""

    def _remember_lesson(self, name: str) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            (self.folder / CURRENT).write_text(name, "utf-8")
        except OSError as error:
            self.window.tell(f"The open lesson is not remembered: {error.strerror}.")

    def _new_session(self, world: Any = "ci", seed: int = 7, scenario: str = "vault") -> Session:
        """A session that is written down as it grows."""
        self.bridge.session.close()
        try:
            path = autosave.new_path(self.folder)
        except TdxvizError as slip:
            self.window.tell(f"This session is kept in memory only: {slip}")
            path = None
        return Session(world, seed, scenario, path)

    def go_on(self) -> None:
        """Continue: the session that was cut off, else the lesson that was open."""
        lesson = self._current()
        recovered = autosave.recover(self.folder)
        if recovered is not None and lesson:
            self.open_lesson(lesson, recovered)
        elif recovered is not None:
            self.bridge.open_lesson(None)
            self.bridge.set_session(recovered)
            self._enter("stage", lesson=False)
        elif lesson:
            self.open_lesson(lesson)
        else:
            self.window.tell("There is nothing to continue.")
            return
        if recovered is not None:
            self.window.tell(recovered.notice or "The session is back.", bad=bool(recovered.notice))

    def sandbox(self, layout: str = "stage", **kind: Any) -> None:
        """A new session without a lesson; ``kind`` as for ``Session``."""
        self.bridge.open_lesson(None)
        self.bridge.set_session(self._new_session(**kind))
        self._remember_lesson("")
        self._enter(layout, lesson=False)

    def sandbox_attack(self, name: str) -> None:
        self.sandbox()
        self.bridge.act(Action("attack", {"id": name}))

    def open_lesson(self, name: str, session: Session | None = None) -> None:
        """By id or path; at the step where the learner stopped."""
        try:
            lesson = self.library.locate(name)
            stage = lesson.front.world
            session = session or self._new_session(stage.mode, stage.seed, stage.scenario)
            known = self.progress.of(lesson.id)
            player = Player(lesson, session, self.progress, self.library)
            self._resume(player, known.step, known.complete)
        except TdxvizError as slip:
            self.window.tell(str(slip))
            return
        self._remember_lesson(lesson.id)
        self.bridge.open_lesson(player)
        self._enter(player.layout, lesson=True)

    @staticmethod
    def _resume(player: Player, step: str, complete: bool) -> None:
        ids = [one.id for one in player.steps]
        if not complete:
            player.take_up()
        if step in ids and not complete and ids.index(step) > 0:
            if player.session.total:
                player.go_to(ids.index(step))
            else:
                player.jump_ahead(ids.index(step))

    def _enter(self, layout: str, *, lesson: bool) -> None:
        self.window.workspace.lesson_shown = lesson
        self.window.show_page("work")
        self.layout(layout)
        self.bridge.refresh()

    def _step_layout(self) -> None:
        player = self.bridge.player
        if player is not None and self.window.page == "work":
            wanted = player.layout
            if wanted != self.window.workspace.layout_name:
                self.layout(wanted)
        self._state()

    def _lesson_finished(self) -> None:
        player = self.bridge.player
        self.bridge.open_lesson(None)
        self._remember_lesson("")
        self.home()
        if player is not None:
            words = "is complete" if player.is_complete else "was left open"
            self.window.tell(f"{player.lesson.front.title}: {words}.", bad=not player.is_complete)

    # --- looks ----------------------------------------------------------------------------

    def _state(self) -> None:
        player, session = self.bridge.player, self.bridge.session
        title = player.lesson.front.title if player else "Sandbox"
        title = title if self.window.page == "work" else ""
        comparing = session.compare_world is not None
        self.window.bar.show_state(session.world, title, running=self.runner.running, comparing=comparing)

    def layout(self, name: str) -> None:
        self.window.workspace.arrange(name)
        if self.show.on:
            self.show.line_up(name)
        else:
            self.window.show_page("work")

    def show_panel(self, name: str) -> None:
        if self.show.on:
            self.show.put(name)
            return
        self.window.show_page("work")
        self.window.workspace.reveal(name)

    def focus_panel(self, step: int) -> None:
        panels = [p for p in self.window.workspace.visible_panels() if p.isVisible()]
        if panels:
            now = next(
                (
                    n
                    for n, p in enumerate(panels)
                    if p.hasFocus() or p.isAncestorOf(p.focusWidget() or QWidget())
                ),
                -1,
            )
            chosen = panels[(now + step) % len(panels)]
            chosen.setFocus()
            self.window.workspace.docks[chosen.name].raise_()

    def theme(self, name: str) -> None:
        self.window.set_theme(THEMES[name].scaled(self.window.theme.scale))
        self._save_settings(theme=name)

    def scale(self, factor: float) -> None:
        wanted = self.window.theme.scale * factor if factor else 1.0
        self.window.set_theme(self.window.theme.scaled(wanted))
        self._save_settings(scale=round(self.window.theme.scale, 3))

    def _save_settings(self, **changes: Any) -> None:
        from dataclasses import replace

        self.window.settings = replace(self.window.settings, **changes)
        self.window.tell(store.save(self.folder, self.window.settings))

    # --- doing ----------------------------------------------------------------------------

    def compare(self) -> None:
        session = self.bridge.session
        other = None if session.compare_world else ("ci" if session.world == "legacy" else "legacy")
        self.bridge.set_compare(other)
        if other:
            self.layout("compare")
        elif self.window.workspace.layout_name == "compare":
            self.layout("stage")

    def attack(self) -> None:
        """The attack cards; the same list in Find where there are none."""
        if BY_NAME["attacks"].exists:
            self.show_panel("attacks")
        else:
            self.find("attack ")

    def bookmark(self) -> None:
        self.bridge.bookmark(f"at {self.bridge.session.index}")
        self.window.tell(f"Bookmarked event {self.bridge.session.index}.", bad=False)

    def branches(self) -> None:
        session = self.bridge.session
        names = [f"{n}: {b.name} ({len(b.actions)} actions)" for n, b in enumerate(session.branches)]
        chosen, good = QInputDialog.getItem(
            self.window, "Branches", "Go to the end of:", names, session.branch, False
        )
        if good:
            session.switch_branch(names.index(chosen))
            self.bridge.refresh()

    def record(self) -> None:
        from tdxviz.ui.record_dialog import RecordDialog

        RecordDialog(self.window, self.bridge.session, self.window.theme.name).exec()

    def save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self.window, "Save script", "script.tdxs", "Scripts (*.tdxs)")
        if path:
            try:
                self.bridge.session.save(path)
                self.window.tell(f"Saved as {path}.", bad=False)
            except TdxvizError as slip:
                self.window.tell(str(slip))

    def open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self.window, "Open", "", "Scripts and lessons (*.tdxs *.md)")
        if path:
            self.open_path(path)

    def open_path(self, name: str) -> None:
        """A script by its ending, else a lesson."""
        if name.endswith(".tdxs"):
            try:
                session = Session.open(name)
            except TdxvizError as slip:
                self.window.tell(str(slip))
                return
            self.bridge.open_lesson(None)
            self.bridge.set_session(session)
            self._enter("stage", lesson=False)
            self.window.tell(session.notice)
        else:
            self.open_lesson(name)

    # --- words ----------------------------------------------------------------------------

    def words(self, title: str, text: str) -> None:
        WordsDialog(self.window, title, text, columns=title == KEYBOARD).exec()

    def _focused(self) -> Any:
        panels = self.window.workspace.visible_panels()
        inside = [
            p for p in panels if p.hasFocus() or (p.focusWidget() is not None and p.focusWidget().hasFocus())
        ]
        return inside[0] if inside else panels[0] if panels else None

    def describe(self) -> None:
        panel = self._focused()
        if panel is not None:
            text = panel.describe()
            panel.setAccessibleDescription(text)
            self.words(f"{panel.title} in words", text)

    def help(self) -> None:
        panel = self._focused()
        if panel is not None and self.window.page == "work":
            self.words(panel.title, f"{panel.tooltip}\n\n{BY_NAME[panel.name].tooltip}.\n\n{help_text()}")
        else:
            self.words(KEYBOARD, help_text())

    def about(self) -> None:
        self.words("About tdxviz", lookup.about_text())

    def escape(self) -> None:
        if self.show.on:
            self.show.leave()
            return
        self.runner.stop()
        self.bridge.task.stop()
        self.bridge.select(Focus())

    def go_to(self) -> None:
        GoToDialog(self.window, self.travel.go_to_address).exec()

    def find(self, text: str = "") -> None:
        FindDialog(self.window, lookup.everything(self), text).exec()

    def quit(self) -> None:
        """Closing the window ends the session in good order and keeps the settings."""
        self.runner.stop()
        self.bridge.task.stop()
        self.bridge.session.close()
        geometry = bytes(self.window.saveGeometry().toHex().data()).decode()
        self._save_settings(geometry=geometry)


def start(window: MainWindow, folder: Path, wanted: str = "") -> Control:
    """Load the core and take over the window."""
    control = Control(window, folder)
    if wanted:
        QTimer.singleShot(0, lambda: control.open_path(wanted))
    return control
