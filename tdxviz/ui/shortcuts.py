"""Every key of the window, as data: key, what it does, words for the help page."""

from PySide6.QtWidgets import QWidget

PRESS = frozenset({"Space"})
MOVE = frozenset({"Left", "Right", "Home", "End", "Shift+Left", "Shift+Right"})

KEYS: tuple[tuple[str, str, str], ...] = (
    ("Space", "play", "run or pause the guest"),
    ("Right", "forward", "one step forward"),
    ("Left", "back", "one step back"),
    ("Shift+Right", "next_action", "to the end of the next action"),
    ("Shift+Left", "previous_action", "to the end of the action before"),
    ("Ctrl+Right", "next_attack", "to the next attack"),
    ("Ctrl+Left", "previous_attack", "to the attack before"),
    (",", "previous_instruction", "one instruction back, also inside a run that told nothing"),
    (".", "next_instruction", "one instruction on"),
    ("N", "instruction", "go to an instruction by its number"),
    ("Home", "first", "to the beginning"),
    ("End", "last", "to the end"),
    ("[", "previous_here", "event before that touched the selected line"),
    ("]", "next_here", "next event that touches the selected line"),
    ("G", "panel:stage", "the machine"),
    ("E", "panel:eyes", "who sees what"),
    ("A", "panel:attacks", "attack cards"),
    ("C", "compare", "the same script in the legacy world"),
    ("M", "panel:memory_map", "memory map"),
    ("P", "panel:page", "page"),
    ("L", "panel:line", "cache line"),
    ("S", "panel:sept", "SEPT walk"),
    ("H", "panel:sept_tree", "Secure EPT tree"),
    ("T", "panel:tlb", "TLB"),
    ("V", "panel:vcpu", "vCPU"),
    ("K", "panel:keyids", "KeyIDs"),
    ("F", "panel:machines", "state machines"),
    ("X", "panel:exit", "TD exit"),
    ("J", "panel:predictor", "branch predictor: who steers the jumps"),
    ("I", "panel:leaf_inspector", "leaf inspector"),
    ("D", "panel:metadata", "metadata fields"),
    ("U", "panel:editor", "a guest program of your own"),
    ("W", "panel:firmware", "firmware, TDCALL by TDCALL"),
    ("O", "firmware_next", "the firmware runs to its next TDCALL"),
    ("Ctrl+B", "firmware", "boot a TD firmware"),
    ("Ctrl+G", "goto", "go to an address"),
    ("Shift+Return", "edit", "type bytes over the chosen line, as the host or a device"),
    ("Ctrl+F", "find", "find anything"),
    ("Ctrl+K", "find", "find anything"),
    ("F1", "help", "about the focused panel"),
    ("F2", "describe", "describe the focused panel in words"),
    ("F6", "next_panel", "next panel"),
    ("Shift+F6", "previous_panel", "previous panel"),
    (
        "F11",
        "present",
        "presenter mode: Page Down/Up on and back, 1 to 6 panels, hold Ctrl for the light, . black, Q poll, N notes, W light or dark",
    ),
    ("R", "record", "make a demo of this script"),
    ("B", "bookmark", "bookmark this moment"),
    ("Ctrl+Z", "undo", "back to before the last action"),
    ("Ctrl+S", "save", "save the script"),
    ("Ctrl+O", "open", "open a script or lesson"),
    ("Ctrl++", "bigger", "larger"),
    ("Ctrl+=", "bigger", "larger"),
    ("Ctrl+-", "smaller", "smaller"),
    ("Ctrl+0", "normal", "100 %"),
    ("Ctrl+1", "layout:stage", "layout Stage"),
    ("Ctrl+2", "layout:memory", "layout Memory"),
    ("Ctrl+3", "layout:translation", "layout Translation"),
    ("Ctrl+4", "layout:border", "layout Border"),
    ("Ctrl+5", "layout:workbench", "layout Workbench"),
    ("Ctrl+6", "layout:module", "layout Module"),
    ("Ctrl+L", "lesson", "to the lesson"),
    ("Alt+Home", "home", "start page"),
    ("Escape", "escape", "leave the mode; clear the selection"),
)


LETTERS = frozenset(key for key, _, _ in KEYS if len(key) == 1)


def taken_by(widget: QWidget | None) -> frozenset[str]:
    """Keys that a focused widget needs for itself: a button Space, a slider arrows, a line all."""
    if widget is None:
        return frozenset()
    from PySide6 import QtWidgets  # here: naming a type of Qt makes it, and the first paint waits

    if isinstance(widget, (QtWidgets.QLineEdit, QtWidgets.QPlainTextEdit)):
        return frozenset() if widget.isReadOnly() else PRESS | MOVE | LETTERS
    if isinstance(widget, (QtWidgets.QComboBox, QtWidgets.QListView, QtWidgets.QAbstractSpinBox)):
        return PRESS | MOVE | LETTERS
    if isinstance(widget, QtWidgets.QSlider):
        return MOVE
    if isinstance(widget, QtWidgets.QAbstractButton):
        group = widget.group()
        return PRESS | MOVE if group is not None and group.exclusive() else PRESS
    return frozenset()


def help_text() -> str:
    """The keyboard map as text."""
    return "\n".join(f"{key:<14} {words}" for key, _, words in KEYS)
