"""The walk from GPA to HPA: the address in binary, four tables, the check of the owner."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPen

from tdxviz.core.units import Gpa
from tdxviz.ui.present import links
from tdxviz.ui.present import sept as present
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.sept_tables import Columns, Rows
from tdxviz.ui.views.stage_brush import CENTRE, Brush

BITS_TIPS = {
    "SHARED": "Bit 47: 0 walks the Secure EPT, 1 the host's EPT.\nClick: flip the bit.",
    "offset": "12 bits: the byte within the page; no table looks at them.",
}


class SeptPanel(Board):
    """The tables as they are in memory now; the part that is walked is enlarged."""

    name = "sept"
    title = "SEPT walk"
    key = "S"
    tooltip = "How a guest-physical address becomes a host-physical one, and who decides it"

    def forget(self) -> None:
        self._shown: dict[tuple[Gpa, str], present.WalkPicture] = {}

    def picture(self) -> present.WalkPicture:
        """The walk of the chosen address at the present moment."""
        wanted = present.gpa_of(self.ask, self.moment.focus, self.place())
        if wanted not in self._shown:
            self._shown[wanted] = present.walk_picture(self.ask, *wanted)
        return self._shown[wanted]

    def heading(self) -> tuple[str, str]:
        picture = self.picture()
        return ("EPT walk" if picture.by_host else self.title), picture.detail

    def describe(self) -> str:
        return present.describe(self.picture()) if self.moment is not None else self.title

    def shown(self) -> object:
        return self.picture()

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        u, picture = brush.u, self.picture()
        bottom, feet = self._binary(brush, area, picture)
        line = brush.font(False, 12)[1].height()
        caption = 0.0 if area.height() < 118 * u else line * self._lines(brush, area, picture.caption) + 8 * u
        tables = QRectF(area.left(), bottom + 2 * u, area.width(), 0)
        tables.setBottom(max(area.bottom() - caption, tables.top()))
        columns = area.width() >= 470 * u
        painter = (Columns if columns else Rows)(self, brush, picture)
        end = painter.paint(tables, feet if columns else {})
        if caption:
            rect = QRectF(area.left(), end + 5 * u, area.width(), caption - 4 * u)
            self._caption(brush, rect, picture)
            end = rect.bottom()
        return end - area.top()

    @staticmethod
    def _lines(brush: Brush, area: QRectF, text: str) -> int:
        return 1 if brush.width(text, size=12) * 1.05 <= area.width() - 14 * brush.u else 2

    def _caption(self, brush: Brush, rect: QRectF, picture: present.WalkPicture) -> None:
        u = brush.u
        role = "host" if picture.by_host else "inside" if picture.hpa is not None else "warn"
        brush.p.fillRect(rect, brush.tint(role, 0.12))
        brush.p.fillRect(QRectF(rect.left(), rect.top(), 3 * u, rect.height()), brush.color(role))
        inner = rect.adjusted(9 * u, 2 * u, -5 * u, 0)
        brush.wrapped(inner, picture.caption, size=12, lines=self._lines(brush, rect, picture.caption))
        self.hit(rect, None, picture.caption)

    def _binary(
        self, brush: Brush, area: QRectF, picture: present.WalkPicture
    ) -> tuple[float, dict[int, QPointF]]:
        """The address bit by bit. Its bottom, and below each group the point an arrow starts at."""
        u = brush.u
        size = next((s for s in (14, 13, 12, 11) if self._wide(brush, picture, s, 10) <= area.width()), 0)
        gap = 10 * u
        if not size:
            size, gap = (11, 5 * u) if self._wide(brush, picture, 11, 5) <= area.width() else (12, 8 * u)
        digit, pad = brush.width("0", True, size), 4 * u
        name = brush.font(False, 11)[1].height()
        box = brush.font(True, size)[1].height() + 3 * u
        x, y = area.left(), area.top() + u
        feet: dict[int, QPointF] = {}
        for group in picture.groups:
            width = max(
                len(group.bits) * digit + 2 * pad, brush.width(group.name, size=11) if group.level < 0 else 0
            )
            if x + width > area.right() + 1:
                x, y = area.left(), y + name + box + 4 * u
            rect = QRectF(x, y + name, width, box)
            self._group(brush, rect, group, picture, size, name)
            feet[group.level] = QPointF(rect.center().x(), rect.bottom())
            x += width + gap
        return y + name + box, feet

    def _wide(self, brush: Brush, picture: present.WalkPicture, size: int, gap: float) -> float:
        digits = sum(len(group.bits) for group in picture.groups[1:])
        first = max(brush.width("SHARED", size=11), brush.width("0", True, size) + 8 * brush.u)
        return first + digits * brush.width("0", True, size) + 5 * (8 + gap) * brush.u

    def _group(
        self,
        brush: Brush,
        rect: QRectF,
        group: present.Group,
        picture: present.WalkPicture,
        size: int,
        name: float,
    ) -> None:
        u = brush.u
        shared = group.level < 0
        hue = "host" if picture.by_host else "meta"
        fill = brush.color("shared") if shared and group.value else brush.tint(hue, 0.16)
        if group.level == 4:
            fill = brush.tint("rule", 0.35)
        brush.frame(
            rect, fill, brush.color("edge" if shared else "rule"), (2.0 if shared else 1.0) * u, 3 * u
        )
        ink = brush.ink("shared") if shared and group.value else brush.color("text")
        brush.text(rect, group.bits, ink, mono=True, size=size, bold=shared, align=CENTRE)
        label = QRectF(rect.left() - 6 * u, rect.top() - name, rect.width() + 12 * u, name)
        brush.text(label, group.name if shared or group.level == 4 else f"{group.name} {group.value}",
                   "secondary", size=11, align=CENTRE)  # fmt: skip
        tip = BITS_TIPS.get(
            group.name, f"{len(group.bits)} bits: the index {group.value} into the {group.name} table."
        )
        self.hit(rect, self._flip(picture.gpa) if shared and self.moment.world != "legacy" else None, tip)

    def _flip(self, gpa: Gpa) -> Callable[[], None]:
        """The same address through the other tables."""

        def act() -> None:
            from tdxviz.session.moment import Focus

            self.bridge.select(Focus(gpa=gpa ^ 1 << present.SHARED))

        return act

    # --- what the tables' painters need ---------------------------------------------------

    def touch(self, rect: QRectF, table: present.Table) -> None:
        """The area of a used entry: points at the entry's own line in memory."""
        from tdxviz.session.moment import Focus

        if table.entry_hpa is None:
            self.hit(rect, None, table.tooltip)
            return
        focus = Focus(hpa=table.entry_hpa & ~63, gpa=self.picture().gpa)
        self.hit(rect, focus, table.tooltip + "\nClick: choose the line of memory that holds this entry.")
        self.link(rect, lambda f: self._about(f, table))

    def _about(self, focus: Any, table: present.Table) -> bool:
        """A focus is about an entry if it is its line, a page that the leaf maps, or an address it covers."""
        if focus is None or focus.hpa is None:
            return links.on_gpa(focus, table.gpa, table.covers)
        if table.entry_hpa is not None and links.on_line(focus, table.entry_hpa):
            return True
        hpa = self.picture().hpa
        return table.level == 3 and hpa is not None and links.on_page(focus, hpa)

    def touch_end(self, rect: QRectF, picture: present.WalkPicture) -> None:
        """The last box: points at the page itself."""
        from tdxviz.session.moment import Focus

        hpa = picture.hpa
        if hpa is None:
            self.hit(rect, None, picture.end.tooltip)
            return
        self.hit(rect, Focus(hpa=hpa & ~63, gpa=picture.gpa), picture.end.tooltip)
        self.link(rect, lambda f: links.on_page(f, hpa))

    def stop_sign(self, brush: Brush, centre: QPointF) -> None:
        """The walk ends here."""
        u = brush.u
        brush.disc(centre, "", brush.color("bad"), brush.ink("bad"), 7 * u)
        brush.p.setPen(QPen(brush.ink("bad"), 1.8 * u))
        brush.p.setBrush(Qt.BrushStyle.NoBrush)
        for side in (-1, 1):
            brush.p.drawLine(QPointF(centre.x() - 3 * u, centre.y() - 3 * u * side),
                             QPointF(centre.x() + 3 * u, centre.y() + 3 * u * side))  # fmt: skip
