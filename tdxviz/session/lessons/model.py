"""The shape of ``tdxlesson/1``: what the front matter may say."""

from typing import Any, Literal

import msgspec

from tdxviz.core.units import World

FORMAT = "tdxlesson/1"
Phase = Literal["hook", "predict", "observe", "contrast", "explain", "recall"]
PHASES: tuple[Phase, ...] = ("hook", "predict", "observe", "contrast", "explain", "recall")


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of everything in the front matter."""


class Misconception(Part, frozen=True):
    id: str
    text: str


class Truth(Part, frozen=True):
    """Shown under "How true is this?"."""

    models: list[str] = []
    simplified: str = ""
    sources: list[str] = []


class Stage(Part, frozen=True):
    """``mode`` is the world the lesson starts in."""

    scenario: str = "vault"
    seed: int = 7
    mode: World = "ci"


class Anchor(Part, frozen=True):
    """A place with a name. ``index`` counts lines in the symbol's page."""

    kind: Literal["line", "page"] = "line"
    td: str = "A"
    symbol: str = ""
    index: int | None = None
    hpa: int | None = None


class Option(Part, frozen=True):
    id: str
    correct: bool = False
    misconception: str = ""


class Blank(Part, frozen=True):
    """A gap in the sentence: ``{id}`` in the step's text."""

    id: str
    options: list[str]
    answer: str


class Ask(Part, frozen=True):
    """``text`` is a free answer that no machine grades."""

    type: Literal["choice", "cloze", "text"]
    options: list[Option] = []
    blanks: list[Blank] = []
    confidence: bool = False
    reason: Literal["none", "optional", "required"] = "none"


class Pointer(Part, frozen=True):
    """What the window shows when the step begins."""

    select: str = ""
    point: str = ""


class Pull(Part, frozen=True, rename={"from_": "from"}):
    """Ask the ``n``-th question of an earlier lesson again."""

    from_: str
    n: int = 1


class Step(Part, frozen=True):
    id: str
    phase: Phase
    ask: Ask | None = None
    pull: Pull | None = None
    focus: Pointer | None = None
    allow: list[str] = []
    """Moves that are open in this step; empty: all."""
    check: dict[str, Any] | None = None
    hints: list[str] = []
    auto: dict[str, Any] | list[dict[str, Any]] | None = None
    compare: World | None = None
    """Show the same actions in this world beside the lesson's own."""
    world: World | None = None
    """Play this step in another world, after the same actions."""
    layout: str = ""
    fresh: bool = False
    """Begin with the machine as the lesson found it; what was done before stays as a branch."""


class Front(Part, frozen=True):
    """Everything between the two ``---`` lines."""

    format: Literal["tdxlesson/1"]
    id: str
    title: str
    level: Literal["novice", "intermediate", "advanced"]
    minutes: int
    objective: str
    misconception: Misconception
    steps: list[Step]
    requires: list[str] = []
    truth: Truth = Truth()
    world: Stage = Stage()
    layout: Literal["stage", "memory", "translation", "border", "workbench"] = "stage"
    anchors: dict[str, Anchor] = {}
