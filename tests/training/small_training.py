"""A training of ESPnet's trainer, ours, on four numbers: milliseconds an epoch."""

import argparse
import os
from contextlib import contextmanager
from pathlib import Path

import torch
from espnet2.iterators.abs_iter_factory import AbsIterFactory
from espnet2.train.abs_espnet_model import AbsESPnetModel
from espnet2.train.distributed_utils import DistributedOption

from espnet_prodiff.fileio.checkpoint import atomic_torch_save, safe_torch_load
from espnet_prodiff.training.learning_rate import mark_rates
from espnet_prodiff.training.trainer import DiffusionTrainer

CRITERIA = (("valid", "loss", "min"), ("train", "loss", "min"))


class Killed(BaseException):
    """Stands for SIGKILL between two operations on files."""


class Line(AbsESPnetModel):
    """Fits y = 3 x; whether an epoch is the best one alternates."""

    def __init__(self, **loss_by_epoch):
        super().__init__()
        torch.manual_seed(0)
        self.weight = torch.nn.Parameter(torch.randn(3))
        self.register_buffer("updates", torch.tensor(0))
        self.tts, self.given_weights = None, []

    def forward(self, x, utt_id=None):
        error = (self.weight.mean() * x - 3 * x).square().mean()
        if self.training:
            self.updates += 1
            loss = error
        else:  # the second epoch is the best one, then the fourth
            loss = error + torch.tensor([0, 60, 20, 40, 10, 40, 40])[self.updates // 4]
        return loss, {"loss": loss.detach()}, torch.tensor(float(len(x)))

    def collect_feats(self, **batch):
        return {}


class Batches(AbsIterFactory):
    def __init__(self, nan_in=()):
        self.nan_in = nan_in

    def build_iter(self, epoch, shuffle=None):
        random = torch.Generator().manual_seed(epoch)
        for number in range(4):
            x = torch.rand(2, generator=random) + 0.5
            if (epoch, number) in self.nan_in:
                x[0] = float("nan")
            yield [f"e{epoch}b{number}u{i}" for i in range(2)], {"x": x}


def train(folder, max_epoch=4, lr=0.05, nan_in=(), scheduler=None, **options):
    folder = Path(folder)
    folder.mkdir(exist_ok=True)
    (folder / "config.yaml").write_text("tts: line\n")
    settings = dict(
        ngpu=0, resume=True, use_amp=False, train_dtype="float32", grad_noise=False,
        accum_grad=1, grad_clip=1e9, grad_clip_type=2.0, log_interval=None,
        no_forward_run=False, use_matplotlib=False, use_tensorboard=False,
        use_wandb=False, output_dir=str(folder), max_epoch=max_epoch, seed=0,
        sharded_ddp=False, patience=None, keep_nbest_models=2,
        nbest_averaging_interval=0, early_stopping_criterion=CRITERIA[0],
        best_model_criterion=CRITERIA, val_scheduler_criterion=("valid", "loss"),
        unused_parameters=False, gradient_as_bucket_view=True, ddp_comm_hook=None,
        wandb_model_log_interval=-1, create_graph_in_tensorboard=False,
        use_adapter=False, adapter="", save_strategy="all",
    )  # fmt: skip
    model = Line()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    mark_rates([optimizer])
    schedulers = [None if scheduler is None else scheduler(optimizer)]
    with atomic_torch_save(), safe_torch_load():
        DiffusionTrainer.run(
            model=model,
            optimizers=[optimizer],
            schedulers=schedulers,
            train_iter_factory=Batches(nan_in),
            valid_iter_factory=Batches(),
            plot_attention_iter_factory=None,
            trainer_options=DiffusionTrainer.build_options(
                argparse.Namespace(**(settings | options))
            ),
            distributed_option=DistributedOption(),
        )
    return optimizer


@contextmanager
def killed_at(number, monkeypatch):
    """Kill at the ``number``-th operation that names a file; yields their count."""
    count = [0]

    def counted(operation):
        def run(*args, **kwargs):
            count[0] += 1
            if count[0] == number:
                raise Killed
            return operation(*args, **kwargs)

        return run

    with monkeypatch.context() as patched:
        for name in ("replace", "symlink", "unlink", "link"):
            patched.setattr(os, name, counted(getattr(os, name)))
        yield count


def content(folder):
    """Names, links and weights of a training's directory, for comparison."""
    found = {}
    for path in sorted(Path(folder).iterdir()):
        if path.suffix == ".tmp" or "ave_1best" in path.name:
            continue
        if path.is_symlink():
            found[path.name] = os.readlink(path)
        elif path.suffix == ".pth" and "epoch" in path.name or ".ave" in path.name:
            weights = torch.load(path, weights_only=True)
            found[path.name] = {k: v.tolist() for k, v in weights.items()}
        else:
            found[path.name] = None
    return found
