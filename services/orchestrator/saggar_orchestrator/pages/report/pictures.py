"""The pictures of a report as data URIs: few and small enough that the file stays one that can be sent by mail."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from saggar_orchestrator.pages.language import Language
from saggar_orchestrator.pages.page import thumbnail
from saggar_orchestrator.pages.report.drawn.drawing import adapter_course, combination_words

Results = dict[str, Any]
Picture = Callable[[str], bytes]
# The cases of a model -> JPEG of what speaks for a class, by (image, task, code); empty where it cannot be had.
Explain = Callable[[Mapping[str, Any]], Mapping[tuple[str, str, str], bytes]]

_PREVIEWS = 8  # steps of the adapter's training that are shown, the first and the last among them
_ZOOMED_PX = 192
_GALLERIES = 4  # arms whose gallery is shown: 4 x 48 pictures of some 10 KB


def grid(results: Results, picture: Picture) -> list[dict[str, Any]]:
    """Real beside generated pictures of the same combination."""
    return [
        {
            "words": combination_words(results, entry["labels"]),
            "real": [thumbnail(picture(key), key) for key in entry["real"]],
            "generated": [thumbnail(picture(key), key) for key in entry["generated"]],
        }
        for entry in results["pictures"]["grid"]
    ]


def previews(results: Results, picture: Picture) -> list[dict[str, Any]]:
    """A row per prompt: some of the images made from it in the course of the adapter's training."""
    found = adapter_course(results)["previews"]
    steps = sorted({one["step"] for one in found})
    last = len(steps) - 1
    shown = {steps[round(place * last / (_PREVIEWS - 1))] for place in range(_PREVIEWS)} if steps else set()
    rows: dict[str, list[dict[str, Any]]] = {}
    for one in found:
        if one["step"] in shown:
            image = thumbnail(picture(one["image"]), one["image"])
            rows.setdefault(one["prompt"], []).append({"step": one["step"], "image": image})
    return [{"prompt": prompt, "images": images} for prompt, images in rows.items()]


def gallery(results: Results, picture: Picture, tongue: Language) -> list[dict[str, Any]]:
    """Per set of generated images: accepted and rejected ones, each with its labels, the latter with the reason. Arms
    with the same pictures share an entry.
    """
    sets: dict[tuple[str, ...], dict[str, Any]] = {}
    for arm, found in results["pictures"].get("gallery", {}).items():
        same = tuple(one["image"] for kind in ("accepted", "rejected") for one in found[kind])
        sets.setdefault(same, {"arms": [], "found": found})["arms"].append(arm)
    return [
        {"arms": tongue.listed(one["arms"])}
        | {
            kind: [
                {
                    "image": thumbnail(picture(each["image"]), each["image"], _ZOOMED_PX),
                    "words": combination_words(results, each["labels"]),
                    "reason": tongue.reason(each["reason"]) if kind == "rejected" else "",
                    "detail": each["detail"] if kind == "rejected" and tongue.code == "en" else "",
                }
                for each in one["found"][kind]
            ]
            for kind in ("accepted", "rejected")
        }
        for one in list(sets.values())[:_GALLERIES]
    ]


def cases(results: Results, picture: Picture, explain: Explain | None) -> dict[str, Any]:
    """`tasks`: per task right and wrong answers with the photograph, and, where it can be had, what speaks for the
    answer and for the truth; `explained`: whether it could.
    """
    chosen = results.get("cases")
    if not chosen:
        return {"tasks": {}, "explained": False}
    heat = explain(chosen) if explain else {}
    names = {t["name"]: dict(zip(t["codes"], t["names"], strict=True)) for t in results["taxonomy"]["tasks"]}

    def seen(one: dict[str, Any], task: str, code: str) -> str:
        data = heat.get((one["image"], task, code))
        return f"data:image/jpeg;base64,{base64.b64encode(data).decode()}" if data else ""

    return {
        "explained": bool(heat),
        "tasks": {
            task: [
                one
                | {
                    "photograph": thumbnail(picture(one["image"]), one["image"], _ZOOMED_PX),
                    "true_name": names[task][one["true"]],
                    "said_name": names[task][one["predicted"]],
                    "for_said": seen(one, task, one["predicted"]),
                    "for_true": "" if one["right"] else seen(one, task, one["true"]),
                }
                for one in found
            ]
            for task, found in chosen["tasks"].items()
            if found
        },
    }
