"""Paints the stage: regions and the trust boundary, boxes, arrows with numbers, tokens, film bar."""

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QPen

from tdxviz.ui.present.hexes import sentence
from tdxviz.ui.present.stage_parts import Arrow, StagePicture, Token
from tdxviz.ui.views.stage_boxes import BoxPainter
from tdxviz.ui.views.stage_brush import CENTRE, Brush, middle
from tdxviz.ui.views.stage_layout import FILM, Plan

ARROW = 3.4
PACKAGE = {
    True: ("CPU package: inside, data is plaintext", "package: data is plaintext", "inside: plaintext"),
    False: ("CPU package: no protection here", "package: no protection", "no protection"),
}
OUTSIDE = ("outside: nobody is trusted", "outside: no trust", "outside")


def paint(brush: Brush, plan: Plan, shown: StagePicture) -> None:
    """Everything above the film bar."""
    _title(brush, plan, shown)
    _doors(brush, plan, shown)
    BoxPainter(brush, plan, shown).paint()
    _spot(brush, plan, shown)
    _arrows(brush, plan, shown)
    _tokens(brush, plan, shown)


def _title(brush: Brush, plan: Plan, shown: StagePicture) -> None:
    wide = brush.text(plan.title, "The machine", size=14, bold=True)
    rest = plan.title.adjusted(wide + 14 * plan.unit, 0, 0, 0)
    if plan.film.height() >= FILM * plan.unit - 1:
        brush.text(rest, shown.caption, "secondary", size=12)
    elif shown.refused:
        brush.text(rest, f"✕ {sentence(shown.refused)}", "bad", size=12, bold=True)
    else:
        brush.text(rest, shown.sentence or shown.caption, size=12)


def ground(brush: Brush, plan: Plan, shown: StagePicture) -> None:
    """Outside, and the package with the strongest line on the screen around it."""
    u = plan.unit
    brush.frame(plan.outside, brush.tint("outside", 0.07), brush.color("rule"), 1.2 * u, 12 * u)
    if shown.protected:
        brush.frame(plan.package, brush.tint("inside", 0.11), brush.color("inside"), 3.4 * u, 12 * u, True)
    else:
        brush.frame(plan.package, brush.tint("secondary", 0.06), brush.color("secondary"), 1.2 * u, 12 * u)
    _labels(brush, plan, shown)


def _labels(brush: Brush, plan: Plan, shown: StagePicture) -> None:
    u = plan.unit
    role = "inside" if shown.protected else "secondary"
    _flag(brush, QPointF(plan.package.left() + 14 * u, plan.package.top()), PACKAGE[shown.protected], role,
          plan.package.width() - 28 * u)  # fmt: skip
    _flag(brush, QPointF(plan.outside.left() + 14 * u, plan.outside.top()), OUTSIDE, "outside",
          plan.outside.width() - 28 * u)  # fmt: skip

    if plan.tall:
        _flag(brush, QPointF(plan.package.left() + 14 * u, plan.package.bottom()),
              ("below: firmware, not trusted",), "secondary", plan.package.width() - 28 * u)  # fmt: skip
        _flag(brush, QPointF(plan.outside.left() + 14 * u, plan.outside.bottom()),
              ("further out: the network",), "secondary", plan.outside.width() - 28 * u)  # fmt: skip


def _spot(brush: Brush, plan: Plan, shown: StagePicture) -> None:
    """Under the token: what the boundary did to the bytes."""
    rect = plan.boxes.get("spot")
    if rect is None or not shown.spot:
        return
    role = "bad" if shown.refused else "secondary"
    brush.wrapped(rect.adjusted(0, 32 * plan.unit, 0, 0), shown.spot, role, size=12)


def _flag(brush: Brush, corner: QPointF, options: tuple[str, ...], role: str, room: float) -> None:
    """A label on the edge of a region; ``options``: its words, longest first."""
    u = brush.u
    words = next((t for t in options if brush.width(t, size=12, bold=True) + 20 * u <= room), options[-1])
    width = min(brush.width(words, size=12, bold=True) + 20 * u, room)
    rect = QRectF(corner.x(), corner.y() - 10 * u, width, 20 * u)
    brush.frame(rect, brush.theme.panel, brush.color(role), 1.2 * u, 10 * u)
    brush.text(rect.adjusted(8 * u, 0, -8 * u, 0), words, role, size=12, bold=True, align=CENTRE)


