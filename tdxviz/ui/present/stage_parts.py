"""What the stage picture consists of: plain values that a painter or a test can read."""

from dataclasses import dataclass

from tdxviz.core.units import Hpa
from tdxviz.ui.present.film_parts import Film


@dataclass(frozen=True)
class Words:
    """One line. ``role``: ``text secondary good bad accent``; ``mono`` for data."""

    text: str
    role: str = "text"
    mono: bool = False
    short: str = ""
    """Used instead where ``text`` does not fit."""
    brief: str = ""
    """Where not even that does."""


@dataclass(frozen=True)
class Box:
    """One unit of the machine. Unimportant lines come last: they are dropped first."""

    id: str
    title: str
    lines: tuple[Words, ...]
    tone: str = ""
    """Owner token whose hue frames the box, ``inside``, ``outside`` or empty."""
    active: bool = True
    """False: takes no part in the access shown, drawn dimmed."""
    view: str = ""
    """Panel that shows all of it."""
    chip: str = ""
    tip: str = ""
    refused: bool = False
    shorts: tuple[str, ...] = ()
    """Titles for narrow boxes, longest first."""


@dataclass(frozen=True)
class CodeLine:
    rip: int
    text: str
    current: bool


@dataclass(frozen=True)
class Register:
    name: str
    value: str
    changed: bool = False


@dataclass(frozen=True)
class Core(Box):
    code: tuple[CodeLine, ...] = ()
    registers: tuple[Register, ...] = ()
    token: str = ""
    """Bytes in the pill of the host's core: what it last got."""


@dataclass(frozen=True)
class DramRow:
    hpa: Hpa
    cipher: bytes
    owner_bit: bool
    mac: str
    owner: str
    """Owner token of the page."""
    focus: bool
    """The line that the picture is about."""
    poison: bool
    chosen: bool = False
    """The line that the learner points at elsewhere."""


@dataclass(frozen=True)
class Arrow:
    """``leg`` is ``from>to``, or one box for something that happens inside it."""

    leg: str
    number: int
    role: str
    current: bool
    stop: bool = False


@dataclass(frozen=True)
class Token:
    """Bytes on their way. ``owner`` empty: ciphertext, as anybody outside sees it."""

    place: str
    text: str
    owner: str = ""


@dataclass(frozen=True)
class StagePicture:
    world: str
    film: Film | None
    still: int
    hpa: Hpa
    caption: str
    boxes: dict[str, Box]
    rows: tuple[DramRow, ...]
    arrows: tuple[Arrow, ...] = ()
    tokens: tuple[Token, ...] = ()
    sentence: str = ""
    """What the current still says."""
    refused: str = ""
    spot: str = ""
    """What happened to the bytes at the boundary, in words."""

    @property
    def protected(self) -> bool:
        return self.world != "legacy"
