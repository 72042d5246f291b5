"""Printing: words for people, one JSON document for tools."""

import json
import sys
from typing import Any

from tdxviz.core.arch.status import name_of, operand_of


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=1, default=_plain)
    sys.stdout.write("\n")


def _plain(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def status_of(rax: int) -> dict[str, str | None]:
    """A completion status for tools: the number, its name, the operand it blames."""
    return {"value": f"{rax:#018x}", "name": name_of(rax), "operand": operand_of(rax)}
