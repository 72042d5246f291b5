"""The Key Ownership Table beside what the engine, the packages and the cache know of each KeyID."""

from typing import Any

from PySide6.QtCore import QRectF, QSize

from tdxviz.session.moment import Focus
from tdxviz.ui.present import keyids as present
from tdxviz.ui.present import links
from tdxviz.ui.present.keyids import Row
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, Brush, mix

COLUMNS = (
    ("KeyID", 10, "The number in the top bits of a physical address that chooses the key."),
    ("state", 15, "State in the module's Key Ownership Table (KOT)."),
    ("who", 29, "Who has it, and how far that TD's life is."),
    ("key made", 8, "Packages on which the key was configured: TDH.MNG.KEY.CONFIG runs once on each."),
    ("flush left", 9, "Packages that must still write their caches back (TDH.PHYMEM.CACHE.WB)."),
    ("in cache", 15, "Lines in the cache under this KeyID, and how many memory does not hold yet."),
)
"""Heading, width in digits, tooltip."""


class KeyIdsPanel(Board):
    """Click a row to choose the TDR page of the TD that has the KeyID."""

    name = "keyids"
    title = "KeyIDs"
    key = "K"
    tooltip = (
        "Which KeyID belongs to whom, on which packages its key was made, and what the cache holds under it"
    )

    def rows(self) -> tuple[Row, ...]:
        return present.table(self.ask)

    def shown(self) -> Any:
        return self.rows()

    def heading(self) -> tuple[str, str]:
        return self.title, present.counts(self.rows()) or "no TDX module in this world"

    def describe(self) -> str:
        return present.describe(self.rows()) if self.moment is not None else self.title

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(640)), int(self.theme.px(260)))

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        u = brush.u
        if not self.rows():
            brush.wrapped(area.adjusted(0, 6 * u, 0, 0), present.describe(()), "secondary")
            return 40 * u
        line = brush.font(True, 12)[1].height()
        columns = self._columns(brush, area)
        for (name, _, tip), x, width in columns:
            head = QRectF(x, area.top(), width - 5 * u, line + 3 * u)
            brush.text(head, name, "secondary", size=11)
            self.hit(head, None, tip)
        y, pitch = area.top() + line + 4 * u, line + 9 * u
        brush.p.fillRect(QRectF(area.left(), y - u, area.width(), u), brush.color("rule"))
        for row in self.rows():
            rect = QRectF(area.left(), y, area.width(), pitch)
            self._row(brush, rect, row, columns)
            y = rect.bottom()
            if row.alarm:
                brush.text(
                    QRectF(columns[1][1], y - 3 * u, area.right() - columns[1][1], line),
                    row.alarm,
                    "bad",
                    size=11,
                )
                y += line - 2 * u
        return y - area.top() + 4 * u

    def _columns(self, brush: Brush, area: QRectF) -> list[tuple[tuple[str, int, str], float, float]]:
        """Column, x, width: as wide as they want to be; the longest words give way."""
        digit = brush.width("0", True, 12)
        wanted = {name: width * digit for name, width, _ in COLUMNS}
        over = sum(wanted.values()) - area.width()
        if over > 0:
            wanted["who"] = max(wanted["who"] - over, 11 * digit)
            share = (area.width() - wanted["who"]) / (sum(wanted.values()) - wanted["who"])
            wanted = {n: w if n == "who" else w * min(share, 1) for n, w in wanted.items()}
        else:
            wanted = {n: w + min(-over / len(wanted), 30 * brush.u) for n, w in wanted.items()}
        placed, x = [], area.left()
        for column in COLUMNS:
            placed.append((column, x, wanted[column[0]]))
            x += wanted[column[0]]
        return placed

    def _row(
        self, brush: Brush, rect: QRectF, row: Row, columns: list[tuple[tuple[str, int, str], float, float]]
    ) -> None:
        u = brush.u
        brush.p.fillRect(QRectF(rect.left(), rect.bottom(), rect.width(), u), brush.tint("rule", 0.5))
        cells = {
            name: QRectF(x, rect.top(), width - 6 * u, rect.height()) for (name, _, _), x, width in columns
        }
        brush.text(cells["KeyID"], row.number, mono=True, size=12, bold=bool(row.owner))
        self._state(brush, cells["state"], row)
        who = cells["who"]
        if row.owner:
            side = min(who.height() - 8 * u, 11 * u)
            box = QRectF(who.left(), who.center().y() - side / 2, side, side)
            brush.frame(box, brush.color(row.owner), brush.color("edge"), u, 2 * u)
            who = who.adjusted(side + 6 * u, 0, 0, 0)
        used = brush.text(who, row.who, "text" if row.owner else "secondary", size=12) + 8 * u
        if row.life and who.width() - used >= brush.width(row.life, True, 11):
            brush.text(who.adjusted(used, 0, 0, 0), row.life, "secondary", mono=True, size=11)
        self._packages(brush, cells["key made"], row.made, "good")
        self._packages(brush, cells["flush left"], row.flush, "warn")
        if row.lines:
            words = f"{row.lines}, {row.dirty} dirty" if row.dirty else f"{row.lines}"
            brush.text(cells["in cache"], words, "warn" if row.dirty else "text", mono=True, size=12)
        else:
            brush.text(cells["in cache"], "–", "secondary", mono=True, size=12)
        self.hit(rect, Focus(hpa=row.tdr) if row.tdr else None, row.tooltip)
        if row.tdr:
            self.link(rect, lambda f, tdr=row.tdr: links.on_page(f, tdr))

    def _state(self, brush: Brush, cell: QRectF, row: Row) -> None:
        u = brush.u
        width = min(brush.width(row.state, True, 11, True) + 12 * u, cell.width())
        box = QRectF(cell.left(), cell.top() + 3 * u, width, cell.height() - 6 * u)
        brush.frame(
            box, mix(self.theme.panel, brush.color(row.role), 0.22), brush.color(row.role), 1.2 * u, 3 * u
        )
        brush.text(box, row.state, mono=True, size=11, bold=True, align=CENTRE)

    def _packages(self, brush: Brush, cell: QRectF, bits: tuple[bool, ...] | None, role: str) -> None:
        """A numbered box a package, filled where the bit is 1."""
        u = brush.u
        if bits is None:
            brush.text(cell, "–", "secondary", mono=True, size=12)
            return
        side = min(cell.height() - 8 * u, 17 * u)
        for number, on in enumerate(bits):
            box = QRectF(cell.left() + number * (side + 3 * u), cell.center().y() - side / 2, side, side)
            if box.right() > cell.right() + 6 * u:
                return
            brush.frame(
                box, brush.color(role if on else "bg"), brush.color("edge" if on else "rule"), u, 2 * u
            )
            brush.text(
                box,
                str(number),
                brush.ink(role) if on else "secondary",
                mono=True,
                size=11,
                bold=on,
                align=CENTRE,
            )
