"""Strokes that the stage, the eyes and the verdict share: text that fits, pills, discs, arrows."""

import math
from itertools import pairwise
from typing import TypeAlias

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QBrush,
    QColor,
    QFont,
    QFontMetricsF,
    QPainter,
    QPen,
    QPolygonF,
    QStaticText,
)

from tdxviz.ui.theme import OWNER_HUES, Theme

LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
CENTRE = Qt.AlignmentFlag.AlignCenter


MOST_TEXTS = 4000
"""Measured texts that are kept; old ones go all at once."""

Face: TypeAlias = tuple[bool, int, bool]
"""Monospace, size at 100 %, bold."""


def mix(one: str | QColor, two: str | QColor, share: float) -> QColor:
    """``share`` of ``two`` in ``one``."""
    a, b = QColor(one), QColor(two)
    pairs = ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))
    return QColor(*(round(x + (y - x) * share) for x, y in pairs))


def contrast(one: QColor, two: QColor) -> float:
    """Ratio of relative luminances (WCAG), 1 to 21."""
    a, b = sorted((_luminance(one), _luminance(two)))
    return (b + 0.05) / (a + 0.05)


def _luminance(color: QColor) -> float:
    parts = (color.redF(), color.greenF(), color.blueF())
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


class Fonts:
    """Fonts and measured texts of one theme and zoom; a panel keeps it between paints."""

    def __init__(self, theme: Theme, zoom: float = 1.0) -> None:
        self.theme = theme
        self.zoom = zoom
        """Further scale of this picture, beside the theme's: large windows get large stages."""
        self._fonts: dict[Face, tuple[QFont, QFontMetricsF]] = {}
        self._widths: dict[tuple[Face, str], float] = {}
        self._fitted: dict[tuple[Face, str, int], tuple[str, float]] = {}
        self._laid: dict[tuple[Face, str], QStaticText] = {}
        self._colors: dict[tuple[str, float], QColor] = {}

    def font(self, face: Face) -> tuple[QFont, QFontMetricsF]:
        if face not in self._fonts:
            mono, size, bold = face
            font = self.theme.mono(size, bold) if mono else self.theme.font(size, bold)
            font.setPixelSize(max(11, round(font.pixelSize() * self.zoom)))
            self._fonts[face] = (font, QFontMetricsF(font))
        return self._fonts[face]

    def width(self, face: Face, text: str) -> float:
        key = (face, text)
        if key not in self._widths:
            if len(self._widths) > MOST_TEXTS:
                self._widths.clear()
            self._widths[key] = self.font(face)[1].horizontalAdvance(text)
        return self._widths[key]

    def fitted(self, face: Face, text: str, room: float) -> tuple[str, float]:
        """``text`` shortened at its end to ``room`` pixels, and its width."""
        if self.width(face, text) <= room:
            return text, self.width(face, text)
        key = (face, text, int(room))
        if key not in self._fitted:
            if len(self._fitted) > MOST_TEXTS:
                self._fitted.clear()
            shown = self.font(face)[1].elidedText(text, Qt.TextElideMode.ElideRight, room)
            self._fitted[key] = (shown, self.width(face, shown))
        return self._fitted[key]

    def color(self, role: str) -> QColor:
        """Read-only: it is shared by everything in this colour."""
        key = (role, 1.0)
        if key not in self._colors:
            hue = QColor(OWNER_HUES[role][0] if role in OWNER_HUES else getattr(self.theme, role or "edge"))
            lift = role == "module" and self.theme.is_dark
            self._colors[key] = mix(hue, self.theme.text, 0.5) if lift else hue
        return self._colors[key]

    def tint(self, role: str, share: float) -> QColor:
        """``share`` of ``role`` on the panel's ground."""
        key = (role, share)
        if key not in self._colors:
            self._colors[key] = mix(self.theme.panel, self.color(role), share)
        return self._colors[key]

    def laid(self, face: Face, text: str) -> QStaticText:
        """``text`` with its glyphs already chosen: painting it again costs half."""
        key = (face, text)
        if key not in self._laid:
            if len(self._laid) > MOST_TEXTS:
                self._laid.clear()
            made = QStaticText(text)
            made.setTextFormat(Qt.TextFormat.PlainText)
            made.prepare(font=self.font(face)[0])
            self._laid[key] = made
        return self._laid[key]


