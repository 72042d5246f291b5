"""The prose of a lesson: words of the glossary are underlined with dots, once, and can be clicked."""

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QTextCharFormat

from tdxviz.ui.theme import LIGHT
from tdxviz.ui.views.lesson_parts import Prose

TERMS = {"KeyID": "chooses the key", "MAC": "28 bits", "owner bit": "one a line"}


def marked(prose: Prose) -> list[tuple[str, str, str]]:
    """Text, link and meaning of everything that is underlined with dots, in order."""
    found, block = [], prose.document().begin()
    while block.isValid():
        place = block.begin()
        while not place.atEnd():
            part = place.fragment()
            look = part.charFormat()
            if look.underlineStyle() == QTextCharFormat.UnderlineStyle.DotLine:
                found.append((part.text(), look.anchorHref(), look.toolTip()))
            place += 1
        block = block.next()
    return found


def test_each_word_is_marked_where_it_first_stands_alone(qtbot) -> None:
    prose = Prose(LIGHT)
    qtbot.addWidget(prose)
    text = "A MACHINE has no mac. The **Owner bit** and the KeyID, again the KeyID; the MAC."
    prose.show_markdown(text, TERMS)
    assert marked(prose) == [
        ("Owner bit", "term:owner bit", "one a line"),
        ("KeyID", "term:KeyID", "chooses the key"),
        ("MAC", "term:MAC", "28 bits"),
    ]
    prose.show_markdown("The [KeyID](anchor:secret) is a link already.", TERMS)
    assert marked(prose) == []


def test_a_click_says_which_word(qtbot) -> None:
    prose = Prose(LIGHT)
    qtbot.addWidget(prose)
    prose.show_markdown("the owner bit", TERMS)
    heard: list[QUrl] = []
    prose.anchorClicked.connect(heard.append)
    prose.resize(400, 60)
    prose.show()
    cursor = prose.document().find("owner")
    qtbot.mouseClick(prose.viewport(), Qt.MouseButton.LeftButton, pos=prose.cursorRect(cursor).center())
    assert [(url.scheme(), url.path()) for url in heard] == [("term", "owner bit")]
