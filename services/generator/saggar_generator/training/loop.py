"""LoRA training: the diffusion loss, step by step, on latents and embeddings made once.

Everything random in a step comes from the seed and the step's own number. So a run that was interrupted goes
on as if it had not been, and needs no state of random generators: weights and optimiser moments are enough.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import torch
from saggar.errors import DataCorruptionError, WrongStateError
from saggar.job_settings.adapter import AdapterSettings
from saggar.store import ObjectRef

from saggar_generator import checkpoint
from saggar_generator.adapters import lora
from saggar_generator.base_models.base_model import BaseModel
from saggar_generator.base_models.vocabulary import added_words
from saggar_generator.requests import AdapterPreview
from saggar_generator.training import held_out, optimizing
from saggar_generator.training.buckets.batches import bucket_batches
from saggar_generator.training.examples import Examples
from saggar_generator.training.group import Alone, Team
from saggar_generator.training.noising import NoiseSchedule
from saggar_generator.training.randomness import generator

GRADIENT_NORM = 1.0  # at most
_NAME = "in_training"  # peft makes it an attribute: no name of torch's own


class AdapterTraining:
    """One adapter in the making. Use as a context: the base model is as before when it ends."""

    def __init__(
        self,
        base: BaseModel,
        examples: Examples,
        settings: AdapterSettings,
        *,
        measured_by: Examples | None = None,
        prior: Examples | None = None,
        words: Mapping[str, torch.Tensor] | None = None,
        team: Team | None = None,
    ) -> None:
        """Adds fresh LoRA layers to the UNet, and to the text encoder if it is trained too.

        `measured_by` are the held-out examples, `prior` those of prior preservation; each of `team` works on its
        share of every batch; `words` are learnt too, from these vectors [n, D]. Raises InvalidInputError when
        `settings.unet_targets` match none of the UNet's layers, and WrongStateError for a base model that predicts
        something else than noise or velocity.
        """
        self.step = 0
        self.losses: list[float] = []
        self.validation: list[tuple[int, float]] = []
        self.previews: list[AdapterPreview] = []
        self._team: Team = team or Alone()
        self._settings = settings
        self._examples = examples
        self._measured_by = measured_by
        self._prior = prior
        self._base = base
        self._placement = base.placement
        if (settings.train_text_encoder or words) and self._placement.memory == "offloaded":
            raise WrongStateError(
                "the text encoder, or words for it, and the UNet cannot be trained together on a GPU that holds one "
                "network at a time; set train_text_encoder to false and learn no words, or SAGGAR_MEMORY=sliced for "
                "the generator"
            )
        self._noise = NoiseSchedule.of(base)
        targets: dict[str, tuple[str, ...]] = {"unet": settings.unet_targets}
        if settings.train_text_encoder:
            targets["text_encoder"] = lora.TEXT_ENCODER_TARGETS
        lora.remove(base)
        lora.add_fresh(base, _NAME, targets, settings)
        networks = {part: getattr(base.pipeline, part) for part in targets}
        if self._placement.memory == "offloaded":  # where the moments of the optimiser will be too
            base.pipeline.unet.to(self._placement.device)
        if settings.gradient_checkpointing:
            base.pipeline.unet.enable_gradient_checkpointing()
        self._weights = {
            f"{part}.{name}": weight
            for part, network in networks.items()
            for name, weight in network.named_parameters()
            if weight.requires_grad
        }
        for weight in self._weights.values():
            weight.data = weight.data.float()  # half precision would swallow small updates
        self._words = added_words.install(base.pipeline.text_encoder, words or {})
        if self._words is not None:
            self._weights[f"{optimizing.WORDS}.vectors"] = self._words.vectors.requires_grad_()
        self._optimizer = optimizing.build(
            settings,
            {
                part: [weight for name, weight in self._weights.items() if name.startswith(f"{part}.")]
                for part in (*networks, *([optimizing.WORDS] if self._words is not None else []))
            },
        )
        needs_scaling = self._placement.precision == "float16"
        self._scaler = torch.amp.GradScaler(self._placement.kind, enabled=needs_scaling)

    @property
    def final_loss(self) -> float:
        """Mean over the last tenth of the steps."""
        last = self.losses[-max(1, len(self.losses) // 10) :]
        return sum(last) / len(last)

    def layers(self) -> lora.Lora:
        """The adapter as it is now."""
        return lora.take(self._base, _NAME)

    def words(self) -> dict[str, torch.Tensor]:
        """The vectors [n, D] of each learnt word as they are now."""
        return {} if self._words is None else self._words.of_each()

    def advance(self) -> float:
        """One optimiser step; its loss. Raises WrongStateError when loss or gradient is not finite."""
        optimizing.set_rate(self._optimizer, self.step, self._settings)
        self._optimizer.zero_grad(set_to_none=True)
        value = torch.zeros(())
        for examples, whole, count in self._batches():
            batch = whole.share(self._team.rank, self._team.size)
            with self._placement.autocast():
                errors = self._errors(examples, batch)
            total = (errors * batch.weight.to(errors.device)).sum()
            value = value.to(total.device) + total.detach() / count
            # By a whole step's rows even where a bucket had fewer: each row of an epoch counts the same.
            self._scaler.scale(total / self._per_step).backward()  # type: ignore[no-untyped-call]
        gradients = [weight.grad for weight in self._weights.values() if weight.grad is not None]
        self._team.add_up([value, *gradients])
        self._refuse_if_diverged("loss", value.item())
        self._scaler.unscale_(self._optimizer)
        norm = torch.nn.utils.clip_grad_norm_(self._weights.values(), GRADIENT_NORM)
        # A scaler leaves such a step out and goes on with half the scale, but not below 1: then it isn't the
        # scale that is to blame.
        if not self._scaler.is_enabled() or self._scaler.get_scale() <= 1:
            self._refuse_if_diverged("gradient's norm", float(norm))
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.step += 1
        self.losses.append(value.item())
        return value.item()

    @torch.no_grad()
    def measure(self) -> float | None:
        """The loss on the held-out examples (mean squared error, without weights), also kept in
        `validation`; None when there are none.
        """
        if self._measured_by is None:
            return None
        errors = []
        for alike in self._measured_by.by_size.values():
            rows = alike.repeat_interleave(held_out.LEVELS)
            clean = self._measured_by.clean(rows)
            noise, times = held_out.noise_for(clean.shape[1:], len(alike), self._noise.levels)
            noisy, target, weight = self._noise.apply(clean, noise, times, 0.0)
            whole = _Batch(noisy, target, times, self._measured_by.caption_of[rows], weight)
            for batch in whole.split(self._settings.batch_size):
                with self._placement.autocast():
                    errors.append(self._errors(self._measured_by, batch).cpu())
        value = float(torch.cat(errors).double().mean())
        self.validation.append((self.step, value))
        return value

    def checkpoint(self) -> bytes:
        """The state after the last step, as safetensors."""
        moments, plain = optimizing.state_of(self._optimizer, self._weights)
        tensors = {f"weight.{name}": weight for name, weight in self._weights.items()} | moments
        tensors["losses"] = torch.tensor(self.losses, dtype=torch.float64)
        state = {
            "step": self.step,
            "validation": self.validation,
            "previews": [asdict(preview) for preview in self.previews],
            "optimizer": plain,
            "scaler": self._scaler.state_dict(),
        }
        return checkpoint.pack(tensors, state)

    def restore(self, data: bytes) -> None:
        """Goes back to a checkpoint of an equal training. Raises DataCorruptionError when `data` is not
        one.
        """
        tensors, state = checkpoint.unpack(data)
        try:
            with torch.no_grad():
                for name, weight in self._weights.items():
                    weight.copy_(tensors[f"weight.{name}"])
            optimizing.restore(self._optimizer, self._weights, tensors, state["optimizer"])
            self.losses = tensors["losses"].tolist()
            self.validation = [(int(step), float(loss)) for step, loss in state["validation"]]
            self.previews = [_preview(one) for one in state["previews"]]
            self._scaler.load_state_dict(state["scaler"])
            self.step = int(state["step"])
        except (KeyError, TypeError, ValueError, RuntimeError, DataCorruptionError) as error:
            raise checkpoint.unreadable(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._base.pipeline.unet.disable_gradient_checkpointing()
        lora.remove(self._base)

    @property
    def _per_step(self) -> int:
        return self._settings.batch_size * self._settings.gradient_accumulation_steps

    def _batches(self) -> Iterator[tuple[Examples, _Batch, int]]:
        """This step's photographs, and as many of the base model's own pictures, if these are trained on; with each
        batch, how many of its kind are in the step.
        """
        groups = self._photographs()
        count = sum(map(len, groups))
        yield from ((self._examples, batch, count) for batch in self._drawn(self._examples, groups))
        if self._prior is not None:
            rows = self._rows(len(self._prior), "prior ")
            drawn = self._drawn(self._prior, [rows], "prior ", self._settings.prior_weight)
            yield from ((self._prior, batch, len(rows)) for batch in drawn)

    def _drawn(
        self, examples: Examples, groups: Sequence[torch.Tensor], kind: str = "", factor: float = 1.0
    ) -> Iterator[_Batch]:
        """Batches of `groups` [B each] of examples, each of one size. All is drawn for the step as a whole: however it
        is cut, it is the same. `factor`: of the loss; `kind` tells the random numbers apart.
        """
        settings = self._settings
        random, shifting, dropping = (
            generator(settings.seed, f"{kind}{name}", self.step) for name in ("step", "noise offset", "caption dropout")
        )
        for rows in groups:
            clean = examples.clean(rows)
            noise = torch.randn(clean.shape, generator=random)
            times = torch.randint(self._noise.levels, (len(rows),), generator=random)
            if settings.noise_offset:
                shift = torch.randn((*clean.shape[:2], 1, 1), generator=shifting)  # per image and channel
                noise = noise + settings.noise_offset * shift
            captions = examples.caption_of[rows]
            if settings.caption_dropout:
                captions = captions * (torch.rand(len(rows), generator=dropping) >= settings.caption_dropout)
            noisy, target, weight = self._noise.apply(clean, noise, times, settings.min_snr_gamma)
            yield from _Batch(noisy, target, times, captions, factor * weight).split(settings.batch_size)

    def _photographs(self) -> list[torch.Tensor]:
        """[B each] this step's photographs, each group of one size."""
        settings = self._settings
        if settings.framing != "buckets":
            return [self._rows(len(self._examples))]
        batches = settings.gradient_accumulation_steps
        buckets = list(self._examples.by_size.values())
        return bucket_batches(buckets, self.step * batches, batches, settings.batch_size, settings.seed)

    def _rows(self, count: int, kind: str = "") -> torch.Tensor:
        """[B] this step's of `count` examples of one size: each epoch goes through all in an order of its own."""
        size = self._per_step
        places = range(self.step * size, (self.step + 1) * size)
        orders = {
            epoch: torch.randperm(count, generator=generator(self._settings.seed, f"{kind}epoch", epoch))
            for epoch in range(places[0] // count, places[-1] // count + 1)
        }
        return torch.tensor([int(orders[place // count][place % count]) for place in places])

    def _errors(self, examples: Examples, batch: _Batch) -> torch.Tensor:
        """[B] each example's mean squared error."""
        device, dtype = self._placement.device, self._placement.dtype
        text = examples.text.embeddings(batch.captions)
        guess = self._base.pipeline.unet(
            batch.noisy.to(device, dtype),
            batch.times.to(device),
            encoder_hidden_states=text.to(device, dtype),
        ).sample
        errors: torch.Tensor = (guess.float() - batch.target.to(device)).square().mean(dim=(1, 2, 3))
        return errors

    def _refuse_if_diverged(self, what: str, value: float) -> None:
        if not math.isfinite(value):
            raise WrongStateError(
                f"the {what} is {value} at step {self.step + 1}: training has diverged; lower learning_rate "
                f"(now {self._settings.learning_rate:g}), or set SAGGAR_PRECISION=float32 for the generator "
                f"(now {self._placement.precision})"
            )


@dataclass(frozen=True, eq=False)
class _Batch:
    """Noisy latents and what the UNet should say to them [B, C, h, w]; noise levels, numbers of captions,
    and weights of the loss [B].
    """

    noisy: torch.Tensor
    target: torch.Tensor
    times: torch.Tensor
    captions: torch.Tensor
    weight: torch.Tensor

    def split(self, size: int) -> Iterator[_Batch]:
        for parts in zip(*(torch.split(field, size) for field in self._fields), strict=True):
            yield _Batch(*parts)

    def share(self, rank: int, size: int) -> _Batch:
        """That of process `rank` of `size`; where a small batch has nothing for it, an example without weight, so that
        its gradients, all 0, are those that the others have.
        """
        if rank < len(self.weight):
            return _Batch(*(field[rank::size] for field in self._fields))
        return replace(_Batch(*(field[:1] for field in self._fields)), weight=torch.zeros(1))

    @property
    def _fields(self) -> tuple[torch.Tensor, ...]:
        return self.noisy, self.target, self.times, self.captions, self.weight


def _preview(values: dict[str, Any]) -> AdapterPreview:
    return AdapterPreview(**{**values, "image": ObjectRef.from_json(values["image"])})
