"""What is measured: a named way to make a mel or a wave, built for a case."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

FS, HOP, N_MELS = 22050, 256, 80
IDIM = 29  # tokens: letters, blank, unknown, the end
# Every model speaks the same number of tokens, each for as many frames, so that all do
# the same work. Their duration predictors run, but are made to say this.
FRAMES_PER_TOKEN = 6


@dataclass(frozen=True)
class Case:
    """What is to be made.

    Attributes:
        seconds: Of speech, about; a whole number of tokens.
        batch: Utterances of that length.
        precision: "fp32" or "bf16".
        tiny: Whether models are of toy sizes (``--quick``).
    """

    seconds: float = 6.0
    batch: int = 1
    precision: str = "fp32"
    tiny: bool = False

    @property
    def tokens(self) -> int:
        """Tokens of an utterance, eos included."""
        return max(2, round(self.seconds * FS / HOP / FRAMES_PER_TOKEN))

    @property
    def frames(self) -> int:
        """Mel frames of an utterance."""
        return self.tokens * FRAMES_PER_TOKEN

    @property
    def audio(self) -> float:
        """Seconds of speech of an utterance, exactly."""
        return self.frames * HOP / FS

    def texts(self) -> list[Tensor]:
        """Token ids without eos, (tokens - 1,) each."""
        generator = torch.Generator().manual_seed(0)
        shape = (self.batch, self.tokens - 1)
        return list(torch.randint(1, IDIM - 1, shape, generator=generator))


@dataclass(frozen=True)
class Run:
    """A subject that was built for a case.

    Attributes:
        call: Does the work; returns a mel (frames, N_MELS) or a wave (samples,), or a
            list of them.
        plain: Does the same arithmetic in operations that can be counted, where
            ``call`` does not, or does more; None where there is nothing to count.
    """

    call: Callable[[], object]
    plain: Callable[[], object] | None = None


@dataclass(frozen=True)
class Subject:
    """Something to measure.

    Attributes:
        name: In tables.
        make: Builds it.
        ours: Whether it is this package's.
        precisions: Those that it can do; of the peers bf16 is torch's autocast.
        weights: "random", or "none" where there are none.
    """

    name: str
    make: Callable[[Case], Run]
    ours: bool = False
    precisions: Sequence[str] = ("fp32", "bf16")
    weights: str = "random"


def say_frames(predictor: nn.Module, frames: int) -> None:
    """Make ESPnet's duration predictor, or WaveGrad 2's, say ``frames`` each time."""
    last = predictor.linear if hasattr(predictor, "linear") else predictor.projection
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, math.log(frames + 1))


def one_by_one(speak: Callable[[Tensor], object], texts: Sequence[Tensor]) -> Callable:
    """A batch for a model that takes one utterance at a time."""
    return lambda: [speak(text) for text in texts]


def peer_run(call: Callable[[], object], case: Case) -> Run:
    """A peer's run; in bf16 under torch's autocast, the one way that all have."""
    if case.precision == "fp32":
        return Run(call, call)

    def autocast() -> object:
        with torch.autocast("cpu", torch.bfloat16):
            return call()

    return Run(autocast, call)


def count_gflop(run: Run) -> float | None:
    """Operations of matrix products and convolutions, two for each multiplication."""
    if run.plain is None:
        return None
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the counter sees this thread alone
    try:
        more = {torch.ops.aten.addmm_: _addmm_in_place}
        with FlopCounterMode(display=False, custom_mapping=more) as counter:
            run.plain()
    finally:
        torch.set_num_threads(threads)
    return counter.get_total_flops() / 1e9 or None


def _addmm_in_place(_: Sequence, a: Sequence, b: Sequence, **__: object) -> int:
    return 2 * a[0] * a[1] * b[1]
