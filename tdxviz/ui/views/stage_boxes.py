"""Paints the boxes of the stage: title, state lines as far as they fit, code, registers, DRAM."""

from PySide6.QtCore import QPointF, QRectF

from tdxviz.ui.present.stage_parts import Box, Core, StagePicture, Words
from tdxviz.ui.views import stage_dram
from tdxviz.ui.views.stage_brush import CENTRE, Brush
from tdxviz.ui.views.stage_layout import Plan

NARROW = 190
"""A core narrower than this shows its instructions only."""
DIMMED = 0.5
DIMMED_CONTRAST = 0.72
"""Opacity of boxes that take no part; more in the high-contrast theme."""


class BoxPainter:
    """All boxes of one picture on one plan."""

    def __init__(self, brush: Brush, plan: Plan, shown: StagePicture) -> None:
        self.b = brush
        self.plan = plan
        self.shown = shown
        self.u = plan.unit
        self.size = plan.size
        self.data = plan.data
        self.pitch = stage_dram.line_height(plan, brush.fonts)
        self.pad = (9 if plan.tall else 5 if plan.slim else 7) * self.u
        """From a box's edge to its words."""

    def paint(self) -> None:
        dimmed = DIMMED_CONTRAST if self.b.theme.line > 1 else DIMMED
        for box in self.shown.boxes.values():
            rect = self.plan.boxes.get(box.id)
            if rect is None:
                continue
            self.b.p.setOpacity(1.0 if box.active else dimmed)
            if isinstance(box, Core):
                self._core(box, rect)
            elif box.id == "dram":
                self._edge(box)
                stage_dram.paint(self.b, self.plan, self.shown, box)
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
        inner = rect.adjusted(self.pad, 4 * u, -self.pad, -4 * u)
        head = QRectF(inner.left(), inner.top(), inner.width(), self.pitch)
        chip = self._chip(box, head)
        head.setRight(head.right() - chip)
        role = "module" if box.tone == "module" and box.active else "text"
        self.b.text(head, self._title(box, head.width()), role, size=self.size, bold=True)
        self._lines(box.lines, inner, head.bottom() + 1 * u)

    def _title(self, box: Box, room: float) -> str:
        options = (box.title, *box.shorts)
        fitting = (t for t in options if self.b.width(t, False, self.size, True) <= room)
        return next(fitting, options[-1])

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
        options = [one for one in (text, words.short, words.brief) if one]
        text = next((t for t in options if self.b.width(t, words.mono, size) <= rect.width()), options[-1])
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
        b.text(head.adjusted(self.pad, 0, -4 * u, 0), self._title(box, head.width() - self.pad - 4 * u),
               b.ink(tone), size=self.size, bold=True)  # fmt: skip
        inner = rect.adjusted(self.pad, head.height() + 3 * u, -self.pad, -4 * u)
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
        narrow = inner.width() < NARROW * u
        share = 1.0 if narrow else 0.56 if self.plan.tall else 0.535
        left.setWidth(inner.width() * share)
        start = max(0, self._current(box) - max(rows - 2, 0) // 2)
        for number, line in enumerate(box.code[start : start + rows]):
            at = QRectF(left.left(), left.top() + number * self.pitch, left.width(), self.pitch)
            if line.current:
                now = self.b.tint("shared", 0.25 if self.b.dark else 0.45)
                self.b.frame(at.adjusted(-4 * u, 0, 0, -1 * u), now, now, 1, 3 * u)
            self.b.text(at, ("▶" if line.current else " ") + line.text, mono=True, size=self.data)
        gap = (13 if self.plan.tall else 8) * u
        right = QRectF(left.right() + gap, inner.top(), inner.right() - left.right() - gap, 0)
        if not narrow:
            self._registers(box, right, rows)
        for words in foot:
            self._words(words, QRectF(inner.left(), inner.bottom() - self.pitch, inner.width(), self.pitch))

    def _current(self, box: Core) -> int:
        return next((n for n, line in enumerate(box.code) if line.current), 0)

    def _registers(self, box: Core, column: QRectF, rows: int) -> None:
        u = self.u
        name_width = self.b.width("RAX ", True, self.data)
        for number, register in enumerate(box.registers[:rows]):
            top = column.top() + number * self.pitch
            self.b.text(QRectF(column.left(), top, name_width, self.pitch), register.name, "secondary",
                        mono=True, size=self.data)  # fmt: skip
            value = QRectF(column.left() + name_width, top, column.width() - name_width, self.pitch)
            self.b.text(value, register.value, mono=True, size=self.data, bold=register.changed)
            if register.changed:
                mark = QRectF(column.left() - 12 * u, top, 12 * u, self.pitch)
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
                text, token = self._beside(words, box.token, at.width())
                used = self.b.width(text + "  ", size=self.data)
                pill = self.b.width(token, True, 12, True) + 16 * u
                centre = QPointF(at.left() + used + pill / 2, at.center().y())
                self.b.text(at, text, words.role, size=self.data)
                self.b.pill(centre, token, self.b.color("host"), self.b.ink("host"),
                            self.b.color("edge"))  # fmt: skip
            else:
                self._words(words, at)

    def _beside(self, words: Words, token: str, room: float) -> tuple[str, str]:
        """Words and as many bytes of the token as fit on one line."""
        for text in (words.text, words.short):
            for shown in (token, token[:8], token[:5]):
                wide = self.b.width(text + "  ", size=self.data) + self.b.width(shown, True, 12, True)
                if text and wide + 16 * self.u <= room:
                    return text, shown
        return "", token[:5]
