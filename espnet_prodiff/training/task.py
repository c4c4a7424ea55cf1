"""ESPnet's TTS task with our models; importing it registers them.

ESPnet starts one process per GPU with ``spawn``. Unpickling this class there imports
this module, and with it the registration: a registration made in ``__main__`` would be
lost and ESPnet's built-in would be trained instead.
"""

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import torch
from espnet2.tasks.tts import TTSTask, tts_choices
from espnet2.tts.espnet_model import ESPnetTTSModel

from espnet_prodiff.common.espeak import require_g2p
from espnet_prodiff.common.meaning import attach_meaning
from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.common.model import DiffusionTTS
from espnet_prodiff.common.plugin import CHECKPOINT_FORMAT, FORMAT_KEY
from espnet_prodiff.errors import ConfigError, UserError
from espnet_prodiff.fileio.checkpoint import (
    atomic_torch_save,
    load_model_weights,
    safe_torch_load,
)
from espnet_prodiff.fileio.kaldi import allow_pipes
from espnet_prodiff.fileio.yaml_files import read_yaml
from espnet_prodiff.training import data_checks
from espnet_prodiff.training.adversarial import (
    AdversarialTrainer,
    AdversarialTTSModel,
    keep_in_state,
)
from espnet_prodiff.training.distillation import DistillationObjective, distillation_of
from espnet_prodiff.training.feature_options import copy_feature_options
from espnet_prodiff.training.given_weights import (
    load_given_weights,
    require_same_tokens,
)
from espnet_prodiff.training.learning_rate import fill_onecycle_defaults, mark_rates
from espnet_prodiff.training.lock import only_training_in
from espnet_prodiff.training.moving_average import WeightAverage
from espnet_prodiff.training.options import add_options
from espnet_prodiff.training.registry import CLASSES, diffusion_classes, register
from espnet_prodiff.training.resume import refuse_changed_model
from espnet_prodiff.training.speakers import write_names
from espnet_prodiff.training.teacher import (
    RECORD,
    Teacher,
    read_teacher,
    record_teacher,
    refuse_other_data,
)
from espnet_prodiff.training.trainer import DiffusionTrainer

register()


