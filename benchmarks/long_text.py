"""A text of 20,000 words through ``tts.stream``: memory, and whether a token is lost.

The text is of the sentences of the flite recipe, five to a paragraph; each of them is
tokenised by itself too, and both token sequences are compared. Memory is the process's
largest, imports and model included; what it grew by after the first hundred sentences
is given too. Needs the word list of Debian's package wamerican.

    OMP_NUM_THREADS=1 python3 benchmarks/long_text.py \
        --output benchmarks/results/long_text.json
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

from espnet_prodiff import Text2Speech
from espnet_prodiff.evaluation.machine import describe_command, describe_machine
from espnet_prodiff.fileio.atomic import write_text
from espnet_prodiff.inference.find_model import find_model

LOCAL = Path(__file__).parents[1] / "egs2_recipe" / "flite" / "tts1" / "local"
WORDS = Path("/usr/share/dict/american-english")


def memory() -> float:
    """Return the process's largest resident set so far, in MB of 1e6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def sentences_of(num_words: int) -> list[str]:
    """Return sentences of together at least so many words."""
    sys.path.insert(0, str(LOCAL))
    from sentences import make_texts

    words = WORDS.read_text(encoding="utf-8").split()
    total, chosen = 0, []
    for sentence in make_texts(num_words // 4, words, seed=20):
        if total >= num_words:
            break
        chosen.append(sentence)
        total += len(sentence.split())
    return chosen


def main() -> None:
    """Speak, count, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--voice", help="default: slt")
    parser.add_argument("--words", type=int, default=20_000)
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    text2speech = Text2Speech(**find_model(args.voice))
    sentences = sentences_of(args.words)
    paragraphs = [" ".join(sentences[i : i + 5]) for i in range(0, len(sentences), 5)]
    start = time.process_time()
    tokens: list[str] = []
    pieces = frames = samples = 0
    early = 0.0
    for out in text2speech.stream("\n\n".join(paragraphs), seed=0):
        tokens += [phone.token for phone in out["phones"][:-1]]  # but eos
        frames += int(out["duration"].sum())
        samples += len(out["wav"])
        pieces += 1
        if pieces == 100:
            early = memory()
        if pieces % 100 == 0:
            print(pieces, samples / text2speech.fs, memory(), flush=True)
    spent, largest = time.process_time() - start, memory()
    names = text2speech.preprocess_fn.token_id_converter.token_list
    expected = [names[i] for s in sentences for i in text2speech.text_to_ids(s)]
    results = {
        "words": sum(len(sentence.split()) for sentence in sentences),
        "sentences": len(sentences),
        "pieces": pieces,
        "tokens": len(tokens),
        "tokens_sentence_by_sentence": len(expected),
        "the_same_tokens": tokens == expected,
        "hours_of_speech": round(samples / text2speech.fs / 3600, 3),
        "cpu_minutes": round(spent / 60, 1),
        "largest_memory_mb": round(largest),
        "largest_memory_mb_after_100_sentences": round(early),
    }
    print(json.dumps(results))
    about = {
        "command": describe_command("benchmarks/long_text.py"),
        "machine": describe_machine(),
    }
    write_text(args.output, json.dumps({**about, **results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
