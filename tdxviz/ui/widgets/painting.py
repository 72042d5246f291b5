"""The one way to open a painter: it is closed whatever happens in between.

A painter that an exception leaves open takes the whole application down with its widget.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from PySide6.QtGui import QPaintDevice, QPainter


@contextmanager
def painting(device: QPaintDevice, *, smooth: bool = True) -> Iterator[QPainter]:
    """A painter on a widget, picture or image, with smooth edges unless told otherwise."""
    painter = QPainter(device)
    try:
        if smooth:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        yield painter
    finally:
        painter.end()
