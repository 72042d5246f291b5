"""Operands of a leaf: what each register means, and a value from the present machine that makes sense."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from tdxviz.core import peek_module, peek_sept
from tdxviz.core.arch import metadata as md
from tdxviz.core.arch import transitions
from tdxviz.core.arch.leaves import Leaf
from tdxviz.core.host import layout
from tdxviz.core.units import PAGE, U64, Gpa, Hpa, page_of, with_keyid
from tdxviz.ui.present import sept_tree
from tdxviz.ui.present.hexes import actor_title, spaced
from tdxviz.ui.present.questions import Questions

KINDS: tuple[tuple[str, str], ...] = (
    ("TDVPR", "tdvpr"), (r"^GPA \|", "gpa_level"), ("GPA", "gpa"), ("source page", "source"),
    (r"including the HKID", "page_keyid"), ("free", "free"), ("TDR page PA", "free"), (r"^TDR", "tdr"),
    ("TD_PARAMS", "td_params"), ("global private HKID", "global_hkid"), ("^HKID", "hkid"),
    ("TDMR_INFO pointers", "tdmr_list"), ("number of entries", "one"), ("TDMR base", "tdmr"),
    ("field id", "field"), ("mask|-1 = none", "ones"), ("page PA|CMR array PA|buffer PA", "page"),
)  # fmt: skip
"""What the words of a row say (first match counts) -> kind of operand; the rest are plain numbers."""
CONTEXTS = {".MNG.": "field_td", ".VM.": "field_td", ".VP.": "field_vp", ".SYS.": "field_sys"}
"""Part of a leaf's name -> whose fields its field id is of."""
FIELDS = {"field_td": "ATTRIBUTES", "field_vp": "VCPU_INDEX", "field_sys": "NUM_PKGS"}
"""A field of each kind that a production TD lets its host read."""
FIELD_CONTEXTS = {"field_td": md.TD, "field_vp": md.VP, "field_sys": md.SYS}
FREE_FROM = 0x0070_0000
"""Free pages are offered from here on: the scenario keeps its own below."""
REGISTERS = ("RCX", "RDX", "RBX", "RBP", "RSI", "RDI", *(f"R{n}" for n in range(8, 16)))


@dataclass(frozen=True, slots=True)
class Operand:
    register: str
    words: str
    kind: str


def operands(leaf: Leaf) -> tuple[Operand, ...]:
    """Inputs in registers, in the order of the row; ranges like ``R9-R11`` one by one."""
    found: list[Operand] = []
    for name, words in leaf.inputs.items():
        kind = next((kind for pattern, kind in KINDS if re.search(pattern, words)), "number")
        if kind == "field":
            kind = next((k for part, k in CONTEXTS.items() if part in leaf.name), kind)
        found += [Operand(register, words, kind) for register in _registers(name)]
    return tuple(found)


def raw_operands() -> tuple[Operand, ...]:
    """Every register as it is: RAX is leaf number, version << 16, and bits that must be zero."""
    first = Operand("RAX", "leaf number | version << 16", "number")
    return (first, *(Operand(name, "as typed", "number") for name in REGISTERS))


def _registers(name: str) -> list[str]:
    ends = re.fullmatch(r"R(\d+)-R(\d+)", name)
    if ends:
        return [f"R{n}" for n in range(int(ends[1]), int(ends[2]) + 1)]
    return [name] if name in REGISTERS else []


def defaults(ask: Questions, leaf: Leaf, place: Hpa) -> dict[str, int]:
    """Register -> a value with which the leaf might well succeed now."""
    values: dict[str, int] = {}
    for operand in operands(leaf):
        values[operand.register] = _default(ask, leaf, operand, place, values) & U64
    return values


def _default(ask: Questions, leaf: Leaf, operand: Operand, place: Hpa, before: dict[str, int]) -> int:
    module = ask.machine.module
    if module is None:
        return 0
    page = page_of(place)
    table: dict[str, Callable[[], int]] = {
        "tdr": lambda: _tdr(ask, page),
        "tdvpr": lambda: _tdvpr(ask, page),
        "free": lambda: free_page(ask, set(before.values())),
        "hkid": lambda: next((n for n, row in sorted(module.kot.items()) if row.state == "HKID_FREE"), 0),
        "gpa": lambda: _gpa(ask, page),
        "gpa_level": lambda: _gpa_level(ask, leaf, operand, page),
        "source": lambda: layout.SOURCE_PAGES,
        "td_params": lambda: layout.TD_PARAMS,
        "tdmr_list": lambda: layout.TDMR_LIST,
        "global_hkid": lambda: layout.GLOBAL_HKID,
        "one": lambda: 1,
        "tdmr": lambda: module.tdmrs[0].base if module.tdmrs else 0,
        "ones": lambda: U64,
        "page": lambda: page,
        "page_keyid": lambda: with_keyid(page, ask.page(page).hkid or 0),
    }
    if operand.kind in FIELDS:
        return md.named(FIELDS[operand.kind]).id
    return table[operand.kind]() if operand.kind in table else 0


def _tds(ask: Questions) -> tuple[peek_module.TdRow, ...]:
    return ask.once(("td rows",), lambda: peek_module.td_rows(ask.machine))


def _td(ask: Questions, page: Hpa) -> peek_module.TdRow | None:
    """The TD that the place in question belongs to, else the first."""
    module = ask.machine.module
    entry = module.page(page) if module is not None else None
    owner = page if entry and entry.kind == "PT_TDR" else entry.owner if entry else 0
    found = _tds(ask)
    return next((td for td in found if td.tdr == owner), found[0] if found else None)


