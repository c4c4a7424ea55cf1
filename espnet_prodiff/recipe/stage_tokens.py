"""Stage 5: the token list."""

from pathlib import Path

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.atomic import atomic_path, write_text
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.recipe import naming
from espnet_prodiff.recipe.espnet_options import tokenizer_options
from espnet_prodiff.recipe.from_voice import find_voice, joined_tokens
from espnet_prodiff.recipe.jobs import espnet, run_shown
from espnet_prodiff.recipe.options import Options


def make_token_list(options: Options) -> None:
    """Collect the tokens of ``srctexts``, a voice's first (bpe: train sentencepiece).

    Raises:
        UserError: No text to take tokens from.
    """
    voice = find_voice(options.from_voice) if options.from_voice else None
    lines = []
    for name in options.srctexts.split():
        table = read_table(Path(name))
        lines += [f"{u} {words}\n" for u, words in table.items() if words]
    if not lines:
        raise UserError(
            f"--srctexts '{options.srctexts}' names no text with words in it"
        )
    texts = options.data_feats / "srctexts"
    write_text(texts, "".join(lines))
    tokens = naming.token_list(options)
    if options.token_type == "bpe":
        _train_bpe(options, [line.split(maxsplit=1)[1] for line in lines])
    with atomic_path(tokens) as temporary:
        run_shown(
            [
                *espnet(options, "tokenize_text"), *tokenizer_options(options),
                "--input", str(texts), "-f", "2-", "--output", str(temporary),
                "--non_linguistic_symbols", options.nlsyms_txt,
                "--write_vocabulary", "true",
                "--add_symbol", f"{options.blank}:0",
                "--add_symbol", f"{options.oov}:1",
                "--add_symbol", f"{options.sos_eos}:-1",
            ]
        )  # fmt: skip
    if voice:
        joined = joined_tokens(voice, tokens.read_text(encoding="utf-8").splitlines())
        write_text(tokens, "\n".join(joined) + "\n")


def _train_bpe(options: Options, sentences: list[str]) -> None:
    import sentencepiece  # slow to import, and not always needed
    from espnet2.text.cleaner import TextCleaner

    model = naming.bpe_model(options)
    clean = TextCleaner(None if options.cleaner == "none" else options.cleaner)
    symbols = []
    if options.nlsyms_txt != "none":
        symbols = Path(options.nlsyms_txt).read_text(encoding="utf-8").split()
    try:
        with atomic_path(model) as temporary, temporary.open("wb") as f:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter([clean(s) for s in sentences]),
                model_writer=f,
                vocab_size=options.nbpe,
                model_type="unigram",
                character_coverage=1.0,
                user_defined_symbols=symbols,
                minloglevel=1,
            )
    except RuntimeError as e:
        reason = f"does not suit this text: {str(e).split(') ', 1)[-1]}"
        raise UserError(f"--nbpe {options.nbpe} {reason}") from None
