"""Write the pages that list what the module model answers, from the tables themselves.

``docs/leaves.md``: every leaf with its checks in order, and the case that reaches each;
``docs/metadata.md``: every metadata field with its id, its size and who may read and write it.

Usage: python -m tools.list_leaves
"""

from pathlib import Path

from tdxviz.core.arch import metadata as md
from tdxviz.core.arch.leaves import LEAVES, Leaf
from tdxviz.core.tdx import dispatch, guest_leaves
from tests.core.tdx import cases

DOCS = Path(__file__).resolve().parents[1] / "docs"
AGAIN = "Written by `python -m tools.list_leaves` from the tables; do not edit."
GUEST_TESTS = ("a_tdcall_is_refused", "a_tdcall_leaves")


def leaves() -> str:
    """The page of leaves x checks x tests."""
    modelled = [leaf for leaf in LEAVES if is_modelled(leaf)]
    others = [leaf for leaf in LEAVES if not is_modelled(leaf)]
    parts = [
        "# Leaves, their checks, and the tests that reach them",
        AGAIN,
        "Each check is reached alone by a case of `tests/core/tdx/test_checks.py`, which sees its status and operand "
        "and proves by fingerprint that nothing else changed. Where it says *nothing*, the check cannot fail in the "
        "model, for the reason given.",
        *(_leaf(leaf) for leaf in modelled),
        "## Not modelled yet",
        "These rows are in the tables; a call is answered with TDX_OPERAND_INVALID (RAX) and says so.",
        "\n".join(f"- {leaf.name} ({leaf.number}): {leaf.purpose}" for leaf in others),
    ]
    return "\n\n".join(parts) + "\n"


def is_modelled(leaf: Leaf) -> bool:
    return leaf.name in (dispatch.BODIES if leaf.side == "host" else guest_leaves.BODIES)


def _leaf(leaf: Leaf) -> str:
    call = "SEAMCALL" if leaf.side == "host" else "TDCALL"
    states = f" OP_STATE: {', '.join(sorted(leaf.op_states))}." if leaf.op_states else ""
    head = f"## {leaf.name}\n\n{call} {leaf.number}. {leaf.purpose}.{states}"
    if not leaf.checks:
        return f"{head} It has no checks."
    rows = "\n".join(_check(leaf, number) for number in range(len(leaf.checks)))
    return f"{head}\n\n| # | check | status | reached by |\n|---|---|---|---|\n{rows}"


def _check(leaf: Leaf, number: int) -> str:
    check = leaf.checks[number]
    status = check.status + (f" \\| {check.operand}" if check.operand else "")
    text = check.text.replace("|", "\\|")
    return f"| {number} | {text} | {status} | {_reached(leaf, number)} |"


def _reached(leaf: Leaf, number: int) -> str:
    if (leaf.name, number) in cases.elsewhere():
        return f"`{cases.elsewhere()[leaf.name, number]}`"
    case = cases.covered().get((leaf.name, number))
    if case is None:
        return f"nothing: {cases.unreachable().get((leaf.name, number), 'no case')}"
    test = "the_check" if leaf.side == "host" else GUEST_TESTS[case.exits is not None]
    return f"`{test}[{leaf.name}-{number}]`"


def fields() -> str:
    """The page of metadata fields."""
    parts = [
        "# Metadata fields",
        AGAIN,
        "Read and written with TDH.MNG.RD/WR and TDH.VP.RD/WR by the host, with TDG.VM.RD/WR and TDG.VP.RD/WR by the "
        "guest, with TDH.SYS.RD and TDG.SYS.RD for the module itself. Masks are hexadecimal; `-` means no access. "
        "Ids that the real module knows beyond these are answered as unknown.",
        *(_table(context) for context in (md.TD, md.VP, md.SYS)),
    ]
    return "\n\n".join(parts) + "\n"


def _table(context: int) -> str:
    head = (
        f"## Of the {md.CONTEXTS[context]}\n\n| id | name | bits | elements | host | debug | guest | kept in | note |\n"
        "|---|---|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(_field(row) for row in md.TABLES[context])


def _field(row: md.Field) -> str:
    access = " | ".join(_access(masks, row.bits) for masks in (row.host, row.debug, row.guest))
    count = row.fields if row.elements == 1 else f"{row.fields} x {row.elements}"
    kept = "computed" if row.where.startswith("=") else row.where
    return f"| `{row.id:016X}` | {row.name} | {row.bits} | {count} | {access} | {kept} | {row.note} |"


def _access(masks: md.Access, bits: int) -> str:
    whole = (1 << bits) - 1

    def word(mask: int, letter: str) -> str:
        return "" if not mask else letter if mask == whole else f"{letter} {mask:X}"

    return " ".join(filter(None, (word(masks.read, "R"), word(masks.write, "W")))) or "-"


PAGES = {"leaves.md": leaves, "metadata.md": fields}


def main() -> None:
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), "utf-8")


if __name__ == "__main__":
    main()
