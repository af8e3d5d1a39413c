"""Which images exist already: `generated/<aa>/<hash of all that decides an image>.json` names each."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from typing import Any

from saggar.errors import AlreadyExistsError, DataCorruptionError
from saggar.job_settings.generation import GenerationSettings
from saggar.store import ObjectRef, ObjectStore, put_image

from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.images.content_credentials import Signer
from saggar_generator.images.photographs.controlling import Control
from saggar_generator.images.prompt_words import WordedPrompt
from saggar_generator.images.provenance import encode_png
from saggar_generator.images.request_prompts import Mix
from saggar_generator.images.synthesis import Picture
from saggar_generator.requests import GeneratedImage, ImageRequest

log = logging.getLogger(__name__)

Inputs = Mapping[str, Any]
_FORMAT = 6  # goes up when equal inputs would give another image
_COMPOSED_FORMAT = "glaze transfer 2"  # likewise


class ImageIndex:
    """The index in one store; with a `signer`, images carry content credentials."""

    def __init__(self, store: ObjectStore, signer: Signer | None = None) -> None:
        self._store = store
        self._signer = signer

    def inputs(
        self,
        base: BaseModel,
        mix: Mix,
        request: ImageRequest,
        settings: GenerationSettings,
        control: Control | None = None,
        worded: WordedPrompt | None = None,
    ) -> Inputs:
        """All that decides an image, as JSON has it; `mix`: the adapters by the hashes of their weights; `settings`:
        the image's own, its guidance drawn; `worded`: the prompt with learnt words. A composed image's are its
        photographs and its size; its prompt is noted with them.
        """
        if request.transfer is not None:
            composed: dict[str, Any] = {
                "format": _COMPOSED_FORMAT,
                "prompt": request.prompt,
                "seed": request.seed,
                "settings": {"width_px": settings.width_px, "height_px": settings.height_px},
                "forms": [one.sha256 for one in request.transfer.forms],
                "glazes": [one.sha256 for one in request.transfer.glazes],
            }
            return composed | ({} if self._signer is None else {"signed_by": self._signer.identity})
        inputs: dict[str, Any] = {
            "format": _FORMAT,
            "base_model": base.content_hash,
            "prediction_type": base.prediction_type,
            "base_configuration": base.identity.configuration_hash,
            "computed_in": f"{base.placement.precision} on {base.placement.kind}",
            "adapters": [{"sha256": sha256, "weight": weight} for sha256, weight in mix],
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "seed": request.seed,
            "settings": settings.model_dump(exclude={"batch_size", "guidance_scale_to"}),
        }
        if worded is not None and worded.words:
            inputs["prompt_with_words"] = worded.text
            inputs["learnt_words"] = dict(worded.words)
        if request.start is not None:
            inputs["photograph"] = {
                "sha256": request.start.image.sha256,
                "strength": request.start.strength,
                **({} if request.start.framing == "crop" else {"framing": request.start.framing}),
            }
        if request.control is not None and control is not None:
            inputs["control"] = control.inputs(request.control)
        if self._signer is not None:
            inputs["signed_by"] = self._signer.identity
        return inputs

    def find(self, key: str, prompt_id: str, *, reused: bool) -> GeneratedImage | None:
        """The image that is noted at `key`, if it is there. Raises DataCorruptionError for a broken note."""
        if not self._store.exists(key):
            return None
        try:
            entry = json.loads(self._store.get(key))
            image = ObjectRef.from_json(entry["image"])
            inputs, truncated = entry["inputs"], int(entry["truncated_tokens"])
            seed = int(inputs["seed"])
        except (ValueError, KeyError, TypeError, DataCorruptionError) as error:
            raise DataCorruptionError(f"{key} cannot be read ({error}); delete it to make the image again") from None
        if not self._store.exists(image.key):
            return None
        return GeneratedImage(prompt_id, image, seed, reused, truncated, _as_json(inputs))

    def keep(self, key: str, picture: Picture, inputs: Inputs) -> None:
        """The image first, then its note: what the index names is there. Another replica's note stays."""
        data = encode_png(picture.pixels, inputs)
        if self._signer is not None:
            data = self._signer.sign(data, inputs)
        image = put_image(self._store, data, "png")
        entry = {"image": image.to_json(), "inputs": inputs, "truncated_tokens": picture.truncated_tokens}
        try:
            note = json.dumps(entry, indent=1, sort_keys=True, ensure_ascii=False).encode()
            self._store.put(key, note, "application/json")
        except AlreadyExistsError:
            log.info("%s was noted by another replica first; its image is taken", key)


def index_key(inputs: Inputs, fresh: str = "") -> str:
    """Where the image made from `inputs` is noted; `fresh`: where it is that was made again under this token."""
    digest = hashlib.sha256((_as_json(inputs) + fresh).encode()).hexdigest()
    return f"generated/{digest[:2]}/{digest}.json"


def _as_json(inputs: Inputs) -> str:
    return json.dumps(inputs, sort_keys=True, ensure_ascii=False)
