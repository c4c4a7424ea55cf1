"""A text as sentences: where they end, what is between them, and nothing lost."""

import random

import pytest

from espnet_prodiff.errors import TextError, UserError
from espnet_prodiff.inference.sentences import BREAK, split_sentences

# Sentences are parted by " / ".
SPLIT = """
Dr. Smith went to Washington D.C. in Jan. 1999.
He paid $3.14, e.g. at 5 p.m. on Main St.
The U.S. Army (est. 1775) agreed.
J. R. R. Tolkien wrote it. / Vitamin C. / The end.
"Stop!" he said. / "Why?" / No.
She left... and came back. / Really?! / Then he (?) laughed.
See fig. 3 and p. 5. / No. 5 is alive. / No. / I won't. / Come in. / Sit down, etc.
Visit example.com. / Version 2.0 is out! / Yes.
hello there. / how are you. / ok. / so what? / ...
1. First item. / 2. Second item. / (He left. / She stayed.) / "It ends." / “So.” / Yes.
Am 3. Mai kam z.B. Herr Dr. Müller. / Dann ging er. / „Gut.“ / Ende.
¿Qué tal? / ¡Hola! / El Sr. García vive aquí. / M. Dupont est là. / Bien sûr !
А. С. Пушкин родился в 1799 г. в Москве. / Конец.
「はい。」と言った。/次は何？/そうです！/バージョン２．０です。
他说：“你好。”/然后走了。/今天天气很好，我们去公园吧！
क्या हाल है? / मैं ठीक हूँ। / هل أنت بخير؟ / نعم.
"""


@pytest.mark.parametrize("line", SPLIT.strip().splitlines())
def test_where_sentences_end(line):
    text = line.replace(" / ", " ").replace("/", "")
    expected = [piece.strip() for piece in line.split("/")]
    if expected[-1] == "...":  # goes with its neighbour
        expected[-2:] = [f"{expected[-2]} ..."]
    assert [sentence.text for sentence in split_sentences(text)] == expected


def test_pauses_follow_the_punctuation():
    text = "One, two. Three\nfour!\n\nFive; and six"
    pieces = split_sentences(text)
    assert pieces == [
        ("One, two.", 0.3),
        ("Three", 0.4),
        ("four!", 0.7),
        ("Five; and six", 0.0),
    ]
    assert [piece.pause for piece in split_sentences("Five; and, six", 5)] == [
        *(0.2, 0.1, 0.0)
    ]


def test_wrapped_lines_are_one_and_short_lines_are_not():
    wrapped = (
        "It was the best of times, it was the worst\n"
        "of times, in the city of London and in\nParis."
    )
    assert [s.text for s in split_sentences(wrapped)] == [" ".join(wrapped.split())]
    assert len(split_sentences("milk\neggs\nbread")) == 3
    assert len(split_sentences("Chapter One\n" + wrapped)) == 2


def test_break_tags_are_pauses():
    text = (
        "<break time='1s'/>A <break time=\"300ms\"/> b. <BREAK time='.5s'>"
        "<break time='2 s' />"
    )
    assert split_sentences(text) == [("A", 0.3), ("b.", 2.5)]
    for bad in ("<break/>", "<break time='long'/>", "<break time='61s'/>"):
        with pytest.raises(TextError, match=f"{bad} has no time that can be used"):
            split_sentences(f"a {bad} b")


def test_phonemes_are_never_torn():
    text = "Say [[ h @ . l'oU ! ]] now. " + "[[" + "AH0 " * 40 + "]] end"
    pieces = [piece.text for piece in split_sentences(text, 30)]
    assert pieces[0] == "Say [[ h @ . l'oU ! ]] now."
    assert any(piece.startswith("[[AH0") and "]]" in piece for piece in pieces)


def test_long_sentences_are_cut_at_their_clauses():
    pieces = (
        "While the committee had, over the years, considered it with care;",
        "and as nobody objected, it was taken, and so published,",
        "when the printers had come back to work,",
    )
    found = split_sentences(" ".join(pieces), 75)
    assert [piece.text for piece in found] == list(pieces)
    spaces = [len(piece.text) for piece in split_sentences("word " * 50, 42)]
    assert spaces == [39, 39, 34, 34, 34, 29, 34]
    assert [piece.text for piece in split_sentences("a" * 400, 100)] == ["a" * 100] * 4
    accents = split_sentences("e\u0301" * 10, 5)
    assert all(piece.text[0] == "e" and len(piece.text) <= 5 for piece in accents)


ATOMS = [
    *"a|Dr.|U.S.|the|The|3.14|1,000|e\u0301|\U0001f600|[[|]]|[[AH0 B]]|<b>".split("|"),
    *'. ! ? ... , ; : \u2014 - " \u201d ( )'.split(),
    *"\u3002 \u300d \u6c34 \u0939 \u0964 |".split(),
    *(" ", " ", " ", "\n", "\n\n", "\t", "\u00a0", "\u200b", "\u2028", "\r\n", "\f"),
    "x" * 60,
]


@pytest.mark.parametrize("max_chars", [7, 40, 250])
def test_nothing_is_lost_and_no_piece_is_too_long(max_chars):
    random.seed(max_chars)
    for _ in range(400):
        text = "".join(random.choices(ATOMS, k=random.randrange(60)))
        pieces = split_sentences(text, max_chars)
        assert "".join("".join(p.text for p in pieces).split()) == "".join(text.split())
        for piece in pieces:
            assert piece.text == " ".join(piece.text.split()) != ""
            words = sum(map(str.isalnum, piece.text))
            assert words <= max_chars or "[[" in piece.text
            assert words or len(pieces) == 1
        if pieces:
            assert pieces[-1].pause == 0


def test_break_tags_alone_are_lost():
    text = "a. <break time='1s'/> b, <break time='1s'/> c"
    joined = " ".join(piece.text for piece in split_sentences(text))
    assert joined.split() == BREAK.sub(" ", text).split()


def test_max_chars_is_checked():
    with pytest.raises(
        UserError, match="max_chars must be a whole number of at least 1"
    ):
        split_sentences("a", 0)
