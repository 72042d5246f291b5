"""The memory map: one code a page for each overlay, what the codes mean, and what a page is in words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tdxviz.core import peek, peek_sept
from tdxviz.core.units import PAGE, Hpa, page_of
from tdxviz.ui.present.hexes import actor_title, spaced
from tdxviz.ui.present.map_events import TOUCHED, WRITERS, Written, touched
from tdxviz.ui.present.memory import LONG, OWNERS, WORDS
from tdxviz.ui.present.questions import Questions

Codes = npt.NDArray[np.uint8]
SIZES = ("4 KiB", "2 MiB", "1 GiB")
SPAN = (1, 512, 512 * 512)
"""Pages of each page size."""
META = OWNERS.index("meta")


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the legend. ``share`` of the hue: several kinds may share an owner's colour."""

    label: str
    role: str
    letter: str
    words: str
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Layer:
    """``codes``: index into ``kinds`` for every page; code 0 is the ground."""

    name: str
    codes: Codes
    kinds: tuple[Kind, ...]
    counts: tuple[int, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing but ground."""
        return self.counts[0] == len(self.codes)


@dataclass(frozen=True, slots=True)
class Scene:
    """What the overlays are made from: a moment's machine, and events up to ``index``."""

    ask: Questions
    written: Written
    index: int
    news: Sequence[Any] = ()

    def ground(self) -> Codes:
        return np.zeros(len(self.ask.page_map()), np.uint8)


def _layer(name: str, codes: Codes, kinds: Sequence[Kind]) -> Layer:
    counts = np.bincount(codes, minlength=len(kinds))
    return Layer(name, codes, tuple(kinds), tuple(int(n) for n in counts))


# --- owner --------------------------------------------------------------------------------------


def owner_layer(scene: Scene) -> Layer:
    """Who owns each page; the TDX tables by their letters S, T and P."""
    machine = scene.ask.machine
    tds = tuple(td.tdr for td in peek_sept.guests(machine))
    return peek.from_ownership(machine, ("owner layer", tds), lambda: _owner_layer(scene.ask))


def _owner_layer(ask: Questions) -> Layer:
    codes = np.frombuffer(ask.page_map(), np.uint8).copy()
    letters = ("", "H", "A", "B", "M", "~", "P", "D", "V")
    kinds = [Kind(WORDS[o], o, letter, LONG[o]) for o, letter in zip(OWNERS, letters, strict=True)]
    kinds[META] = Kind(
        "PAMT", "meta", "P", "PAMT: type, owner and size of every page that the module manages."
    )
    kinds += [
        Kind("Secure EPT", "meta", "S", "Secure EPT tables: they say where a TD's private pages lie.", 0.85),
        Kind(
            "TD control",
            "meta",
            "T",
            "TDR, TDCS and TDVPS: what the module knows of a TD and its vCPUs.",
            0.65,
        ),
    ]
    further = _further(ask, kinds)
    for hpa, entry in _pamt(ask).items():
        page = hpa // PAGE
        if entry.kind == "PT_EPT":
            codes[page] = len(OWNERS)
        elif entry.kind in ("PT_TDR", "PT_TDCX", "PT_TDVPR"):
            codes[page] = len(OWNERS) + 1
        elif entry.owner in further:
            codes[page : page + SPAN[entry.size]] = further[entry.owner]
    return _layer("owner", codes, kinds)


def _further(ask: Questions, kinds: list[Kind]) -> dict[Hpa, int]:
    """TDs beyond the second reuse the hues of A and B under their own letters. TDR -> code."""
    found: dict[Hpa, int] = {}
    for number, td in enumerate(peek_sept.guests(ask.machine)):
        if number >= 2:
            found[td.tdr] = len(kinds)
            role, letter = ("td_a", "td_b")[number % 2], td.actor[-1].upper()
            kinds.append(Kind(actor_title(td.actor), role, letter, f"Private pages of TD-{letter}.", 0.7))
    return found


def _pamt(ask: Questions) -> dict[Hpa, Any]:
    module = ask.machine.module
    return {} if module is None else module.pamt


# --- page type ----------------------------------------------------------------------------------

TYPE_WORDS = {
    "PT_NDA": "Not assigned: the host may give this page to a TD.",
    "PT_RSVD": "Reserved: the host excluded this range from the TDMR.",
    "PT_REG": "A TD's private memory.",
    "PT_TDR": "Root of a TD, encrypted with the module's own key.",
    "PT_TDCX": "Control structure of a TD (TDCS) or of a vCPU (TDVPS).",
    "PT_TDVPR": "Root of a vCPU.",
    "PT_EPT": "Secure EPT table.",
}
TYPE_LOOKS = {
    "PT_TDR": ("module", "T", 1.0), "PT_TDCX": ("meta", "C", 0.65), "PT_TDVPR": ("meta", "V", 0.85),
    "PT_EPT": ("meta", "E", 1.0), "PT_RSVD": ("rule", "x", 1.0), "PT_NDA": ("rule", "", 0.45),
}  # fmt: skip


def type_layer(scene: Scene) -> Layer:
    """The PAMT: type of each page, private pages by TD and size."""
    return peek.from_ownership(scene.ask.machine, ("type layer",), lambda: _type_layer(scene))


def _type_layer(scene: Scene) -> Layer:
    ask, codes = scene.ask, scene.ground()
    kinds = [Kind("no PAMT", "free", "", "Outside every TDMR: the module knows nothing of these pages.")]
    known: dict[tuple[str, Hpa, int], int] = {}

    def code(kind: str, owner: Hpa = 0, size: int = 0) -> int:
        key = (kind, owner if kind == "PT_REG" else 0, size)
        if key not in known:
            known[key] = len(kinds)
            kinds.append(_type_kind(ask, *key))
        return known[key]

    for tdmr in ask.machine.module.tdmrs if ask.machine.module else ():
        codes[tdmr.base // PAGE : min(tdmr.base + tdmr.size, tdmr.done) // PAGE] = code("PT_NDA")
        for low, size in tdmr.reserved:
            codes[low // PAGE : (low + size) // PAGE] = code("PT_RSVD")
    for hpa, entry in _pamt(ask).items():
        page = hpa // PAGE
        codes[page : page + SPAN[entry.size]] = code(entry.kind, entry.owner, entry.size)
    return _layer("type", codes, kinds)


def _type_kind(ask: Questions, kind: str, owner: Hpa, size: int) -> Kind:
    big = f" {SIZES[size]}" if size else ""
    if kind != "PT_REG":
        role, letter, share = TYPE_LOOKS[kind]
        return Kind(kind + big, role, letter, TYPE_WORDS[kind], share)
    actors = ask.machine.module.actors
    name = actors.get(owner, "")
    number = list(actors).index(owner) if owner in actors else 1
    letter = ("R", "2", "1")[size]
    label = f"PT_REG {actor_title(name) if name else ''}{big}".strip()
    return Kind(label, ("td_a", "td_b")[number % 2], letter, TYPE_WORDS[kind], 1.0 if number < 2 else 0.7)


# --- Secure EPT ---------------------------------------------------------------------------------

OUTSIDE = Kind("not in a Secure EPT", "free", "", "No Secure EPT names these pages.")
STATE_LOOKS = {
    "MAPPED": ("good", "M"), "PENDING": ("warn", "P"), "BLOCKED": ("bad", "B"),
    "PENDING_BLOCKED": ("phase", "b"), "BLOCKEDW": ("blocked", "W"),
}  # fmt: skip


def sept_layer(scene: Scene) -> Layer:
    """State of the Secure EPT entry that names each page; the tables themselves as meta."""
    ask, codes = scene.ask, scene.ground()
    kinds, known = [OUTSIDE], dict[str, int]()
    for hpa, (_, entry) in leaves(ask).items():
        if entry.state not in known:
            role, letter = STATE_LOOKS.get(entry.state, ("blocked", "X"))
            known[entry.state] = len(kinds)
            words = f"Leaf entries in the state {entry.state}."
            kinds.append(Kind(entry.state, role, letter, words))
        codes[hpa // PAGE : hpa // PAGE + SPAN[entry.level]] = known[entry.state]
    kinds.append(Kind("a table itself", "meta", "S", "Pages that hold Secure EPT entries."))
    for hpa, entry in _pamt(ask).items():
        if entry.kind == "PT_EPT":
            codes[hpa // PAGE] = len(kinds) - 1
    return _layer("sept", codes, kinds)


USE = (
    OUTSIDE,
    Kind("usable", "good", "a", "The TD can use the page: it was added at build time or the TD accepted it."),
    Kind(
        "pending", "warn", "p", "The host gave the page; the TD has not accepted it: touching it raises #VE."
    ),
    Kind("blocked", "bad", "b", "The host blocked the page: the TD cannot use it."),
)


def accept_layer(scene: Scene) -> Layer:
    """Whether the TD may use each of its pages, has yet to accept it, or is kept from it."""
    ask, codes = scene.ask, scene.ground()
    for hpa, (_, entry) in leaves(ask).items():
        blocked, pending = "BLOCKED" in entry.state.split("_"), entry.state.startswith("PENDING")
        codes[hpa // PAGE : hpa // PAGE + SPAN[entry.level]] = 3 if blocked else 2 if pending else 1
    return _layer("accept", codes, USE)


def leaves(ask: Questions) -> dict[Hpa, tuple[str, peek_sept.Entry]]:
    """Page -> (TD, Secure EPT leaf), asked once a moment."""
    return ask.once(("sept leaves",), lambda: peek_sept.leaves(ask.machine))


# --- events -------------------------------------------------------------------------------------


def writer_layer(scene: Scene) -> Layer:
    codes = scene.ground()
    scene.written.paint(codes, scene.index)
    return _layer("writer", codes, [Kind(*row) for row in WRITERS])


def touched_layer(scene: Scene) -> Layer:
    codes = scene.ground()
    touched(codes, scene.news)
    return _layer("touched", codes, [Kind(*row) for row in TOUCHED])


@dataclass(frozen=True, slots=True)
class Overlay:
    name: str
    title: str
    words: str
    make: Callable[[Scene], Layer]
    nothing: str


NO_SEPT = "No Secure EPT names a page: there is no TD here."
OVERLAYS: tuple[Overlay, ...] = (
    Overlay("owner", "Owner", "Who owns each page", owner_layer, "Nobody has used any page."),
    Overlay("type", "Page type", "What the PAMT says of each page: type, owner, size", type_layer,
            "There is no PAMT in this world."),
    Overlay("sept", "SEPT state", "State of the Secure EPT entry of each page", sept_layer, NO_SEPT),
    Overlay("accept", "Accepted", "Which pages the TD may use, which it has yet to accept", accept_layer, NO_SEPT),
    Overlay("writer", "Last writer", "Who wrote to each page last, since the timeline began: as far as events "
            "tell; a guest that runs untraced notes no stores", writer_layer, "Nothing was written since the timeline began."),
    Overlay("touched", "This step", "What the step just made read, changed or walked through", touched_layer,
            "This step touched no memory."),
)  # fmt: skip
BY_NAME = {overlay.name: overlay for overlay in OVERLAYS}


# --- words --------------------------------------------------------------------------------------


def page_words(ask: Questions, layer: Layer, page: int) -> str:
    """A page in words: address, meaning in this overlay, PAMT entry, Secure EPT entry."""
    hpa = page * PAGE
    kind = layer.kinds[layer.codes[page]]
    rows = [f"{spaced(hpa)}: {kind.label}", kind.words]
    module = ask.machine.module
    entry = module.page(hpa) if module is not None else None
    if module is not None and entry is not None:
        owner = module.actors.get(entry.owner, "")
        rows.append(
            f"PAMT: {entry.kind}, {SIZES[entry.size]}" + (f", owner {actor_title(owner)}" if owner else "")
        )
    leaf = peek_sept.leaf_of(leaves(ask), hpa)
    if leaf:
        rows.append(
            f"{actor_title(leaf[0])} sees it at GPA {spaced(leaf[1].gpa + hpa - leaf[1].hpa)}, {leaf[1].state}"
        )
    rows.append("Click: choose it. Double click: open the page.")
    return "\n".join(rows)


def describe(ask: Questions, layer: Layer, here: Hpa) -> str:
    """The overlay in words: every kind with its number of pages and where the first one lies."""
    title = BY_NAME[layer.name].title
    rows = []
    for code, kind in enumerate(layer.kinds):
        if code and layer.counts[code]:
            first = int(np.flatnonzero(layer.codes == code)[0])
            rows.append(f"{kind.label} {layer.counts[code]:,}, first at {spaced(first * PAGE)}")
    page = page_of(here) // PAGE
    chosen = layer.kinds[layer.codes[page]].label if page < len(layer.codes) else "outside memory"
    body = "; ".join(rows) if rows else BY_NAME[layer.name].nothing
    ground = f"{layer.kinds[0].label}: {layer.counts[0]:,}"
    return f"Memory map, {len(layer.codes):,} pages, overlay {title}. {body}. {ground}. Chosen: {spaced(page_of(here))}, {chosen}."
