"""Real sessions and bridges for the tests of stage, eyes and verdict."""

from functools import cache

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QImage, QMouseEvent
from PySide6.QtWidgets import QApplication

from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from tdxviz.ui.bridge import Bridge
from tdxviz.ui.panel import Hit
from tdxviz.ui.present.films import film_at


@cache
def _played(world: str, attack: str) -> Session:
    session = Session(world)
    if attack:
        session.act(Action("attack", {"id": attack}))
    return session


def bridge(world: str = "ci", attack: str = "host-read-keyid0") -> Bridge:
    """A bridge at the end of an attack; sessions are shared and only moved in time."""
    session = _played(world, attack)
    session.go_to(session.total)
    session.focus = type(session.focus)()
    return Bridge(session)


def shown(kind: type, with_bridge: Bridge, theme, size: tuple[int, int]):
    """A panel of this size that follows the bridge."""
    panel = kind(with_bridge, theme)
    panel.resize(*size)
    panel.show_moment(with_bridge.moment)
    with_bridge.moment_changed.connect(panel.show_moment)
    return panel


def painted(panel) -> QImage:
    image = QImage(panel.size(), QImage.Format.Format_RGB32)
    image.fill(0xFF123456)
    panel.render(image)
    return image


def press(panel, words: str) -> None:
    """Click the area whose tooltip contains ``words``."""
    hit = next(Hit(*hit) for hit in panel.hits if words in Hit(*hit).tooltip)
    panel.activate(hit)


def index_of(events, phase: str) -> int:
    """Index that shows the last still of this phase."""
    at = len(events)
    while at > 0:
        film = film_at(events, at)
        for still in film.stills:
            if still.phase == phase:
                return still.event + 1
        at = film.first
    raise LookupError(phase)


def point(panel, at) -> None:
    """Move the mouse over a panel, held buttons up, whether or not its window is shown."""
    place = QPointF(at)
    event = QMouseEvent(
        QEvent.Type.MouseMove, place, panel.mapToGlobal(place), Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    QApplication.sendEvent(panel, event)
