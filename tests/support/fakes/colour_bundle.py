"""A bundle whose network is done by hand: it tells colours apart, and needs no training."""

import numpy as np
import onnx
import safetensors.numpy as safetensors
from onnx import TensorProto, helper, numpy_helper
from saggar.bundle import Companions, write_bundle
from saggar.images import InputSpec
from saggar.store import DirectoryStore
from saggar.taxonomy import load_taxonomy

SIZE = 32
TAXONOMY = load_taxonomy("kilnsim").narrowed(("glaze", "type"))


def colour_bundle(store: DirectoryStore, *, maps: bool = True, taxonomy=TAXONOMY, neighbours=None, seed=0):
    """Its id and the reference of its card. Maps are the three colours at 4 x 4 places; the first class of every task
    is for red, the second for blue. Another `seed`, another id.
    """
    weights = {}
    values = [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])]
    nodes = [
        helper.make_node("AveragePool", ["images"], ["maps"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("GlobalAveragePool", ["maps"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
    ]
    outputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 3])]
    if maps:
        outputs.append(helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["n", 3, 4, 4]))
    constants = []
    for task in taxonomy.tasks:
        weight = np.full((len(task.classes), 3), -1, np.float32)
        weight[0], weight[1] = (4, -2, -2), (-2, -2, 4)
        weights |= {
            f"heads.task_{task.name}.weight": weight,
            f"heads.task_{task.name}.bias": np.zeros(len(weight), "f4"),
        }
        constants.append(numpy_helper.from_array(weight.T.copy(), f"w_{task.name}"))
        nodes.append(helper.make_node("MatMul", ["features", f"w_{task.name}"], [f"logits_{task.name}"]))
        outputs.append(helper.make_tensor_value_info(f"logits_{task.name}", TensorProto.FLOAT, ["n", len(weight)]))
    graph = helper.make_graph(nodes, "colours", values, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    return write_bundle(
        store,
        model.SerializeToString(),
        safetensors.save(weights),
        taxonomy=taxonomy,
        input_spec=InputSpec(SIZE, (0, 0, 0), (1, 1, 1)),
        architecture="colours",
        initial_weights="hand-made",
        annotations={"seed": str(seed)} if seed else None,
        companions=Companions(neighbours=neighbours),
    )
