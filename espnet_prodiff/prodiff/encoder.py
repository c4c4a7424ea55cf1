"""ProDiff's encoder of the text: FastSpeech2's, with its variance adaptor."""

from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor

from espnet_prodiff.common.padding import length_mask, mask_conv_inputs
from espnet_prodiff.common.rows import Rows, row_multiple
from espnet_prodiff.errors import UserError
from espnet_prodiff.prodiff.network import RepeatedCond
from espnet_prodiff.prodiff.row_encoder import (
    encode_rows,
    encoder_fits_rows,
    predict_rows,
    predictor_fits_rows,
    widest_reach,
)

with redirect_stdout(None):  # ESPnet prints that it does without flash_attn
    from espnet.nets.pytorch_backend.conformer.encoder import (
        Encoder as ConformerEncoder,
    )
    from espnet.nets.pytorch_backend.transformer.attention import (
        LegacyRelPositionMultiHeadedAttention,
    )
    from espnet2.tts.fastspeech2 import FastSpeech2


class EncodedText(NamedTuple):
    """Encoded tokens and what the predictors make of them."""

    hidden: Tensor  # (B, N, adim), speaker, language and style included
    mask: Tensor  # (B, 1, N), 1 = valid
    log_duration: Tensor  # (B, N)
    pitch: Tensor  # (B, N, 1)
    energy: Tensor  # (B, N, 1)


class _RowParts(NamedTuple):
    """What of a model runs on rows, and the gap that they need."""

    encoder: bool
    predictors: bool
    gap: int


