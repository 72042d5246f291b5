"""Under the bytes of a line: MAC stored against recomputed, owner bit, cached copies, conclusion."""

from PySide6.QtCore import QPointF, QRectF

from tdxviz.ui.present.line import LinePicture
from tdxviz.ui.views import glyphs
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import CENTRE, Brush

MAC_TIP = (
    "28-bit MAC over ciphertext, address and owner bit, stored beside the line.\n"
    "On a read with a private KeyID it is recomputed; ≠ means poison."
)
OWNER_TIP = "One bit a line: was it last written with a private KeyID?"


class Flow:
    """Puts things beside each other and starts a new row when one does not fit."""

    def __init__(self, area: QRectF, pitch: float, gap: float) -> None:
        self.x, self.y = area.left(), area.top()
        self.area, self.pitch, self.gap = area, pitch, gap

    def take(self, width: float) -> QRectF:
        """Room of this width."""
        if self.x > self.area.left() and self.x + width > self.area.right():
            self.x, self.y = self.area.left(), self.y + self.pitch + self.gap * 0.4
        rect = QRectF(self.x, self.y, min(width, self.area.width()), self.pitch)
        self.x += width + self.gap
        return rect

    def keep(self, width: float) -> None:
        """What comes next is this wide and shall not be parted."""
        if self.x > self.area.left() and self.x + width > self.area.right():
            self.x, self.y = self.area.left(), self.y + self.pitch + self.gap * 0.4

    @property
    def bottom(self) -> float:
        return self.y + self.pitch


class _Deaf:
    """Takes no areas: for measuring."""

    def hit(self, rect: QRectF, target: object, tooltip: str = "") -> None:
        pass


def metadata_height(brush: Brush, width: float, picture: LinePicture, pitch: float) -> float:
    """How much room ``paint_metadata`` takes: it is painted where nobody sees it."""
    brush.p.save()
    brush.p.setClipRect(QRectF(0, 0, 0, 0))
    bottom = paint_metadata(_Deaf(), brush, QRectF(0, 0, width, 0), picture, pitch)  # type: ignore[arg-type]  # because only hit() of a panel is asked
    brush.p.restore()
    return bottom


def paint_metadata(panel: Board, brush: Brush, area: QRectF, picture: LinePicture, pitch: float) -> float:
    """The y below it."""
    u = brush.u
    flow = Flow(area, pitch + 3 * u, 12 * u)
    _mac(panel, brush, flow, picture)
    _owner(panel, brush, flow, picture)
    if picture.poison:
        rect = flow.take(brush.width("poisoned", size=12, bold=True) + 20 * u)
        glyphs.sign(brush, "poison", QPointF(rect.left() + 7 * u, rect.center().y()), 12 * u)
        brush.text(rect.adjusted(18 * u, 0, 4 * u, 0), "poisoned", "bad", size=12, bold=True)
        panel.hit(rect, None, glyphs.WORDS["poison"])
    _cached(panel, brush, flow, picture)
    return _caption(panel, brush, QRectF(area.left(), flow.bottom + 3 * u, area.width(), pitch), picture)


def _label(brush: Brush, flow: Flow, text: str) -> None:
    rect = flow.take(brush.width(text, size=12, bold=True) - flow.gap + 7 * brush.u + 1)
    brush.text(rect.adjusted(0, 0, 8 * brush.u, 0), text, size=12, bold=True)


def _box(brush: Brush, flow: Flow, text: str) -> QRectF:
    u = brush.u
    rect = flow.take(brush.width(text, True, 12) + 12 * u)
    brush.frame(rect.adjusted(0, u, 0, -u), brush.theme.bg, brush.color("rule"), u, 3 * u)
    brush.text(rect, text, mono=True, size=12, align=CENTRE)
    return rect


