"""The stage: one picture of the machine in which an access can be scrubbed still by still."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QHideEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPixmap,
    QResizeEvent,
)

from tdxviz.ui.panel import Panel
from tdxviz.ui.present import stage as present
from tdxviz.ui.present.ask import same_instant
from tdxviz.ui.present.films import film_at, neighbour
from tdxviz.ui.present.questions import asked
from tdxviz.ui.present.stage_parts import StagePicture
from tdxviz.ui.theme import Theme
from tdxviz.ui.views import stage_dram, stage_film, stage_paint
from tdxviz.ui.views.stage_brush import Brush, Fonts
from tdxviz.ui.views.stage_layout import Plan, plan, zoom
from tdxviz.ui.widgets.painting import painting

STILL_MS = 900
"""Time a still stays at 1×."""


class StagePanel(Panel):
    """CPU package, trust boundary and everybody outside, with the film of the current access."""

    name = "stage"
    title = "The machine"
    key = "G"
    tooltip = "One picture of the machine: follow one access from still to still"

    def __init__(self, bridge: Any, theme: Theme) -> None:
        super().__init__(bridge, theme)
        self._shown: StagePicture | None = None
        self._plan: Plan | None = None
        self._bar: stage_film.Bar | None = None
        self._registers: tuple[int, ...] = ()
        self._before: tuple[int, ...] = ()
        self._protected = True
        self._speed = 1.0
        self._events_seen: Any = None
        self._fonts = Fonts(theme)
        self._ground: QPixmap | None = None
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._next_still)
        self.setMinimumSize(self.minimumSizeHint())

    # --- moments --------------------------------------------------------------------------

    def show_moment(self, moment: Any) -> None:
        """Keep the registers of the picture before, for the marks of change."""
        events = self._events()
        if not same_instant(self.moment, moment, self._events_seen, events):
            self._before, self._registers = self._registers, ()
            self._shown, self._events_seen = None, events
        super().show_moment(moment)

    def set_theme(self, theme: Theme) -> None:
        self._plan = None
        self._fonts = Fonts(theme)
        super().set_theme(theme)

    def _events(self) -> Any:
        return self.bridge.session.events

    def picture(self) -> StagePicture | None:
        """What is on the stage now; computed once per moment, when it is first needed."""
        if self._shown is None and self.moment is not None:
            ask = asked(self.bridge, self.moment)
            focus = self.moment.focus.hpa if self.moment.focus else None
            vcpu = ask.vcpu()
            self._registers = (*vcpu.gprs, vcpu.rip)
            self._shown = present.picture(ask, self._events(), self.moment.index, focus, self._before)
            self._bar = None
        return self._shown

    def describe(self) -> str:
        shown = self.picture()
        return present.describe(shown) if shown else "The machine: nothing has been loaded yet."

    # --- size and paint -------------------------------------------------------------------

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(900)), int(self.theme.px(420)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(300)), int(self.theme.px(150)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._plan = None
        super().resizeEvent(event)

    def layout_now(self) -> Plan | None:
        """Geometry for the present size, theme and world; hits are made along with it."""
        shown = self.picture()
        if shown is None:
            return None
        if self._plan is None or self._protected != shown.protected:
            self._protected = shown.protected
            area = QRectF(self.rect()).adjusted(0, 4, 0, -4)
            unit = float(self.theme.px(1))
            scale = zoom(area.width(), area.height(), unit)
            if scale != self._fonts.zoom:
                self._fonts = Fonts(self.theme, scale)
            self._plan = plan(area, unit * scale, shown.protected)
            self._ground = self._bar = None
        if self._bar is None:
            self._bar = stage_film.bar(self._plan.film, self._plan.unit, shown.film)
            self._make_hits(shown, self._plan, self._bar)
        return self._plan

    def paint_on(self, painter: QPainter) -> None:
        where, shown = self.layout_now(), self._shown
        brush = Brush(painter, self.theme, self._fonts)
        if where is None or shown is None or self._bar is None:
            painter.fillRect(self.rect(), brush.color("panel"))
            brush.text(QRectF(self.rect()), "Loading the machine …", "secondary", size=14)
        else:
            painter.drawPixmap(0, 0, self._prepared(where, shown))
            stage_paint.paint(brush, where, shown)
            stage_film.paint(brush, self._bar, shown, self.playing, self._speed)
        self.paint_cursor(painter)

    def _prepared(self, where: Plan, shown: StagePicture) -> QPixmap:
        """What changes only with size, theme and world: regions and the trust boundary."""
        if self._ground is None:
            ratio = self.devicePixelRatioF()
            self._ground = QPixmap(self.size() * ratio)
            self._ground.setDevicePixelRatio(ratio)
            self._ground.fill(self.theme.panel)
            with painting(self._ground) as painter:
                stage_paint.ground(Brush(painter, self.theme, self._fonts), where, shown)
        return self._ground

    # --- hits -----------------------------------------------------------------------------

    def _make_hits(self, shown: StagePicture, where: Plan, bar: stage_film.Bar) -> None:
        from tdxviz.session.moment import Focus

        self.hits = []
        for box in shown.boxes.values():
            rect = where.boxes.get(box.id)
            if rect is not None and box.view:
                self.hit(rect, self._opener(box.view), box.tip or box.title)
        from_rows = stage_dram.plan_rows(where, self._fonts, shown.rows).rows
        for row, rect in from_rows:
            self.hit(rect, Focus(hpa=row.hpa), f"Line {row.hpa:#x}. Enter: choose it")
        if shown.film:
            for number, (notch, still) in enumerate(zip(bar.notches, shown.film.stills, strict=True)):
                rect = QRectF(notch - QPointF(11, 11) * where.unit, notch + QPointF(11, 11) * where.unit)
                tip = f"Still {number + 1}: {still.label}. {still.text}"
                self.hit(rect, self._goer(still.event + 1), tip)
        self.hit(bar.buttons["back"], lambda: self.scrub(-1), "Still before (←)")
        self.hit(bar.buttons["on"], lambda: self.scrub(1), "Next still (→)")
        self.hit(bar.buttons["play"], self.play_or_pause, "Play this access, or pause")
        for speed, rect in bar.speeds.items():
            self.hit(rect, self._speeder(speed), f"Play at {stage_film.SPEED_WORDS[speed]}")

    def _opener(self, view: str) -> Callable[[], None]:
        return lambda: self.bridge.open_view(view)

    def _goer(self, index: int) -> Callable[[], None]:
        return lambda: self.bridge.go_to(index)

    def _speeder(self, speed: float) -> Callable[[], None]:
        return lambda: self.set_speed(speed)

    # --- the film -------------------------------------------------------------------------

    @property
    def playing(self) -> bool:
        return self._timer.isActive()

    def scrub(self, step: int) -> None:
        """One still on or back; the whole app then shows that instant."""
        if self.moment is None:
            return
        index = neighbour(self._events(), self.moment.index, step)
        if index != self.moment.index:
            self.bridge.go_to(index)

    def set_speed(self, speed: float) -> None:
        self._speed = speed
        if self.playing:
            self._timer.start(round(STILL_MS / speed))
        self.update()

    def play_or_pause(self) -> None:
        """Play the film that is on the stage, from its start if it is at its end."""
        if self.playing:
            self._timer.stop()
        elif self.moment is not None:
            film = film_at(self._events(), self.moment.index)
            if film and film.at(self.moment.index) == len(film.stills) - 1:
                self.bridge.go_to(film.stills[0].event + 1)
            self._timer.start(round(STILL_MS / self._speed))
        self.update()

    def _next_still(self) -> None:
        film = film_at(self._events(), self.moment.index) if self.moment else None
        if film is None or film.at(self.moment.index) >= len(film.stills) - 1:
            self._timer.stop()
            self.update()
            return
        self.scrub(1)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Dragging along the track scrubs."""
        film, bar = self._shown.film if self._shown else None, self._bar
        if not (film and bar and event.buttons() & Qt.MouseButton.LeftButton):
            super().mouseMoveEvent(event)
            return
        at = event.position()
        if abs(at.y() - bar.track.center().y()) < 24 * self.theme.px(1):
            near = min(range(len(film.stills)), key=lambda n: abs(bar.notches[n].x() - at.x()))
            if self.moment.index != film.stills[near].event + 1:
                self.bridge.go_to(film.stills[near].event + 1)

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()
        super().hideEvent(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        step = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}.get(Qt.Key(event.key()))
        if step and plain:
            self.scrub(step)
            event.accept()
            return
        super().keyPressEvent(event)
