"""The memory controller: the only user of DRAM and of the keys. What every read and write does.

Sources: tdx-architecture 1.2 to 1.4; attack catalogue R1 to R6.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from tdxviz.core import events as e
from tdxviz.core.hw.dram import LINES, Dram, Line
from tdxviz.core.hw.keyids import KeyTable
from tdxviz.core.hw.mee import Key, line_mac
from tdxviz.core.units import LINE, MAX_SHARED_KEYID, PAGE, Hkid, Hpa, World, is_private

ZEROS = bytes(LINE)
MOST_INSPECTED = 50_000
"""Inspected lines that are remembered; old ones go all at once."""


class ReadResult(msgspec.Struct, frozen=True, gc=False):
    """What a read gets. ``rule`` says why; ``mac_expected`` is -1 where no MAC is checked."""

    data: bytes
    poison: bool
    rule: str
    mac_expected: int = -1


class Inspected(NamedTuple):
    """An answer of ``inspect`` and the very objects it was made from; both are never changed."""

    line: Line | None
    key: Key | None
    result: ReadResult


class SealedPage:
    """A page written whole under one key, kept as what was written. Ciphertext and MACs follow from
    it, so they are computed when somebody looks; nothing can tell it from its 64 lines."""

    __slots__ = ("_made", "hpa", "key", "mac_key", "owner", "plain")

    def __init__(self, hpa: Hpa, key: Key | None, plain: bytes, owner: bool, mac_key: bytes) -> None:
        """``mac_key`` is empty where lines have no MAC."""
        self.hpa, self.key, self.plain, self.owner, self.mac_key = hpa, key, plain, owner, mac_key
        self._made: dict[int, Line] | None = None

    def line(self, number: int) -> Line:
        if self._made is None:
            self._made = {}
        line = self._made.get(number)
        if line is None:
            at = number * LINE
            line = self._made[number] = seal(
                self.hpa + at, self.key, self.plain[at : at + LINE], self.owner, self.mac_key
            )
        return line

    def lines(self) -> list[Line]:
        owner, mac_key = self.owner, self.mac_key
        if self.key is None:
            cipher, tweaks = self.plain, b""
        else:
            cipher, tweaks = self.key.encrypt_page(self.hpa, self.plain)
        lines = []
        for n in range(LINES):
            data = cipher[n * LINE : n * LINE + LINE]
            mac = line_mac(mac_key, data, tweaks[n * 16 : n * 16 + 16], owner) if mac_key else 0
            lines.append(Line(data, mac, owner, False))
        return lines


class SealedArea:
    """Zeros under one private key over [low, high), by MOVDIR64B line after line."""

    __slots__ = ("_made", "high", "key", "low", "mac_key")

    def __init__(self, low: Hpa, high: Hpa, key: Key, mac_key: bytes) -> None:
        """``mac_key`` is empty where lines have no MAC."""
        self.low, self.high, self.key, self.mac_key = low, high, key, mac_key
        self._made: dict[Hpa, Line] = {}

    def line(self, hpa: Hpa) -> Line:
        line = self._made.get(hpa)
        if line is None:
            line = self._made[hpa] = seal(hpa, self.key, ZEROS, True, self.mac_key)
        return line

    def digest(self, h: "hashlib._Hash") -> None:
        h.update(repr((self.low, self.high)).encode() + self.key.fingerprint)


def seal(hpa: Hpa, key: Key | None, plain: bytes, owner: bool, mac_key: bytes) -> Line:
    """One line as it goes to memory."""
    if key is None:
        return Line(plain, 0, owner, False)
    tweak = key.encrypted_tweak(hpa)
    cipher = key.encrypt(tweak, plain)
    return Line(cipher, line_mac(mac_key, cipher, tweak, owner) if mac_key else 0, owner, False)


def nobody_watches() -> bool:
    """Default of ``MemoryController.is_watched``."""
    return False


@dataclass(slots=True)
class MemoryController:
    dram: Dram
    keys: KeyTable
    mac_key: bytes
    world: World
    note: Callable[[e.Event], None]
    is_watched: Callable[[], bool] = nobody_watches
    """Whether reads and writes are told one by one."""
    inspected: "dict[tuple[Hpa, Hkid], Inspected]" = field(default_factory=dict, repr=False)
    """Answers of ``inspect``, shared by all copies of a machine: no state, only saved work."""

    def probe(self, hpa: Hpa) -> Line:
        """What the chips hold at a line address. A line never written holds the zeros that
        firmware scrubbed it with, under KeyID 0."""
        line = self.dram.line(hpa)
        if line is not None:
            return line
        key = self.keys.key(0)
        if key is None:
            return Line(ZEROS, 0, False, False)
        return Line(key.encrypt(key.encrypted_tweak(hpa), ZEROS), 0, False, False)

    def inspect(self, hpa: Hpa, keyid: Hkid) -> ReadResult:
        """The answer ``read_line`` would give; stores no poison, notes nothing."""
        line, key, at = self.dram.intact(hpa) or self.dram.line(hpa), self.keys.key(keyid), (hpa, keyid)
        known = self.inspected.get(at)
        if known is not None and known.line is line and known.key is key:
            return known.result
        result = self._check(line or self.probe(hpa), hpa, keyid)
        if line is None and key is None:  # then KeyID 0's key decides too, which is not compared
            return result
        if len(self.inspected) >= MOST_INSPECTED:
            self.inspected.clear()
        self.inspected[at] = Inspected(line, key, result)
        return result

    def read_line(self, hpa: Hpa, keyid: Hkid) -> ReadResult:
        """Fetch, check and decrypt one line. ECC corrects a flipped bit; a failed check stores poison and is
        logged (UCNA)."""
        intact = self.dram.intact(hpa)
        if intact is not None:
            self.dram.put(hpa, intact)
            self.note(e.ErrorCorrected(hpa=hpa))
        line, watched = self.dram.line(hpa) or self.probe(hpa), self.is_watched()
        if watched:
            self.note(
                e.LineFetched(
                    hpa=hpa, keyid=keyid, cipher=line.data, owner=line.owner, mac=line.mac,
                    poison=line.poison,
                )
            )  # fmt: skip
        result = self._as_written(line, hpa, keyid) or self._check(line, hpa, keyid)
        if result.poison:
            self._poisoned(line, hpa, keyid, result)
        elif watched:
            self.note(
                e.LineDecrypted(
                    hpa=hpa, keyid=keyid, rule=result.rule, data=result.data,
                    mac_expected=result.mac_expected,
                )
            )  # fmt: skip
        return result

    def _as_written(self, line: Line, hpa: Hpa, keyid: Hkid) -> ReadResult | None:
        """The answer of ``_check`` where it follows from the page having been written whole this way."""
        whole = self.whole_page(hpa & -PAGE, keyid)
        if whole is None:
            return None
        start, sealed = hpa % PAGE, self.keys.key(keyid) is not None
        checked = self.world == "ci" and is_private(keyid)
        rule = "decrypted" if sealed and self.world != "legacy" else "plain"
        return ReadResult(whole[start : start + LINE], False, rule, line.mac if checked else -1)

    def _check(self, line: Line, hpa: Hpa, keyid: Hkid) -> ReadResult:
        """The table of tdx-architecture 1.4, row by row."""
        data, mac, owner, poison = line
        if poison:
            return ReadResult(ZEROS, True, "stored-poison")
        world = self.world
        if world == "legacy":
            return ReadResult(data, False, "plain")
        key = self.keys.key(keyid)
        if keyid <= MAX_SHARED_KEYID:
            if owner:
                return ReadResult(ZEROS, False, "owned-zeros")
            if key is None:
                return ReadResult(data, False, "plain")
            return ReadResult(key.open_line(key.encrypted_tweak(hpa), data), False, "decrypted")
        if key is None:  # SEAM never uses an HKID before its key is configured
            return ReadResult(ZEROS, True, "owner-mismatch")
        tweak = key.encrypted_tweak(hpa)
        expected = line_mac(self.mac_key, data, tweak, True) if world == "ci" else -1
        if not owner:
            return ReadResult(ZEROS, True, "owner-mismatch", expected)
        if expected != mac and world == "ci":
            return ReadResult(ZEROS, True, "mac-mismatch", expected)
        return ReadResult(key.open_line(tweak, data), False, "decrypted", expected)

    def _poisoned(self, line: Line, hpa: Hpa, keyid: Hkid, result: ReadResult) -> None:
        fresh = not line.poison
        if fresh:
            self.dram.put(hpa, line._replace(poison=True))
        self.note(
            e.LinePoisoned(
                hpa=hpa, keyid=keyid, rule=result.rule, fresh=fresh,
                mac_expected=result.mac_expected,
                mac_stored=line.mac if result.mac_expected >= 0 else -1,
            )
        )  # fmt: skip
        if fresh:
            self.note(e.UcnaLogged(hpa=hpa, rule=result.rule))

    def write_line(self, hpa: Hpa, keyid: Hkid, data: bytes) -> None:
        """Encrypt and store one full line. Never checked against what was there; clears poison."""
        line = self._seal(hpa, keyid, data)
        self.dram.put(hpa, line)
        if self.is_watched():
            self.note(e.LineWritten(hpa=hpa, keyid=keyid, cipher=line.data, owner=line.owner, mac=line.mac))

    def _seal(self, hpa: Hpa, keyid: Hkid, data: bytes) -> Line:
        key, owner, mac_key = self._way(keyid)
        return seal(hpa, key, data, owner, mac_key)

    def _way(self, keyid: Hkid) -> tuple[Key | None, bool, bytes]:
        """How a write with this KeyID is sealed: key, owner bit, MAC key (empty: no MAC)."""
        key = self.keys.key(keyid)
        owner = key is not None and is_private(keyid)
        return key, owner, self.mac_key if owner and self.world == "ci" else b""

    def write_page(self, hpa: Hpa, keyid: Hkid, data: bytes) -> None:
        """What 64 times ``write_line`` does; for writers whom nobody watches line by line."""
        key, owner, mac_key = self._way(keyid)
        self.dram.put_page(hpa, SealedPage(hpa, key, data, owner, mac_key))

    def clear_area(self, low: Hpa, old: Hpa, high: Hpa, keyid: Hkid) -> None:
        """Zeros under a private KeyID over the lines [old, high); the area then begins at ``low``."""
        key, _, mac_key = self._way(keyid)
        assert key is not None and is_private(keyid)
        pages = [page for page in range(old & -PAGE, high, PAGE) if self.dram.touched(page)]
        for at in (line for page in pages for line in range(page, page + PAGE, LINE)):
            if old <= at < high and self.dram.own_line(at):
                self.dram.put(at, self._seal(at, keyid, ZEROS))
        self.dram.cover(SealedArea(low, high, key, mac_key))

    def whole_page(self, hpa: Hpa, keyid: Hkid) -> bytes | None:
        """What reads of all 64 lines would deliver, if the page was written whole and is read the
        way it was written; None: read line by line."""
        page = self.dram.whole(hpa)
        if not isinstance(page, SealedPage) or page.hpa != hpa or page.key is not self.keys.key(keyid):
            return None
        if self.world == "legacy" and page.key is not None:  # reads decrypt nothing there
            return None
        return page.plain if page.owner == is_private(keyid) else None

    def poison(self, hpa: Hpa, keyid: Hkid) -> None:
        """A partial write to a TD-owned line on parts with the erratum: silent poison."""
        self.dram.put(hpa, self.probe(hpa)._replace(poison=True))
        self.note(e.LinePoisoned(hpa=hpa, keyid=keyid, rule="partial-write", fresh=True))
