"""ESPnet's trainer for teachers and students."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from espnet2.train import trainer as espnet_trainer
from espnet2.train.abs_espnet_model import AbsESPnetModel
from espnet2.train.trainer import Trainer, TrainerOptions

from espnet_prodiff.common.plugin import PluginTTS
from espnet_prodiff.diffusion import weights_from_teacher
from espnet_prodiff.errors import CheckpointError, DivergedError
from espnet_prodiff.fileio.checkpoint import fit_weights, load_weights
from espnet_prodiff.training.averaging import average_nbest_models
from espnet_prodiff.training.distillation import distillation_of
from espnet_prodiff.training.keeping import catch_up, checkpoints, kept_checkpoints
from espnet_prodiff.training.learning_rate import configured_rates, follow_rates
from espnet_prodiff.training.resume import keep_config
from espnet_prodiff.training.samples import Samples

NETWORK = "tts.denoiser.network."


def init_student(model: AbsESPnetModel, model_file: Path) -> None:
    """Give a student its teacher's weights, as many of them as fit its network.

    Raises:
        UserError: If the student has more layers than its teacher.
        CheckpointError: If the teacher's other parts do not fit the student.
    """
    weights = load_weights(model_file)
    network = model.tts.denoiser.network
    initial = network.state_dict()
    theirs = {k[len(NETWORK) :]: v for k, v in weights.items() if k.startswith(NETWORK)}
    inherited = weights_from_teacher(
        initial, theirs, model.tts.layer_major, model.tts.channel_axes
    )
    others = {k: v for k, v in weights.items() if not k.startswith(NETWORK)}
    states = {NETWORK + name: value for name, value in (initial | inherited).items()}
    fit_weights(model, others | states, model_file)
    fresh = [name for name in initial if name not in inherited]
    logging.info(
        f"The student starts with {len(inherited)} of its denoiser's {len(initial)} "
        f"weights from {model_file}; at random start: {', '.join(fresh) or 'none'}"
    )


class DiffusionTrainer(Trainer):
    """Starts a student from its teacher; what it writes outlives kills and divergence.

    Attributes:
        options: Of the training that runs.
    """

    options: TrainerOptions

    @classmethod
    def run(cls, model: AbsESPnetModel, *args: Any, **kwargs: Any) -> None:
        """Train as ESPnet does; a checkpoint to resume from replaces the start.

        Raises:
            DivergedError: An epoch came to nothing; those before are kept.
        """
        objective = distillation_of(model)
        if objective is not None and objective.init_from is not None:
            init_student(model, objective.init_from)
        for load in model.given_weights:
            load(model)
        model.samples = Samples()
        cls.options = kwargs["trainer_options"]
        if _is_first_process():
            keep_config(Path(cls.options.output_dir))
        theirs = espnet_trainer.average_nbest_models
        espnet_trainer.average_nbest_models = average_nbest_models
        try:
            with kept_checkpoints():
                super().run(model, *args, **kwargs)
        finally:
            espnet_trainer.average_nbest_models = theirs

    @classmethod
    def resume(
        cls,
        checkpoint: Path,
        model: AbsESPnetModel,
        optimizers: Sequence[torch.optim.Optimizer],
        schedulers: Sequence[Any],
        **kwargs: Any,
    ) -> None:
        """Resume from the newest whole checkpoint, at the rate that is asked for now.

        Raises:
            CheckpointError: There is none, but a training of several epochs.
        """
        rates = configured_rates(optimizers)
        damage = None
        for file in checkpoints(checkpoint):
            if damage is not None:
                logging.warning(f"{damage}; going on from {file}, an epoch earlier")
            try:
                Trainer.resume(
                    file, model, optimizers=optimizers, schedulers=schedulers, **kwargs
                )
                break
            except CheckpointError as error:
                damage = error
        else:
            epochs = {file.name for file in checkpoint.parent.glob("[0-9]*epoch.pth")}
            if epochs - {"1epoch.pth"}:
                raise CheckpointError(
                    f"{damage}. There is no other checkpoint of this training: train "
                    "in a new directory from its last weights, --init_param"
                )
            logging.warning(f"{damage}; it was of the first epoch, which begins again")
            return
        follow_rates(rates, optimizers, schedulers)
        reporter, options = kwargs["reporter"], cls.options
        if _is_first_process():
            kept = options.keep_nbest_models
            kept = kept if isinstance(kept, int) else max(kept, default=1)
            criteria = options.best_model_criterion
            catch_up(checkpoint.parent, model, reporter, criteria, kept)
        early = options.patience is not None and reporter.check_early_stopping(
            options.patience, *options.early_stopping_criterion
        )
        if early:  # that was the end, before the kill
            options.max_epoch = reporter.get_epoch()

    @classmethod
    def plot_attention(
        cls,
        model: AbsESPnetModel,
        output_dir: Path | None,
        summary_writer: Any,
        iterator: Any,
        reporter: Any,
        options: Any,
    ) -> None:
        """Speak and draw sentences, in the place of ESPnet's plots of attention."""
        if not isinstance(model.tts, PluginTTS) or model.feats_extract is None:
            plots = (output_dir, summary_writer, iterator, reporter, options)
            super().plot_attention(model, *plots)
            return
        epoch = reporter.get_epoch()
        if epoch == options.max_epoch or model.samples.are_due():
            model.eval()
            folder = Path(options.output_dir) / "samples"
            device = "cuda" if options.ngpu else "cpu"
            model.samples.show(model, iterator, folder, epoch, device, summary_writer)

    @classmethod
    def train_one_epoch(
        cls,
        iterator: Iterable,
        optimizers: Sequence[torch.optim.Optimizer],
        **kwargs: Any,
    ) -> bool:
        """Train one epoch as ESPnet does.

        Raises:
            DivergedError: If not one update of the epoch had finite gradients.
        """
        # What accum_grad left of the epoch before: a resumed training has not got it.
        for optimizer in optimizers:
            optimizer.zero_grad()
        with _named_skips(iterator, kwargs["options"].accum_grad) as named:
            all_steps_are_invalid = super().train_one_epoch(
                iterator=named, optimizers=optimizers, **kwargs
            )
        if all_steps_are_invalid:
            raise DivergedError(
                "training diverged: every update of this epoch had a non-finite "
                "gradient. The files of the epochs before are intact; lower the "
                "learning rate or check the data, then run stage 7 again"
            )
        return all_steps_are_invalid


def _is_first_process() -> bool:
    return not (torch.distributed.is_initialized() and torch.distributed.get_rank())


class _Named:
    """An iterator of batches that knows the utterances of the latest."""

    def __init__(self, iterator: Any, batches: int) -> None:
        self.iterator = iterator
        self.utts: deque[Sequence[str]] = deque(maxlen=batches)

    def __len__(self) -> int:
        return len(self.iterator)

    def __iter__(self) -> Iterator:
        for utts, batch in self.iterator:
            self.utts.append(utts)
            yield utts, batch

    def filter(self, record: logging.LogRecord) -> bool:
        if str(record.msg).startswith("The grad norm is"):
            names = ", ".join(utt for utts in self.utts for utt in utts)
            record.msg = f"{record.msg} Utterances of this update: {names}"
        return True


@contextmanager
def _named_skips(iterator: Any, batches: int) -> Iterator[_Named]:
    """Let ESPnet's warning of a skipped update name the utterances."""
    named = _Named(iterator, batches)
    logging.getLogger().addFilter(named)
    try:
        yield named
    finally:
        logging.getLogger().removeFilter(named)
