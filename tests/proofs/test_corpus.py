"""A small corpus: some files of the standard library, and hand-made ones that are as awkward as files get."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from pathlib import Path

import pytest
from corpus import work

LIBRARY = Path(sysconfig.get_paths()["stdlib"])
SMALL = [path for path in LIBRARY.rglob("*.py") if "site-packages" not in path.parts and path.stat().st_size < 12_000]
CHOSEN = sorted(SMALL, key=lambda path: hashlib.sha256(path.relative_to(LIBRARY).as_posix().encode()).digest())[:16]
F = b"def f(a=1):\n    '''doc'''\n    b = g(a)\n    return b\n"
AWKWARD = {
    "empty": b"",
    "comment without an end": b"# c",
    "no final newline": F + b"f()",
    "function without a final newline": F.rstrip(b"\n"),
    "carriage returns": F.replace(b"\n", b"\r\n"),
    "lone carriage returns": b"import os\r" + F.replace(b"\n", b"\r"),
    "mixed line ends": b"import os\r\nx = 1\r" + F,
    "form feeds": b"\x0cimport os\n\x0c\n" + F + b"\x0c\n",
    "tabs": b"if 1:\n\tdef f():\n\t\tg()\n",
    "byte order mark": b"\xef\xbb\xbf" + F,
    "byte order mark and cookie": b"\xef\xbb\xbf# coding: utf-8\nimport os\n" + F,
    "cookie in line two": b"#!/usr/bin/python\n# vim: set fileencoding=latin-1 :\nx = '\xe9'\n" + F,
    "Shift JIS": "# coding: shift_jis\nimport os\ndef f(表): return g('ソ', 表)\n".encode("shift_jis"),
    "names outside ASCII": "import os\nclass É:\n    def ß(self, ñ): return ñ.ü('\U0001f600', f(ñ))\n".encode(),
    "line separator in a string": "import os\nx = '\u2028\x85'\ndef f(): return g('\u2029', h())\n".encode(),
    "future behind a long docstring": b"'''d\n\n'''\nfrom __future__ import (annotations,\n    division)  # c\n" + F,
    "semicolons": b"'d'; from __future__ import annotations; x = 1; y = 2;\n" + F,
    "backslashes": b"x = \\\n  1\nif x and \\\n   x: pass\n" + F,
    "only a class": b"class A:\n  def f(self): return g()\n",
    "only a decorated function": b"@(lambda f: f)\ndef f(): return g()\n",
    "one line": b"def f(): return [g(i) for i in h()]; x = 1",
    "glued keywords": b"import os\ndef f(a):\n    return(g)(1)if(a)else[x for(x)in(h())if(x)or(y())]\n",
    "text that looks like ours": b"x = 'exec(\"#mcp-tracer:1 b'\n# ;exec(\"#mcp-tracer:1 a\",{}\n" + F,
    "indented end": b"import os\ndef f():\n    g()\n    # c\n    ",
    "strings in all shapes": b"import os\ndef f():\n    return g(rb'\\\\', u'x', '''\n''', f'{h(1)!r:>{w()}}', 'a' 'b')\n",
    "bodies on the same line": b"import os\nif 1: x = 1; y = f()\ndef f(): pass; return g(); x = 1\nclass A: x = 1; y = g()\n",
    "elif without end": b"import os\nif 0: pass\n" + b"".join(b"elif a == %d: g()\n" % number for number in range(400)) + F,
    "many functions": b"".join(b"def f%d(a):\n    return g(a, %d)\n" % (number, number) for number in range(300)),
}  # fmt: skip
REFUSED = {
    "Python 2": b"print 'x'\ndef f(): return 1\n",
    "null bytes": b"def f(): return 1\n\0",
    "undeclared encoding": b"def f(): return '\xe9'\n",
    "unknown encoding": b"# coding: klingon\ndef f(): return 1\n",
    "merge conflict": b"<<<<<<< HEAD\ndef f(): return 1\n=======\n",
}


def examined(source: bytes) -> work.Result:
    return work.examine(work.Task(hashlib.sha256(source).hexdigest(), source, (sys.executable,), ()))


@pytest.mark.parametrize("path", CHOSEN, ids=lambda path: path.relative_to(LIBRARY).as_posix())
def test_a_library_file_keeps_the_rules(path: Path) -> None:
    assert examined(path.read_bytes()).violations == []


@pytest.mark.parametrize("case", AWKWARD)
def test_an_awkward_file_keeps_the_rules(case: str) -> None:
    result = examined(AWKWARD[case])
    assert result.violations == []
    assert "header" not in result.refused


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_python_is_refused_with_its_place(case: str) -> None:
    result = examined(REFUSED[case])
    assert result.violations == []
    assert set(result.refused) == {"header", "explicit"}
