"""An experiment file for a data set: commented, with values that its size calls for."""

from __future__ import annotations

from dataclasses import dataclass

from saggar.dataset.manifest import Manifest
from saggar.describing.advise import Advice, advise
from saggar.describing.describe import with_split
from saggar.errors import InvalidInputError
from saggar.taxonomy import Taxonomy, load_taxonomy, shipped_taxonomies

_PAPER_TRAINING = 5068  # photographs; the paper's thresholds are for as many
_PAPER_BELOW, _PAPER_IMAGES = 50, 1000
_FEW_TRAINING = 400  # below, heads alone are fitted, in closed form: docs/results/real-porcelain.md


@dataclass(frozen=True)
class Sized:
    """Numbers for a training split of so many photographs."""

    below: int  # threshold augmentation: combinations below are doubled up to twice this
    adapter_images: int
    batch_size: int
    seeds: tuple[int, ...]
    heads_alone: bool  # too few photographs for a backbone to learn from

    @classmethod
    def of(cls, training: int) -> Sized:
        """The paper's numbers, in proportion; more seeds where a training takes little."""
        below = min(_PAPER_BELOW, max(4, round(_PAPER_BELOW * training / _PAPER_TRAINING)))
        images = min(_PAPER_IMAGES, max(60, round(_PAPER_IMAGES * training / _PAPER_TRAINING / 20) * 20))
        few = training < _FEW_TRAINING
        return cls(
            below=below,
            adapter_images=images,
            batch_size=16 if few else 32 if training < 2000 else 64,
            seeds=(0, 1, 2, 3, 4) if not few and training < 2000 else (0, 1, 2),
            heads_alone=few,
        )


def experiment_text(dataset: str, manifest: Manifest, taxonomy: Taxonomy) -> str:
    """The file's text: valid as it is, every choice with its reason.

    Raises InvalidInputError where no task has two classes among the test photographs: there is nothing to compare.
    """
    divided, _ = with_split(manifest, 0)
    advice = advise(manifest, taxonomy)
    training = len(divided.select(split="train", origin="real"))
    test = divided.select(split="test")
    sized = Sized.of(training)
    lacking = [task for task in taxonomy.task_names if test.labels(task).dropna().nunique() < 2]
    taken = [task for task in taxonomy.task_names if task not in lacking]
    if not taken:
        found = ", ".join(f"{task} {_met(manifest, test, task)}" for task in lacking)
        raise InvalidInputError(
            f"data set {dataset} has nothing that an experiment could tell apart, for that takes two classes of a task "
            f"among the test photographs ({found}): import photographs of more classes, or more of them"
        )
    if taxonomy.id in shipped_taxonomies():  # narrowed to the data set's tasks, where the file names the whole
        lacking += [task for task in load_taxonomy(taxonomy.id).task_names if task not in taxonomy.task_names]
    lines = [
        "# Does synthetic data help here, for which attribute, and by how much? Written by `saggar experiment init`:",
        f"# values for {training:,} training and {len(test):,} test photographs. Change what you know better.",
        *_shown(advice),
        "name: my-collection  # begins the experiment's id",
        "title: My collection  # heads the report",
        f"taxonomy: {taxonomy.id}",
        *_tasks(taken, lacking),
        "data:",
        f"  dataset: {dataset}",
        f"  split_seed: {advice.split_seed}  # equal seeds give equal splits; objects are never divided",
        f"seeds: [{', '.join(map(str, sized.seeds))}]  # one training each, in every arm; fewer than 3: no verdict",
        "base_model: nano  # for trying out; for research stable-diffusion-v1-5/stable-diffusion-v1-5, or a folder",
        *_augmentation(sized),
        "adapter:",
        f"  images: {sized.adapter_images}  # photographs that the generator learns from (paper: 1,000)",
        "  steps: 250  # with Stable Diffusion: 1000, batch_size 4, learning_rate 1.0e-4",
        "  batch_size: 8",
        "  learning_rate: 1.0e-3",
        "generation:",
        "  seed: 1",
        "  adapter_weight: 0.8  # nano needs more of the adapter than Stable Diffusion, whose 0.4 is the paper's",
        "plan:",
        "  rarest: 9  # so many of the rarest combinations, each of at most so many training photographs",
        "  rarest_at_most: 5",
        "  most_confused: 4  # pairs of classes that the baseline takes for one another on validation photographs",
        "screening:",
        "  report_only: [calibrated]  # nano's rough pictures: counted, not rejected; remove it with Stable Diffusion",
        "review:",
        "  policy: none  # `sample` or `all`: the experiment waits until people have judged (`saggar review`)",
        "training:",
        "  architecture: mobilenet_v3_large",
        "  initial_weights: imagenet  # downloaded once; or `random`, or `file` and initial_weights_path",
        f"  batch_size: {sized.batch_size}",
        *learning_lines(sized),
        *_weights(advice, taken),
        "arms:  # the training sets to compare; exactly one without synthetic images",
        "  - name: baseline",
        '  - name: "95:5"',
        "    synthetic: {share: 0.05}  # of the final training set",
        '  - name: "90:10"',
        "    synthetic: {share: 0.10}",
    ]
    return "\n".join(lines) + "\n"


