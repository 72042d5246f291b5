"""Where everything on the stage is, for any size: plain rectangles and polylines, no painting.

Tall stages use three rows inside the package (cores; TLB, cache, module; engine). Short ones use
two (cores, module; TLB, cache, engine), so that the way of an access stays one readable line.
"""

from dataclasses import dataclass, field

from PySide6.QtCore import QPointF, QRectF

TITLE = 24.0
FILM = 54.0
FILM_LOW = 36.0
"""Without the row for the sentence, which then stands beside the title."""
LOW = 262.0
"""Below this height of the panel every pixel goes to the boxes."""
GAP = 10.0
ROW_GAP = 26.0
"""Height between rows of boxes: an arrow, its disc and a token fit in."""
SLIM = 640.0
"""Below this width of the picture gaps and margins shrink."""
TALL = 380.0
"""From this height of the picture on there is room for three rows."""

SMALLEST = 0.85
"""Least zoom; type stays above 12 pixels."""

Legs = dict[str, list[QPointF]]


@dataclass
class Plan:
    """All geometry of one stage in device-independent pixels."""

    unit: float
    tall: bool
    size: int
    """Pixels of a box's title at 100 %."""
    data: int
    """Pixels of its lines at 100 %."""
    title: QRectF
    package: QRectF
    outside: QRectF
    film: QRectF
    slim: bool = False
    """So narrow that gaps and margins shrink before the words do."""
    boxes: dict[str, QRectF] = field(default_factory=dict)
    legs: Legs = field(default_factory=dict)
    tokens: dict[str, QPointF] = field(default_factory=dict)
    marks: dict[str, QPointF] = field(default_factory=dict)
    """Where the number of a leg sits, if not at its middle."""


def plan(area: QRectF, unit: float, has_module: bool = True) -> Plan:
    """Lay the stage out in ``area``; ``unit`` is the size of one unscaled pixel."""
    inner = area.adjusted(GAP * unit, 0, -GAP * unit, 0)
    title = QRectF(inner.left(), inner.top(), inner.width(), TITLE * unit)
    below = (FILM if area.height() >= LOW * unit else FILM_LOW) * unit
    film = QRectF(inner.left(), inner.bottom() - below, inner.width(), below)
    top = title.bottom() + 8 * unit
    picture = QRectF(inner.left(), top, inner.width(), film.top() - top - 4 * unit)
    tall = picture.height() >= TALL * unit
    slim = picture.width() < SLIM * unit
    gutter = (54 if picture.width() > 1000 * unit else 36 if slim else 46) * unit
    if tall:
        picture.setBottom(picture.bottom() - 10 * unit)
    size = 12 if not tall else 13 if picture.height() < 460 * unit else 14
    share = 0.62 if picture.width() > 760 * unit else 0.58
    package = QRectF(picture.left(), picture.top(), picture.width() * share, picture.height())
    outside = QRectF(package.right() + gutter * 0.36, picture.top(), 0, picture.height())
    outside.setRight(picture.right())
    made = Plan(unit, tall, size, max(size - 1, 12), title, package, outside, film, slim)
    _inside(made, has_module)
    _outside(made, gutter)
    _legs(made, has_module)
    _tokens(made)
    return made


def zoom(width: float, height: float, unit: float) -> float:
    """How much larger than usual the stage is drawn in a large panel; a little smaller in a small one
    where everything is drawn large anyway."""
    least = max(SMALLEST, min(1.0, 1 / unit))
    small = max(least, min(width / (600 * unit), height / (300 * unit), 1.0))
    return small if small < 1.0 else max(1.0, min(width / (1000 * unit), height / (490 * unit), 1.7))


def _row(area: QRectF, top: float, height: float, shares: list[float], gap: float) -> list[QRectF]:
    """Boxes side by side; ``shares`` of the width that the gaps leave."""
    room = area.width() - gap * (len(shares) - 1)
    total, left, made = sum(shares), area.left(), []
    for share in shares:
        width = room * share / total
        made.append(QRectF(left, top, width, height))
        left += width + gap
    return made


