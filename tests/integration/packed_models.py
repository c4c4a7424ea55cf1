"""Archives that look like packed models."""

import io
import tarfile
import zipfile

import yaml

META = {
    "files": {"model_file": "exp/1epoch.pth"},
    "yaml_files": {"train_config": "exp/config.yaml"},
    "espnet": "202511",
}
CONFIG = {"normalize_conf": {"stats_file": "exp/stats.npz"}, "tts": "prodiff"}
GOOD = {
    "exp/config.yaml": yaml.safe_dump(CONFIG),
    "exp/1epoch.pth": "weights",
    "exp/stats.npz": "stats",
}


def pack(path, members=None, meta=None, suffix_meta="meta.yaml"):
    """Write an archive; ``members`` are pairs of names (or infos) and contents."""
    content = {suffix_meta: yaml.dump(META if meta is None else meta), **GOOD}
    pairs = list(content.items()) + list(members or [])
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in pairs:
                archive.writestr(name, text)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, text in pairs:
                info = (
                    name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
                )
                data = text.encode()
                if info.isreg():
                    info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
    return path