def _augmentation(sized: Sized) -> list[str]:
    """Heads that are fitted in closed form learn from photographs and their mirror images; copies would add nothing."""
    if sized.heads_alone:
        return []
    return [f"augmentation: {{below: {sized.below}, to: {2 * sized.below}}}  # paper: 50 and 100 for 5,068 photographs"]


def learning_lines(sized: Sized) -> list[str]:
    if not sized.heads_alone:
        return [
            "  max_epochs: 50",
            "  patience_epochs: 10",
            '  sampler_task: ""  # a task whose rare classes are drawn more often; the paper: glaze',
        ]
    return [
        "  # So few photographs teach a backbone little but luck: it stays as ImageNet left it, and heads are fitted",
        "  # to its features in closed form, the same whatever the seed. For more photographs, leave out these lines.",
        "  image_size_px: 288",
        "  backbone_learning_rate: 0",
        "  max_epochs: 1",
        "  projection: false",
        "  retrain_heads: all  # synthetic images teach too; `real`: photographs alone",
        "  head_fit: discriminant",
        "  validation_teaches_heads: true  # it is scored by heads that have not seen the photograph",
    ]


def _shown(advice: Advice) -> list[str]:
    """What so many test objects can show, per task."""
    least = {task.task: task.smallest_difference for task in advice.tasks}
    shown = [f"{task} {100 * difference:.0f} points" for task, difference in least.items() if difference is not None]
    too_few = [task for task, difference in least.items() if difference is None]
    lines = []
    if shown:
        lines.append(f"# Smallest difference in accuracy that one training shows: {', '.join(shown)}.")
    if too_few:
        lines.append(f"# Too few test photographs to show any difference in accuracy: {', '.join(too_few)}.")
    return lines


def _met(manifest: Manifest, test: Manifest, task: str) -> str:
    classes, tested = (one.labels(task).dropna().unique() for one in (manifest, test))
    return f"has {len(classes)}, of which {len(tested)} tested"


def _tasks(taken: list[str], lacking: list[str]) -> list[str]:
    """Tasks with one class or none are left out: nothing can be learnt of them, and nothing measured."""
    if not lacking:
        return []
    return [f"tasks: [{', '.join(taken)}]  # without {', '.join(lacking)}: fewer than two classes to test"]


def _weights(advice: Advice, taken: list[str]) -> list[str]:
    apart = [task.task for task in advice.tasks if task.verdict == "leave out" and task.task in taken]
    if not apart:
        return []
    weights = ", ".join(f"{task}: 0" for task in apart)
    return [f"  synthetic_task_weights: {{{weights}}}  # what rests on the surface is learnt from photographs alone"]
