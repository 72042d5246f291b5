"""Parses the arguments and calls one sub-command."""

import argparse
import errno
import os
import sys
from collections.abc import Callable
from importlib import import_module

from tdxviz.cli.codes import BAD_INPUT, INTERRUPTED, OK

GROUPS = {
    "lesson": "tdxviz.cli.lesson",
    "attack": "tdxviz.cli.attack",
    "script": "tdxviz.cli.script",
    "guest": "tdxviz.cli.guest",
    "firmware": "tdxviz.cli.firmware",
    "selfcheck": "tdxviz.cli.selfcheck",
}
"""Sub-command -> module with ``add(parser)`` and the functions it sets as ``run``."""

HELP = {
    "lesson": "list, check and play lessons",
    "attack": "list and run attacks, with their verdicts",
    "script": "play a command script",
    "guest": "run a program of yours, or of the gallery, inside a TD",
    "firmware": "measure TD firmware, and boot it",
    "selfcheck": "versions, fonts, Qt, cryptography, specifications",
}
DELEGATED = {
    "screenshot": ("tdxviz.ui.screenshot", "render views to PNG without a display"),
    "record": ("tdxviz.ui.record", "render a lesson or a script to pictures, video or a web page"),
}
"""Sub-command -> module with ``main(args) -> int`` that reads its own arguments, and help."""
APP = "tdxviz.app"


def run(argv: list[str]) -> int:
    """Carry out the command line; every slip of the user ends in one line and exit code 2."""
    try:
        code = _dispatch(argv)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        _forget_output()
        return OK
    except Exception as error:
        if not _is_slip(error):
            raise
        print("tdxviz: " + str(error).replace("\n", " "), file=sys.stderr)
        return BAD_INPUT


def _is_slip(error: Exception) -> bool:
    """Whether the user or an author slipped; looked up late, because importing costs time."""
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return True
    faults = sys.modules.get("tdxviz.core.faults")
    return faults is not None and isinstance(error, faults.TdxvizError)


def _forget_output() -> None:
    """The reader went away (``| head``): let Python not complain about it at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(argv: list[str]) -> int:
    first = argv[0] if argv else ""
    if first in DELEGATED:
        return _delegate(DELEGATED[first][0], argv[1:])
    if first in GROUPS:
        parser = argparse.ArgumentParser(prog=f"tdxviz {first}", description=HELP[first])
        import_module(GROUPS[first]).add(parser)
        args = parser.parse_args(argv[1:])
        action: Callable[[argparse.Namespace], int] = args.run
        return action(args)
    if first.startswith("-"):
        return _options(argv)
    return _delegate(APP, argv)


def _options(argv: list[str]) -> int:
    if _overview().parse_args(argv).version:
        from tdxviz.cli.selfcheck import version

        print(f"tdxviz {version()}")
        return OK
    return _delegate(APP, [])


def _overview() -> argparse.ArgumentParser:
    rows = {**HELP, **{name: words for name, (_, words) in DELEGATED.items()}}
    parser = argparse.ArgumentParser(
        prog="tdxviz",
        usage="tdxviz [LESSON or FILE]\n       tdxviz COMMAND ...",
        description="Learn Intel TDX by attacking a simulated machine.",
        epilog="commands:\n"
        + "\n".join(f"  {name:<12}{words}" for name, words in rows.items())
        + "\n\nWithout a command the window opens. `tdxviz COMMAND --help` says more.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    return parser


def _delegate(module: str, args: list[str]) -> int:
    """``main(args)`` of a module that may be missing in a headless installation."""
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name and (error.name == module or error.name.startswith("PySide6")):
            text = f"tdxviz: this needs the window part, and {error.name} is missing"
            print(text, file=sys.stderr)
            return BAD_INPUT
        raise
    return int(found.main(args) or OK)
