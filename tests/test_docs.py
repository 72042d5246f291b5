"""The documents are true: links lead somewhere, commands exist, code runs, names are those of the code."""

import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tdxviz.cli import main as cli
from tdxviz.ui.record_cues import VERBS, parse
from tools import list_leaves

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)#\s]+)\)")
PATH = re.compile(r"`((?:core|session|ui|cli|tests|tools|docs|lessons|demos|benchmarks|script)/[\w./*-]+)`")
MOST_PICTURE = 250 * 1024
GENERIC = ("my_", "my-", "NN-")


def ids(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_to_files(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text("utf-8")) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_pictures_are_real_small_and_used() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    pictures = sorted((ROOT / "docs" / "pictures").glob("*.png"))
    assert len(pictures) >= 3
    for path in pictures:
        data = path.read_bytes()
        width, height = struct.unpack(">II", data[16:24])
        assert data.startswith(b"\x89PNG")
        assert width >= 1000
        assert height >= 600
        assert len(data) <= MOST_PICTURE, path.name
        assert f"docs/pictures/{path.name}" in readme


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_files_that_are_named_exist(page: Path) -> None:
    missing = []
    for name in PATH.findall(page.read_text("utf-8")):
        if any(mark in name for mark in GENERIC):
            continue
        roots = (ROOT, ROOT / "tdxviz")
        if not any(list(root.glob(name.rstrip("/"))) for root in roots):
            missing.append(name)
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_that_are_named_exist(page: Path) -> None:
    known = {*cli.GROUPS, *cli.DELEGATED}
    text = page.read_text("utf-8")
    blocks = "\n".join(re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    used = re.findall(r"`tdxviz ([a-z]+)", text) + re.findall(r"^tdxviz ([a-z]+) ", blocks, re.MULTILINE)
    assert set(used) <= known


def test_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in (*cli.GROUPS, *cli.DELEGATED) if f"tdxviz {name}" not in text] == []


def test_the_python_example_of_the_readme_runs() -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert code is not None
    done = subprocess.run(
        [sys.executable, "-c", code[1]], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "zeros" in done.stdout


def test_every_cue_is_in_the_guide() -> None:
    text = (ROOT / "docs" / "guide.md").read_text("utf-8")
    rows = [row for row in text.splitlines() if row.startswith("| `")]
    assert [verb for verb in VERBS if not any(f"`{verb}" in row for row in rows)] == []


def test_demos_are_understood() -> None:
    demos = sorted((ROOT / "demos").glob("*.tdxrec"))
    assert demos
    assert all(parse(path.read_text("utf-8"), path.name).cues for path in demos)


def test_the_changelog_has_the_version_and_its_headings() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert f"## [{version[1]}]" in text
    assert "### Accuracy" in text


def test_decisions_are_numbered_without_gaps_and_say_what_follows() -> None:
    pages = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text("utf-8")
        assert text.startswith(f"# {page.name[:4]} ")
        assert "**Context.**" in text
        assert "**Consequences.**" in text


def test_contributing_explains_each_addition_in_ten_lines() -> None:
    parts = re.split(r"^## ", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), flags=re.MULTILINE)[1:]
    titles = {part.splitlines()[0] for part in parts}
    assert {f"Add {what}" for what in ("a leaf", "an event", "an attack", "a lesson", "a panel")} <= titles
    for part in parts:
        if part.startswith("Add "):
            body = part.splitlines()[1:]
            steps = [row for row in body[: body.index("")] if row] if "" in body else body
            assert len(steps) <= 10, part.splitlines()[0]


@pytest.mark.parametrize("name", list_leaves.PAGES)
def test_the_pages_made_from_tables_are_up_to_date(name: str) -> None:
    kept = (ROOT / "docs" / name).read_text("utf-8")
    assert kept == list_leaves.PAGES[name](), "write them again: python -m tools.list_leaves"
