import os
import signal
import subprocess
import sys
import time

import pytest

from tdxviz.session import autosave
from tdxviz.session.actions import Action
from tdxviz.session.session import Session

READ = Action("host.read", {"at": 0x20_0000})
WORKER = """
import sys
from tdxviz.session import autosave
from tdxviz.session.actions import Action
from tdxviz.session.session import Session
from pathlib import Path
session = Session(scenario="empty", path=autosave.new_path(Path(sys.argv[1])))
for n in range(10 ** 9):
    session.act(Action("host.write", {"at": 0x200000 + 64 * (n % 64), "pattern": n % 256}))
    print(n, flush=True)
"""


def _crash(path):
    """A session that wrote one action and never ended."""
    session = Session(scenario="empty", path=path)
    session.act(READ)
    session.journal.abandon()


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a posix affair")
def test_a_kill_loses_at_most_the_last_action(tmp_path):
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert worker.stdout is not None
    done = [int(worker.stdout.readline()) for _ in range(25)][-1]
    assert autosave.unfinished(tmp_path) == []  # it is in use by a living process
    worker.send_signal(signal.SIGKILL)
    rest = worker.stdout.read().split()
    worker.stdout.close()
    worker.wait(timeout=10)
    done = int(rest[-1]) if rest else done
    session = autosave.recover(tmp_path)
    assert session is not None
    assert len(session.entries) >= done + 1
    session.act(READ)
    assert len(Session.open(session.journal.path).entries) == len(session.entries)
    session.close()
    assert autosave.recover(tmp_path) is None


def test_the_newest_unfinished_session_is_recovered(tmp_path):
    paths = [autosave.new_path(tmp_path) for _ in range(2)]
    for number, path in enumerate(paths):
        _crash(path)
        moment = time.time_ns() + number * 10**9
        os.utime(path, ns=(moment, moment))
    assert autosave.unfinished(tmp_path) == paths[::-1]
    session = autosave.recover(tmp_path)
    assert session is not None and session.journal.path == paths[1]


def test_an_unreadable_session_is_kept_aside(tmp_path):
    path = autosave.new_path(tmp_path)
    path.write_bytes(b'{"tdxs":1,"scenario":"empty"}\n{"do":"Nonsense"}\n\n')
    assert autosave.recover(tmp_path) is None
    assert path.with_name(path.name + ".broken").exists()
    good = autosave.new_path(tmp_path)
    _crash(good)
    bad = autosave.new_path(tmp_path)
    bad.write_bytes(b"nonsense\n\n\n")
    later = time.time_ns() + 10**9
    os.utime(bad, ns=(later, later))
    session = autosave.recover(tmp_path)
    assert session is not None
    assert "broken" in session.notice
