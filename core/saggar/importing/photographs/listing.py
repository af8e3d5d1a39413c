"""What lies in a folder of photographs: images, other files, and what file managers and network drives leave behind."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from saggar.files.pictures.image_names import is_image_name
from saggar.importing.photographs.names import readable
from saggar.importing.report import Note

LITTER = "left behind by a file manager or a network drive, not read"
LINKED_FOLDER = "a link to a folder, which is not followed; copy the folder itself"
_NO_IMAGE = "without the extension of an image"

_LITTER_FOLDERS = {
    "@eadir", "@tmp", "@recycle", "@recently-snapshot", "@synoresource", "#recycle", "#snapshot", "__macosx",
    "$recycle.bin", "recycler", "recycled", "system volume information", "lost+found", "found.000",
    "network trash folder", "temporary items", "_vti_cnf", "~snapshot", "@snapshot", "captureone", "__pycache__",
}  # fmt: skip
_LITTER_FILES = {
    "thumbs.db",
    "ehthumbs.db",
    "ehthumbs_vista.db",
    "desktop.ini",
    "icon\r",
    "folder.jpg.lnk",
    "picasa.ini",
}
_LITTER_NAMES = re.compile(
    r"synophoto_|synofile_|~\$|.*\.(lrdata|lrcat|lock|tmp|temp|part|crdownload|download|bak~?|lnk)$|.*~$", re.IGNORECASE
)


@dataclass
class Listing:
    """Paths below a folder as people read them (see `names.readable`), each sorted."""

    images: list[PurePosixPath] = field(default_factory=list)
    others: list[PurePosixPath] = field(default_factory=list)
    litter: list[PurePosixPath] = field(default_factory=list)
    linked_folders: list[PurePosixPath] = field(default_factory=list)

    def notes(self, *, others: bool = True) -> list[Note]:
        """What was passed over, a kind of remark each."""
        kinds = (
            (self.others if others else [], _NO_IMAGE),
            (self.linked_folders, LINKED_FOLDER),
            (self.litter, LITTER),
        )
        return [Note(0, str(path), "skipped", text) for paths, text in kinds for path in paths]


def image_files(root: Path) -> Listing:
    """All below `root`. Hidden files and folders are passed over, and links to folders are not followed."""
    found = Listing()
    for current, folders, files in os.walk(root):
        parent = Path(current).relative_to(root)
        folders[:] = [name for name in sorted(folders) if _is_entered(found, Path(current, name), parent)]
        for name in files:
            if not name.startswith("."):
                _sorted_in(found, _path(parent, name))
    for paths in (found.images, found.others, found.litter, found.linked_folders):
        paths.sort()
    return found


def _is_entered(found: Listing, folder: Path, parent: Path) -> bool:
    """Whether what is in `folder` counts; notes in `found` why it does not."""
    if folder.name.startswith("."):
        return False
    if folder.name.casefold() in _LITTER_FOLDERS or _LITTER_NAMES.match(folder.name):
        found.litter.append(_path(parent, folder.name))
        return False
    if folder.is_symlink():
        found.linked_folders.append(_path(parent, folder.name))
        return False
    return True


def _sorted_in(found: Listing, path: PurePosixPath) -> None:
    if path.name.casefold() in _LITTER_FILES or _LITTER_NAMES.match(path.name):
        found.litter.append(path)
    elif is_image_name(path.name):
        found.images.append(path)
    else:
        found.others.append(path)


def _path(parent: Path, name: str) -> PurePosixPath:
    return PurePosixPath(readable((parent / name).as_posix()))
