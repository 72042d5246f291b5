"""YAML for strangers' files: plain mappings, lists and scalars, nothing else.

Aliases, anchors, tags, merge keys, duplicate keys and deep nesting are errors, so that a small
file can neither grow in memory nor mean anything but what it shows.
"""

from typing import Any

import yaml

from tdxviz.core.faults import TdxvizError

DEEPEST = 16
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where PyYAML was built with it: ten times as fast, and the start page waits for it."""


class _Loader(_Base):
    """SafeLoader without its surprises."""

    def flatten_mapping(self, node: Any) -> None:
        """Merge keys are not merged; ``<<`` is refused as a key below."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key == "<<":
                raise _error("keys must be plain words", key_node.start_mark)
            if key in seen:
                raise _error(f"the key {key!r} is there twice", key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=True)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rows if not tag.endswith(":timestamp")]
    for first, rows in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _refuse_surprises(text: str) -> None:
    """Look through the document without building anything."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _error("aliases and anchors (& and *) are not allowed", event.start_mark)
        if getattr(event, "tag", None):
            raise _error("tags (!) are not allowed", event.start_mark)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth >= DEEPEST:
            raise _error(f"nested deeper than {DEEPEST} levels", event.start_mark)


def _error(problem: str, mark: Any) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=mark)


def load(text: str, first_line: int = 1) -> Any:
    """The value of one YAML document whose first line is line ``first_line`` of its file.

    Raises:
        TdxvizError: ``line N: what is wrong``.
    """
    loader = None
    try:
        _refuse_surprises(text)
        loader = _Loader(text)
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = first_line + (mark.line if mark else 0)
        raise TdxvizError(f"line {line}: {error.problem or 'not valid YAML'}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise TdxvizError(f"line {first_line}: not valid YAML ({error})") from None
    finally:
        if loader is not None:
            loader.dispose()
