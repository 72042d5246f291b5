"""Paints the boxes of the stage: title, state lines as far as they fit, code, registers, DRAM."""

from PySide6.QtCore import QPointF, QRectF

from tdxviz.ui.present.stage_parts import Box, Core, DramRow, StagePicture, Words
from tdxviz.ui.theme import OWNER_HUES
from tdxviz.ui.views.stage_brush import CENTRE, RIGHT, Brush
from tdxviz.ui.views.stage_layout import Plan

DIMMED = 0.5


class BoxPainter:
    """All boxes of one picture on one plan."""

    def __init__(self, brush: Brush, plan: Plan, shown: StagePicture) -> None:
        self.b = brush
        self.plan = plan
        self.shown = shown
        self.u = plan.unit
        self.size = plan.size
        self.data = plan.size - 1 if plan.size > 13 else 12
        self.pitch = brush.font(False, self.size)[1].height() + 1 * self.u

    def paint(self) -> None:
        for box in self.shown.boxes.values():
            rect = self.plan.boxes.get(box.id)
            if rect is None:
                continue
            self.b.p.setOpacity(1.0 if box.active else DIMMED)
            if isinstance(box, Core):
                self._core(box, rect)
            elif box.id == "dram":
                self._dram(box, rect)
            else:
                self._plain(box, rect)
        self.b.p.setOpacity(1.0)

    # --- ordinary boxes -------------------------------------------------------------------

    def _edge(self, box: Box) -> None:
        rect = self.plan.boxes[box.id]
        tone = "bad" if box.refused else box.tone
        edge = self.b.color(tone) if tone else self.b.color("rule")
        self.b.frame(rect, self.b.theme.panel, edge, (1.8 if tone else 1.2) * self.u, 6 * self.u)

    def _plain(self, box: Box, rect: QRectF) -> None:
        u = self.u
        self._edge(box)
        inner = rect.adjusted(9 * u, 4 * u, -9 * u, -4 * u)
        head = QRectF(inner.left(), inner.top(), inner.width(), self.pitch)
        chip = self._chip(box, head)
        head.setRight(head.right() - chip)
        role = "module" if box.tone == "module" and box.active else "text"
        self.b.text(head, self._title(box, head.width()), role, size=self.size, bold=True)
        self._lines(box.lines, inner, head.bottom() + 1 * u)

    def _title(self, box: Box, room: float) -> str:
        fits = self.b.width(box.title, False, self.size, True) <= room
        return box.title if fits or not box.short else box.short

    def _lines(self, lines: tuple[Words, ...], inner: QRectF, top: float) -> None:
        """As many lines as the box has room for; the first ones matter most."""
        room = int((inner.bottom() - top + 2 * self.u) / self.pitch)
        for number, words in enumerate(lines[: max(room, 0)]):
            self._words(words, QRectF(inner.left(), top + number * self.pitch, inner.width(), self.pitch))

    def _words(self, words: Words, rect: QRectF) -> None:
        u = self.u
        if words.role == "accent":
            self.b.frame(rect.adjusted(-3 * u, 0, 3 * u, -1 * u), self.b.tint("td_a", 0.22),
                         self.b.tint("td_a", 0.22), 1, 3 * u)  # fmt: skip
        role = "text" if words.role == "accent" else words.role
        small = words.role == "secondary" and not self.plan.tall
        size = 11 if small else self.data
        text = words.text
        if words.short and self.b.width(text, words.mono, size) > rect.width():
            text = words.short
        self.b.text(rect, text, role, mono=words.mono, size=size)

    def _chip(self, box: Box, head: QRectF) -> float:
        """The badge at the right of the title; its width with the gap before it."""
        if not box.chip:
            return 0.0
        u, size = self.u, 11
        mono = len(box.chip) > 1
        width = self.b.width(box.chip, mono, size, True) + 10 * u
        if width > head.width() * 0.72:
            return 0.0
        title = self.b.width(box.title, False, self.size, True)
        text = box.chip
        if title + width > head.width():
            text = box.chip.split(",")[0]
            width = self.b.width(text, mono, size, True) + 10 * u
        rect = QRectF(head.right() - width, head.top(), width, head.height() - 1 * u)
        fill = self.b.color("td_a" if len(box.chip) == 1 else box.tone or "inside")
        if len(box.chip) == 1 and not self.shown.protected:
            fill = self.b.color("legacy")
        ink = self.b.ink("td_a") if len(box.chip) == 1 else self.b.ink(box.tone or "inside")
        self.b.frame(rect, fill, fill, 1, 3 * u)
        self.b.text(rect, text, ink, mono=mono, size=size, bold=True, align=CENTRE)
        return width + 6 * u

    # --- cores ----------------------------------------------------------------------------

    def _core(self, box: Core, rect: QRectF) -> None:
        u, b = self.u, self.b
        tone = box.tone or "host"
        b.frame(rect, b.theme.panel, b.color(tone), 1.8 * u, 6 * u)
        head = QRectF(rect.left(), rect.top(), rect.width(), self.pitch + 5 * u)
        b.frame(head, b.color(tone), b.color(tone), 1.8 * u, 6 * u)
        b.text(head.adjusted(9 * u, 0, -6 * u, 0), self._title(box, head.width() - 15 * u),
               b.ink(tone), size=self.size, bold=True)  # fmt: skip
        inner = rect.adjusted(9 * u, head.height() + 3 * u, -9 * u, -4 * u)
        if box.code or box.registers:
            self._running(box, inner)
        else:
            self._host(box, inner)

    def _running(self, box: Core, inner: QRectF) -> None:
        u = self.u
        rows = max(int((inner.height() + 2 * u) / self.pitch), 1)
        foot = box.lines[:1] if rows > 4 else ()
        rows -= len(foot)
        left = QRectF(inner)
        left.setWidth(inner.width() * (0.56 if self.plan.tall else 0.52))
        start = max(0, self._current(box) - max(rows - 2, 0) // 2)
        for number, line in enumerate(box.code[start : start + rows]):
            at = QRectF(left.left(), left.top() + number * self.pitch, left.width(), self.pitch)
            if line.current:
                self.b.frame(at.adjusted(-4 * u, 0, 0, -1 * u), self._now(), self._now(), 1, 3 * u)
            self.b.text(at, ("▶" if line.current else " ") + line.text, mono=True, size=self.data)
        right = QRectF(left.right() + 10 * u, inner.top(), inner.right() - left.right() - 10 * u, 0)
        self._registers(box, right, rows)
        for words in foot:
            self._words(words, QRectF(inner.left(), inner.bottom() - self.pitch, inner.width(), self.pitch))

    def _current(self, box: Core) -> int:
        return next((n for n, line in enumerate(box.code) if line.current), 0)

    def _now(self) -> str:
        return "#5A4A10" if self.b.dark else "#FFE08A"

    def _registers(self, box: Core, column: QRectF, rows: int) -> None:
        u = self.u
        name_width = self.b.width("RAX ", True, self.data)
        for number, register in enumerate(box.registers[:rows]):
            top = column.top() + number * self.pitch
            self.b.text(QRectF(column.left(), top, name_width, self.pitch), register.name, "secondary",
                        mono=True, size=self.data)  # fmt: skip
            value = QRectF(column.left() + name_width, top, column.width() - name_width - 12 * u,
                           self.pitch)  # fmt: skip
            wide = self.b.text(value, register.value, mono=True, size=self.data,
                               bold=register.changed)
            if register.changed:
                mark = QRectF(value.left() + wide + 1 * u, top, 12 * u, self.pitch)
                self.b.text(mark, "△", "accent", size=11, bold=True)

    def _host(self, box: Core, inner: QRectF) -> None:
        if not box.token:
            self._lines(box.lines, inner, inner.top())
            return
        u = self.u
        rows = max(int((inner.height() + 2 * u) / self.pitch), 1)
        for number, words in enumerate(box.lines[:rows]):
            at = QRectF(inner.left(), inner.top() + number * self.pitch, inner.width(), self.pitch)
            if number == 1:
                used = self.b.width(words.text + "  ", size=self.data)
                pill = self.b.width(box.token, True, 12, True) + 16 * u
                centre = QPointF(min(at.left() + used + pill / 2, at.right() - pill / 2), at.center().y())
                at.setWidth(max(used, 0))
                self.b.pill(centre, box.token, self.b.color("host"), self.b.ink("host"),
                            self.b.color("edge"))  # fmt: skip
            self._words(words, at)

    # --- DRAM -----------------------------------------------------------------------------

    def _dram(self, box: Box, rect: QRectF) -> None:
        u = self.u
        self._edge(box)
        inner = rect.adjusted(8 * u, 4 * u, -8 * u, -3 * u)
        title = self.b.text(QRectF(inner.left(), inner.top(), inner.width(), self.pitch), box.title,
                            size=self.size, bold=True)  # fmt: skip
        rows_top = inner.top() + self.pitch
        rows = self.shown.rows
        foot = inner.bottom() - rows_top >= self.pitch * (len(rows) + 1)
        legend = "address · 64 bytes … · owner · MAC" if self.shown.world == "ci" else "address · 64 bytes"
        if self.shown.world == "li":
            legend = "address · 64 bytes … · owner"
        at = QRectF(inner.left() + title + 12 * u, inner.top(), inner.width() - title - 12 * u, self.pitch)
        self.b.text(at, legend, "secondary", size=11)
        space = inner.bottom() - rows_top - (self.pitch if foot else 0)
        pitch = min(space / max(len(rows), 1), self.pitch * 1.9)
        if pitch < self.pitch * 0.9:
            rows = self._fewer(rows, int(space / (self.pitch * 0.92)))
            pitch = space / max(len(rows), 1)
        for number, row in enumerate(rows):
            self._row(row, QRectF(inner.left(), rows_top + number * pitch, inner.width(), pitch))
        if foot:
            line = QRectF(inner.left(), inner.bottom() - self.pitch, inner.width(), self.pitch)
            self._words(box.lines[0], line)

    def _fewer(self, rows: tuple[DramRow, ...], count: int) -> tuple[DramRow, ...]:
        """The rows nearest to the one in question."""
        here = next((n for n, row in enumerate(rows) if row.focus), 0)
        count = max(count, 1)
        start = min(max(0, here - count // 2), max(len(rows) - count, 0))
        return rows[start : start + count]

    def _row(self, row: DramRow, rect: QRectF) -> None:
        u, b = self.u, self.b
        if row.focus:
            b.frame(rect.adjusted(-3 * u, 0.5 * u, 3 * u, -0.5 * u), b.theme.panel, b.color("edge"),
                    1.8 * u, 3 * u)  # fmt: skip
        band = QRectF(rect.left() + 1 * u, rect.top() + 2 * u, 5 * u, rect.height() - 4 * u)
        if row.owner in OWNER_HUES:
            b.p.fillRect(band, b.color(row.owner))
        x = rect.left() + 11 * u
        step = b.width("0", True, self.data)
        b.text(QRectF(x, rect.top(), step * 7, rect.height()), f"{row.hpa:06x}", "secondary",
               mono=True, size=self.data)
        tail = self._tail(row)
        tail_width = b.width(tail, True, self.data) + 2 * u
        count = int((rect.right() - x - 7 * step - tail_width - 12 * u) / (3 * step))
        data = row.cipher[: max(min(count, 16), 2)].hex(" ") + " …"
        b.text(QRectF(x + 7 * step, rect.top(), rect.width(), rect.height()), data, mono=True,
               size=self.data, bold=row.focus)
        b.text(QRectF(rect.right() - tail_width, rect.top(), tail_width, rect.height()), tail,
               "bad" if row.poison else "text", mono=True, size=self.data,
               align=RIGHT)  # fmt: skip

    def _tail(self, row: DramRow) -> str:
        if self.shown.world == "legacy":
            return ""
        poison = "✕ " if row.poison else ""
        return f"{poison}{int(row.owner_bit)} {row.mac}".rstrip()
