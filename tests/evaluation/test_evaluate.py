"""The command, on a tiny corpus with a model that was really trained."""

import json
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from espnet_prodiff.bin.evaluate import get_parser, main, split_steps
from espnet_prodiff.evaluation.evaluate import ModelFile, evaluate
from espnet_prodiff.evaluation.evaluation_set import read_evaluation_set
from espnet_prodiff.evaluation.systems import System
from tests.integration.corpus import FS, SENTENCES, collect_stats, make_corpus, train

CONFIG = "conf/debug/train_prodiff.yaml"


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    """Corpus, a trained model, and a decoded directory with known waveforms."""
    root = make_corpus(tmp_path_factory.mktemp("evaluate"))
    collect_stats(root, CONFIG)
    train(root, CONFIG, root / "exp" / "tts_teacher")
    decoded = root / "decoded"
    speed = decoded / "log" / "output.1" / "speed"
    for folder in (decoded / "wav", decoded / "denorm", speed):
        folder.mkdir(parents=True)
    lines = {"durations": [], "speed": [], "feats": []}
    for utt in SENTENCES:
        shutil.copy(root / "wav" / f"{utt}.wav", decoded / "wav")
        np.save(decoded / f"{utt}.npy", np.full((20, 20), -2.0))
        lines["feats"].append(f"{utt} {decoded}/{utt}.npy\n")
        lines["speed"].append(f"{utt} 2.0 0.1 0.3\n")
    for line in (root / "durations").read_text().splitlines():
        utt, *frames = line.split()
        more = " ".join(str(int(n) + 1) for n in frames)
        lines["durations"].append(f"{utt} {more}\n")
    (decoded / "durations").write_text("".join(lines["durations"]))
    (decoded / "denorm" / "feats.scp").write_text("".join(lines["feats"]))
    (speed / "speed").write_text("".join(lines["speed"]))
    return root


def options(root, out):
    exp = root / "exp" / "tts_teacher"
    model = exp / "valid.loss.best.pth"
    return [
        *("--data_dir", str(root), "--durations", str(root / "durations")),
        *("--train_config", str(exp / "config.yaml"), "--num_seeds", "2"),
        *("--system", f"parrot={root / 'decoded'}", "--num_pictures", "1"),
        *("--model", f"teacher={model}:4", "--model", f"one step={model}:1"),
        *("--output_dir", str(out)),
    ]


def test_table_pictures_and_copy_synthesis(recipe, tmp_path):
    main(options(recipe, tmp_path / "results"))
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    rows = {system["name"]: system for system in results["systems"]}
    assert list(rows) == [
        "recordings through the vocoder",
        "parrot",
        "teacher",
        "one step",
    ]
    parrot = rows["parrot"]
    assert parrot["mcd"] == {"mean": 0, "std": 0, "ci95": 0, "n": 6}
    assert rows["recordings through the vocoder"]["mcd"]["mean"] > 0.5
    frame = 256 / FS * 1000
    assert parrot["duration_ms"]["mean"] == pytest.approx(frame)
    assert parrot["length_error"]["mean"] > 0
    assert parrot["rtf_model"]["mean"] == pytest.approx(0.05)
    assert parrot["rtf"]["mean"] == pytest.approx(0.2)
    assert rows["teacher"]["distance"]["mean"] == 0
    assert rows["one step"]["distance"]["mean"] > 0
    assert 0.3 < rows["teacher"]["mel_l1"]["mean"] < 1.5
    assert set(rows["teacher"]["values"]["mel_l1"]) == set(SENTENCES)
    assert "torch" in results["about"]["machine"]
    copied = tmp_path / "results" / "copy_synthesis" / "wav"
    wav, fs = sf.read(copied / "u0.wav")
    assert fs == FS and np.abs(wav).max() > 0.05
    images = {p.name for p in (tmp_path / "results" / "images").iterdir()}
    assert images == {
        "mel_u0.png",
        "alignment_u0.png",
        "denoising_1_u0.png",
        "denoising_2_u0.png",
        "decoded_u0.png",
        "losses.png",
        "seeds_u0.png",
        "steps.png",
    }
    audio = {p.name for p in (tmp_path / "results" / "audio" / "u0").iterdir()}
    seeds = range(2)
    assert audio == {f"{m}_seed{n}.wav" for m in ("teacher", "one_step") for n in seeds}
    first, second = (
        sf.read(tmp_path / "results" / "audio" / "u0" / f"teacher_seed{n}.wav")[0]
        for n in seeds
    )
    assert len(first) == len(second) and np.abs(first - second).max() > 1e-3
    markdown = (tmp_path / "results" / "results.md").read_text()
    assert "| parrot | 0.00 ± 0.00 |" in markdown


def test_waveforms_alone_need_no_durations(recipe, tmp_path):
    words = options(recipe, tmp_path / "results")
    del words[2:4]
    main([*words, "--num_pictures", "0", "--nj", "2", "--max_utts", "2"])
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    rows = {system["name"]: system for system in results["systems"]}
    assert rows["parrot"]["mcd"]["n"] == 2
    assert "pesq" not in rows["parrot"]  # its durations might be its own
    assert rows["recordings through the vocoder"]["stoi"]["mean"] < 1
    assert "duration_ms" not in rows["parrot"] and "teacher" not in rows
    assert results["notes"][0].startswith("the models' mels were not scored")


