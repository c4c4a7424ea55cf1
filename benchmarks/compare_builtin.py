"""Our teacher against ESPnet's built-in prodiff: same sizes, corpus and updates.

Each has the noise schedule of its own recipes, is trained at every learning rate of a
small grid through the ordinary stage 7 and judged at its best: L1 of held-out mels,
decoded in 4 steps with the recordings' durations. Needs the mini recipe up to stage 7
(its data, statistics and teacher).

    python3 benchmarks/compare_builtin.py --teacher exp/tts_train_.../config.yaml \
        --data_dir dump/raw/eval1 --durations dump/durations/eval1/durations \
        --updates 800 --learning_rates 2e-4 5e-4 1e-3 --output_dir exp/compare_builtin
"""

import argparse
import inspect
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from espnet2.tts.prodiff import ProDiff as Builtin

from espnet_prodiff.evaluation.evaluation_set import read_evaluation_set
from espnet_prodiff.evaluation.machine import describe_command, describe_machine
from espnet_prodiff.evaluation.mel_inputs import mel_inputs
from espnet_prodiff.evaluation.mel_model import VARIANCES, MelModel
from espnet_prodiff.evaluation.score_mels import score_models
from espnet_prodiff.training.task import DiffusionTTSTask

KEYS = {"ours": "prodiff", "built-in": "prodiff_builtin"}
EPOCHS = 4
STEPS = 4
# What the built-in is trained for, as in ESPnet's recipes.
BUILTIN_DIFFUSION = {
    "diffusion_scheduler": "vpsde",
    "diffusion_steps": STEPS,
    "diffusion_beta": 40.0,
}


def run_config(
    teacher: dict[str, Any], key: str, lr: float, updates: int
) -> dict[str, Any]:
    """Training config of one run: the teacher's, but for model, rate and length."""
    known = {action.dest for action in DiffusionTTSTask.get_parser()._actions}
    own = {"output_dir", "init_param", "resume", "config", "local_rank"}
    config = {
        name: value
        for name, value in teacher.items()
        if name in known - own and not name.startswith("dist_")
    }
    conf = dict(config["tts_conf"])
    if key == "prodiff_builtin":
        shared = inspect.signature(Builtin).parameters
        conf = {name: value for name, value in conf.items() if name in shared}
        conf["use_masking"] = True  # ours always masks
        conf |= BUILTIN_DIFFUSION
    scheduler = dict(config["scheduler_conf"], max_lr=lr, total_steps=updates)
    return config | {
        "tts": key,
        "tts_conf": conf,
        "optim_conf": dict(config["optim_conf"], lr=lr),
        "scheduler_conf": scheduler,
        "ema_decay": 0.0,  # the built-in has no such thing
        "num_iters_per_epoch": updates // EPOCHS,
        "max_epoch": EPOCHS,
        "num_workers": 0,
    }


def train(config: dict[str, Any], output_dir: Path, threads: int) -> None:
    """Train one run, or resume it."""
    output_dir.mkdir(parents=True, exist_ok=True)
    config_file = output_dir / "run.yaml"
    config_file.write_text(yaml.safe_dump(config, sort_keys=False))
    door = [sys.executable, "-m", "espnet_prodiff", "-m", "espnet2.bin.tts_train"]
    options = ["--config", str(config_file), "--output_dir", str(output_dir)]
    with (output_dir / "train.log").open("a") as log:
        subprocess.run(
            [*door, *options, "--resume", "true", "--ngpu", "0"],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
            check=True,
        )


def main() -> None:
    """Train everything, print the table and write it as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teacher", required=True, help="config.yaml of a teacher")
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--durations", required=True)
    parser.add_argument("--updates", type=int, default=800)
    parser.add_argument("--learning_rates", nargs="+", default=["2e-4", "5e-4", "1e-3"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="trainings at a time")
    parser.add_argument("--threads", type=int, default=1, help="of each training")
    parser.add_argument("--output_dir", type=Path, required=True)
    args = parser.parse_args()
    teacher = yaml.safe_load(Path(args.teacher).read_text(encoding="utf-8"))
    runs = {
        (name, lr): args.output_dir / f"{key}_{lr}"
        for lr in args.learning_rates
        for name, key in KEYS.items()
    }
    with ThreadPoolExecutor(args.jobs) as pool:
        jobs = [
            pool.submit(
                train,
                run_config(teacher, KEYS[name], float(lr), args.updates),
                exp,
                args.threads,
            )
            for (name, lr), exp in runs.items()
        ]
        for job in jobs:
            job.result()

    utterances = read_evaluation_set(args.data_dir, args.durations)
    print(
        f"{args.updates} updates, {len(utterances)} held-out utterances, "
        f"{args.seeds} seeds; L1 of normalised mels, durations of the recordings"
    )
    print("| model | learning rate | L1, pitch and energy predicted | ... true |")
    print("|---|---|---|---|")
    table: dict[str, dict[str, dict[str, float]]] = {}
    for (name, lr), exp in runs.items():
        loaded, train_args = DiffusionTTSTask.build_model_from_file(
            None, exp / "valid.loss.best.pth"
        )
        model = MelModel(loaded.eval(), f"{name} {lr}", STEPS)
        preprocess = DiffusionTTSTask.build_preprocess_fn(train_args, False)
        inputs = mel_inputs(
            utterances,
            lambda text, preprocess=preprocess: preprocess("", {"text": text})["text"],
            loaded.tts,
        )
        scores = {}
        for variance in VARIANCES:
            by_model = score_models([model], inputs, range(args.seeds), variance)
            l1 = by_model[model.name]["mel_l1"]
            scores[variance] = float(np.mean(list(l1.values())))
        table.setdefault(name, {})[lr] = scores
        print(
            f"| {name} | {lr} | {scores['predicted']:.3f} | {scores['true']:.3f} |",
            flush=True,
        )
    for variance in VARIANCES:
        best = {
            n: min(s[variance] for s in rates.values()) for n, rates in table.items()
        }
        ratio = best["ours"] / best["built-in"]
        print(
            f"pitch and energy {variance}: ours {best['ours']:.3f}, built-in "
            f"{best['built-in']:.3f}, ratio {ratio:.2f}"
        )
    results = {
        "command": describe_command("benchmarks/compare_builtin.py"),
        "machine": describe_machine(),
        "table": table,
    }
    (args.output_dir / "table.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
