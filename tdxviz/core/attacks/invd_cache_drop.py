"""The host throws the caches away while the guest's newest value is only there."""

from tdxviz.core.attacks.scene import Attack, Play, Scene
from tdxviz.core.commands import HostExec
from tdxviz.core.host import layout

DROP_CACHES = 3
"""The clerk's job: execute INVD."""


def play(scene: Scene) -> Play:
    balance = scene.at("balance")
    yield from scene.run_until("deposited")
    yield HostExec(insn="WBINVD", lp=1)  # so that INVD costs the attacker nothing of its own
    scene.remember(balance)
    yield from scene.run_until("spent")
    scene.target(balance)
    yield from scene.kick()
    yield HostExec(insn="INVD", lp=1)
    yield from scene.run_until("balance_read")


def guest_invd(scene: Scene) -> Play:
    if scene.legacy:
        yield scene.call("TDH.VP.ENTER", lp=scene.lp, rcx=layout.TDVPR)
        return
    yield from scene.start_over("clerk")
    yield from scene.run_until("page_loaded")
    scene.target_symbol("password")
    yield from scene.answer(until="asked")
    yield from scene.answer(until="after_invd", r11=DROP_CACHES)
    yield from scene.insist("password_read")


ATTACK = Attack(
    id="invd-cache-drop",
    title="Throw the guest's newest stores away",
    who="Host software",
    what="executes INVD while the guest's line is dirty in the cache",
    where="the line of the balance: 100 spent, 100 again",
    question="The money is spent, but only in the cache. Can the host make the store never happen?",
    position="software",
    property="execution-integrity",
    source="attack catalogue 8; Intel SDM volume 2, INVD",
    play=play,
).with_variants(("guest-invd", "The TD itself executes INVD", guest_invd))
