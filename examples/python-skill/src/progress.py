"""How many words were written in this conversation, kept by the host."""

from componentize_py_types import Err
from wit_world.imports import key_value
from wit_world.imports.key_value import Error_Conflict, Scope

KEY = "words"


def total() -> int:
    entry = key_value.get(Scope.CONVERSATION, KEY)
    return int(entry.value) if entry else 0


def add(words: int) -> int:
    """Add to the total and return it. Written only over what was read, so that no addition is lost."""
    while True:
        entry = key_value.get(Scope.CONVERSATION, KEY)
        stored, version = (int(entry.value), entry.version) if entry else (0, 0)
        try:
            key_value.set(Scope.CONVERSATION, KEY, str(stored + words).encode(), version)
            return stored + words
        except Err as error:
            if not isinstance(error.value, Error_Conflict):
                raise
