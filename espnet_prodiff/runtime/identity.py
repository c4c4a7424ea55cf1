"""Who speaks, checked against what a voice has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from espnet_prodiff.errors import InputError

IDENTITY = ("sids", "lids", "spembs")


def check_identity(
    item: Mapping[str, Any], has: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Return speaker, language and embedding as the encoder takes them.

    Args:
        item: ``sids``, ``lids`` and ``spembs`` as they were given.
        has: ``identity`` of a voice.json.

    Raises:
        InputError: One is missing, out of range or of the wrong shape.
    """
    checked = {}
    for name, count, what in (
        ("sids", has["num_speakers"], "speaker"),
        ("lids", has["num_languages"], "language"),
    ):
        value = item.get(name)
        if count is None:
            continue
        ids = [] if value is None else np.reshape(value, -1).tolist()
        if len(ids) != 1 or ids[0] not in range(count):
            raise InputError(
                f"{name} is {value}, expected one {what} id from 0 to {count - 1}"
            )
        checked[name] = np.array([ids], np.int64)
    if (size := has["speaker_embedding"]) is not None:
        value = np.asarray(item.get("spembs", []), np.float32)
        if value.shape != (size,):
            raise InputError(f"spembs has shape {value.shape}, expected ({size},)")
        checked["spembs"] = value[None]
    return checked
