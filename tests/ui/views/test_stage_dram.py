"""Rows of the DRAM box: the line in question is always among them."""

import pytest
from PySide6.QtCore import QRectF

from tdxviz.ui.present import stage_memory
from tdxviz.ui.theme import LIGHT
from tdxviz.ui.views.stage_brush import Fonts
from tdxviz.ui.views.stage_dram import plan_rows
from tdxviz.ui.views.stage_layout import plan
from tests.ui import stage_samples as s


@pytest.mark.parametrize("size", [(620, 220), (900, 260), (900, 330), (1900, 980)])
@pytest.mark.parametrize("hpa", [0x413000, s.HPA, 0x413FC0])
def test_rows_fit_their_box_and_hold_the_focus(qapp, size, hpa):
    where = plan(QRectF(0, 0, *size), 1.0)
    placed = plan_rows(where, Fonts(LIGHT), stage_memory.rows(s.FakeAsk(), hpa))
    box = where.boxes["dram"]
    assert 1 <= len(placed.rows) <= 5
    assert any(row.focus for row, _ in placed.rows)
    for _, rect in placed.rows:
        assert box.contains(rect)
        assert rect.height() >= 11
    for (_, one), (_, two) in zip(placed.rows, placed.rows[1:], strict=False):
        assert one.bottom() <= two.top() + 0.01
