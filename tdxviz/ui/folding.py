"""Folding a layout until it fits: panels become tabs, bands move into groups. Pure data, no Qt.

Sizes are in pixels at 100 %. ``rooms`` says for each panel the least size that shows its picture.
Folds come in the order of what they cost a reader. Source: screen design 5.5 ("docks become one tab
group, nothing is lost") and the rules of the stage.
"""

from collections.abc import Iterator, Mapping, Sequence

from tdxviz.ui.layouts import Tree, leaves

Size = tuple[int, int]
Rooms = Mapping[str, Size]

BANDS = frozenset({"ribbon", "timeline", "console"})
"""Wide and low: they can stand in a group of tabs instead of a row of their own."""
BANNER = "verdict"
"""Never a tab: it speaks up by itself."""
SIDES = frozenset({"lesson", "attacks"})
"""What stands beside the picture and drives it."""
TAB, GAP, SEAM = 30, 13, 6
"""Heights of a row of tabs and of a grip with its separator; width of a separator."""
UNKNOWN: Size = (200, 120)


def need(tree: Tree, rooms: Rooms) -> Size:
    """The least width and height that show all that is in front."""
    if isinstance(tree, str):
        wide, high = rooms.get(tree, UNKNOWN)
        return wide, high + GAP
    sizes = [need(child, rooms) for child in tree[2]]
    wides, highs = [w for w, _ in sizes], [h for _, h in sizes]
    if tree[0] == "h":
        return sum(wides) + SEAM * (len(wides) - 1), max(highs)
    if tree[0] == "v":
        return max(wides), sum(highs)
    return max(wides), highs[0] + TAB  # the front one is seen whole; those behind it scroll


def fold(tree: Tree, width: float, height: float, rooms: Rooms) -> Tree:
    """``tree`` with as few folds as make it fit; in the end all panels are tabs of one group."""
    while True:
        wide, high = need(tree, rooms)
        options = _lower(tree, rooms) if high > height else _narrower(tree) if wide > width else iter(())
        better = next((one for one in options if one != tree), None)
        if better is None and high > height and wide > width:
            better = next((one for one in _narrower(tree) if one != tree), None)
        if better is None:
            return tree
        tree = better


def shares(weights: Sequence[int], least: Sequence[float], whole: float) -> list[float]:
    """``whole`` shared out by weight, nobody below what he needs as long as there is enough."""
    if sum(least) >= whole:
        return [whole * one / sum(least) for one in least]
    sizes, open_ = [0.0] * len(weights), set(range(len(weights)))
    while open_:
        room = whole - sum(sizes[n] for n in range(len(weights)) if n not in open_)
        total = sum(weights[n] for n in open_)
        small = {n for n in open_ if room * weights[n] / total < least[n]}
        for n in small or open_:
            sizes[n] = least[n] if small else room * weights[n] / total
        open_ -= small or open_
    return sizes


# --- folds --------------------------------------------------------------------------------


def _lower(tree: Tree, rooms: Rooms) -> Iterator[Tree]:
    """Folds that save height, the cheapest first."""
    yield _bands_together(tree)
    columns = [node for node in _nodes(tree) if node[0] == "v" and BANNER not in leaves(node)]
    for column in sorted(columns, key=lambda node: -need(node, rooms)[1]):
        yield _replaced(tree, column, _tabs(column))
    yield _band_into_group(tree)
    for stack in [node for node in _nodes(tree) if node[0] == "v"]:
        yield _replaced(tree, stack, _stack_to_tabs(stack))


def _narrower(tree: Tree) -> Iterator[Tree]:
    """Folds that save width: neighbours first, what stands beside the picture last."""
    for row in reversed([node for node in _nodes(tree) if node[0] == "h"]):
        inner = [child for child in row[2] if not SIDES & set(leaves(child)) and BANNER not in leaves(child)]
        if len(inner) > 1:
            yield _replaced(tree, row, _pair_to_tabs(row, inner[0], inner[1]))
    names = leaves(tree)
    rest = [name for name in names if name != BANNER]
    rest.sort(key=lambda name: name != "lesson")  # what says what to do is in front
    whole: Tree = ("tabs", (), tuple(rest)) if len(rest) > 1 else rest[0]
    yield ("v", (10, 90), (BANNER, whole)) if BANNER in names else whole


