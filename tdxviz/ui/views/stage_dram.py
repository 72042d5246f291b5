"""The DRAM box of the stage: as many of the five lines as there is room for, nearest first."""

from dataclasses import dataclass

from PySide6.QtCore import QRectF

from tdxviz.ui.present.stage_parts import Box, DramRow, StagePicture
from tdxviz.ui.theme import OWNER_HUES
from tdxviz.ui.views.stage_brush import RIGHT, Brush, Fonts
from tdxviz.ui.views.stage_layout import Plan

LEGENDS = {
    "legacy": "address · 64 bytes",
    "li": "address · 64 bytes … · owner",
    "ci": "address · 64 bytes … · owner · MAC",
}
AIRY = 2.3
"""Most line heights that one row takes."""


@dataclass(frozen=True)
class DramPlan:
    """Rows with their rectangles, and the footing's, which is empty where it does not fit."""

    head: QRectF
    rows: tuple[tuple[DramRow, QRectF], ...]
    foot: QRectF


def plan_rows(plan: Plan, fonts: Fonts, rows: tuple[DramRow, ...]) -> DramPlan:
    """Cut the DRAM box into rows; used by the painter and for what one can click."""
    u = plan.unit
    pitch = line_height(plan, fonts)
    inner = plan.boxes["dram"].adjusted(8 * u, 4 * u, -8 * u, -3 * u)
    top = inner.top() + pitch
    foot = inner.bottom() - top >= pitch * (len(rows) + 1)
    space = inner.bottom() - top - (pitch if foot else 0)
    height = min(space / max(len(rows), 1), pitch * AIRY)
    if height < pitch * 0.9:
        rows = _nearest(rows, int(space / (pitch * 0.92)))
        height = space / max(len(rows), 1)
    placed = tuple(
        (row, QRectF(inner.left(), top + number * height, inner.width(), height))
        for number, row in enumerate(rows)
    )
    last = QRectF(inner.left(), inner.bottom() - pitch, inner.width(), pitch) if foot else QRectF()
    return DramPlan(QRectF(inner.left(), inner.top(), inner.width(), pitch), placed, last)


def line_height(plan: Plan, fonts: Fonts) -> float:
    """Height of one line of text in the boxes of this plan."""
    return fonts.font((False, plan.size, False))[1].height() + plan.unit


def _nearest(rows: tuple[DramRow, ...], count: int) -> tuple[DramRow, ...]:
    """The rows nearest to the one in question."""
    here = next((n for n, row in enumerate(rows) if row.focus), 0)
    count = max(count, 1)
    start = min(max(0, here - count // 2), max(len(rows) - count, 0))
    return rows[start : start + count]


def paint(brush: Brush, plan: Plan, shown: StagePicture, box: Box) -> None:
    """Heading, rows and footing; the frame is the caller's."""
    where = plan_rows(plan, brush.fonts, shown.rows)
    title = brush.text(where.head, box.title, size=plan.size, bold=True)
    legend = where.head.adjusted(title + 12 * plan.unit, 0, 0, 0)
    words, tail = LEGENDS[shown.world], LEGENDS[shown.world].split("… · ")[-1]
    if brush.width(words, size=11) <= legend.width():
        brush.text(legend, words, "secondary", size=11)
    else:
        brush.text(legend, tail, "secondary", size=11, align=RIGHT)
    for row, rect in where.rows:
        _row(brush, plan, shown, row, rect)
    if not where.foot.isEmpty():
        words, size = box.lines[0], 11 if not plan.tall else 12
        fits = not words.short or brush.width(words.text, size=size) <= where.foot.width()
        brush.text(where.foot, words.text if fits else words.short, words.role, size=size)


def _row(brush: Brush, plan: Plan, shown: StagePicture, row: DramRow, rect: QRectF) -> None:
    u, size = plan.unit, plan.data
    if row.focus or row.chosen:
        role = "edge" if row.focus else "accent"
        brush.frame(rect.adjusted(-3 * u, 0.5 * u, 3 * u, -0.5 * u), brush.theme.panel, brush.color(role),
                    1.8 * u, 3 * u, dashed=not row.focus)  # fmt: skip
    if row.owner in OWNER_HUES:
        band = QRectF(rect.left() + 1 * u, rect.top() + 2 * u, 5 * u, rect.height() - 4 * u)
        brush.p.fillRect(band, brush.color(row.owner))
    x, step = rect.left() + 11 * u, brush.width("0", True, size)
    brush.text(QRectF(x, rect.top(), step * 7, rect.height()), f"{row.hpa:06x}", "secondary",
               mono=True, size=size)  # fmt: skip
    room = rect.right() - x - 7 * step - 12 * u
    tails = (_tail(shown, row), _tail(shown, row).split(" ")[0], "")
    tail = next((t for t in tails if room - len(t) * step >= 6 * step), "")
    wide = brush.width(tail, True, size) + 2 * u
    count = int((room - wide) / (3 * step))
    data = row.cipher[: max(min(count, 16), 1)].hex(" ") + " …"
    brush.text(QRectF(x + 7 * step, rect.top(), rect.width(), rect.height()), data, mono=True,
               size=size, bold=row.focus)  # fmt: skip
    brush.text(QRectF(rect.right() - wide, rect.top(), wide, rect.height()), tail,
               "bad" if row.poison else "text", mono=True, size=size, align=RIGHT)  # fmt: skip


def _tail(shown: StagePicture, row: DramRow) -> str:
    if shown.world == "legacy":
        return ""
    poison = "✕ " if row.poison else ""
    return f"{poison}{int(row.owner_bit)} {row.mac}".rstrip()
