"""Epochs and reference counts of the TDs, and a line from each count to the processors it counts."""

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPen

from tdxviz.ui.present.hexes import actor_title
from tdxviz.ui.present.tlb import Epoch, Runner
from tdxviz.ui.views.stage_brush import CENTRE, Brush

Put = Callable[[QRectF, Any, str], None]
RISE = 12
"""Room for the lines between processors and counts."""
TIP = (
    "The module counts a TD's running vCPUs by the parity of the epoch at which they entered. TDH.MEM.TRACK raises "
    "the epoch and needs the older count to be 0; a vCPU leaves the older one when it exits."
)


def paint_epochs(
    brush: Brush, at: QRectF, rows: tuple[Epoch, ...], chips: Mapping[int, QRectF], put: Put
) -> float:  # fmt: skip
    """A row of frames a TD, below the processors' chips; the y below it all."""
    u, line, y = brush.u, at.height(), at.top()
    for one in rows:
        y += RISE * u if one.runners else 2 * u
        boxes = _counts(brush, QRectF(at.left(), y, at.width(), line + 4 * u), one, put)
        for runner in one.runners:
            if runner.lp in chips:
                _line(brush, boxes[runner.epoch % 2], chips[runner.lp], one, runner, put)
        y += line + 6 * u
        late = any(runner.old for runner in one.runners)
        lines = 1 if brush.width(one.words, size=12) < at.width() else 2
        room = QRectF(at.left(), y, at.width(), line)
        brush.wrapped(room, one.words, "bad" if late else "secondary", size=12, lines=lines)
        y += lines * line + 2 * u
        for note in one.notes:
            brush.text(QRectF(at.left(), y, at.width(), line), note, "secondary", size=12)
            y += line
    return y


def _counts(brush: Brush, row: QRectF, one: Epoch, put: Put) -> tuple[QRectF, QRectF]:
    """The epoch and the even and odd count; where the counts lie."""
    u, x, boxes = brush.u, row.left(), list[QRectF]()
    current = one.number % 2
    texts = (
        (f"{actor_title(one.actor)} epoch {one.number}", False),
        (f"even {one.counts[0]}", current == 0),
        (f"odd {one.counts[1]}", current == 1),
    )
    for text, on in texts:
        width = brush.width(text, True, 12, on) + 14 * u
        rect = QRectF(x, row.top(), min(width, max(row.right() - x, 1)), row.height())
        stuck = text != texts[0][0] and not on and one.counts[1 - current]
        fill = brush.tint(one.owner, 0.22) if on else brush.tint("bad", 0.16) if stuck else brush.color("bg")
        brush.frame(rect, fill, brush.color("bad" if stuck else "rule"), u, 3 * u)
        brush.text(rect, text, mono=True, size=12, bold=on, align=CENTRE)
        put(rect, None, TIP)
        boxes.append(rect)
        x += width + 5 * u
    return boxes[1], boxes[2]


def _line(brush: Brush, count: QRectF, chip: QRectF, one: Epoch, runner: Runner, put: Put) -> None:
    """From a count up to the processor that runs the vCPU; with a clock if its epoch is old."""
    u, role = brush.u, "bad" if runner.old else one.owner
    middle = (count.top() + chip.bottom()) / 2
    x = chip.left() + min(14 * u, chip.width() / 2)
    brush.p.setBrush(Qt.BrushStyle.NoBrush)
    brush.p.setPen(QPen(brush.color(role), 1.8 * u))
    brush.p.drawPolyline(
        [
            QPointF(count.center().x(), count.top()),
            QPointF(count.center().x(), middle),
            QPointF(x, middle),
            QPointF(x, chip.bottom()),
        ]
    )
    words = (
        f"vCPU {runner.vcpu} of {actor_title(one.actor)} entered on LP{runner.lp} in epoch {runner.epoch}"
        + (f"; the TD is in epoch {one.number}: it may still use what was blocked since." if runner.old else ".")
    )  # fmt: skip
    put(
        QRectF(min(x, count.center().x()), middle - 4 * u, abs(x - count.center().x()) + 2 * u, 8 * u),
        None,
        words,
    )
    if runner.old:
        clock(brush, QPointF(chip.right() - 2 * u, chip.bottom() - u))


def clock(brush: Brush, centre: QPointF) -> None:
    """Out of date."""
    u = brush.u
    brush.p.setBrush(brush.color("panel"))
    brush.p.setPen(QPen(brush.color("bad"), 1.6 * u))
    brush.p.drawEllipse(centre, 6 * u, 6 * u)
    brush.p.drawLine(centre, QPointF(centre.x(), centre.y() - 4 * u))
    brush.p.drawLine(centre, QPointF(centre.x() + 3 * u, centre.y()))