def _inside(made: Plan, has_module: bool) -> None:
    u = made.unit
    pad, across = (7 * u, 18 * u) if made.slim else (12 * u, 26 * u)
    area = made.package.adjusted(pad, 14 * u, -pad - 8 * u, -pad)
    gap = ROW_GAP * u
    names: dict[str, QRectF] = {}
    if made.tall:
        room = area.height() - 2 * gap
        heights = [room * 0.42, room * 0.27, room * 0.31]
        first = _row(area, area.top(), heights[0], [0.54, 0.46], 24 * u)
        second_top = area.top() + heights[0] + gap
        shares = [0.29, 0.40, 0.31] if has_module else [0.29, 0.71]
        second = _row(area, second_top, heights[1], shares, 26 * u)
        engine_top = second_top + heights[1] + gap
        left = second[1].left()
        names.update(zip(("tlb", "cache", "module"), second, strict=False))
        names["engine"] = QRectF(left, engine_top, area.right() - left, heights[2])
        names["spot"] = QRectF(area.left(), engine_top, left - area.left() - 12 * u, heights[2])
    else:
        room = area.height() - gap
        heights = [room * 0.54, room * 0.46]
        shares = [0.485, 0.30, 0.215] if has_module else [0.50, 0.50]
        low = [0.25, 0.33, 0.42]
        if made.slim:
            shares, low = [0.44, 0.29, 0.27] if has_module else shares, [0.29, 0.33, 0.38]
        first = _row(area, area.top(), heights[0], shares, (8 if made.slim else 16) * u)
        second = _row(area, area.top() + heights[0] + gap, heights[1], low, across)
        names.update(zip(("tlb", "cache", "engine"), second, strict=False))
        if has_module:
            names["module"] = first[2]
    made.boxes.update(names)
    made.boxes["core0"], made.boxes["core1"] = first[0], first[1]


def _outside(made: Plan, gutter: float) -> None:
    u = made.unit
    area = made.outside.adjusted(
        gutter * 0.64, 16 * u, (-6 if made.slim else -10) * u, (-7 if made.slim else -12) * u
    )
    height = min(area.height() * 0.30, 84 * u)
    height = max(height, min(52 * u, area.height() * 0.4))
    pair = _row(area, area.top(), height, [0.46, 0.54], (6 if made.slim else 12) * u)
    made.boxes["device"], made.boxes["probe"] = pair
    dram_top = pair[0].bottom() + ROW_GAP * u * (1.4 if made.tall else 0.8)
    engine = made.boxes["engine"]
    limit = engine.center().y() - 46 * u
    dram_top = min(dram_top, max(limit, pair[0].bottom() + 16 * u))
    made.boxes["dram"] = QRectF(area.left(), dram_top, area.width(), area.bottom() - dram_top)
    edge = made.package.right()
    middle = pair[0].center().y()
    made.boxes["iommu"] = QRectF(edge - 9 * u, middle - 24 * u, 18 * u, 48 * u)


def _legs(made: Plan, has_module: bool) -> None:
    b, u = made.boxes, made.unit
    legs = made.legs
    x0 = b["tlb"].left() + b["tlb"].width() * 0.42
    legs["core0>tlb"] = _vertical(x0, b["core0"].bottom(), b["tlb"].top())
    y = b["tlb"].top() + b["tlb"].height() * 0.42
    legs["tlb>cache"] = _horizontal(y, b["tlb"].right(), b["cache"].left())
    low, high = b["cache"].left(), min(b["cache"].right(), b["core0"].right())
    legs["cache>core0"] = _vertical((low + high) / 2 + 4 * u, b["cache"].top(), b["core0"].bottom())
    legs["core0>cache"] = legs["cache>core0"][::-1]
    low, high = max(b["cache"].left(), b["core1"].left()), min(b["cache"].right(), b["core1"].right())
    legs["core1>cache"] = _vertical(low + (high - low) * 0.35, b["core1"].bottom(), b["cache"].top())
    legs["cache>core1"] = _vertical(low + (high - low) * 0.72, b["cache"].top(), b["core1"].bottom())
    _engine_legs(made)
    _outer_legs(made)
    if has_module:
        _module_legs(made)


def _engine_legs(made: Plan) -> None:
    b, u, legs = made.boxes, made.unit, made.legs
    cache, engine = b["cache"], b["engine"]
    if made.tall:
        x = cache.left() + cache.width() * 0.5
        legs["cache>engine"] = _vertical(x + 30 * u, cache.bottom(), engine.top())
        legs["engine>cache"] = _vertical(x - 30 * u, engine.top(), cache.bottom())
    else:
        y, h = cache.top(), cache.height()
        legs["cache>engine"] = _horizontal(y + h * 0.30, cache.right(), engine.left())
        legs["engine>cache"] = _horizontal(y + h * 0.74, engine.left(), cache.right())
    y = _bus_height(made)
    legs["dram>engine"] = _horizontal(y, b["dram"].left(), engine.right())
    legs["engine>dram"] = legs["dram>engine"][::-1]
    legs["bus>dram"] = _horizontal(y, made.package.right() + 10 * u, b["dram"].left())


def _bus_height(made: Plan) -> float:
    engine, dram = made.boxes["engine"], made.boxes["dram"]
    low, high = max(engine.top(), dram.top()), min(engine.bottom(), dram.bottom())
    return low + (high - low) * 0.58


