"""Captions for adapter training and prompts for generation (paper, section 3.2.2 and Table 4).

`caption` describes a photograph that exists; `prompt` asks for one. Both are the taxonomy's segments, joined
by commas; segments of unknown labels are left out.
"""

from __future__ import annotations

from saggar.taxonomy import Labels, Taxonomy

NEGATIVE_PROMPT = "low quality, blurry, modern, damaged, cracked"  # paper, section 3.2.2


def caption(taxonomy: Taxonomy, labels: Labels) -> str:
    """E.g. `Yuan dynasty, Jun kiln produced, Chinese porcelain, vase, moon white glaze with ...`."""
    return ", ".join(taxonomy.fill(taxonomy.caption, labels))


def prompt(taxonomy: Taxonomy, labels: Labels) -> str:
    """E.g. `Yuan dynasty, Jun kiln produced, Chinese porcelain, vase for display only, ..., with ...`."""
    return ", ".join(taxonomy.fill(taxonomy.prompt, labels))


def negative_prompt(taxonomy: Taxonomy, labels: Labels, default: str = NEGATIVE_PROMPT) -> tuple[str, bool]:
    """The negative prompt for `labels`, and whether "cracked" was dropped from it.

    Crackle is diagnostic for some glazes and kilns (Ge, Guan, Ru): there "cracked" would work against the
    piece asked for, so it is left out.
    """
    crackled = any(taxonomy.task(name)[code].crackled for name, code in labels.items() if code is not None)
    words = [word.strip() for word in default.split(",")]
    kept = [word for word in words if not (crackled and word == "cracked")]
    return ", ".join(kept), len(kept) < len(words)
