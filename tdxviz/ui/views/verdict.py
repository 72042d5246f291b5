"""The verdict banner: shape, word and sentence; what was kept and lost; what decided it; why."""

from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import (
    QAccessible,
    QAccessibleEvent,
    QFontMetricsF,
    QPainter,
    QResizeEvent,
)

from tdxviz.ui.panel import Hit, Panel, in_low_window
from tdxviz.ui.present import verdict as present
from tdxviz.ui.theme import VERDICT_ROLES, Theme
from tdxviz.ui.views import verdict_shapes
from tdxviz.ui.views.stage_brush import Brush, mix

SLIM = 34
FULL = 62
LINE = 13
"""Added where the sentence needs a second line."""


class VerdictPanel(Panel):
    """Slim while nothing was attacked. A click on the words goes to the event that decided."""

    name = "verdict"
    title = "Verdict"
    key = ""
    tooltip = "What came of the newest attack, decided by its own events"

    def __init__(self, bridge: Any, theme: Theme) -> None:
        super().__init__(bridge, theme)
        self._dismissed: Any = None
        self._laid = False
        self._link = QRectF()
        self._twin = QRectF()
        """Where the other world is offered, or its verdict said."""
        self._cross = QRectF()
        self._spoken = ""
        self._shown: present.Banner | None = None
        self._grow()

    # --- state ----------------------------------------------------------------------------

    def banner(self) -> present.Banner:
        """What is shown now."""
        verdict = present.verdict_of(self.moment)
        hidden = verdict is not None and verdict == self._dismissed
        return present.banner(
            None if hidden else verdict, present.other_side(self.bridge.session, self.moment)
        )

    def show_moment(self, moment: Any) -> None:
        self.moment = moment
        shown = self.banner()
        if shown == self._shown:
            return
        self._shown = shown
        self._laid = False
        self._grow()
        self.update()
        words = self.describe()
        if words != self._spoken:
            self._spoken = words
            self.setAccessibleDescription(words)
            QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))

    def set_theme(self, theme: Theme) -> None:
        super().set_theme(theme)
        self._laid = False
        self._grow()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._laid = False
        self._grow()
        super().resizeEvent(event)

    def dismiss(self) -> None:
        """Put this verdict away; the next one shows again."""
        self._dismissed = present.verdict_of(self.moment)
        self._laid = False
        self._grow()
        self.update()

    def why(self) -> None:
        """To the first cause; again: to the next one."""
        shown = self.banner()
        cause = present.next_cause(shown.causes, self.moment.index if self.moment else 0)
        if cause is None:
            return
        self.bridge.go_to(cause + 1)
        self._point_at(cause)

    def _point_at(self, cause: int) -> None:
        self.bridge.select(self._place(cause))

    def _place(self, cause: int) -> Any:
        """The deciding event, and the line that it is about."""
        from tdxviz.session.moment import Focus

        event = self.bridge.session.events[cause]
        return Focus(hpa=getattr(event, "hpa", None), event=cause)

    def pointed_at(self, hit: Hit | None) -> Any:
        """Pointing at the verdict frames what decided it, in every view."""
        if hit is None or hit.target != self.why:
            return super().pointed_at(hit)
        causes = self.banner().causes
        return self._place(causes[0]) if causes else None

    def describe(self) -> str:
        return present.describe(self.banner())

    # --- size -----------------------------------------------------------------------------

    def _height(self) -> int:
        shown = self.banner()
        if not shown.shape or in_low_window(self, self.theme):
            return int(self.theme.px(SLIM))
        return int(self.theme.px(FULL + (LINE if self._long(shown) else 0)))

    def _long(self, shown: present.Banner) -> bool:
        """True if word and sentence do not fit on one line of the present width."""
        word = QFontMetricsF(self.theme.font(17, True)).horizontalAdvance(shown.word)
        rest = QFontMetricsF(self.theme.font(13)).horizontalAdvance(shown.sentence)
        return word + rest + self.theme.px(52 + 14 + 36) > max(self.width(), 1)

    def _grow(self) -> None:
        height = self._height()
        if height != self.minimumHeight():  # a layout of all docks costs as much as a picture
            self.setMinimumHeight(height)
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(900)), self._height())

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(320)), self._height())

    # --- paint ----------------------------------------------------------------------------

    def paint_on(self, painter: QPainter) -> None:
        shown = self.banner()
        brush = Brush(painter, self.theme)
        painter.fillRect(self.rect(), brush.color("bg"))
        if not self._laid:
            self._lay(brush, shown)
        if not shown.shape:
            self._slim(brush, shown)
        elif self.height() < self.theme.px(FULL) - 6:
            self._line(brush, shown)
        else:
            self._full(brush, shown)
        self.paint_cursor(painter)

    def _why(self, shown: present.Banner) -> str:
        """The first word alone where all is on one line."""
        return shown.why if self.height() >= self.theme.px(FULL) - 6 else shown.why.partition(" ")[0]

    def contrast(self) -> None:
        """The same attack in the other world."""
        self.bridge.contrast(self.banner().attack)

    def _offer(self, shown: present.Banner) -> str:
        """Words on the second link: the other world's verdict, or the offer to get it."""
        world, word, _ = shown.other
        if self.height() < self.theme.px(FULL) - 6:
            return f"⇄ {word}".strip()
        return f"⇄ in {world}: {word}" if word else f"⇄ repeat in {world}"

    def _lay(self, brush: Brush, shown: present.Banner) -> None:
        """Where the things one can click are."""
        u = brush.u
        self._link = self._twin = QRectF()
        self.hits = []
        if shown.why:
            width = brush.width(self._why(shown), size=12, bold=True) + 18 * u
            height = 22 * u
            low = min(7 * u, (self.height() - height) / 2)
            self._link = QRectF(self.width() - 34 * u - width, self.height() - low - height, width, height)
            tip = "Go to the event that decided this; again for the next"
            self.hit(self._link, self.why, tip)
        right = self._link.left() - 8 * u if shown.why else self.width() - 34 * u
        if shown.attack and shown.other[0]:
            width = brush.width(self._offer(shown), size=12, bold=True) + 18 * u
            low = min(7 * u, (self.height() - 22 * u) / 2)
            self._twin = QRectF(right - width, self.height() - low - 22 * u, width, 22 * u)
            tip = f"Repeat this attack in {shown.other[0]}: both worlds and both verdicts side by side"
            self.hit(self._twin, self.contrast, tip)
            right = self._twin.left() - 8 * u
        if shown.decided_by:
            words = f"{shown.sentence} Decided by: {shown.decided_by}. {shown.signals}"
            self.hit(QRectF(8 * u, 4 * u, right - 8 * u, self.height() - 8 * u), self.why, words)
        if shown.shape:
            self._cross = QRectF(self.width() - 29 * u, 6 * u, 22 * u, 22 * u)
            self.hit(self._cross, self.dismiss, "Put this verdict away")
        self._laid = True

    def _slim(self, brush: Brush, shown: present.Banner) -> None:
        u = brush.u
        area = QRectF(self.rect()).adjusted(u, u, -u, -u)
        brush.frame(area, brush.theme.panel, brush.color("rule"), 1.2 * u, 5 * u)
        row = area.adjusted(14 * u, 0, -10 * u, 0)
        wide = brush.text(row, shown.word, "secondary", size=13, bold=True)
        brush.text(row.adjusted(wide + 14 * u, 0, 0, 0), shown.sentence, "secondary")

    def _band(self, brush: Brush, shown: present.Banner) -> tuple[QRectF, str]:
        """The frame, and the shape on its band at the left; the whole area and its role."""
        u = brush.u
        role = VERDICT_ROLES.get(shown.shape, "harmless")
        band = brush.color(role)
        area = QRectF(self.rect()).adjusted(u, u, -u, -u)
        brush.frame(area, mix(self.theme.panel, band, 0.16 if brush.dark else 0.11), band, 1.6 * u, 6 * u)
        left = QRectF(area.left() + u, area.top() + u, 40 * u, area.height() - 2 * u)
        brush.frame(left, band, band, 1, 5 * u)
        sign = min(26 * u, area.height() * 0.6)
        verdict_shapes.draw(brush.p, shown.shape, QRectF(
            left.center().x() - sign / 2, left.center().y() - sign / 2, sign, sign),
            brush.ink(role), 2.4 * u)  # fmt: skip
        return area, role

    def _line(self, brush: Brush, shown: present.Banner) -> None:
        """All on one line, where a low window has no more: word, sentence, why."""
        u = brush.u
        area, role = self._band(brush, shown)
        row = area.adjusted(50 * u, 0, -34 * u, 0)
        row.setRight(self._pills(brush, shown, row.right()) - 8 * u)
        wide = brush.text(row, shown.word, role, size=13, bold=True)
        brush.text(row.adjusted(wide + 10 * u, 0, 0, 0), shown.sentence)
        brush.text(self._cross, "✕", "secondary", size=13, align=Qt.AlignmentFlag.AlignCenter)

    def _pills(self, brush: Brush, shown: present.Banner, right: float) -> float:
        """The links at the right: why, and the other world in the colour of its verdict. Their left end."""
        role = VERDICT_ROLES.get(shown.other[2], "accent") if shown.other[1] else "accent"
        links = ((self._twin, self._offer(shown), role), (self._link, self._why(shown), "accent"))
        for link, words, tone in links:
            if not link.isEmpty():
                brush.frame(link, brush.theme.panel, brush.color(tone), 1.2 * brush.u, link.height() / 2)
                ink = tone if tone != "accent" else "text"
                brush.text(link, words, ink, size=12, bold=True, align=Qt.AlignmentFlag.AlignCenter)
                right = min(right, link.left())
        return right

    def _full(self, brush: Brush, shown: present.Banner) -> None:
        u = brush.u
        area, role = self._band(brush, shown)
        inner = area.adjusted(52 * u, 5 * u, -34 * u, -5 * u)
        low = 25 * u
        first = QRectF(inner.left(), inner.top(), inner.width(), min(25 * u, inner.height() / 2))
        second = QRectF(inner.left(), inner.bottom() - low, inner.width(), low)
        wide = brush.text(first, shown.word, role, size=17, bold=True)
        room = QRectF(first.left() + wide + 14 * u, first.top() + 4 * u, first.width() - wide - 14 * u,
                      second.top() - first.top() - 4 * u)  # fmt: skip
        brush.wrapped(room, shown.sentence, size=13, lines=max(1, int(room.height() / (16 * u))))
        self._details(brush, second, shown)
        brush.text(self._cross, "✕", "secondary", size=13, align=Qt.AlignmentFlag.AlignCenter)

    def _details(self, brush: Brush, row: QRectF, shown: present.Banner) -> None:
        """Properties first, the reason as far as it fits, why? always."""
        u = brush.u
        row = QRectF(row)
        row.setRight(self._pills(brush, shown, row.right() + 12 * u) - 12 * u)
        reason = f"decided by: {shown.decided_by}" if shown.decided_by else ""
        wide = sum(brush.width(f"{p.name} {p.state}", bold=True) + 14 * u for p in shown.properties)
        tight = wide + brush.width(reason) > row.width()
        for prop in present.grouped(shown.properties) if tight else shown.properties:
            row.setLeft(row.left() + brush.text(row, f"{prop.name} ", "secondary"))
            row.setLeft(row.left() + brush.text(row, prop.state, prop.role, bold=True) + 12 * u)
        if reason and row.width() > 60 * u:
            brush.text(row, shown.decided_by if tight else reason, "secondary")
