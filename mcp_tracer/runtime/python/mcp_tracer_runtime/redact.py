"""Secrets never leave the process: by name of what holds them, by shape of the text. The rules are `../../redaction.json`."""

import os

from . import msgpack

BY_NAME = msgpack.ext(5, b"name")
_FOLD = {ord(character): None for character in "_-. "}
_OTHER_CASE = "\u017f\u212a\u0130\u0131"  # letters whose other case is ASCII


class Rules:
    """The rules, read from the file on first use. Without the file nothing is captured by name or shape: every text is withheld."""

    def __init__(self, path):
        self._path, self._loaded, self._names, self._harmless = path, False, {}, {}
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
            self.shortest = int(rules.get("minLength", 0))
            self._needs = _needs(rules["shapes"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            from . import faults

            faults.note(error)
            self._exact, self._suffix, self._contains, self._needs = frozenset(), ("",), (), None
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
        """Give the rules to a core by `take(exact, suffix, contains, shortest, quick, digits, shapes of digits, literals)`.

        Without the file nothing is given, and the core asks about every text.
        """
        if not self._loaded:
            self._load()
        if self._needs is not None:
            quick, digits, shapes, literals = self._needs
            packed = tuple((literal.encode(), mask, ord(also or "\0")) for literal, mask, also in literals)
            take(self._exact, self._suffix, self._contains, self.shortest, quick, digits, shapes, packed)

    def shape(self, text, wanted=None):
        """The name of the secret shape that `text` holds; None if it holds none. `wanted`: bits of the shapes that it may hold."""
        if not self._loaded:
            self._load()
        if len(text) < self.shortest or text in self._harmless:
            return None
        if wanted is None and self._needs is not None:
            wanted = self._possible(text)
        for number, (name, pattern, luhn) in enumerate(self._shapes):
            if wanted is None or wanted >> number & 1:
                for match in pattern.finditer(text):
                    if not luhn or _luhn(match.group()):
                        return name
        if len(text) < 500:  # programs pass the same texts around
            if len(self._harmless) >= 4000:
                self._harmless.clear()
            self._harmless[text] = None
        return None

    def _possible(self, text):
        """Bits of the shapes that a quick look cannot rule out."""
        quick, digits, shapes, literals = self._needs
        if not quick or (not text.isascii() and any(letter in text for letter in _OTHER_CASE)):
            return -1
        low = text.lower()
        found = 0
        for literal, mask, also in literals:
            if literal in low and (also is None or also in low):
                found |= mask
        return found | shapes if len(text) >= digits else found


def _needs(shapes):
    """(quick, digits, shapes of these, literals): a text in which neither so many digits nor any of the literals stands holds no shape; not
    quick if a shape says nothing about it. A literal is (text, bits of its shapes, a character that must stand there, too)."""
    literals = tuple((literal, 1 << number, shape.get("also")) for number, shape in enumerate(shapes) for literal in shape.get("needs", ()))
    digits = [(shape["digits"], 1 << number) for number, shape in enumerate(shapes) if "digits" in shape]
    quick = all("needs" in shape or "digits" in shape for shape in shapes)
    return quick, min([least for least, _ in digits], default=1 << 30), sum(mask for _, mask in digits), literals


def _luhn(text):
    total = 0
    digits = [int(character) for character in text if character.isdigit()]
    for position, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if position % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return len(digits) >= 13 and total % 10 == 0


rules = Rules(os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "redaction.json"))
