"""Python: plans the header insertion, and takes it out again. What the header starts is `mcp_tracer/runtime/python`."""

from mcp_tracer.languages.python.language import PythonLanguage

__all__ = ["PythonLanguage"]
