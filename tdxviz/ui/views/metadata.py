"""The metadata browser: fields of TDR, TDCS, TDVPS and VMCS, and who may read which."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPen

from tdxviz.session.moment import Focus
from tdxviz.ui.present import metadata as present
from tdxviz.ui.present.hexes import spaced
from tdxviz.ui.present.metadata import Row, Table
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, Brush
from tdxviz.ui.views.tags import Choice, choices

NAMES = [group.name for group in present.GROUPS]
MOST_SUBJECTS = 8
COLUMNS = (
    ("host", "What the host of a production TD may do with the field: r read, w write."),
    (
        "debug",
        "What the host of a debug TD may do: ATTRIBUTES.DEBUG opens almost everything, and is attested.",
    ),
    ("guest", "What the guest itself may do, with TDG.VM.RD and TDG.VP.RD."),
)
Columns = tuple[QRectF, dict[str, QRectF], QRectF]


class MetadataPanel(Board):
    """Click a field to choose the line of memory in which it lies."""

    name = "metadata"
    title = "Metadata"
    key = "D"
    tooltip = (
        "Fields that the module keeps of TDs and vCPUs. The lock marks what the host of this TD cannot read; "
        "the value behind it is shown to you. O: next group; U: only what the host can read"
    )

    def __init__(self, bridge: Any, theme: Any) -> None:
        self.group = "td"
        self.wanted: dict[str, str] = {}
        """Group -> label of the TD or vCPU chosen by hand."""
        self.only_given = False
        super().__init__(bridge, theme)

    # --- what is shown --------------------------------------------------------------------

    def table(self) -> Table:
        return present.table(self.ask, self.group, self.wanted.get(self.group, ""), self.place())

    def rows(self) -> tuple[Row, ...]:
        rows = self.table().rows
        return tuple(row for row in rows if row.given) if self.only_given else rows

    def shown(self) -> Any:
        return self.table()

    def heading(self) -> tuple[str, str]:
        made = self.table()
        if not made.rows:
            return self.title, made.problem
        kind = "" if self.group == "sys" else ", debug TD" if made.debug else ", production TD"
        given = sum(row.given for row in made.rows)
        return f"{self.title} of {made.subject}", f"the host reads {given} of {len(made.rows)} fields{kind}"

    def describe(self) -> str:
        return present.describe(self.table()) if self.moment is not None else self.title

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(600)), int(self.theme.px(460)))

    def choose(self, group: str) -> None:
        self.group, self.scrolled = group, 0.0
        self.update()

    def follow(self, label: str) -> None:
        self.wanted[self.group] = label
        self.update()

    def toggle_given(self) -> None:
        """Only what the host of this TD may read, or everything."""
        self.only_given, self.scrolled = not self.only_given, 0.0
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_O:
            self.choose(NAMES[(NAMES.index(self.group) + 1) % len(NAMES)])
        elif event.key() == Qt.Key.Key_U:
            self.toggle_given()
        else:
            super().keyPressEvent(event)

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        u, made = brush.u, self.table()
        y = choices(brush, area, self._choices(made), self.hit) + 4 * u
        line = brush.font(True, 12)[1].height()
        if made.problem:
            count = 1 if brush.width(made.problem, size=12) < area.width() else 2
            role = "warn" if made.rows else "secondary"
            brush.wrapped(
                QRectF(area.left(), y, area.width(), line), made.problem, role, size=12, lines=count
            )
            y += count * line + 2 * u
        if not made.rows:
            return y - area.top()
        head = self._columns(brush, QRectF(area.left(), y, area.width(), line + 2 * u))
        brush.text(head[0], "field", "secondary", size=11)
        for name, tip in COLUMNS:
            brush.text(head[1][name], name, "secondary", size=11, align=CENTRE)
            self.hit(head[1][name], None, tip)
        brush.text(head[2], "value", "secondary", size=11)
        y, pitch = head[0].bottom() + u, line + 6 * u
        brush.p.fillRect(QRectF(area.left(), y, area.width(), u), brush.color("rule"))
        for row in self.rows():
            rect = QRectF(area.left(), y + u, area.width(), pitch - u)
            if rect.bottom() >= 0 and rect.top() <= self.height():
                self._row(brush, rect, row)
            target = None if row.hpa is None else Focus(hpa=row.hpa)
            where = "" if row.hpa is None else f"\nIt lies at {spaced(row.hpa)}. Click: choose that line."
            self.hit(rect, target, row.tooltip + where)
            if row.hpa is not None:
                self.link(rect, lambda f, hpa=row.hpa: f is not None and f.hpa == hpa)
            y += pitch
        return y - area.top() + 4 * u

    def _choices(self, made: Table) -> list[Choice]:
        row: list[Choice] = [
            (group.title, group.name == self.group, self._chooser(group.name), f"{group.words}. Key O: next")
            for group in present.GROUPS
        ]
        found = present.subjects(self.ask, self.group)
        if len(found) > 1:
            row += [
                (label, label == made.subject, self._follower(label), f"Fields of {label}")
                for label, _ in found[:MOST_SUBJECTS]
            ]
        words = "host reads" if self.only_given else "all fields"
        tip = "Show only what the host of this TD may read, or every field. Key U"
        return [*row, (words, self.only_given, self.toggle_given, tip)]

    def _chooser(self, group: str) -> Callable[[], None]:
        return lambda: self.choose(group)

    def _follower(self, label: str) -> Callable[[], None]:
        return lambda: self.follow(label)

    def _columns(self, brush: Brush, rect: QRectF) -> Columns:
        """Name, three narrow columns of rights, value."""
        narrow = brush.width("debug", size=11) + 8 * brush.u
        rest = max(rect.width() - 3 * narrow, 1)
        name = QRectF(rect.left(), rect.top(), rest * 0.45, rect.height())
        rights = {
            word: QRectF(name.right() + n * narrow, rect.top(), narrow, rect.height())
            for n, (word, _) in enumerate(COLUMNS)
        }
        left = name.right() + 3 * narrow + 6 * brush.u
        return name, rights, QRectF(left, rect.top(), max(rect.right() - left, 1), rect.height())

    def _row(self, brush: Brush, rect: QRectF, row: Row) -> None:
        u = brush.u
        brush.p.fillRect(QRectF(rect.left(), rect.bottom(), rect.width(), u), brush.tint("rule", 0.5))
        name, rights, value = self._columns(brush, rect)
        brush.text(
            name.adjusted(0, 0, -6 * u, 0), row.name, "text" if row.given else "secondary", mono=True, size=12
        )
        for word, got in (("host", row.host), ("debug", row.debug), ("guest", row.guest)):
            self._right(brush, rights[word], got)
        if not row.given:
            self._lock(brush, QPointF(value.left() + 5 * u, value.center().y()))
            value = value.adjusted(15 * u, 0, 0, 0)
        words = row.value or "cannot be read"
        if row.value and brush.width(words, True, 12) > value.width() and len(words) > 20:
            words = f"{words[:12]}…{words[-4:]}"
        used = brush.text(value, words, "text" if row.given else "secondary", mono=True, size=12) + 8 * u
        if row.meaning and value.width() > used + 30 * u:
            brush.text(value.adjusted(used, 0, 0, 0), row.meaning, "secondary", mono=True, size=12)

    def _right(self, brush: Brush, cell: QRectF, words: str) -> None:
        """``r`` or ``rw`` on green; a dash where there is no right at all."""
        u = brush.u
        if not words:
            brush.text(cell, "–", "secondary", mono=True, size=12, align=CENTRE)
            return
        width = brush.width("rw", True, 11, True) + 8 * u
        box = QRectF(cell.center().x() - width / 2, cell.top() + 2 * u, width, cell.height() - 4 * u)
        role = "warn" if "w" in words else "good"
        brush.frame(box, brush.tint(role, 0.2), brush.color(role), u, 3 * u)
        brush.text(box, words, mono=True, size=11, bold=True, align=CENTRE)

    def _lock(self, brush: Brush, at: QPointF) -> None:
        """The host does not get this."""
        u = brush.u
        brush.p.setBrush(Qt.BrushStyle.NoBrush)
        brush.p.setPen(QPen(brush.color("bad"), 1.5 * u))
        brush.p.drawArc(QRectF(at.x() - 2.6 * u, at.y() - 5.5 * u, 5.2 * u, 7 * u), 0, 180 * 16)
        brush.p.setPen(Qt.PenStyle.NoPen)
        brush.p.setBrush(brush.color("bad"))
        brush.p.drawRoundedRect(QRectF(at.x() - 4 * u, at.y() - 1.5 * u, 8 * u, 6 * u), u, u)
