"""The experiment file: what to train on what, with which seeds, and which arms to compare.

`parse_experiment` reads it; every problem is named with file, line and key.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from saggar.errors import FieldViolation, InvalidInputError, NotFoundError, SaggarError
from saggar.files.yamlfile import parse_yaml
from saggar.prompts import NEGATIVE_PROMPT
from saggar.reject_reasons import CALIBRATED_REASONS, Reason
from saggar.taxonomy import Taxonomy, load_taxonomy
from saggar.webui.prompt_syntax import parse_negative_prompt
from saggar.webui.scheduler_names import canonical

from saggar_orchestrator.experiment.base_model_name import with_absolute_path

# Settings of `Generation` that decide the plan; the generator is not told of them.
PLANNING = frozenset({"seed", "negative_prompt", "keep_cracked", "photograph_strength", "photograph_task"})


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Kilnsim(_Part):
    """A procedural collection, drawn instead of read: `count` objects from `seed`, `size_px` a side.

    The experiment's taxonomy says which classes: those of `kilnsim`, of `song-yuan-porcelain`, or fewer.
    """

    count: int = Field(ge=20, le=100_000)
    seed: int = Field(0, ge=0)
    size_px: int = Field(96, ge=32, le=1024)


class Data(_Part):
    """Where the photographs come from: a data set of the store, a folder with a CSV of labels, or kilnsim."""

    dataset: str | None = Field(None, pattern=r"^[0-9a-f]{16}$")  # as `saggar data import` prints it
    images: str | None = None  # folder that the CSV's file names start from
    labels: str | None = None  # the CSV
    where: dict[str, list[str]] = Field(default_factory=dict)  # keep only rows with these labels, per task
    kilnsim: Kilnsim | None = None
    split_seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _one_source(self) -> Data:
        given = (self.dataset is not None, bool(self.images or self.labels), self.kilnsim is not None)
        if sum(given) > 1:
            raise ValueError("give only one of dataset, images with labels, and kilnsim")
        if not any(given) or (given[1] and not (self.images and self.labels)):
            raise ValueError("name the photographs: dataset (an id), images (a folder) and labels (a CSV), or kilnsim")
        if any(not codes for codes in self.where.values()):
            raise ValueError("where: a task without classes would keep nothing; remove it or name classes")
        return self


class Augmentation(_Part):
    """Classical augmentation of rare training combinations (paper: below 50 samples, to 100)."""

    below: int = Field(50, ge=1)
    to: int = Field(100, ge=1)
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _grows(self) -> Augmentation:
        if self.to < self.below:
            raise ValueError(f"to ({self.to}) must be at least below ({self.below})")
        return self


class Training(_Part):
    """Settings of the classifier's training; what is left out takes the trainer's default."""

    architecture: Literal["mobilenet_v3_large", "mobilenet_v3_large_minimalistic"] | None = None
    initial_weights: Literal["imagenet", "file", "random"] = "imagenet"
    initial_weights_path: str | None = None
    image_size_px: int | None = Field(None, ge=32, le=1024)
    batch_size: int | None = Field(None, ge=2)
    max_epochs: int | None = Field(None, ge=1)
    patience_epochs: int | None = Field(None, ge=1)
    backbone_learning_rate: float | None = Field(None, gt=0)
    head_learning_rate: float | None = Field(None, gt=0)
    weight_decay: float | None = Field(None, ge=0)
    dropout: float | None = Field(None, ge=0, lt=1)
    gradient_clip_norm: float | None = Field(None, ge=0)
    class_weight_beta: float | None = Field(None, ge=0, lt=1)
    class_weight_cap: float | None = Field(None, gt=0)
    sampler_task: str = ""
    task_weights: dict[str, float] = Field(default_factory=dict)
    projection: bool | None = None
    cosine_schedule: bool | None = None
    balance_from_real_only: bool | None = None
    synthetic_task_weights: dict[str, float] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _weights_named(self) -> Training:
        if (self.initial_weights == "file") != (self.initial_weights_path is not None):
            raise ValueError("initial_weights: file and initial_weights_path belong together; give both or neither")
        for task, weight in self.synthetic_task_weights.items():
            if not 0 <= weight <= 1:
                raise ValueError(f"synthetic_task_weights.{task} is {weight}; it must lie between 0 and 1")
        return self


class Adapter(_Part):
    """Settings of the LoRA adapter's training; `images` photographs are shown to it (paper: 1,000). What is
    left out takes the generator's default.
    """

    images: int = Field(1000, ge=1)
    selection_seed: int = Field(0, ge=0)
    tasks: tuple[str, ...] = ()  # that captions speak of, [type] for an adapter of forms; empty: all
    rank: int | None = Field(None, ge=1)
    alpha: int | None = Field(None, ge=1)
    steps: int | None = Field(None, ge=1)
    batch_size: int | None = Field(None, ge=1)
    learning_rate: float | None = Field(None, gt=0)
    resolution_px: int | None = Field(None, ge=16)
    framing: Literal["crop", "pad"] | None = None  # pad: photographs that are not square stay whole
    seed: int | None = None
    checkpoint_every_steps: int | None = Field(None, ge=1)
    clip_skip: int | None = Field(None, ge=0)
    min_snr_gamma: float | None = Field(None, ge=0)
    unet_targets: tuple[str, ...] = ()  # endings of layers' names; empty: the generator's SAGGAR_LORA_TARGETS
    train_text_encoder: bool | None = None
    text_encoder_learning_rate: float | None = Field(None, gt=0)
    optimizer: Literal["adamw", "adamw8bit"] | None = None
    learning_rate_schedule: Literal["constant", "linear", "cosine"] | None = None
    warm_up_steps: int | None = Field(None, ge=0)
    gradient_accumulation_steps: int | None = Field(None, ge=1)
    gradient_checkpointing: bool | None = None
    noise_offset: float | None = Field(None, ge=0, le=1)
    caption_dropout: float | None = Field(None, ge=0, le=1)
    validation_share: float | None = Field(None, ge=0, le=0.5)  # of these photographs, by object
    validation_every_steps: int | None = Field(None, ge=1)
    preview_every_steps: int | None = Field(None, ge=0)
    preview_prompts: tuple[str, ...] = Field((), max_length=8)
    licence: str | None = None  # what the adapter may be used for

    @model_validator(mode="after")
    def _rate_is_used(self) -> Adapter:
        if self.text_encoder_learning_rate is not None and not self.train_text_encoder:
            raise ValueError("text_encoder_learning_rate needs train_text_encoder: true")
        return self


class Generation(_Part):
    """How images are sampled; what is left out takes the generator's default."""

    seed: int = Field(0, ge=0)
    shard_size: int = Field(32, ge=1)  # prompts per call: what a dying replica costs
    steps: int | None = Field(None, ge=1)
    guidance_scale: float | None = Field(None, ge=0)
    clip_skip: int | None = Field(None, ge=0)
    scheduler: str | None = None
    width_px: int | None = Field(None, ge=16)
    height_px: int | None = Field(None, ge=16)
    adapter_weight: float | None = Field(None, ge=0, le=2)
    further_adapters: dict[str, float] = Field(default_factory=dict)  # of the store: id -> weight
    batch_size: int | None = Field(None, ge=1)
    # Start from training photographs with the same label of photograph_task, of which this much gives way
    photograph_strength: float | None = Field(None, gt=0, le=1)  # left out: start from noise
    photograph_task: str = ""  # left out: the glaze
    negative_prompt: str | None = None  # left out: the paper's words
    keep_cracked: bool = False  # in the negative prompt of crackled wares too

    @field_validator("scheduler")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        try:
            return None if name is None else canonical(name)
        except InvalidInputError as error:
            raise ValueError(str(error)) from None

    @field_validator("negative_prompt")
    @classmethod
    def _plain(cls, text: str | None) -> str | None:
        try:
            parse_negative_prompt(text or "")
        except InvalidInputError as error:
            raise ValueError(str(error)) from None
        return text

    @property
    def avoided(self) -> str:
        """The negative prompt, before "cracked" is left out for crackled wares."""
        return NEGATIVE_PROMPT if self.negative_prompt is None else self.negative_prompt


