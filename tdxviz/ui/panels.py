"""The table of panels. A new panel is a file in ``views`` and a row here."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from tdxviz.ui.panel import Panel

VIEWS = "tdxviz.ui.views"


@dataclass(frozen=True)
class Row:
    """``module:class`` is imported when the panel is first shown."""

    name: str
    title: str
    key: str
    where: str
    tooltip: str

    @property
    def exists(self) -> bool:
        """Whether its file is there; looks, and imports nothing of it."""
        return find_spec(f"{VIEWS}.{self.where.partition(':')[0]}") is not None

    def load(self) -> type[Panel]:
        module, _, name = self.where.partition(":")
        return getattr(import_module(f"{VIEWS}.{module}"), name)


PANELS: tuple[Row, ...] = (
    Row("stage", "The machine", "G", "stage:StagePanel", "One access, still by still"),
    Row("eyes", "Who sees what, right now", "E", "eyes:EyesPanel", "The same bytes, all eyes"),
    Row("verdict", "Verdict", "", "verdict:VerdictPanel", "What came of the last attack"),
    Row("timeline", "Timeline", "", "timeline:TimelinePanel", "Everything that happened"),
    Row("lesson", "Lesson", "", "lesson:LessonPanel", "What to do next"),
    Row("ribbon", "Physical memory", "", "ribbon:RibbonPanel", "All of memory by owner"),
    Row("memory_map", "Memory map", "M", "memory_map:MemoryMapPanel", "One cell a page"),
    Row("page", "Page", "P", "page:PagePanel", "4 KiB: 64 lines"),
    Row("line", "Cache line", "L", "line:LinePanel", "64 bytes through all eyes"),
    Row("sept", "SEPT walk", "S", "sept:SeptPanel", "From GPA to HPA"),
    Row("sept_tree", "SEPT tree", "H", "sept_tree:SeptTreePanel", "Every table, every state"),
    Row("tlb", "TLB", "T", "tlb:TlbPanel", "Translations a processor keeps"),
    Row("keyids", "KeyIDs", "K", "keyids:KeyIdsPanel", "Whose key is how far"),
    Row("machines", "States", "F", "machines:MachinesPanel", "Every state, and where we are"),
    Row("leaf_inspector", "Leaf inspector", "I", "leaf_inspector:LeafInspectorPanel", "Any leaf, check by check"),
    Row("metadata", "Metadata", "D", "metadata:MetadataPanel", "Fields, and who may read them"),
    Row("vcpu", "vCPU", "V", "vcpu:VcpuPanel", "Registers and the next instructions"),
    Row("exit", "TD exit", "X", "exit:ExitPanel", "From guest to host, still by still"),
    Row("predictor", "Branch predictor", "J", "predictor:PredictorPanel", "Who steers the branches"),
    Row("plots", "Bytes in numbers", "", "plots:PlotsPanel", "Histogram and entropy"),
    Row("attacks", "Attacks", "A", "attacks:AttacksPanel", "Play the malicious host"),
    Row("console", "Console", "", "console:ConsolePanel", "Commands and events as text"),
    Row("editor", "Program", "U", "editor:EditorPanel", "A guest program of your own"),
    Row("compare", "Two worlds", "C", "compare:ComparePanel", "One script, two worlds"),
)  # fmt: skip

BY_NAME = {row.name: row for row in PANELS}
