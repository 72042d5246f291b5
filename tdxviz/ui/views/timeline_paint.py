"""Paints the timeline: an overview of everything, and a window of it in which events have letters."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QPen

from tdxviz.ui.present import timeline as present
from tdxviz.ui.present import timeline_marks as marks
from tdxviz.ui.theme import OWNER_HUES, VERDICT_ROLES
from tdxviz.ui.views import verdict_shapes
from tdxviz.ui.views.stage_brush import LEFT, RIGHT, Brush


@dataclass(frozen=True, slots=True)
class Track:
    """A stretch of events on a stretch of pixels."""

    rect: QRectF
    low: float
    high: float

    def x(self, index: float) -> float:
        width = int(self.rect.width())
        return self.rect.left() + present.column(index, self.low, self.high, width)

    def index(self, x: float) -> int:
        return present.index_at(x - self.rect.left(), self.low, self.high, int(self.rect.width()))

    @property
    def pitch(self) -> float:
        """Pixels an event."""
        return self.rect.width() / max(self.high - self.low, 1)


def lane_colour(brush: Brush, lane: int, world: str) -> QColor:
    name = present.OWNER_OF_LANE[present.LANES[lane][0]]
    if name == "probe":
        return brush.color("outside")
    return brush.color("legacy" if name == "td_a" and world == "legacy" else name)


def lane_names(brush: Brush, track: Track, rows: int, world: str) -> None:
    """Who acts in which row, and the row's line."""
    u, height = brush.u, track.rect.height() / rows
    size = 12 if height >= 14 * u else 11
    for number, (lane, words) in enumerate(present.LANES[:rows]):
        top = track.rect.top() + number * height
        shown = ("VM" if world == "legacy" else "TD-A") if lane == "guest" else words
        brush.text(QRectF(10 * u, top, track.rect.left() - 14 * u, height), shown, "secondary", size=size)
        middle = round(top + height / 2)
        brush.p.fillRect(QRectF(track.rect.left(), middle, track.rect.width(), u), brush.color("rule"))


def blocks(
    brush: Brush, track: Track, rows: int, world: str, found: Sequence[present.Block], events: Sequence[Any]
) -> None:
    """One bar for neighbouring events of a lane; single events with two letters where they fit."""
    u, height = brush.u, track.rect.height() / rows
    lettered = track.pitch >= present.LETTERED and height >= 11 * u
    size = 11 if height >= 15 * u else 10
    pen = QPen(brush.color("edge"), 0.6 * u)
    for block in found:
        left = track.rect.left() + block.left
        width = min(max(block.right - block.left, 2), track.rect.right() - left)
        top = track.rect.top() + block.lane * height + height * 0.1
        rect = QRectF(left, top, width, height * 0.8)
        brush.p.setPen(pen)
        brush.p.setBrush(lane_colour(brush, block.lane, world))
        brush.p.drawRoundedRect(rect, 1.5, 1.5)
        if lettered:
            name = present.OWNER_OF_LANE[present.LANES[block.lane][0]]
            ink = brush.ink(name) if name in OWNER_HUES else brush.color("panel")
            words = present.letters(type(events[block.first_event]).__name__)
            brush.text(rect.adjusted(-2, 0, 2, 0), words, ink, mono=True, size=size, bold=True,
                       align=Qt.AlignmentFlag.AlignCenter)  # fmt: skip


def overview(
    brush: Brush, track: Track, rows: int, world: str, found: Sequence[present.Block],
    window: tuple[float, float],
) -> None:  # fmt: skip
    """The whole recording in miniature; the window is framed in it."""
    u, height = brush.u, track.rect.height() / rows
    brush.p.fillRect(track.rect, brush.color("bg"))
    for block in found:
        left = track.rect.left() + block.left
        rect = QRectF(left, track.rect.top() + block.lane * height,
                      min(max(block.right - block.left, 2), track.rect.right() - left),
                      max(height - 0.6 * u, 1.2))  # fmt: skip
        brush.p.fillRect(rect, lane_colour(brush, block.lane, world))
    left, right = track.x(window[0]), track.x(window[1])
    veil = brush.fonts.tint("rule", 0.75)
    veil = QColor(veil.red(), veil.green(), veil.blue(), 120)
    brush.p.fillRect(
        QRectF(track.rect.left(), track.rect.top(), left - track.rect.left(), track.rect.height()), veil
    )
    brush.p.fillRect(QRectF(right, track.rect.top(), track.rect.right() - right, track.rect.height()), veil)
    brush.p.setBrush(Qt.BrushStyle.NoBrush)
    brush.p.setPen(QPen(brush.color("accent"), 1.6 * u))
    brush.p.drawRoundedRect(QRectF(left, track.rect.top() - u, max(right - left, 5 * u),
                                   track.rect.height() + 2 * u), 2 * u, 2 * u)  # fmt: skip