def _doors(brush: Brush, plan: Plan, shown: StagePicture) -> None:
    """Where device and probe stand: faint lines while they do not act, and the IOMMU on the edge."""
    u = plan.unit
    used = {arrow.leg for arrow in shown.arrows}
    brush.p.setOpacity(0.55)
    for leg, role in (("device>iommu", "device"), ("probe>bus", "outside")):
        if leg not in used and _reverse(leg) not in used:
            brush.arrow(plan.legs[leg], brush.color(role), 1.6 * u, dashed=True)
    if not used & {"dram>engine", "engine>dram"}:
        _bus(brush, plan)
    brush.p.setOpacity(1.0)
    clip = plan.tokens["clip"]
    brush.p.setPen(QPen(brush.color("outside"), 2 * u))
    brush.p.setBrush(Qt.BrushStyle.NoBrush)
    brush.p.drawEllipse(clip, 4 * u, 4 * u)
    rect = plan.boxes["iommu"]
    brush.frame(rect, brush.theme.panel, brush.color("secondary"), 1.4 * u, 4 * u)
    brush.p.save()
    brush.p.translate(rect.center())
    brush.p.rotate(-90)
    across = QRectF(-rect.height() / 2, -rect.width() / 2, rect.height(), rect.width())
    brush.text(across, "IOMMU", "secondary", size=11, bold=True, align=CENTRE)
    brush.p.restore()


def _reverse(leg: str) -> str:
    return ">".join(reversed(leg.split(">")))


def _bus(brush: Brush, plan: Plan) -> None:
    points = plan.legs["dram>engine"]
    brush.p.setPen(QPen(brush.color("secondary"), 2 * plan.unit))
    brush.p.drawLine(points[0], points[-1])


def _arrows(brush: Brush, plan: Plan, shown: StagePicture) -> None:
    """Old legs thinner, the current one strong; numbers on top of all lines."""
    u = plan.unit
    for arrow in shown.arrows:
        points = plan.legs.get(arrow.leg)
        if points:
            width = ARROW if arrow.current else ARROW * 0.66
            brush.arrow(points, brush.color(arrow.role), width * u, stop=arrow.stop)
    for arrow in shown.arrows:
        if arrow.number:
            _number(brush, plan, shown, arrow)


def _number(brush: Brush, plan: Plan, shown: StagePicture, arrow: Arrow) -> None:
    radius = (9.5 if arrow.current else 8.0) * plan.unit
    at = _number_place(plan, shown, arrow)
    role = "bad" if arrow.stop else arrow.role
    if at is not None:
        brush.disc(at, str(arrow.number), brush.color(role), brush.ink(role), radius)


def _number_place(plan: Plan, shown: StagePicture, arrow: Arrow) -> QPointF | None:
    """Beside the middle of a leg; at the corner of the box where something happens or stops."""
    u, points = plan.unit, plan.legs.get(arrow.leg)
    if arrow.stop or not points:
        box = plan.boxes.get(arrow.leg.split(">")[-1])
        if box is None:
            return None
        if arrow.leg.endswith("iommu"):
            return QPointF(box.center().x(), box.top() - 5 * u)
        return QPointF(box.left() + 2 * u, box.top() + 1 * u)
    at = plan.marks.get(arrow.leg) or middle(points)
    if arrow.leg in ("dram>engine", "engine>dram", "bus>dram"):
        return at + QPointF(6 * u, 12 * u)
    crossed = any(other.stop and other.leg == arrow.leg for other in shown.arrows)
    away = (24 if crossed else 12) * u
    flat = abs(points[0].y() - points[-1].y()) < 1
    return at + (QPointF(0, -away) if flat else QPointF(-away, 0))


def _tokens(brush: Brush, plan: Plan, shown: StagePicture) -> None:
    for token in shown.tokens:
        at = plan.tokens.get(token.place)
        if at is not None:
            _token(brush, plan, token, at)


def _token(brush: Brush, plan: Plan, token: Token, at: QPointF) -> None:
    edge = brush.color("edge")
    if token.owner:
        brush.pill(at, token.text, brush.color(token.owner), brush.ink(token.owner), edge,
                   keep=plan.package.adjusted(6, 0, -6, 0) if token.place != "device" else None)  # fmt: skip
    else:
        brush.pill(at, token.text, brush.tint("edge", 0.0),
                   brush.color("text"), edge)  # fmt: skip
