"""Stage 5: the token list."""

from pathlib import Path

from espnet_prodiff.errors import UserError
from espnet_prodiff.fileio.atomic import atomic_path, write_text
from espnet_prodiff.fileio.tables import read_table
from espnet_prodiff.recipe import naming
from espnet_prodiff.recipe.jobs import espnet, run_shown
from espnet_prodiff.recipe.options import Options


def make_token_list(o: Options) -> None:
    """Collect the tokens of ``srctexts`` (for bpe: train sentencepiece first).

    Raises:
        UserError: No text to take tokens from.
    """
    lines = []
    for name in o.srctexts.split():
        table = read_table(Path(name))
        lines += [f"{u} {words}\n" for u, words in table.items() if words]
    if not lines:
        raise UserError(f"--srctexts '{o.srctexts}' names no text with words in it")
    texts = o.data_feats / "srctexts"
    write_text(texts, "".join(lines))
    tokens = naming.token_list(o)
    bpe = []
    if o.token_type == "bpe":
        _train_bpe(o, [line.split(maxsplit=1)[1] for line in lines])
        bpe = ["--bpemodel", str(naming.bpe_model(o))]
    with atomic_path(tokens) as temporary:
        run_shown(
            [
                *espnet(o, "tokenize_text"), "--token_type", o.token_type, "-f", "2-",
                "--input", str(texts), "--output", str(temporary),
                "--non_linguistic_symbols", o.nlsyms_txt, "--cleaner", o.cleaner,
                "--g2p", o.g2p, "--write_vocabulary", "true",
                "--add_symbol", f"{o.blank}:0", "--add_symbol", f"{o.oov}:1",
                "--add_symbol", f"{o.sos_eos}:-1", *bpe,
            ]
        )  # fmt: skip


def _train_bpe(o: Options, sentences: list[str]) -> None:
    import sentencepiece  # slow to import, and not always needed
    from espnet2.text.cleaner import TextCleaner

    model = naming.bpe_model(o)
    clean = TextCleaner(None if o.cleaner == "none" else o.cleaner)
    symbols = []
    if o.nlsyms_txt != "none":
        symbols = Path(o.nlsyms_txt).read_text(encoding="utf-8").split()
    try:
        with atomic_path(model) as temporary, temporary.open("wb") as f:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter([clean(s) for s in sentences]),
                model_writer=f,
                vocab_size=o.nbpe,
                model_type="unigram",
                character_coverage=1.0,
                user_defined_symbols=symbols,
                minloglevel=1,
            )
    except RuntimeError as e:
        raise UserError(
            f"--nbpe {o.nbpe} does not suit this text: {str(e).split(') ', 1)[-1]}"
        ) from None
