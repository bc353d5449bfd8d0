"""The table: which package at which version, what of it is instrumented, which of its tests run, what they need."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

EXTRA = Path(__file__).parent / "extra"
PYTEST = "pytest==8.3.5"  # unless a suite needs another

SHOWS_HEADERS = "shows all headers of a request that leaves the process; traced, `traceparent` is one of them"

OWN_SOURCE = "formats a file of the package, where the header stands in place"
ECHOES_HEADERS = (
    "reads a body that repeats the request's headers in pieces of 512 bytes; with `traceparent` a line less fits into the first"
)
READS_BYTECODE = (
    "reads the instructions in front of the one that its caller stands at; traced at level 3 and above, a probe's are among them"
)
COUNTS_OBJECTS = "counts the objects that the garbage collector knows, 20 times; the governor's own come and go while it runs"


@dataclass(frozen=True)
class Suite:
    """A released package and its own tests."""

    name: str
    version: str
    source: str  # what is instrumented, relative to the unpacked archive
    tests: str = "tests"
    needs: str = ""  # besides pytest
    arguments: str = ""  # of pytest
    exceptions: dict[str, str] = field(default_factory=dict[str, str])  # test (how its id begins) -> why it can't be satisfied
    install: bool = True  # as an editable installation; else the tests find the package by themselves
    timeout_s: int = 900
    extra_files: tuple[tuple[str, str], ...] = ()  # what the archive lacks: (path, text)
    environment: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def requirements(self) -> list[str]:
        """What is installed for the tests."""
        needs = self.needs.split()
        return needs if any(need.startswith("pytest==") for need in needs) else [PYTEST, *needs]


NAMED = (
    Suite("markupsafe", "3.0.2", "src/markupsafe", exceptions={"tests/test_leak.py::test_markup_leaks": COUNTS_OBJECTS}),
    Suite("attrs", "25.3.0", "src", needs="hypothesis==6.131.0 cloudpickle==3.1.1"),
    Suite("click", "8.1.8", "src"),
    Suite("jinja2", "3.1.6", "src", needs="markupsafe==3.0.2 trio==0.30.0"),
    Suite(
        "werkzeug",
        "3.1.9",
        "src",
        needs="markupsafe==3.0.2 pytest-timeout==2.3.1 cryptography==44.0.2 watchdog==6.0.0 ephemeral-port-reserve==1.1.4",
    ),
    Suite(
        "flask",
        "3.1.3",
        "src",
        needs="werkzeug==3.1.9 jinja2==3.1.6 itsdangerous==2.2.0 click==8.1.8 blinker==1.9.0 asgiref==3.8.1 python-dotenv==1.1.0",
    ),
    Suite(
        "httpx",
        "0.28.1",
        "httpx",
        needs="anyio==4.9.0 certifi httpcore==1.0.9 idna h2 socksio brotli zstandard click==8.1.8 rich pygments "
        "chardet==5.2.0 trio==0.30.0 trustme==1.2.1 uvicorn==0.34.2 cryptography==44.0.2",
        exceptions={
            "tests/test_main.py::test_auth": SHOWS_HEADERS,
            "tests/test_main.py::test_verbose": SHOWS_HEADERS,
        },
    ),
    Suite(
        "anyio",
        "4.16.0",
        "src",
        tests="tests/test_taskgroups.py tests/test_synchronization.py tests/streams tests/test_to_thread.py tests/test_from_thread.py "
        "tests/test_contextmanagers.py tests/test_lowlevel.py tests/test_eventloop.py tests/test_itertools.py tests/test_functools.py",
        needs="pytest==9.2.0 pytest-timeout idna trio==0.31.0 trustme==1.2.1 psutil pytest-mock==3.14.0 hypothesis==6.131.0 exceptiongroup "
        "typing_extensions blockbuster truststore cryptography==44.0.2",
    ),
    Suite(
        "pydantic",
        "2.14.3",
        "pydantic",
        tests="tests/test_fields.py tests/test_utils.py tests/test_config.py tests/test_validators.py tests/test_typing.py "
        "tests/test_deprecated_fields.py tests/test_computed_fields.py tests/test_dataclasses.py",
        needs="pytest==9.2.0 pydantic-core==2.50.4 typing-extensions annotated-types typing-inspection dirty-equals jsonschema pytest-mock "
        "pytest-benchmark faker email-validator tzdata packaging pytz pytest-run-parallel",
    ),
    Suite(
        "black",
        "26.10.1",
        "src",
        tests="tests/test_black.py tests/test_ranges.py tests/test_trans.py tests/test_tokenize.py tests/test_docs.py",
        needs="click==8.1.8 mypy_extensions packaging pathspec platformdirs pytokens parameterized",
        arguments="--run-optional=no_jupyter",
        exceptions={"tests/test_black.py::BlackTestCase::test_piping": OWN_SOURCE},
    ),
    Suite(
        "sqlalchemy",
        "2.0.41",
        "lib/sqlalchemy",
        tests="test/base/test_events.py test/sql/test_case_statement.py test/orm/test_attributes.py test/ext/test_hybrid.py",
        needs="typing_extensions greenlet==3.2.1",
        install=False,
        environment={"DISABLE_SQLALCHEMY_CEXT_RUNTIME": "1"},
    ),
    Suite(
        "rich",
        "15.0.0",
        "rich",
        tests="test_demos.py",
        needs="pygments==2.19.1 markdown-it-py==3.0.0",
        extra_files=(("test_demos.py", (EXTRA / "rich_demos.py").read_text()),),
    ),
)

UNNAMED = (
    Suite("itsdangerous", "2.2.0", "src", needs="freezegun==1.5.1"),
    Suite("pluggy", "1.7.0", "src", tests="testing"),
    Suite("toolz", "1.2.0", "toolz", tests="toolz/tests"),
    Suite("structlog", "26.1.0", "src", needs="freezegun==1.5.1 pretend pytest-asyncio==0.26.0 simplejson time-machine rich twisted"),
    Suite("tomlkit", "0.15.2", "tomlkit", needs="pyyaml"),
    Suite(
        "marshmallow",
        "4.4.0",
        "src",
        needs="simplejson",
        # its ids hold the time
        arguments="--deselect tests/test_deserialization.py::TestFieldDeserialization::test_invalid_datetime_deserialization",
    ),
    Suite(
        "requests",
        "2.34.2",
        "src",
        needs="urllib3 idna certifi charset_normalizer pytest-httpbin==2.1.0 httpbin trustme==1.2.1 PySocks "
        "pytest-mock==3.14.0 setuptools<80",
        exceptions={"tests/test_requests.py::TestRequests::test_response_iter_lines_reentrant": ECHOES_HEADERS},
    ),
    Suite("mako", "1.4.3", "mako", tests="test", needs="markupsafe==3.0.2 babel lingua dogpile.cache beaker"),
    Suite(
        "lark",
        "1.3.1",
        "lark",
        tests="tests/test_parser.py tests/test_trees.py tests/test_tools.py tests/test_cache.py tests/test_reconstructor.py "
        "tests/test_lexer.py",
        needs="regex interegular js2py",
    ),
    Suite("blinker", "1.9.0", "src", needs="pytest-asyncio==0.26.0"),
    Suite("executing", "2.3.0", "executing", needs="asttokens littleutils"),
    Suite("wrapt", "2.5.2", "src", environment={"WRAPT_DISABLE_EXTENSIONS": "1"}),
    Suite("typeguard", "4.6.0", "src", needs="typing_extensions"),
    Suite(
        "zope.interface", "8.7", "src/zope", tests="src/zope/interface", needs="zope.event zope.testing", environment={"PURE_PYTHON": "1"}
    ),
    Suite("sly", "0.5", "src"),
    Suite("decorator", "5.3.1", "src", tests="tests/test.py"),
    Suite(
        "varname",
        "1.0.0",
        "varname",
        needs="executing asttokens pure_eval",
        arguments="-o addopts=",
        exceptions={
            f"tests/test_bytecode_nameof.py::TestNameof::{name}": READS_BYTECODE
            for name in ("test_original_nameof", "test_bytecode_pytest_nameof_fail", "test_nameof")
        },
    ),
    Suite(
        "more-itertools",
        "11.2.1",
        "more_itertools",
        # take minutes untraced
        arguments="--deselect tests/test_recipes.py::PrimeFunctionTests "
        "--deselect tests/test_recipes.py::PolynomialFromRootsTests::test_large",
    ),
    Suite("boltons", "25.0.0", "boltons"),
    Suite("tenacity", "9.1.2", "tenacity", needs="tornado typeguard"),
    Suite(
        "pytest",
        "9.2.0",
        "src/_pytest",
        tests="testing/test_mark.py testing/test_mark_expression.py testing/test_skipping.py testing/test_stash.py testing/test_scope.py",
        needs="pytest==9.2.0 iniconfig packaging pluggy pygments attrs hypothesis==6.131.0 xmlschema setuptools",
    ),
    Suite(
        "packaging",
        "26.3",
        "src",
        tests="tests/test_markers.py tests/test_requirements.py tests/test_metadata.py tests/test_utils.py "
        "tests/test_musllinux.py tests/test_manylinux.py tests/test_elffile.py",
        needs="pretend hypothesis==6.131.0 tomli_w",
    ),
    Suite(
        "pyparsing",
        "3.3.3",
        "pyparsing",
        tests="tests/test_simple_unit.py tests/test_util.py tests/test_diagram.py",
        needs="railroad-diagrams jinja2==3.1.6",
    ),
    Suite(
        "starlette",
        "1.10.0",
        "starlette",
        needs="anyio==4.9.0 httpx==0.28.1 httpx2 python-multipart itsdangerous==2.2.0 jinja2==3.1.6 trio==0.30.0 pyyaml typing_extensions "
        "opentelemetry-api opentelemetry-sdk",
    ),
    Suite(
        "cattrs",
        "26.2.1",
        "src",
        tests="tests/test_structure.py tests/test_unstructure.py tests/test_converter.py tests/test_generics.py tests/test_gen_dict.py "
        "tests/test_function_dispatch.py",
        needs="pytest==9.2.0 attrs==25.3.0 typing_extensions exceptiongroup hypothesis==6.131.0 immutables ujson orjson msgpack "
        "pyyaml tomlkit cbor2 pymongo msgspec pytest-benchmark",
    ),
    Suite("networkx", "3.6.1", "networkx", tests="networkx/classes networkx/utils"),
)

ALL = NAMED + UNNAMED