class Pair(_Part):
    """Two classes of one task that are mistaken for one another, within fixed other labels."""

    task: str
    codes: tuple[str, str]
    labels: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _differ(self) -> Pair:
        if self.codes[0] == self.codes[1]:
            raise ValueError(f"a pair needs two different classes, not '{self.codes[0]}' twice")
        if self.task in self.labels:
            raise ValueError(f"labels fixes {self.task}, which is what the pair varies; remove it")
        return self


class Plan(_Part):
    """Which synthetic images are wanted: rare combinations and confusion pairs, named or found in the data.

    Both are found in training and validation images only; the test split has no say.
    """

    rarest: int = Field(9, ge=0)  # this many rarest combinations of the training split (paper: 9)
    rarest_at_most: int = Field(5, ge=1)  # only those with at most so many training photographs
    combinations: tuple[dict[str, str], ...] = ()  # named instead of found
    most_confused: int = Field(4, ge=0)  # this many pairs that the baseline confuses on validation (paper: 4)
    pairs: tuple[Pair, ...] = ()  # named, before the ones that are found
    pair_tasks: tuple[str, ...] = ()  # tasks in which pairs are looked for; empty: all
    pair_share: float = Field(0.2, ge=0, lt=1)  # of an arm's images; paper: 120 / 570
    spare_share: float = Field(0.15, ge=0, le=2)  # images beyond the arm's count, for those that screening rejects
    top_up_rounds: int = Field(2, ge=0, le=20)  # how often more are made where too few were accepted


