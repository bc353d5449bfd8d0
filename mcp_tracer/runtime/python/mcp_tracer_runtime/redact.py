"""Secrets never leave the process: by name of what holds them, by shape of the text. The rules are `../../redaction.json`."""

import os

from . import msgpack

BY_NAME = msgpack.ext(5, b"name")
_FOLD = {ord(character): None for character in "_-. "}


class Rules:
    """The rules, read from the file on first use. Without the file nothing is captured by name or shape: every text is withheld."""

    def __init__(self, path):
        self._path, self._loaded, self._names = path, False, {}
        self.shortest = 0

    def _load(self):
        import json
        import re

        try:
            with open(self._path, encoding="utf-8") as file:
                rules = json.load(file)
            names = rules["names"]
            self._exact, self._suffix, self._contains = frozenset(names["exact"]), tuple(names["suffix"]), tuple(names["contains"])
            self._shapes = [
                (shape["name"], re.compile(shape["pattern"], re.I if "i" in shape["flags"] else 0), shape.get("luhn", False))
                for shape in rules["shapes"]
            ]
            self._any = re.compile("|".join("(?%s:%s)" % ("i" if "i" in s["flags"] else "", s["pattern"]) for s in rules["shapes"]))
            self.shortest = int(rules.get("minLength", 0))
            self._needs = _needs(rules["shapes"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            from . import faults

            faults.note(error)
            self._exact, self._suffix, self._contains, self._any = frozenset(), ("",), (), None
            self._shapes = [("unknown", re.compile(""), False)]
        self._loaded = True

    def secret_name(self, name):
        """Whether a parameter, field or key of this name holds a secret."""
        known = self._names.get(name)
        if known is None:
            if not self._loaded:
                self._load()
            folded = name.lower().translate(_FOLD)
            known = folded in self._exact or folded.endswith(self._suffix) or any(part in folded for part in self._contains)
            if len(self._names) < 5000:
                self._names[name] = known
        return known

    def lend(self, take):
        """Give the rules to a core by `take(exact, suffix, contains, shortest, digits, literals)`.

        Without the file nothing is given, and the core withholds all.
        """
        if not self._loaded:
            self._load()
        if self._any is not None:
            take(self._exact, self._suffix, self._contains, self.shortest, *self._needs)

    def shape(self, text):
        """The name of the secret shape that `text` holds; None if it holds none."""
        if not self._loaded:
            self._load()
        if len(text) < self.shortest or (self._any is not None and self._any.search(text) is None):
            return None
        for name, pattern, luhn in self._shapes:
            for match in pattern.finditer(text):
                if not luhn or _luhn(match.group()):
                    return name
        return None


def _needs(shapes):
    """(digits, literals): a text in which neither so many digits nor any of the literals stands holds no shape. (0, ()) if a shape says
    nothing about it."""
    literals = tuple(literal.encode() for shape in shapes for literal in shape.get("needs", ()))
    digits = [shape["digits"] for shape in shapes if "digits" in shape]
    told = all("needs" in shape or "digits" in shape for shape in shapes)
    return (min(digits, default=1 << 30), literals) if told else (0, ())


def _luhn(text):
    total = 0
    digits = [int(character) for character in text if character.isdigit()]
    for position, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if position % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return len(digits) >= 13 and total % 10 == 0


rules = Rules(os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "redaction.json"))
