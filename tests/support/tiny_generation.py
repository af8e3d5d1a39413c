"""What tests of generated images share: prompts for the tiny pipeline, and the calls of a job."""

import threading

from saggar.job_settings.adapter import AdapterSettings
from saggar.job_settings.generation import GenerationSettings
from saggar.store import DirectoryStore
from saggar_generator.images.generation_job import generate
from saggar_generator.requests import AdapterUse, PromptItem, Wanted
from saggar_generator.settings import ATTENTION
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
    Wanted("song dynasty , ding kiln produced , white bowl", "low quality , cracked", 11),
    Wanted("yuan dynasty , celadon vase", "low quality", 12),
    Wanted("white cup", "blurry", 13),
    Wanted("moon white vase with thick opaque glaze", "low quality , cracked", 14),
    Wanted("white cup", "blurry", 15),
]
ITEMS = [PromptItem(f"p{number}", wanted) for number, wanted in enumerate(PROMPTS)]


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
        str(folder),
        uses,
        items,
        settings,
        batch_size,
        lambda _: None,
        on_image or (lambda _: None),
        cancelled or threading.Event(),
        signer,
    )


def use(ref, weight=1.0, name="glaze"):
    return AdapterUse(name, ref, weight)


def train(store: DirectoryStore, models, folder, **changes):
    """The reference of an adapter."""
    settings = AdapterSettings(**{"rank": 2, "alpha": 4, "steps": 4, "learning_rate": 5e-2} | changes)
    return train_adapter(
        store,
        models,
        str(folder),
        training_manifest(store),
        settings,
        ATTENTION,
        lambda _: None,
        threading.Event(),
    ).adapter
