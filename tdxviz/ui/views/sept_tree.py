"""The Secure EPT of a TD as a tree that opens table by table; the way to the chosen page is marked."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPolygonF

from tdxviz.core.tdx.inspect import TdInfo
from tdxviz.core.units import Hpa, page_of
from tdxviz.session.moment import Focus
from tdxviz.ui.panel import Hit
from tdxviz.ui.present import links
from tdxviz.ui.present import sept_tree as present
from tdxviz.ui.present.hexes import actor_title, spaced
from tdxviz.ui.present.sept_tree import Row
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, Brush, mix
from tdxviz.ui.views.tags import choices

INDENT = 15


class SeptTreePanel(Board):
    """Click a table to open or close it, a leaf to choose its page; ``*`` opens everything."""

    name = "sept_tree"
    title = "Secure EPT"
    key = "H"
    tooltip = (
        "Every entry of a TD's Secure EPT that is not FREE, table by table. Up and Down: row; Enter: open a "
        "table or choose a page; * opens all, / closes all but the way to the chosen page"
    )

    def __init__(self, bridge: Any, theme: Any) -> None:
        self.wanted = ""
        """The TD chosen by hand; empty: the owner of the page in question."""
        self.opened: frozenset[Hpa] = frozenset()
        self._shown_page: tuple[str, Hpa] | None = None
        self._targets: dict[int, Row] = {}
        super().__init__(bridge, theme)

    def forget(self) -> None:
        self._tree: tuple[Any, present.Tree] | None = None

    # --- what is shown --------------------------------------------------------------------

    def td(self) -> TdInfo | None:
        return present.chosen_td(self.ask, self.wanted, self.place())

    def tree(self) -> present.Tree | None:
        """The rows now; the way to the page in question opens by itself when that changes."""
        td, page = self.td(), page_of(self.place())
        if td is None:
            return None
        here = present.gpa_here(self.ask, td, page)
        if (td.actor, page) != self._shown_page:
            self._shown_page = (td.actor, page)
            if here is not None:
                self.opened |= set(present.path_to(self.ask, td, here))
        key = (td.actor, self.opened, here)
        if self._tree is None or self._tree[0] != key:
            self._tree = key, present.tree(self.ask, td, self.opened, here)
        return self._tree[1]

    def shown(self) -> Any:
        return self.tree()

    def heading(self) -> tuple[str, str]:
        td, made = self.td(), self.tree()
        if td is None or made is None:
            return self.title, "no TD here has one"
        counts = " · ".join(f"{count} {state}" for state, count in made.counts)
        return f"{self.title} of {actor_title(td.actor)}", f"root {spaced(td.sept_root)} · {counts}"

    def describe(self) -> str:
        made = self.tree() if self.moment is not None else None
        return present.describe(made) if made else f"{self.title}: no TD here has one."

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(460)), int(self.theme.px(420)))

    # --- opening --------------------------------------------------------------------------

    def choose_td(self, actor: str) -> None:
        self.wanted, self.scrolled = actor, 0.0
        self.update()

    def toggle(self, address: Hpa) -> None:
        """Open or close the table that the entry at ``address`` points at."""
        self.opened = self.opened ^ {address}
        self.update()

    def open_all(self) -> None:
        td = self.td()
        if td is not None:
            from tdxviz.core import peek_sept

            self.opened |= {e.address for e in peek_sept.entries(self.ask.machine, td) if e.is_table}
            self.update()

    def close_all(self) -> None:
        self.opened, self._shown_page = frozenset(), None
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Asterisk:
            self.open_all()
        elif event.key() == Qt.Key.Key_Slash:
            self.close_all()
        else:
            super().keyPressEvent(event)

    def activate(self, hit: Hit, *, pin: bool = False) -> None:
        """A table opens or closes as well as being chosen."""
        row = self._targets.get(id(hit.target))
        if row is not None and row.entry is not None and row.opened is not None and not pin:
            self.toggle(row.entry.address)
        super().activate(hit, pin=pin)

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        from tdxviz.core import peek_sept

        u, y = brush.u, area.top()
        self._targets = {}
        found = peek_sept.guests(self.ask.machine)
        made = self.tree()
        if made is None:
            brush.wrapped(QRectF(area.left(), y + 6 * u, area.width(), 60 * u),
                          "There is no Secure EPT: no TD was built, or this world has no TDX module.", "secondary")  # fmt: skip
            return 60 * u
        if len(found) > 1:
            chips = [
                (actor_title(td.actor), td.actor == made.actor, self._chooser(td.actor), "Its Secure EPT")
                for td in found
            ]
            y = choices(brush, QRectF(area.left(), y, area.width(), 0), chips, self.hit) + 4 * u
        pitch = brush.font(True, 12)[1].height() + 5 * u
        low, high = self.rect().top(), self.rect().bottom()
        for row in made.rows:
            rect = QRectF(area.left(), y, area.width(), pitch)
            if rect.bottom() >= low and rect.top() <= high:
                self._row(brush, rect, row)
            self._put(rect, row)
            y += pitch
        return y - area.top() + 4 * u

    def _chooser(self, actor: str) -> Callable[[], None]:
        return lambda: self.choose_td(actor)

    def _put(self, rect: QRectF, row: Row) -> None:
        entry = row.entry
        if entry is None:
            self.hit(rect, None, row.tooltip)
            return
        target = Focus(hpa=entry.hpa or None, gpa=entry.gpa if entry.is_leaf else None)
        self._targets[id(target)] = row
        self.hit(rect, target, row.tooltip)
        if entry.is_leaf:
            size = 1 << 12 + 9 * entry.level
            self.link(rect, lambda f: links.in_range(f, entry.hpa, size) or links.on_gpa(f, entry.gpa, size))
        elif entry.hpa:
            self.link(rect, lambda f: links.on_page(f, entry.hpa))

    def _row(self, brush: Brush, rect: QRectF, row: Row) -> None:
        u = brush.u
        left = rect.left() + row.depth * INDENT * u
        if row.on_path:
            brush.p.fillRect(rect, brush.tint("accent", 0.13))
        if row.opened is not None:
            self._twisty(brush, QPointF(left + 5 * u, rect.center().y()), row.opened)
        x = left + 14 * u
        quiet = "secondary" if row.entry is None else "text"
        x += brush.text(QRectF(x, rect.top(), rect.right() - x, rect.height()), row.words, quiet, mono=True, size=12,
                        bold=row.on_path) + 8 * u  # fmt: skip
        if row.entry is None:
            brush.text(
                QRectF(x, rect.top(), max(rect.right() - x, 1), rect.height()),
                row.detail,
                "secondary",
                mono=True,
            )
            return
        x = self._state(brush, x, rect, row) + 8 * u
        if rect.right() - x > 30 * u:
            brush.text(
                QRectF(x, rect.top(), rect.right() - x, rect.height()),
                row.detail,
                "secondary",
                mono=True,
                size=12,
            )

    def _state(self, brush: Brush, x: float, rect: QRectF, row: Row) -> float:
        """The state's name on its colour; the x beside it."""
        u, state = brush.u, row.entry.state if row.entry else ""
        width = min(brush.width(state, True, 11, True) + 12 * u, max(rect.right() - x, 1))
        box = QRectF(x, rect.top() + 2 * u, width, rect.height() - 4 * u)
        fill = mix(self.theme.panel, brush.color(row.role), 0.24)
        brush.frame(box, fill, brush.color(row.role), 1.3 * u, 3 * u)
        brush.text(box, state, mono=True, size=11, bold=True, align=CENTRE)
        return box.right()

    def _twisty(self, brush: Brush, at: QPointF, opened: bool) -> None:
        """Points right when closed, down when open."""
        u = brush.u
        if opened:
            corners = [QPointF(-4, -2), QPointF(4, -2), QPointF(0, 4)]
        else:
            corners = [QPointF(-2, -4), QPointF(4, 0), QPointF(-2, 4)]
        brush.p.setPen(Qt.PenStyle.NoPen)
        brush.p.setBrush(brush.color("secondary"))
        brush.p.drawPolygon(QPolygonF([at + corner * u for corner in corners]))
