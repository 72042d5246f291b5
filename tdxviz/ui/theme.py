"""Every colour and size of the app, as data. Widgets name roles; nobody else writes a hex colour.

Contrast of each ink on its fill is at least 5:1; owner hues keep their distance under protan,
deutan and tritan vision. Source: screen design 5.3 and 5.4.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtGui import QFont

SANS = "DejaVu Sans"
MONO = "DejaVu Sans Mono"
ASSETS = Path(__file__).parent / "assets"
DOWN, LEFT, RIGHT = ((ASSETS / f"{name}.svg").as_posix() for name in ("down", "left", "right"))

OWNER_HUES: dict[str, tuple[str, str, str]] = {
    "free": ("#FFFFFF", "#16191D", ""),
    "host": ("#7C7C7D", "#000000", "H"),
    "td_a": ("#2481EF", "#000000", "A"),
    "td_b": ("#C17908", "#000000", "B"),
    "module": ("#461F67", "#FFFFFF", "M"),
    "shared": ("#DADB46", "#000000", "~"),
    "meta": ("#246446", "#FFFFFF", "S"),
    "device": ("#D59AAB", "#000000", "D"),
    "legacy": ("#9CE0F0", "#000000", "V"),
}
"""Owner token -> full hue, ink on it, letter."""

SMALLEST, LARGEST = 0.7, 2.5


@dataclass(frozen=True)
class Theme:
    """Colours by role, and one scale factor."""

    name: str
    bg: str
    panel: str
    rule: str
    edge: str
    text: str
    secondary: str
    inside: str
    """Inside the trust boundary."""
    outside: str
    """Outside it: nobody is trusted."""
    accent: str
    """Now, and primary buttons."""
    on_accent: str
    selected: str
    good: str
    bad: str
    warn: str
    phase: str
    """Headings of lesson phases."""
    note: str
    """Background of remarks."""
    blocked: str
    harmless: str
    out_of_scope: str
    power: str
    guest_job: str
    line: float = 1.0
    """Width of ordinary edges, in unscaled pixels."""
    scale: float = 1.0

    def px(self, size: float) -> float:
        """A length given at 100 %, at the present scale."""
        return size * self.scale

    def font(self, size: float = 14, bold: bool = False) -> QFont:
        return self._font(SANS, size, bold)

    def mono(self, size: float = 13, bold: bool = False) -> QFont:
        return self._font(MONO, size, bold)

    def _font(self, family: str, size: float, bold: bool) -> QFont:
        font = QFont(family)
        font.setPixelSize(max(round(size * self.scale), 7))
        font.setBold(bold)
        font.setStyleHint(QFont.StyleHint.Monospace if family == MONO else QFont.StyleHint.SansSerif)
        return font

    def scaled(self, scale: float) -> "Theme":
        return replace(self, scale=min(max(scale, SMALLEST), LARGEST))

    @property
    def is_dark(self) -> bool:
        return self.bg < "#8"


LIGHT = Theme(
    "light", bg="#F4F5F7", panel="#FFFFFF", rule="#C9CED6", edge="#30343A", text="#16191D",
    secondary="#4B5563", inside="#0B6E4F", outside="#B00020", accent="#2481EF",
    on_accent="#FFFFFF", selected="#16191D", good="#0B6E4F", bad="#B00020", warn="#8A5A00",
    phase="#B4500B", note="#FFF6E0", blocked="#5B4BB7", harmless="#4A5568",
    out_of_scope="#8A5A00", power="#9A3412", guest_job="#1D5FAF",
)  # fmt: skip
DARK = Theme(
    "dark", bg="#14171C", panel="#1E2228", rule="#3A414B", edge="#C9CED6", text="#E8EAED",
    secondary="#A8B0BA", inside="#3CC79B", outside="#FF6B6B", accent="#2481EF",
    on_accent="#FFFFFF", selected="#E8EAED", good="#3CC79B", bad="#FF6B6B", warn="#F0B35A",
    phase="#F0A35A", note="#2E2712", blocked="#A99BFF", harmless="#A8B0BA",
    out_of_scope="#F0B35A", power="#FF9A62", guest_job="#7CB8FF",
)  # fmt: skip
CONTRAST = Theme(
    "contrast", bg="#000000", panel="#000000", rule="#FFFFFF", edge="#FFFFFF", text="#FFFFFF",
    secondary="#FFFFFF", inside="#5CFFC8", outside="#FF8A8A", accent="#66B2FF",
    on_accent="#000000", selected="#FFFF00", good="#5CFFC8", bad="#FF8A8A", warn="#FFD27A",
    phase="#FFD27A", note="#1A1A00", blocked="#C9BFFF", harmless="#FFFFFF",
    out_of_scope="#FFD27A", power="#FFB28A", guest_job="#A8D0FF", line=2.0,
)  # fmt: skip
THEMES: dict[str, Theme] = {"light": LIGHT, "dark": DARK, "contrast": CONTRAST}

VERDICT_ROLES = {
    "shield": "blocked", "ring": "harmless", "check": "good", "power": "power",
    "wrench": "guest_job", "triangle": "out_of_scope", "cross": "bad", "dash": "harmless",
}  # fmt: skip
"""Shape of a verdict -> role of its band."""


def style_sheet(theme: Theme) -> str:
    """What the stock widgets of the app look like."""
    u = theme.px
    return f"""
