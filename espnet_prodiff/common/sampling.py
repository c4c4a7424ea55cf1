"""Options of sampling: one value from the command line to the sampler."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from espnet_prodiff.errors import InputError

# Those of diffusion.sampler, which needs torch; a runtime without it has the options.
SOLVERS = ("ddim", "dpmsolver++")


@dataclass(frozen=True)
class Sampling:
    """Options of sampling, the same for every model and under the same names.

    Attributes:
        num_steps: Steps, placed by SNR; None is the model's own number.
        schedule: Steps at other places instead, see
            ``diffusion.sampling_times.resolve``.
        eta: Share of fresh noise in "ddim", 0 (deterministic) to 1 (ancestral); None is
            the model's own, see ``DiffusionTTS.default_eta``.
        solver: "ddim" or "dpmsolver++".
        temperature: Factor on the noise.
        seed: Seed of each utterance's noise; None draws from torch's own generator.

    Raises:
        InputError: An option is outside its range.
    """

    num_steps: int | None = None
    schedule: str | Sequence[float] | None = None
    eta: float | None = None
    solver: str = "ddim"
    temperature: float = 1.0
    seed: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("eta", self.eta or 0), ("temperature", self.temperature)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise InputError(f"{name} is {value!r}, expected a number")
        if self.solver not in SOLVERS:
            raise InputError(
                f"solver is {self.solver!r}, expected one of {', '.join(SOLVERS)}"
            )
        if not 0 <= (self.eta or 0) <= (self.solver == "ddim"):
            raise InputError(
                f"eta is {self.eta}, expected 0 to 1 with ddim, 0 with dpmsolver++"
            )
        if not 0 <= self.temperature < math.inf:
            raise InputError(f"temperature is {self.temperature}, expected >= 0")
        seed = self.seed
        whole = isinstance(seed, int) and not isinstance(seed, bool)
        if seed is not None and not (whole and 0 <= seed < 2**63):
            raise InputError(f"seed is {seed!r}, expected a whole number >= 0")


SAMPLING_OPTIONS = frozenset(field.name for field in fields(Sampling))
