"""Where unfinished sessions wait to be recovered.

Beside ``session-0001.tdxs`` lies ``session-0001.pid`` with the number of the process that writes
it, so that a second window does not take the first one's session for a crashed one.
"""

import os
from pathlib import Path

from tdxviz.core.faults import TdxvizError
from tdxviz.session.session import Session

PREFIX = "session-"
SUFFIX = ".tdxs"
MOST_FILES = 10_000
TAIL = 64
"""Bytes at the end of a file in which the closing line fits."""


def default_folder() -> Path:
    """The user's data folder for tdxviz; ``TDXVIZ_DATA`` overrides it."""
    if chosen := os.environ.get("TDXVIZ_DATA"):
        return Path(chosen)
    import platformdirs  # here, because only the app and lesson progress need it

    return Path(platformdirs.user_data_dir("tdxviz", appauthor=False))


def new_path(folder: Path) -> Path:
    """A file name nobody uses yet; the file is created so that two windows never share one.

    Raises:
        TdxvizError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, MOST_FILES):
            path = folder / f"{PREFIX}{number:04}{SUFFIX}"
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            except FileExistsError:
                continue
            _owner_file(path).write_text(str(os.getpid()))
            return path
    except OSError as error:
        raise TdxvizError(f"{folder}: cannot be written ({error.strerror or error})") from None
    raise TdxvizError(f"{folder}: holds {MOST_FILES} sessions; delete some")


def unfinished(folder: Path) -> list[Path]:
    """Sessions that did not end in good order and hold at least one action, newest first."""
    try:
        found = [path for path in folder.glob(f"{PREFIX}*{SUFFIX}") if _is_unfinished(path)]
        return sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True)
    except OSError:
        return []


def _is_unfinished(path: Path) -> bool:
    try:
        data = path.read_bytes()
    except OSError:
        return False
    if _is_in_use(path):
        return False
    return data.count(b"\n") >= 2 and b'{"closed":true}' not in data[-TAIL:]


def _owner_file(path: Path) -> Path:
    return path.with_suffix(".pid")


def _is_in_use(path: Path) -> bool:
    """Whether another living process writes this session."""
    try:
        owner = int(_owner_file(path).read_text())
    except (OSError, ValueError):
        return False
    if owner == os.getpid() or owner <= 0 or os.name != "posix":
        return False
    try:
        os.kill(owner, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def recover(folder: Path) -> Session | None:
    """The newest unfinished session, going on in its own file; None if there is none.

    A file that cannot be read is renamed to ``.broken`` and told in the notices.
    """
    notices: list[str] = []
    for path in unfinished(folder):
        try:
            session = Session.open(path, go_on=True)
        except TdxvizError as error:
            notices.append(f"{error}; the file was kept as {path.name}.broken")
            path.replace(path.with_name(path.name + ".broken"))
            continue
        _owner_file(path).write_text(str(os.getpid()))
        session.notices[:0] = notices
        return session
    return None
