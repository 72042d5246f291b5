"""The only place that answers "what does this actor see there now". Disturbs nothing.

A view, a lesson's check and the judge all ask here; none of them decides an outcome itself.
"""

from dataclasses import dataclass

from tdxviz.core.hw.memctl import ReadResult
from tdxviz.core.hw.walk import FRAME, RWX, misconfiguration
from tdxviz.core.machine import Machine
from tdxviz.core.tdx.inspect import TdInfo, first_actor, td_of_page, tds
from tdxviz.core.units import LINE, PAGE, Hkid, Hpa, line_of, page_of, split_keyid, with_keyid

REASONS = {
    "plain": "nothing is encrypted in this world",
    "cached": "from a copy in the cache; memory holds something else",
    "decrypted": "decrypted with the key of its own KeyID",
    "owned-zeros": "zeros: the line's TD-owner bit is 1",
    "stored-poison": "poisoned: whoever loads it takes a machine check",
    "owner-mismatch": "poison: TD-owner bit is 0 on a private read",
    "mac-mismatch": "poison: the stored MAC does not match",
}

MOST_TABLES = 1024
"""Tables of an EPT that are looked at."""


@dataclass(frozen=True, slots=True)
class Seen:
    """``data`` is None when the actor gets no bytes at all."""

    actor: str
    data: bytes | None
    kind: str
    """``readable``, ``zeros``, ``noise``, ``poison`` or ``refused``."""
    reason: str


def guest_actor(machine: Machine) -> str:
    """The first guest that lives: ``vm-a``, or ``td-a`` until that TD is torn down."""
    if machine.module is None:
        return "vm-a"
    return first_actor(machine.module) or "td-a"


def guest_keyid(machine: Machine, actor: str = "guest") -> Hkid:
    """KeyID under which the guest's private lines travel; 0 in the legacy world."""
    td = _td(machine, actor)
    return td.hkid if td else 0


def actors(machine: Machine) -> tuple[str, ...]:
    """Everybody who can be asked, guests first."""
    if machine.module is None:
        guests = tuple(vm.actor for vm in machine.vms.values()) or ("vm-a",)
    else:
        guests = tuple(td.actor for td in tds(machine.platform, machine.module)) or ("td-a",)
        guests += tuple(vm.actor for vm in machine.vms.values())
    return (*guests, "host", "device", "probe")


def observe(machine: Machine, actor: str, hpa: Hpa, size: int) -> Seen:
    """What ``actor`` would get from ``size`` bytes at ``hpa`` by its own means, right now.

    ``guest`` stands for the machine's first guest. A host or device reads with KeyID 0, a guest
    through its own mapping, a probe looks at the memory chips.
    """
    if actor == "guest":
        actor = guest_actor(machine)
    p = machine.platform
    if hpa < 0 or size <= 0 or hpa + size > p.size:
        return Seen(actor, None, "refused", "there is no memory at this address")
    if actor == "probe":
        return _chips(machine, hpa, size)
    if not p.powered:
        return Seen(actor, None, "refused", "the machine is switched off")
    if actor in ("host", "device"):
        return _read(machine, actor, hpa, size, 0)
    refusal = _refusal(machine, actor, hpa)
    if refusal:
        return Seen(actor, None, "refused", refusal)
    return _read(machine, actor, hpa, size, guest_keyid(machine, actor))


def _td(machine: Machine, actor: str) -> TdInfo | None:
    if machine.module is None:
        return None
    wanted = guest_actor(machine) if actor == "guest" else actor
    found = [td for td in tds(machine.platform, machine.module) if td.actor == wanted]
    return found[0] if found else None


