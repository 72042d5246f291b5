"""``tdxviz selfcheck``: is everything here, and does the cryptography give known answers?"""

import argparse
import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata, resources

from tdxviz.cli.codes import NO, OK
from tdxviz.cli.output import print_json

PACKAGES = (
    "PySide6-Essentials", "pyqtgraph", "numpy", "cryptography", "iced-x86", "msgspec", "PyYAML",
    "platformdirs",
)  # fmt: skip
EDITIONS = (
    "Intel TDX module 1.5 (source tree tdx_1.5, tag TDX_1.5.01): leaves, status codes, PAMT, SEPT",
    "Intel TDX module Base Specification, chapter 16: memory integrity and machine checks",
    "IEEE 1619-2007: XTS-AES-128; FIPS 202: SHA3-256",
)
XTS_KEYS = ("27182818284590452353602874713526", "31415926535897932384626433832795")
XTS_CIPHER = (
    "27a7479befa1d476489f308cd4cfa6e2a96e4bbe3208ff25287dd3819616e89c"
    "c78cf7f5e543445f8333d8fa7f56000005279fa5d8b5e4ad40e736ddb4d35412"
)
"""IEEE 1619 vector 4: bytes 0..63 at data unit 0, first 64 bytes of the answer."""
SHA3_ABC = "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"
SHA384_ABC = (
    "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"
)
QT_PROBE = (
    "from PySide6.QtGui import QGuiApplication as A; a = A([]);"
    "from PySide6.QtCore import qVersion; print(a.platformName(), qVersion())"
)
QT_PATIENCE = 20
"""Seconds to wait for Qt to come up."""


@dataclass(frozen=True)
class Finding:
    """``ok`` None: for information only."""

    what: str
    ok: bool | None
    detail: str


def version() -> str:
    try:
        return metadata.version("tdxviz")
    except metadata.PackageNotFoundError:
        return "from source"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true")
    parser.set_defaults(run=check)


def check(args: argparse.Namespace) -> int:
    found = [*_versions(), _fonts(), _qt(), *_crypto(), *_editions()]
    if args.json:
        print_json([asdict(one) for one in found])
    else:
        for one in found:
            word = {True: "ok", False: "FAILED", None: ""}[one.ok]
            print(f"{one.what:<22}{word:<8}{one.detail}")
    return NO if any(one.ok is False for one in found) else OK


def _versions() -> Iterator[Finding]:
    yield Finding("tdxviz", None, version())
    yield Finding("Python", sys.version_info >= (3, 11), platform.python_version())
    for name in PACKAGES:
        try:
            yield Finding(name, True, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(name, False, "not installed")


def _fonts() -> Finding:
    folder = resources.files("tdxviz").joinpath("ui", "assets", "fonts")
    names = [one.name for one in folder.iterdir()] if folder.is_dir() else []
    fonts = sorted(name for name in names if name.lower().endswith((".ttf", ".otf")))
    return Finding("fonts", bool(fonts), ", ".join(fonts) or "none in tdxviz/ui/assets/fonts")


def _qt() -> Finding:
    """Asked in another process: Qt aborts the whole process where it has no platform."""
    environment = dict(os.environ)
    screen = environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not screen:
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        done = subprocess.run(
            [sys.executable, "-c", QT_PROBE],
            capture_output=True, text=True, timeout=QT_PATIENCE, env=environment, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("Qt platform", False, str(error))
    if done.returncode == 0:
        return Finding("Qt platform", True, done.stdout.strip())
    last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    return Finding("Qt platform", False, last)


def _crypto() -> Iterator[Finding]:
    yield _answer("AES-XTS (IEEE 1619)", _xts, XTS_CIPHER)
    yield _answer("SHA3-256", lambda: hashlib.sha3_256(b"abc").hexdigest(), SHA3_ABC)
    yield _answer("SHA-384", lambda: hashlib.sha384(b"abc").hexdigest(), SHA384_ABC)


def _answer(what: str, compute: Callable[[], str], wanted: str) -> Finding:
    good = compute() == wanted
    return Finding(what, good, "known answer" if good else "wrong answer")


def _xts() -> str:
    from tdxviz.core.hw import mee

    key = mee.Key(*(bytes.fromhex(half) for half in XTS_KEYS))
    return mee.encrypt_line(key, 0, bytes(range(64))).hex()


def _editions() -> Iterator[Finding]:
    for text in EDITIONS:
        yield Finding("models", None, text)
