"""Speak the texts of a data directory, or of the command line.

Everything that ``espnet2.bin.tts_inference`` does, with the options of diffusion
models, with batches, and with every utterance that cannot be spoken named at the end.

    python3 -m espnet_prodiff.bin.tts_inference --text "Hello there." \
        --model_file exp/tts_x/valid.loss.best.pth --num_steps 2 --output_dir out
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from espnet.utils.cli_utils import get_commandline_args
from espnet2.bin import tts_inference as espnet
from espnet2.tasks.tts import TTSTask
from espnet2.utils.types import float_or_none, int_or_none, str2bool, str_or_none
from tqdm import tqdm

from espnet_prodiff.common.memory import keep_freed_memory
from espnet_prodiff.errors import UserError, one_message
from espnet_prodiff.inference.output import OutputWriter
from espnet_prodiff.inference.text import UNKNOWN_SYMBOLS
from espnet_prodiff.inference.text2speech import INPUTS, Text2Speech

__all__ = ["Text2Speech", "get_parser", "main"]

Item = tuple[str, dict[str, Any]]


def get_parser() -> argparse.ArgumentParser:
    """Return ESPnet's parser with our options."""
    parser = espnet.get_parser()
    for action in parser._actions:
        if action.dest == "data_path_and_name_and_type":
            action.required = False  # --text takes its place
    group = parser.add_argument_group("Diffusion related")
    group.add_argument(
        "--num_steps",
        type=int_or_none,
        default=None,
        help="Sampling steps; by default those that the model was trained for",
    )
    group.add_argument(
        "--schedule",
        type=str_or_none,
        default=None,
        help="Instead of num_steps: base6, large6, wavegrad1000, "
        "wavegrad50, wavegrad25 or a list of betas or times",
    )
    group.add_argument(
        "--eta",
        type=float_or_none,
        default=None,
        help="0: deterministic, 1: ancestral sampling; by default the model's own",
    )
    group.add_argument("--solver", default="ddim", help="ddim or dpmsolver++")
    group.add_argument(
        "--temperature", type=float, default=1.0, help="Factor on the noise"
    )
    group.add_argument(
        "--vocoder_num_steps",
        type=int_or_none,
        default=None,
        help="Sampling steps of a DiffWave vocoder; by default its own",
    )
    group.add_argument(
        "--vocoder_schedule",
        type=str_or_none,
        default=None,
        help="As --schedule, of a DiffWave vocoder",
    )
    group.add_argument(
        "--features_only",
        type=str2bool,
        default=False,
        help="Leave out the vocoder: write mels alone",
    )
    group = parser.add_argument_group("Text related")
    group.add_argument(
        "--text",
        nargs="+",
        help="Texts to speak instead of --data_path_and_name_and_type",
    )
    group.add_argument(
        "--unknown_symbols",
        choices=UNKNOWN_SYMBOLS,
        default="error",
        help="What to do with symbols that the model does not know: name them and "
        "leave the utterance out, or leave the symbols out",
    )
    return parser


def main(cmd: Sequence[str] | None = None) -> None:
    """Run inference; exit with 1 if an utterance could not be spoken."""
    print(get_commandline_args(), file=sys.stderr)
    args = get_parser().parse_args(cmd)
    logging.basicConfig(
        level=args.log_level,
        format="%(asctime)s (%(module)s:%(lineno)d) %(levelname)s: %(message)s",
    )
    keep_freed_memory()
    with one_message("tts_inference"):
        failed = speak_all(args)
    if failed:
        for problem in failed:
            print(problem, file=sys.stderr)
        sys.exit(f"{len(failed)} utterances could not be spoken; all others were")


def speak_all(args: argparse.Namespace) -> list[str]:
    """Speak every utterance.

    Every utterance's noise is drawn from ``args.seed``: what it sounds like depends
    neither on its batch nor on its place in the list.

    Args:
        args: What `get_parser` parses.

    Returns:
        For each utterance that could not be spoken, its name and why.

    Raises:
        UserError: An option or file cannot be used.
        FileNotFoundError: A file does not exist.
    """
    if (args.text is None) == (args.data_path_and_name_and_type is None):
        raise UserError(
            "expected either --text or --data_path_and_name_and_type, one of them"
        )
    if args.ngpu > 1 or args.batch_size < 1:
        raise UserError(
            f"ngpu is {args.ngpu} and batch_size {args.batch_size}: expected one GPU "
            "at most, and at least one utterance a batch"
        )
    speak = _build(args)
    if args.features_only:
        speak.vocoder = None
    failed: list[str] = []
    with OutputWriter(args.output_dir, speak.fs) as writer:
        batch: list[Item] = []
        with tqdm(total=_count(args), unit="utt", disable=None) as progress:
            for item in _read(args, speak):
                progress.update()
                if "problem" in item[1]:
                    failed.append(bytes(item[1]["problem"].tolist()).decode())
                    logging.error(failed[-1])
                    continue
                batch.append(item)
                if len(batch) == args.batch_size:
                    _speak(speak, batch, args.seed, writer, failed)
                    batch = []
            if batch:
                _speak(speak, batch, args.seed, writer, failed)
    return failed


