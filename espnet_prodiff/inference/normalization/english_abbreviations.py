"""Abbreviations of English with a point, and letters that are spelled."""

from __future__ import annotations

import re

from espnet_prodiff.inference.abbreviations import STARTERS
from espnet_prodiff.inference.normalization.english_dates import LETTER_GAP

TITLES = dict(
    pair.split("=")
    for pair in (
        "Mr=Mister Mrs=Missus Ms=Miz Dr=Doctor Prof=Professor Gen=General Sen=Senator "
        "Rep=Representative Gov=Governor Pres=President Capt=Captain Lt=Lieutenant "
        "Col=Colonel Sgt=Sergeant Cpl=Corporal Maj=Major Adm=Admiral Rev=Reverend "
        "Hon=Honorable Messrs=Messieurs Drs=Doctors Mt=Mount Ft=Fort Msgr=Monsignor"
    ).split()
)
WORDS = dict(
    pair.split("=")
    for pair in (
        "vs=versus etc=et_cetera approx=approximately dept=department est=established "
        "inc=incorporated ltd=limited corp=corporation co=company bros=brothers "
        "jr=junior sr=senior ave=avenue blvd=boulevard rd=road hwy=highway "
        "univ=university assn=association govt=government misc=miscellaneous "
        "incl=including "
        "excl=excluding esp=especially ca=circa cf=compare al=and_others "
        "jan=January feb=February aug=August sept=September sep=September oct=October "
        "nov=November dec=December esq=esquire dist=district hrs=hours mins=minutes "
        "secs=seconds tel=telephone temp=temperature avg=average"
    ).split()
)
WORDS["et al"] = "and others"
BEFORE_NUMBERS = dict(
    pair.split("=")
    for pair in (
        "no=number nos=numbers p=page pp=pages vol=volume ch=chapter fig=figure "
        "figs=figures sec=section eq=equation art=article mar=March apr=April jun=June "
        "jul=July ver=version c=circa app=appendix par=paragraph tab=table"
    ).split()
)
SLASHED = {"w/": "with ", "w/o": "without", "b/c": "because", "n/a": "not applicable"}
TITLE = re.compile(rf"\b({'|'.join(TITLES)})\.(?=\s+[^\W\d_a-z])")
WORD = re.compile(
    rf"\b({'|'.join(sorted(WORDS, key=len, reverse=True))})\.(?!\w)", re.I
)
BEFORE_NUMBER = re.compile(rf"\b({'|'.join(BEFORE_NUMBERS)})\.\s*(?=[#\dIVXLC])", re.I)
SAINT = re.compile(r"(\b\w{1,40}\s+)?\bSt\.(?=(\s+\w+)?)")
LATIN = re.compile(r"\b(e\.\s?g|i\.\s?e)\.,?", re.IGNORECASE)
DOTTED = re.compile(
    r"\b(?:[A-Za-z]\.){2,}|\b(?:[A-Za-z]\.)+[A-Za-z]\b(?!\.\w)|\bPh\.\s?D\."
)
INITIAL = re.compile(r"\b([A-Z])\.(?=\s+([^\W\d_]\w*))")
AMERICA = re.compile(r"\bUS\b(?!\$)")  # to a g2p the word "us"
SLASH = re.compile(r"\b(w/o|b/c|n/a|w/)(?=\s|$)", re.IGNORECASE)


def read_abbreviations(text: str, known: frozenset[str], spell: bool) -> str:
    """Return a text with its abbreviations read.

    Args:
        text: English.
        known: Those, in small letters, that the cleaner reads itself.
        spell: Whether "U.S." becomes letters without points.
    """
    text = SLASH.sub(lambda match: SLASHED[match[1].lower()], text)
    if spell and text.upper() != text:  # not shouted
        text = AMERICA.sub(f"U{LETTER_GAP}S", text)
    if "." not in text:
        return text
    text = LATIN.sub(lambda m: "for example," if m[1][0] in "eE" else "that is,", text)
    text = BEFORE_NUMBER.sub(lambda m: f"{BEFORE_NUMBERS[m[1].lower()]} ", text)
    text = TITLE.sub(
        lambda m: m.group() if m[1].lower() in known else TITLES[m[1]], text
    )
    if "st" not in known:
        text = SAINT.sub(_saint, text)
    text = WORD.sub(lambda match: _word(match, known), text)
    if spell:
        text = DOTTED.sub(_dotted, text)
        text = INITIAL.sub(_initial, text)
    return text


def _word(match: re.Match, known: frozenset[str]) -> str:
    word = match[1].lower()
    if word in known or (word in {"al", "ca", "sec"} and match[1][0].isupper()):
        return match.group()
    return WORDS[word].replace("_", " ") + _stop(match)


def _stop(match: re.Match) -> str:
    """Return the point if it ends the sentence as well."""
    rest = match.string[match.end() : match.end() + 40]
    if not rest.strip() or rest.lstrip(" \"')]\u201d\u2019") == "":
        return "."
    word = re.match(r"[\"')\]\u201d\u2019]*\s+[\"'(\u201c\u2018]*([^\W\d_]+)", rest)
    return "." if word and word[1][0].isupper() and word[1].lower() in STARTERS else ""


def _saint(match: re.Match) -> str:
    """Read "Main St." as a street and "St. John" as a saint."""
    before, after = (match[1] or "").strip(), (match[2] or "").strip()
    name_before = before[:1].isupper() and before.lower() not in STARTERS
    saint = after[:1].isupper() and not name_before
    word = "Saint" if saint else "Street"
    return f"{match[1] or ''}{word}{'' if saint else _stop(match)}"


def _dotted(match: re.Match) -> str:
    letters = LETTER_GAP.join(match.group().replace(".", "").replace(" ", "").upper())
    return letters + (_stop(match) if match.group().endswith(".") else "")


def _initial(match: re.Match) -> str:
    follows = match[2]
    is_initial = follows[0].isupper() and follows.lower() not in STARTERS
    return match[1] if is_initial else match.group()
