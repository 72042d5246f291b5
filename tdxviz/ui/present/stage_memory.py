"""The boxes of the stage that hold lines: cache, memory engine, DRAM, and who looks at DRAM."""

from typing import TYPE_CHECKING

from tdxviz.core.units import LINE, PAGE, Hpa, is_private, line_of, page_of
from tdxviz.ui.present.ask import Ask
from tdxviz.ui.present.film_parts import Film
from tdxviz.ui.present.hexes import bare, hex_bytes, readable
from tdxviz.ui.present.stage_parts import Box, DramRow, Words

if TYPE_CHECKING:  # because the core is heavy
    from tdxviz.core.observe import Seen
    from tdxviz.core.peek import LineDetail

AROUND = 2
"""DRAM lines shown on each side of the one in question."""


def cache(ask: Ask, hpa: Hpa, film: Film | None, still: int) -> Box:
    """The aliases of the line that the cache holds, one per KeyID, and what this access found."""
    detail = ask.line(hpa)
    lines: list[Words] = []
    for keyid, dirty in detail.cached[:2]:
        seen = detail.td if is_private(keyid) or ask.world == "legacy" else detail.host
        text = readable(seen.data or b"", 8) or hex_bytes(seen.data or b"", 3).removesuffix(" …")
        held = f"{text}{' dirty' if dirty else ''}"
        lines.append(Words(f"{bare(hpa)}·{keyid:02x} {held}", "accent", True, held, bare(hpa)))
    if not lines:
        lines.append(Words(f"{bare(hpa)} is not here", mono=True, short="not here"))
    if len(detail.cached) > 1:
        lines.append(Words("two KeyIDs, two copies: no coherence", "bad"))
    words = _cache_words(film, still)
    lines.append(
        Words(words, "secondary", short=words.partition(":")[0].partition(",")[0].replace("ask the ", ""))
    )
    return Box("cache", "Cache, tagged by KeyID" if ask.world != "legacy" else "Cache", tuple(lines),
               view="line", shorts=("Cache by KeyID", "Cache"), tip="Plaintext lines inside the package. Enter: this line")  # fmt: skip


def _cache_words(film: Film | None, still: int) -> str:
    phases = [s.phase for s in film.stills[: still + 1]] if film else []
    if "hit" in phases:
        return "hit: memory is not asked"
    if "fill" in phases:
        return "miss → filled"
    return "miss → ask the engine" if "engine" in phases else "plaintext, 64 bytes a line"


# --- the memory-encryption engine -----------------------------------------------------------------


def engine(ask: Ask, hpa: Hpa, film: Film | None, still: int) -> Box:
    """Key, MAC and owner bit as the memory controller would judge them for this access."""
    if ask.world == "legacy":
        lines = (Words("no memory encryption", "bad"), Words("bytes go to the chips as they are"))
        return Box("engine", "Memory controller", lines, view="line",
                   tip="Nothing is encrypted or checked. Enter: this line")  # fmt: skip
    detail = ask.line(hpa)
    keyid = _keyid(ask, film)
    stopped = film is not None and any(s.refused and s.phase == "check" for s in film.stills[: still + 1])
    return Box(
        id="engine",
        title="Memory encryption engine",
        shorts=("Encryption engine", "Engine"),
        lines=(_owner_words(detail.owner_bit, keyid), _mac_words(ask, detail, keyid),
               *_turned(film, still),
               Words(f"AES-XTS, tweak = address {bare(hpa)}", "secondary", short=f"AES-XTS, key {keyid:#04x}", brief="AES-XTS")),
        tone="outside" if stopped else "inside",
        view="line",
        chip=f"key {keyid:#04x}, never leaves" if _has_key(ask, keyid) else "no key",
        tip="Encrypts, decrypts and checks every line that crosses the boundary. Enter: this line",
        refused=stopped,
    )  # fmt: skip


def _turned(film: Film | None, still: int) -> tuple[Words, ...]:
    """What the engine made of the bytes in this access, once it has."""
    taken = film.stills[: still + 1] if film else ()
    before = next((s.data for s in taken if s.phase == "fetch"), b"")
    after = next((s.data for s in taken if s.phase == "check"), b"")
    if not before or not after:
        return ()
    return (Words(f"{before[:4].hex(' ')} → {after[:4].hex(' ')}", mono=True),)


def _keyid(ask: Ask, film: Film | None) -> int:
    if film and film.keyid is not None:
        return film.keyid
    return next((row.hkid for row in ask.key_rows() if row.owner == "td-a" or row.owner == "A"), 0)


def _has_key(ask: Ask, keyid: int) -> bool:
    rows = ask.key_rows()
    return any(row.hkid == keyid and row.configured for row in rows) or (keyid == 0 and bool(rows))


