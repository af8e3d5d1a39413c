"""The base model, the adapter, and images in shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from saggar.dataset.synthetic.plan import PlannedImage
from saggar.progress import Progress, Report
from saggar.rpc.refs import ref_from_proto, ref_to_proto
from saggar.store import ObjectRef, ObjectStore
from saggar.taxonomy import Taxonomy
from saggar.v1 import generator_pb2

from saggar_orchestrator.experiment.digest import digest
from saggar_orchestrator.experiment.sections import Adapter, ControlNet, Generation
from saggar_orchestrator.peers import messages
from saggar_orchestrator.peers.adapters import find_adapter
from saggar_orchestrator.peers.calls import Calls
from saggar_orchestrator.peers.messages import as_inputs
from saggar_orchestrator.peers.shards import Order, generate_in_shards
from saggar_orchestrator.workflow.reuse import Result
from saggar_orchestrator.workflow.steps.manifests import generated_manifest


def resolve_base_model(calls: Calls, name: str, control: ControlNet | None, report: Report) -> Result:
    """What the base model's name stands for now: a hub's or a folder's content can change under its name.
    So does a ControlNet's, which is to fit it.
    """
    request = generator_pb2.ResolveBaseModelRequest(base_model=name, control_net_path=control.path if control else "")
    result: generator_pb2.ResolveBaseModelResult = calls.stream("generator", "ResolveBaseModel", request, report)
    return {
        "base_model": name,
        "content_hash": result.content_hash,
        "configuration_hash": result.configuration_hash,
        **({"control_net_hash": result.control_net_hash} if control else {}),
    }


def adapter_inputs(base: Result, manifest: ObjectRef, adapter: Adapter, taxonomy: Taxonomy) -> Result:
    return {
        "base_hash": base["content_hash"],
        "base_configuration": base["configuration_hash"],
        "manifest": manifest.sha256,
        "settings": as_inputs(messages.adapter_settings(adapter, taxonomy)),
    }


def train_adapter(
    calls: Calls, base: Result, manifest: ObjectRef, adapter: Adapter, taxonomy: Taxonomy, report: Report
) -> Result:
    request = generator_pb2.TrainAdapterRequest(
        request_id=digest(adapter_inputs(base, manifest, adapter, taxonomy))[:32],
        base_model=base["base_model"],
        manifest=ref_to_proto(manifest),
        settings=messages.adapter_settings(adapter, taxonomy),
    )
    result: generator_pb2.TrainAdapterResult = calls.stream("generator", "TrainAdapter", request, report)
    return {
        "adapter": ref_from_proto(result.adapter).to_json(),
        "weights": ref_from_proto(result.weights).to_json(),
        "final_loss": result.final_loss,
        "steps": result.steps,
        **({"kept": [_kept(one) for one in result.kept]} if result.kept else {}),
    }


def _kept(adapter: generator_pb2.KeptAdapter) -> Result:
    return {"step": adapter.step, "adapter": ref_from_proto(adapter.adapter).to_json()}


@dataclass(frozen=True)
class Painter:
    """What makes an experiment's images: the base model's name, its adapter, and how they are sampled."""

    store: ObjectStore
    calls: Calls
    base_model: str
    adapter: ObjectRef  # it names its base
    generation: Generation
    framing: str  # of photographs that images start from
    parallel_shards: int
    tasks: tuple[str, ...]
    control_net_hash: str = ""  # empty without one

    def inputs(self, plan: ObjectRef) -> Result:
        """What decides the images of a plan."""
        return {
            "plan": plan.sha256,
            "adapter": self.adapter.sha256,
            "adapter_weight": self.generation.adapter_weight,
            **({"weights": [rule.model_dump() for rule in self.generation.weights]} if self.generation.weights else {}),
            "further_adapters": [as_inputs(use) for use in self._further_adapters()],
            "settings": as_inputs(messages.generation_settings(self.generation)),
            **self._control_inputs(),
        }

    def generate(self, planned: Sequence[PlannedImage], report: Report) -> Result:
        """Planned images, in shards that go out side by side; the channel spreads them over the replicas."""
        order = Order(
            self.base_model,
            (messages.adapter_use(self.adapter, self.generation.adapter_weight), *self._further_adapters()),
            messages.generation_settings(self.generation),
            messages.control_net(self.generation),
        )
        report(Progress("waiting for the generator", 0, len(planned), "images"))
        images = generate_in_shards(
            self.calls,
            order,
            self._items(planned),
            shard_size=self.generation.shard_size,
            parallel=self.parallel_shards,
            report=report,
        )
        return {
            "manifest": generated_manifest(self.store, planned, images, self.tasks).to_json(),
            "count": len(planned),
            "distinct": len({image.image.uri for image in images.values()}),
            "from_photographs": sum(image.photograph is not None for image in planned),
            "truncated_prompts": sum(image.truncated_tokens > 0 for image in images.values()),
            "shards": -(-len(planned) // self.generation.shard_size),
        }

    def _items(self, planned: Sequence[PlannedImage]) -> list[generator_pb2.PromptItem]:
        items = messages.prompt_items(planned, self.store, self.framing)
        for item, image in zip(items, planned, strict=True):
            weight = self.generation.weight_of(image.labels)
            if weight != self.generation.adapter_weight:
                item.prompt += messages.adapter_tag(weight)
        return items

    def _control_inputs(self) -> Result:
        control = self.generation.control_net
        if control is None:
            return {}
        return {"control": {"sha256": self.control_net_hash, **control.model_dump(exclude={"path"})}}

    def _further_adapters(self) -> list[generator_pb2.AdapterUse]:
        """Adapters of the store that the experiment adds to its own."""
        return [
            messages.adapter_use(find_adapter(self.store, identity).reference, weight, identity)
            for identity, weight in self.generation.further_adapters.items()
        ]
