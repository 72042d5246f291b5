"""What a film is made of, and the cutter that collects its stills event by event."""

from dataclasses import dataclass

from tdxviz.core.units import Gla, Hkid, Hpa, line_of

FULL_FILM = 7
"""Stills of a guest load that goes all the way to DRAM: the yardstick of the slider."""

RULES = {
    "decrypted": "the check holds: 64 bytes in plain text",
    "plain": "no check, no key: the bytes pass as they are",
    "owned-zeros": "TD-owner bit is 1, shared KeyID: the answer is zeros",
    "owner-mismatch": "TD-owner bit is 0 on a private read: poison",
    "mac-mismatch": "the MAC does not match: poison",
    "stored-poison": "the line is poisoned in memory",
    "partial-write": "a partial write poisoned the line",
}
SHORT_RULES = {
    RULES["decrypted"]: "the check holds",
    RULES["plain"]: "no check, no key",
    RULES["owned-zeros"]: "owner bit 1: zeros",
    RULES["owner-mismatch"]: "owner bit 0: poison",
    RULES["mac-mismatch"]: "MAC: poison",
    RULES["stored-poison"]: "line is poisoned",
    RULES["partial-write"]: "line is poisoned",
}
"""The same for a narrow box."""
MICRO = ("translate", "walk", "cache", "engine", "fetch", "check", "fill", "hit", "write", "evict")
STOPS = ("owned-zeros", "owner-mismatch", "mac-mismatch", "stored-poison", "partial-write")


@dataclass(frozen=True)
class Still:
    """One frame. ``event`` is the position of its event in the session's list, from 0."""

    event: int
    phase: str
    """``translate walk cache engine fetch check fill deliver write refused`` or a kind of act."""
    label: str
    short: str
    text: str
    """What just happened, one sentence."""
    place: str
    """Box at which the access stands: ``core0 core1 tlb module cache engine dram device probe``."""
    refused: bool = False
    data: bytes = b""
    """Bytes on their way in this still, as they look at ``place``."""
    plain: bool = False
    """True where ``data`` is what the actor can read, False for what the chips hold."""


@dataclass(frozen=True)
class Film:
    kind: str
    """``guest host device probe leaf border other``."""
    actor: str
    title: str
    stills: tuple[Still, ...]
    first: int
    last: int
    hpa: Hpa | None = None
    gla: Gla | None = None
    keyid: Hkid | None = None
    refused: str = ""
    """The rule's words if somebody was refused; empty otherwise."""
    hit: bool = False

    @property
    def places(self) -> frozenset[str]:
        """Boxes that take part."""
        return frozenset(still.place for still in self.stills)

    def at(self, index: int) -> int:
        """Number of the still that shows ``index`` events, -1 before the first one."""
        shown = -1
        for number, still in enumerate(self.stills):
            if still.event < index:
                shown = number
        return shown


class Cutter:
    """Takes the events of one film in order and keeps those that make a still."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.position = first
        self.stills: list[Still] = []
        self.kind = "other"
        self.actor = ""
        self.title = ""
        self.hpa: Hpa | None = None
        self.gla: Gla | None = None
        self.keyid: Hkid | None = None
        self.refused = ""
        self.hit = False
        self.walking = False
        self.tables: dict[str, int] = {}

    def still(
        self, phase: str, label: str, text: str, place: str, *, short: str = "",
        refused: bool = False, data: bytes = b"", plain: bool = False,
    ) -> None:  # fmt: skip
        """Keep the event being taken as the next frame."""
        self.stills.append(
            Still(self.position, phase, label, short or label, text, place, refused, data, plain)
        )

    def begin(self, kind: str, actor: str, title: str) -> None:
        self.kind, self.actor, self.title = kind, actor, title

    def forget(self) -> None:
        """Drop the micro-operations taken so far: they only served what is told now."""
        self.stills = [still for still in self.stills if still.phase not in MICRO or still.refused]
        self.hpa, self.keyid, self.hit = None, None, False

    def passed(self, *phases: str) -> bool:
        """True if a still of one of these phases was kept."""
        return any(still.phase in phases for still in self.stills)

    def refuse(self, words: str) -> None:
        self.refused = self.refused or words

    def aim(self, hpa: Hpa, keyid: Hkid | None = None) -> None:
        """The line that the film is about: the last one aimed at outside a walk."""
        self.hpa = line_of(hpa) if self.hpa is None else self.hpa
        self.keyid = keyid if self.keyid is None else self.keyid

    def other_line(self, hpa: Hpa) -> bool:
        """True for the second and further lines of a long access: they repeat the first."""
        return self.hpa is not None and line_of(hpa) != self.hpa

    def film(self, last: int) -> Film:
        stills = tuple(self.stills)
        if not stills:
            stills = (Still(self.first, "act", "", "", "", "module"),)
        return Film(
            self.kind, self.actor or "host", self.title, stills, self.first, last,
            self.hpa, self.gla, self.keyid, self.refused, self.hit,
        )  # fmt: skip
