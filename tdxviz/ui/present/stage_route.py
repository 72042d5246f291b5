"""Where the arrows and tokens of a film go on the stage, still by still."""

from tdxviz.ui.present.film_parts import Film, Still
from tdxviz.ui.present.hexes import hex_bytes, owner_token, plain_words
from tdxviz.ui.present.stage_parts import Arrow, Token

GUEST_LEGS = {
    "translate": ("core0>tlb",),
    "walk": ("tlb>module",),
    "cache": ("tlb>cache",),
    "engine": ("cache>engine",),
    "fetch": ("dram>engine",),
    "fill": ("engine>cache",),
    "deliver": ("cache>core0",),
    "store": ("core0>cache",),
    "write": ("engine>dram",),
    "evict": ("cache>engine",),
}
HOST_LEGS = {
    **GUEST_LEGS,
    "engine": ("core1>cache", "cache>engine"),
    "hit": ("core1>cache",),
    "deliver": ("cache>core1",),
    "store": ("core1>cache",),
    "evict": ("core1>cache",),
    "refused": ("core1",),
}
DEVICE_LEGS = {
    **GUEST_LEGS,
    "engine": ("device>iommu", "iommu>engine"),
    "hit": ("device>iommu",),
    "map": ("core1>iommu",),
    "deliver": ("engine>device",),
    "store": ("device>iommu",),
    "refused": ("device>iommu",),
}
PROBE_LEGS = {**GUEST_LEGS, "capture": ("bus>probe",), "inject": ("probe>bus", "bus>dram")}
LEAF_LEGS = {"return": ("module>core0",), "enter": ("module>core0",), "save": ("core0>module",)}
LEGS = {
    "guest": GUEST_LEGS,
    "host": HOST_LEGS,
    "device": DEVICE_LEGS,
    "probe": PROBE_LEGS,
    "leaf": LEAF_LEGS,
    "border": LEAF_LEGS,
}
ROLES = {"guest": "inside", "host": "host", "device": "device", "probe": "outside"}


def legs(film: Film, number: int, has_module: bool) -> tuple[str, ...]:
    """Legs that appear in this still; a box's id alone where nothing travels."""
    still = film.stills[number]
    found = LEGS.get(film.kind, {}).get(still.phase, (still.place,))
    if film.kind in ("leaf", "border") and still.phase == "return":
        found = (f"module>{still.place}",)
    if not has_module:
        found = tuple(leg for leg in found if "module" not in leg) or (still.place,)
    if still.phase == "check" and still.refused:
        found = ("iommu>engine",) if film.kind == "device" else ("cache>engine",)
    if number == 0 and film.kind in ("host", "device"):
        found = _with_approach(film.kind, found)
    return found


def _with_approach(kind: str, found: tuple[str, ...]) -> tuple[str, ...]:
    """The attacker's own arrow comes first, whatever the first micro-operation is."""
    way = {"host": ("core1>cache", "cache>engine"), "device": ("device>iommu", "iommu>engine")}[kind]
    if way[0] in found or ">" not in found[-1] or found[-1] == "core1>iommu":
        return found
    if "engine" not in found[-1] or found[-1] == way[1]:
        way = way[:1]
    return (*way, *found)


def arrows(film: Film, upto: int, has_module: bool) -> tuple[Arrow, ...]:
    """All arrows of the stills up to number ``upto``; only the last leg of a still is numbered."""
    role = ROLES.get(film.kind, "module")
    drawn: list[Arrow] = []
    for number in range(upto + 1):
        still = film.stills[number]
        found = legs(film, number, has_module)
        for part, leg in enumerate(found, 1):
            last = part == len(found)
            stop = still.refused and last
            drawn.append(Arrow(leg, number + 1 if last else 0, role, number == upto, stop))
    return tuple(drawn)


def tokens(film: Film, upto: int, guest: str) -> tuple[Token, ...]:
    """Bytes in sight at this still: what crossed the boundary, and what it turned into inside."""
    out: list[Token] = []
    still = film.stills[upto]
    fetched = _last(film, upto, ("fetch", "write", "capture", "inject"))
    if fetched and fetched.data:
        out.append(Token("bus", hex_bytes(fetched.data, 2).removesuffix(" …")))
    if still.data and still.phase in ("check", "fill", "deliver", "store"):
        owner = owner_token(film.actor) if film.kind in ("guest", "host", "device") else guest
        out.append(Token(_spot(film, still), plain_words(still.data), owner))
    return tuple(out)


def _spot(film: Film, still: Still) -> str:
    if still.phase == "check":
        return "engine"
    if film.kind == "device":
        return "device"
    if still.phase == "fill":
        return "engine>cache"
    return f"cache>{still.place}" if still.phase == "deliver" else "cache"


def _last(film: Film, upto: int, phases: tuple[str, ...]) -> Still | None:
    return next((s for s in reversed(film.stills[: upto + 1]) if s.phase in phases), None)
