"""Initial weights of a smaller student, from its teacher's network."""

import re
from collections.abc import Collection, Mapping

from torch import Tensor

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
) -> dict[str, Tensor]:
    """Find the teacher's weights, by the student's names, that fit into its network.

    Residual layers are ``layers.<i>`` in both: the student's take over every k-th of
    the teacher's. Whatever else has the same name and shape is taken over as it is. A
    network with fewer channels shares few shapes with its teacher and begins anew.

    Args:
        student: The state of the student's network.
        teacher: That of the teacher's.
        layer_major: Modules that serve all layers at once, their rows layer by layer.

    Raises:
        UserError: If the student has more layers than the teacher.
    """
    of_teacher, of_student = _num_layers(teacher), _num_layers(student)
    kept = kept_layers(of_teacher, of_student) if of_student else []
    found = {}
    for name, own in student.items():
        source = _LAYER.sub(lambda m: f"layers.{kept[int(m[1])]}.", name)
        weight = teacher.get(source)
        if weight is not None and name.split(".")[0] in layer_major:
            weight = weight.unflatten(0, (of_teacher, -1))[kept].flatten(0, 1)
        if weight is not None and weight.shape == own.shape:
            found[name] = weight
    return found


def _num_layers(weights: Mapping[str, Tensor]) -> int:
    return len({m[1] for name in weights if (m := _LAYER.match(name))})
