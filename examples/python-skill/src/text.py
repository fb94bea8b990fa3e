"""What can be counted in a text. Nothing here knows of the host, so plain Python can test it."""

import re
from dataclasses import dataclass

WORDS_PER_MINUTE = 230
"""How fast grown-ups read in silence."""

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_SENTENCE_END = re.compile(r"[.!?…]+(?:\s|$)")


@dataclass(frozen=True)
class Measure:
    """What a text amounts to."""

    words: int
    sentences: int
    seconds: int
    """Reading time, at least one second where there is a word."""


def words(text: str) -> int:
    return len(_WORD.findall(text))


def measure(text: str) -> Measure:
    count = words(text)
    sentences = max(len(_SENTENCE_END.findall(text)), 1) if count else 0
    seconds = -(-count * 60 // WORDS_PER_MINUTE)
    return Measure(count, sentences, seconds)
