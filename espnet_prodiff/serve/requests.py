"""What clients may ask for: OpenAI's fields, and those of this package."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from espnet_prodiff.errors import InputError
from espnet_prodiff.runtime.voice import Voice

# Fields that go to `Voice` under their own names.
OPTIONS = ("speed", "pitch", "energy", "volume", "num_steps", "seed", "temperature")


class SpeechRequest(BaseModel):
    """A text to speak."""

    model_config = ConfigDict(extra="forbid")

    model: str = Field(description="A voice of /v1/models.", max_length=200)
    input: str = Field(description="The text, of any number of sentences.")
    voice: str | int | dict[str, str] = Field(
        "default", description="A speaker of the model, by name or id; or default."
    )
    response_format: Literal["mp3", "opus", "flac", "wav", "pcm"] = Field(
        "mp3",
        description="pcm: 16 bits, little-endian, at the rate in X-Sample-Rate.",
    )
    speed: float = Field(1.0, description="2: twice as fast.")
    instructions: str | None = Field(
        None, description="Of OpenAI's clients; ignored: no voice here follows any."
    )
    stream_format: Literal["audio", "sse"] | None = Field(
        None, description="Send sentences when they are ready, as bytes or as events."
    )
    stream: bool = Field(False, description="As stream_format: audio.")
    pitch: float = Field(0.0, description="Semitones up.")
    energy: float = Field(0.0, description="dB louder, by the energy predictor.")
    volume: float = Field(1.0, description="Factor on the wave.")
    num_steps: int | None = Field(None, description="Steps; default: the model's own.")
    seed: int = Field(0, description="Of the noise: the same seed, the same speech.")
    temperature: float = Field(1.0, description="Factor on the noise.")

    @property
    def streamed(self) -> bool:
        """Whether sentences are sent one by one."""
        return self.stream or self.stream_format is not None

    def options(self, voice: Voice) -> dict[str, Any]:
        """Return the options for a voice, its speaker among them.

        Raises:
            InputError: There is no such speaker.
        """
        options = {name: getattr(self, name) for name in OPTIONS}
        count = voice.about["identity"]["num_speakers"]
        speaker = self.voice
        if isinstance(speaker, dict):  # OpenAI's custom voices: {"id": ...}
            speaker = speaker.get("id", "default")
        if count is None:
            if speaker not in ("default", self.model):
                raise InputError(
                    f"no voice {speaker!r}: {self.model} has one speaker, expected "
                    f"default or {self.model}"
                )
            return options
        speakers = voice.about["identity"]["speakers"]
        if speaker in ("default", self.model):
            speaker = next(iter(speakers.values()), 0)
        return {**options, "sids": voice.speaker_id(speaker)}