class Brush:
    """A painter with the theme's colours and fonts, for one paint event."""

    def __init__(self, painter: QPainter, theme: Theme, fonts: Fonts | None = None) -> None:
        self.p = painter
        self.theme = theme
        self.fonts = fonts or Fonts(theme)
        self.u = float(theme.px(1)) * self.fonts.zoom
        self.dark = theme.is_dark

    # --- colours and fonts ----------------------------------------------------------------

    def color(self, role: str) -> QColor:
        """A theme token or an owner token; the module's hue is lifted on dark grounds."""
        return self.fonts.color(role)

    def ink(self, role: str) -> QColor:
        """Text on the full hue of ``role``."""
        if role in OWNER_HUES:
            return QColor(OWNER_HUES[role][1])
        fill, options = self.color(role), (QColor(self.theme.text), QColor(self.theme.panel))
        return max(options, key=lambda ink: contrast(fill, ink))

    def tint(self, role: str, share: float = 0.10) -> QColor:
        return self.fonts.tint(role, share)

    def font(self, mono: bool, size: int, bold: bool = False) -> tuple[QFont, QFontMetricsF]:
        return self.fonts.font((mono, size, bold))

    def width(self, text: str, mono: bool = False, size: int = 12, bold: bool = False) -> float:
        return self.fonts.width((mono, size, bold), text)

    # --- text -----------------------------------------------------------------------------

    def text(
        self, rect: QRectF, text: str, role: str | QColor = "text", *, mono: bool = False,
        size: int = 12, bold: bool = False, align: Qt.AlignmentFlag = LEFT,
    ) -> float:  # fmt: skip
        """One line inside ``rect``, shortened in the middle of nothing: at its end. Its width."""
        face = (mono, size, bold)
        shown, wide = self.fonts.fitted(face, text, rect.width())
        font, metrics = self.fonts.font(face)
        self.p.setFont(font)
        self.p.setPen(role if isinstance(role, QColor) else self.color(role))
        free = rect.width() - wide
        left = rect.left() + (0 if align == LEFT else free if align == RIGHT else free / 2)
        top = rect.top() + (rect.height() - metrics.height()) / 2
        self.p.drawStaticText(QPointF(round(left), round(top)), self.fonts.laid(face, shown))
        return wide

    def wrapped(self, rect: QRectF, text: str, role: str = "text", *, size: int = 12, lines: int = 9) -> None:
        """Words over several lines; the last one that fits ends in an ellipsis if need be."""
        metrics = self.font(False, size)[1]
        words, shown = text.split(" "), list[str]()
        while words and len(shown) < lines:
            row = [words.pop(0)]
            last = len(shown) == lines - 1
            while words and (last or metrics.horizontalAdvance(" ".join([*row, words[0]])) <= rect.width()):
                row.append(words.pop(0))
            shown.append(" ".join(row))
        for number, row_text in enumerate(shown):
            top = rect.top() + number * metrics.height()
            self.text(QRectF(rect.left(), top, rect.width(), metrics.height()), row_text, role, size=size)

    # --- shapes ---------------------------------------------------------------------------

    def frame(
        self, rect: QRectF, fill: QColor | str, edge: QColor | str, width: float = 1.0,
        radius: float = 6.0, dashed: bool = False,
    ) -> None:  # fmt: skip
        pen = QPen(QColor(edge), max(width, self.theme.line * self.u))
        if dashed:
            pen.setDashPattern([5.0, 2.6])
        self.p.setPen(pen)
        self.p.setBrush(QBrush(QColor(fill)))
        self.p.drawRoundedRect(rect, radius, radius)

    def pill(
        self, centre: QPointF, text: str, fill: QColor, ink: QColor, edge: QColor, *,
        mono: bool = True, size: int = 12, bold: bool = True, keep: QRectF | None = None,
    ) -> QRectF:  # fmt: skip
        """A capsule around ``text``, moved inside ``keep`` if it would leave it."""
        u = self.u
        width = self.width(text, mono, size, bold) + 16 * u
        height = self.font(mono, size, bold)[1].height() + 4 * u
        rect = QRectF(centre.x() - width / 2, centre.y() - height / 2, width, height)
        if keep is not None:
            rect.moveLeft(max(keep.left(), min(rect.left(), keep.right() - width)))
        self.frame(rect, fill, edge, 1.4 * u, height / 2)
        self.text(rect, text, ink, mono=mono, size=size, bold=bold, align=CENTRE)
        return rect

    def disc(self, centre: QPointF, text: str, fill: QColor, ink: QColor, radius: float) -> None:
        self.p.setPen(Qt.PenStyle.NoPen)
        self.p.setBrush(fill)
        self.p.drawEllipse(centre, radius, radius)
        box = QRectF(centre.x() - radius, centre.y() - radius, 2 * radius, 2 * radius)
        self.text(box.adjusted(-6, 0, 6, 0), text, ink, size=11, bold=True, align=CENTRE)

    def arrow(
        self, points: list[QPointF], color: QColor, width: float, *, stop: bool = False,
        dashed: bool = False,
    ) -> None:  # fmt: skip
        """A polyline with a head at its end, or with a cross where it is stopped."""
        pen = QPen(color, width)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        if dashed:
            pen.setDashPattern([3.0, 2.0])
        self.p.setPen(pen)
        self.p.setBrush(Qt.BrushStyle.NoBrush)
        tip, before = points[-1], points[-2]
        angle = math.atan2(tip.y() - before.y(), tip.x() - before.x())
        head = 3.2 * width if not stop else 0.0
        if stop:
            tip = QPointF(tip.x() - 4 * width * math.cos(angle), tip.y() - 4 * width * math.sin(angle))
        end = QPointF(tip.x() - head * math.cos(angle), tip.y() - head * math.sin(angle))
        self.p.drawPolyline(QPolygonF([*points[:-1], end]))
        self._cross(tip, width) if stop else self._head(tip, angle, head, color)

    def _head(self, tip: QPointF, angle: float, size: float, color: QColor) -> None:
        corners = [tip]
        for side in (-0.48, 0.48):
            back = angle + math.pi + side
            length = size * 1.25
            corners.append(QPointF(tip.x() + length * math.cos(back), tip.y() + length * math.sin(back)))
        self.p.setPen(Qt.PenStyle.NoPen)
        self.p.setBrush(color)
        self.p.drawPolygon(QPolygonF(corners))

    def _cross(self, tip: QPointF, width: float) -> None:
        arm, red = 2.4 * width, self.color("bad")
        self.disc(tip, "", red, red, arm * 1.5)
        self.p.setPen(QPen(self.ink("bad"), width * 0.8))
        for one, two in (((-1, -1), (1, 1)), ((-1, 1), (1, -1))):
            self.p.drawLine(
                QPointF(tip.x() + one[0] * arm * 0.7, tip.y() + one[1] * arm * 0.7),
                QPointF(tip.x() + two[0] * arm * 0.7, tip.y() + two[1] * arm * 0.7),
            )


def middle(points: list[QPointF]) -> QPointF:
    """The point half-way along the longest stretch of a polyline: where its number sits."""
    pairs = list(pairwise(points))
    one, two = max(pairs, key=lambda ab: abs(ab[0].x() - ab[1].x()) + abs(ab[0].y() - ab[1].y()))
    return QPointF((one.x() + two.x()) / 2, (one.y() + two.y()) / 2)
