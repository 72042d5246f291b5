"""``python -m tdxviz``: arguments only; every sub-command is loaded when it is called."""

import sys


def main(argv: list[str] | None = None) -> int:
    """Exit code: 0 as expected, 1 the answer is no, 2 bad input, 130 interrupted."""
    from tdxviz.cli.main import run

    return run(sys.argv[1:] if argv is None else argv)


if __name__ == "__main__":
    sys.exit(main())
