"""Attack cards: who, what, where, and a question; one click plays it."""

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import (
    QFrame,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from tdxviz.ui.panel import Panel
from tdxviz.ui.present import attacks as present
from tdxviz.ui.theme import VERDICT_ROLES
from tdxviz.ui.widgets.flow import Flow

POSITIONS = {"software": "host", "device": "device", "physical": "probe"}


class AttacksPanel(Panel):
    """Cards in a column, filtered by what is typed above them."""

    name = "attacks"
    title = "Attacks"
    key = "A"
    tooltip = "Choose an attack: it is played by the machine and judged by its events"

    def __init__(self, bridge: Any, theme: Any) -> None:
        super().__init__(bridge, theme)
        self._shown: tuple[Any, ...] = ()
        self._frames: dict[str, tuple[Any, QFrame]] = {}
        """The cards as they stand, with what they say: one that says the same is kept."""
        self.box = QVBoxLayout(self)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("filter: probe, read, register …")
        self.filter.setAccessibleName("Filter attacks")
        self.filter.textChanged.connect(lambda _: self._rebuild())
        self.head = QLabel(self.title)
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        for widget in (self.head, self.filter):
            self.box.addWidget(widget)
        self.box.addWidget(self.area, 1)
        self.setFocusProxy(self.filter)

    def sizeHint(self) -> QSize:
        return QSize(int(self.theme.px(330)), int(self.theme.px(480)))

    def minimumSizeHint(self) -> QSize:
        return QSize(int(self.theme.px(200)), int(self.theme.px(100)))

    def set_theme(self, theme: Any) -> None:
        super().set_theme(theme)
        self._shown, self._frames = (), {}
        if self.moment is not None:
            self.show_moment(self.moment)

    def show_moment(self, moment: Any) -> None:
        self.moment = moment  # its widgets paint themselves when they change
        session = self.bridge.session
        player = getattr(self.bridge, "player", None)
        step = player.position if player else -1
        now = (
            id(session),
            session.world,
            session.branch,
            step,
            tuple(sorted(present.newest_verdicts(session).items())),
        )
        if now != self._shown:
            self._shown = now
            self._rebuild()

    # --- cards ----------------------------------------------------------------------------

    def _cards(self) -> list[present.CardText]:
        from tdxviz.core.attacks.catalogue import attacks

        words = self.filter.text().lower().split()
        cards = present.cards(attacks(), self.bridge.session)
        return [card for card in cards if card.has(words)]

    def _refusal(self) -> str:
        from tdxviz.session.actions import Action

        return self.bridge.guard(Action("attack", {"id": ""})) if self.bridge.guard else ""

    def _rebuild(self) -> None:
        u = self.theme.px
        self.box.setContentsMargins(int(u(12)), int(u(8)), int(u(8)), int(u(8)))
        self.head.setFont(self.theme.font(14, True))
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, int(u(6)), 0)
        column.setSpacing(int(u(8)))
        refusal, world = self._refusal(), self.bridge.session.world
        old, self._frames = self._frames, {}
        for card in self._cards():
            known = old.get(card.id)
            same = known is not None and known[0] == (card, refusal, world)
            frame = known[1] if known is not None and same else self._card(card, refusal)
            self._frames[card.id] = ((card, refusal, world), frame)
            column.addWidget(frame)
        column.addStretch(1)
        self.area.setWidget(inner)

    def _card(self, card: present.CardText, refusal: str) -> QFrame:
        u = self.theme.px
        frame, inner = QFrame(), QVBoxLayout()
        frame.setProperty("role", "card")
        inner.setContentsMargins(int(u(10)), int(u(8)), int(u(10)), int(u(8)))
        inner.setSpacing(int(u(3)))
        title = self._label(card.title)
        title.setFont(self.theme.font(14, True))
        inner.addWidget(title)
        inner.addWidget(self._label(f"{card.who} {card.what}, {card.where}.", "secondary"))
        inner.addWidget(self._label(card.question))
        self._fill(inner, card, refusal)
        for way in card.ways:
            inner.addWidget(self._label(f"or: {way.title}", "secondary"))
            self._fill(inner, way, refusal)
        frame.setLayout(inner)
        return frame

    def _fill(self, inner: QVBoxLayout, card: present.CardText | present.Way, refusal: str) -> None:
        """What came of it so far, and its buttons."""
        if card.results:
            inner.addWidget(self._results(card))
        row = Flow(int(self.theme.px(6)))
        legacy = self.bridge.session.world == "legacy"
        played = self.bridge.session.world in [world for world, _, _ in card.results]
        row.add(self._button(f"play_{card.id}", "Play", f"Play the attack: {card.title}", refusal,
                             "The machine carries it out; the banner tells the verdict",
                             lambda: self._play(card.id)))  # fmt: skip
        other = "a TD" if legacy else "the legacy VM"
        row.add(self._button(f"contrast_{card.id}", "⇄ Both worlds",
                             f"In both worlds: {card.title}", "" if played else refusal,
                             f"The same attack here and in {other}, verdict beside verdict",
                             lambda: self.bridge.contrast(card.id)))  # fmt: skip
        inner.addWidget(row)

    def _results(self, card: present.CardText | present.Way) -> QWidget:
        """The newest verdict in each world where it was played, in its colour."""
        row = Flow(int(self.theme.px(10)))
        for world, word, shape in card.results:
            chip = self._label(f"{present.WORLD_SHORT[world]}: {word}")
            chip.setWordWrap(False)
            tone = getattr(self.theme, VERDICT_ROLES.get(shape, "secondary"))
            chip.setStyleSheet(f"color: {tone}; font-weight: bold; font-size: {self.theme.px(11.5):.0f}px;")
            row.add(chip)
        return row

    def _button(
        self, name: str, words: str, spoken: str, refusal: str, tip: str, act: Callable[[], object]
    ) -> QPushButton:
        button = QPushButton(words)
        button.setObjectName(name)
        button.setAccessibleName(spoken)
        button.setEnabled(not refusal)
        button.setToolTip(refusal or tip)
        button.clicked.connect(lambda _=False: act())
        return button

    def _label(self, text: str, role: str = "") -> QLabel:
        label = QLabel(text)
        label.setWordWrap(True)
        label.setProperty("role", role)
        label.setTextFormat(Qt.TextFormat.PlainText)
        return label

    def _play(self, name: str) -> None:
        from tdxviz.session.actions import Action

        self.bridge.act(Action("attack", {"id": name}))

    def describe(self) -> str:
        rows = [
            f"{c.title}: {c.question}" + "".join(f" Or: {way.title}." for way in c.ways)
            for c in self._cards()
        ]
        return f"{len(rows)} attacks. " + " ".join(rows)
