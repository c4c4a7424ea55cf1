"""Progressive distillation: one training a phase, each student the next one's teacher.

Example:
    python3 -m espnet_prodiff.bin.distill --config conf/distill_prodiff.yaml \
        --teacher_model_file exp/tts_prodiff/valid.loss.best.pth --num_steps 2 1
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from espnet_prodiff.diffusion import halving_plan
from espnet_prodiff.integration.base_config import read_config
from espnet_prodiff.integration.files import write_yaml
from espnet_prodiff.integration.task import DiffusionTTSTask
from espnet_prodiff.integration.teacher import Teacher

BEST = "valid.loss.best.pth"

# What a phase decides for itself; everything else comes from the teacher's config.
_OWN = {"output_dir", "init_param", "resume", "config", "local_rank"}


def get_parser() -> argparse.ArgumentParser:
    """Options of the chain; unknown ones are passed on to every training."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--teacher_model_file", required=True, type=Path)
    parser.add_argument(
        "--num_steps",
        required=True,
        nargs="+",
        type=int,
        help="Steps of the students, each half of the one before: 2 1",
    )
    parser.add_argument(
        "--config",
        required=True,
        help="Training config of a phase; it wins over the teacher's own",
    )
    parser.add_argument(
        "--output_prefix",
        help="Students go to <prefix>_steps<N>; default: the teacher's directory",
    )
    parser.add_argument("--model_file", default=BEST, help="Student to hand on")
    parser.add_argument("--ngpu", type=int, default=0)
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Train or resume every phase; prints the model file of each student."""
    args, train_args = get_parser().parse_known_args(cmd)
    teacher = Teacher(args.teacher_model_file)
    plan = halving_plan(teacher.num_steps, args.num_steps)
    prefix = args.output_prefix or str(args.teacher_model_file.parent)
    for number, (teacher_steps, student_steps) in enumerate(plan, 1):
        output_dir = Path(f"{prefix}_steps{student_steps}")
        print(
            f"Phase {number} of {len(plan)}: {teacher_steps} -> {student_steps} steps, "
            f"{teacher.model_file} -> {output_dir}",
            flush=True,
        )
        config = phase_config(teacher, read_config(args.config), student_steps)
        train_phase(config, output_dir, args.ngpu, train_args)
        teacher = Teacher(output_dir / args.model_file)
        print(f"Student of {student_steps} steps: {teacher.model_file}", flush=True)


def phase_config(
    teacher: Teacher, config: dict[str, Any], num_steps: int
) -> dict[str, Any]:
    """Training config of a phase: the teacher's data and features, ``config``'s way.

    Args:
        teacher: The teacher.
        config: Training config of the phase, without ``base``.
        num_steps: Steps of the student.
    """
    known = {action.dest for action in DiffusionTTSTask.get_parser()._actions}
    inherited = {
        key: value
        for key, value in teacher.config.items()
        if key in known - _OWN and not key.startswith("dist_")
    }
    merged = inherited | config
    # The student has the teacher's network, whatever the phase's config says of it.
    merged["tts"] = teacher.config["tts"]
    merged["tts_conf"] = {**teacher.config["tts_conf"], "num_steps": num_steps}
    for part in ("feats_extract", "pitch_extract", "energy_extract"):
        merged[part] = teacher.config.get(part)
    merged["teacher_model_file"] = str(teacher.model_file)
    merged["resume"] = True
    return merged


def train_phase(
    config: dict[str, Any], output_dir: Path, ngpu: int, train_args: Sequence[str]
) -> None:
    """Run one phase as an ordinary stage-7 training.

    Raises:
        SystemExit: If the training failed; what it finished can be resumed.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    config_file, log = output_dir / "phase.yaml", output_dir / "train.log"
    write_yaml(config_file, config)
    command = [
        *(sys.executable, "-m", "espnet_prodiff", "-m", "espnet2.bin.tts_train"),
        *("--config", str(config_file)),
        *("--output_dir", str(output_dir)),
        *("--ngpu", str(ngpu)),
        *("--multiprocessing_distributed", "true"),
        *train_args,
    ]
    environment = {**os.environ, "PYTHONUTF8": "1"}
    with log.open("a", encoding="utf-8") as stream:
        finished = subprocess.run(
            command, stdout=stream, stderr=subprocess.STDOUT, env=environment
        )
    if finished.returncode != 0:
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        sys.exit(
            "\n".join(tail)
            + f"\nThe training of {output_dir} failed (its log: {log}). Mend the cause "
            "and run the same command again: it resumes after the last whole epoch"
        )


if __name__ == "__main__":
    try:
        main()
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"distill: error: {error}")
