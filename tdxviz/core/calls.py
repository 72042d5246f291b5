"""SEAMCALLs and TDCALLs by the name of their leaf."""

from tdxviz.core.arch import metadata
from tdxviz.core.arch.leaves import BY_NAME, LEAVES
from tdxviz.core.commands import Command, Seamcall, Tdcall
from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean

SIDES: dict[str, type[Command]] = {"host": Seamcall, "guest": Tdcall}
FIELDS_OF = {
    "TDH.SYS": metadata.SYS, "TDG.SYS": metadata.SYS, "TDH.MNG": metadata.TD, "TDG.VM": metadata.TD,
    "TDH.VP": metadata.VP, "TDG.VP": metadata.VP,
}  # fmt: skip
"""Whose metadata the leaves ``.RD`` and ``.WR`` of a family reach; RDX holds the field's id."""
FIELD_REGISTER = "rdx"
HIGHEST_VERSION = 0xFF


def number_of(leaf: str, version: int = 0, side: str = "") -> int:
    """RAX of a leaf. ``side`` is ``host``, ``guest`` or empty for either.

    Raises:
        TdxvizError: there is no such leaf; the text names the nearest.
    """
    row = BY_NAME.get(leaf)
    if row is None or side not in ("", row.side):
        names = [known.name for known in LEAVES if side in ("", known.side)]
        raise TdxvizError(f"there is no leaf {leaf!r}; {did_you_mean(leaf, names)}")
    if not 0 <= version <= HIGHEST_VERSION:
        raise TdxvizError(f"version {version} does not fit RAX; 0 to {HIGHEST_VERSION}")
    return row.number | version << 16


def field_of(leaf: str, name: str) -> int:
    """The id of a metadata field, as ``leaf`` takes it: ``NUM_VCPUS``, ``RTMR[3]``.

    Raises:
        TdxvizError: the leaf takes no field, or knows none of this name; the text names the nearest.
    """
    context = FIELDS_OF.get(leaf.rpartition(".")[0])
    if context is None or not leaf.endswith((".RD", ".WR")):
        raise TdxvizError(f"{name!r} is no number, and {leaf or 'this call'} takes no metadata field")
    known = metadata.ids(context)
    if name not in known:
        near = [row.name + ("" if row.count == 1 else "[0]") for row in metadata.TABLES[context]]
        raise TdxvizError(
            f"there is no {metadata.CONTEXTS[context]} field {name!r}; {did_you_mean(name, near)}"
        )
    return known[name]


def call(leaf: str, *, version: int = 0, **registers: int) -> Command:
    """The command for one call: ``Seamcall`` for TDH leaves, ``Tdcall`` for TDG leaves.

    ``registers``: lower-case names with 64-bit values, and ``lp``, the logical processor.

    Raises:
        TdxvizError: a leaf or register is mistyped; the text names the nearest.
    """
    rax = number_of(leaf, version)
    kind = SIDES[BY_NAME[leaf].side]
    known = [name for name in kind.__struct_fields__ if name != "rax"]
    for name in registers:
        if name not in known:
            raise TdxvizError(f"{leaf} has no register {name!r}; {did_you_mean(name, known)}")
    return kind(rax=rax, **registers)  # type: ignore[call-arg]  # because both kinds take these, their base does not
