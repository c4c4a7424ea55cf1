from pathlib import Path

import pytest
import yaml
from espnetez.config import from_yaml

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.config import (
    merge_configs,
    options_of_config,
    read_config,
    training_options,
    with_numbers,
)

SHIPPED = sorted(str(path) for path in Path("conf").rglob("*.yaml"))


def test_every_reader_of_yaml_sees_the_same_shipped_config():
    assert len(SHIPPED) > 40
    for path in SHIPPED:
        config = read_config(path)
        assert yaml.safe_load(Path(path).read_text()) == config
        # distill and train configs alone name the model that stage 7 trains.
        if "train_" in path or "distill_" in path:
            assert config["tts"] in Path(path).stem or config["tts"] == "prodiff"


@pytest.mark.parametrize("path", ["conf/mini/train_prodiff.yaml"])
def test_espnet_ez_reads_a_shipped_config_as_we_do(path):
    ours = read_config(path)
    theirs = from_yaml("tts", path)
    assert {name: theirs.get(name) for name in ours} == ours
    assert theirs["tts_conf"]["denoiser_layers"] == 10


def test_a_config_of_the_package_is_found_anywhere(tmp_path, monkeypatch):
    ours = read_config("conf/mini/train_prodiff.yaml")
    monkeypatch.chdir(tmp_path)
    assert read_config("mini/train_prodiff.yaml") == ours
    with pytest.raises(FileNotFoundError):
        read_config("mini/no_such.yaml")
    Path("mini").mkdir()
    Path("mini/train_prodiff.yaml").write_text("tts: own")  # comes first
    assert read_config("mini/train_prodiff.yaml") == {"tts": "own"}


def test_students_options_and_no_config(tmp_path):
    config = tmp_path / "a.yaml"
    config.write_text("tts_conf: {adim: 8, layers: 2}\nstudent: {layers: 1}\n")
    options = training_options(str(config))
    assert options == {"tts_conf": {"adim": 8, "layers": 1}}
    with options_of_config(options) as (name, file):
        assert name == "--config"
        assert yaml.safe_load(open(file)) == options
    with options_of_config({}) as words:
        assert words == []


def test_options_of_another_scheduler_are_not_inherited():
    base = dict(scheduler="noamlr", scheduler_conf=dict(warmup=3), names=[1, 2])
    other = dict(scheduler="onecyclelr", scheduler_conf=dict(steps=5), names=[3])
    assert merge_configs(base, other) == other
    same = dict(scheduler="noamlr", scheduler_conf=dict(size=5))
    merged = merge_configs(base, same)
    assert merged["scheduler_conf"] == dict(warmup=3, size=5)
    assert merged["names"] == [1, 2]


def test_a_base_is_refused_instead_of_passed_over(tmp_path):
    config = tmp_path / "a.yaml"
    config.write_text("base: train_prodiff.yaml\nmax_epoch: 3\n")
    with pytest.raises(ConfigError, match="base: train_prodiff.yaml, which is no long"):
        read_config(config)
    config.write_text("- 1\n")
    with pytest.raises(ConfigError, match="expected a mapping"):
        read_config(config)


def test_an_option_is_read_under_its_old_name(tmp_path):
    config = tmp_path / "a.yaml"
    config.write_text("start_model_file: exp/x.pth")
    assert read_config(config) == {"init_from": "exp/x.pth"}


def test_numbers_are_numbers_with_or_without_a_point():
    written = yaml.safe_load(
        "{lr: 5e-4, betas: [9E-1, .5e0], eps: 1.0e-8, name: 1e, n: 3}"
    )
    assert written["lr"] == "5e-4"  # YAML 1.1's word
    assert with_numbers({"optim": written}) == {
        "optim": {"lr": 5e-4, "betas": [0.9, 0.5], "eps": 1e-8, "name": "1e", "n": 3}
    }
