import pytest
import yaml

from espnet_prodiff.errors import ConfigError
from espnet_prodiff.fileio.config import read_config, resolved_config


def write(path, **config):
    path.parent.mkdir(exist_ok=True)
    path.write_text(yaml.safe_dump(config))
    return path


def test_differences_are_merged_into_the_base(tmp_path):
    write(tmp_path / "a.yaml", lr=1, tts_conf=dict(adim=8, layers=2), names=[1, 2])
    write(tmp_path / "sub" / "b.yaml", base="../a.yaml", tts_conf=dict(layers=3))
    last = write(tmp_path / "sub" / "c.yaml", base="b.yaml", lr=2, names=[3])
    expected = dict(lr=2, tts_conf=dict(adim=8, layers=3), names=[3])
    assert read_config(last) == expected
    with resolved_config(str(last)) as plain:
        assert yaml.safe_load(open(plain)) == expected
    with resolved_config(None) as plain:
        assert plain is None


def test_options_of_another_scheduler_are_not_inherited(tmp_path):
    write(tmp_path / "a.yaml", scheduler="noamlr", scheduler_conf=dict(warmup=3))
    other = dict(scheduler="onecyclelr", scheduler_conf=dict(steps=5))
    assert read_config(write(tmp_path / "b.yaml", base="a.yaml", **other)) == other
    same = dict(scheduler="noamlr", scheduler_conf=dict(size=5))
    merged = read_config(write(tmp_path / "c.yaml", base="a.yaml", **same))
    assert merged["scheduler_conf"] == dict(warmup=3, size=5)


def test_wrong_bases_are_refused(tmp_path):
    circle = write(tmp_path / "a.yaml", base="b.yaml")
    write(tmp_path / "b.yaml", base="a.yaml")
    with pytest.raises(ConfigError, match="leads back to itself"):
        read_config(circle)
    with pytest.raises(FileNotFoundError, match="nowhere.yaml"):
        read_config(write(tmp_path / "c.yaml", base="nowhere.yaml"))
    (tmp_path / "d.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="expected a mapping"):
        read_config(tmp_path / "d.yaml")


def test_an_option_is_read_under_its_old_name(tmp_path):
    config = write(tmp_path / "a.yaml", start_model_file="exp/x.pth")
    assert read_config(config) == {"init_from": "exp/x.pth"}