class Synthetic(_Part):
    """How many synthetic images an arm takes: a count, a share of the final training set, or counts per
    target.
    """

    count: int | None = Field(None, ge=1)
    share: float | None = Field(None, gt=0, lt=1)
    per_combination: int | None = Field(None, ge=0)
    per_pair: int | None = Field(None, ge=0)
    pairs: int | None = Field(None, ge=0)  # how many of the plan's pairs this arm uses; all by default

    @model_validator(mode="after")
    def _one_measure(self) -> Synthetic:
        given = [self.count is not None, self.share is not None, self.per_combination is not None]
        if sum(given) != 1:
            raise ValueError("give exactly one of count, share, or per_combination (with per_pair)")
        if self.per_pair is not None and self.per_combination is None:
            raise ValueError("per_pair goes with per_combination")
        return self


class Arm(_Part):
    """One training set to compare; without `synthetic` it is the baseline."""

    name: str = Field(min_length=1, max_length=40, pattern=r"^[^/\s][^/]*$")
    synthetic: Synthetic | None = None


class Screening(_Part):
    """Automatic quality control; what is left out takes the qc service's default."""

    inception_weights_path: str | None = None  # default extractor: the baseline classifier's backbone
    min_side_px: int | None = Field(None, ge=1)
    min_luminance_sd: float | None = Field(None, ge=0)
    min_entropy_bits: float | None = Field(None, ge=0)
    min_relative_sharpness: float | None = Field(None, ge=0)
    duplicate_distance_bits: int | None = Field(None, ge=0, le=64)
    min_intended_probability: float | None = Field(None, ge=0, le=1)
    trimmed_share: float | None = Field(None, ge=0, le=0.5)
    report_only: tuple[str, ...] = ()  # reasons that reject nothing; "calibrated": all that photographs set
    kid_resamples: int | None = Field(None, ge=1)

    @field_validator("report_only")
    @classmethod
    def _known_reasons(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        known = [CALIBRATED_REASONS, *Reason]
        if strange := [name for name in names if name not in known]:
            raise ValueError(f"no reason '{strange[0]}'; known: {', '.join(known)}")
        return names


class Review(_Part):
    """Review by people of what passed the screening; the experiment waits for it."""

    policy: Literal["none", "sample", "all"] = "none"
    sample_size: int | None = Field(None, ge=1)  # with policy "sample"
    least_pass_rate: float | None = Field(None, ge=0, le=1)  # of a sample: else the whole set is rejected
    double_share: float | None = Field(None, ge=0, le=1)  # of the images, judged blind by two people
    controls: int | None = Field(None, ge=0)  # of each kind, to score reviewers
    maskable_tasks: tuple[str, ...] = ("glaze",)  # judged wrong alone, the label becomes unknown


class Experiment(_Part):
    """An experiment file. One split for all (data.split_seed); one training per arm and per seed."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    title: str = ""
    taxonomy: str  # a shipped one by id, or a path
    tasks: tuple[str, ...] = ()  # of the taxonomy; empty: all
    data: Data
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    base_model: str = "nano"
    augmentation: Augmentation | None = None
    adapter: Adapter = Adapter.model_validate({})
    generation: Generation = Generation.model_validate({})
    plan: Plan = Plan.model_validate({})
    screening: Screening = Screening.model_validate({})
    review: Review = Review.model_validate({})
    training: Training = Training.model_validate({})
    arms: tuple[Arm, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _arms_compare(self) -> Experiment:
        names = [arm.name for arm in self.arms]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"arm names stand twice: {', '.join(twice)}; each arm needs its own")
        bare = [arm.name for arm in self.arms if arm.synthetic is None]
        if len(bare) != 1:
            said = f"{len(bare)} have none ({', '.join(bare)})" if bare else "every arm has synthetic"
            raise ValueError(f"exactly one arm must have no synthetic images, as the baseline; {said}")
        if self.tasks and self.data.kilnsim is not None:
            raise ValueError("tasks: kilnsim labels its drawings in all tasks of the taxonomy; remove tasks")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("seeds: a seed stands twice; it would repeat the same training")
        return self

    @property
    def baseline(self) -> Arm:
        return next(arm for arm in self.arms if arm.synthetic is None)

    @property
    def synthetic_arms(self) -> tuple[Arm, ...]:
        return tuple(arm for arm in self.arms if arm.synthetic is not None)


def parse_experiment(text: str, source: str, base: Path) -> tuple[Experiment, Taxonomy]:
    """The experiment in `text` and its taxonomy; `base` is the folder that relative paths start from.

    Raises InvalidInputError: one violation per problem, with line and key; NotFoundError for a missing file.
    """
    experiment = parse_yaml(text, Experiment, source)
    try:
        taxonomy = load_taxonomy(_taxonomy_name(experiment.taxonomy, base))
    except NotFoundError as error:
        raise NotFoundError(f"{source}:{_line(text, ('taxonomy',))} taxonomy: {error}", error.name) from None
    if unknown := [name for name in experiment.tasks if name not in taxonomy.task_names]:
        raise InvalidInputError(
            f"{source}:{_line(text, ('tasks',))} tasks: taxonomy {taxonomy.id} has no "
            f"{', '.join(unknown)}; known: {', '.join(taxonomy.task_names)}"
        )
    taxonomy = taxonomy.narrowed(experiment.tasks or taxonomy.task_names)
    problems = [
        FieldViolation(f":{_line(text, location)} {'.'.join(map(str, location))}", description)
        for location, description in _against_taxonomy(experiment, taxonomy)
    ]
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "\n".join(f"  {source}{p.field}: {p.description}" for p in problems)
        raise InvalidInputError(f"{source}: {count}:\n{lines}", tuple(problems))
    return experiment, taxonomy


def resolve_paths(experiment: Experiment, base: Path) -> Experiment:
    """`experiment` with every relative path made absolute, starting from `base`."""

    def absolute(path: str | None) -> str | None:
        return None if path is None else str((base / Path(path).expanduser()).resolve())

    def copy(part: _Part, *names: str) -> Any:
        return part.model_copy(update={name: absolute(getattr(part, name)) for name in names})

    return experiment.model_copy(
        update={
            "data": copy(experiment.data, "images", "labels"),
            "training": copy(experiment.training, "initial_weights_path"),
            "screening": copy(experiment.screening, "inception_weights_path"),
            "taxonomy": _taxonomy_name(experiment.taxonomy, base),
            "base_model": with_absolute_path(experiment.base_model, base),
        }
    )


def digest(value: Any) -> str:
    """SHA-256, in hexadecimal, of `value` as JSON with sorted keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _taxonomy_name(name: str, base: Path) -> str:
    is_path = name.endswith((".yaml", ".yml")) or "/" in name
    return str((base / name).resolve()) if is_path else name


def _against_taxonomy(experiment: Experiment, taxonomy: Taxonomy) -> list[tuple[tuple[Any, ...], str]]:
    """(location in the file, what is wrong there) of every task and class that the taxonomy lacks."""
    data, plan, training = experiment.data, experiment.plan, experiment.training
    photographs = experiment.generation
    used: list[tuple[tuple[Any, ...], str, tuple[str, ...]]] = []  # location, task, codes
    for task, codes in data.where.items():
        used.append((("data", "where", task), task, tuple(codes)))
    for number, combination in enumerate(plan.combinations):
        for task, code in combination.items():
            used.append((("plan", "combinations", number, task), task, (code,)))
    for number, pair in enumerate(plan.pairs):
        used.append((("plan", "pairs", number, "task"), pair.task, pair.codes))
        for task, code in pair.labels.items():
            used.append((("plan", "pairs", number, "labels", task), task, (code,)))
    used += [(("plan", "pair_tasks"), task, ()) for task in plan.pair_tasks]
    used += [(("training", "sampler_task"), task, ()) for task in [training.sampler_task] if task]
    used += [(("training", "task_weights", task), task, ()) for task in training.task_weights]
    used += [(("adapter", "tasks"), task, ()) for task in experiment.adapter.tasks]
    used += [(("generation", "photograph_task"), task, ()) for task in [photographs.photograph_task] if task]
    used += [(("training", "synthetic_task_weights", task), task, ()) for task in training.synthetic_task_weights]
    problems = [(location, problem) for location, task, codes in used for problem in _unknown(taxonomy, task, codes)]
    return problems + _beyond_kilnsim(data, taxonomy)


def _beyond_kilnsim(data: Data, taxonomy: Taxonomy) -> list[tuple[tuple[Any, ...], str]]:
    if data.kilnsim is None:
        return []
    from saggar.kilnsim import classes_of

    try:
        classes_of(taxonomy)
    except InvalidInputError as error:
        return [(("taxonomy",), str(error))]
    return []


def _unknown(taxonomy: Taxonomy, task: str, codes: tuple[str, ...]) -> list[str]:
    if task not in taxonomy.task_names:
        return [f"unknown task '{task}'; known: {', '.join(taxonomy.task_names)}"]
    problems = []
    for code in codes:
        try:
            taxonomy.task(task).index(code)
        except SaggarError as error:
            problems.append(str(error))
    return problems


def _line(text: str, location: tuple[Any, ...]) -> int:
    """The line, from 1, of the deepest YAML node along `location`."""
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    line = 1
    for step in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if k.value == str(step)), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1
    return line
