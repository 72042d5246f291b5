"""The film bar under the stage: transport, numbered notches with labels, speed, and the sentence."""

from dataclasses import dataclass
from itertools import pairwise

from PySide6.QtCore import QPointF, QRectF

from tdxviz.ui.present.film_parts import FULL_FILM, Film
from tdxviz.ui.present.hexes import sentence
from tdxviz.ui.present.stage_parts import StagePicture
from tdxviz.ui.views.stage_brush import CENTRE, RIGHT, Brush

SPEEDS = (0.25, 1.0, 4.0)
SPEED_WORDS = {0.25: "¼×", 1.0: "1×", 4.0: "4×"}
BUTTON = 24.0
NOTCH = 9.0


@dataclass(frozen=True)
class Bar:
    """Geometry of the film bar: one notch a still, buttons left, speeds right."""

    track: QRectF
    notches: tuple[QPointF, ...]
    buttons: dict[str, QRectF]
    speeds: dict[float, QRectF]
    sentence: QRectF
    labels: QRectF
    count: QRectF


def bar(area: QRectF, unit: float, film: Film | None) -> Bar:
    """A hit's track is shorter than a full access: its length counts stills."""
    u = unit
    row = QRectF(area.left(), area.top() + 15 * u, area.width(), 20 * u)
    names = ("back", "on", "play")
    buttons = {
        name: QRectF(
            row.left() + n * (BUTTON + 3) * u, row.top() - 1 * u, (BUTTON if n < 2 else 46) * u, 22 * u
        )
        for n, name in enumerate(names)
    }
    right = row.right()
    speeds: dict[float, QRectF] = {}
    for n, speed in enumerate(reversed(SPEEDS)):
        speeds[speed] = QRectF(right - (n + 1) * 28 * u, row.top(), 27 * u, row.height())
    count = QRectF(speeds[0.25].left() - 52 * u, row.top(), 46 * u, row.height())
    start = buttons["play"].right() + 26 * u
    full = max(count.left() - 24 * u - start, 60 * u)
    total = len(film.stills) if film else 1
    steps = max(total, FULL_FILM) - 1
    notches = tuple(QPointF(start + full * n / steps, row.center().y()) for n in range(total))
    track = QRectF(start, row.center().y() - 2.5 * u, full * (total - 1) / steps, 5 * u)
    sentence = QRectF(area.left(), row.bottom() + 1 * u, area.width(), area.bottom() - row.bottom())
    labels = QRectF(start - 24 * u, area.top() - 1 * u, count.right() - start + 24 * u, 15 * u)
    return Bar(track, notches, buttons, speeds, sentence, labels, count)


def fitting(brush: Brush, where: Bar, film: Film, now: int) -> list[str]:
    """Labels of all notches: full words if they fit side by side, else short, else the current."""
    full = [still.label for still in film.stills]
    short = [still.short for still in film.stills]
    mixed = [still.label if n == now else still.short for n, still in enumerate(film.stills)]
    for words in (full, mixed, short):
        if _fit(brush, where, words, now):
            return words
    return [still.label if n == now else "" for n, still in enumerate(film.stills)]


def _fit(brush: Brush, where: Bar, words: list[str], now: int) -> bool:
    spans = [_span(brush, where, n, word, n == now) for n, word in enumerate(words)]
    gap = 8 * brush.u
    return all(a.right() + gap <= b.left() for a, b in pairwise(spans))


def _span(brush: Brush, where: Bar, number: int, word: str, bold: bool) -> QRectF:
    width = brush.width(word, size=11, bold=bold) + 2
    left = where.notches[number].x() - width / 2
    left = max(where.labels.left(), min(left, where.labels.right() - width))
    return QRectF(left, where.labels.top(), width, where.labels.height())


def paint(brush: Brush, where: Bar, shown: StagePicture, playing: bool, speed: float) -> None:
    """The whole bar."""
    _buttons(brush, where, playing)
    _speeds(brush, where, speed)
    film = shown.film
    if film is None:
        text = "Nothing has happened yet: run the guest, or attack it."
        brush.text(where.sentence, text, "secondary", size=12)
        return
    _track(brush, where, shown, film)
    u = brush.u
    brush.text(where.count, f"{shown.still + 1} of {len(film.stills)}", "secondary", size=11, align=RIGHT)
    if film.hit and len(film.stills) < FULL_FILM and where.notches:
        left = where.notches[-1].x() + 16 * u
        room = QRectF(left, where.track.top() - 8 * u, where.count.left() - left, 20 * u)
        brush.text(room, "hit: the way to memory is saved", "good", size=11)
    if where.sentence.height() < 12 * u:
        return
    if shown.refused:
        wide = brush.text(where.sentence, f"✕ {sentence(shown.refused)}", "bad", bold=True)
        if not film.stills[shown.still].refused:
            rest = where.sentence.adjusted(wide + 14 * u, 0, 0, 0)
            brush.text(rest, shown.sentence, "secondary")
    else:
        brush.text(where.sentence, shown.sentence)


def _track(brush: Brush, where: Bar, shown: StagePicture, film: Film) -> None:
    u, p = brush.u, brush.p
    line = where.track
    p.fillRect(line, brush.color("rule"))
    done = QRectF(line)
    done.setRight(where.notches[shown.still].x())
    role = "bad" if shown.refused else "inside"
    p.fillRect(done, brush.color(role))
    words = fitting(brush, where, film, shown.still)
    for number, (notch, still) in enumerate(zip(where.notches, film.stills, strict=True)):
        past, now = number <= shown.still, number == shown.still
        fill = brush.color("bad" if still.refused and past else role) if past else brush.color("rule")
        ink = brush.ink(role) if past else brush.color("text")
        brush.disc(notch, str(number + 1), fill, ink, (NOTCH if now else NOTCH - 2) * u)
        at = _span(brush, where, number, words[number], now)
        color = ("bad" if still.refused else role) if now else "secondary"
        brush.text(at, words[number], color, size=11, bold=now, align=CENTRE)


def _buttons(brush: Brush, where: Bar, playing: bool) -> None:
    glyphs = {"back": "◀", "on": "▶", "play": "pause" if playing else "play"}
    u = brush.u
    for name, rect in where.buttons.items():
        brush.frame(rect, brush.theme.panel, brush.color("rule"), 1.2 * u, 4 * u)
        brush.text(rect, glyphs[name], size=11, align=CENTRE)


def _speeds(brush: Brush, where: Bar, speed: float) -> None:
    u = brush.u
    for value, rect in where.speeds.items():
        chosen = value == speed
        if chosen:
            brush.frame(rect, brush.tint("accent", 0.2), brush.color("accent"), 1.2 * u, 4 * u)
        role = "text" if chosen else "secondary"
        brush.text(rect, SPEED_WORDS[value], role, size=11, bold=chosen, align=CENTRE)
