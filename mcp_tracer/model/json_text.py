"""JSON that every reader takes: no NaN and no infinity, which Python would write as they are."""

from __future__ import annotations

import json
from typing import Any, cast


def json_text(plain: Any) -> str:
    """Plain data as JSON; what is no number becomes text (`"nan"`, `"inf"`)."""
    try:
        return json.dumps(plain, ensure_ascii=False, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(plain), ensure_ascii=False)


def _finite(plain: Any) -> Any:
    if isinstance(plain, list):
        return [_finite(item) for item in cast("list[Any]", plain)]
    if isinstance(plain, dict):
        return {key: _finite(item) for key, item in cast("dict[str, Any]", plain).items()}
    return repr(plain) if isinstance(plain, float) and plain - plain != 0 else plain
