"""Repaint of the map of 65,536 pages against pyqtgraph's ImageItem with as many points, in one run.

Both get other data each time (look-up and image anew) and paint all of it into a window of the same
size. Aim: at most 0.5 of ImageItem.

Run: python benchmarks/bench_map.py [REPAINTS]
"""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyqtgraph as pg
from PySide6.QtWidgets import QApplication, QWidget

from tdxviz.ui.studio import Studio, look, settle, studio

SIZE = (900, 640)
SIDE = 256
AIM = 0.5


def milliseconds(change: Callable[[int], None], widget: QWidget, count: int) -> float:
    """Median of changing the data and repainting at once."""
    times = []
    for n in range(count + 5):
        start = time.perf_counter()
        change(n)
        widget.repaint()
        QApplication.processEvents()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times[5:])


def map_of(made: Studio) -> tuple[QWidget, Callable[[int], None]]:
    """The panel with all of memory in sight, and a way to give it other pages."""
    from tdxviz.ui.views.memory_map import MemoryMapPanel

    panel = MemoryMapPanel(made.control.bridge, made.window.theme)
    panel.show_moment(made.control.bridge.moment)
    panel.resize(*SIZE)
    panel.set_zoom(0)
    panel.show()
    layer = panel.layer()
    assert len(layer.codes) == SIDE * SIDE
    others = [replace(layer, codes=np.roll(layer.codes, n)) for n in range(8)]

    def change(n: int) -> None:
        panel._layers[panel.overlay] = (panel.moment.news, others[n % len(others)])
        panel.update()

    return panel, change


def image_item(codes: np.ndarray) -> tuple[QWidget, Callable[[int], None]]:
    """pyqtgraph's way to show a coloured grid that changes."""
    view = pg.GraphicsView()
    item = pg.ImageItem()
    view.setCentralItem(box := pg.ViewBox(enableMenu=False))
    box.addItem(item)
    rng = np.random.default_rng(7)
    item.setLookupTable(rng.integers(0, 255, (256, 3), np.uint8))
    others = [np.roll(codes, n).reshape(SIDE, SIDE) for n in range(8)]
    item.setImage(others[0], autoLevels=False, levels=(0, 255))
    view.resize(*SIZE)
    view.show()

    def change(n: int) -> None:
        item.setImage(others[n % len(others)], autoLevels=False)
        view.viewport().update()

    return view, change


def main() -> int:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with studio(look("1280x720")) as made:
        made.control.sandbox()
        panel, change = map_of(made)
        view, change_item = image_item(panel.layer().codes)
        settle()
        ours, theirs = [], []
        for _ in range(3):
            ours.append(milliseconds(change, panel, count // 3))
            theirs.append(milliseconds(change_item, view.viewport(), count // 3))
        panel.close()
        view.close()
    ratio = min(ours) / min(theirs)
    print(
        f"map of {SIDE * SIDE:,} pages {min(ours):.2f} ms, ImageItem {min(theirs):.2f} ms, at {SIZE[0]}x{SIZE[1]}"
    )
    print(f"memory map ÷ pyqtgraph ImageItem = {ratio:.2f} (aim <= {AIM})")
    return 0 if ratio <= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