def _tdr(ask: Questions, page: Hpa) -> Hpa:
    td = _td(ask, page)
    return td.tdr if td else 0


def _tdvpr(ask: Questions, page: Hpa) -> Hpa:
    td = _td(ask, page)
    rows = td.vcpus if td else ()
    return next((v.tdvpr for v in rows if v.tdvpr == page), rows[0].tdvpr if rows else 0)


def free_page(ask: Questions, taken: set[int]) -> Hpa:
    """The first page that nobody has used and that the PAMT has as PT_NDA."""
    module, codes = ask.machine.module, ask.page_map()
    for page in range(FREE_FROM, len(codes) * PAGE, PAGE):
        entry = module.page(page) if module is not None else None
        if not codes[page // PAGE] and entry and entry.kind == "PT_NDA" and page not in taken:
            return page
    return FREE_FROM


def _gpa(ask: Questions, page: Hpa) -> Gpa:
    td = sept_tree.chosen_td(ask, "", page)
    here = sept_tree.gpa_here(ask, td, page) if td else None
    return layout.GUEST_BASE if here is None else here


def _gpa_level(ask: Questions, leaf: Leaf, operand: Operand, page: Hpa) -> int:
    """An entry in a state from which this leaf leads on, near the place in question."""
    level = int(
        (re.search(r"level (\d)", operand.words) or re.search("()1", operand.words) or [0, "1"])[1] or 1
    )
    gpa = _gpa(ask, page) >> 12 + 9 * level << 12 + 9 * level
    td = sept_tree.chosen_td(ask, "", page)
    wanted = {arrow.before for arrow in transitions.SEPT if arrow.by == leaf.name}
    if td is None or not wanted:
        return gpa | level
    if wanted <= {"FREE", "REMOVED"}:
        return _free_gpa(ask, td, gpa, level) | level
    fitting = [e for e in _entries(ask, td) if e.state in wanted and e.level >= level]
    best = min(fitting, key=lambda e: (e.level, not sept_tree.covers(e, gpa)), default=None)
    return (best.gpa | best.level) if best and not _stands(ask, td, gpa, level, wanted) else gpa | level


def _entries(ask: Questions, td: object) -> tuple[peek_sept.Entry, ...]:
    return ask.once(("sept all", getattr(td, "tdr", 0)), lambda: tuple(peek_sept.entries(ask.machine, td)))  # type: ignore[arg-type]  # TdInfo; object keeps this file free of it


def _stands(ask: Questions, td: object, gpa: Gpa, level: int, wanted: set[str]) -> bool:
    """Whether the entry at the place in question is itself in one of those states."""
    return any(e.gpa == gpa and e.level == level and e.state in wanted for e in _entries(ask, td))


def _free_gpa(ask: Questions, td: object, gpa: Gpa, level: int) -> Gpa:
    """The first GPA behind ``gpa`` whose entry of that level is FREE."""
    step, used = 1 << 12 + 9 * level, {e.gpa for e in _entries(ask, td) if e.level == level}
    return next((at for at in range(gpa, gpa + 4096 * step, step) if at not in used), gpa)


# --- reading ------------------------------------------------------------------------------------


def parse(text: str) -> int | str:
    """The number that was typed, or what is wrong with it in words."""
    cleaned = text.strip().replace(" ", "").replace("_", "").replace("'", "")
    if not cleaned:
        return 0
    try:
        value = int(cleaned, 0)
    except ValueError:
        return f"{text.strip()!r} is no number; write 0x41000 or 4096"
    if value < 0:
        value += 1 << 64
    return value if 0 <= value <= U64 else f"{text.strip()} does not fit into 64 bits"


def written(value: int) -> str:
    """A value as it stands in its field."""
    return "-1" if value == U64 else f"{value:#x}" if value > 9 else str(value)


def meaning(ask: Questions, operand: Operand, value: int) -> str:
    """What the machine knows of this value as such an operand."""
    if operand.kind in ("gpa", "gpa_level"):
        level = value & 7 if operand.kind == "gpa_level" else 0
        size = peek_sept.SIZES[level] if level < len(peek_sept.SIZES) else "no level"
        return f"GPA {spaced(value & -8)}" + (
            f", level {level} = {size}" if operand.kind == "gpa_level" else ""
        )
    if operand.kind in ("tdr", "tdvpr", "free", "page", "source", "td_params", "page_keyid"):
        return _page_meaning(ask, value & (1 << 46) - 1)
    if operand.kind in FIELD_CONTEXTS:
        found = md.find(FIELD_CONTEXTS[operand.kind], value)
        return (
            "asks for the first"
            if value == U64
            else found[0].name
            if found
            else "no field that the model knows"
        )
    if operand.kind == "hkid":
        module = ask.machine.module
        row = module.kot.get(value) if module is not None else None
        return row.state if row else "no private KeyID"
    return ""


def _page_meaning(ask: Questions, value: int) -> str:
    module = ask.machine.module
    page = page_of(value)
    if page >= ask.machine.platform.size:
        return "beyond memory"
    entry = module.page(page) if module is not None else None
    owner = module.actors.get(entry.owner, "") if module is not None and entry else ""
    if entry and entry.kind == "PT_TDR":
        owner = module.actors.get(page, "") if module is not None else ""
    return (entry.kind if entry else "no PAMT entry") + (f" of {actor_title(owner)}" if owner else "")
