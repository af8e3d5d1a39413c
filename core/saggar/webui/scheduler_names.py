"""Names of the schedulers (samplers) that images are made with, ours and those of the web UIs."""

from __future__ import annotations

import difflib
import re

from saggar.errors import FieldViolation, InvalidInputError

# Ours, and how AUTOMATIC1111's and ComfyUI's interfaces write them where they differ by more than capitals
# and signs.
_NAMES: dict[str, tuple[str, ...]] = {
    "dpmpp_2m_karras": (),
    "dpmpp_2m": (),
    "dpmpp_2m_sde_karras": (),
    "dpmpp_2m_sde": (),
    "ddim": (),
    "euler": (),
    "euler_karras": (),
    "euler_a": ("euler_ancestral",),
    "heun": (),
    "unipc": ("uni_pc",),
    "plms": ("pndm",),
}
SCHEDULERS = tuple(_NAMES)


def canonical(name: str, field: str = "settings.scheduler") -> str:
    """`DPM++ 2M Karras` -> `dpmpp_2m_karras`; one of `SCHEDULERS`.

    Raises InvalidInputError, with a violation of `field`, close matches and all known names, for any other.
    """
    found = _BY_SPELLING.get(_squeezed(name))
    if found is None:
        close = difflib.get_close_matches(_squeezed(name), _BY_SPELLING, n=3, cutoff=0.6)
        meant = dict.fromkeys(_BY_SPELLING[spelling] for spelling in close)
        hint = f"; did you mean {' or '.join(meant)}?" if meant else ""
        text = f"no scheduler '{name}'{hint} Known: {', '.join(SCHEDULERS)}"
        raise InvalidInputError(text, (FieldViolation(field, text),))
    return found


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower().replace("++", "pp"))


_BY_SPELLING = {_squeezed(spelling): name for name, others in _NAMES.items() for spelling in (name, *others)}
