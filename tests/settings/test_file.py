"""The humans' file: typed values, cautious permissions, problems that name line, variable, value and what is valid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_tracer import resources
from mcp_tracer.model.plan import sha256
from mcp_tracer.settings.file import Flag, Settings, load
from mcp_tracer.settings.variables import field_of, variable_of

PERMISSIONS = [flag for flag in Flag if flag is not Flag.AI_REQUIRE_APPROVAL]


@pytest.fixture
def read(tmp_path):
    def write_and_load(text: str):
        (tmp_path / ".env.tracing").write_text(text, encoding="utf-8")
        return load(tmp_path / ".env.tracing")

    return write_and_load


def test_the_shipped_template_says_the_defaults_and_allows_agents():
    path = resources.template_home() / "config" / ".env.tracing"
    loaded = load(path)
    assert loaded.problems == ()
    assert loaded.settings == Settings(level_typescript=2, level_javascript=2, level_python=2)
    assert [loaded.allows(flag) for flag in PERMISSIONS] == [True] * 4
    assert not loaded.requires_approval
    assert loaded.sha256 == sha256(path.read_bytes())


def test_the_template_names_every_variable_and_no_other():
    text = (resources.template_home() / "config" / ".env.tracing").read_text(encoding="utf-8")
    named = set(re.findall(r"^(TRACING_\w+)=", text, re.MULTILINE))
    assert named == {variable_of(name) for name in Settings.model_fields} | {flag.value for flag in Flag}


def test_the_process_environment_never_counts(read, monkeypatch):
    monkeypatch.setenv("TRACING_ENABLED", "false")
    monkeypatch.setenv("ENABLED", "false")
    monkeypatch.setenv("TRACING_ALLOW_AI_WRAP", "true")
    monkeypatch.setenv("LEVEL", "5")
    loaded = read("TRACING_DEFAULT_LEVEL=${LEVEL}\n")
    assert loaded.settings == Settings()
    assert not loaded.allows(Flag.ALLOW_AI_WRAP)
    assert loaded.problems[0].startswith("line 1: TRACING_DEFAULT_LEVEL=${LEVEL} is not valid, 2 is used: it must be 0=OFF, 1=MINIMAL")


def test_a_missing_file_refuses_everything_and_names_init(tmp_path):
    loaded = load(tmp_path / "none")
    assert [loaded.allows(flag) for flag in PERMISSIONS] == [False] * 4
    assert loaded.requires_approval
    assert "mcp-tracer init" in loaded.problems[0]
    assert "mcp-tracer init" in loaded.why_not(Flag.ALLOW_AI_WRAP)
    assert loaded.settings == Settings()


@pytest.mark.parametrize("value", ["", "yes", "1", "True!", "tru", '"true', "${X}", "true # as we agreed"])
def test_a_malformed_flag_means_the_cautious_side(read, value):
    loaded = read(f"TRACING_ALLOW_AI_WRAP={value}\nTRACING_AI_REQUIRE_APPROVAL={value}\n")
    assert not loaded.allows(Flag.ALLOW_AI_WRAP)
    assert loaded.requires_approval
    assert f"line 1: TRACING_ALLOW_AI_WRAP={value} is neither true nor false" in loaded.why_not(Flag.ALLOW_AI_WRAP)
    assert len([problem for problem in loaded.problems if "neither true nor false" in problem]) == 2


def test_a_flag_that_is_set_twice_counts_as_malformed(read):
    loaded = read("TRACING_ALLOW_AI_WRAP=false\nTRACING_ALLOW_AI_WRAP=true\n")
    assert not loaded.allows(Flag.ALLOW_AI_WRAP)
    assert "lines 1, 2" in loaded.why_not(Flag.ALLOW_AI_WRAP)


def test_flags_take_quotes_and_any_case(read):
    loaded = read("# a comment\nTRACING_ALLOW_AI_WRAP='TRUE'\nTRACING_AI_REQUIRE_APPROVAL = False\r\n")
    assert loaded.allows(Flag.ALLOW_AI_WRAP)
    assert loaded.why_not(Flag.ALLOW_AI_WRAP) == ""
    assert not loaded.requires_approval


def test_malformed_values_fall_back_and_the_rest_still_counts(read):
    values = ("MODE=nowhere", "MAX_DEPTH=7", "SAMPLE_RATE=nan", "ENABLED=maybe", "LANGUAGES=python,ruby", "EXCLUDE_FILES=*.a,!")
    loaded = read("".join(f"TRACING_{value}\n" for value in values))
    assert loaded.settings == Settings(max_depth=7)
    assert sorted(loaded.problems) == [
        "line 1: TRACING_MODE=nowhere is not valid, in_place is used: it must be 'in_place' or 'on_load'.",
        "line 3: TRACING_SAMPLE_RATE=nan is not valid, 1.0 is used: it must be a finite number.",
        "line 4: TRACING_ENABLED=maybe is not valid, true is used: it must be true or false.",
        "line 5: TRACING_LANGUAGES=python,ruby is not valid, typescript,javascript,python is used:"
        " it must be 'typescript', 'javascript' or 'python'.",
        "line 6: TRACING_EXCLUDE_FILES=*.a,! is not valid, *.test.ts,*.spec.ts,*.test.js,*.spec.js,*.config.ts is used:"
        " it must be globs such as *.test.ts.",
    ]


def test_unknown_variables_ask_what_was_meant(read):
    problems = read("TRACING_DEFAULT_LEVL=3\nTRACING_QUUX=1\nOTHER=1\nnonsense\n").problems
    assert "line 1: TRACING_DEFAULT_LEVL is unknown: did you mean TRACING_DEFAULT_LEVEL?" in problems
    assert any(problem.startswith("line 2: TRACING_QUUX is unknown") for problem in problems)
    assert any(problem.startswith("line 4: 'nonsense' is not a setting") for problem in problems)
    assert not any("OTHER" in problem for problem in problems)


def test_lists_and_budgets(read):
    values = ("EXCLUDE_FILES= *.a , ,b/*.c", "OVERHEAD_BUDGET=7.5%", "VALUE_BUDGET=0", "APPROVAL_CHANNELS=web,elicitation")
    settings = read("".join(f"TRACING_{value}\n" for value in values)).settings
    assert settings.exclude_files == ("*.a", "b/*.c")
    assert (settings.overhead_budget, settings.value_budget) == (7.5, 0)
    assert settings.approval_channels == ("web", "elicitation")
    assert read("TRACING_EXCLUDE_FILES=\n").settings.exclude_files == ()


def test_a_file_that_is_not_utf_8_refuses_everything(tmp_path):
    (tmp_path / "f").write_bytes(b"TRACING_ALLOW_AI_WRAP=true\n\xff")
    loaded = load(tmp_path / "f")
    assert not loaded.allows(Flag.ALLOW_AI_WRAP)
    assert "save it as UTF-8" in loaded.problems[0]


@given(st.text(alphabet=st.sampled_from("TRACING_ENABLED=true\n\r\"'# ${}\u2028x1,%"), max_size=80))
def test_no_text_makes_reading_fail_or_gives_a_permission(tmp_path_factory, text):
    path = Path(tmp_path_factory.getbasetemp()) / "any.env"
    path.write_bytes(text.encode())
    loaded = load(path)
    assert not any(loaded.allows(flag) for flag in PERMISSIONS)
    assert loaded.requires_approval


def test_variables_and_fields_name_each_other():
    assert variable_of("capture_return_") == "TRACING_CAPTURE_RETURN"
    assert field_of("TRACING_CAPTURE_RETURN") == "capture_return_"
    assert field_of("TRACING_ALLOW_AI_WRAP") is None
