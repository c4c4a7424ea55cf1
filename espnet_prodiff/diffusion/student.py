"""Initial weights of a smaller student, from its teacher's network."""

import re
from collections.abc import Collection, Mapping

import torch
from torch import Tensor

from espnet_prodiff.diffusion.narrowing import ChannelAxes, narrowed
from espnet_prodiff.errors import UserError

_LAYER = re.compile(r"^layers\.(\d+)\.")


def kept_layers(of_teacher: int, of_student: int) -> list[int]:
    """Teacher's layer for each of the student's: every k-th, k = teacher / student.

    Raises:
        UserError: If the student has more layers than the teacher.
    """
    if not 0 < of_student <= of_teacher:
        raise UserError(
            f"a student has at least 1 and at most its teacher's {of_teacher} residual "
            f"layers, but it has {of_student}"
        )
    return [i * of_teacher // of_student for i in range(of_student)]


def weights_from_teacher(
    student: Mapping[str, Tensor],
    teacher: Mapping[str, Tensor],
    layer_major: Collection[str] = (),
    channel_axes: ChannelAxes | None = None,
) -> dict[str, Tensor]:
    """Find the teacher's weights, by the student's names, that fit into its network.

    Residual layers are ``layers.<i>`` in both: the student's take over every k-th of
    the teacher's. Whatever else has the same name and shape is taken over as it is. A
    network with fewer channels takes over those of the teacher's that do most, see
    ``narrowed``, where it says what its channels are; the rest begins anew.

    Args:
        student: The state of the student's network.
        teacher: That of the teacher's.
        layer_major: Modules that serve all layers at once, their rows layer by layer.
        channel_axes: What the channels of the network's weights are.

    Raises:
        UserError: If the student has more layers than the teacher.
    """
    of_teacher, of_student = _num_layers(teacher), _num_layers(student)
    kept = kept_layers(of_teacher, of_student) if of_student else []
    source = {}
    for name in student:
        weight = teacher.get(_LAYER.sub(lambda m: f"layers.{kept[int(m[1])]}.", name))
        if weight is not None and name.split(".")[0] in layer_major:
            weight = weight.unflatten(0, (of_teacher, -1))[kept].flatten(0, 1)
        if weight is not None:
            source[name] = weight
    found = {n: w for n, w in source.items() if w.shape == student[n].shape}
    others = {n: student[n] for n in source if n not in found}
    fits = all(
        mine <= theirs
        for n, own in others.items()
        for mine, theirs in zip(own.shape, source[n].shape, strict=True)
    )
    if not channel_axes or not others or not fits:
        return found
    by_layer = _by_layer(source, layer_major, of_student)
    shapes = {
        n: w.shape for n, w in _by_layer(student, layer_major, of_student).items()
    }
    cut = _joined(narrowed(by_layer, shapes, channel_axes), layer_major, of_student)
    return found | {n: w for n, w in cut.items() if w.shape == student[n].shape}


def _num_layers(weights: Mapping[str, Tensor]) -> int:
    return len({m[1] for name in weights if (m := _LAYER.match(name))})


def _by_layer(
    weights: Mapping[str, Tensor], layer_major: Collection[str], layers: int
) -> dict[str, Tensor]:
    """Give each layer its own rows of what serves all: ``layers.<i>.<name>``."""
    split = {}
    for name, weight in weights.items():
        if name.split(".")[0] not in layer_major:
            split[name] = weight
            continue
        for i, rows in enumerate(weight.chunk(layers)):
            split[f"layers.{i}.{name}"] = rows
    return split


def _joined(
    weights: Mapping[str, Tensor], layer_major: Collection[str], layers: int
) -> dict[str, Tensor]:
    """Undo ``_by_layer``."""
    joined = {}
    for name, weight in weights.items():
        shared = _LAYER.sub("", name)
        if shared.split(".")[0] not in layer_major:
            joined[name] = weight
        elif name.startswith("layers.0."):
            rows = [weights[f"layers.{i}.{shared}"] for i in range(layers)]
            joined[shared] = torch.cat(rows)
    return joined
