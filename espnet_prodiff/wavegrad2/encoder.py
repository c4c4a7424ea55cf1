"""WaveGrad 2's encoder: tokens to hidden states, with speaker and language."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from espnet_prodiff.common.durations import valid_tokens
from espnet_prodiff.errors import UserError, check_choice

SPK_EMBED_INTEGRATION_TYPES = ("add", "concat")


class TextEncoder(nn.Module):
    """Encoder of Tacotron 2 with ZoneOut, as in WaveGrad 2 (2106.09660), section 2.1.

    Embedding, convolutions with batch normalisation, ReLU and dropout, and one
    bidirectional LSTM. Padding has no influence: convolutions see zeros there, batch
    statistics leave it out, and the LSTM never reaches it before an utterance's end.

    Speaker and language join the hidden states as in ESPnet's FastSpeech2: embeddings
    of speakers are projected and added ("add"), or joined, then projected ("concat").
    The options are described in `WaveGrad2`.

    Raises:
        UserError: If an option is outside its values.
    """

    def __init__(
        self,
        idim: int,
        *,
        embed_dim: int = 512,
        encoder_channels: int = 512,
        encoder_conv_layers: int = 3,
        encoder_kernel_size: int = 5,
        encoder_dropout: float = 0.5,
        zoneout: float = 0.1,
        spks: int | None = None,
        langs: int | None = None,
        spk_embed_dim: int | None = None,
        spk_embed_integration_type: str = "add",
    ) -> None:
        super().__init__()
        if encoder_channels % 2 or encoder_channels <= 0:
            raise UserError(
                "encoder_channels must be a positive even number (half of them for "
                f"each direction of the LSTM), not {encoder_channels}"
            )
        check_choice(
            "spk_embed_integration_type",
            spk_embed_integration_type,
            SPK_EMBED_INTEGRATION_TYPES,
        )
        self.out_channels = encoder_channels
        self.embed = nn.Embedding(idim, embed_dim, padding_idx=0)
        widths = [embed_dim] + [encoder_channels] * encoder_conv_layers
        convs = [
            nn.Conv1d(width, encoder_channels, encoder_kernel_size, padding="same")
            for width in widths[:-1]
        ]
        self.convs = nn.ModuleList(convs)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in widths[1:])
        self.dropout = nn.Dropout(encoder_dropout)
        self.lstm = ZoneOutBiLSTM(widths[-1], encoder_channels // 2, zoneout)
        for conv in convs:
            nn.init.xavier_uniform_(conv.weight, nn.init.calculate_gain("relu"))

        self.sid_emb = self.lid_emb = self.projection = None
        if spks is not None and spks > 1:
            self.sid_emb = nn.Embedding(spks, encoder_channels)
        if langs is not None and langs > 1:
            self.lid_emb = nn.Embedding(langs, encoder_channels)
        self.spk_embed_integration_type = spk_embed_integration_type
        if spk_embed_dim is not None and spk_embed_dim > 0:
            joined = encoder_channels if spk_embed_integration_type == "concat" else 0
            self.projection = nn.Linear(joined + spk_embed_dim, encoder_channels)

    def forward(
        self,
        tokens: Tensor,
        lengths: Tensor,
        spembs: Tensor | None = None,
        sids: Tensor | None = None,
        lids: Tensor | None = None,
    ) -> Tensor:
        """Encode tokens to hidden states, (B, N, out_channels), zero in the padding.

        Args:
            tokens: Token ids with eos, (B, N).
            lengths: Tokens of each utterance, (B,).
            spembs: Speaker embeddings, (B, spk_embed_dim).
            sids: Speaker ids, (B, 1).
            lids: Language ids, (B, 1).

        Raises:
            UserError: If an input that the model was built for is missing.
        """
        mask = valid_tokens(lengths, tokens)
        hidden = self._convolve(self.embed(tokens) * mask.unsqueeze(-1), mask)
        hidden = self.lstm(hidden, lengths)
        return self._add_identity(hidden, spembs, sids, lids) * mask.unsqueeze(-1)

    def _convolve(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(B, N, embed_dim) -> (B, N, encoder_channels), both zero in the padding."""
        valid = mask.flatten().nonzero().squeeze(1)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            hidden = conv(hidden.transpose(1, 2)).transpose(1, 2)
            # The batch's tokens in one row, so that its statistics hold no padding.
            rows = hidden.flatten(0, 1).index_select(0, valid)
            rows = self.dropout(torch.relu(norm(rows)))
            padded = rows.new_zeros(mask.numel(), rows.shape[1])
            hidden = padded.index_copy(0, valid, rows).view(*mask.shape, -1)
        return hidden

    def _add_identity(
        self,
        hidden: Tensor,
        spembs: Tensor | None,
        sids: Tensor | None,
        lids: Tensor | None,
    ) -> Tensor:
        """Add speaker and language to the hidden states, (B, N, C)."""
        for needed, value, name in (
            (self.sid_emb, sids, "sids (a speaker id)"),
            (self.lid_emb, lids, "lids (a language id)"),
            (self.projection, spembs, "spembs (a speaker embedding)"),
        ):
            if needed is not None and value is None:
                raise UserError(f"this model was trained with {name}, but none came")
        if self.sid_emb is not None and sids is not None:
            hidden = hidden + self.sid_emb(sids.view(-1)).unsqueeze(1)
        if self.lid_emb is not None and lids is not None:
            hidden = hidden + self.lid_emb(lids.view(-1)).unsqueeze(1)
        if self.projection is None or spembs is None:
            return hidden
        spembs = F.normalize(spembs).unsqueeze(1)
        if self.spk_embed_integration_type == "add":
            return hidden + self.projection(spembs)
        spembs = spembs.expand(-1, hidden.shape[1], -1)
        return self.projection(torch.cat([hidden, spembs], dim=-1))


