"""Find the file that a table names, whatever form its name has, and never outside the folder."""

from __future__ import annotations

import ntpath
import os
import re
import stat
from functools import lru_cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from saggar.errors import InvalidInputError
from saggar.importing.photographs.names import look_alike, odd_characters, on_disk, readable

_QUOTES = " '\"`\u2018\u2019\u201c\u201d\u00ab\u00bb"
_NUMBER = re.compile(r"(?P<number>\d{1,15}(?:\.\d{1,15})?(?:[eE]\+\d{1,2})?)(?:\.[A-Za-z]{2,5})?")
_LONGEST_NAME = 1024
LARGEST_MIB = 256
NO_SUCH_FILE = "no such file in the folder of images"
LEADS_OUT = (
    "leads out of the folder of images; copy the photograph into it and name that (`cp -rL` copies what links lead to, "
    "as check-outs of DVC and git-annex have them)"
)


def locate(root: Path, name: str) -> Path:
    """The regular file `name` under `root` (resolved). Raises InvalidInputError that says what to do.

    Backslashes are taken for slashes where there is no file of the literal name; each part of a path is compared in
    composed and decomposed Unicode, and as GB18030 where the file system has bytes that are no UTF-8. Links that
    lead out of the folder are refused.
    """
    if "://" in name:
        raise InvalidInputError(f"{name}: is a web address; download the photograph and name the file")
    if name.startswith("/") or ntpath.isabs(name) or ntpath.splitdrive(name)[0]:
        raise InvalidInputError(f"{name}: is an absolute path; write it relative to the folder of images")
    if len(name) > _LONGEST_NAME:
        raise InvalidInputError(f"{name}: has {len(name):,} characters; write the photograph's path")
    if "\0" in name:
        raise InvalidInputError(f"{name!r}: has a NUL character; write the file's plain name")
    within = os.path.join(root, "")  # noqa: PTH118 pathlib would take a tenth of an import's time
    found = _regular_file(within, name, name)
    if found is None and (not name.isascii() or "\\" in name):
        for spelling in dict.fromkeys((_spelt(within, name), _spelt(within, name.replace("\\", "/")))):
            found = found or (_regular_file(within, spelling, name) if spelling else None)
    if found is None:
        raise InvalidInputError(f"{name}: {NO_SUCH_FILE}{_hint(root, name)}")
    return found


def _regular_file(within: str, spelling: str, name: str) -> Path | None:
    """The file; None where there is none of this spelling."""
    try:
        path = os.path.realpath(within + spelling)
        if not (path + "/").startswith(within):
            raise InvalidInputError(f"{name}: {LEADS_OUT}")
        status = os.stat(path)  # noqa: PTH116 as above
    except (FileNotFoundError, NotADirectoryError, UnicodeEncodeError):
        return None
    except (OSError, RuntimeError) as error:  # a name too long, a link to itself, no permission
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InvalidInputError(f"{name}: cannot be read ({reason}); check name and permissions") from None
    if stat.S_ISDIR(status.st_mode):
        raise InvalidInputError(f"{name}: is a folder; name the image file in it")
    if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device may never end
        raise InvalidInputError(f"{name}: is not a regular file; replace it by an image")
    if status.st_size > LARGEST_MIB * 2**20:
        size = f"{status.st_size / 2**20:,.0f} MiB"
        raise InvalidInputError(f"{name}: {size}; save it smaller: at most {LARGEST_MIB} are read")
    return Path(path)


def _spelt(within: str, name: str) -> str | None:
    """`name` as the file system has it, part by part: folders may come from a Mac and files from Windows."""
    path = ""
    for part in name.split("/"):
        if part in ("", ".", ".."):
            path += f"{part}/"
            continue
        spelling = next((own for own in on_disk(part) if _exists(within + path + own)), None)
        if spelling is None:
            return None
        path += f"{spelling}/"
    return path[:-1]


def _exists(path: str) -> bool:
    try:
        return os.path.lexists(path)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        return False


def _hint(root: Path, name: str) -> str:
    """What the file may be called instead: other case, other extension, characters that look alike."""
    if _is_escaped(root, name):
        return "; its name is neither UTF-8 nor GB18030: rename the file"
    wanted = PurePosixPath(name.replace("\\", "/"))
    parent = _folder_alike(root, wanted.parent)
    if parent is None:
        return f"; there is no folder '{wanted.parent}' in it" if str(wanted.parent) != "." else ""
    by_name, by_stem = _names(parent)
    found = by_name.get(_bare(wanted.name)) or by_stem.get(_bare(wanted.stem))
    found = found or by_name.get(_bare(_plainer(wanted.name))) or _numbered(by_stem, wanted.name)
    if not found:
        return "; add it or remove the row"
    shown = PurePosixPath(readable((parent / found).relative_to(root).as_posix()))
    if shown == wanted:
        return "; it is a link to a file that is not there (`git annex get` or `dvc checkout` may bring it)"
    odd = odd_characters(str(shown)) or odd_characters(name)
    return f"; did you mean '{shown}'?" + (f" (with {odd})" if odd else "")


def _folder_alike(root: Path, wanted: PurePosixPath) -> Path | None:
    """The folder `wanted` in `root`, part by part as it is or as it looks; None where there is none."""
    spelt = _spelt(os.path.join(root, ""), str(wanted))  # noqa: PTH118
    if spelt is not None:
        folder = (root / spelt).resolve()
        return folder if folder.is_relative_to(root) and folder.is_dir() else None
    folder = root
    for part in wanted.parts:
        alike = _names(folder)[0].get(_bare(part)) if folder.is_dir() and not folder.is_symlink() else None
        if alike is None:
            return None
        folder = folder / alike
    return folder if folder.is_dir() and not folder.is_symlink() else None


def _bare(name: str) -> str:
    """What a name looks like, without blanks around it, which nobody sees."""
    return look_alike(name).strip()


def _plainer(name: str) -> str:
    """A name without quotation marks around it, and with the characters that an address writes as %20."""
    return unquote(name.strip(_QUOTES))


def _numbered(by_stem: dict[str, str], name: str) -> str | None:
    """The file of a number that a spreadsheet made of 0012: 12, 12.0 or 1.2E+01, with or without an extension."""
    number = _NUMBER.fullmatch(name.strip(_QUOTES))
    if number is None:
        return None
    value = float(number["number"])
    digits = f"{value:.0f}" if value.is_integer() else ""
    found = [file for stem, file in by_stem.items() if stem.isdecimal() and stem.lstrip("0") == digits]
    return found[0] if len(found) == 1 and digits else None


def _is_escaped(root: Path, name: str) -> bool:
    """Whether `name` is how a file is listed whose bytes are no text."""
    if "\\x" not in name:
        return False
    folder, _, last = name.rpartition("/")
    spelt = _spelt(os.path.join(root, ""), folder) if folder else "."  # noqa: PTH118
    place = root / spelt if spelt is not None else root
    return place.is_dir() and any(readable(own) == last for own in os.listdir(place))  # noqa: PTH208


@lru_cache(maxsize=64)
def _names(folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Names in `folder` by what they look like, with and without extension."""
    names = sorted(entry.name for entry in folder.iterdir())
    return {_bare(n): n for n in names}, {_bare(PurePosixPath(n).stem): n for n in names}
