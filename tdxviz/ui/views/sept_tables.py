"""The four tables of a walk: side by side with arrows, or one below the other when narrow."""

from typing import Protocol

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor

from tdxviz.ui.present.sept import Entry, Table, WalkPicture, short
from tdxviz.ui.views.stage_brush import CENTRE, Brush, mix


class Host(Protocol):
    """The panel that shows the tables: it keeps what can be pointed at."""

    def touch(self, rect: QRectF, table: Table) -> None: ...
    def touch_end(self, rect: QRectF, picture: WalkPicture) -> None: ...
    def stop_sign(self, brush: Brush, centre: QPointF) -> None: ...


class _Tables:
    """What both arrangements share: colours by who owns the tables."""

    def __init__(self, panel: Host, brush: Brush, picture: WalkPicture) -> None:
        self.panel, self.brush, self.picture = panel, brush, picture
        self.hue = "host" if picture.by_host else "meta"
        self.u = brush.u
        self.line = brush.font(True, 12)[1].height()

    @property
    def wire(self) -> QColor:
        """Arrows: the tables' colour, lifted where it would drown in a dark panel."""
        colour = self.brush.color(self.hue)
        return mix(colour, self.brush.theme.text, 0.45) if self.brush.dark else colour

    def cell(self, rect: QRectF, entry: Entry, *, stops: bool) -> None:
        """The entry that is used, in full colour: its index, state, and where it leads."""
        b, u = self.brush, self.u
        role = "bad" if stops else self.hue
        b.frame(rect, b.color(role), b.color("edge"), 1.2 * u, 3 * u)
        inner = rect.adjusted(5 * u, 0, -5 * u, 0)
        name = short(entry.state, lambda text: b.width(text, True, 12, True) <= inner.width())
        if rect.height() < 2 * self.line:
            words = f"{entry.index}  {name}"
            if b.width(words, True, 12, True) > inner.width():
                words = name
            b.text(inner, words, b.ink(role), mono=True, size=12, bold=True, align=CENTRE)
            return
        top = QRectF(inner.left(), rect.center().y() - self.line, inner.width(), self.line)
        b.text(top, str(entry.index), b.ink(role), mono=True, size=13, bold=True, align=CENTRE)
        b.text(top.translated(0, self.line), name, b.ink(role), mono=True, size=12, bold=True, align=CENTRE)

    def end_box(self, rect: QRectF) -> None:
        """Where it ends: the page with its owner, or the refusal."""
        b, u, end = self.brush, self.u, self.picture.end
        role = "bad" if self.picture.hpa is None else "td_a" if not self.picture.by_host else "legacy"
        b.frame(rect, b.tint(role, 0.20), b.color(role), 2 * u, 4 * u)
        inner = rect.adjusted(6 * u, 2 * u, -5 * u, -2 * u)
        rows = max(1, min(int(inner.height() / self.line), len(end.lines) + 1))
        words = self._end_words(rows)
        top = rect.center().y() - len(words) * self.line / 2
        for number, text in enumerate(words):
            row = QRectF(inner.left(), top + number * self.line, inner.width(), self.line)
            tone = "good" if "✔" in text else "bad" if "✕" in text else "text"
            head = number == 0 and len(words) > 1
            mono = not head and text[:1] == "0"
            b.text(row, text, tone, mono=mono, size=12, bold=head or tone != "text")
        self.panel.touch_end(rect, self.picture)

    def _end_words(self, rows: int) -> list[str]:
        """Title and lines, the address and the owner first when there is little room."""
        end = self.picture.end
        if rows >= len(end.lines) + 1:
            return [end.title, *end.lines]
        if len(end.lines) < 3:
            return [end.title]
        return [end.lines[0], end.lines[2], end.lines[1]][:rows]