def _outer_legs(made: Plan) -> None:
    b, u, legs = made.boxes, made.unit, made.legs
    device, probe, iommu, engine = b["device"], b["probe"], b["iommu"], b["engine"]
    y = device.center().y()
    legs["device>iommu"] = _horizontal(y, device.left(), iommu.right())
    down = QPointF(iommu.center().x() - 5 * u, iommu.bottom())
    inner = min(engine.right() - 10 * u, down.x())
    elbow = engine.top() - 8 * u
    legs["iommu>engine"] = [down, QPointF(down.x(), elbow), QPointF(inner, elbow),
                            QPointF(inner, engine.top())]  # fmt: skip
    legs["engine>device"] = [*legs["iommu>engine"][::-1], *legs["device>iommu"][::-1]]
    legs["core1>iommu"] = _horizontal(y, b["core1"].right(), iommu.left())
    bus = QPointF(made.package.right() + 14 * u, _bus_height(made))
    turn = (device.bottom() + b["dram"].top()) / 2
    legs["probe>bus"] = [QPointF(probe.center().x(), probe.bottom()), QPointF(probe.center().x(), turn),
                         QPointF(bus.x(), turn), bus]  # fmt: skip
    legs["bus>probe"] = legs["probe>bus"][::-1]
    made.tokens["clip"] = bus


def _module_legs(made: Plan) -> None:
    b, u, legs = made.boxes, made.unit, made.legs
    module = b["module"]
    if made.tall:
        y = b["cache"].bottom() + 9 * u
        legs["tlb>module"] = [QPointF(b["tlb"].center().x(), b["tlb"].bottom()),
                              QPointF(b["tlb"].center().x(), y), QPointF(module.center().x(), y),
                              QPointF(module.center().x(), module.bottom())]  # fmt: skip
        x = module.center().x() + 24 * u
        legs["core1>module"] = _vertical(x, b["core1"].bottom(), module.top())
        lane = b["core1"].bottom() + 9 * u
        legs["core0>module"] = [QPointF(b["core0"].right() - 20 * u, b["core0"].bottom()),
                                QPointF(b["core0"].right() - 20 * u, lane), QPointF(x - 20 * u, lane),
                                QPointF(x - 20 * u, module.top())]  # fmt: skip
    else:
        lane = b["core0"].bottom() + 9 * u
        x = module.center().x()
        legs["tlb>module"] = [QPointF(b["tlb"].right() - 12 * u, b["tlb"].top()),
                              QPointF(b["tlb"].right() - 12 * u, lane), QPointF(x, lane),
                              QPointF(x, module.bottom())]  # fmt: skip
        made.marks["tlb>module"] = QPointF(x - 26 * u, lane + 11 * u)
        y = module.top() + module.height() * 0.6
        legs["core1>module"] = _horizontal(y, b["core1"].right(), module.left())
        legs["core0>module"] = [QPointF(b["core0"].right() - 20 * u, b["core0"].bottom()),
                                QPointF(b["core0"].right() - 20 * u, lane), QPointF(x, lane),
                                QPointF(x, module.bottom())]  # fmt: skip
    legs["module>core0"] = legs["core0>module"][::-1]
    legs["module>core1"] = legs["core1>module"][::-1]


def _tokens(made: Plan) -> None:
    b, u = made.boxes, made.unit
    bus = _bus_height(made)
    made.tokens["bus"] = QPointF(made.package.right() + 8 * u, bus - 20 * u)
    made.tokens["engine"] = QPointF(b["engine"].center().x(), b["engine"].top() - ROW_GAP * u * 0.5)
    spot = b.get("spot")
    if spot is not None:
        made.tokens["engine"] = QPointF(spot.center().x(), spot.top() + 16 * u)
    middle = made.legs["engine>cache"]
    y = b["engine"].top() - ROW_GAP * u * 0.5
    made.tokens["engine>cache"] = QPointF((middle[0].x() + middle[-1].x()) / 2 - 62 * u * made.tall, y)
    made.tokens["cache"] = QPointF(b["cache"].center().x(), b["cache"].top() - ROW_GAP * u * 0.5)
    for core in ("core0", "core1"):
        leg = made.legs[f"cache>{core}"]
        made.tokens[f"cache>{core}"] = QPointF(leg[0].x() + 64 * u, -2 * u + (leg[0].y() + leg[-1].y()) / 2)
    made.tokens["device"] = QPointF(b["device"].center().x(), b["device"].bottom() + 2 * u)


def _vertical(x: float, start: float, end: float) -> list[QPointF]:
    return [QPointF(x, start), QPointF(x, end)]


def _horizontal(y: float, start: float, end: float) -> list[QPointF]:
    return [QPointF(start, y), QPointF(end, y)]