def _nodes(tree: Tree) -> list[tuple[str, tuple[int, ...], tuple[Tree, ...]]]:
    """All nodes that have children, from the outermost in."""
    if isinstance(tree, str):
        return []
    return [tree, *(node for child in tree[2] for node in _nodes(child))]


def _replaced(tree: Tree, old: Tree, new: Tree) -> Tree:
    if tree == old:
        return new
    if isinstance(tree, str):
        return tree
    return tree[0], tree[1], tuple(_replaced(child, old, new) for child in tree[2])


def _tabs(*trees: Tree) -> Tree:
    return "tabs", (), tuple(name for tree in trees for name in leaves(tree))


def _is_band(tree: Tree) -> bool:
    return set(leaves(tree)) <= BANDS


def _is_place(tree: Tree) -> bool:
    """A panel alone or a group of tabs: one place on the screen."""
    return isinstance(tree, str) or tree[0] == "tabs"


def _bands_together(tree: Tree) -> Tree:
    """Timeline and console, one below the other, share one place."""
    for node in _nodes(tree):
        low = [n for n, child in enumerate(node[2]) if child in ("timeline", "console")]
        if node[0] == "v" and len(low) == 2:
            first, second = low
            kept = [n for n in range(len(node[2])) if n != second]
            children = [_tabs(node[2][first], node[2][second]) if n == first else node[2][n] for n in kept]
            return _replaced(tree, node, ("v", tuple(node[1][n] for n in kept), tuple(children)))
    return tree


def _band_into_group(tree: Tree) -> Tree:
    """The lowest band becomes a tab of the last group that is not the lesson's."""
    for node in _nodes(tree):
        others = [child for child in node[2] if not _is_band(child) and child != BANNER]
        bands = [n for n, child in enumerate(node[2]) if _is_band(child)]
        if node[0] != "v" or not bands or not others:
            continue
        group = _last_place(others[-1])
        kept = [n for n in range(len(node[2])) if n != bands[-1]]
        grown = _tabs(group, node[2][bands[-1]])
        children = tuple(_replaced(node[2][n], group, grown) for n in kept)
        weights = tuple(node[1][n] for n in kept)
        return _replaced(tree, node, ("v", weights, children) if len(kept) > 1 else children[0])
    return tree


def _last_place(tree: Tree) -> Tree:
    if _is_place(tree) or isinstance(tree, str):
        return tree
    inner = [child for child in tree[2] if not SIDES & set(leaves(child))] or list(tree[2])
    return _last_place(inner[-1])


def _stack_to_tabs(node: Tree) -> Tree:
    """What is stacked over or under the banner becomes one group."""
    if isinstance(node, str):
        return node
    others = [child for child in node[2] if child != BANNER]
    if len(others) < 2 or not all(_is_place(child) for child in others):
        return node
    whole = _tabs(*others)
    if BANNER not in node[2]:
        return whole
    first = node[2][0] == BANNER
    return ("v", (10, 90), (BANNER, whole)) if first else ("v", (90, 10), (whole, BANNER))


def _pair_to_tabs(row: Tree, one: Tree, two: Tree) -> Tree:
    assert not isinstance(row, str)
    kept = [n for n, child in enumerate(row[2]) if child != two]
    if len(kept) == 1:
        return _tabs(one, two)
    weights = tuple(row[1][n] + (row[1][row[2].index(two)] if row[2][n] == one else 0) for n in kept)
    return "h", weights, tuple(_tabs(one, two) if row[2][n] == one else row[2][n] for n in kept)