def now(brush: Brush, track: Track, index: int, wide: float) -> None:
    """The present moment as a line."""
    x = round(track.x(index))
    brush.p.setPen(QPen(brush.color("selected"), wide * brush.u))
    brush.p.drawLine(
        QPointF(x, track.rect.top() - 3 * brush.u), QPointF(x, track.rect.bottom() + 3 * brush.u)
    )


def flags(
    brush: Brush, track: Track, found: Sequence[marks.Flag], foot: float
) -> list[tuple[QRectF, marks.Flag]]:
    """Where actions begin, with their names as far as they do not meet; an action that began
    before the window is named at its left edge. Returns what can be clicked."""
    u, rect = brush.u, track.rect
    free, areas = rect.left(), []
    for number, flag in enumerate(found):
        if flag.end <= track.low or flag.first >= track.high:
            continue
        begun = flag.first < track.low
        x = rect.left() if begun else track.x(flag.first)
        if not begun:
            brush.p.fillRect(QRectF(round(x), rect.top(), u, rect.height()), brush.color("rule"))
        following = next((f.first for f in found[number + 1 :] if f.first >= track.low), None)
        room = (track.x(following) if following is not None and following < track.high else rect.right()) - x
        words = ("… " if begun else "") + ("⚔ " if flag.attack else "⚑ ") + flag.text
        area = QRectF(max(x, free), rect.bottom() + 2 * u, max(room - max(free - x, 0), 0), foot - 3 * u)
        if area.width() > 34 * u:
            used = brush.text(area, words, "bad" if flag.attack else "secondary", size=11)
            area.setWidth(used + 6 * u)
            areas.append((area, flag))
            free = area.right() + 4 * u
        if flag.shape and flag.end <= track.high:
            _verdict(brush, QPointF(min(track.x(flag.end), rect.right() - 8 * u), rect.top()), flag.shape)
    return areas


def _verdict(brush: Brush, at: QPointF, shape: str) -> None:
    """The verdict's shape at the end of its attack."""
    u, role = brush.u, VERDICT_ROLES.get(shape, "harmless")
    box = QRectF(at.x() - 7 * u, at.y() - 7 * u, 14 * u, 14 * u)
    brush.frame(box, brush.color(role), brush.color("panel"), 1.2 * u, 4 * u)
    verdict_shapes.draw(brush.p, shape, box.adjusted(3 * u, 3 * u, -3 * u, -3 * u), brush.ink(role), 1.6 * u)


def bookmarks(brush: Brush, track: Track, found: Sequence[Any]) -> list[tuple[QRectF, Any]]:
    """A star over each; returns what can be clicked."""
    u, areas = brush.u, []
    for mark in found:
        if track.low <= mark.index <= track.high:
            area = QRectF(track.x(mark.index) - 8 * u, track.rect.top() - 9 * u, 16 * u, 14 * u)
            brush.text(area, "★", "warn", size=13, bold=True, align=Qt.AlignmentFlag.AlignCenter)
            areas.append((area, mark))
    return areas


def touching(brush: Brush, track: Track, rows: int, lanes: bytes, events: Sequence[Any], moment: Any) -> None:
    """Events at the chosen place are framed, those at the place pointed at are dashed."""
    if track.pitch < 4:
        return
    u, height = brush.u, track.rect.height() / rows
    hover = moment.hover.hpa if moment.hover else None
    chosen = moment.focus.hpa
    if hover is None and chosen is None:
        return
    for number in range(int(track.low), min(int(track.high) + 1, len(events))):
        solid = marks.touches(events[number], chosen)
        dashed = not solid and marks.touches(events[number], hover, marks.is_page(hover))
        if not (solid or dashed):
            continue
        rect = QRectF(track.x(number) - u, track.rect.top() + lanes[number] * height, track.pitch, height)
        pen = QPen(brush.color("selected" if solid else "edge"), (2.0 if solid else 1.5) * u)
        if dashed:
            pen.setDashPattern([3.0, 2.0])
        brush.p.setPen(pen)
        brush.p.setBrush(Qt.BrushStyle.NoBrush)
        brush.p.drawRoundedRect(rect, 2, 2)


def heading(brush: Brush, width: float, title: str, words: str, shown: str) -> None:
    u = brush.u
    row = QRectF(10 * u, 2 * u, width - 20 * u, 20 * u)
    used = brush.text(row, title, size=13, bold=True)
    right = brush.width(shown, size=11) + 12 * u
    if right < row.width() * 0.4:
        brush.text(row, shown, "secondary", size=11, align=RIGHT)
        row.setRight(row.right() - right)
    brush.text(row.adjusted(used + 12 * u, 0, 0, 0), words, "secondary", size=12, align=LEFT)
