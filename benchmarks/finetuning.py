"""A new voice of ten minutes: fine-tuned from the voice in the box, or from scratch.

    python3 benchmarks/finetuning.py WORK --json benchmarks/results/finetuning.json

In WORK flite's voice `rms` reads sentences (`egs2_recipe/flite`, exact durations);
both starts get the same data, config, updates and seeds. Speech of held-out sentences
is measured by `bin.evaluate`. What is there already is not made again. Needs the
Debian packages flite1-dev and wamerican.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

import soundfile

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "egs2_recipe" / "flite" / "tts1"
ITERS = 50  # of an epoch
STARTS = {"fine-tuned": ["--from", "demo"], "from scratch": []}
STEPS = 8


def run(work: Path, *words: str) -> None:
    """Run the recipe in WORK."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = dict(os.environ, PATH=path, OMP_NUM_THREADS="1")
    command = ["./run.sh", "--distill_steps", "", "--evaluate", "false", *words]
    subprocess.run([*command, "--nj", "1"], cwd=work, env=environment, check=True)


def prepare(work: Path, num_utts: int, minutes: float) -> None:
    """Make the corpus and both token lists and statistics."""
    work.mkdir(parents=True, exist_ok=True)
    for name in ("run.sh", "cmd.sh", "path.sh", "local", "conf"):
        if not (work / name).exists():
            (work / name).symlink_to((RECIPE / name).resolve())
    if (work / "prepared").exists():
        return
    data = ["--local_data_opts", f"--voices rms --num_utts {num_utts} --pitch_range 0"]
    run(work, *data, "--stop_stage", "1")
    cut(work / "data" / "tr_no_dev", work, minutes)
    run(work, "--stage", "2", "--stop_stage", "6")
    run(work, "--from", "demo", "--stage", "5", "--stop_stage", "6")
    (work / "prepared").touch()


def cut(data: Path, work: Path, minutes: float) -> None:
    """Keep the first utterances of a data directory, of so many minutes in all."""
    wavs = [line.split(maxsplit=1) for line in (data / "wav.scp").open()]
    kept, seconds = set(), 0.0
    for utt, file in wavs:
        if seconds < 60 * minutes:
            seconds += soundfile.info(work / file.strip()).duration
            kept.add(utt)
    for table in ("wav.scp", "text", "utt2spk", "durations", "sentences"):
        lines = (data / table).read_text().splitlines(keepends=True)
        lines = [line for line in lines if line.split(maxsplit=1)[0] in kept]
        (data / table).write_text("".join(lines))
    speaker = (data / "spk2utt").read_text().split()[0]
    (data / "spk2utt").write_text(f"{speaker} {' '.join(sorted(kept))}\n")


def train(work: Path, start: str, updates: int, seed: int) -> tuple[Path, float]:
    """Train and decode; returns the experiment and its training's seconds of CPU."""
    tag = f"{start.replace(' ', '_')}_{updates}_seed{seed}"
    exp = work / "exp" / f"tts_{tag}"
    words = [*STARTS[start], "--tag", tag, "--train_args"]
    words.append(
        f"--seed {seed} --num_iters_per_epoch {ITERS} --max_epoch {updates // ITERS}"
    )
    seconds = exp / "cpu_seconds"
    if not seconds.exists():
        before = os.times()
        run(work, "--stage", "7", "--stop_stage", "7", *words)
        after = os.times()
        spent = after.children_user + after.children_system
        spent -= before.children_user + before.children_system
        words += ["--inference_args", f"--num_steps {STEPS}", "--inference_nj", "1"]
        run(work, "--stage", "8", "--stop_stage", "8", *words)
        seconds.write_text(f"{spent:.1f}\n")
    return exp, float(seconds.read_text())


def evaluate(work: Path, exps: dict[str, Path]) -> dict:
    """Measure all systems at once."""
    data = work / "dump" / "raw" / "eval1"
    command = [sys.executable, "-m", "espnet_prodiff.bin.evaluate"]
    command += ["--data_dir", str(data), "--output_dir", str(work / "results")]
    command += ["--durations", str(work / "data" / "eval1" / "durations")]
    command += ["--num_pictures", "0"]
    for name, exp in exps.items():
        decoded = next(exp.glob("decode_num_steps*")) / "eval1"
        command += ["--system", f"{name}={decoded}"]
    command += ["--train_config", str(next(iter(exps.values())) / "config.yaml")]
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    subprocess.run(command, cwd=work, env=environment, check=True)
    return json.loads((work / "results" / "results.json").read_text())


def length(work: Path, name: str) -> float:
    """Minutes of a set."""
    lines = (work / "dump" / "raw" / name / "wav.scp").read_text().splitlines()
    files = [work / line.split(maxsplit=1)[1] for line in lines]
    return sum(soundfile.info(file).duration for file in files) / 60


def main() -> None:
    """Train, measure, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--updates", nargs="+", type=int, default=[250, 1000])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--num_utts", type=int, default=620)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    work = args.work.resolve()
    prepare(work, args.num_utts, args.minutes)
    exps, spent = {}, {}
    for seed in args.seeds:
        for updates in args.updates:
            for start in STARTS:
                name = f"{start}, {updates} updates, seed {seed}"
                exps[name], spent[name] = train(work, start, updates, seed)
    results = evaluate(work, exps)
    about = {
        "machine": f"{platform.machine()}, one thread of a shared server, CPU",
        "date": time.strftime("%Y-%m-%d"),
        "corpus": "flite rms, egs2_recipe/flite",
        "train_minutes": round(length(work, "tr_no_dev"), 2),
        "eval_minutes": round(length(work, "eval1"), 2),
        "config": "conf/flite/train_prodiff.yaml",
        "sampling_steps": STEPS,
    }
    output = {"about": about, "cpu_seconds": spent, "results": results}
    args.json.write_text(json.dumps(output, indent=1) + "\n")


if __name__ == "__main__":
    main()
