"""What tests of generated images share: prompts for the tiny pipeline, and the calls of a job."""

import threading

from saggar.job_settings.adapter import AdapterSettings
from saggar.job_settings.generation import GenerationSettings
from saggar.progress import Work
from saggar.store import DirectoryStore
from saggar_generator.images.generation_job import generate
from saggar_generator.requests import AdapterUse, GenerationRequest, ImageRequest, PromptItem, TrainingRequest
from saggar_generator.training.adapter_job import train_adapter
from tiny_pipeline import training_manifest

SETTINGS = GenerationSettings(steps=3)
TRAINING = AdapterSettings(
    rank=2,
    alpha=4,
    steps=6,
    batch_size=4,
    learning_rate=1e-2,
    seed=3,
    checkpoint_every_steps=2,
)
PROMPTS = [
    ImageRequest("song dynasty , ding kiln produced , white bowl", "low quality , cracked", 11),
    ImageRequest("yuan dynasty , celadon vase", "low quality", 12),
    ImageRequest("white cup", "blurry", 13),
    ImageRequest("moon white vase with thick opaque glaze", "low quality , cracked", 14),
    ImageRequest("white cup", "blurry", 15),
]
ITEMS = [PromptItem(f"p{number}", request) for number, request in enumerate(PROMPTS)]


def run(
    store,
    models,
    folder,
    items=ITEMS,
    *,
    uses=(),
    settings=SETTINGS,
    batch_size=0,
    on_image=None,
    cancelled=None,
    signer=None,
):
    return generate(
        store,
        models,
        GenerationRequest(str(folder), items, uses, settings.with_values(batch_size=batch_size)),
        Work(cancelled=cancelled or threading.Event()),
        on_image or (lambda _: None),
        signer=signer,
    )


def use(ref, weight=1.0, name="glaze"):
    return AdapterUse(name, ref, weight)


def train(store: DirectoryStore, models, folder, **changes):
    """The reference of an adapter."""
    settings = AdapterSettings(**{"rank": 2, "alpha": 4, "steps": 4, "learning_rate": 5e-2} | changes)
    request = TrainingRequest(str(folder), training_manifest(store), settings)
    return train_adapter(store, models, request, Work()).adapter
