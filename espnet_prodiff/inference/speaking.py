"""Speaking with a loaded model: a text, a stream of sentences, a batch."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from espnet2.tts.abs_tts import AbsTTS
from espnet2.tts.espnet_model import ESPnetTTSModel

from espnet_prodiff.common.precision import products_in
from espnet_prodiff.errors import InputError
from espnet_prodiff.inference.features import Output, infer, seeded
from espnet_prodiff.inference.inputs import by_utterance, takes_recording
from espnet_prodiff.inference.options import check_options, vocoder_options
from espnet_prodiff.inference.prosody_control import check_prosody, with_volume
from espnet_prodiff.inference.sentences import MAX_CHARS
from espnet_prodiff.inference.streaming import INPUTS, join, pieces_of, stream
from espnet_prodiff.inference.text import TextToIds
from espnet_prodiff.inference.vocoder import Vocoder


class Speaking:
    """What `Text2Speech` does with the parts that it has loaded."""

    model: ESPnetTTSModel
    tts: AbsTTS
    train_args: argparse.Namespace
    text_to_ids: TextToIds
    vocoder: Vocoder | None
    device: str
    dtype: str
    decode_conf: dict[str, Any]
    use_teacher_forcing: bool
    prefer_normalized_feats: bool
    seed: int
    always_fix_seed: bool

    @property
    def fs(self) -> int | None:
        """Sampling rate in Hz; None without a vocoder."""
        return getattr(self.vocoder, "fs", getattr(self.tts, "fs", None))

    @property
    def use_speech(self) -> bool:
        """Whether a recording has to be given."""
        return self.use_teacher_forcing or takes_recording(self.tts)

    @property
    def use_sids(self) -> bool:
        """Whether a speaker id has to be given."""
        return self.tts.spks is not None

    @property
    def use_lids(self) -> bool:
        """Whether a language id has to be given."""
        return self.tts.langs is not None

    @property
    def use_spembs(self) -> bool:
        """Whether a speaker embedding has to be given."""
        return self.tts.spk_embed_dim is not None

    def speaker_id(self, speaker: str | int) -> int:
        """Return the id (``sids``) of a speaker by name, as its training knew them.

        Raises:
            InputError: There is none of this name; the message lists those there are.
        """
        known = getattr(self.train_args, "speakers", None) or {}
        if str(speaker).isdigit():
            return int(speaker)
        if speaker not in known:
            raise InputError(
                f"no speaker {speaker!r}: this model knows "
                f"{', '.join(known) or 'ids'}, and has {self.tts.spks or 1} in all"
            )
        return known[speaker]

    def options(
        self, decode_conf: dict[str, Any] | None = None, **options: Any
    ) -> dict[str, Any]:
        """Return all decoding options, with some of them changed.

        ``options`` win over ``decode_conf``; None leaves an option as it is.

        Raises:
            InputError: An option is unknown or out of range.
        """
        changes = {
            "alpha" if k == "speed_control_alpha" else k: v
            for k, v in options.items()
            if v is not None
        }
        conf = {**self.decode_conf, **(decode_conf or {}), **changes}
        if conf.get("seed") is None:
            conf.pop("seed", None)
            if self.always_fix_seed:
                conf["seed"] = self.seed
        check_options(self.tts, self.vocoder, conf, self.decode_conf)
        check_prosody(self.model, conf)
        return conf

    def __call__(
        self,
        text: str | torch.Tensor | np.ndarray,
        speech: torch.Tensor | np.ndarray | None = None,
        durations: torch.Tensor | np.ndarray | None = None,
        spembs: torch.Tensor | np.ndarray | None = None,
        sids: torch.Tensor | np.ndarray | int | str | None = None,
        lids: torch.Tensor | np.ndarray | int | None = None,
        decode_conf: dict[str, Any] | None = None,
        **options: Any,
    ) -> Output:
        """Speak one text, of any length: its sentences follow one another, see `join`.

        Args:
            text: A text, or token ids ``(T_text,)``.
            speech: Wave ``(T_wav,)`` for teacher forcing or a style.
            durations: Frames of each token ``(T_text + 1,)`` for teacher forcing.
            spembs: Speaker embedding ``(D,)``.
            sids: Speaker, by name or id.
            lids: Language id.
            decode_conf: Options of this call, as ``options``.
            **options: ``speed`` (2: twice as fast), ``pitch`` (semitones), ``energy``
                (dB) and ``volume`` (a factor), see `Prosody`; ``num_steps``, ``eta``,
                ``solver``, ``temperature``, ``alpha`` (alias ``speed_control_alpha``),
                ``seed``, ``vocoder_num_steps``, ``vocoder_schedule`` and what else the
                model's ``inference`` takes. With a seed the result is the same alone
                and in any batch.

        Returns:
            ``wav (T_wav,)``, ``feat_gen`` and ``feat_gen_denorm (T_feats, n_mels)``,
            ``duration`` in frames, ``phones``, a `Phone` (token, start, end) in seconds
            for each token, and whatever else the model gives.

        Raises:
            TextError: The text is empty or holds unknown symbols.
            InputError: An input is missing or of the wrong shape, or an option is
                unknown or out of range.
        """
        values = (speech, durations, spembs, sids, lids)
        item = {"text": text, **dict(zip(INPUTS, values, strict=True))}
        conf = self.options(decode_conf, **options)
        return join(list(stream(self, pieces_of(item, conf), conf)), self.fs)

    def stream(
        self,
        text: str,
        *,
        max_chars: int = MAX_CHARS,
        decode_conf: dict[str, Any] | None = None,
        **options: Any,
    ) -> Iterator[Output]:
        """Speak a text of any length, sentence by sentence, each when it is ready.

        Args:
            text: A text.
            max_chars: Longest piece; a longer sentence is spoken clause by clause.
            decode_conf: As in a call.
            **options: As in a call, ``speech``, ``spembs``, ``sids`` and ``lids`` among
                them.

        Yields:
            What a call gives, of one sentence, which is in ``text``. Its ``wav`` ends
            in the pause behind it: one after the other they are the wave of a call.

        Raises:
            TextError, InputError: As in a call, when the sentence is reached.
        """
        item = {"text": text, **{k: options.pop(k, None) for k in INPUTS}}
        conf = self.options(decode_conf, **options)
        return stream(self, pieces_of(item, conf, max_chars), conf)

    def batch(
        self,
        texts: Sequence[str | torch.Tensor | np.ndarray],
        speech: Sequence[Any] | None = None,
        durations: Sequence[Any] | None = None,
        spembs: Sequence[Any] | None = None,
        sids: Sequence[Any] | None = None,
        lids: Sequence[Any] | None = None,
        decode_conf: dict[str, Any] | None = None,
        **options: Any,
    ) -> list[Output]:
        """Speak several texts at once; each comes out as a call would give it.

        The arguments are those of `__call__`, but lists with one entry for each
        utterance; the options are of all, and a seed is each utterance's own.

        Raises:
            TextError, InputError: As in a call; the message counts from 1.
        """
        conf = self.options(decode_conf, **options)
        columns = (speech, durations, spembs, sids, lids)
        items = by_utterance(texts, dict(zip(INPUTS, columns, strict=True)))
        split = [pieces_of(item, conf) for item in items]
        if all(len(pieces) == 1 for pieces in split):
            items = [pieces[0].item for pieces in split]
            return [self.vocode(out, conf) for out in self.features(items, conf)]
        return [join(list(stream(self, pieces, conf)), self.fs) for pieces in split]

    def features(
        self, items: Sequence[dict[str, Any]], conf: dict[str, Any]
    ) -> list[Output]:
        """Run the acoustic model on utterances, without the vocoder: see `infer`.

        ``conf`` are all decoding options, as `options` returns them.
        """
        tokens = self.train_args.token_list
        items = [
            {**item, "sids": self.speaker_id(item["sids"])}
            if isinstance(item.get("sids"), str)
            else item
            for item in items
        ]
        with products_in(self.dtype, self.tts, self.device):
            return infer(self.model, self.text_to_ids, items, conf, tokens)

    @torch.no_grad()
    def vocode(self, output: Output, conf: dict[str, Any] | None = None) -> Output:
        """Add ``wav``, where a vocoder makes it, to the output of `features`."""
        conf = self.decode_conf if conf is None else conf
        if self.vocoder is not None:
            feats = output.get("feat_gen_denorm")
            if self.prefer_normalized_feats or feats is None:
                feats = output["feat_gen"]
            with seeded(conf.get("seed"), self.device):
                output["wav"] = self.vocoder(feats, **vocoder_options(conf))
        if "wav" in output:
            output["wav"] = with_volume(output["wav"], conf)
        return output
