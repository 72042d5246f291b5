"""Geometry of the stage: nothing overlaps or leaves its region, at any size and scale."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QRectF

from tdxviz.ui.views.stage_layout import plan, zoom

INSIDE = ("core0", "core1", "tlb", "cache", "engine", "module")
OUTSIDE = ("device", "probe", "dram")

sizes = st.tuples(st.integers(620, 2400), st.integers(270, 1300))


def made(width, height, unit=1.0, has_module=True):
    return plan(QRectF(0, 0, width, height), unit, has_module)


@given(sizes, st.booleans())
def test_boxes_do_not_overlap_and_stay_in_their_region(size, has_module):
    where = made(*size, has_module=has_module)
    boxes = {k: v for k, v in where.boxes.items() if k not in ("iommu", "spot")}
    names = sorted(boxes)
    for n, one in enumerate(names):
        assert boxes[one].width() > 40
        assert boxes[one].height() > 30
        for two in names[n + 1 :]:
            assert not boxes[one].intersects(boxes[two]), (one, two)
    for name in names:
        region = where.package if name in INSIDE else where.outside
        assert region.contains(boxes[name]), name
    assert where.package.right() < where.boxes["dram"].left()
    assert where.film.top() > where.package.bottom()


@given(sizes, st.booleans())
def test_arrows_begin_and_end_at_boxes(size, has_module):
    where = made(*size, has_module=has_module)
    for leg, points in where.legs.items():
        assert len(points) >= 2
        for name, point in zip(leg.split(">"), (points[0], points[-1]), strict=True):
            box = where.boxes.get(name)
            if box is not None:
                near = box.adjusted(-1, -1, 1, 1)
                assert near.contains(point), (leg, name)


def test_the_bus_crosses_the_trust_boundary():
    where = made(900, 330)
    first, last = where.legs["dram>engine"][0], where.legs["dram>engine"][-1]
    assert first.x() > where.package.right() > last.x()


def test_short_stages_have_two_rows_and_tall_ones_three():
    short, tall = made(900, 330), made(1090, 560)
    assert not short.tall
    assert tall.tall
    assert short.boxes["tlb"].top() == short.boxes["engine"].top()
    assert tall.boxes["engine"].top() > tall.boxes["tlb"].bottom()


@pytest.mark.parametrize("unit", [1.0, 1.25, 1.5, 2.0])
def test_scaling_scales_everything(unit):
    plain, scaled = made(900, 330), made(900 * unit, 330 * unit, unit)
    for name, box in plain.boxes.items():
        other = scaled.boxes[name]
        assert other.left() == pytest.approx(box.left() * unit)
        assert other.height() == pytest.approx(box.height() * unit)


def test_without_a_module_no_leg_leads_to_it():
    where = made(900, 330, has_module=False)
    assert "module" not in where.boxes
    assert not any("module" in leg for leg in where.legs)


def test_large_panels_are_drawn_larger_but_never_smaller():
    assert zoom(900, 330, 1.0) == 1.0
    assert zoom(2000, 980, 1.0) == pytest.approx(1.7)
    assert zoom(2000, 980, 2.0) == 1.0
