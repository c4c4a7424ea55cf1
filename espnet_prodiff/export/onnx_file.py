"""A graph written as an ONNX file, and held against torch."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from espnet_prodiff.errors import UserError
from espnet_prodiff.export.graphs import Graph
from espnet_prodiff.fileio.atomic import atomic_path

OPSET = 17
DTYPES = ("float32", "float16")
TOLERANCE = 1e-3  # of the largest output; float16 weights are rounded for torch, too


def write_graph(path: Path, graph: Graph, dtype: str, metadata: dict[str, str]) -> None:
    """Write a graph, and check that onnxruntime computes what torch does.

    Args:
        path: The file.
        graph: The graph.
        dtype: "float32" or "float16", of the weights in the file. A float16 is widened
            when the file is loaded: half the size, the same speed.
        metadata: Of the file.

    Raises:
        UserError: The module cannot be exported, or its graph computes something else.
    """
    if dtype == "float16":
        round_weights(graph.module)
    buffer: Any = io.BytesIO()  # torch's annotation knows files alone
    level = logging.getLogger("torch.onnx").level
    try:
        with (
            torch.no_grad(),
            warnings.catch_warnings(),
            contextlib.redirect_stdout(None),
        ):
            warnings.simplefilter("ignore")  # of the tracer, about lengths
            logging.getLogger("torch.onnx").setLevel(logging.ERROR)
            torch.onnx.export(
                graph.module.eval(),
                tuple(graph.inputs.values()),
                buffer,
                input_names=list(graph.inputs),
                output_names=list(graph.outputs),
                dynamic_axes=graph.axes,
                opset_version=OPSET,
                dynamo=False,
            )
    except (torch.onnx.errors.OnnxExporterError, RuntimeError, TypeError) as error:
        raise UserError(f"{path.name} cannot be exported: {error}") from error
    finally:
        logging.getLogger("torch.onnx").setLevel(level)
    model = onnx.load_from_string(buffer.getvalue())
    model.producer_name = "espnet_prodiff"
    if dtype == "float16":
        _halve(model)
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model)
    with atomic_path(path) as temporary:
        onnx.save(model, temporary)
    _compare(path, graph)


def round_weights(module: torch.nn.Module) -> None:
    """Round matrices, which a file holds in half precision, in place."""
    for weight in module.parameters():
        if weight.dtype == torch.float32 and weight.dim() > 1:
            weight.data = weight.data.half().float()


def _halve(model: onnx.ModelProto) -> None:
    """Store float32 matrices as float16, each with a cast back."""
    casts = []
    for weight in list(model.graph.initializer):
        values = numpy_helper.to_array(weight)
        if weight.data_type != TensorProto.FLOAT or values.ndim < 2:
            continue
        name = f"{weight.name}.half"
        half = numpy_helper.from_array(values.astype(np.float16), name)
        model.graph.initializer.remove(weight)
        model.graph.initializer.append(half)
        cast = helper.make_node("Cast", [name], [weight.name], to=TensorProto.FLOAT)
        casts.append(cast)
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _compare(path: Path, graph: Graph) -> None:
    """Run both at other lengths than that of the export."""
    session = onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )
    lengths: dict[str, int] = {}
    inputs = {}
    for name, value in graph.inputs.items():
        for axis, length in graph.axes.get(name, {}).items():
            count = lengths.setdefault(length, 2 * value.shape[axis] + 3)
            value = torch.cat([value] * 3, axis).narrow(axis, 0, count)
        inputs[name] = value
    with torch.no_grad():
        expected = graph.module(*inputs.values())
    expected = expected if isinstance(expected, tuple) else (expected,)
    found = session.run(None, {name: value.numpy() for name, value in inputs.items()})
    for name, mine, theirs in zip(graph.outputs, found, expected, strict=True):
        largest = max(1.0, float(theirs.abs().max()))
        error = float(np.abs(mine - theirs.numpy()).max()) / largest
        if not error <= TOLERANCE:
            raise UserError(
                f"{path.name}: output {name} of the exported graph differs from "
                f"torch's by {error:.2g}, expected {TOLERANCE} at most: this "
                "model has a part that does not export"
            )
