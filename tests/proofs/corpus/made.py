"""Files as generators write them and as parsers fear them: very many functions, very large literals, very deep nesting."""

from __future__ import annotations

from collections.abc import Iterator

METHOD = """class C{0}:
    '''doc'''
    def m(self, a):
        if a:
            return self.f(a, [1, 2, 3], {{"k": {0}}})
        return None
"""
LAST = "def last(a):\n    return g(a)\n"


def texts() -> Iterator[tuple[str, str]]:
    """(name, text) of each."""
    yield "5 MB module", "import os\n" + "".join(METHOD.format(number) for number in range(38_000))
    yield "10,000 functions", "".join(f"def f{number}(a, b=1):\n    x = g{number}(a)\n    return x + b\n\n" for number in range(10_000))
    yield "50,000 elements", "X = [" + ", ".join(f'({number}, "a{number}")' for number in range(50_000)) + "]\n" + LAST
    yield "50,000 keys in a function", "import os\ndef f():\n    return {" + ", ".join(f'"k{n}": {n}' for n in range(50_000)) + "}\n"
    yield "20,000 calls on a line", "import os\ndef f():\n    return " + " or ".join(f"g({number})" for number in range(20_000)) + "\n"
    yield "20,000 statements", "import os\ndef f():\n" + "".join(f"    x{number} = g({number})\n" for number in range(20_000))
    yield (
        "1,000 parameters",
        "def f(" + ", ".join(f"a{n}=1" for n in range(1_000)) + "):\n    return g(" + ", ".join(f"a{n}" for n in range(1_000)) + ")\n",
    )
    yield from _deep()


def _deep() -> Iterator[tuple[str, str]]:
    for name, expression in {
        "sum of 900": " + ".join(["g(1)"] * 900),
        "sum of 2,900": " + ".join(["g(1)"] * 2_900),
        "190 calls in each other": "g(" * 190 + "1" + ")" * 190,
        "chain of 300 calls": "a" + ".g(1)" * 300,
        "chain of 900 calls": "a" + ".g(1)" * 900,
        "chain of 2,500 attributes": "g(a" + ".b" * 2_500 + ")",
        "900 times not": "not " * 900 + "g(1)",
        "900 conditions": "".join(f"g({number}) if x == {number} else " for number in range(900)) + "None",
        "80 lambdas": "lambda: " * 80 + "g(1)",
    }.items():
        yield name, f"import os\ndef f(a):\n    return {expression}\n{LAST}"
    for kind in ("while g()", "with g() as a", "for a in g()"):
        blocks = "".join(" " * depth + kind + ":\n" for depth in range(1, 21))
        yield f"20 times {kind}", f"import os\ndef f():\n{blocks}{' ' * 21}yield g(1)\n{LAST}"
    yield (
        "3,000 times elif",
        "import os\ndef f(a):\n    if a: pass\n" + "".join(f"    elif a == {n}: g({n})\n" for n in range(2_900)) + LAST,
    )
    yield "90 functions in each other", "".join(" " * depth + f"def f{depth}():\n" for depth in range(90)) + " " * 90 + "return 1\n"
