"""The stage picture of a moment: every box with its real state, and the film of one access.

Pure: a moment's answers in, plain values out. Nothing here computes an outcome; every byte comes
from ``observe`` and ``peek`` through ``Ask``, every step of the film from an event.
"""

from collections.abc import Sequence
from dataclasses import replace

from tdxviz.core import events as e
from tdxviz.core.units import Hpa, line_of
from tdxviz.ui.present import stage_cores, stage_memory, stage_route
from tdxviz.ui.present.ask import SECRET, Ask
from tdxviz.ui.present.film_parts import Film
from tdxviz.ui.present.films import film_at
from tdxviz.ui.present.hexes import owner_token, spaced
from tdxviz.ui.present.stage_parts import Box, StagePicture, Words

LOOK_BACK = 3000
"""Events searched for what the host did last."""


def picture(
    ask: Ask,
    events: Sequence[e.Event],
    index: int,
    focus: Hpa | None = None,
    before: tuple[int, ...] = (),
) -> StagePicture:
    """What to paint when ``index`` events of ``events`` have happened.

    ``focus`` is the line the learner chose; ``before`` the registers of the picture shown before,
    for the marks of change.
    """
    film = film_at(events, index)
    hpa = _subject(film, focus)
    still = max(film.at(index), 0) if film else 0
    has_module = ask.world != "legacy"
    guest = owner_token("vm-a" if ask.world == "legacy" else "td-a")
    return StagePicture(
        world=ask.world,
        film=film,
        still=still,
        hpa=hpa,
        caption=film.title if film and film.title else f"line {spaced(hpa)}",
        boxes=_boxes(ask, events, index, film, still, hpa, before),
        rows=stage_memory.rows(ask, hpa, focus),
        arrows=stage_route.arrows(film, still, has_module) if film else (),
        tokens=stage_route.tokens(film, still, guest) if film else (),
        sentence=film.stills[still].text if film else "",
        refused=film.refused if film and _refused_by(film, still) else "",
        spot=_spot(film, still) if film else "",
    )


def _boxes(
    ask: Ask, events: Sequence[e.Event], index: int, film: Film | None, still: int, hpa: Hpa,
    before: tuple[int, ...],
) -> dict[str, Box]:  # fmt: skip
    past = events[max(0, index - LOOK_BACK) : index]
    involved = _involved(film, ask.world != "legacy")
    found = (
        stage_cores.guest_core(ask, before),
        stage_cores.host_core(past, _pending(film, events, index)),
        stage_cores.tlb(ask, film, still),
        stage_memory.cache(ask, hpa, film, still),
        stage_cores.module(ask, hpa, past),
        stage_memory.engine(ask, hpa, film, still),
        stage_memory.device(ask, hpa),
        stage_memory.probe(ask, hpa),
        stage_memory.dram(ask),
    )
    return {box.id: _lit(box if ask.powered else _unpowered(box), involved) for box in found}


def _pending(film: Film | None, events: Sequence[e.Event], index: int) -> e.Event | None:
    """The host's act that this film will end with, while it is under way."""
    if film is None or film.kind != "host" or index > film.last:
        return None
    return events[film.last]


def _subject(film: Film | None, focus: Hpa | None) -> Hpa:
    """The line that the picture is about: the film's, else the chosen one, else the secret."""
    if film and film.hpa is not None:
        return film.hpa
    return line_of(focus if focus is not None else SECRET)


def _refused_by(film: Film, still: int) -> bool:
    return any(shown.refused for shown in film.stills[: still + 1])


def _spot(film: Film, still: int) -> str:
    """What the boundary made of the bytes; empty until the check has been made."""
    check = next((s for s in film.stills[: still + 1] if s.phase == "check"), None)
    if check is None:
        return ""
    if not check.refused:
        return "ciphertext turns into plaintext at the boundary, and only for the owner"
    if check.data:
        return "the boundary answers zeros: the line belongs to a TD"
    return "no bytes pass: the line is poisoned"


def _involved(film: Film | None, has_module: bool) -> frozenset[str]:
    """Boxes that take part in the film; empty means that nothing is dimmed."""
    if film is None or film.kind == "other":
        return frozenset()
    ends: set[str] = set(film.places) | ({"dram"} if film.kind == "probe" else set())
    for number in range(len(film.stills)):
        for leg in stage_route.legs(film, number, has_module):
            ends.update(leg.split(">"))
    return frozenset(ends)


def _lit(box: Box, involved: frozenset[str]) -> Box:
    return replace(box, active=not involved or box.id in involved)


def _unpowered(box: Box) -> Box:
    """Inside the package nothing survives without power; the chips and who reads them do."""
    if box.id in ("core0", "dram", "device", "probe"):
        return box
    words = "no power: the keys are gone" if box.id == "engine" else "no power"
    return replace(box, lines=(Words(words, "secondary"),), chip="")


def describe(shown: StagePicture) -> str:
    """The picture in words, for a screen reader: film first, then box by box."""
    parts = [f"The machine, {WORLD_WORDS[shown.world]}."]
    if shown.film and shown.film.stills:
        total = len(shown.film.stills)
        parts.append(f"{shown.film.title}. Still {shown.still + 1} of {total}: "
                     f"{shown.film.stills[shown.still].label}. {shown.sentence}")  # fmt: skip
    if shown.refused:
        parts.append(f"Refused: {shown.refused}.")
    for box in shown.boxes.values():
        words = "; ".join(line.text for line in box.lines)
        parts.append(f"{box.title}: {words}." if words else f"{box.title}.")
    held = next((row for row in shown.rows if row.focus), None)
    if held:
        parts.append(f"DRAM line {spaced(held.hpa)} holds {held.cipher[:8].hex(' ')}, owner bit "
                     f"{int(held.owner_bit)}, MAC {held.mac or 'none'}.")  # fmt: skip
    return " ".join(parts)


WORLD_WORDS = {
    "legacy": "an ordinary VM without memory encryption",
    "li": "TDX with logical integrity",
    "ci": "TDX with cryptographic integrity",
}