class DiffusionTTSTask(TTSTask):
    """Trains, collects statistics for and loads the models of this package."""

    trainer = DiffusionTrainer

    @classmethod
    def add_task_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add ours to ESPnet's options."""
        super().add_task_arguments(parser)
        add_options(parser)

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> ESPnetTTSModel:
        """Build the model that ``args`` describe; enters our key into ``tts_conf``."""
        args.tts = cls._known_key(args.tts)
        ours = args.tts in CLASSES
        cls._require_diffusion(args)
        teacher_file = getattr(args, "teacher_model_file", None)
        if not ours and FORMAT_KEY in args.tts_conf:
            raise ConfigError(
                f"this config is of a model of espnet_prodiff, not of {args.tts}: "
                f"set tts to one of {', '.join(CLASSES)}"
            )
        teacher = None
        if teacher_file is not None:
            teacher = read_teacher(teacher_file, args.teacher_num_steps)
            one_step = args.distill_method == "consistency"
        if ours:
            # Written to config.yaml, where it tells our models from ESPnet's built-in.
            # A student's options mean what its teacher's do.
            version = CHECKPOINT_FORMAT if teacher is None else teacher.conf[FORMAT_KEY]
            args.tts_conf = {FORMAT_KEY: version, **args.tts_conf}
            copy_feature_options(args)
        if teacher is not None and args.tts_conf.get("num_steps") is None:
            halved = max(1, teacher.num_steps // 2)
            args.tts_conf["num_steps"] = 1 if one_step else halved
        model = super().build_model(args)
        if ours:
            model.tts.take_features(model.feats_extract, model.normalize)
        # Loaded by the trainer; what was trained names no other file.
        model.given_weights = [
            partial(load_given_weights, init_param=file, args=args)
            for file in getattr(args, "init_param", None) or []
        ]
        if teacher is not None:
            if args.freeze_text_side:
                model.tts.train_denoiser_only()
            if args.distill_distance is None:
                args.distill_distance = "l2" if one_step else "l1"
            objective = model.tts.objective = DistillationObjective(
                teacher,
                cls._load_teacher,
                model.tts,
                args.distill_method,
                args.distill_distance,
                args.distill_weight,
                args.distill_times,
                averaged=args.ema_decay != 0,
            )
            model.tts.sampling_times.set_distilled(objective.student_times)
            args.tts_conf["distilled_times"] = objective.student_times
            if model.given_weights:
                objective.init_from, objective.shares_conditioning = None, False
            elif args.init_from is not None:
                require_same_tokens(Path(args.init_from), args.token_list)
                objective.init_from = Path(args.init_from)
            # A packed student names no other file.
            args.teacher_model_file = args.init_from = None
        args.init_param = []
        if ours:
            attach_meaning(model, args)
        return model

    @classmethod
    def build_optimizers(
        cls, args: argparse.Namespace, model: torch.nn.Module
    ) -> list[torch.optim.Optimizer]:
        """Build ESPnet's optimizer and, if asked for, the average of the weights."""
        if not isinstance(model, AdversarialTTSModel):
            optimizers = super().build_optimizers(args, model)
        else:
            optimizers = super().build_optimizers(args, model.tts)
            optimizers += super().build_optimizers(args, model.discriminator)
            keep_in_state(model.discriminator, optimizers[1])
            # ESPnet looks for the options of a second learning rate under these names.
            args.scheduler2, args.scheduler2_conf = args.scheduler, args.scheduler_conf
        mark_rates(optimizers)
        if args.ema_decay != 0:
            model.weight_average = WeightAverage(optimizers[0], args.ema_decay)
            objective = distillation_of(model)
            if objective is not None:
                objective.average_of = model.weight_average.of
        return optimizers

    @classmethod
    def build_preprocess_fn(
        cls, args: argparse.Namespace, train: bool
    ) -> Callable | None:
        """ESPnet's preprocessor, which checks every utterance and names a bad one."""
        require_g2p(args.g2p)
        preprocess = super().build_preprocess_fn(args, train)
        if preprocess is None:
            return None
        conf = args.feats_extract_conf or {}
        return data_checks.CheckedPreprocessor(preprocess, conf.get("hop_length"))

    @classmethod
    def main_worker(cls, args: argparse.Namespace) -> None:
        """Check what would fail late, then train or collect statistics."""
        args.tts = cls._known_key(args.tts)
        adversarial = args.tts_conf.get("adversarial") is not None
        if adversarial and not args.collect_stats and cls is DiffusionTTSTask:
            AdversarialTask.main_worker(args)
            return
        allow_pipes(args.allow_pipes)
        fill_onecycle_defaults(args)
        write_names(args)
        if args.tts in CLASSES:
            copy_feature_options(args)
        keep_freed_memory()
        with ExitStack() as stack:
            if not args.dist_rank:  # the first process or the only one
                if args.tts in CLASSES:
                    data_checks.check_data(args)
                stack.enter_context(only_training_in(Path(args.output_dir)))
                cls._check_first(args)
            stack.enter_context(atomic_torch_save())
            stack.enter_context(safe_torch_load())
            super().main_worker(args)
        # ESPnet leaves this to the end of the process, where its threads may abort it.
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

    @classmethod
    def _check_first(cls, args: argparse.Namespace) -> None:
        output_dir = Path(args.output_dir)
        refuse_changed_model(output_dir, args)
        cls._require_diffusion(args)
        if args.teacher_model_file is None and (output_dir / RECORD).exists():
            raise ConfigError(
                f"{output_dir} holds a student ({RECORD}), but no teacher_model_file "
                "is given: give it to go on, or train in a new experiment directory"
            )
        if args.teacher_model_file is not None and not args.collect_stats:
            teacher = read_teacher(args.teacher_model_file, args.teacher_num_steps)
            if teacher.config["tts"] == args.tts:  # another kind is refused later
                refuse_other_data(teacher, args)
            record_teacher(output_dir, teacher)

    @classmethod
    def build_model_from_file(
        cls,
        config_file: str | Path | None = None,
        model_file: str | Path | None = None,
        device: str = "cpu",
    ) -> tuple[ESPnetTTSModel, argparse.Namespace]:
        """Build a trained model, strictly and without running code from its files.

        Returns it and its training arguments.

        Args:
            config_file: Its config.yaml; default: the one beside ``model_file``.
            model_file: Its weights; default: leave them as initialised.
            device: A torch device.
        """
        if config_file is None:
            if model_file is None:
                raise UserError("one of config_file and model_file has to be given")
            config_file = Path(model_file).parent / "config.yaml"
        args = argparse.Namespace(**read_yaml(config_file, "training config"))
        args.teacher_model_file = None  # a student is complete without its teacher
        model = cls.build_model(args)
        if model_file is not None:
            load_model_weights(model, model_file)
        return model.to(device), args

    @classmethod
    def _load_teacher(cls, teacher: Teacher) -> DiffusionTTS:
        return cls.build_model_from_file(teacher.config_file, teacher.model_file)[0].tts

    @staticmethod
    def _require_diffusion(args: argparse.Namespace) -> None:
        teacher = getattr(args, "teacher_model_file", None)
        if teacher is not None and args.tts not in diffusion_classes():
            raise ConfigError(
                f"teacher_model_file is for {', '.join(diffusion_classes())}, not for "
                f"{args.tts}"
            )

    @staticmethod
    def _known_key(key: str) -> str:
        # A YAML value does not pass argparse, which would lower-case and check it.
        if key.lower() not in tts_choices.classes:
            raise ConfigError(
                f"tts must be one of {', '.join(sorted(tts_choices.classes))}, but it "
                f"is {key!r}"
            )
        return key.lower()


class AdversarialTask(DiffusionTTSTask):
    """Trains a vocoder that has ``adversarial`` in its ``tts_conf``."""

    trainer = AdversarialTrainer

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> AdversarialTTSModel:
        """Build the model with a discriminator beside it."""
        model = super().build_model(args)
        both = AdversarialTTSModel(model, args.tts_conf["adversarial"])
        both.given_weights = model.given_weights
        return both