def _owner_words(owner_bit: bool, keyid: int) -> Words:
    bit = int(owner_bit)
    if is_private(keyid):
        return Words(f"TD-owner bit {bit} {'✔' if bit else '✕ poison'}", "text" if bit else "bad",
                     short=f"owner bit {bit} {'✔' if bit else '✕'}", brief=f"bit {bit} {'✔' if bit else '✕'}")  # fmt: skip
    answer = "zeros" if bit else "data"
    return Words(
        f"TD-owner bit {bit}, KeyID {keyid} → {answer}",
        short=f"owner bit {bit} → {answer}",
        brief=f"{bit} → {answer}",
    )


def _mac_words(ask: Ask, detail: "LineDetail", keyid: int) -> Words:
    if ask.world == "li":
        return Words("no MAC: logical integrity", brief="no MAC")
    if not is_private(keyid):
        return Words(
            "MAC not checked for a shared KeyID",
            "secondary",
            short="shared KeyID: no MAC check",
            brief="no MAC check",
        )
    if detail.mac_stored is None or detail.mac_expected is None:
        return Words("MAC: no key to check it with", "secondary")
    same = detail.mac_stored == detail.mac_expected
    sign = "=" if same else "≠"
    mark = "✔" if same else "✕"
    return Words(f"MAC {detail.mac_stored:07x} {sign} {detail.mac_expected:07x} {mark}",
                 "text" if same else "bad", True, f"MAC {detail.mac_stored:07x} {mark}", f"MAC {mark}")  # fmt: skip


# --- outside --------------------------------------------------------------------------------------


def device(ask: Ask, hpa: Hpa) -> Box:
    """A device behind the IOMMU, reading with KeyID 0."""
    detail = ask.line(hpa)
    return _onlooker(ask, "device", "Device (DMA)", detail.device, "device", detail.owner_bit)


def probe(ask: Ask, hpa: Hpa) -> Box:
    """A probe on the memory bus or on the DIMM."""
    detail = ask.line(hpa)
    return _onlooker(ask, "probe", "Probe on the bus", detail.probe, "outside", detail.owner_bit)


SHORT_REASONS = {
    "zeros": "zeros: owner bit is 1",
    "noise": "ciphertext only",
    "poison": "poisoned line",
    "refused": "gets nothing",
    "readable": "reads it in plain text",
}


SHORTER = {"zeros": "owner bit is 1", "noise": "ciphertext", "readable": "plain text"}


BRIEFEST = {"zeros": "zeros", "noise": "noise", "poison": "poison", "refused": "nothing", "readable": "plain"}


def _onlooker(ask: Ask, box: str, title: str, seen: "Seen", tone: str, owned: bool) -> Box:
    sees = f"sees {hex_bytes(seen.data, 4).removesuffix(' …')}" if seen.data else "sees nothing"
    role = "bad" if seen.kind == "readable" and any(seen.data or b"") else "secondary"
    words = SHORT_REASONS.get(seen.kind, seen.reason)
    if seen.kind == "readable" and ask.world != "legacy":
        words = "zeros, cached" if owned and not any(seen.data or b"") else "not a private line"
    brief = f"sees {hex_bytes(seen.data, 3).removesuffix(' …')}" if seen.data else sees
    short = SHORTER.get(seen.kind, words) if words == SHORT_REASONS.get(seen.kind) else words
    titles = {"device": ("Device", "DMA"), "probe": ("Bus probe", "Probe")}[box]
    return Box(box, title, (Words(sees, mono=True, short=brief, brief=brief[5:]), Words(words, role, short=short, brief=BRIEFEST.get(seen.kind, ""))),
               tone, view="eyes", shorts=titles,
               tip=f"{seen.reason}. Enter: who sees what")  # fmt: skip


def dram(ask: Ask) -> Box:
    """Heading and footing of the memory chips; the lines are ``rows``."""
    words = Words("what the chips hold is noise without the key", "secondary", short="noise without the key")
    if ask.world == "legacy":
        words = Words("what the chips hold is the data itself", "bad", short="the data itself")
    return Box("dram", "DRAM", (words,), view="page",
               tip="What the memory chips hold. Enter: the whole page")  # fmt: skip


def rows(ask: Ask, hpa: Hpa, chosen: Hpa | None = None) -> tuple[DramRow, ...]:
    """Five lines of one page around ``hpa``, as the chips hold them."""
    pointed = None if chosen is None else line_of(chosen)
    line, page = line_of(hpa), page_of(hpa)
    lowest = max(page, min(line - AROUND * LINE, page + PAGE - (2 * AROUND + 1) * LINE))
    owner = ask.page(hpa).owner
    found = []
    for at in range(lowest, lowest + (2 * AROUND + 1) * LINE, LINE):
        detail = ask.line(at)
        mac = "" if detail.mac_stored is None else f"{detail.mac_stored:07x}"
        found.append(
            DramRow(at, detail.cipher, detail.owner_bit, mac, owner, at == line, detail.poison, at == pointed)
        )
    return tuple(found)
