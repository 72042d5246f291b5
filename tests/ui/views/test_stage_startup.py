"""Loading the panels of the first picture loads nothing heavy."""

import subprocess
import sys

HEAVY = ("numpy", "cryptography", "iced_x86", "pyqtgraph", "tdxviz.core.machine", "tdxviz.core.peek")


def test_the_first_panels_do_not_import_the_core():
    code = (
        "import sys, tdxviz.ui.views.stage, tdxviz.ui.views.eyes, tdxviz.ui.views.verdict\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
