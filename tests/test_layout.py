"""The tree itself: tests mirror sources, files stay small, panels do not know each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "tdxviz"
SOURCES = sorted(SOURCE.rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 400, 60

TABLES = {
    "core/arch/leaf_table.py": "generated",
    "core/arch/status_table.py": "generated",
    "core/arch/state_table.py": "generated",
    "core/events.py": "one small class an event, nothing else",
}
"""Files that may be long, and why."""

WIDER = {
    "test_layout.py", "test_docs.py", "packaging", "properties", "lessons",
    "core/hw/test_whole_pages.py",  # cache, controller and chips together
    "core/hw/test_rights.py",  # walk and TLB together, every combination
    "core/host/test_recipes.py",  # what the recipes promise, together
    "core/tdx/test_checks.py",  # every leaf's refusals
    "core/guest/test_compiled.py",  # gcc, loader, runtime, host and vCPU together
    "core/guest/test_oracle.py",  # the host CPU against our vCPU
    "core/tdx/test_instruction_table.py",  # machine code through vCPU and module
    "core/tdx/test_sept_states.py",  # every leaf in every state
    "ui/test_keyboard.py",  # a whole lesson by keys
    "ui/test_killed.py",  # the app killed and started again
    "ui/test_pyside_refcount.py",  # PySide6 itself
    "ui/test_startup.py",  # the whole start
    "ui/test_window.py",  # the window as a person uses it
    "ui/views/test_stage_startup.py",  # the whole start
}  # fmt: skip
"""Tests (or folders of them) about more than one source file."""


def test_every_test_file_stands_where_its_source_does() -> None:
    stray = []
    for path in TESTS:
        place = path.relative_to(ROOT / "tests")
        if place.as_posix() in WIDER or place.parts[0] in WIDER:
            continue
        source = SOURCE / place.with_name(place.name.removeprefix("test_"))
        if not source.is_file() and not source.with_suffix("").is_dir():
            stray.append(place.as_posix())
    assert not stray, f"no source file of that name; rename, or add to WIDER with a reason: {stray}"


def test_exemptions_are_still_needed() -> None:
    assert [name for name in WIDER if not (ROOT / "tests" / name).exists()] == []
    assert [name for name in TABLES if not (SOURCE / name).exists()] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(SOURCE).as_posix())
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text("utf-8")
    if path.relative_to(SOURCE).as_posix() not in TABLES:
        assert text.count("\n") <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or node.lineno) - node.lineno <= LONGEST_FUNCTION, node.name


def test_panels_do_not_know_each_other() -> None:
    """A panel is found through the table of panels alone; what two of them share is elsewhere."""
    from tdxviz.ui.panels import PANELS

    panels = {row.where.partition(":")[0] for row in PANELS}
    found = []
    for path in sorted((SOURCE / "ui" / "views").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tdxviz.ui.views"):
                names = {node.module.rpartition(".")[2], *(alias.name for alias in node.names)}
                found += [f"{path.stem} -> {name}" for name in names & panels]
    assert found == []


def test_no_file_names_a_machine_or_a_registry() -> None:
    unwanted = ("/work" + "/main", "index" + "-url", "pypi" + ".org", "TO" + "DO", "FIX" + "ME")
    found = []
    for path in [*SOURCES, *TESTS, *(ROOT / "script").iterdir(), *ROOT.glob("*.md"), ROOT / "pyproject.toml"]:
        text = path.read_text("utf-8")
        found += [f"{path.relative_to(ROOT)}: {word}" for word in unwanted if word in text]
    assert found == []
