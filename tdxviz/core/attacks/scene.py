"""What an attack may know and do: addresses, the guest's names, honest-host recipes, and looking.

An attack is a generator of commands: ``events = yield command``. It never says what comes of it.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TypeAlias

from tdxviz.core.commands import Command, EvictLine, Reboot
from tdxviz.core.events import Event
from tdxviz.core.evidence import Case, Choice, Position
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest import gallery
from tdxviz.core.host import guest_run, guests, layout
from tdxviz.core.host.run import resume
from tdxviz.core.machine import Machine
from tdxviz.core.observe import guest_actor, guest_keyid, observe
from tdxviz.core.peek import vcpu
from tdxviz.core.units import LINE, Hkid, Hpa

Play: TypeAlias = Generator[Command, tuple[Event, ...], None]
"""A script in the making: yields commands, is sent the events of each."""

ATTACKER_BYTES = bytes([0xCC]) * LINE
"""What our attackers plant: easy to recognise on screen."""


@dataclass
class Scene:
    """One attack being played on one machine. Collects what the judge will need."""

    machine: Machine
    hpa: Hpa = -1
    expected: bytes = b""
    earlier: bytes = b""
    secrets: tuple[bytes, ...] = ()
    registers: tuple[int, ...] = ()
    choices: tuple[Choice, ...] = ()
    saved: tuple[int, ...] = ()
    resumed: tuple[int, ...] = ()
    no_target: str = ""
    lp: int = field(default=0)

    @property
    def legacy(self) -> bool:
        return self.machine.world == "legacy"

    @property
    def guest(self) -> str:
        return guest_actor(self.machine)

    @property
    def keyid(self) -> Hkid:
        """KeyID under which the guest's lines are cached: the TD's HKID, 0 in the legacy world."""
        return guest_keyid(self.machine)

    def at(self, symbol: str) -> Hpa:
        """Host-physical address of one of the guest's symbols."""
        return layout.hpa_of(layout.symbol(symbol))

    def label(self, symbol: str) -> int:
        """Linear address of one of the guest's code labels."""
        return layout.symbol(symbol)

    def run_until(self, symbol: str) -> Play:
        """The honest part of the host: resume the guest until it reaches a label."""
        yield from resume(self.machine, lp=self.lp, until=self.label(symbol), steps=60_000)

    def try_again(self) -> Play:
        """Where the guest no longer runs, the host enters it once more: what does it hear?"""
        if observe(self.machine, self.guest, self.at("picture"), 8).kind == "refused":
            yield from resume(self.machine, lp=self.lp, steps=1)

    def require_victim(self) -> None:
        seen = observe(self.machine, self.guest, self.at("password"), 8)
        if seen.data is None or seen.kind != "readable":
            raise TdxvizError(
                f"There is nobody left to attack: {seen.reason}. Go back in time or start the machine anew."
            )

    def evict(self, hpa: Hpa) -> Play:
        """The guest's line leaves the cache: from now on memory decides."""
        yield EvictLine(hpa=hpa, keyid=self.keyid)

    def target(self, hpa: Hpa, size: int = LINE) -> None:
        """Name the bytes under attack; what the guest would read there now is the yardstick."""
        self.hpa = hpa
        self.expected = self._guest_bytes(hpa, size)
        self.secrets += (self.expected,)

    def remember(self, hpa: Hpa, size: int = LINE) -> None:
        """Keep what the guest has at ``hpa`` now as the older value."""
        self.earlier = self._guest_bytes(hpa, size)

    def choose(self, *symbols: str) -> tuple[Choice, ...]:
        """Name the places of which the guest uses one, by a secret."""
        self.choices = tuple(Choice(self.label(name), self.at(name)) for name in symbols)
        return self.choices

    def target_registers(self) -> None:
        self.registers = vcpu(self.machine).gprs

    def state(self) -> tuple[int, ...]:
        """RIP and general registers of the guest, wherever they are kept now."""
        now = vcpu(self.machine)
        return (now.rip, *now.gprs)

    def replace_guest(self, name: str) -> Play:
        """The machine is started anew with a guest of the gallery, which stands at its first instruction."""
        image = gallery.guest(name).image()
        pages = guests.plan(image)
        yield Reboot()
        yield from guest_run.start(self.machine, pages)
        self.machine.books = guests.books(image, pages)
        yield from resume(self.machine, lp=self.lp, until=image.entry, steps=50_000, trace=False)

    def _guest_bytes(self, hpa: Hpa, size: int) -> bytes:
        return observe(self.machine, self.guest, hpa, size).data or b""


@dataclass(frozen=True)
class Attack:
    """One entry of the catalogue. ``question`` is what a card asks before it is played."""

    id: str
    title: str
    who: str
    what: str
    where: str
    question: str
    position: Position
    property: str
    source: str
    play: Callable[[Scene], Play]

    def case(self, scene: Scene) -> Case:
        return Case(
            attack=self.id,
            world=scene.machine.world,
            position=self.position,
            guest=scene.guest,
            hpa=scene.hpa,
            expected=scene.expected,
            earlier=scene.earlier,
            secrets=scene.secrets,
            registers=scene.registers,
            choices=scene.choices,
            saved=scene.saved,
            resumed=scene.resumed,
            no_target=scene.no_target,
        )