def _build(args: argparse.Namespace) -> Text2Speech:
    same = (
        "train_config model_file threshold maxlenratio minlenratio use_teacher_forcing "
        "use_att_constraint backward_window forward_window speed_control_alpha "
        "noise_scale noise_scale_dur vocoder_config vocoder_file dtype seed "
        "always_fix_seed num_steps schedule eta solver temperature vocoder_num_steps "
        "vocoder_schedule unknown_symbols"
    ).split()
    return Text2Speech.from_pretrained(
        model_tag=args.model_tag,
        vocoder_tag=args.vocoder_tag,
        device="cuda" if args.ngpu else "cpu",
        **{name: getattr(args, name) for name in same},
    )


def _count(args: argparse.Namespace) -> int | None:
    if args.text is not None:
        return len(args.text)
    path = args.key_file or args.data_path_and_name_and_type[0][0]
    with open(path, encoding="utf-8") as f:
        return sum(1 for _ in f)


def _read(args: argparse.Namespace, speak: Text2Speech) -> Iterator[Item]:
    """Yield utterances; one that cannot be used brings a ``problem`` instead."""
    preprocess = _Preprocess(speak)
    if args.text is not None:
        for number, text in enumerate(args.text, 1):
            yield f"text{number}", preprocess(f"text{number}", {"text": text})
        return
    wanted = [
        entry
        for entry in args.data_path_and_name_and_type
        if entry[1] != "speech" or speak.use_speech
    ]
    loader = TTSTask.build_streaming_iterator(
        wanted,
        dtype=args.dtype,
        batch_size=1,
        key_file=args.key_file,
        num_workers=args.num_workers,
        preprocess_fn=preprocess,
        collate_fn=_only,
        allow_variable_data_keys=args.allow_variable_data_keys,
        inference=True,
    )
    yield from loader


def _only(batch: list[Item]) -> Item:
    return batch[0]


class _Preprocess:
    """Text to ids inside a loader's worker, which may not raise.

    What is wrong travels as bytes, because ESPnet's dataset lets arrays pass alone.
    """

    def __init__(self, speak: Text2Speech) -> None:
        self.text_to_ids = speak.text_to_ids
        self.preprocess = speak.preprocess_fn

    def __call__(self, key: str, data: dict[str, Any]) -> dict[str, np.ndarray]:
        try:
            if isinstance(data["text"], str):
                data["text"] = self.text_to_ids(data["text"])
        except ValueError as error:
            problem = f"utterance {key}: {error}".encode()
            return {"problem": np.frombuffer(problem, np.uint8).astype(np.int64)}
        return data if self.preprocess is None else self.preprocess(key, data)


def _speak(
    speak: Text2Speech,
    batch: list[Item],
    seed: int,
    writer: OutputWriter,
    failed: list[str],
) -> None:
    """Speak a batch; if one of it cannot be spoken, the others are spoken alone."""
    items = [
        {k: v for k, v in data.items() if k in ("text", *INPUTS)} for _, data in batch
    ]
    conf = speak.options(seed=seed)
    start = _clock(speak)
    try:
        outputs = speak.features(items, conf)
    except (ValueError, IndexError, AssertionError) as error:
        if len(batch) > 1:
            for item in batch:
                _speak(speak, [item], seed, writer, failed)
            return
        failed.append(f"utterance {batch[0][0]}: {error}")
        logging.error(failed[-1])
        return
    # A batch's time is shared out by length.
    per_frame = (_clock(speak) - start) / sum(_length(out) for out in outputs)
    for (key, data), out in zip(batch, outputs, strict=True):
        start = _clock(speak)
        speak.vocode(out, conf)
        vocoder_seconds = _clock(speak) - start
        writer.write(key, out, per_frame * _length(out), vocoder_seconds)
        logging.info(f"{key} (size:{len(data['text']) + 1}->{_length(out)})")


def _length(output: dict[str, torch.Tensor]) -> int:
    made = output.get("feat_gen")
    return len(made if made is not None else output["wav"])


def _clock(speak: Text2Speech) -> float:
    if torch.device(speak.device).type == "cuda":
        torch.cuda.synchronize(speak.device)
    return time.perf_counter()


if __name__ == "__main__":
    main()
