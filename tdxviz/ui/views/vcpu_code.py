"""The instructions around RIP, as the guest's own memory holds them."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPolygonF

from tdxviz.ui.present.vcpu import Instruction
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import Brush


def paint_code(panel: Board, brush: Brush, at: QRectF, code: tuple[Instruction, ...], line: float) -> float:
    """One row an instruction, its label above it; the y below."""
    u = brush.u
    if not code:
        rect = QRectF(at.left(), at.top(), at.width(), line + 3 * u)
        brush.text(rect, "The guest's code cannot be read now.", "secondary", size=12)
        return rect.bottom()
    brush.p.fillRect(QRectF(at.left(), at.top(), at.width(), u), brush.color("rule"))
    y, pitch = at.top() + 4 * u, line + 3 * u
    for row in code:
        if row.label:
            brush.text(QRectF(at.left() + 14 * u, y, at.width(), pitch), f"{row.label}:", "guest_job",
                       mono=True, size=12, bold=True)  # fmt: skip
            y += pitch
        _instruction(panel, brush, QRectF(at.left(), y, at.width(), pitch), row)
        y += pitch
    return y


def _instruction(panel: Board, brush: Brush, rect: QRectF, row: Instruction) -> None:
    u = brush.u
    if row.current:
        brush.p.fillRect(rect, brush.tint("accent", 0.22))
        brush.p.setPen(Qt.PenStyle.NoPen)
        brush.p.setBrush(brush.color("accent"))
        tip = QPointF(rect.left() + 10 * u, rect.center().y())
        brush.p.drawPolygon(
            QPolygonF(
                [tip, QPointF(tip.x() - 7 * u, tip.y() - 4 * u), QPointF(tip.x() - 7 * u, tip.y() + 4 * u)]
            )
        )
    address = QRectF(rect.left() + 14 * u, rect.top(), rect.width(), rect.height())
    used = brush.text(address, f"{row.rip:x}", "secondary", mono=True, size=12) + 12 * u
    wide = rect.width() >= 430 * u
    if wide:
        bytes_width = brush.width("00 " * 7, True, 11)
        room = QRectF(address.left() + used, rect.top(), bytes_width, rect.height())
        brush.text(room, row.code, "secondary", mono=True, size=11)
        used += bytes_width + 8 * u
    text = QRectF(address.left() + used, rect.top(), rect.right() - address.left() - used, rect.height())
    brush.text(text, row.text, mono=True, size=12, bold=row.current)
    next_words = " It is executed next." if row.current else ""
    panel.hit(rect, None, f"{row.rip:#x}: {row.code} is {row.text}.{next_words}")
