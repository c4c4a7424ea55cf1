"""Sentences for flite to read: its prosody and its phones, more than their sense.

Half come from the grammar of the mini recipe. The other half fills the frames below
with words drawn evenly from a word list, so that rare phones and their neighbours come
up, and with numbers, dates, names and letters.
"""

import random
import re

from grammar import make_sentences

_FRAMES = (
    # Statements.
    "The {w} of the {w} was {w}.",
    "They say that {w} is not {w}.",
    "I have never seen a {w} {w} in {Name}.",
    "It was the {w}, not the {w}, that they {w}.",
    "We would rather {w} than {w} with them.",
    "{Name} and {Name} {w} at the {w} for {n} days.",
    "You should not {w} the {w} before it is {w}, but you can if you must.",
    "After the {w} had {w}, there was nothing left for us to {w}; so we {w}.",
    "She has been {w} since {year}, and her {w} is still {w}.",
    "This is {w}: that is {w}.",
    "If he {w} the {w}, then {Name} could have {w} it from the {w}, or so I thought.",
    "Our {w} is as {w} as your {w}.",
    "On {day}, {month} {d}, {year}, the {w} {w}.",
    "The train to {Name} leaves at {time} from platform {d}.",
    "It costs {n} dollars and {d} cents, which is {w}.",
    "Only {d} percent of all {w} are {w}.",
    "My {w}'s {w} isn't {w}, and it doesn't {w}.",
    "I'm sure we'll {w} what they've {w}, because he'd {w} it.",
    "Mr. {Name} told Dr. {Name} about the {L} {L} {L}, a {w} of {w}.",
    "There are {n} {w} between {Name} and the {w} {w}.",
    "With the {w} went the {w}, the {w}, and the {w}.",
    "Nobody {w} the {w} like {Name} does, at least not in the {w} of {month}.",
    "The word is {w}. The next word is {w}.",
    "No, {Name}. The {w} is {w}, and so are {w} and {w}.",
    "Before {time}, most of the {w} was {w}, {w}, and {w}, while the rest was simply "
    "{w}, which surprised everyone who had {w} there.",
    "As far as {Name} was concerned, the {w} should have been {w} by the {w}, and not "
    "by those who {w} it in {year}.",
    # Lists.
    "{w}, {w}, {w}, and {w}.",
    "{d}, {d}, {n}, {n}, {year}.",
    "{Name}, {Name}, and {Name}: {w}, {w}, or {w}.",
    "First the {w}, then the {w}, and last of all the {w}.",
    # Questions.
    "Is it {w} or {w}?",
    "What did the {w} {w} to the {w}?",
    "Have you {w} the {w} of {Name}?",
    "Who {w} my {w}, and why did they {w} it?",
    "Did {Name} {w} at {time}, or was that the {w}?",
    "Where is the {w}? Is it under the {w}?",
    "How many {w} {w} were there in {year}?",
    # Exclamations, and short ones.
    "What a {w} {w}!",
    "How {w} they {w}!",
    "Stop! That is my {w}!",
    "{w}!",
    "{w} {w}.",
    "Good {w}, {Name}.",
    "Yes, {w}.",
    "{Name}?",
)  # fmt: skip
_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=(?!use|uni|eu)[aeiou]|hon|hour)")
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_MONTHS = (
    "January February March April May June July August September October November "
    "December".split()
)


def make_texts(
    num_sentences: int, words: list[str], seed: int, max_letters: int = 160
) -> list[str]:
    """Draw different sentences, of the grammar and of the frames in turn.

    Args:
        num_sentences: Number of sentences.
        words: A word list; capitalised words are names.
        seed: Of the random choices.
        max_letters: A sentence is at most so long; about 15 are spoken in a second.

    Returns:
        English sentences, with capitals and ordinary punctuation.
    """
    rng = random.Random(seed)
    plain = [w for w in words if re.fullmatch("[a-z]{2,11}", w)]
    names = [w for w in words if re.fullmatch("[A-Z][a-z]{2,8}", w)]
    grammar = iter(make_sentences(num_sentences, seed))
    decks: dict[str, list[str]] = {}

    def deal(key: str, values: list[str]) -> str:
        if not decks.get(key):
            decks[key] = rng.sample(values, len(values))
        return decks[key].pop()

    fillers = {
        "w": lambda: deal("w", plain),
        "Name": lambda: deal("Name", names),
        "n": lambda: str(
            rng.choice((rng.randrange(13, 100), rng.randrange(100, 9999)))
        ),
        "d": lambda: str(rng.randrange(2, 29)),
        "year": lambda: str(rng.randrange(1700, 2030)),
        "time": lambda: f"{rng.randrange(1, 13)}:{rng.randrange(10, 60)}",
        "day": lambda: deal("day", _DAYS),
        "month": lambda: deal("month", _MONTHS),
        "L": lambda: deal("L", list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")),
    }
    texts: list[str] = []
    seen: set[str] = set()
    while len(texts) < num_sentences:
        if len(texts) % 2:
            text = next(grammar)
        else:
            frame = deal("frame", list(_FRAMES))
            text = _SLOT.sub(lambda match: fillers[match.group(1)](), frame)
            text = _ARTICLE.sub(r"\1n ", text)
        text = text[0].upper() + text[1:]
        if text not in seen and len(text) <= max_letters:
            seen.add(text)
            texts.append(text)
    return texts
