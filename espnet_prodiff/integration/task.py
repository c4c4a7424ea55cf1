"""ESPnet's TTS task with our models; importing it registers them.

ESPnet starts one process per GPU with ``spawn``. Unpickling this class there imports
this module, and with it the registration: a registration made in ``__main__`` would be
lost and ESPnet's built-in would be trained instead.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from espnet2.tasks.tts import TTSTask, tts_choices
from espnet2.tts.espnet_model import ESPnetTTSModel
from espnet2.utils.types import int_or_none, str2bool, str_or_none

from espnet_prodiff.diffusion.distillation import GRID_TIMES
from espnet_prodiff.diffusion.weighting import LOSS_WEIGHTS
from espnet_prodiff.integration import data_checks
from espnet_prodiff.integration.checkpoint import (
    atomic_torch_save,
    load_model_weights,
    safe_torch_load,
)
from espnet_prodiff.integration.ema import WeightAverage
from espnet_prodiff.integration.feature_options import enter_feature_options
from espnet_prodiff.integration.files import ConfigError, read_yaml, write_yaml
from espnet_prodiff.integration.learning_rate import complete_onecycle
from espnet_prodiff.integration.memory import keep_freed_memory
from espnet_prodiff.integration.registry import CLASSES, register
from espnet_prodiff.integration.teacher import (
    DISTANCES,
    DISTILL_METHODS,
    DistillationObjective,
    Teacher,
)
from espnet_prodiff.integration.text import prepare_espeak
from espnet_prodiff.integration.trainer import DiffusionTrainer
from espnet_prodiff.layers.own_checkpoint import CHECKPOINT_FORMAT, FORMAT_KEY

register()


class DiffusionTTSTask(TTSTask):
    """Trains, collects statistics for and loads the models of this package."""

    trainer = DiffusionTrainer

    @classmethod
    def add_task_arguments(cls, parser: argparse.ArgumentParser) -> None:
        """Add ours to ESPnet's options."""
        super().add_task_arguments(parser)
        group = parser.add_argument_group(description="Diffusion related")
        group.add_argument(
            "--ema_decay",
            type=float,
            default=0.0,
            help="Decay of the moving average of the weights; 0: no average",
        )
        group.add_argument(
            "--teacher_model_file",
            type=str_or_none,
            default=None,
            help="Train a student of this model, from its weights; its num_steps is by "
            "default half the teacher's",
        )
        group.add_argument(
            "--start_model_file",
            type=str_or_none,
            default=None,
            help="Weights that a student starts with; default: its teacher's",
        )
        group.add_argument(
            "--teacher_num_steps",
            type=int_or_none,
            default=None,
            help="Steps that the teacher is sampled with; default: its own",
        )
        group.add_argument(
            "--distill_method",
            choices=DISTILL_METHODS,
            default="progressive",
            help="progressive: one step of the student does several of the teacher's; "
            "consistency: one step from any time of the teacher's to the end",
        )
        group.add_argument(
            "--distill_distance",
            choices=sorted(DISTANCES),
            default=None,
            help="Distance between the student's prediction and its target; default: "
            "l1, but l2 for consistency",
        )
        group.add_argument(
            "--distill_weight",
            choices=LOSS_WEIGHTS,
            default="uniform",
            help="Weight of that distance as a function of the noise",
        )
        group.add_argument(
            "--distill_times",
            choices=GRID_TIMES,
            default="uniform",
            help="How often a progressive student's times are drawn: alike, or as much "
            "as its prediction counts where the step lands",
        )
        group.add_argument(
            "--freeze_text_side",
            type=str2bool,
            default=True,
            help="Whether a student keeps its teacher's encoder and predictors",
        )

    @classmethod
    def build_model(cls, args: argparse.Namespace) -> ESPnetTTSModel:
        """Build the model that ``args`` describe; enters our key into ``tts_conf``."""
        args.tts = cls._known_key(args.tts)
        ours = args.tts in CLASSES
        teacher_file = getattr(args, "teacher_model_file", None)
        if teacher_file is not None and not ours:
            raise ConfigError(
                f"teacher_model_file is for {', '.join(CLASSES)}, not for {args.tts}"
            )
        if not ours and FORMAT_KEY in args.tts_conf:
            raise ConfigError(
                f"this config is of a model of espnet_prodiff, not of {args.tts}: "
                f"set tts to one of {', '.join(CLASSES)}"
            )
        teacher = None
        if teacher_file is not None:
            teacher = Teacher(teacher_file, args.teacher_num_steps)
        if ours:
            # Written to config.yaml, where it tells our models from ESPnet's built-in.
            # A student's options mean what its teacher's do.
            own = CHECKPOINT_FORMAT if teacher is None else teacher.conf[FORMAT_KEY]
            args.tts_conf = {FORMAT_KEY: own, **args.tts_conf}
            enter_feature_options(args)
        if teacher is not None:
            halved = max(1, teacher.num_steps // 2)
            one_step = args.distill_method == "consistency"
            if args.tts_conf.get("num_steps") is None:
                args.tts_conf["num_steps"] = 1 if one_step else halved
        model = super().build_model(args)
        if teacher is not None:
            if args.freeze_text_side and hasattr(model.tts, "freeze_text_side"):
                model.tts.freeze_text_side()
            if args.distill_distance is None:
                one_step = args.distill_method == "consistency"
                args.distill_distance = "l2" if one_step else "l1"
            model.tts.objective = DistillationObjective(
                teacher,
                model.tts,
                args.distill_method,
                args.distill_distance,
                args.distill_weight,
                args.distill_times,
                averaged=args.ema_decay != 0,
            )
            times = model.tts.objective.student_times
            model.tts.set_distilled_times(times)
            args.tts_conf["distilled_times"] = times
            if args.init_param:
                model.tts.objective.start_file = None
                model.tts.objective.shares_conditioning = False
            elif args.start_model_file is not None:
                model.tts.objective.start_file = Path(args.start_model_file)
            # A packed student names no other file.
            args.teacher_model_file = args.start_model_file = None
        return model

    @classmethod
    def build_optimizers(
        cls, args: argparse.Namespace, model: torch.nn.Module
    ) -> list[torch.optim.Optimizer]:
        """Build ESPnet's optimizer and, if asked for, the average of the weights."""
        optimizers = super().build_optimizers(args, model)
        if args.ema_decay != 0:
            model.weight_average = WeightAverage(optimizers[0], args.ema_decay)
            objective = getattr(model.tts, "objective", None)
            if isinstance(objective, DistillationObjective):
                objective.average_of = model.weight_average.of
        return optimizers

    @classmethod
    def build_preprocess_fn(
        cls, args: argparse.Namespace, train: bool
    ) -> Callable | None:
        """ESPnet's preprocessor, which checks every utterance and names a bad one."""
        prepare_espeak(args.g2p)
        preprocess = super().build_preprocess_fn(args, train)
        if preprocess is None:
            return None
        conf = args.feats_extract_conf or {}
        return data_checks.CheckedPreprocessor(preprocess, conf.get("hop_length"))

    @classmethod
    def main_worker(cls, args: argparse.Namespace) -> None:
        """Check what would fail late, then train or collect statistics."""
        args.tts = cls._known_key(args.tts)
        complete_onecycle(args)
        if args.tts in CLASSES:
            enter_feature_options(args)
        if not args.dist_rank:  # the first process or the only one
            if args.tts in CLASSES:
                data_checks.check_data(args)
            output_dir = Path(args.output_dir)
            refuse_changed_model(output_dir, args)
            if args.teacher_model_file is not None and not args.collect_stats:
                teacher = Teacher(args.teacher_model_file, args.teacher_num_steps)
                keep_teacher(output_dir, teacher)
        keep_freed_memory()
        with atomic_torch_save(), safe_torch_load():
            super().main_worker(args)
        # ESPnet leaves this to the end of the process, where its threads may abort it.
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

    @classmethod
    def build_model_from_file(
        cls,
        config_file: str | Path | None = None,
        model_file: str | Path | None = None,
        device: str = "cpu",
    ) -> tuple[ESPnetTTSModel, argparse.Namespace]:
        """Build a trained model, strictly and without running code from its files.

        Args:
            config_file: Its config.yaml; default: the one beside ``model_file``.
            model_file: Its weights; default: leave them as initialised.
            device: A torch device.

        Returns:
            The model and its training arguments.
        """
        if config_file is None:
            if model_file is None:
                raise ValueError("one of config_file and model_file has to be given")
            config_file = Path(model_file).parent / "config.yaml"
        args = argparse.Namespace(**read_yaml(config_file, "training config"))
        args.teacher_model_file = None  # a student is complete without its teacher
        model = cls.build_model(args)
        if model_file is not None:
            load_model_weights(model, model_file)
        return model.to(device), args

    @staticmethod
    def _known_key(key: str) -> str:
        # A YAML value does not pass argparse, which would lower-case and check it.
        if key.lower() not in tts_choices.classes:
            raise ConfigError(
                f"tts must be one of {', '.join(sorted(tts_choices.classes))}, but it "
                f"is {key!r}"
            )
        return key.lower()


def refuse_changed_model(output_dir: Path, args: argparse.Namespace) -> None:
    """Stop before a changed ``tts_conf`` overwrites the config of a trained model.

    Raises:
        ConfigError: If ``output_dir`` holds a checkpoint of another model.
    """
    config_file = output_dir / "config.yaml"
    if not (output_dir / "checkpoint.pth").exists() or not config_file.exists():
        return
    before = read_yaml(config_file, "training config")
    if args.tts in CLASSES:  # options go on meaning what they meant
        format_before = (before.get("tts_conf") or {}).get(FORMAT_KEY)
        args.tts_conf = {FORMAT_KEY: format_before, **args.tts_conf}
    ignored = {FORMAT_KEY: None, "num_steps": None, "distilled_times": None}
    old = {"tts": before.get("tts"), **(before.get("tts_conf") or {}), **ignored}
    new = {"tts": args.tts, **args.tts_conf, **ignored}
    # The rate of a cycle is already annealed for its length.
    for options, config in ((old, before), (new, vars(args))):
        if config.get("scheduler") == "onecyclelr":
            options["total_steps"] = (config["scheduler_conf"] or {}).get("total_steps")
    # The checkpoint's model is the average or the raw weights, depending on this.
    old["ema"] = "on" if before.get("ema_decay") else "off"
    new["ema"] = "on" if args.ema_decay else "off"
    changed = [
        f"{key}: {old.get(key)!r} -> {new.get(key)!r}"
        for key in sorted(old.keys() | new.keys())
        if old.get(key) != new.get(key)
    ]
    if changed:
        raise ConfigError(
            f"{output_dir} was trained with other options than these "
            f"({'; '.join(changed)}). Nothing was touched: train in a new experiment "
            "directory (--tag or --tts_exp), or put the options back to resume"
        )


def keep_teacher(output_dir: Path, teacher: Teacher) -> None:
    """Write down which teacher a phase has, and hold the phase to it.

    Raises:
        ConfigError: If the phase began with another teacher.
    """
    record_file = output_dir / "teacher.yaml"
    record: dict[str, Any] = teacher.record()
    if record_file.exists():
        before = read_yaml(record_file, "teacher record")
        if before.get("teacher_sha256") != record["teacher_sha256"]:
            raise ConfigError(
                f"the teacher of {output_dir} has changed since its training began: "
                f"{before.get('teacher_model_file')} had the SHA-256 "
                f"{before.get('teacher_sha256')}, {teacher.model_file} has "
                f"{record['teacher_sha256']}. Train in a new experiment directory"
            )
        if before.get("teacher_num_steps") != record["teacher_num_steps"]:
            raise ConfigError(
                f"the teacher of {output_dir} was sampled in "
                f"{before.get('teacher_num_steps')} steps when its training began, not "
                f"in {record['teacher_num_steps']}. Train in a new experiment directory"
            )
        return
    output_dir.mkdir(parents=True, exist_ok=True)
    write_yaml(record_file, record)
