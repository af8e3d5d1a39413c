"""What of a store nothing refers to any more, and taking it out: `unreferenced`, `take_out`."""

from saggar_orchestrator.cleaning.reachable import Circumstances, unreferenced
from saggar_orchestrator.cleaning.sweeping import Cleaned, FolderCount, take_out

__all__ = ["Circumstances", "Cleaned", "FolderCount", "take_out", "unreferenced"]