class Columns(_Tables):
    """Tables as columns; arrows come down from the bits and lead on to the next table."""

    def paint(self, area: QRectF, feet: dict[int, QPointF]) -> float:
        """The y below the tables."""
        u, line = self.u, self.line
        gap = 18 * u
        end_width = min(max(area.width() * 0.24, 118 * u), 190 * u)
        width = (area.width() - end_width - 4 * gap) / 4
        top = area.top() + 17 * u
        room = max(area.bottom() - top, 3.2 * line)
        step = line + 2 * u
        tall = min(line * (2.5 if room >= 4.4 * line else 1.5), 44 * u)
        self.near = max(0, min(3, int((room - 2 * line - tall - 12 * u) / (2 * step))))
        tall += min(max(room - 2 * line - tall - 12 * u - 2 * self.near * step, 0), 16 * u)
        whole = min(2 * line + tall + 10 * u + 2 * self.near * step, room)
        used = top + line + 4 * u + self.near * step
        before: QPointF | None = None
        for number, table in enumerate(self.picture.tables):
            x = area.left() + number * (width + gap)
            frame = QRectF(x, top, width, whole)
            cell = QRectF(x + 3 * u, used, width - 6 * u, tall)
            self._column(frame, cell, table)
            self._arrows(cell, feet.get(number), before, table)
            before = QPointF(cell.right() + u, cell.center().y()) if table.used else None
            if table.stops:
                self.panel.stop_sign(self.brush, QPointF(cell.right() + gap / 2 + 2 * u, cell.center().y()))
                before = None
        box = QRectF(area.right() - end_width, used + tall / 2, end_width, 0)
        half = min(2.2 * line + 2 * u, used + tall / 2 - top)
        box.adjust(0, -half, 0, half)
        if before is not None:
            self.brush.arrow([before, QPointF(box.left() - u, before.y())], self.wire, 2 * u)
        self.end_box(box)
        return max(top + whole, box.bottom())

    def _column(self, frame: QRectF, cell: QRectF, table: Table) -> None:
        b, u, line = self.brush, self.u, self.line
        if table.used is None:
            b.frame(frame, b.theme.panel, b.color("rule"), u, 4 * u, dashed=True)
            b.text(frame, table.name, "secondary", size=12, align=CENTRE)
            self.panel.touch(frame, table)
            return
        b.frame(frame, b.tint(self.hue, 0.10), b.color("rule"), u, 4 * u)
        head = QRectF(frame.left() + 6 * u, frame.top() + u, frame.width() - 24 * u, line)
        used = b.text(head, table.name, size=12, bold=True) + 8 * u
        where = f"{table.hpa:x}" if table.hpa is not None else ""
        if head.width() - used >= b.width(where, True, 11):
            b.text(head.adjusted(used, 0, 0, 0), where, "secondary", mono=True, size=11)
        self._neighbours(cell, table)
        self.cell(cell, table.used, stops=table.stops)
        self.panel.touch(cell, table)
        below = cell.bottom() + u + self.near * (line + 2 * u)
        self._leads(QRectF(cell.left(), below, cell.width(), line), table)

    def _neighbours(self, cell: QRectF, table: Table) -> None:
        """The entries above and below the used one, small: it is one of 512."""
        b, u, line = self.brush, self.u, self.line
        here = table.used.index if table.used is not None else 0
        for entry in table.near:
            away = entry.index - here
            if abs(away) > self.near:
                continue
            step = line + 2 * u
            y = cell.top() + away * step if away < 0 else cell.bottom() + (away - 1) * step + 2 * u
            rect = QRectF(cell.left() + 2 * u, y, cell.width() - 4 * u, line)
            b.p.fillRect(rect, b.tint(self.hue, 0.14))
            rect.adjust(4 * u, 0, -14 * u if away < 0 else -2 * u, 0)
            state = short(
                entry.state, lambda text: b.width(f"{entry.index} {text}", True, 11) <= rect.width()
            )
            b.text(rect, f"{entry.index} {state}", "secondary", mono=True, size=11)

    def _leads(self, rect: QRectF, table: Table) -> None:
        entry = table.used
        if entry is not None and entry.points is not None and not table.stops:
            self.brush.text(rect, f"→ {entry.points:x}", "secondary", mono=True, size=11, align=CENTRE)

    def _arrows(self, cell: QRectF, foot: QPointF | None, before: QPointF | None, table: Table) -> None:
        """From the bits down to the entry they choose, and from the table before."""
        if table.used is None:
            return
        u = self.u
        if foot is not None:
            x = cell.right() - 8 * u
            turn = foot.y() + (4 + 3 * (3 - table.level)) * u
            points = [foot, QPointF(foot.x(), turn), QPointF(x, turn), QPointF(x, cell.top() - u)]
            self.brush.arrow(points, self.wire, 1.5 * u)
        if before is not None:
            tip = QPointF(cell.left() - u, cell.center().y())
            self.brush.arrow([before, tip], self.wire, 2 * u)


class Rows(_Tables):
    """One table a row, for narrow panels; scrolled when there are too many for the height."""

    def paint(self, area: QRectF, feet: dict[int, QPointF]) -> float:
        """The y below the tables."""
        u, line, b = self.u, self.line, self.brush
        pitch = min(max((area.height() - 2.4 * line) / 4, 1.5 * line), 2.4 * line)
        y = area.top() + 4 * u
        label = b.width("PML4", size=12, bold=True) + 10 * u
        for table in self.picture.tables:
            rect = QRectF(area.left(), y, area.width(), pitch - 5 * u)
            b.text(QRectF(rect.left(), rect.top(), label, rect.height()), table.name, size=12, bold=True)
            box = QRectF(
                rect.left() + label, rect.top(), min(rect.width() - label - 74 * u, 220 * u), rect.height()
            )
            if table.used is None:
                b.text(box, "not reached", "secondary", size=12)
                self.panel.touch(box, table)
            else:
                self._row(rect, box, table)
            y += pitch
        end = QRectF(
            area.left() + label, y, area.width() - label, max(min(area.bottom() - y, 3.4 * line), 2.2 * line)
        )
        self.end_box(end)
        return end.bottom()

    def _row(self, rect: QRectF, box: QRectF, table: Table) -> None:
        b, u = self.brush, self.u
        entry = table.used
        if entry is None:
            return
        wide = entry.state if len(entry.state) < 12 else short(entry.state, lambda _: False)
        self.cell(box, Entry(entry.index, wide, entry.points), stops=table.stops)
        self.panel.touch(box, table)
        rest = QRectF(box.right() + 6 * u, rect.top(), rect.right() - box.right() - 6 * u, rect.height())
        if entry.points is not None and not table.stops:
            b.text(rest, f"→ {entry.points:x}", "secondary", mono=True, size=12)
        down = QPointF(box.left() + 14 * u, box.bottom())
        if table.stops:
            self.panel.stop_sign(b, QPointF(down.x(), down.y() + 2 * u))
        else:
            b.arrow([down, QPointF(down.x(), down.y() + 5 * u)], self.wire, 1.5 * u)
