"""Downloads of espnet_model_zoo: its table of models, URLs and the hub."""

from __future__ import annotations

from pathlib import PureWindowsPath

from espnet_model_zoo.downloader import ModelDownloader


class Downloader(ModelDownloader):
    """ESPnet's downloader, which takes the server's word for a file's name."""

    @staticmethod
    def _get_file_name(url: str) -> str:
        """Keep the server's file name inside the cache."""
        name = ModelDownloader._get_file_name(url).strip("\"' ")
        return PureWindowsPath(name).name or "model.zip"
