"""Everything that happened, by actor; click to go there."""

from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import (
    QColor,
    QFontMetricsF,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QWheelEvent,
)

from tdxviz.ui.panel import Panel
from tdxviz.ui.present import timeline as present
from tdxviz.ui.theme import OWNER_HUES

MOST_ZOOM = 24


class TimelinePanel(Panel):
    """Lanes of events, attacks, bookmarks and branches; the wheel zooms, a drag scrubs."""

    name = "timeline"
    title = "Timeline"
    tooltip = "Click: go there. Wheel: zoom. ← →: one step. [ ]: next event at the selected line"

    def __init__(self, bridge: Any, theme: Any) -> None:
        super().__init__(bridge, theme)
        self._low = 0.0
        self._high = 0.0
        self._known = (0, "", 0)
        self._rows = 4
        self._codes = b""

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(600)), int(self.theme.px(112)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(200)), int(self.theme.px(104)))

    def show_moment(self, moment: Any) -> None:
        what = (moment.total, moment.world, self.bridge.session.branch)
        if what != self._known:
            self._known = what
            self._low, self._high = 0.0, float(max(moment.total, 1))
            self._codes = present.codes(self.bridge.session.timeline.lanes)
            self._rows = 5 if present.PROBE in self._codes else 4
        super().show_moment(moment)

    # --- geometry -------------------------------------------------------------------------

    def _area(self) -> QRectF:
        u = self.theme.px
        left = u(82)
        return QRectF(
            left, u(24), max(self.width() - left - u(12), 10), max(self.height() - u(24) - u(18), 8)
        )

    def _x(self, index: float) -> float:
        area = self._area()
        return area.left() + present.column(index, self._low, self._high, int(area.width()))

    # --- painting -------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), QColor(self.theme.panel))
        self.hits = []
        if self.moment is None:
            return
        self._heading(painter)
        self._lanes(painter)
        self._marks(painter)
        self._tracks(painter)
        self._now(painter)
        self.paint_cursor(painter)
        painter.end()

    def _heading(self, painter: QPainter) -> None:
        u, theme, moment = self.theme.px, self.theme, self.moment
        painter.setPen(QColor(theme.text))
        font = theme.font(13, True)
        painter.setFont(font)
        painter.drawText(int(u(10)), int(u(16)), self.title)
        at = u(10) + QFontMetricsF(font).horizontalAdvance(self.title) + u(12)
        painter.setFont(theme.font(12))
        painter.setPen(QColor(theme.secondary))
        name = type(moment.event).__name__ if moment.event is not None else "the guest is ready"
        words = f"event {moment.index} of {moment.total} · {name}"
        if moment.chapter:
            words += f" · {moment.chapter}"
        room = self.width() - at - u(10)
        words = QFontMetricsF(painter.font()).elidedText(words, Qt.TextElideMode.ElideRight, room)
        painter.drawText(int(at), int(u(16)), words)

    def _lanes(self, painter: QPainter) -> None:
        u, theme, area = self.theme.px, self.theme, self._area()
        height = area.height() / self._rows
        painter.setFont(theme.font(min(12, max(height / theme.scale - 2, 9))))
        guest = "VM" if self.moment.world == "legacy" else "TD-A"
        for number, (lane, words) in enumerate(present.LANES[: self._rows]):
            y = area.top() + number * height
            painter.setPen(QColor(theme.secondary))
            room = QRectF(u(10), y, area.left() - u(14), height)
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, guest if lane == "guest" else words)
            painter.setPen(QPen(QColor(theme.rule), u(1)))
            painter.drawLine(int(area.left()), int(y + height / 2), int(area.right()), int(y + height / 2))
        wide = area.width() / max(self._high - self._low, 1) >= present.LETTERED
        for block in present.blocks(self._codes, self._low, self._high, int(area.width())):
            painter.setPen(QPen(QColor(theme.edge), u(0.6)))
            painter.setBrush(self._lane_colour(block.lane))
            y = area.top() + block.lane * height + height * 0.12
            left = max(area.left() + block.left, area.left())
            width = min(max(area.left() + block.right - left, 2), area.right() - left)
            rect = QRectF(left, y, width, height * 0.76)
            painter.drawRoundedRect(rect, 1.5, 1.5)
            if wide and height >= u(11):
                self._letters(painter, rect, block)

    def _letters(self, painter: QPainter, rect: QRectF, block: present.Block) -> None:
        """What the event is, in two letters, once there is room for them."""
        name = type(self.bridge.session.events[block.first_event]).__name__
        owner = present.OWNER_OF_LANE[present.LANES[block.lane][0]]
        ink = OWNER_HUES[owner][1] if owner in OWNER_HUES else self.theme.panel
        painter.setFont(self.theme.mono(min(10, rect.height() / self.theme.scale - 1), True))
        painter.setPen(QColor(ink))
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, present.letters(name))

    def _tracks(self, painter: QPainter) -> None:
        """Every other branch as a thin bar from where it left; a click goes there."""
        u, area, session = self.theme.px, self._area(), self.bridge.session
        here = session.branches[session.branch]
        for number, branch in enumerate(session.branches):
            if number == session.branch:
                continue
            fork = here.fork_index if here.parent == number else branch.fork_index
            known = branch.timelines.get(session.world)
            end = len(known.events) if known is not None else fork + 1
            left, right = self._x(fork), self._x(max(end, fork + 1))
            left = min(max(left, area.left()), area.right() - u(12))
            rect = QRectF(left, area.bottom() - u(1), max(min(right, area.right()) - left, u(12)), u(4))
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(self.theme.accent))
            painter.drawRoundedRect(rect, u(2), u(2))
            painter.setPen(QPen(QColor(self.theme.accent), u(1.2), Qt.PenStyle.DashLine))
            painter.drawLine(int(left), int(area.top()), int(left), int(area.bottom()))
            words = f"Branch “{branch.name}”, left at event {fork}\nGo to its end"
            self.hit(rect.adjusted(0, -u(3), 0, u(3)), lambda n=number: self._to_branch(n), words)

    def _to_branch(self, number: int) -> None:
        self.bridge.session.switch_branch(number)
        self.bridge.refresh()

    def _lane_colour(self, lane: int) -> QColor:
        name = present.OWNER_OF_LANE[present.LANES[lane][0]]
        if name == "probe":
            return QColor(self.theme.outside)
        if name == "td_a" and self.moment.world == "legacy":
            name = "legacy"
        if name == "module" and self.theme.is_dark:
            return QColor("#8A5CB8")
        return QColor(OWNER_HUES[name][0])

    def _marks(self, painter: QPainter) -> None:
        u, theme, area = self.theme.px, self.theme, self._area()
        painter.setFont(theme.font(11))
        metrics = QFontMetricsF(painter.font())
        free = area.left()
        for entry in self.bridge.session.entries:
            x = self._x(entry.first_event)
            if not area.left() <= x <= area.right():
                continue
            painter.setPen(QPen(QColor(theme.rule), u(1)))
            painter.drawLine(int(x), int(area.top()), int(x), int(area.bottom()))
            attack = entry.action.name == "attack"
            words = metrics.elidedText(
                ("⚔ " if attack else "⚑ ") + entry.title, Qt.TextElideMode.ElideRight, u(170)
            )
            width = metrics.horizontalAdvance(words) + u(10)
            if x >= free and x + width <= area.right() + u(8):
                painter.setPen(QColor(theme.bad if attack else theme.secondary))
                rect = QRectF(x, area.bottom() + u(2), width, u(15))
                painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, words)
                self.hit(
                    rect, lambda i=entry.end_event: self.bridge.go_to(i), f"{entry.title}\nGo to its end"
                )
                free = x + width
        painter.setPen(QColor(theme.warn))
        for mark in self.bridge.session.bookmarks:
            if mark.branch == self.bridge.session.branch:
                x = self._x(mark.index)
                painter.drawText(int(x - u(5)), int(area.top() + u(2)), "★")

    def _now(self, painter: QPainter) -> None:
        u, area = self.theme.px, self._area()
        x = self._x(self.moment.index)
        painter.setPen(QPen(QColor(self.theme.selected), u(2.2)))
        painter.drawLine(int(x), int(area.top() - u(3)), int(x), int(area.bottom() + u(3)))

    # --- using it -------------------------------------------------------------------------

    def _go(self, x: float) -> None:
        area = self._area()
        self.bridge.go_to(present.index_at(x - area.left(), self._low, self._high, int(area.width())))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self.hit_at(event.position()) is None and event.position().x() >= self._area().left() - 6:
            self.setFocus()
            self._go(event.position().x())
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go(event.position().x())
            return
        super().mouseMoveEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.moment is None:
            return
        area, total = self._area(), float(max(self.moment.total, 1))
        factor = 0.8 if event.angleDelta().y() > 0 else 1.25
        here = present.index_at(event.position().x() - area.left(), self._low, self._high, int(area.width()))
        span = min(max((self._high - self._low) * factor, MOST_ZOOM), total)
        share = (here - self._low) / max(self._high - self._low, 1)
        self._low = min(max(here - share * span, 0.0), total - span)
        self._high = self._low + span
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        event.ignore()  # the window's own keys move through time

    def describe(self) -> str:
        if self.moment is None:
            return "Timeline: nothing yet."
        names = [entry.title for entry in self.bridge.session.entries]
        return (
            f"Timeline: event {self.moment.index} of {self.moment.total}. "
            f"Actions so far: {'; '.join(names) if names else 'none'}. "
            f"{len(self.bridge.session.branches)} branch(es)."
        )
