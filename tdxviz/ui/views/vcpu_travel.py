"""The vCPU panel's transport: one instruction back or on, or to any by its number, also in silent runs."""

from collections.abc import Callable

from PySide6.QtCore import QRectF

from tdxviz.ui.present import vcpu as present
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, Brush


def paint_travel(panel: Board, brush: Brush, row: QRectF) -> float:
    """A line of buttons and a ruler below; nothing while no guest has run. The y below."""
    words, tip = present.progress(panel.moment)
    if not words:
        return row.top()
    u, bridge, moment = brush.u, panel.bridge, panel.moment
    buttons: tuple[tuple[str, str, Callable[[], object]], ...] = (
        ("◂", "One instruction back  ( , )", lambda: bridge.step("instruction", -1)),
        ("▸", "One instruction on  ( . )", lambda: bridge.step("instruction", 1)),
    )
    x = row.left()
    for sign, name, act in buttons:
        rect = QRectF(x, row.top() + u, 24 * u, row.height() - 2 * u)
        brush.frame(rect, brush.tint("accent", 0.10), brush.color("accent"), u, 3 * u)
        brush.text(rect, sign, "text", size=12, bold=True, align=CENTRE)
        panel.hit(rect, act, name)
        x = rect.right() + 5 * u
    room = QRectF(x + 4 * u, row.top(), row.right() - x - 4 * u, row.height())
    brush.text(room, words, "accent" if moment.depth else "secondary", size=12, bold=bool(moment.depth))
    panel.hit(room, None, f"{tip}\nN: go to an instruction by its number")
    return _ruler(panel, brush, QRectF(row.left(), row.bottom() + 2 * u, row.width(), 6 * u))


def _ruler(panel: Board, brush: Brush, rect: QRectF) -> float:
    """All instructions from left to right; a click goes there."""
    u, moment = brush.u, panel.moment
    brush.p.fillRect(rect, brush.tint("accent", 0.14))
    done = rect.width() * moment.instruction / moment.instructions
    brush.p.fillRect(QRectF(rect.left(), rect.top(), done, rect.height()), brush.tint("accent", 0.5))
    brush.p.fillRect(
        QRectF(rect.left() + done - u, rect.top() - u, 2 * u, rect.height() + 2 * u), brush.color("accent")
    )
    pieces = 64
    for n in range(pieces):
        piece = QRectF(
            rect.left() + rect.width() * n / pieces,
            rect.top() - 2 * u,
            rect.width() / pieces,
            rect.height() + 4 * u,
        )
        number = round(moment.instructions * (n + 0.5) / pieces)
        panel.hit(piece, _jump(panel, number), f"Go to instruction {number:,}")
    return rect.bottom() + 5 * u


def _jump(panel: Board, number: int) -> Callable[[], object]:
    return lambda: panel.bridge.go_to_instruction(number)
