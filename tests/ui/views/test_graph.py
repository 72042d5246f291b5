"""Arrows that leave one box, reach another and go around what stands between."""

from PySide6.QtCore import QPointF, QRectF

from tdxviz.ui.views import graph

AREA = QRectF(0, 0, 400, 300)
ONE, TWO = QRectF(20, 20, 80, 30), QRectF(20, 220, 80, 30)


def test_a_free_way_is_straight() -> None:
    made = graph.bow(ONE, TWO, [], False, 5, AREA)
    assert made.start == QPointF(60, 50)
    assert made.end == QPointF(60, 220)
    assert made.at(0.5) == QPointF(60, 135)


def test_arrows_both_ways_keep_apart() -> None:
    down, up = graph.bow(ONE, TWO, [], True, 5, AREA), graph.bow(TWO, ONE, [], True, 5, AREA)
    assert abs(down.at(0.5).x() - up.at(0.5).x()) >= 9


def test_a_box_in_between_is_gone_around_inside_the_picture() -> None:
    middle = QRectF(20, 120, 80, 30)
    made = graph.bow(ONE, TWO, [middle], False, 5, AREA)
    points = [made.at(n / 20) for n in range(21)]
    assert not any(middle.contains(point) for point in points)
    assert all(AREA.contains(point) for point in points)


def test_leaving_a_box_meets_its_border() -> None:
    assert graph.leave(ONE, QPointF(500, 35)) == QPointF(100, 35)
    assert graph.leave(ONE, ONE.center()) == ONE.center()
