"""An installed tdxviz has everything it needs: lessons, fonts, guest programs, entry point."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return next(folder.glob("*.whl"))


def test_data_files_are_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    lessons = {f"tdxviz/_lessons/{path.parent.name}/lesson.md" for path in ROOT.glob("lessons/*/lesson.md")}
    assert lessons
    assert lessons <= names
    for one in ("DejaVuSans.ttf", "DejaVuSansMono.ttf", "LICENSE.txt"):
        assert f"tdxviz/ui/assets/fonts/{one}" in names
    assert "tdxviz/core/guest/programs/vault.json" in names
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_it_works_away_from_the_source_tree(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'site')!r}); from tdxviz.__main__ import main; sys.exit(main())"
    for args in (["lesson", "run", "who-reads"], ["attack", "run", "host-read-keyid0", "--world", "ci"]):
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, *args],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    text = zipfile.ZipFile(wheel).read(
        next(n for n in zipfile.ZipFile(wheel).namelist() if n.endswith("entry_points.txt"))
    )
    assert b"tdxviz = tdxviz.__main__:main" in text
