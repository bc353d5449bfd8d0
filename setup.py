"""Build steps that pyproject.toml cannot say: data files that live outside the package, and the optional C core of the Python runtime."""

from __future__ import annotations

import shutil
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
PACKAGE = "mcp_tracer"
SHARED = (Path(".ai-agents") / "logging" / "config" / ".env.tracing", Path("prompts"))
NOT_SHIPPED = ("__pycache__", "node_modules")
NOT_SHIPPED_SUFFIXES = (".pyc", ".pyo", ".so", ".pyd", ".o")
C_CORES = {"mcp_tracer.runtime.python.mcp_tracer_runtime._core": Path("mcp_tracer/runtime/python/mcp_tracer_runtime/core.c")}


def package_files() -> list[tuple[Path, Path]]:
    """(source, place in the wheel) of every file that the package needs at run time besides its modules."""
    pairs = [(path, path.relative_to(ROOT)) for path in (ROOT / PACKAGE).rglob("*") if _ships(path)]
    for shared in SHARED:
        source = ROOT / shared
        found = [source] if source.is_file() else sorted(path for path in source.rglob("*") if _ships(path))
        pairs += [(path, Path(PACKAGE) / "_shared" / path.relative_to(ROOT)) for path in found]
    return pairs


def _ships(path: Path) -> bool:
    unwanted = any(part in NOT_SHIPPED for part in path.parts) or path.suffix in NOT_SHIPPED_SUFFIXES
    return path.is_file() and not unwanted


def c_cores() -> list[Extension]:
    """C extensions whose source exists. Optional: where no compiler is at hand the pure-Python path does the same, slower."""
    return [
        Extension(
            name, sources=[source.as_posix()], depends=[path.as_posix() for path in sorted(source.parent.glob("core_*.h"))], optional=True
        )
        for name, source in C_CORES.items()
        if (ROOT / source).is_file()
    ]


class BuildWithData(build_py):
    """Copies the data files too. An editable install needs no copies: it reads them from the checkout."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        for source, place in package_files():
            target = Path(self.build_lib) / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithData}, ext_modules=c_cores())
