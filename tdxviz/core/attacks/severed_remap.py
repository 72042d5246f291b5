"""Two guest addresses, one page: the host tries to alias the guest's memory."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import ReadHostRegisters, VmInvept, VmMap
from tdxviz.core.host import layout, second
from tdxviz.core.units import KEYID_SHIFT, PAGE, page_of

FREE_GPA = layout.GUEST_BASE + 0xB000


def play(scene: Scene) -> Play:
    page = page_of(scene.at("password"))
    yield from scene.run_until("loop_end")
    scene.target_symbol("password")
    if scene.legacy:
        yield from _through_the_service(scene)
        return
    yield scene.call("TDH.MEM.PAGE.AUG", rcx=FREE_GPA, rdx=layout.TDR, r8=page)
    yield scene.call("TDH.MEM.PAGE.AUG", rcx=page_of(scene.gla), rdx=layout.TDR, r8=scene.free_page())


def _through_the_service(scene: Scene) -> Play:
    """The clerk sends its public page to everybody; the host lays the secret under that address."""
    yield from scene.start_over("clerk")
    yield from scene.run_until("page_loaded")
    scene.target_symbol("password")
    public, secret = page_of(layout.symbol("picture", "clerk")), page_of(scene.hpa)
    yield from scene.kick()
    yield VmMap(vm=0, gpa=public, hpa=secret, tables=layout.TABLES + PAGE)
    yield VmInvept(vm=0)
    yield from scene.insist("served")
    yield ReadHostRegisters(lp=scene.lp)


def hkid_in_hpa(scene: Scene) -> Play:
    page = page_of(scene.at("password"))
    yield from scene.run_until("loop_end")
    scene.target_symbol("password")
    address = page | scene.keyid << KEYID_SHIFT
    yield scene.call("TDH.MEM.PAGE.AUG", rcx=FREE_GPA, rdx=layout.TDR, r8=address)


def cross_td(scene: Scene) -> Play:
    """The attacker has a guest of its own on the machine; the page is to appear in that one, too."""
    machine = scene.machine
    page = page_of(scene.at("password"))
    yield from scene.run_until("loop_end")
    yield from scene.evict(scene.at("password"))
    scene.target_symbol("password")
    yield from second.build(machine)
    if scene.legacy:
        yield from second.map_vm(page)
        yield from second.look(machine)
        yield from second.leave(machine)
        return
    yield scene.call("TDH.MEM.PAGE.AUG", rcx=second.PLACE, rdx=layout.SECOND.tdr, r8=page)
    yield from second.look(machine)  # it accepts and reads what is there: nothing


def reclaim_live(scene: Scene) -> Play:
    page = page_of(scene.at("password"))
    yield from scene.run_until("loop_end")
    scene.target_symbol("password")
    yield from scene.kick()
    yield scene.call("TDH.PHYMEM.PAGE.RECLAIM", rcx=page)


def reclaim_tdr_early(scene: Scene) -> Play:
    yield from scene.run_until("loop_end")
    scene.target_symbol("password")
    yield from scene.kick()
    yield from scene.tear_down()
    yield scene.call("TDH.PHYMEM.PAGE.RECLAIM", rcx=layout.TDR)


ATTACK = Attack(
    id="severed-remap",
    title="Point two guest addresses at one page",
    who="Host software",
    what="adds the secret's page a second time, and another page over the secret",
    where="the page of the password",
    question="Who says that a page has one place? What is asked before a mapping is made?",
    position="software",
    property="memory-tamper-detection",
    source="attack catalogue 13; rule R10",
    play=play,
).with_variants(
    ("cross-td", "The page is added to the attacker's own TD", cross_td),
    ("hkid-in-hpa", "The page's address carries the TD's HKID", hkid_in_hpa),
    ("reclaim-live", "Reclaim the page while the TD lives", reclaim_live),
    ("reclaim-tdr-early", "In teardown, reclaim the TDR before the other pages", reclaim_tdr_early),
)
