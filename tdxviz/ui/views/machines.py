"""The module's state machines: boxes and arrows from the tables, and a mark where we are."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPen, QPolygonF

from tdxviz.core.arch.transitions import MACHINES
from tdxviz.session.moment import Focus
from tdxviz.ui.present import links
from tdxviz.ui.present import machines as present
from tdxviz.ui.present.machines import Edge, Node, Picture, Subject
from tdxviz.ui.views import graph
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, Brush, mix
from tdxviz.ui.views.tags import choices

NAMES = [one.name for one in MACHINES]
USUAL = "op_state"
MOST_SUBJECTS = 6
"""So many subjects are offered to choose from."""
ROW = 54
"""Height of a row of boxes at 100 %."""


class MachinesPanel(Board):
    """Click a machine to see it, a subject to follow it; O shows the next machine."""

    name = "machines"
    title = "State machines"
    key = "F"
    tooltip = (
        "The states that the TDX module keeps, and what leads from one to the next. The filled box is where the "
        "chosen subject is now, a thick arrow what may happen next, an orange one what the last step did. O: next machine"
    )

    def __init__(self, bridge: Any, theme: Any) -> None:
        self.machine = USUAL
        self.wanted: dict[str, str] = {}
        """Machine -> label of the subject chosen by hand."""
        super().__init__(bridge, theme)

    def forget(self) -> None:
        self._picture: tuple[Any, Picture] | None = None

    # --- what is shown --------------------------------------------------------------------

    def picture(self) -> Picture:
        wanted = self.wanted.get(self.machine, "")
        place = self.place()
        key = (self.machine, wanted, place, self.moment.news)
        if self._picture is None or self._picture[0] != key:
            news = links.latest(self.moment)
            self._picture = key, present.picture(self.ask, self.machine, wanted, place, news)
        return self._picture[1]

    def shown(self) -> Any:
        return self.picture()

    def heading(self) -> tuple[str, str]:
        made = self.picture()
        where = (
            f"{made.subject.label}: {made.subject.state}" if made.subject else "nothing here has such a state"
        )
        return f"State machine: {made.title}", where

    def describe(self) -> str:
        return present.describe(self.picture()) if self.moment is not None else self.title

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(560)), int(self.theme.px(460)))

    def choose(self, name: str) -> None:
        self.machine, self.scrolled = name, 0.0
        self.update()

    def follow(self, subject: Subject) -> None:
        """Show this subject's state; if it has a page, that is chosen too."""
        self.wanted[self.machine] = subject.label
        if subject.hpa is not None:
            self.bridge.select(Focus(hpa=subject.hpa))
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_O:
            self.choose(NAMES[(NAMES.index(self.machine) + 1) % len(NAMES)])
        else:
            super().keyPressEvent(event)

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        u, made = brush.u, self.picture()
        row = [(one.title, one.name == made.name, self._chooser(one.name), f"{len(one.states)} states. Key O: next")
               for one in MACHINES]  # fmt: skip
        y = choices(brush, area, row, self.hit) + 3 * u
        y = self._subjects(brush, QRectF(area.left(), y, area.width(), 0), made) + 7 * u
        rows = 1 + max(node.row for node in made.nodes)
        words = self._word_height(brush, area.width(), made)
        pitch = min(max((area.bottom() - y - words) / rows, ROW * u), 120 * u)
        self._graph(brush, QRectF(area.left(), y, area.width(), pitch * rows), made)
        return self._words(brush, area, y + pitch * rows, made) - area.top() + 4 * u

    def _chooser(self, name: str) -> Callable[[], None]:
        return lambda: self.choose(name)

    def _subjects(self, brush: Brush, area: QRectF, made: Picture) -> float:
        """What has such a state: a few to choose from, else how many there are."""
        if len(made.subjects) < 2:
            return area.top()
        offered = (
            made.subjects if len(made.subjects) <= MOST_SUBJECTS else (made.subject,) if made.subject else ()
        )
        row = [(s.label, s == made.subject, lambda s=s: self.follow(s), f"{s.label} is {s.state}. Click: follow it")
               for s in offered]  # fmt: skip
        y = choices(brush, area, row, self.hit)
        if len(made.subjects) > MOST_SUBJECTS:
            line = brush.font(False, 11)[1].height()
            things = "leaves" if made.name == "sept" else "of them"
            words = f"{len(made.subjects)} {things}; the small numbers say how many are in each state"
            brush.text(QRectF(area.left(), y + 2 * brush.u, area.width(), line), words, "secondary", size=11)
            y += line + 2 * brush.u
        return y

    def _graph(self, brush: Brush, area: QRectF, made: Picture) -> None:
        u = brush.u
        columns = 1 + max(node.column for node in made.nodes)
        rows = 1 + max(node.row for node in made.nodes)
        wide, high = area.width() / columns, area.height() / rows
        need = max(brush.width(node.state, True, 11, True) for node in made.nodes) + 16 * u
        width, height = min(max(wide * 0.66, need), wide - 14 * u), min(high * 0.5, 44 * u)
        boxes = {
            n.state: QRectF(
                area.left() + n.column * wide + (wide - width) / 2, area.top() + n.row * high + (high - height) / 2,
                width, height,
            )
            for n in made.nodes
        }  # fmt: skip
        pairs = {(e.before, e.after) for e in made.edges}
        labels: list[tuple[graph.Bow, Edge]] = []
        for edge in sorted(made.edges, key=lambda e: (e.taken, e.usable)):
            others = [box for state, box in boxes.items() if state not in (edge.before, edge.after)]
            back = (edge.after, edge.before) in pairs
            way = graph.bow(boxes[edge.before], boxes[edge.after], others, back, 5 * u, area)
            self._edge(brush, way, edge)
            labels += [(way, edge)] if _role(edge) else []
        for node in made.nodes:
            self._node(brush, boxes[node.state], node, made)
        busy = list(boxes.values())
        for way, edge in reversed(labels):
            self._label(brush, way, edge, area, busy)

    def _edge(self, brush: Brush, way: graph.Bow, edge: Edge) -> None:
        u = brush.u
        role = _role(edge)
        color = brush.color(role) if role else mix(self.theme.panel, self.theme.secondary, 0.55)
        graph.paint(brush, way, color, (2.4 if role else 1.2) * u)
        middle = way.at(0.5)
        self.hit(QRectF(middle.x() - 9 * u, middle.y() - 9 * u, 18 * u, 18 * u), None, edge.tooltip)

    def _label(self, brush: Brush, way: graph.Bow, edge: Edge, area: QRectF, busy: list[QRectF]) -> None:
        """What leads along an arrow that matters now, where it covers neither a box nor another label."""
        u = brush.u
        name = edge.leaves[0].removeprefix("TDH.").removeprefix("TDG.")
        words = name if len(edge.leaves) == 1 else f"{name} +{len(edge.leaves) - 1}"
        width, height = brush.width(words, True, 11) + 16 * u, brush.font(True, 11)[1].height() + 4 * u
        for share in (0.5, 0.38, 0.62, 0.28, 0.72):
            at = way.at(share)
            left = max(area.left(), min(at.x() - width / 2, area.right() - width))
            box = QRectF(left, at.y() - height / 2, width, height)
            if not any(box.intersects(other) for other in busy):
                brush.pill(at, words, brush.color("panel"), brush.color("text"), brush.color(_role(edge)),
                           size=11, bold=False, keep=area)  # fmt: skip
                self.hit(box, None, edge.tooltip)
                busy.append(box)
                return

    def _node(self, brush: Brush, rect: QRectF, node: Node, made: Picture) -> None:
        u = brush.u
        fill = mix(self.theme.panel, brush.color("accent"), 0.32) if node.here else brush.color("bg")
        edge = brush.color("accent" if node.here else "edge" if node.count else "rule")
        brush.frame(rect, fill, edge, (2.6 if node.here else 1.2) * u, 6 * u)
        role = "text" if node.here or node.count else "secondary"
        brush.text(
            rect.adjusted(3 * u, 0, -3 * u, 0),
            node.state,
            role,
            mono=True,
            size=11,
            bold=node.here,
            align=CENTRE,
        )
        if node.here:
            self._pin_mark(brush, QPointF(rect.center().x(), rect.top() - 2 * u))
        if node.count and len(made.subjects) > 1:
            centre = QPointF(rect.right() - 3 * u, rect.bottom() - u)
            brush.pill(
                centre, str(node.count), brush.color("panel"), brush.color("text"), edge, size=11, bold=False
            )
        subject = made.subject
        target = Focus(hpa=subject.hpa) if node.here and subject and subject.hpa is not None else None
        self.hit(rect, target, node.tooltip)
        if target is not None:
            self.link(rect.adjusted(-3 * u, -3 * u, 3 * u, 3 * u), lambda f: f == target)

    def _pin_mark(self, brush: Brush, tip: QPointF) -> None:
        """You are here: a pointer above the box."""
        u = brush.u
        brush.p.setPen(QPen(brush.color("panel"), 1.4 * u))
        brush.p.setBrush(brush.color("accent"))
        brush.p.drawPolygon(
            QPolygonF(
                [tip, QPointF(tip.x() - 7 * u, tip.y() - 10 * u), QPointF(tip.x() + 7 * u, tip.y() - 10 * u)]
            )
        )

    def _texts(self, made: Picture) -> list[tuple[str, str]]:
        rows = [(made.words[0], "text"), *((words, "secondary") for words in made.words[1:])]
        if made.others:
            rows.append((f"Further states, of live migration: {', '.join(made.others)}.", "secondary"))
        return rows

    def _word_height(self, brush: Brush, width: float, made: Picture) -> float:
        line = brush.font(False, 12)[1].height()
        return sum(_lines(brush, words, width) * line for words, _ in self._texts(made)) + 8 * brush.u

    def _words(self, brush: Brush, area: QRectF, y: float, made: Picture) -> float:
        """Where we are, and what leads on, in sentences; the y below."""
        line = brush.font(False, 12)[1].height()
        y += 4 * brush.u
        for words, role in self._texts(made):
            count = _lines(brush, words, area.width())
            brush.wrapped(QRectF(area.left(), y, area.width(), line), words, role, size=12, lines=count)
            y += count * line
        return y


def _role(edge: Edge) -> str:
    """Colour of an arrow that matters now; empty for the others."""
    return "phase" if edge.taken else "accent" if edge.usable else ""


def _lines(brush: Brush, words: str, width: float) -> int:
    """Lines that ``words`` take; a little generous."""
    return max(1, -(-int(brush.width(words, size=12) * 1.06) // max(int(width), 1)))
