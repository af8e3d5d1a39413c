"""Adapters' files that are no plain LoRA of Stable Diffusion 1.x or 2.x, named by their keys and metadata."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from saggar.errors import WrongStateError

from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.base_models.identity import SD1_WIDTH, SD2_WIDTH

_OTHER_METHOD = "its method is not read here: train or take one of plain LoRA layers"
_OTHER_MODEL = "give one of Stable Diffusion 1.x or 2.x, made for this base model"
# Signs in keys, the surest first.
_BY_KEYS: tuple[tuple[str, str], ...] = (
    (r"\.hada_w[12]_", f"is a LoHa adapter (LyCORIS); {_OTHER_METHOD}"),
    (r"\.lokr_w[12]", f"is a LoKr adapter (LyCORIS); {_OTHER_METHOD}"),
    (
        r"\.(dora_scale|lora_magnitude_vector)\b",
        f"is a DoRA adapter; {_OTHER_METHOD}, for without its scales it acts otherwise",
    ),
    (r"\.(oft_blocks|oft_diag|b?oft_[RS])\b", f"is an OFT adapter; {_OTHER_METHOD}"),
    (r"\bvera_(lambda|[AB])", f"is a VeRA adapter; {_OTHER_METHOD}"),
    (r"\.lora_E\b", f"is an AdaLoRA adapter; {_OTHER_METHOD}"),
    (
        r"\.lora_embedding_[AB]\b|\.modules_to_save\.|\.(lora_B|base_layer)\.bias$",
        f"changes more than layers' weights (embeddings, biases or whole layers); {_OTHER_METHOD}",
    ),
    (
        r"\.lora_[AB]\.\w+\.weight$",
        "has the adapter's name in its keys, as peft has them in memory; save it with peft's save_pretrained",
    ),
    (
        r"^_orig_mod\.|^module\.",
        "has the keys of a wrapped network (torch.compile, DistributedDataParallel); save the network inside",
    ),
    (r"(^|\.)(scaled_fp8|scale_weight)$", f"is quantised with scales of its own; {_OTHER_METHOD}"),
    (r"\.on_input$|ia3", f"is an IA3 adapter; {_OTHER_METHOD}"),
    (r"\.lora_mid\.weight$", f"has convolutions in three parts (Tucker, LyCORIS); {_OTHER_METHOD}"),
    (r"\.(diff|diff_b|w_norm|b_norm)$", f"changes whole weights beside LoRA layers (LyCORIS); {_OTHER_METHOD}"),
    (r"\.[ab][12]\.weight$", f"is a GLoRA adapter (LyCORIS); {_OTHER_METHOD}"),
    (
        r"joint_transformer_blocks|joint_blocks|^lora_te3|^text_encoder_3\.",
        f"is an adapter of Stable Diffusion 3; {_OTHER_MODEL}",
    ),
    (r"single_(transformer_)?blocks|double_blocks", f"is an adapter of Flux or a model like it; {_OTHER_MODEL}"),
    (
        r"^(base_model\.model\.)?transformer\.|^diffusion_model\.|^lora_(unet|transformer)_(blocks|layers|transformer_blocks)_",
        f"is an adapter of a diffusion transformer; {_OTHER_MODEL}",
    ),
    # their text encoders are called alike: only the network tells it from those above
    (r"^lora_te2_|^text_encoder_2\.|add_embedding", f"is an adapter of Stable Diffusion XL; {_OTHER_MODEL}"),
    (r"^lora_prior_|prior", f"is an adapter of another kind of model (a prior); {_OTHER_MODEL}"),
    (r"image_proj|ip_adapter", "is an IP-Adapter, which is not read here; give a LoRA adapter"),
    (r"motion_modules", "is a motion module of AnimateDiff, which is not read here; give a LoRA adapter"),
    (r"^control_model\.|controlnet_|lllite_", "is a ControlNet, which is not read here; give a LoRA adapter"),
    (
        r"^model\.diffusion_model\.|^first_stage_model\.|^cond_stage_model\.",
        "is a whole base model; set base_model to it, and give a LoRA adapter here",
    ),
    (
        r"^(bundle_emb\..*|emb_params|clip_[lg]|string_to_param.*|<[^>]*>)$",
        "is an embedding (textual inversion), which is not read here; give a LoRA adapter",
    ),
    (
        r"^\d+\.[01]\.(linear|layer)\w*\.",
        "is a hypernetwork, which is not read here; give a LoRA adapter",
    ),
    (r"^(adapter\.)?body\.\d+\.", "is a T2I-Adapter, which is not read here; give a LoRA adapter"),
    (r"^lora_controlnet$", "is a Control-LoRA, which is not read here; give a LoRA adapter"),
    (r"_custom_diffusion", f"is a Custom Diffusion adapter; {_OTHER_METHOD}"),
    (r"^vision_model\.", "is an image encoder or a safety checker; give a LoRA adapter"),
    (r"^exp_avg|^optimizer\.|^state\.", "is the state of a training; give the adapter that it wrote"),
    (r"(^|\.)model\.layers\.\d+\.|^lm_head\.", "is of a language model; give a LoRA adapter of Stable Diffusion"),
    (
        r"(^|[._])(input|output|middle)_blocks?[._]",
        f"names its layers as the original Stable Diffusion code; export it as kohya or diffusers, or {_OTHER_MODEL}",
    ),
    (
        r"^(conv_in|down_blocks|mid_block|up_blocks|encoder|decoder|text_model|quant_conv)\.(?!.*lora)",
        "is a part of a base model; set base_model to the whole, and give a LoRA adapter here",
    ),
)
# How programs write the base model's architecture into metadata, in small letters, and its name.
_ARCHITECTURES: tuple[tuple[str, str], ...] = (
    (r"xl|pony|illustrious|noobai", "Stable Diffusion XL"),
    (r"stable-diffusion-3|sd3", "Stable Diffusion 3"),
    (r"flux", "Flux"),
    (
        r"pixart|sana|hunyuan|lumina|chroma|wan|qwen|ltx|auraflow|cascade|kolors|hidream|z-?image|cosmos|mochi|cogvideo|omnigen",
        "another kind of model",
    ),
    (r"stable-diffusion-v2|sd_?v2|sd_?2", "Stable Diffusion 2.x"),
    (r"stable-diffusion-v1|sd_?v1|sd_?1", "Stable Diffusion 1.x"),
)
_NAMES = ("modelspec.architecture", "modelspec.title", "ss_output_name", "ss_sd_model_name", "ss_base_model_version")
_PURPOSES: tuple[tuple[str, str], ...] = (
    (
        r"(?<![a-z])(lcm|tcd|turbo|lightning|hyper-?sd\w*|dmd2?|pcm|flash)(?![a-z])",
        "the file calls itself distilled (LCM, Turbo, Hyper): it needs few steps, low guidance and its own scheduler",
    ),
    (r"inpaint", "the file names an inpainting model: its adapter may act wrongly on whole images"),
)
_WIDTHS = {"Stable Diffusion 1.x": SD1_WIDTH, "Stable Diffusion 2.x": SD2_WIDTH}
_PREDICTIONS = {"v": "v_prediction", "v_prediction": "v_prediction", "epsilon": "epsilon"}


def named(keys: Iterable[str]) -> str | None:
    """What a file with such keys is, and what to do; None where they say nothing."""
    listed = list(keys)
    for pattern, text in _BY_KEYS:
        if any(re.search(pattern, key) for key in listed):
            return text
    return None


def architecture(metadata: Mapping[str, str]) -> str | None:
    """The kind of base model that a file's metadata names (`modelspec.*`, kohya's `ss_*`)."""
    texts = (metadata.get("modelspec.architecture", ""), metadata.get("ss_base_model_version", ""))
    for text in texts:
        for pattern, name in _ARCHITECTURES:
            if re.search(pattern, text.casefold()):
                return name
    if "ss_v2" in metadata and not any(texts):
        return "Stable Diffusion 2.x" if metadata["ss_v2"] == "True" else "Stable Diffusion 1.x"
    return None


def prediction_type(metadata: Mapping[str, str]) -> str | None:
    """What the base model predicts by a file's metadata, as diffusers calls it."""
    found = _PREDICTIONS.get(metadata.get("modelspec.prediction_type", "").casefold())
    if found is None and metadata.get("ss_base_model_version", "").casefold().endswith("_v"):
        return "v_prediction"
    return found


