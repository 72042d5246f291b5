"""Everything that happened, by actor; click to go there."""

from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import (
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPen,
    QResizeEvent,
    QWheelEvent,
)

from tdxviz.ui.panel import Panel
from tdxviz.ui.present import timeline as present
from tdxviz.ui.present import timeline_marks as marks
from tdxviz.ui.views import timeline_paint as paint
from tdxviz.ui.views.stage_brush import Brush, Fonts

HEAD, STRIP, FOOT, NAMES = 24, 11, 18, 82
"""Heights of heading, overview and flags, width of the names, at 100 %."""
CLOSER, WIDER = 0.8, 1.25
TRACK_GAP = 3


class TimelinePanel(Panel):
    """Above: the whole recording, a stroke in it chooses the window. Below: the window, which
    follows the present moment."""

    name = "timeline"
    title = "Timeline"
    tooltip = (
        "Click: go there. Wheel or + −: zoom. Drag in the strip above: choose what is shown. "
        "← →: one step. [ ]: next event at the selected line"
    )

    def __init__(self, bridge: Any, theme: Any) -> None:
        super().__init__(bridge, theme)
        self._fonts = Fonts(theme)
        self._low = 0.0
        self._high = 0.0
        self._zoomed = False
        """Somebody chose the window's size; until then it is as many events as have letters."""
        self._known: tuple[Any, ...] = ()
        self._rows = 4
        self._codes = b""
        self._flags: tuple[marks.Flag, ...] = ()
        self._blocks: dict[tuple[float, float, int], list[present.Block]] = {}
        self._stroke: int | None = None

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(600)), int(self.theme.px(124)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(200)), int(self.theme.px(112)))

    def set_theme(self, theme: Any) -> None:
        self._fonts = Fonts(theme)
        super().set_theme(theme)
        self._open()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._open()

    def show_moment(self, moment: Any) -> None:
        session = self.bridge.session
        what = (moment.total, moment.world, session.branch, len(session.entries), id(session))
        if what != self._known:
            another = what[1:3] != self._known[1:3] or what[4:] != self._known[4:]
            self._known = what
            self._codes = present.codes(session.timeline.lanes)
            self._flags = marks.flags(session.entries)
            self._rows = 5 if present.PROBE in self._codes else 4
            self._blocks.clear()
            self._zoomed = self._zoomed and not another
        self.moment = moment
        self._open()
        self.update()

    # --- geometry -------------------------------------------------------------------------

    def _open(self) -> None:
        """The window: its size by letters unless somebody zoomed, its place by the moment."""
        if self.moment is None or self._stroke is not None:
            return
        if not self._zoomed:
            span = marks.opened(self._area().width() / self.theme.px(1))
            if span != self._high - self._low:
                self._low = self.moment.index - span / 2
                self._high = self._low + span
        self._low, self._high = marks.followed(self._low, self._high, self.moment.index, self.moment.total)

    def _strip(self) -> paint.Track:
        u = self.theme.px(1)
        rect = QRectF(NAMES * u, HEAD * u, max(self.width() - (NAMES + 12) * u, 10), STRIP * u)
        total = self.moment.total if self.moment else 0
        return paint.Track(rect, 0.0, float(max(total, marks.opened(rect.width() / u))))

    def _area(self) -> QRectF:
        u = self.theme.px(1)
        top = (HEAD + STRIP + 8) * u
        return QRectF(
            NAMES * u, top, max(self.width() - (NAMES + 12) * u, 10), max(self.height() - top - FOOT * u, 8)
        )

    def _track(self) -> paint.Track:
        return paint.Track(self._area(), self._low, self._high)

    def _found(self, track: paint.Track) -> list[present.Block]:
        key = (track.low, track.high, int(track.rect.width()))
        if key not in self._blocks:
            if len(self._blocks) > 8:
                self._blocks.clear()
            self._blocks[key] = present.blocks(self._codes, *key)
        return self._blocks[key]

    # --- painting -------------------------------------------------------------------------

    def paint_on(self, painter: QPainter) -> None:
        painter.fillRect(self.rect(), self._fonts.color("panel"))
        self.hits = []
        if self.moment is not None:
            self._paint(Brush(painter, self.theme, self._fonts))
            self.paint_cursor(painter)

    def _paint(self, brush: Brush) -> None:
        moment, events = self.moment, self.bridge.session.events
        strip, track, world = self._strip(), self._track(), self.moment.world
        self._heading(brush, track)
        paint.overview(brush, strip, self._rows, world, self._found(strip), (self._low, self._high))
        paint.now(brush, strip, moment.index, 1.4)
        self.hit(strip.rect, None, "Everything. Drag: choose what is shown below. Double click: all of it")
        paint.lane_names(brush, track, self._rows, world)
        areas = paint.flags(brush, track, self._flags, FOOT * brush.u)
        paint.blocks(brush, track, self._rows, world, self._found(track), events)
        paint.touching(brush, track, self._rows, self._codes, events, moment)
        self._event_hits(track)
        for rect, flag in areas:
            words = f"{flag.text}{': ' + flag.word if flag.word else ''}\nGo to its end"
            self.hit(rect, lambda i=flag.end: self.bridge.go_to(i), words)
        self._stars(brush, track)
        self._branches(brush, track)
        paint.now(brush, track, moment.index, 2.2)

    def _heading(self, brush: Brush, track: paint.Track) -> None:
        moment = self.moment
        name = type(moment.event).__name__ if moment.event is not None else "the guest is ready"
        words = f"event {moment.index} of {moment.total} · {name}"
        words += f" · {moment.chapter}" if moment.chapter else ""
        words += f" · instruction {moment.instruction:,} of {moment.instructions:,}" if moment.depth else ""
        whole = track.high - track.low >= moment.total
        shown = "" if whole else f"shown: {int(track.low) + 1} to {int(track.high)}"
        paint.heading(brush, self.width(), self.title, words, shown)

    def _event_hits(self, track: paint.Track) -> None:
        """Single events can be pointed at where they have letters."""
        if track.pitch < present.LETTERED:
            return
        from tdxviz.session.moment import Focus

        session, height = self.bridge.session, track.rect.height() / self._rows
        for number in range(max(int(track.low), 0), min(int(track.high) + 1, len(self._codes))):
            event = session.events[number]
            top = track.rect.top() + self._codes[number] * height
            rect = QRectF(track.x(number), top, track.pitch - 2, height)
            words = marks.event_words(number, event, session.lane(number))
            self.hit(rect, Focus(hpa=getattr(event, "hpa", None), event=number), words)

    def _stars(self, brush: Brush, track: paint.Track) -> None:
        session = self.bridge.session
        mine = [m for m in session.bookmarks if m.branch == session.branch and m.world == session.world]
        for rect, mark in paint.bookmarks(brush, track, mine):
            self.hit(rect, lambda i=mark.index: self.bridge.go_to(i), f"Bookmark “{mark.name}”\nGo there")

    def _branches(self, brush: Brush, track: paint.Track) -> None:
        """Every other branch as a second track under the point where it left; a click goes there."""
        u, area, session = brush.u, track.rect, self.bridge.session
        here = session.branches[session.branch]
        for number, branch in enumerate(session.branches):
            if number == session.branch:
                continue
            fork = here.fork_index if here.parent == number else branch.fork_index
            known = branch.timelines.get(session.world)
            end = len(known.events) if known is not None else fork + 1
            left = min(max(track.x(fork), area.left()), area.right() - 12 * u)
            right = min(max(track.x(max(end, fork + 1)), left + 12 * u), area.right())
            rect = QRectF(left, area.bottom() - u, right - left, 4 * u)
            brush.p.setPen(Qt.PenStyle.NoPen)
            brush.p.setBrush(brush.color("accent"))
            brush.p.drawRoundedRect(rect, 2 * u, 2 * u)
            if track.low <= fork <= track.high:
                brush.p.setPen(QPen(brush.color("accent"), 1.2 * u, Qt.PenStyle.DashLine))
                brush.p.drawLine(QPointF(left, area.top()), QPointF(left, area.bottom()))
            words = f"Branch “{branch.name}”, left at event {fork}\nGo to its end"
            self.hit(rect.adjusted(0, -TRACK_GAP * u, 0, TRACK_GAP * u), lambda n=number: self._to(n), words)

    def _to(self, number: int) -> None:
        self.bridge.session.switch_branch(number)
        self.bridge.refresh()

    # --- using it -------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        at, hit = event.position(), self.hit_at(event.position())
        pin = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if self.moment is None or (hit is not None and (callable(hit.target) or (pin and hit.target))):
            super().mousePressEvent(event)
        elif self._strip().rect.adjusted(-6, -5, 6, 4).contains(at):
            self.setFocus()
            self._stroke = self._strip().index(at.x())
        elif at.x() >= self._area().left() - 6:
            self.setFocus()
            self.bridge.go_to(self._track().index(at.x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        held = event.buttons() & Qt.MouseButton.LeftButton
        if held and self._stroke is not None:
            self._zoomed = True
            end = self._strip().index(event.position().x())
            self._low, self._high = marks.brushed(self._stroke, end, self.moment.total)
            self.update()
        elif held and self.moment is not None:
            self.bridge.go_to(self._track().index(event.position().x()))
        else:
            super().mouseMoveEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        start, self._stroke = self._stroke, None
        if start is not None and abs(self._strip().index(event.position().x()) - start) < 2:
            self.bridge.go_to(start)
        super().mouseReleaseEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if self.moment is not None and self._strip().rect.contains(event.position()):
            self._zoomed, self._low, self._high = True, 0.0, float(max(self.moment.total, 1))
            self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.moment is not None:
            self._zoom(
                CLOSER if event.angleDelta().y() > 0 else WIDER, self._track().index(event.position().x())
            )

    def _zoom(self, factor: float, here: float) -> None:
        """``here`` stays where it is on the screen."""
        total, old = float(max(self.moment.total, 1)), self._high - self._low
        span = min(max(old * factor, marks.LEAST_SPAN), total)
        share = (here - self._low) / max(old, 1)
        self._zoomed = True
        self._low = min(max(here - share * span, 0.0), total - span)
        self._high = self._low + span
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """The window's own keys move through time; + and − zoom around the present moment."""
        factor = {Qt.Key.Key_Plus: CLOSER, Qt.Key.Key_Minus: WIDER}.get(Qt.Key(event.key()))
        if factor is None or self.moment is None:
            event.ignore()
        else:
            self._zoom(factor, self.moment.index)

    def describe(self) -> str:
        if self.moment is None:
            return "Timeline: nothing yet."
        names = [f"{flag.text}{': ' + flag.word if flag.word else ''}" for flag in self._flags]
        stars = [mark.name for mark in self.bridge.session.bookmarks]
        return (
            f"Timeline: event {self.moment.index} of {self.moment.total}, "
            f"shown are {int(self._low) + 1} to {min(int(self._high), self.moment.total)}. "
            f"Actions so far: {'; '.join(names) if names else 'none'}. "
            f"Bookmarks: {', '.join(stars) if stars else 'none'}. "
            f"{len(self.bridge.session.branches)} branch(es)."
        )
