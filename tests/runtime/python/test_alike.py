"""Code with probes is taken for the code that it was made from, and for no other."""

from __future__ import annotations

from mcp_tracer.runtime.python.mcp_tracer_runtime import onload


def test_code_that_the_compiler_merged_is_known_again_with_probes() -> None:
    """Two equal lambdas on one line may be one constant; each of them traced they are two."""
    module = compile("def f():\n    return (lambda: g(1)), (lambda: g(2))\n", "a.py", "exec", dont_inherit=True)
    two = next(constant for constant in module.co_consts if hasattr(constant, "co_code"))
    second = [constant for constant in two.co_consts if hasattr(constant, "co_code")][1]
    merged = two.replace(co_consts=tuple(constant for constant in two.co_consts if constant is not second))
    assert onload._alike(merged, two)
    assert not onload._alike(two.replace(co_consts=(None,)), two)
