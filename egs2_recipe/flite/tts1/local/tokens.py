"""Tokens of the recipe: flite's phones, vowels with a stress, and what pauses say."""

from flite import SILENCE, Phone

VOWELS = set("aa ae ah ao aw ax ay eh er ey ih iy ow oy uh uw".split())
PAUSES = ",.?!"
HOP = 256


def stressed_name(phone: Phone) -> str:
    """Return a phone's token; vowels end in 0, 1 (stressed), 2 (in function words)."""
    if phone.name not in VOWELS:
        return phone.name
    if phone.stress == "0":
        return f"{phone.name}0"
    return f"{phone.name}{1 if phone.kind == 'content' else 2}"


def pause_name(before: Phone, is_last: bool) -> str:
    """Return the token of the pause after a phone: ``,``, ``.``, ``?`` or ``!``."""
    found = [mark for mark in "?!." if mark in before.punctuation]
    if found and (is_last or before.punctuation[-1] in "?!."):
        return found[0]
    return "." if is_last else ","


def tokens_and_ends(phones: list[Phone]) -> tuple[list[str], list[float]]:
    """Turn flite's phones into tokens and their ends in samples.

    The pause before the first word is no token: the audio is to start behind it.
    """
    phones = phones[1:] if phones[0].name == SILENCE else phones
    tokens, ends = [], []
    for index, phone in enumerate(phones):
        if phone.name == SILENCE:
            tokens.append(pause_name(phones[index - 1], index == len(phones) - 1))
        else:
            tokens.append(stressed_name(phone))
        ends.append(phone.end)
    return tokens, ends


def frames(ends: list[float], num_samples: int) -> list[int]:
    """Return the frames of each token and of eos, which has the last one.

    Frame i is centred at sample ``i * HOP`` and belongs to the token that sounds there;
    every token has a frame.

    Args:
        ends: Of the tokens, in samples.
        num_samples: Of the audio: ``num_samples // HOP + 1`` frames.
    """
    total = num_samples // HOP + 1
    borders = [0]
    for index, end in enumerate(ends):
        left = len(ends) - index  # frames that the later tokens and eos need
        border = min(max(-int(-end // HOP), borders[-1] + 1), total - left)
        borders.append(border)
    borders[-1] = total - 1
    borders.append(total)
    return [end - start for start, end in zip(borders, borders[1:], strict=False)]
