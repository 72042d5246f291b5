"""Two lanes of actions, one below the other: where the worlds part, and where we are."""

from collections.abc import Callable

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QMouseEvent, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from tdxviz.ui.present import compare as present
from tdxviz.ui.theme import VERDICT_ROLES, Theme
from tdxviz.ui.views import verdict_shapes
from tdxviz.ui.views.stage_brush import Brush
from tdxviz.ui.widgets.painting import painting

LABEL, LANE, WIDEST = 30, 20, 90
"""Room for the names of the lanes, height of one, and most width of an action, at 100 %."""


class LanesStrip(QWidget):
    """A click on an action goes to its end."""

    def __init__(self, theme: Theme, go: Callable[[int], None]) -> None:
        super().__init__()
        self.theme, self._go = theme, go
        self.lanes: present.Lanes | None = None
        self.names = ("", "")
        self.setMouseTracking(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleName("The same actions in both worlds")

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(300)), int(self.theme.px(2 * LANE + 6)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(120)), int(self.theme.px(2 * LANE + 6)))

    def show_lanes(self, lanes: present.Lanes | None, names: tuple[str, str]) -> None:
        """``names``: of the upper lane (the other world) and of the lower one."""
        if (lanes, names) != (self.lanes, self.names):
            self.lanes, self.names = lanes, names
            self.setVisible(lanes is not None and bool(lanes.this))
            self.update()

    def describe(self) -> str:
        if self.lanes is None:
            return ""
        parted = [s.title for n, s in enumerate(self.lanes.this) if self.lanes.differs(n)]
        return f"Step {self.lanes.done} of {len(self.lanes.this)}. Judged differently: {', '.join(parted) or 'nothing'}."

    def rect_of(self, lane: int, number: int) -> QRectF:
        """Where an action is drawn; ``lane`` 0 is the other world."""
        u, count = self.theme.px(1), max(len(self.lanes.this) if self.lanes else 1, 1)
        width = min((self.width() - (LABEL + 8) * u) / count, WIDEST * u)
        return QRectF(
            (LABEL * u) + number * width,
            lane * (LANE + 2) * u + 2 * u,
            max(width - 3 * u, 2),
            LANE * u - 2 * u,
        )

    def _at(self, at: QPointF) -> tuple[int, int] | None:
        for lane, steps in enumerate((self.lanes.other, self.lanes.this) if self.lanes else ()):
            for number in range(len(steps)):
                if self.rect_of(lane, number).contains(at):
                    return lane, number
        return None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        found = self._at(event.position())
        if found is not None and self.lanes is not None and found[1] < len(self.lanes.this):
            self._go(self.lanes.this[found[1]].end)

    def event(self, event: QHelpEvent) -> bool:  # type: ignore[override]  # Qt hands every kind through here
        if event.type() == QHelpEvent.Type.ToolTip:
            found = self._at(QPointF(event.pos()))
            if found is not None and self.lanes is not None:
                step = (self.lanes.other, self.lanes.this)[found[0]][found[1]]
                QToolTip.showText(event.globalPos(), f"{step.title}\n{step.word}".strip(), self)
                return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        with painting(self) as painter:
            if self.lanes is not None:
                self._paint(Brush(painter, self.theme), self.lanes)

    def _paint(self, brush: Brush, lanes: present.Lanes) -> None:
        u = brush.u
        for lane, steps in enumerate((lanes.other, lanes.this)):
            top = self.rect_of(lane, 0)
            brush.text(
                QRectF(2 * u, top.top(), (LABEL - 4) * u, top.height()),
                self.names[lane],
                "secondary",
                size=11,
            )
            for number, step in enumerate(steps):
                self._step(brush, self.rect_of(lane, number), step, done=number < lanes.done)
        for number in range(len(lanes.this)):
            if lanes.differs(number):
                both = (
                    self.rect_of(0, number)
                    .united(self.rect_of(1, number))
                    .adjusted(-1.5 * u, -1.5 * u, 1.5 * u, 1.5 * u)
                )
                brush.frame(both, Qt.GlobalColor.transparent, brush.color("edge"), 1.4 * u, 4 * u, True)  # type: ignore[arg-type]  # a colour of Qt
        if lanes.done:
            last = self.rect_of(1, lanes.done - 1)
            brush.p.setPen(brush.color("accent"))
            x = last.right() + 1.5 * u
            brush.p.drawLine(QPointF(x, 0), QPointF(x, self.height()))

    def _step(self, brush: Brush, rect: QRectF, step: present.Step, *, done: bool) -> None:
        role = VERDICT_ROLES.get(step.shape, "harmless") if step.word else "secondary"
        brush.p.setOpacity(1.0 if done else 0.4)
        brush.frame(
            rect, brush.tint(role, 0.35 if step.word else 0.18), brush.color(role), brush.u, 3 * brush.u
        )
        side = min(rect.height() - 5 * brush.u, rect.width() - 2 * brush.u)
        if step.word and side > 6 * brush.u:
            place = QRectF(rect.center().x() - side / 2, rect.center().y() - side / 2, side, side)
            verdict_shapes.draw(brush.p, step.shape, place, brush.color(role), 1.8 * brush.u)
        brush.p.setOpacity(1.0)