* {{ font-family: "{SANS}"; font-size: {u(14):.0f}px; color: {theme.text}; }}
QMainWindow, QDialog, QStackedWidget {{ background: {theme.bg}; }}
QToolTip {{ background: {theme.panel}; color: {theme.text}; border: {theme.line}px solid {theme.edge};
  padding: {u(4):.0f}px; }}
QPushButton, QToolButton, QComboBox, QLineEdit, QSpinBox, QPlainTextEdit, QTextBrowser, QListWidget {{
  background: {theme.panel}; border: {max(theme.line, 1):.0f}px solid {theme.rule};
  border-radius: {u(6):.0f}px; padding: {u(5):.0f}px {u(11):.0f}px; }}
QTextBrowser, QPlainTextEdit {{ selection-background-color: {theme.accent}; }}
QPushButton:hover, QToolButton:hover {{ border-color: {theme.edge}; }}
QPushButton:focus, QToolButton:focus, QComboBox:focus, QLineEdit:focus, QSpinBox:focus, QRadioButton:focus,
QListWidget:focus, QPlainTextEdit:focus {{ border: {max(theme.line, 2):.0f}px solid {theme.accent}; }}
QRadioButton, QCheckBox {{ spacing: {u(8):.0f}px; padding: {u(6):.0f}px; border-radius: {u(6):.0f}px;
  border: 1px solid transparent; }}
QPushButton:disabled, QToolButton:disabled {{ color: {theme.rule}; }}
QPushButton[primary="true"] {{ background: {theme.accent}; color: {theme.on_accent}; font-weight: bold;
  border-color: {theme.accent}; }}
QPushButton:checked, QToolButton:checked {{ background: {theme.accent}; color: {theme.on_accent};
  font-weight: bold; }}
QPushButton[flat="true"] {{ background: transparent; border-color: transparent; color: {theme.guest_job}; }}
QPushButton[flat="true"] {{ padding: {u(4):.0f}px {u(5):.0f}px; }}
QComboBox::drop-down {{ border: none; width: {u(20):.0f}px; }}
QComboBox::down-arrow {{ image: url("{DOWN}"); width: {u(12):.0f}px; height: {u(12):.0f}px; }}
QLabel[role="good"] {{ color: {theme.good}; font-weight: bold; }}
QProgressBar {{ background: {theme.rule}; border: none; border-radius: {u(3):.0f}px; }}
QProgressBar::chunk {{ background: {theme.good}; border-radius: {u(3):.0f}px; }}
QToolButton::menu-indicator {{ image: none; }}
QMenu {{ background: {theme.panel}; border: 1px solid {theme.rule}; }}
QMenu::item {{ padding: {u(5):.0f}px {u(22):.0f}px; }}
QMenu::item:selected {{ background: {theme.accent}; color: {theme.on_accent}; }}
QDockWidget {{ titlebar-close-icon: none; font-weight: bold; }}
QDockWidget::title {{ background: {theme.bg}; padding: {u(3):.0f}px {u(8):.0f}px; text-align: left; }}
QTabBar {{ qproperty-drawBase: 0; }}
QTabBar::tab {{ background: {theme.bg}; font-size: {u(13):.0f}px; padding: {u(4):.0f}px {u(8):.0f}px; border: 1px solid {theme.rule}; }}
QTabBar::scroller {{ width: {u(40):.0f}px; }}
QTabBar QToolButton {{ padding: 0; border-radius: 0; }}
QTabBar QToolButton::left-arrow {{ image: url("{LEFT}"); width: {u(12):.0f}px; height: {u(12):.0f}px; }}
QTabBar QToolButton::right-arrow {{ image: url("{RIGHT}"); width: {u(12):.0f}px; height: {u(12):.0f}px; }}
QTabBar::tab:selected {{ background: {theme.panel}; font-weight: bold; }}
QScrollArea, QScrollArea > QWidget > QWidget {{ background: transparent; border: none; }}
QScrollBar:vertical {{ background: transparent; width: {u(10):.0f}px; margin: 0; }}
QScrollBar:horizontal {{ background: transparent; height: {u(10):.0f}px; margin: 0; }}
QScrollBar::handle {{ background: {theme.rule}; border-radius: {u(4):.0f}px; min-height: {u(24):.0f}px; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QMainWindow::separator {{ background: {theme.bg}; width: {u(6):.0f}px; height: {u(6):.0f}px; }}
QSlider {{ min-height: {u(20):.0f}px; }}
QSlider::groove:horizontal {{ height: {u(5):.0f}px; background: {theme.rule}; border-radius: {u(2):.0f}px; }}
QSlider::handle:horizontal {{ background: {theme.accent}; width: {u(16):.0f}px; margin: -{u(6):.0f}px 0;
  border-radius: {u(8):.0f}px; }}
QLabel[role="secondary"] {{ color: {theme.secondary}; font-size: {u(12.5):.0f}px; }}
QLabel[role="phase"] {{ color: {theme.phase}; font-weight: bold; }}
QLabel[role="heading"] {{ font-size: {u(18):.0f}px; font-weight: bold; }}
QLabel[role="title"] {{ font-size: {u(26):.0f}px; font-weight: bold; }}
QFrame[role="card"] {{ background: {theme.panel}; border: 1px solid {theme.rule};
  border-radius: {u(8):.0f}px; }}
QFrame[role="note"] {{ background: {theme.note}; border: 1px solid {theme.warn};
  border-radius: {u(8):.0f}px; }}
"""
