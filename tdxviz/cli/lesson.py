"""``tdxviz lesson list | check PATH... | run PATH...``"""

import argparse
import time

import msgspec

from tdxviz.cli.codes import BAD_INPUT, NO, OK
from tdxviz.cli.output import print_json
from tdxviz.core.faults import TdxvizError
from tdxviz.session.lessons import headless
from tdxviz.session.lessons.format import Lesson
from tdxviz.session.lessons.library import Library
from tdxviz.session.lessons.lint import lint
from tdxviz.session.lessons.model import Front


def add(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="list | check | run | schema")
    listing = commands.add_parser("list", help="all lessons")
    listing.add_argument("--json", action="store_true")
    listing.set_defaults(run=show)
    schema = commands.add_parser("schema", help="JSON Schema of a lesson's front matter")
    schema.set_defaults(run=print_schema)
    for name, function, words in (
        ("check", check, "find mistakes in lessons"),
        ("run", play, "play worked solutions and evaluate every check"),
    ):
        one = commands.add_parser(name, help=words)
        one.add_argument("paths", nargs="*", metavar="PATH", help="file, folder or id; none: all")
        one.add_argument("--json", action="store_true")
        one.add_argument("--headless", action="store_true", help=argparse.SUPPRESS)
        one.set_defaults(run=function)


def print_schema(args: argparse.Namespace) -> int:
    print_json(msgspec.json.schema(Front))
    return OK


def _chosen(library: Library, paths: list[str]) -> list[str]:
    """Files, folders or ids; all lessons when none is named."""
    if not paths:
        return [str(path) for path in library.paths]
    return [one for path in paths for one in library.expand(path) if not _is_stray(path)]


def _is_stray(path: str) -> bool:
    """Files beside the lessons that ``lessons/*`` catches too, such as a README."""
    return path.rpartition("/")[2].lower() in ("readme.md", "__init__.py", "index.md")


def show(args: argparse.Namespace) -> int:
    rows = [
        {
            "id": lesson.id,
            "title": lesson.title,
            "level": lesson.front.level,
            "minutes": lesson.front.minutes,
            "objective": lesson.front.objective,
            "path": str(lesson.path),
        }
        for lesson in Library().lessons
    ]
    if args.json:
        print_json(rows)
        return OK
    for row in rows:
        print(f"{row['id']:<20}{row['minutes']:>3} min  {row['level']:<13}{row['title']}")
    return OK


def check(args: argparse.Namespace) -> int:
    library = Library()
    found: list[dict[str, object]] = []
    unreadable = False
    for path in _chosen(library, args.paths):
        try:
            lesson = library.locate(path)
            problems = [str(finding) for finding in lint(lesson, library)]
        except TdxvizError as error:
            unreadable, problems = True, [str(error)]
        found.append({"path": path, "ok": not problems, "problems": problems})
    if args.json:
        print_json(found)
    else:
        _print_problems(found)
    if unreadable:
        return BAD_INPUT
    return OK if all(row["ok"] for row in found) else NO


def _print_problems(found: list[dict[str, object]]) -> None:
    for row in found:
        problems = row["problems"]
        assert isinstance(problems, list)
        print(f"{row['path']}: {'ok' if row['ok'] else f'{len(problems)} to mend'}")
        for problem in problems:
            print(f"  {problem}")


def play(args: argparse.Namespace) -> int:
    library = Library()
    lessons = [library.locate(path) for path in _chosen(library, args.paths)]
    rows = [_played(lesson, library) for lesson in lessons]
    if args.json:
        print_json(rows)
    else:
        for row in rows:
            _print_row(row)
    return OK if all(row["passed"] for row in rows) else NO


def _played(lesson: Lesson, library: Library) -> dict[str, object]:
    start = time.perf_counter()
    results = headless.play(lesson, library)
    return {
        "id": lesson.id,
        "passed": all(result.passed for result in results),
        "seconds": round(time.perf_counter() - start, 3),
        "checks": [
            {
                "step": result.step,
                "before": result.before,
                "after": result.after,
                **({"problem": result.problem} if result.problem else {}),
            }
            for result in results
        ],
    }


def _print_row(row: dict[str, object]) -> None:
    checks = row["checks"]
    assert isinstance(checks, list)
    word = "passed" if row["passed"] else "FAILED"
    print(f"{row['id']}: {word}, {len(checks)} checks, {row['seconds']} s")
    for one in checks:
        if "problem" in one:
            print(f"  {one['step']}: {one['problem']}")