def _mac(panel: Board, brush: Brush, flow: Flow, picture: LinePicture) -> None:
    mac, u = picture.mac, brush.u
    if not mac.sign:
        words = f"MAC {mac.stored}. {mac.words}" if mac.stored and mac.stored != "none" else mac.words
        rect = flow.take(brush.width(words, size=12) + 2)
        brush.text(rect, words, "secondary", size=12)
        panel.hit(rect, None, f"{words}\n{MAC_TIP}")
        return
    pair = sum(brush.width(text, True, 12) + 12 * u for text in (mac.stored, mac.expected))
    whole = brush.width("MAC", size=12, bold=True) + pair + 50 * u
    flow.keep(whole)
    _label(brush, flow, "MAC")
    flow.gap, gap = 4 * u, flow.gap
    stored = _box(brush, flow, mac.stored)
    sign = flow.take(18 * u)
    tone = "good" if mac.sign == "=" else "bad"
    brush.text(sign, mac.sign, tone, size=16, bold=True, align=CENTRE)
    flow.gap = gap
    expected = _box(brush, flow, mac.expected)
    panel.hit(stored, None, f"Stored beside the line in DRAM.\n{MAC_TIP}")
    panel.hit(
        sign,
        None,
        "They agree." if mac.sign == "=" else "They do not agree: the next private read is poisoned.",
    )
    panel.hit(expected, None, f"Recomputed now: {mac.words}.\n{MAC_TIP}")


def _owner(panel: Board, brush: Brush, flow: Flow, picture: LinePicture) -> None:
    if not picture.owner_bit:
        return
    u = brush.u
    flow.keep(brush.width("TD-owner bit", size=12, bold=True) + 34 * u)
    _label(brush, flow, "TD-owner bit")
    rect = flow.take(22 * u)
    role = "td_a" if picture.owner_bit == "1" else "host"
    brush.frame(rect.adjusted(0, u, 0, -u), brush.color(role), brush.color("edge"), u, 3 * u)
    brush.text(rect, picture.owner_bit, brush.ink(role), mono=True, size=12, bold=True, align=CENTRE)
    panel.hit(rect, None, f"{OWNER_TIP}\n{picture.owner_bit}: {picture.owner_words}.")


def _cached(panel: Board, brush: Brush, flow: Flow, picture: LinePicture) -> None:
    """A chip for each copy in the cache; two KeyIDs of one line are two copies."""
    u = brush.u
    for keyid, dirty in picture.cached:
        words = (
            f"KeyID {keyid:#x}{', dirty' if dirty else ''}"
            if keyid
            else f"KeyID 0{', dirty' if dirty else ''}"
        )
        rect = flow.take(brush.width(words, size=12) + 30 * u)
        brush.frame(rect.adjusted(0, u, 0, -u), brush.tint("host" if not keyid else "td_a", 0.16),
                    brush.color("rule"), u, rect.height() / 2)  # fmt: skip
        name = "dirty" if dirty else "clean"
        glyphs.sign(brush, name, QPointF(rect.left() + 13 * u, rect.center().y()), 11 * u)
        brush.text(rect.adjusted(23 * u, 0, 0, 0), words, size=12)
        panel.hit(rect, None, f"In the cache: {glyphs.WORDS[name]}. The cache tags lines with the KeyID: a copy under "
                  "another KeyID is another copy.")  # fmt: skip
    if not picture.cached:
        words = "not in the cache"
        rect = flow.take(brush.width(words, size=12) + 2)
        brush.text(rect, words, "secondary", size=12)


def _caption(panel: Board, brush: Brush, area: QRectF, picture: LinePicture) -> float:
    """The conclusion over as many lines as it needs."""
    u = brush.u
    metrics = brush.font(False, 12)[1]
    lines = -(-int(metrics.horizontalAdvance(picture.caption) * 1.08) // max(int(area.width() - 14 * u), 1))
    rect = QRectF(area.left(), area.top(), area.width(), lines * metrics.height() + 6 * u)
    role = "bad" if picture.bad else "accent"
    brush.p.fillRect(rect, brush.tint(role, 0.10))
    brush.p.fillRect(QRectF(rect.left(), rect.top(), 3 * u, rect.height()), brush.color(role))
    brush.wrapped(rect.adjusted(9 * u, 3 * u, -5 * u, 0), picture.caption, size=12, lines=lines)
    panel.hit(rect, None, picture.caption)
    return rect.bottom()
