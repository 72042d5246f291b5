"""The import contracts catch what they forbid: one planted violation each, in a copy."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLANTS = {
    "layers": ("tdxviz/session/moment.py", "import tdxviz.ui.theme"),
    "core-layers": ("tdxviz/core/hw/dram.py", "import tdxviz.core.tdx.module"),
    "core-is-pure": ("tdxviz/core/units.py", "import random"),
    "session-is-headless": ("tdxviz/session/moment.py", "import PySide6.QtCore"),
    "units-of-hardware": ("tdxviz/core/hw/dram.py", "import tdxviz.core.hw.cache"),
}
"""Contract id -> file, and the line that breaks it."""
NAMES = {
    "layers": "app over ui over session over core",
    "core-layers": "inside the core",
    "core-is-pure": "the core knows no window, no clock, no chance, no threads",
    "session-is-headless": "the session knows no window",
    "units-of-hardware": "hardware units do not know each other",
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    shutil.copytree(ROOT / "tdxviz", folder / "tdxviz", ignore=shutil.ignore_patterns("__pycache__", "*.ttf"))
    return folder


def lint(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    """Run one contract where the copy is found before any installed package."""
    code = "import sys; sys.path.insert(0, '.'); from importlinter.cli import lint_imports_command as c; c()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache", "--contract", contract],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("contract", PLANTS)
def test_a_planted_violation_is_caught(copy: Path, contract: str) -> None:
    pytest.importorskip("importlinter")
    name, line = PLANTS[contract]
    path = copy / name
    before = path.read_text()
    try:
        path.write_text(f"{before}\n\n{line}\n")
        broken = lint(copy, contract)
    finally:
        path.write_text(before)
    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert f"{NAMES[contract]} BROKEN" in broken.stdout
    assert line.split()[-1].partition(".Qt")[0] in broken.stdout


def test_every_contract_has_its_plant() -> None:
    tomllib = pytest.importorskip("tomllib")
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    assert {row["id"]: row["name"] for row in table} == NAMES
    assert PLANTS.keys() == NAMES.keys()