def _refusal(machine: Machine, actor: str, hpa: Hpa) -> str:
    """Why a guest cannot reach this page at all; empty when it can."""
    if actor.startswith("vm-"):
        vm = next((one for one in machine.vms.values() if one.actor == actor), None)
        if vm is None:
            return "there is no such VM"
        mine = actor == guest_actor(machine) or _leads_to(machine, vm.eptp, page_of(hpa))
        return "" if mine else "not mapped in this VM"
    module = machine.module
    td = _td(machine, actor)
    if module is None or td is None:
        return "there is no such TD"
    owner = td_of_page(machine.platform, module, page_of(hpa))
    if owner != td.tdr:
        return "not mapped in this TD" if owner == 0 else "this page belongs to another TD"
    if td.fatal:
        return "the TD is dead: it will never run again"
    return ""


def _leads_to(machine: Machine, root: Hpa, page: Hpa) -> bool:
    """Whether an EPT has an entry that leads to the page; 4 KiB entries, as our host makes them."""
    known, todo = {(root, 3)}, [(root, 3)]
    while todo and len(known) < MOST_TABLES:
        table, level = todo.pop()
        raw = b"".join(line_as_read(machine, table + n, 0)[0] for n in range(0, PAGE, LINE))
        for n in range(0, PAGE, 8):
            entry = int.from_bytes(raw[n : n + 8], "little")
            if not entry & RWX or misconfiguration(entry, level):
                continue
            below = split_keyid(entry & FRAME)[0], level - 1
            if level == 0 and below[0] == page:
                return True
            if level and below not in known:
                known.add(below)
                todo.append(below)
    return False


def _read(machine: Machine, actor: str, hpa: Hpa, size: int, keyid: Hkid) -> Seen:
    data, worst = b"", ""
    for line in range(line_of(hpa), hpa + size, LINE):
        got, rule = line_as_read(machine, line, keyid)
        data += got
        worst = max(worst, rule, key=_gravity)
    skip = hpa - line_of(hpa)
    reason = REASONS.get(worst, worst)
    if worst in ("stored-poison", "owner-mismatch", "mac-mismatch"):
        return Seen(actor, bytes(size), "poison", reason)
    kind = "zeros" if worst == "owned-zeros" else "readable"
    return Seen(actor, data[skip : skip + size], kind, _own_words(actor, worst, reason))


def _own_words(actor: str, rule: str, reason: str) -> str:
    if rule in ("decrypted", "cached") and actor.startswith("td-"):
        return "its own data, decrypted with its own key"
    if rule == "cached" and actor.startswith("vm-"):
        return "its own data, in plain text"
    if rule == "plain" and actor not in ("host", "device"):
        return "its own data, in plain text"
    return "plain text: nothing is encrypted in this world" if rule == "plain" else reason


def _gravity(rule: str) -> int:
    order = (
        "",
        "plain",
        "cached",
        "decrypted",
        "owned-zeros",
        "stored-poison",
        "mac-mismatch",
        "owner-mismatch",
    )
    return order.index(rule) if rule in order else 0


def line_as_read(machine: Machine, line: Hpa, keyid: Hkid) -> tuple[bytes, str]:
    """64 bytes as a read with ``keyid`` would get them (cache first), and the rule that decided."""
    p = machine.platform
    cached = p.cache.lines.get(with_keyid(line, keyid))
    result: ReadResult = p.memctl.inspect(line, keyid)
    if cached is None:
        return result.data, result.rule
    same = cached.data == result.data and not result.poison
    return cached.data, result.rule if same else "cached"


def data_as_read(machine: Machine, line: Hpa, keyid: Hkid) -> bytes:
    """The bytes alone; what is cached is not compared with memory."""
    p = machine.platform
    cached = p.cache.lines.get(with_keyid(line, keyid))
    return p.memctl.inspect(line, keyid).data if cached is None else cached.data


def _chips(machine: Machine, hpa: Hpa, size: int) -> Seen:
    p = machine.platform
    data = b"".join(p.memctl.probe(line).data for line in range(line_of(hpa), hpa + size, LINE))
    skip = hpa - line_of(hpa)
    data = data[skip : skip + size]
    if machine.world == "legacy":
        return Seen("probe", data, "readable", "plain text: nothing is encrypted in this world")
    return Seen("probe", data, "noise", "noise: AES-XTS ciphertext, and the key never leaves the CPU")
