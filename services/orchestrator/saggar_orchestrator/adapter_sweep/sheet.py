"""A sweep as one picture: for some combinations photographs, and an image of every cell from the same seed."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont
from saggar.taxonomy import Labels

from saggar_orchestrator.adapter_sweep.planning import Subject
from saggar_orchestrator.adapter_sweep.scoring import Scored, Sweep

_PICTURED = 6  # combinations
_TILE_PX = 128
_STEP_PX = _TILE_PX + 6  # from one picture to the next
_LINE_PX = 18
_MARGIN_PX = 6
_LABELS_PX = 130
_INK, _PAPER, _FRAME = (32, 32, 32), (255, 255, 255), (200, 60, 20)
_TITLE = "All generated, but for the photographs on the left. Framed: chosen."


@dataclass(frozen=True)
class _Block:
    """A combination: rows of pictures by store key, "" for none; `chosen` is (row, column)."""

    title: str
    labels: list[str]  # of the rows
    rows: list[list[str]]
    chosen: tuple[int, int]

    @property
    def height_px(self) -> int:
        return 2 * _LINE_PX + len(self.rows) * _STEP_PX


def draw_sheet(
    sweep: Sweep, subject: Subject, words: Callable[[Labels], str], picture: Callable[[str], bytes]
) -> Image.Image:
    """A row for each adapter, a column for each weight; before them photographs, and the base model without an adapter.

    `words` names a combination, `picture` gives the bytes of an image by its store key.
    """
    weights = sorted({one.cell.weight for one in sweep.cells})
    columns = ["photographs", "without adapter", *(f"weight {weight:g}" for weight in weights)]
    blocks = [_block(sweep, subject, labels, weights, words(labels)) for labels, _ in subject.combinations[:_PICTURED]]
    size = (_LABELS_PX + len(columns) * _STEP_PX, _LINE_PX + sum(block.height_px for block in blocks) + _MARGIN_PX)
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default()
    draw.text((_MARGIN_PX, 2), _TITLE, _INK, font)
    top = _LINE_PX
    for block in blocks:
        draw.text((_MARGIN_PX, top), _plain(block.title), _INK, font)
        for place, column in enumerate(columns):
            draw.text((_LABELS_PX + place * _STEP_PX, top + _LINE_PX), column, _INK, font)
        for number, (label, keys) in enumerate(zip(block.labels, block.rows, strict=True)):
            y = top + 2 * _LINE_PX + number * _STEP_PX
            draw.text((_MARGIN_PX, y + _TILE_PX // 2), _plain(label), _INK, font)
            for place, key in enumerate(keys):
                x = _LABELS_PX + place * _STEP_PX
                if key:
                    sheet.paste(_tile(picture(key)), (x, y))
                if (number, place) == block.chosen:
                    draw.rectangle((x - 2, y - 2, x + _TILE_PX + 1, y + _TILE_PX + 1), outline=_FRAME, width=2)
        top += block.height_px
    return sheet


def _block(sweep: Sweep, subject: Subject, labels: Labels, weights: Sequence[float], title: str) -> _Block:
    first = next(image.prompt_id for image in subject.planned if image.labels == dict(labels))
    photographs = [record.image for record in subject.photographs.records() if record.labels == dict(labels)]
    cells: dict[str, dict[float, Scored]] = {}
    for one in sweep.cells:
        if one.cell.adapter is not None:
            cells.setdefault(one.cell.adapter.adapter_id, {})[one.cell.weight] = one
    rows, names, chosen = [], [], (-1, -1)
    for number, (identity, by_weight) in enumerate(cells.items()):
        steps = next(iter(by_weight.values())).cell.steps
        names.append(f"{identity[:8]}, {steps} steps")
        rows.append([
            photographs[number] if number < len(photographs) else "",
            sweep.bare.side.images[first] if number == 0 else "",
            *(by_weight[weight].side.images[first] if weight in by_weight else "" for weight in weights),
        ])  # fmt: skip
        chosen = next(
            ((number, 2 + at) for at, weight in enumerate(weights) if by_weight.get(weight) is sweep.chosen), chosen
        )
    return _Block(title, names, rows, chosen)


def _tile(data: bytes) -> Image.Image:
    """The picture as large as a tile has room for, on paper."""
    with Image.open(io.BytesIO(data)) as image:
        scale = _TILE_PX / max(image.size)
        shown = image.convert("RGB").resize(
            (max(1, round(image.width * scale)), max(1, round(image.height * scale))), Image.Resampling.LANCZOS
        )
    tile = Image.new("RGB", (_TILE_PX, _TILE_PX), _PAPER)
    tile.paste(shown, ((_TILE_PX - shown.width) // 2, (_TILE_PX - shown.height) // 2))
    return tile


def _plain(text: str) -> str:
    """What the font that comes with Pillow can draw."""
    return text.encode("ascii", "replace").decode()
