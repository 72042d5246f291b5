"""The picture that the vault guards: its colours."""

PALETTE = (
    "#f6e7bd", "#5a3411", "#7d4a12", "#c98a1b", "#e0a92e", "#f0c75a", "#8d9aa8", "#5c6672",
    "#b9c4cf", "#dfe6ec", "#3a2208", "#a86d16", "#ffffff", "#2f3640", "#d9534f", "#000000",
)  # fmt: skip
"""Colours of pixel values 0 to 15; other values only appear where a reader got noise."""
