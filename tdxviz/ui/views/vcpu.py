"""A vCPU: its registers, what the host finds in their place, and the next instructions."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF

from tdxviz.ui.present import links
from tdxviz.ui.present import vcpu as present
from tdxviz.ui.present.questions import asked_at, asked_within
from tdxviz.ui.views import glyphs
from tdxviz.ui.views.board import Board
from tdxviz.ui.views.stage_brush import RIGHT, Brush
from tdxviz.ui.views.vcpu_code import paint_code
from tdxviz.ui.views.vcpu_travel import paint_travel

if TYPE_CHECKING:  # the core is heavy and must not be imported before the first paint
    from tdxviz.core.peek import VcpuInfo


class VcpuPanel(Board):
    """Running: two columns of registers. Stopped: what the guest has against what the host finds."""

    name = "vcpu"
    title = "vCPU"
    key = "V"
    tooltip = "Registers of the guest, wherever they are kept at this moment, and its next instructions"
    xmm_open = False

    def forget(self) -> None:
        self._shown: present.VcpuPicture | None = None
        self._marked = -1
        """Index of the bookmark that the kept picture compares with; -1 for none."""

    def picture(self) -> present.VcpuPicture:
        mark = self._bookmark()
        if self._shown is None or mark != self._marked:
            ghost = asked_at(self.bridge, mark).vcpu() if mark >= 0 else None
            self._shown, self._marked = present.picture(self.ask, self._before(), ghost=ghost), mark
        return self._shown

    def _bookmark(self) -> int:
        """Index of the newest bookmark of this branch and world; -1 for none."""
        session = self.bridge.session
        here = [m for m in session.bookmarks if (m.branch, m.world) == (session.branch, session.world)]
        return here[-1].index if here else -1

    def _before(self) -> "VcpuInfo | None":
        """The vCPU before the step just made."""
        then, moment = present.before(self.bridge.session, self.moment), self.moment
        if (then.index, then.depth) == (moment.index, moment.depth):
            return None
        asked = asked_within(self.bridge, then.depth) if then.depth else asked_at(self.bridge, then.index)
        return asked.vcpu()

    def heading(self) -> tuple[str, str]:
        return self.picture().title, self.picture().detail

    def describe(self) -> str:
        if self.moment is None:
            return self.title
        where = present.progress(self.moment)[0]
        return present.describe(self.picture()) + (f" {where.capitalize()}." if where else "")

    def shown(self) -> object:
        return self.picture(), present.progress(self.moment)

    # --- painting -------------------------------------------------------------------------

    def paint_body(self, brush: Brush, area: QRectF) -> float:
        u, shown = brush.u, self.picture()
        line = brush.font(True, 12)[1].height()
        y = self._caption(brush, area, shown) + 5 * u
        y = paint_travel(self, brush, QRectF(area.left(), y, area.width(), line + 6 * u))
        if not shown.there:
            return y - area.top()
        if shown.running:
            y = self._registers(brush, QRectF(area.left(), y, area.width(), 0), shown, line)
        else:
            y = self._border(brush, QRectF(area.left(), y, area.width(), 0), shown, line)
        y = self._specials(brush, QRectF(area.left(), y + 5 * u, area.width(), 0), shown, line)
        y = self._xmm(brush, QRectF(area.left(), y + 3 * u, area.width(), 0), shown, line)
        y = paint_code(self, brush, QRectF(area.left(), y + 5 * u, area.width(), 0), shown.code, line)
        return y - area.top()

    def _caption(self, brush: Brush, area: QRectF, shown: present.VcpuPicture) -> float:
        u = brush.u
        line = brush.font(False, 12)[1].height()
        room = area.width() - 14 * u
        lines = -(-int(brush.width(shown.caption, size=12) * 1.08) // max(int(room), 1))
        rect = QRectF(area.left(), area.top() + 2 * u, area.width(), lines * line + 5 * u)
        role = "bad" if shown.bad else shown.owner if shown.running else "host"
        brush.p.fillRect(rect, brush.tint(role, 0.14))
        brush.p.fillRect(QRectF(rect.left(), rect.top(), 3 * u, rect.height()), brush.color(role))
        brush.wrapped(rect.adjusted(9 * u, 2.5 * u, -5 * u, 0), shown.caption, size=12, lines=lines)
        self.hit(rect, None, shown.caption)
        return rect.bottom()

    def _registers(self, brush: Brush, at: QRectF, shown: present.VcpuPicture, line: float) -> float:
        """Two columns while they fit."""
        u = brush.u
        name = brush.width("RAX ", True, 12, True) + 4 * u
        whole = name + brush.width(present.hex64(0), True, 12) + 30 * u
        columns = 2 if at.width() >= 2 * whole - 16 * u else 1
        compact = columns == 1 and at.width() >= 2 * (name + brush.width("0000 0000 0000", True, 12) + 16 * u)
        columns = 2 if compact else columns
        pitch, width = line + 5 * u, at.width() / columns
        rows = 16 // columns
        for number, register in enumerate(shown.registers):
            column, row = divmod(number, rows)
            rect = QRectF(at.left() + column * width, at.top() + row * pitch, width - 8 * u, pitch)
            self._register(brush, rect, register, name)
        return at.top() + rows * pitch

    def _register(self, brush: Brush, rect: QRectF, register: present.Register, name: float) -> None:
        u = brush.u
        changed = register.old is not None
        if changed:
            brush.p.fillRect(rect.adjusted(-2 * u, u, 0, -u), brush.color("note"))
        brush.text(rect, register.name, "secondary", mono=True, size=12, bold=True)
        value = QRectF(rect.left() + name, rect.top(), rect.right() - rect.left() - name, rect.height())
        wide = brush.width(register.text, True, 12) + (16 * u if changed else 0) <= value.width()
        words = register.text if wide else present.short(register.value)
        used = brush.text(
            value, words, "text" if register.value else "secondary", mono=True, size=12, bold=changed
        )
        if changed:
            glyphs.sign(
                brush,
                "changed",
                QPointF(min(value.left() + used + 9 * u, rect.right() - 5 * u), rect.center().y()),
                9 * u,
            )
        rest = value.adjusted(used + (20 if changed else 8) * u, 0, 0, 0)
        if register.ghost is not None and rest.width() > 40 * u:
            used = brush.text(rest, f"★ {present.short(register.ghost)}", "warn", mono=True, size=11)
            rest.setLeft(rest.left() + used + 8 * u)
        if register.symbol and rest.width() > 40 * u:
            brush.text(rest, f"→ {register.symbol}", "guest_job", size=11)
        self._point(rect, register)

    def _point(self, rect: QRectF, register: present.Register) -> None:
        """Pointing at a register points at the memory its value is the address of."""
        from tdxviz.session.moment import Focus

        hpa = register.points
        focus = Focus(hpa=hpa, register=register.name) if hpa is not None else Focus(register=register.name)
        self.hit(rect, focus, register.tooltip)
        self.link(
            rect.adjusted(-2 * brush_unit(self), 0, 0, 0),
            lambda f: links.on_register(f, register.name) or (hpa is not None and links.on_line(f, hpa)),
        )

    # --- the border: guest against host ----------------------------------------------------

    def _border(self, brush: Brush, at: QRectF, shown: present.VcpuPicture, line: float) -> float:
        """One row a register: the guest's value, an arrow, what host software finds."""
        u = brush.u
        name = brush.width("RAX ", True, 12, True) + 4 * u
        half = (at.width() - name - 24 * u) / 2
        head = QRectF(at.left() + name, at.top(), half, line + 2 * u)
        left = f"{shown.title.removeprefix('vCPU of ')} has{' (sealed)' if shown.sealed else ''}"
        brush.text(head, left, size=12, bold=True)
        brush.text(head.translated(half + 24 * u, 0), "host finds", size=12, bold=True)
        y, pitch = head.bottom(), line + 6 * u
        for register in shown.registers:
            rect = QRectF(at.left(), y, at.width(), pitch)
            brush.text(rect, register.name, "secondary", mono=True, size=12, bold=True)
            mine = QRectF(rect.left() + name, y + u, half, pitch - 2 * u)
            theirs = mine.translated(half + 24 * u, 0)
            self._value(brush, mine, register.value, shown.owner)
            self._found(brush, mine, theirs, register, shown.owner)
            self._point(rect, register)
            y += pitch
        return y

    def _value(self, brush: Brush, rect: QRectF, value: int, role: str) -> None:
        u = brush.u
        brush.frame(rect, brush.tint(role, 0.30), brush.color(role), u, 3 * u)
        inner = rect.adjusted(6 * u, 0, -4 * u, 0)
        full = present.hex64(value)
        words = full if brush.width(full, True, 12) <= inner.width() else present.short(value)
        brush.text(inner, words if value else "0", "text", mono=True, size=12)

    def _found(
        self, brush: Brush, mine: QRectF, theirs: QRectF, register: present.Register, owner: str
    ) -> None:
        """Leaked values keep the guest's colour; scrubbed ones are a plain grey nought."""
        u = brush.u
        value = register.host or 0
        role = "bad" if register.leak else "host"
        self._value(brush, theirs, value, role)
        if register.leak:
            brush.text(theirs.adjusted(0, 0, -5 * u, 0), "✕", "bad", size=12, bold=True, align=RIGHT)
        centre = QPointF((mine.right() + theirs.left()) / 2, mine.center().y())
        if register.leak:
            brush.arrow([QPointF(mine.right() + 3 * u, centre.y()), QPointF(theirs.left() - 2 * u, centre.y())],
                        brush.color("bad"), 1.6 * u)  # fmt: skip
        else:
            wall = QRectF(centre.x() - 1.2 * u, mine.top(), 2.4 * u, mine.height())
            brush.p.fillRect(wall, brush.color("inside"))

    # --- control registers, XMM ---------------------------------------------------------------

    def _specials(self, brush: Brush, at: QRectF, shown: present.VcpuPicture, line: float) -> float:
        """Name, value, and the names of the set bits; two columns when there is room."""
        u = brush.u
        columns = 2 if at.width() >= 560 * u else 1
        pitch, width = line + 4 * u, at.width() / columns
        name = brush.width("RFLAGS ", True, 12, True) + 4 * u
        for number, special in enumerate(shown.specials):
            row, column = divmod(number, columns)
            rect = QRectF(at.left() + column * width, at.top() + row * pitch, width - 8 * u, pitch)
            brush.text(rect, special.name, "secondary", mono=True, size=12, bold=True)
            rest = rect.adjusted(name, 0, 0, 0)
            used = brush.text(rest, special.text, mono=True, size=12, bold=special.changed)
            if special.changed:
                glyphs.sign(brush, "changed", QPointF(rest.left() + used + 9 * u, rect.center().y()), 9 * u)
            flags = rest.adjusted(used + (20 if special.changed else 10) * u, 0, 0, 0)
            if flags.width() > 20 * u:
                brush.text(flags, special.flags, "guest_job", size=12)
            self.hit(rect, None, special.tooltip)
        return at.top() + -(-len(shown.specials) // columns) * pitch

    def _xmm(self, brush: Brush, at: QRectF, shown: present.VcpuPicture, line: float) -> float:
        """One bar, opened by a click."""
        u = brush.u
        rect = QRectF(at.left(), at.top(), at.width(), line + 4 * u)
        used = len(shown.xmm)
        words = f"{'▾' if self.xmm_open else '▸'} XMM0–15: " + ("all zero" if not used else f"{used} in use")
        brush.text(rect, words, "secondary", size=12, bold=bool(used))
        self.hit(rect, self._fold(), "The vector registers. Click: show or hide those that are not zero.")
        y = rect.bottom()
        if not self.xmm_open:
            return y
        for number, value, changed in shown.xmm:
            row = QRectF(at.left() + 14 * u, y, at.width() - 14 * u, line + 3 * u)
            brush.text(row, f"XMM{number:<2} {value}", mono=True, size=12, bold=changed)
            y += line + 3 * u
        return y

    def _fold(self) -> Callable[[], None]:
        def act() -> None:
            self.xmm_open = not self.xmm_open
            self.update()

        return act


def brush_unit(panel: Board) -> float:
    """One pixel at 100 %."""
    return float(panel.theme.px(1))
