"""Run with the Python of an environment that holds nothing but the wheel: init a project, and speak MCP to the server over stdio."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters

import mcp_tracer

PROGRAM = """\
def greet(name):
    return f"Hello, {name}"


if __name__ == "__main__":
    print(greet("world"))
"""
COMMAND = Path(sys.executable).parent / "mcp-tracer"


async def speak(project: Path) -> None:
    """Initialize, list, call; instrument one file, run it, ask, and restore it."""
    file = project / "hello.py"
    before = file.read_bytes()
    async with Client(StdioServerParameters(command=str(COMMAND), args=["serve"], cwd=project), read_timeout_seconds=60) as client:

        async def call(tool: str, **arguments: object) -> str:
            result = await client.call_tool(tool, dict(arguments))
            text = "\n".join(part.text for part in result.content if part.type == "text")
            assert not result.is_error, f"{tool}: {text}"
            return text

        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert {"instrument", "uninstrument", "get_status", "get_trace", "search_traces"} <= tools, tools
        prompts = {prompt.name for prompt in (await client.list_prompts()).prompts}
        assert {"debug-failing-test", "find-why-slow"} <= prompts, prompts
        assert "0 instrumented files" in await call("get_status")
        assert "1 function" in await call("instrument", paths=["hello.py"], level=2)
        assert file.read_bytes() != before
        ran = subprocess.run([sys.executable, "hello.py"], cwd=project, capture_output=True, text=True, timeout=60, check=True)
        assert ran.stdout == "Hello, world\n", ran.stdout
        assert "greet" in await call("search_traces", query="greet")
        await call("uninstrument", paths=["hello.py"])
    assert file.read_bytes() == before


def main() -> None:
    """An empty project, then the conversation."""
    assert "site-packages" in mcp_tracer.__file__, f"{mcp_tracer.__file__} is not the installed wheel"
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        (project / "hello.py").write_text(PROGRAM)
        subprocess.run([COMMAND, "init", "--yes"], cwd=project, timeout=60, check=True)
        assert (project / ".ai-agents" / "logging" / "config" / ".env.tracing").is_file()
        assert list((project / ".ai-agents" / "logging" / "runtime" / "javascript").iterdir())
        anyio.run(speak, project)
    print(f"wheel {mcp_tracer.__version__}: init, serve, instrument, run, search and uninstrument work in an empty folder")


if __name__ == "__main__":
    main()