class TextEncoder(FastSpeech2):
    """FastSpeech2 up to the length regulator; its decoder is taken out."""

    def encode(
        self,
        tokens: Tensor,
        lengths: Tensor,
        mels: Tensor | None = None,
        mel_lengths: Tensor | Sequence[int] | None = None,
        spembs: Tensor | None = None,
        sids: Tensor | None = None,
        lids: Tensor | None = None,
    ) -> EncodedText:
        """Encode tokens and predict their durations, pitch and energy.

        Args:
            tokens: Token ids with eos, (B, N).
            lengths: (B,).
            mels: Style reference for GST, (B, L, n_mels).
            mel_lengths: (B,).
            spembs: Speaker embeddings, (B, spk_embed_dim).
            sids: Speaker ids, (B, 1).
            lids: Language ids, (B, 1).

        Raises:
            UserError: If an input that the model was built for is missing.
        """
        mask = length_mask(lengths, tokens.shape[1], torch.float32)
        predict_pitch, predict_energy = self.pitch_predictor, self.energy_predictor
        predictors = (self.duration_predictor, predict_pitch, predict_energy)
        rows = None
        if self._runs_on_rows(tokens):
            multiple = row_multiple(predict_pitch.conv[0][0].weight.dtype)
            rows = Rows(lengths.tolist(), self._row_parts.gap, multiple)
        if rows is not None and self._row_parts.encoder:
            hidden = rows.unpack(encode_rows(self.encoder, tokens, rows))
        else:
            hidden = self._encode_tokens(tokens, lengths, mask)
        hidden = self._add_identity(hidden, mels, mel_lengths, spembs, sids, lids)
        if rows is not None and self._row_parts.predictors:
            packed = rows.pack(hidden)
            padding = (mask == 0).transpose(1, 2)
            predicted = []
            for predictor in predictors:
                values = rows.unpack(predict_rows(predictor, packed, rows))
                for hook in predictor._forward_hooks.values():  # as a call would
                    changed = hook(predictor, (hidden, padding), values)
                    values = values if changed is None else changed
                predicted.append(values)
            return EncodedText(hidden, mask, predicted[0].squeeze(-1), *predicted[1:])
        with mask_conv_inputs(predictors, mask):
            padding = mask.squeeze(1) == 0
            for_pitch = for_energy = hidden
            if self.stop_gradient_from_pitch_predictor:
                for_pitch = hidden.detach()
            if self.stop_gradient_from_energy_predictor:
                for_energy = hidden.detach()
            return EncodedText(
                hidden=hidden,
                mask=mask,
                log_duration=self.duration_predictor(hidden, padding),
                pitch=predict_pitch(for_pitch, padding.unsqueeze(-1)),
                energy=predict_energy(for_energy, padding.unsqueeze(-1)),
            )

    def expand(
        self,
        hidden: Tensor,
        durations: Tensor,
        pitch: Tensor,
        energy: Tensor,
        num_frames: int | None = None,
    ) -> RepeatedCond:
        """Add pitch and energy (B, N, 1): the denoiser's conditioning.

        From hidden states (B, N, adim) and frames of each token (B, N), integers; for
        ``num_frames`` see `RepeatedCond`.
        """
        hidden = hidden + self.energy_embed(energy.transpose(1, 2)).transpose(1, 2)
        hidden = hidden + self.pitch_embed(pitch.transpose(1, 2)).transpose(1, 2)
        return RepeatedCond(hidden, durations, num_frames)

    @cached_property
    def _row_parts(self) -> "_RowParts":
        predictors = (
            self.duration_predictor,
            self.pitch_predictor,
            self.energy_predictor,
        )
        return _RowParts(
            encoder=encoder_fits_rows(self.encoder),
            predictors=all(map(predictor_fits_rows, predictors)),
            gap=widest_reach(self.encoder, *predictors),
        )

    def _runs_on_rows(self, tokens: Tensor) -> bool:
        """Whether nothing but values are wanted, on a CPU, where rows are faster."""
        plain = not torch.is_grad_enabled() and not self.encoder.training
        return plain and tokens.device.type == "cpu"

    def _encode_tokens(self, tokens: Tensor, lengths: Tensor, mask: Tensor) -> Tensor:
        """(B, N) -> (B, N, adim)."""
        legacy = isinstance(self.encoder, ConformerEncoder) and any(
            isinstance(part, LegacyRelPositionMultiHeadedAttention)
            for part in self.encoder.modules()
        )
        if self.training or not legacy:
            with mask_conv_inputs([self.encoder], mask):
                return self.encoder(tokens, mask > 0)[0]
        # Its relative positions count from the end of the padding: one by one.
        rows = zip(tokens, lengths.tolist(), strict=True)
        alone = [self.encoder(row[None, :length], None)[0][0] for row, length in rows]
        return torch.nn.utils.rnn.pad_sequence(alone, batch_first=True)

    def _add_identity(
        self,
        hidden: Tensor,
        mels: Tensor | None,
        mel_lengths: Tensor | Sequence[int] | None,
        spembs: Tensor | None,
        sids: Tensor | None,
        lids: Tensor | None,
    ) -> Tensor:
        """Add style, speaker and language to the hidden states, (B, N, adim)."""
        for needed, value, name in (
            (self.use_gst, mels, "feats (a style reference)"),
            (self.spks, sids, "sids (a speaker id)"),
            (self.langs, lids, "lids (a language id)"),
            (self.spk_embed_dim, spembs, "spembs (a speaker embedding)"),
        ):
            if needed and value is None:
                raise UserError(f"this model was trained with {name}, but none came")
        if self.use_gst and mels is not None:
            hidden = hidden + self._style(mels, mel_lengths).unsqueeze(1)
        if self.spks is not None and sids is not None:
            hidden = hidden + self.sid_emb(sids.view(-1)).unsqueeze(1)
        if self.langs is not None and lids is not None:
            hidden = hidden + self.lid_emb(lids.view(-1)).unsqueeze(1)
        if self.spk_embed_dim is not None:
            hidden = self._integrate_with_spk_embed(hidden, spembs)
        return hidden

    def _style(self, mels: Tensor, lengths: Tensor | Sequence[int] | None) -> Tensor:
        """Style embeddings, (B, adim)."""
        if self.training or lengths is None:
            return self.gst(mels)  # in one batch, for its batch normalisation
        # ESPnet's style encoder has no mask: one by one, padding has no influence.
        rows = zip(mels, lengths, strict=True)
        return torch.cat([self.gst(mel[None, :length]) for mel, length in rows])
