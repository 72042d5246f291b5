"""Hand-made answers and events with the shapes of ``peek``, ``observe`` and ``events``."""

from types import SimpleNamespace as Row

from tdxviz.core import events as e

HPA = 0x413540
GLA = 0x8000_3540
SECRET = b"my password is 7rust-N0-H0st".ljust(64, b".")
CIPHER = bytes.fromhex("c35d00b88d589b34caf54f2e780acd94") * 4
KEY = 0x21


def seen(actor: str, data: bytes | None, kind: str, reason: str) -> Row:
    return Row(actor=actor, data=data, kind=kind, reason=reason)


class FakeAsk:
    """Answers like ``Ask`` about one imagined vault."""

    def __init__(self, world: str = "ci", running: bool = True, cached: tuple = ()) -> None:
        self.world = world
        self.running = running
        self.cached = cached
        self.powered = True

    @property
    def legacy(self) -> bool:
        return self.world == "legacy"

    def line(self, hpa: int) -> Row:
        zero = seen("host", bytes(64), "zeros", "zeros: the line's TD-owner bit is 1")
        plain = seen("host", SECRET, "readable", "plain text: nothing is encrypted in this world")
        cipher = SECRET if self.legacy else bytes(b ^ (hpa >> 6 & 0xFF) for b in CIPHER)
        return Row(
            hpa=hpa, td=seen("td-a", SECRET, "readable", "its own data"),
            host=plain if self.legacy else zero, device=plain if self.legacy else zero,
            probe=plain if self.legacy else seen("probe", cipher, "noise", "noise: AES-XTS"),
            cipher=cipher, mac_stored=0x5A190C7 if self.world == "ci" else None,
            mac_expected=0x5A190C7 if self.world == "ci" else None,
            owner_bit=not self.legacy, poison=False, cached=self.cached, caption="",
        )  # fmt: skip

    def page(self, hpa: int) -> Row:
        if self.legacy:
            return Row(hpa=hpa, owner="legacy", letter="V", kind="", gpa=0x8000_3000, hkid=None,
                       sept_state="", title="memory of the ordinary VM")  # fmt: skip
        return Row(hpa=hpa, owner="td_a", letter="A", kind="PT_REG", gpa=0x8000_3000, hkid=KEY,
                   sept_state="MAPPED", title="TD-A private")  # fmt: skip

    def tlb(self, lp: int = 0) -> tuple[Row, ...]:
        actor = "vm-a" if self.legacy else "td-a"
        return (Row(valid=True, actor=actor, vcpu=0, gla=0x8000_3000, gpa=0x8000_3000, hpa=0x413000,
                    keyid=KEY, perms="rw-", epoch=7, state="ok"),)  # fmt: skip

    def walk(self, gpa: int) -> Row:
        return Row(gpa=gpa, steps=(Row(state="NL_MAPPED"), Row(state="MAPPED")), hpa=0x413000,
                   owner_ok=True, table="sept")  # fmt: skip

    def vcpu(self) -> Row:
        gprs = [0] * 16
        gprs[0], gprs[7] = int.from_bytes(b"my passw", "little"), GLA
        on = 0 if self.running else None
        where = "in the core" if self.running else "saved in TDVPS"
        return Row(actor="vm-a" if self.legacy else "td-a", running_on=on, where=where,
                   gprs=tuple(gprs), rip=0x8000_0104)  # fmt: skip

    def disassembly(self, count: int = 6) -> tuple:
        rows = [(0x8000_0100, b"", "lea rdi,[rel password]", False), (0x8000_0104, b"", "mov rax,[rdi]", True),
                (0x8000_0107, b"", "xor rbx,rax", False), (0x8000_010A, b"", "inc rdi", False),
                (0x8000_010D, b"", "loop 80000104h", False)]  # fmt: skip
        return tuple(rows[:count])

    def key_rows(self) -> tuple[Row, ...]:
        if self.legacy:
            return ()
        return (Row(hkid=0, state="TME key", owner="host", configured=True),
                Row(hkid=KEY, state="HKID_ASSIGNED", owner="td-a", configured=True))  # fmt: skip

    def seen(self, actor: str, hpa: int, size: int) -> Row:
        picture = bytes((x // 8 + y // 8) % 16 for y in range(64) for x in range(64))[:size]
        if actor in ("td-a", "vm-a") or self.legacy:
            return seen(actor, picture, "readable", "its own data, decrypted with its own key")
        if actor == "probe":
            return seen(actor, bytes((n * 97 + n // 7 * 31) & 255 for n in range(size)), "noise",
                        "noise: AES-XTS ciphertext, and the key never leaves the CPU")  # fmt: skip
        if actor == "td-b":
            return seen(actor, None, "refused", "this page belongs to another TD")
        return seen(actor, bytes(size), "zeros", "zeros: the line's TD-owner bit is 1")

    def palette(self) -> tuple[int, ...]:
        return (0, 0xF5E4B0, 0x7A4A00, *range(0x101010, 0x10101D))

    def actors(self) -> tuple[str, ...]:
        return ("vm-a" if self.legacy else "td-a", "host", "device", "probe")


def began(kind: str = "load") -> e.AccessBegan:
    return e.AccessBegan(actor="td-a", kind=kind, gla=GLA, size=8, lp=0)


def tlb_hit() -> e.TlbHit:
    return e.TlbHit(vpid=0x84, gla=GLA, gpa=0x8000_3000, hpa=0x413000, keyid=KEY, lp=0)


def memory_part(keyid: int = KEY, rule: str = "decrypted", data: bytes = SECRET) -> list[e.Event]:
    """Miss, fetch, decrypt, fill."""
    return [
        e.CacheMissed(hpa=HPA, keyid=keyid),
        e.LineFetched(hpa=HPA, keyid=keyid, cipher=CIPHER, owner=True, mac=0x5A190C7, poison=False),
        e.LineDecrypted(hpa=HPA, keyid=keyid, rule=rule, data=data, mac_expected=0x5A190C7),
        e.LineFilled(hpa=HPA, keyid=keyid, set=213, way=0),
    ]


def loaded() -> e.MemoryLoaded:
    return e.MemoryLoaded(actor="td-a", kind="load", gla=GLA, gpa=GLA, hpa=HPA, keyid=KEY,
                          data=SECRET[:8], lp=0)  # fmt: skip


def retired() -> e.InstructionRetired:
    return e.InstructionRetired(actor="td-a", rip=0x8000_0104, code=b"\x48\x8b\x07", lp=0)


def guest_miss() -> list[e.Event]:
    """A guest load that goes all the way to DRAM: seven stills."""
    return [began(), tlb_hit(), *memory_part(), loaded(), retired()]


def guest_hit() -> list[e.Event]:
    return [began(), tlb_hit(), e.CacheHit(hpa=HPA, keyid=KEY), loaded(), retired()]


def guest_walk() -> list[e.Event]:
    """TLB miss: the walker reads tables through the cache before the access itself goes on."""
    nested = [
        e.TableRead(table="sept", level=level, address=0x620000, value=1, gpa=GLA) for level in (3, 2, 1, 0)
    ]
    table = [e.CacheMissed(hpa=0x620000, keyid=KEY),
             e.LineFetched(hpa=0x620000, keyid=KEY, cipher=CIPHER, owner=True, mac=1, poison=False),
             e.LineDecrypted(hpa=0x620000, keyid=KEY, rule="decrypted", data=bytes(64)),
             e.LineFilled(hpa=0x620000, keyid=KEY, set=1, way=0)]  # fmt: skip
    filled = e.TlbFilled(vpid=0x84, gla=GLA, gpa=0x8000_3000, hpa=0x413000, keyid=KEY, perms="rw-")
    return [began(), e.TlbMissed(vpid=0x84, gla=GLA), *table, *nested, filled, *memory_part(), loaded()]


def guest_poison() -> list[e.Event]:
    """The MAC does not match: the access stops at the engine and the core takes #MC."""
    return [
        began(), tlb_hit(), *memory_part()[:2],
        e.LinePoisoned(hpa=HPA, keyid=KEY, rule="mac-mismatch", fresh=True, mac_expected=1, mac_stored=2),
        e.UcnaLogged(hpa=HPA, rule="mac-mismatch"),
        e.MachineCheckRaised(context="td-a", hpa=HPA, rip=0x8000_0104),
    ]  # fmt: skip


def host_zeros() -> list[e.Event]:
    return [
        *memory_part(0, "owned-zeros", bytes(64)),
        e.HostLoaded(hpa=HPA, keyid=0, data=bytes(64), rule="owned-zeros", lp=1),
    ]


def dma_fault() -> list[e.Event]:
    return [
        e.IommuFaulted(device="nic", iova=0x1000, hpa=HPA, keyid=KEY, reason="private KeyID in a DMA request")
    ]


def bus_capture() -> list[e.Event]:
    return [e.BusCaptured(hpa=HPA, cipher=CIPHER, owner=True, mac=0x5A190C7)]


def verdict(
    word: str = "NO GAIN",
    shape: str = "ring",
    causes: tuple = (2, 4),
    sentence: str = "The attacker got 64 zero bytes; the guest runs on undisturbed.",
) -> Row:
    return Row(
        word=word, shape=shape, sentence=sentence, attack="host-read-keyid0",
        confidentiality="kept", integrity="kept", availability="kept", freshness="kept",
        signals=(Row(observer="host", kind="data", name="64 zero bytes read"),), causes=causes,
        decided_by="TD-owner bit 1: a read with a shared KeyID gets zeros",
    )  # fmt: skip
