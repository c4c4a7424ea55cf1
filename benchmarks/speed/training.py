"""Training updates: our teacher, ESPnet's, and distillation. All weights are random."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from espnet_prodiff.common.plugin import CHECKPOINT_FORMAT, FORMAT_KEY
from espnet_prodiff.fileio.config import read_config
from espnet_prodiff.prodiff import ProDiff
from espnet_prodiff.training.distillation import DistillationObjective
from espnet_prodiff.training.teacher import Teacher
from speed.acoustic import build_builtin
from speed.sizes import CONF, tts_conf
from speed.subject import IDIM, N_MELS, Case, Run, Subject


def make_batch(sentences: int, tokens: int, frames: int) -> dict[str, torch.Tensor]:
    """A batch of speech-like sizes: ``frames`` for each of ``tokens`` on average."""
    generator = torch.Generator().manual_seed(0)
    lengths = torch.randint(tokens // 2, tokens + 1, (sentences,), generator=generator)
    durations = torch.zeros(sentences, tokens + 1, dtype=torch.long)
    for row, length in zip(durations, lengths, strict=True):
        row[: length + 1] = torch.randint(
            1, 2 * frames, (int(length) + 1,), generator=generator
        )
    durations = durations[:, : lengths.max() + 1]
    mel_lengths = durations.sum(1)
    valid = (durations > 0).unsqueeze(-1)
    shape = durations.shape
    return {
        "text": torch.randint(1, IDIM - 1, (shape[0], shape[1] - 1)) * valid[:, 1:, 0],
        "text_lengths": lengths,
        "feats": torch.randn(sentences, int(mel_lengths.max()), N_MELS),
        "feats_lengths": mel_lengths,
        "durations": durations,
        "durations_lengths": lengths + 1,
        "pitch": torch.randn(*shape, 1) * valid,
        "pitch_lengths": lengths + 1,
        "energy": torch.randn(*shape, 1) * valid,
        "energy_lengths": lengths + 1,
    }


def update(model: nn.Module, case: Case) -> Run:
    """One training update: loss, gradient, clipping, AdamW."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = torch.optim.AdamW(weights, lr=1e-4)
    batch = make_batch(case.batch, case.tokens, 6)
    model.train()

    @torch.enable_grad()
    def call() -> None:
        optimizer.zero_grad()
        model(**batch)[0].backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()

    return Run(call, call)


def teacher(config: str) -> Callable[[Case], Run]:
    """Our teacher."""

    def make(case: Case) -> Run:
        torch.manual_seed(0)
        return update(ProDiff(IDIM, N_MELS, **tts_conf(config, case.tiny)), case)

    return make


def builtin(config: str) -> Callable[[Case], Run]:
    """ESPnet's ProDiff with the same options, for 4 steps."""
    build = build_builtin.__wrapped__  # a model of its own: it will be trained
    return lambda case: update(build(config, 4, case.tiny), case)


def student(
    config: str, distill_config: str, teacher_steps: int
) -> Callable[[Case], Run]:
    """Our student, of the teacher's size, with the options of a distillation config."""

    def make(case: Case) -> Run:
        torch.manual_seed(0)
        conf = tts_conf(config, case.tiny) | {FORMAT_KEY: CHECKPOINT_FORMAT}
        model = ProDiff(IDIM, N_MELS, **conf | {"num_steps": 1})
        model.train_denoiser_only()
        options = read_config(CONF / distill_config)
        names = ("method", "distance", "weight", "times")
        model.objective = DistillationObjective(
            Teacher(Path("none"), {"tts_conf": conf}, teacher_steps),
            lambda _: ProDiff(IDIM, N_MELS, **conf),
            model,
            **{name: options.get(f"distill_{name}", "progressive") for name in names},
        )
        return update(model, case)

    return make


def of_size(config: str, distill_config: str) -> list[Subject]:
    """The subjects of a size."""
    only = {"precisions": ["fp32"]}
    return [
        Subject("teacher", teacher(config), True, **only),
        *(
            Subject(
                f"student, {steps} steps of its teacher in one",
                student(config, distill_config, steps),
                True,
                **only,
            )
            for steps in (2, 4)
        ),
        Subject("ESPnet ProDiff", builtin(config), **only),
    ]


PAPER = of_size("train_prodiff.yaml", "distill_prodiff.yaml")
MINI = of_size("mini/train_prodiff.yaml", "mini/distill_prodiff.yaml")
