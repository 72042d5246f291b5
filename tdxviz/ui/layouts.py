"""The named layouts, as data: trees of panel names.

A node is ``(kind, weights, children)``: ``h`` side by side, ``v`` one below the other, ``tabs`` one
at a time. Weights share out the room. Source: screen design, "The stage".
"""

from typing import TypeAlias

Tree: TypeAlias = str | tuple[str, tuple[int, ...], tuple["Tree", ...]]

LAYOUTS: dict[str, Tree] = {
    "stage": (
        "h", (68, 32),
        (("v", (53, 23, 8, 16), ("stage", "eyes", "verdict", "timeline")), "lesson"),
    ),
    "memory": (
        "h", (70, 30),
        (
            (
                "v", (9, 9, 66, 16),
                (
                    "verdict", "ribbon",
                    ("h", (46, 54), ("page", ("v", (56, 44), ("line", "plots")))),
                    "timeline",
                ),
            ),
            "lesson",
        ),
    ),
    "translation": (
        "h", (70, 30),
        (
            (
                "v", (9, 75, 16),
                (
                    "verdict",
                    ("h", (60, 40), (("v", (60, 40), (("tabs", (), ("sept", "sept_tree")), "tlb")), "memory_map")),
                    "timeline",
                ),
            ),
            "lesson",
        ),
    ),
    "border": (
        "h", (70, 30),
        (
            ("v", (9, 75, 16), ("verdict", ("h", (46, 54), ("vcpu", ("v", (48, 52), (("tabs", (), ("exit", "predictor")), "stage")))), "timeline")),
            "lesson",
        ),
    ),
    "workbench": (
        "v", (8, 8, 56, 14, 14),
        (
            "verdict", "ribbon",
            (
                "h", (36, 36, 28),
                (
                    ("v", (58, 42), ("page", ("tabs", (), ("line", "plots", "metadata")))),
                    ("v", (44, 56), (("tabs", (), ("sept", "sept_tree", "machines")), ("tabs", (), ("tlb", "vcpu", "memory_map", "keyids")))),
                    ("tabs", (), ("attacks", "lesson", "stage", "eyes", "leaf_inspector")),
                ),
            ),
            "timeline", "console",
        ),
    ),
    "module": (
        "h", (70, 30),
        (
            (
                "v", (9, 75, 16),
                (
                    "verdict",
                    ("h", (52, 48), ("leaf_inspector", ("tabs", (), ("machines", "keyids", "sept_tree", "tlb", "metadata")))),
                    "timeline",
                ),
            ),
            "lesson",
        ),
    ),
    "firmware": (
        "h", (60, 40),
        (
            ("v", (84, 16), ("firmware", "timeline")),
            ("v", (52, 48), (("tabs", (), ("sept_tree", "memory_map", "machines")), ("tabs", (), ("vcpu", "line", "page", "leaf_inspector")))),
        ),
    ),
    "compare": (
        "h", (70, 30), (("v", (9, 75, 16), ("verdict", "compare", "timeline")), "lesson"),
    ),
}  # fmt: skip

TITLES = {
    "stage": "Stage", "memory": "Memory", "translation": "Translation", "border": "Border",
    "workbench": "Workbench", "module": "Module", "firmware": "Firmware", "compare": "Two worlds",
}  # fmt: skip


def leaves(tree: Tree) -> list[str]:
    """Panel names, in reading order."""
    if isinstance(tree, str):
        return [tree]
    return [name for child in tree[2] for name in leaves(child)]


def swap(tree: Tree, old: str, new: str) -> Tree:
    """The same layout with another panel in one panel's place."""
    if isinstance(tree, str):
        return new if tree == old else tree
    return tree[0], tree[1], tuple(swap(child, old, new) for child in tree[2])


def without(tree: Tree, name: str) -> Tree | None:
    """The same layout with one panel left out (the lesson, in the sandbox)."""
    if isinstance(tree, str):
        return None if tree == name else tree
    kind, weights, children = tree
    kept = [(w, without(c, name)) for w, c in zip(weights or (1,) * len(children), children, strict=True)]
    rest = [(w, c) for w, c in kept if c is not None]
    if not rest:
        return None
    if len(rest) == 1:
        return rest[0][1]
    return kind, tuple(w for w, _ in rest) if weights else (), tuple(c for _, c in rest)
