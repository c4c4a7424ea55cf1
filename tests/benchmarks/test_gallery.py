"""The gallery's script: a player's file and a picture of each system."""

import runpy
import sys

import numpy as np
import soundfile

from espnet_prodiff import Text2Speech


def test_sound_and_picture_of_every_system(tmp_path, monkeypatch, capsys):
    time = np.arange(22050) / 22050
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * time), 22050)
    (tmp_path / "wav.scp").write_text(f"a {tmp_path}/a.wav\nb {tmp_path}/a.wav\n")
    (tmp_path / "text").write_text("a Hello there.\nb It works.\n")
    for name in ("audio", "images"):
        (tmp_path / "out" / name).mkdir(parents=True)
    options = f"--data_dir {tmp_path} --utts a b --output_dir {tmp_path}/out".split()
    systems = ["--system", "the voice, 1 step=slt:1"]
    monkeypatch.setattr(sys, "argv", ["gallery.py", *options, *systems])
    runpy.run_path("benchmarks/gallery.py", run_name="__main__")
    stems = capsys.readouterr().out.split()
    assert stems == ["gallery_recordings", "gallery_the_voice_1_step"]
    lengths = []
    for stem, fs in zip(stems, (22050, 16000), strict=True):
        wave, rate = soundfile.read(tmp_path / "out/audio" / f"{stem}.ogg")
        assert rate == fs and abs(wave).max() > 0.1
        lengths.append(len(wave) / fs)
        picture = tmp_path / "out/images" / f"{stem}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
    assert abs(lengths[0] - 2.3) < 0.01  # twice a second, and the pause between
    tts = Text2Speech.from_pretrained("slt")
    spoken = [len(tts(text, seed=0)["wav"]) for text in ("Hello there.", "It works.")]
    assert abs(lengths[1] - sum(spoken) / 16000 - 0.3) < 0.01
