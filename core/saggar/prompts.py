"""Captions for adapter training and prompts for generation (paper, section 3.2.2 and Table 4).

`caption` describes a photograph that exists; `prompt` asks for one. Both are the taxonomy's segments, joined
by commas; segments of unknown labels are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from saggar.taxonomy import Labels, Taxonomy, TaxonomyClass

NEGATIVE_PROMPT = "low quality, blurry, modern, damaged, cracked"  # paper, section 3.2.2


def caption(taxonomy: Taxonomy, labels: Labels) -> str:
    """E.g. `Yuan dynasty, Jun kiln produced, Chinese porcelain, vase, moon white glaze with ...`."""
    return ", ".join(taxonomy.fill(taxonomy.caption, labels))


def prompt(taxonomy: Taxonomy, labels: Labels) -> str:
    """E.g. `Yuan dynasty, Jun kiln produced, Chinese porcelain, vase for display only, ..., with ...`."""
    return ", ".join(taxonomy.fill(taxonomy.prompt, labels))


def negative_prompt(
    taxonomy: Taxonomy, labels: Labels, default: str = NEGATIVE_PROMPT, *, keep_cracked: bool = False
) -> tuple[str, bool]:
    """The negative prompt for `labels`, and whether "cracked" was dropped from `default`.

    Crackle is diagnostic for some glazes and kilns (Ge, Guan, Ru): there "cracked" would work against the
    piece asked for, so it is left out unless `keep_cracked`.
    """
    if keep_cracked or not crackled_classes(taxonomy, labels):
        return default, False
    text = without_cracked(default)
    return text, text != default


def crackled_classes(taxonomy: Taxonomy, labels: Labels) -> tuple[TaxonomyClass, ...]:
    """Those classes of `labels` of which crackle is a trait."""
    known = [taxonomy.task(name)[code] for name, code in labels.items() if code is not None]
    return tuple(entry for entry in known if entry.crackled)


def crackled_phrases(
    text: str, taxonomies: Iterable[Taxonomy], learnt: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """The phrases of crackled classes that occur in `text`, a prompt in free words; sorted.

    Whole words count. Capitals of a phrase do too: Guan is a kiln, a guan is a jar. `learnt`: the phrases of the words
    that adapters have learnt, by word: `<kiln-ge>` is Ge.
    """
    for word, phrase in (learnt or {}).items():
        text = text.replace(word, f" {phrase} ")
    words = re.sub(r"<[^<>]*>", " ", text)  # names of adapters are no words
    phrases = {
        entry.phrase for taxonomy in taxonomies for task in taxonomy.tasks for entry in task.classes if entry.crackled
    }
    return tuple(sorted(phrase for phrase in phrases if _stands_in(phrase, words)))


def without_cracked(negative: str) -> str:
    """`negative` without the word "cracked" in its list; as it is where the word is not in it."""
    words = [word.strip() for word in negative.split(",")]
    kept = [word for word in words if word.casefold() != "cracked"]
    return negative if len(kept) == len(words) else ", ".join(kept)


def _stands_in(phrase: str, text: str) -> bool:
    flags = re.IGNORECASE if phrase == phrase.lower() else re.NOFLAG
    return re.search(rf"(?<!\w){re.escape(phrase)}(?!\w)", text, flags) is not None