class ZoneOutBiLSTM(nn.Module):
    """Bidirectional LSTM whose states randomly keep their value: Krueger et al. 2017.

    In training, every hidden and cell state, ``channels`` in each direction, keeps its
    previous value with probability ``zoneout`` at every token; in evaluation it takes
    the expectation of that.

    ESPnet's ZoneOutCell has the same definition, but steps through one direction after
    the other and multiplies a token's input and state apart; here the inputs of all
    tokens are projected in one product, and both directions take a step together.

    Raises:
        UserError: If ``zoneout`` is no probability.
    """

    def __init__(self, in_channels: int, channels: int, zoneout: float) -> None:
        super().__init__()
        if not 0 <= zoneout <= 1:
            raise UserError(f"zoneout must be a probability from 0 to 1, not {zoneout}")
        self.zoneout = zoneout
        # Both directions' gates in the order of torch.nn.LSTM: input, forget, cell, out
        self.weight_ih = nn.Parameter(torch.empty(2, 4 * channels, in_channels))
        self.weight_hh = nn.Parameter(torch.empty(2, 4 * channels, channels))
        self.bias = nn.Parameter(torch.empty(2, 4 * channels))
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(channels**-0.5), channels**-0.5)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """Run both directions over padded inputs, (B, N, in_channels), of lengths (B,).

        Returns the hidden states of both, (B, N, 2 * channels), which mean nothing in
        the padding.
        """
        batch, num_tokens, _ = inputs.shape
        channels = self.weight_hh.shape[2]
        gates = F.linear(inputs, self.weight_ih.flatten(0, 1), self.bias.flatten())
        ahead, behind = gates.chunk(2, dim=-1)
        behind = reverse_utterances(behind, lengths)
        gates = torch.stack([ahead, behind]).permute(2, 0, 1, 3)  # (N, 2, B, 4 * C)

        hidden = cell = gates.new_zeros(2, batch, channels)
        keep = gates.new_full((num_tokens, 2, 2, batch, channels), self.zoneout)
        if self.training:
            keep = torch.bernoulli(keep)
        weight = self.weight_hh.transpose(1, 2).to(gates.dtype)  # once, under AMP
        states = []
        # unbind, as the gradient of an index is a whole tensor of zeros for each token
        for step, (keep_hidden, keep_cell) in zip(
            gates.unbind(), keep.unbind(), strict=True
        ):
            entry, forget, update, out = torch.baddbmm(step, hidden, weight).chunk(4, 2)
            next_cell = forget.sigmoid() * cell + entry.sigmoid() * update.tanh()
            next_hidden = out.sigmoid() * next_cell.tanh()
            hidden = torch.lerp(next_hidden, hidden, keep_hidden)
            cell = torch.lerp(next_cell, cell, keep_cell)
            states.append(hidden)
        ahead, behind = torch.stack(states, dim=2)  # (B, N, C) each
        return torch.cat([ahead, reverse_utterances(behind, lengths)], dim=-1)


def reverse_utterances(sequences: Tensor, lengths: Tensor) -> Tensor:
    """Reverse every utterance of a padded batch (B, N, C); its padding stays behind it.

    What then runs over the batch meets no padding before an utterance's end, so that
    the backward direction of an LSTM needs neither masks nor packed sequences.
    """
    positions = torch.arange(sequences.shape[1], device=sequences.device)
    mirrored = lengths.to(sequences.device)[:, None] - 1 - positions
    mirrored = torch.where(mirrored >= 0, mirrored, positions).unsqueeze(-1)
    return sequences.gather(1, mirrored.expand_as(sequences))
