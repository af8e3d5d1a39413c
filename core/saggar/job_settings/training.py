"""How a classifier is trained. Defaults are the paper's and its authors' code's."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from saggar.errors import FieldViolation, refuse
from saggar.files.yamlfile import ProblemAt
from saggar.job_settings.declared import LEFT_OUT, JobSettings
from saggar.taxonomy import Taxonomy

LARGEST_SEED = 2**63 - 1
MINIMALISTIC = "mobilenet_v3_large_minimalistic"

Weight = Annotated[float, Field(ge=0, le=1e6)]
Share = Annotated[float, Field(ge=0, le=1)]


class TrainingSettings(JobSettings):
    """Settings of one training of a classifier."""

    architecture: Literal["mobilenet_v3_large", "mobilenet_v3_large_minimalistic"] = Field(
        default="mobilenet_v3_large", description="Backbone"
    )
    initial_weights: Literal["imagenet", "file", "random"] = Field(
        default="imagenet",
        description="Where the backbone's first weights come from: torchvision's ImageNet weights, a safetensors file "
        "(`initial_weights_path`), or chance, which costs accuracy and is said in every result",
    )
    initial_weights_path: str = Field(
        default="", description="Path of a safetensors file on the trainer's machine, with `initial_weights: file`"
    )
    image_size_px: int = Field(default=224, ge=32, le=1024, description="Side of the square input in pixels")
    batch_size: int = Field(default=64, ge=2, le=65_536, description="Images per step; batch normalisation needs two")
    max_epochs: int = Field(default=50, ge=1, le=100_000, description="Most epochs")
    patience_epochs: int = Field(
        default=10, ge=1, le=100_000, description="Epochs without a better validation score before training stops"
    )
    backbone_learning_rate: float = Field(
        default=1e-4, ge=0, le=10, description="Learning rate of the backbone at the start; 0 freezes it"
    )
    head_learning_rate: float = Field(default=1e-3, ge=0, le=10, description="Learning rate of the heads at the start")
    weight_decay: float = Field(default=1e-5, ge=0, le=10, description="AdamW's weight decay")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="Share of features left out before the heads")
    gradient_clip_norm: float = Field(
        default=1.0, ge=0, le=1e6, description="Largest norm of the gradient; 0 turns clipping off"
    )
    class_weight_beta: float = Field(
        default=0.999,
        ge=0,
        lt=1,
        description="Beta of effective-number class weights (Cui et al. 2019, doi:10.1109/CVPR.2019.00949); 0 turns "
        "class weights off",
    )
    class_weight_cap: float = Field(default=10.0, ge=1, le=1e6, description="Largest class weight")
    sampler: Literal["task", "combination"] = Field(
        default="task",
        description="What the weighted sampler balances: the classes of `sampler_task`, or the combinations of the "
        "labels of `sampler_tasks`",
    )
    sampler_task: str = Field(
        default="", description="Task whose classes are drawn alike with `sampler: task`; empty turns that sampler off"
    )
    sampler_tasks: tuple[str, ...] = Field(
        default=(),
        description="Tasks whose combinations are balanced with `sampler: combination`",
        json_schema_extra={LEFT_OUT: "all tasks"},
    )
    sampler_power: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Rows are drawn in proportion to 1 / n^power, n being how many share their class or combination",
        json_schema_extra={LEFT_OUT: "1 for a task, as in the authors' code, 0.5 for combinations, as in the paper"},
    )
    mix_batches: bool = Field(
        default=False,
        description="Whether the combinations of `sampler_tasks` are spread evenly over an epoch's batches",
    )
    steps_per_epoch: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="Batches per epoch, so that arms with more rows train no longer; 0: as many as the rows fill once",
    )
    logit_adjustment: Literal["off", "loss", "after"] = Field(
        default="off",
        description="Logit adjustment (Menon et al. 2021, arXiv:2007.07314), in the training loss or after training; "
        "class weights are then off, and tasks that `task_weights` does not name weigh 1",
    )
    logit_adjustment_tau: float | None = Field(
        default=None,
        ge=0,
        le=3,
        description="How much of the log prior is adjusted for",
        json_schema_extra={LEFT_OUT: "chosen per task on the validation split"},
    )
    task_weights: dict[str, Weight] = Field(
        default_factory=dict,
        description="Weight of each task's loss; a task that is not named takes the taxonomy's",
        json_schema_extra={"left_out": "the taxonomy's"},
    )
    seed: int = Field(
        default=0, ge=0, le=LARGEST_SEED, description="Seed of the heads' first weights, order and augmentation"
    )
    projection: bool = Field(
        default=True,
        description="Whether Linear 512 - ReLU - Dropout - Linear 256 - ReLU - Dropout stand before the heads, as in "
        "the authors' code",
    )
    cosine_schedule: bool = Field(
        default=True, description="Whether the learning rates fall to 1e-6, along a cosine over the epochs"
    )
    warm_up_epochs: float = Field(
        default=0, ge=0, le=1000, description="Epochs over which the learning rates rise from 0"
    )
    label_smoothing: float = Field(
        default=0, ge=0, lt=1, description="Share of each label that is spread over all classes"
    )
    mixup: float = Field(
        default=0,
        ge=0,
        le=10,
        description="Alpha of mixup (arXiv:1710.09412): images and losses are mixed in pairs; 0: off",
    )
    hue_jitter: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description="Share of the colour circle by which hues are turned, either way, in training",
    )
    random_downscale: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Half of all training views are scaled down by up to this factor and up again, so that softness "
        "does not tell synthetic from real; 1: off",
    )
    framing: Literal["crop", "pad", "stretch"] = Field(
        default="crop",
        description="How photographs become squares, in training, evaluation, screening and serving: cut to the "
        "middle, kept whole on a ground of their border's colour, or squeezed",
    )
    weight_averaging: Literal["none", "ema", "swa"] = Field(
        default="none",
        description="Which weights are validated and kept: the last step's, an exponential moving average, or the mean "
        "over the second half's epochs; batch statistics are re-estimated",
    )
    ema_decay: float = Field(default=0.998, ge=0, lt=1, description="Decay per step with `weight_averaging: ema`")
    balance_from_real_only: bool = Field(
        default=False,
        description="Whether real images alone decide class weights and how often the sampler draws a label; synthetic "
        "rows share in that",
    )
    synthetic_task_weights: dict[str, Share] = Field(
        default_factory=dict,
        description="Weight of synthetic images in a task's loss: 0 masks the task; a task that is not named takes 1",
        json_schema_extra={"left_out": "1 for every task"},
    )
    synthetic_loss_weight: float = Field(
        default=1, ge=0, le=1, description="Weight of synthetic images in the loss of all tasks, times that of the task"
    )
    curriculum: Literal["none", "synthetic_fades"] = Field(
        default="none",
        description="Whether synthetic images fade out of the draws, along a line from all in the first epoch to none "
        "in the last",
    )
    real_only_last_epochs: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="Epochs at the end without synthetic images; the weights are chosen among them",
    )
    batch_norm: Literal["all", "real"] = Field(
        default="all",
        description="Which training images the batch statistics are of: all, as training goes, or real ones, "
        "re-estimated at the end",
    )
    retrain_heads: Literal["none", "real", "all"] = Field(
        default="none",
        description="Whether the heads are fitted anew at the end, on features of real training images, or of "
        "synthetic ones too (`all`), all classes alike, with the backbone frozen",
    )
    head_fit: Literal["logistic", "discriminant"] = Field(
        default="logistic",
        description="How heads are fitted anew: logistic regression whose penalty the validation split chooses, or, "
        "for a few hundred photographs, a linear discriminant with a shrunk covariance",
    )
    head_shrinkage: float = Field(
        default=0.5, gt=0, le=1, description="Share of the discriminant's covariance that its mean variance replaces"
    )
    validation_teaches_heads: bool = Field(
        default=False,
        description="Whether the discriminant learns from the validation split too; what is said of that split then "
        "comes from heads, in folds by object, that have not seen the photograph",
    )

    neighbours: Literal["photographs", "none"] = Field(
        default="photographs",
        description="Whether the bundle keeps features, object ids, labels and credit lines of the real training "
        "photographs, so that an answer can show the pieces that are most alike; `none` where these must not leave "
        "with the model",
    )
    reduced_precision: Literal["none", "int8"] = Field(
        default="none",
        description="Whether the bundle gets a second network in 8 bits, calibrated on training photographs; it is "
        "kept only where the 95 % interval of how far macro-F1 falls on validation, over objects, ends below two "
        "points",
    )

    ensemble: int = Field(
        default=1,
        ge=1,
        le=8,
        description="Networks, of seeds drawn from `seed`, that are trained one after the other and exported as one "
        "whose logits are the mean of theirs; training and every answer take so many times as long",
    )

    @model_validator(mode="after")
    def _settings_fit(self) -> Self:
        if self.initial_weights == "file" and not self.initial_weights_path:
            raise ProblemAt(("initial_weights_path",), "is empty; name a .safetensors file")
        if self.initial_weights != "file" and self.initial_weights_path:
            raise ProblemAt(
                ("initial_weights_path",), "is given, so initial_weights must be `file`; set it, or remove the path"
            )
        if self.validation_teaches_heads and (self.retrain_heads == "none" or self.head_fit == "logistic"):
            raise ProblemAt(
                ("validation_teaches_heads",), "needs head_fit: discriminant, and retrain_heads: real or all; set both"
            )
        if self.ensemble > 1 and self.projection:
            raise ProblemAt(("ensemble",), "is more than 1, which needs projection: false; set it, or take 1")
        if self.ensemble > 1 and self.backbone_learning_rate == 0:
            raise ProblemAt(
                ("ensemble",),
                "is more than 1, but networks whose backbone does not learn see alike; take 1, or let it learn",
            )
        if self.initial_weights == "imagenet" and self.architecture == MINIMALISTIC:
            raise ProblemAt(
                ("initial_weights",),
                f"torchvision has no ImageNet weights of {MINIMALISTIC}; use `file` with a path, or `random`",
            )
        return self

    def check_tasks(self, taxonomy: Taxonomy) -> None:
        """Raises InvalidInputError when a setting names an unknown task, or no task has any weight."""
        wrong = [FieldViolation(f"settings.{name}", problem) for name, problem in self.task_problems(taxonomy)]
        refuse(wrong)

    def task_problems(self, taxonomy: Taxonomy) -> list[tuple[str, str]]:
        """(setting, what is wrong) of every setting that `taxonomy` does not fit."""
        known = ", ".join(taxonomy.task_names)
        named = [("sampler_task", self.sampler_task)] if self.sampler_task else []
        named += [("sampler_tasks", task) for task in self.sampler_tasks]
        named += [("task_weights", task) for task in self.task_weights]
        named += [("synthetic_task_weights", task) for task in self.synthetic_task_weights]
        wrong = [
            (setting, f"no task '{task}' in taxonomy {taxonomy.id}; known: {known}")
            for setting, task in named
            if task not in taxonomy.task_names
        ]
        if not any(self.task_weights.get(task.name, task.weight) > 0 for task in taxonomy.tasks):
            wrong.append(("task_weights", "all are 0; give at least one task a weight"))
        return wrong