def test_the_same_from_python(recipe, tmp_path):
    main([*options(recipe, tmp_path / "a"), "--num_pictures", "0"])
    model = recipe / "exp" / "tts_teacher" / "valid.loss.best.pth"
    results, files = evaluate(
        read_evaluation_set(recipe, recipe / "durations"),
        tmp_path / "b",
        systems=[System("parrot", recipe / "decoded")],
        models=[ModelFile("teacher", model, 4), ModelFile("one step", model, 1)],
        num_seeds=2,
        num_pictures=0,
    )
    assert files == [tmp_path / "b" / "results.md", tmp_path / "b" / "results.json"]
    expected, actual = (
        json.loads((tmp_path / name / "results.json").read_text()) for name in "ab"
    )
    assert "bin.evaluate" in expected["about"].pop("command")
    assert actual == expected
    assert results.rows["parrot"]["mcd"].mean == 0


def test_a_vocoder_is_scored_sample_by_sample(recipe, tmp_path):
    words = options(recipe, tmp_path / "results")[4:6]  # the features' config
    words += ["--data_dir", str(recipe), "--output_dir", str(tmp_path / "results")]
    words += ["--resynthesis", f"parrot={recipe / 'decoded'}", "--num_pictures", "0"]
    main([*words, "--max_utts", "3"])
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    rows = {system["name"]: system for system in results["systems"]}
    vocoder = rows["recordings through the vocoder"]
    assert rows["parrot"]["stoi"]["mean"] == pytest.approx(1)
    assert rows["parrot"]["log_mel_l1"]["mean"] == 0
    assert rows["parrot"]["pesq"]["mean"] == pytest.approx(4.644, abs=1e-3)
    assert vocoder["pesq"]["n"] == 3
    assert vocoder["pesq"]["mean"] < 4.6 and vocoder["log_mel_l1"]["mean"] > 0.05
    markdown = (tmp_path / "results" / "results.md").read_text()
    # One utterance is too short for STOI.
    cells = "4.64 ± 0.00 | 1.000 ± 0.000 (n = 2) | 0.000 ± 0.000 | 3"
    assert f"| parrot | {cells} |" in markdown


def test_without_pesq_the_table_says_how_to_get_it(recipe, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pesq", None)  # as if it were not installed
    words = options(recipe, tmp_path / "results")[4:6]
    words += ["--data_dir", str(recipe), "--output_dir", str(tmp_path / "results")]
    words += ["--resynthesis", f"parrot={recipe / 'decoded'}", "--num_pictures", "0"]
    main([*words, "--max_utts", "1"])
    results = json.loads((tmp_path / "results" / "results.json").read_text())
    rows = {system["name"]: system for system in results["systems"]}
    assert rows["parrot"].get("pesq") is None
    assert rows["parrot"]["log_mel_l1"]["mean"] == 0
    markdown = (tmp_path / "results" / "results.md").read_text()
    assert "as the package is missing: pip install pesq" in markdown


@pytest.mark.parametrize(
    "spoil, message",
    [
        ("missing", "'parrot': .*wav lacks 1 of 6 utterances, first u3"),
        ("rate", "u3 .*u3.wav. has 8000 Hz, expected 16000 Hz"),
        ("tokens", r"u3 .*: 1 predicted durations, 5 in the reference"),
        ("durations", "decoded/durations lacks 1 of 6 utterances, first u3"),
    ],
)
def test_bad_systems_are_one_line(recipe, tmp_path, spoil, message):
    root = shutil.copytree(recipe, tmp_path / "copy")
    wav, table = root / "decoded" / "wav" / "u3.wav", root / "decoded" / "durations"
    if spoil == "missing":
        wav.unlink()
    elif spoil == "rate":
        sf.write(wav, np.zeros(800), 8000)
    else:
        lines = [line for line in table.read_text().splitlines() if line[:2] != "u3"]
        lines += ["u3 4"] if spoil == "tokens" else []
        table.write_text("\n".join(lines) + "\n")
    with pytest.raises(SystemExit) as error:
        main(options(root, tmp_path / "results"))
    assert "\n" not in str(error.value.code)
    assert re.search(message, str(error.value.code)), error.value.code
    assert not (tmp_path / "results" / "results.md").exists()


def test_missing_models_are_one_line(recipe, tmp_path):
    words = options(recipe, tmp_path)
    words[words.index("--model") + 1] = f"gone={tmp_path}/gone.pth:4"
    with pytest.raises(SystemExit, match="gone.pth does not exist"):
        main(words)


def test_the_command_line(capsys):
    assert split_steps("exp/a:b/x.pth:12") == (Path("exp/a:b/x.pth"), 12)
    assert split_steps("exp/x.pth")[1] is None
    always = ["--data_dir", "d", "--output_dir", "o"]
    assert get_parser().parse_args([*always, "--system", "a, b=x=y"]).system == [
        ("a, b", "x=y")
    ]
    for words, message in (
        ([], "nothing to measure"),
        (["--model", "a=b"], "--model needs --durations"),
        (["--system", "a"], "'a' is not NAME=PATH"),
        (["--system", "a=b", "--system", "a=c"], "two have the same name"),
        (["--system", "a=b", "--resynthesis", "a=c"], "two have the same name"),
        (["--system", "a=b", "--num_seeds", "0"], "0 is not at least 1"),
    ):
        with pytest.raises(SystemExit):
            main([*always, *words])
        assert message in capsys.readouterr().err