def special_purposes(metadata: Mapping[str, str], file_name: str) -> list[str]:
    """What an adapter is for, where its metadata or its file's name say that it is no plain style or subject."""
    said = " ".join([*(metadata.get(key, "") for key in _NAMES), file_name])
    return [text for pattern, text in _PURPOSES if re.search(pattern, said, re.IGNORECASE)]


def refuse_other_base(base: BaseModel, metadata: Mapping[str, str]) -> None:
    """Raises WrongStateError when the metadata of an adapter's file names a base model of another kind than `base`,
    or one that predicts something else.
    """
    kind, width = architecture(metadata), int(base.pipeline.unet.config.cross_attention_dim)
    known = next((name for name, value in _WIDTHS.items() if value == width), None)
    if kind is not None and kind != known and (kind not in _WIDTHS or known is not None):
        ours = known or "another kind of model"
        raise WrongStateError(
            f"the adapter is of {kind}, by its file's metadata; {base.spec} is {ours}: import it for the base "
            "model that it was trained on"
        )
    predicted = prediction_type(metadata)
    if predicted is not None and predicted != base.prediction_type:
        raise WrongStateError(
            f"the adapter was trained on a base model that predicts {predicted}, by its file's metadata; {base.spec} "
            f"predicts {base.prediction_type}, so that it would act wrongly: import it for the base model that it "
            "was trained on"
        )
