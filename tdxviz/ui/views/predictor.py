"""The branch predictor: who trained what, the history, and the brooms."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPen

from tdxviz.session.moment import Focus
from tdxviz.ui.present import predictor as present
from tdxviz.ui.present import tlb
from tdxviz.ui.present.hexes import spaced
from tdxviz.ui.theme import Theme
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, Brush

SQUARES = 6
COLUMN = 250
"""Width at which entries go into one more column."""


class PredictorPanel(Board):
    """Click a processor to see what it has learned; click a sweep to go there."""

    name = "predictor"
    title = "Branch predictor"
    key = "J"
    tooltip = "What a processor expects branches to do, who taught it, and what clears it at the border"
    lp: int | None = None
    """The processor chosen by hand; None follows the guest."""

    def __init__(self, bridge: Any, theme: Theme) -> None:
        self._flushes = present.Flushes()
        super().__init__(bridge, theme)

    def forget(self) -> None:
        self._shown: present.PredictorPicture | None = None

    def processor(self) -> int:
        return self.lp if self.lp is not None else tlb.busiest(self.ask)

    def picture(self) -> present.PredictorPicture:
        if self._shown is None:
            self._shown = present.picture(
                self.ask, self.events, self.moment.index, self.processor(), self._flushes
            )
        return self._shown

    def shown(self) -> object:
        return self.processor(), self.picture(), tlb.processors(self.ask)

    def heading(self) -> tuple[str, str]:
        shown = self.picture()
        return shown.title, shown.detail

    def describe(self) -> str:
        return present.describe(self.picture()) if self.moment is not None else self.title

    def _choose(self, lp: int) -> Callable[[], None]:
        def act() -> None:
            self.lp, self._shown = lp, None
            self.update()

        return act

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        u, shown = brush.u, self.picture()
        line = brush.font(True, 12)[1].height()
        y = self._processors(brush, area, line)
        y = self._history(brush, QRectF(area.left(), y, area.width(), line), shown.history)
        y = self._learned(brush, QRectF(area.left(), y, area.width(), line + 5 * u), shown.learned)
        y = self._sweeps(brush, QRectF(area.left(), y, area.width(), line + 4 * u), shown.sweeps)
        y = self._strays(brush, QRectF(area.left(), y, area.width(), line + 5 * u), shown.strays)
        lines = -(-int(brush.width(shown.caption)) // max(int(area.width() - 12 * u), 1))
        box = QRectF(area.left(), y + 2 * u, area.width(), lines * line + 6 * u)
        brush.p.fillRect(box, brush.tint("accent", 0.12))
        brush.wrapped(box.adjusted(8 * u, 3 * u, -4 * u, 0), shown.caption, lines=lines)
        return box.bottom() + 4 * u - area.top()

    def _processors(self, brush: Brush, area: QRectF, line: float) -> float:
        """One chip a processor; the y below them."""
        u, x, y = brush.u, area.left(), area.top() + 2 * brush.u
        for one in tlb.processors(self.ask):
            words = f"LP{one.lp} {one.who}"
            width = brush.width(words) + 14 * u
            if x + width > area.right() and x > area.left():
                x, y = area.left(), y + line + 8 * u
            rect = QRectF(x, y, width, line + 5 * u)
            here = one.lp == self.processor()
            fill = brush.tint(one.owner, 0.28) if here else brush.color("panel")
            brush.frame(rect, fill, brush.color("edge" if here else "rule"), (1.8 if here else 1) * u, 4 * u)
            brush.text(rect, words, align=CENTRE)
            self.hit(rect, self._choose(one.lp), f"Show what logical processor {one.lp} has learned.")
            x += width + 5 * u
        return y + line + 11 * u

    def _history(self, brush: Brush, at: QRectF, history: tuple[int, ...]) -> float:
        """The branch history: two bits a cell, the newest at the right."""
        u = brush.u
        used = brush.text(at, "branch history", "secondary", size=11) + 8 * u
        side = min((at.width() - used) / len(history), 13 * u)
        for n, value in enumerate(history):
            cell = QRectF(at.left() + used + n * side, at.top() + u, side - u, at.height() - 2 * u)
            brush.p.fillRect(cell, brush.tint("accent", 0.06 + value * 0.28))
        self.hit(at, None, "Branch history buffer: the way that led here. It chooses among predictions, and "
                           "it is overwritten whenever the TDX module is entered.")  # fmt: skip
        return at.bottom() + 6 * u

    def _learned(self, brush: Brush, at: QRectF, learned: tuple[present.Learned, ...]) -> float:
        u = brush.u
        if not learned:
            brush.text(at, "no branch targets and no returns", "secondary")
            return at.bottom() + 4 * u
        columns = max(int(at.width() / (COLUMN * u)), 1)
        width = at.width() / columns
        for n, one in enumerate(learned):
            row, column = divmod(n, columns)
            rect = QRectF(
                at.left() + column * width, at.top() + row * at.height(), width - 6 * u, at.height()
            )
            side = at.height() - 4 * u
            chip = QRectF(rect.left(), rect.top() + 2 * u, side, side)
            brush.frame(chip, brush.color(one.owner), brush.color("edge"), u, 3 * u)
            brush.text(chip, one.letter, brush.ink(one.owner), mono=True, size=11, bold=True, align=CENTRE)
            brush.text(rect.adjusted(side + 6 * u, 0, 0, 0), one.words, mono=True)
            self.hit(rect, None, one.tooltip)
        return at.top() + -(-len(learned) // columns) * at.height() + 4 * u

    def _sweeps(self, brush: Brush, at: QRectF, sweeps: tuple[present.Sweep, ...]) -> float:
        u, y = brush.u, at.top()
        for one in sweeps:
            rect = QRectF(at.left(), y, at.width(), at.height())
            _broom(brush, QPointF(rect.left() + 8 * u, rect.center().y()), 6 * u)
            used = brush.text(rect.adjusted(20 * u, 0, 0, 0), one.name, bold=True)
            brush.text(rect.adjusted(used + 28 * u, 0, 0, 0), one.words, "secondary")
            self.hit(rect, self._go(one.index), f"{one.name}: {one.words}. Click: go there.")
            y = rect.bottom()
        return y

    def _strays(self, brush: Brush, at: QRectF, strays: tuple[present.Stray, ...]) -> float:
        """Whose prediction was followed, where to, and one square a line that the cache kept."""
        u, y = brush.u, at.top()
        for one in strays:
            rect = QRectF(at.left(), y, at.width(), at.height())
            side = at.height() - 4 * u
            chip = QRectF(rect.left(), rect.top() + 2 * u, side, side)
            brush.frame(chip, brush.color(one.owner), brush.color("bad"), 2 * u, 3 * u)
            brush.text(chip, one.letter, brush.ink(one.owner), mono=True, size=11, bold=True, align=CENTRE)
            self.hit(rect, self._go(one.index), f"{one.tooltip} Click: go there.")
            x = chip.right() + 6 * u
            for hpa in one.lines[:SQUARES]:
                square = QRectF(x, rect.top() + 4 * u, side - 4 * u, side - 4 * u)
                brush.frame(square, brush.tint("bad", 0.35), brush.color("bad"), u, 2 * u)
                self.hit(
                    square, self._select(hpa), f"Line {spaced(hpa)} stayed in the cache. Click: choose it."
                )
                x = square.right() + 4 * u
            brush.text(QRectF(x, rect.top(), rect.right() - x, rect.height()), one.words, mono=True)
            y = rect.bottom()
        return y

    def _select(self, hpa: int) -> Callable[[], None]:
        return lambda: self.bridge.select(Focus(hpa=hpa))

    def _go(self, index: int) -> Callable[[], None]:
        return lambda: self.bridge.go_to(index)


def _broom(brush: Brush, centre: QPointF, size: float) -> None:
    """A handle and three bristles."""
    p = brush.p
    p.setPen(QPen(brush.color("good"), max(size * 0.22, 1.2)))
    foot = QPointF(centre.x() - size * 0.2, centre.y() + size * 0.2)
    p.drawLine(QPointF(centre.x() + size, centre.y() - size), foot)
    for dx, dy in ((-0.9, 0.3), (-0.6, 0.8), (0.0, 1.0)):
        p.drawLine(foot, QPointF(centre.x() + dx * size, centre.y() + dy * size))
