"""Speech through the loudspeaker, with what the system has."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from espnet_prodiff.errors import UserError
from espnet_prodiff.extras import install_command
from espnet_prodiff.fileio.speech_file import Sink, pcm_16, speech_file

# Programs that take 16-bit samples from their standard input.
PLAYERS = {
    "pw-play": "pw-play --format s16 --rate {fs} --channels 1 -",
    "paplay": "paplay --raw --format=s16le --rate={fs} --channels=1",
    "aplay": "aplay -q -t raw -f S16_LE -r {fs} -c 1 -",
    "ffplay": "ffplay -loglevel error -nodisp -autoexit -f s16le -ar {fs} -i -",
}


@contextmanager
def player(fs: int) -> Iterator[Sink]:
    """Play what is written, at ``fs`` Hz, from the first samples on.

    By the package sounddevice, if it is installed, or a
    program: pw-play, paplay, aplay, ffplay, or afplay, which begins at the end.

    Raises:
        UserError: There is nothing to play with, or no sound card.
    """
    if importlib.util.find_spec("sounddevice") is not None:
        yield from _sounddevice(fs)
        return
    name = next((name for name in PLAYERS if shutil.which(name)), None)
    if name is not None:
        yield from _program(PLAYERS[name].format(fs=fs).split())
    elif shutil.which("afplay"):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "speech.wav"
            with speech_file(path, fs) as sink:
                yield sink
            subprocess.run(["afplay", path], check=True)
    else:
        raise UserError(
            f"there is nothing to play with: install one of {', '.join(PLAYERS)} or "
            f"sounddevice ({install_command('play')}), or write a file (-o hello.wav)"
        )


def _program(command: list[str]) -> Iterator[Sink]:
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    broken = False
    try:
        yield _Pipe(cast(IO[bytes], process.stdin))  # None without PIPE alone
    except BrokenPipeError:
        broken = True
    except BaseException:
        process.kill()
        raise
    message = process.communicate()[1].decode(errors="replace").strip()
    if broken or process.returncode:
        reason = (
            message.splitlines()[0] if message else f"ended with {process.returncode}"
        )
        raise UserError(
            f"{command[0]} cannot play: {reason}; write a file instead (-o hello.wav)"
        )


class _Pipe:
    def __init__(self, stdin: IO[bytes]) -> None:
        self.stdin = stdin

    def write(self, wav: np.ndarray) -> None:
        self.stdin.write(pcm_16(wav))
        self.stdin.flush()


def _sounddevice(fs: int) -> Iterator[Sink]:
    try:
        import sounddevice
    except OSError as error:  # without the library PortAudio
        raise UserError(f"sounddevice cannot play: {error}") from error
    try:
        with sounddevice.OutputStream(fs, channels=1, dtype="float32") as output:
            yield _Device(output)
    except sounddevice.PortAudioError as error:
        raise UserError(
            f"there is no sound card to play on ({error}): write a file (-o hello.wav)"
        ) from error


class _Device:
    def __init__(self, output: Any) -> None:
        self.output = output

    def write(self, wav: np.ndarray) -> None:
        self.output.write(np.asarray(wav, np.float32)[:, None])
