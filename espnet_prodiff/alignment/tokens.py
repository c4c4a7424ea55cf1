"""Text to token ids, as in ESPnet's training."""

from pathlib import Path

import torch
from torch import Tensor

from espnet_prodiff.errors import DataError, check_choice

TOKEN_TYPES = ("phn", "char", "bpe", "word")


class Tokenizer:
    """ESPnet's cleaner, g2p, tokeniser and token list, as in `AlignmentOptions`.

    Raises:
        UserError: A file is missing, the list has no eos, or ESPnet refuses the
            combination.
    """

    def __init__(
        self,
        token_list: str | Path,
        token_type: str,
        cleaner: str | None = None,
        g2p: str | None = None,
        bpemodel: str | Path | None = None,
    ) -> None:
        # Here, since it takes seconds.
        from espnet2.train.preprocessor import CommonPreprocessor

        self.path = Path(token_list)
        if not self.path.is_file():
            raise DataError(
                f"token list {self.path} does not exist: run stage 5 of the recipe, "
                "or pass its tokens.txt as --token_list"
            )
        check_choice("token_type", token_type, TOKEN_TYPES)
        if token_type == "bpe" and (bpemodel is None or not Path(bpemodel).is_file()):
            raise DataError(
                f"token type bpe needs a sentencepiece model, found {bpemodel}: pass "
                "the bpe.model of stage 5 as --bpemodel"
            )
        lines = self.path.read_text(encoding="utf-8").splitlines()
        if not lines or lines[-1] != "<sos/eos>" or "<unk>" not in lines:
            raise DataError(
                f"token list {self.path} has {len(lines)} lines, the last being "
                f"{lines[-1] if lines else None!r}; expected ESPnet's list with <unk> "
                "and, last, <sos/eos>"
            )
        try:
            preprocessor = CommonPreprocessor(
                train=False,
                token_type=token_type,
                token_list=self.path,
                bpemodel=bpemodel,
                text_cleaner=cleaner,
                g2p_type=g2p,
            )
        except Exception as error:  # whatever the g2p or the model file raises
            raise DataError(
                f"ESPnet cannot tokenise with token_type={token_type}, "
                f"cleaner={cleaner}, g2p={g2p}, bpemodel={bpemodel}: {error}"
            ) from error
        self.num_tokens = len(lines)
        self._clean = preprocessor.text_cleaner
        self._split = preprocessor.tokenizer.text2tokens
        self._ids = preprocessor.token_id_converter.token2id

    def __call__(self, text: str, name: str) -> Tensor:
        """Return token ids without eos (N,), long; N may be 0.

        Raises:
            DataError: A token of the utterance ``name`` is not in the token list.
        """
        cleaned = self._clean(text)
        tokens = self._split(cleaned) if cleaned.strip() else []
        unknown = [
            f"{token!r} at position {position} of {len(tokens)}"
            for position, token in enumerate(tokens, 1)
            if token not in self._ids
        ]
        if unknown:
            raise DataError(
                f"utterance {name} ({text!r}) has symbols that {self.path} lacks: "
                f"{', '.join(unknown[:5])}{' ...' if len(unknown) > 5 else ''}; "
                "correct the text, or make the token list of a text that has them "
                "(--srctexts, stage 5)"
            )
        return torch.tensor([self._ids[token] for token in tokens], dtype=torch.long)
