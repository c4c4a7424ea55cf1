"""HTML and Markdown without their signs."""

from __future__ import annotations

import html
import re

EMOTICON = re.compile(
    r"(?:(?<=\s)|^)(?:[:;=][-o^']?[()\[\]DPp3|*]+|<3+|\^_*\^|-_+-|[xX]D|"
    r"\u00af\\_*\(\u30c4\)_*/\u00af)(?=[\s.,!?]|$)"
)
STEPS = tuple(
    (re.compile(pattern, re.MULTILINE | re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"<!--.*?-->|</?[a-z][a-z0-9]*(?:\s[^<>]{0,300})?/?>", " "),
        (r"^\s*(?:`{3,}|~{3,})\w*\s*|`{3,}", " "),  # fences of code
        (r"!?\[([^\[\]]{1,300})\]\((?:[^()\s]{1,500})\)", r"\1"),  # links
        (r"^\s*\|?(?:\s*:?-{3,}:?\s*\|)+(?:\s*:?-{3,}:?)?", " "),  # rules of tables
        (r"^\s*(?:[-=*_~#]\s?){3,}(?=\s|$)", " "),  # rules
        (
            r"^\s*(?:#{1,6}|>+|[-*+\u2022\u2023\u25e6\u25aa\u25cf])\s+(?:\[[ x]\]\s)?",
            "",
        ),  # headings, quotes, lists
        (r"(?<![\w*])(\*{1,3})(?=[^\s*])([^*]{1,300}?)(?<=[^\s*])\1(?![\w*])", r"\2"),
        (r"(?<!\w)(_{1,3})(?=[^\s_])(.{1,300}?)(?<=[^\s_])\1(?!\w)", r"\2"),
        (r"(?<!~)~~(?=\S)(.{1,300}?)(?<=\S)~~(?!~)", r"\1"),
        (r"`([^`]{1,300})`", r"\1"),
    )
)


def strip_emoticons(text: str) -> str:
    """Return a text without the faces that are written with marks, as :-)."""
    return EMOTICON.sub("", text)


def strip_markup(text: str) -> str:
    """Return a text without tags, entities, emphasis, headings and link targets."""
    if "&" in text:
        text = html.unescape(text)
    for pattern, replacement in STEPS:
        text = pattern.sub(replacement, text)
    return text
