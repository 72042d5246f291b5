"""A button with a menu: how the host serves each TDVMCALL sub-function, honestly or not."""

from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QPushButton

from tdxviz.core.host.conduct import HONEST, NAMES, choices


class HostMenu(QPushButton):
    """``chosen`` is the conduct by sub-function; those that are served honestly are left out."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("How the host serves the guest")
        self.setToolTip(
            "The host answers TDVMCALLs: CPUID, HLT, IO, MSRs, MMIO, MapGPA, errors, notification.\n"
            "Choose for each whether it is honest or hostile; it counts from the next run in a TD."
        )
        self.actions_: dict[tuple[str, str], QAction] = {}
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.addAction("All honest").triggered.connect(lambda: self.choose({}))
        menu.addSeparator()
        for name, function in NAMES.items():
            self._submenu(menu.addMenu(name), name, function)
        self.setMenu(menu)
        self.choose({})

    def _submenu(self, menu: QMenu, name: str, function: int) -> None:
        group = QActionGroup(menu)
        menu.setToolTipsVisible(True)
        for conduct, about in choices(function):
            action = menu.addAction(f"{conduct}: {about}")
            action.setCheckable(True)
            action.setToolTip(about)
            action.triggered.connect(lambda _=False, c=conduct: self.choose(self.chosen | {name: c}))
            group.addAction(action)
            self.actions_[name, conduct] = action

    def choose(self, conduct: dict[str, str]) -> None:
        """Set the whole conduct, and say it."""
        self.chosen = {name: how for name, how in conduct.items() if how != HONEST}
        for name in NAMES:
            self.actions_[name, self.chosen.get(name, HONEST)].setChecked(True)
        told = ", ".join(f"{name.split('.')[-1]} {how}" for name, how in self.chosen.items())
        self.setText(
            f"Host: {told}"
            if len(self.chosen) == 1
            else f"Host: {len(self.chosen)} lies"
            if told
            else "Host: honest"
        )
        self.setAccessibleDescription(told or "honest")
