"""What a person set in `config/.env.tracing` and what was configured in `config/overrides.json`. The file alone counts, never the
environment."""

import os

_HOUR_MS = 3_600_000
_VALUE_SHARE = 0.05


class Settings:
    """The settings that matter while a program runs. A value that is malformed or out of its range counts as the default."""

    def __init__(self, values, overrides):
        def flag(name):
            return values.get(name, "true").lower() != "false"

        def number(name, default, low, high, kind=int):
            try:
                result = kind(values.get(name, default))
            except ValueError:
                return default
            return result if low <= result <= high else default

        general = _section(overrides, "global")
        self.enabled = flag("TRACING_ENABLED") and flag("TRACING_STORE_TRACES") and general.get("enabled") is not False
        self.params, self.returns, self.variables = (
            flag("TRACING_CAPTURE_PARAMS"),
            flag("TRACING_CAPTURE_RETURN"),
            flag("TRACING_CAPTURE_VARS"),
        )
        self.waits = flag("TRACING_CAPTURE_ASYNC") and flag("TRACING_AUTO_TRACK_ASYNC")
        self.database, self.http = flag("TRACING_CAPTURE_DATABASE"), flag("TRACING_CAPTURE_HTTP")
        self.errors = flag("TRACING_AUTO_CAPTURE_ERRORS")
        self.value_bytes = number("TRACING_MAX_CAPTURE_SIZE", 10000, 16, 10_000_000)
        self.sample_rate = number("TRACING_SAMPLE_RATE", 1.0, 0, 1, float)
        self.max_depth = number("TRACING_MAX_DEPTH", 50, 1, 65535)
        self.flush_seconds = max(0.05, number("TRACING_FLUSH_INTERVAL", 5000, 10, _HOUR_MS) / 1000)
        self.min_ns = int(number("TRACING_MIN_DURATION", 0, 0, _HOUR_MS, float) * 1000000)
        storage_gb = number("TRACING_MAX_STORAGE_GB", 5.0, 0, 1 << 20, float) or 5.0
        self.spool_bytes = int(storage_gb * (1 << 30) / 5)  # one process must not take all of it
        self.budget = _budget(values.get("TRACING_OVERHEAD_BUDGET", "auto"))
        self.exact_counts = values.get("TRACING_EXACT_COUNTS", "false").lower() == "true"
        self.excluded = frozenset(name.strip() for name in values.get("TRACING_EXCLUDE_FUNCTIONS", "").split(",") if name.strip())
        self.value_share = _share(values.get("TRACING_VALUE_BUDGET", "auto"))
        self._known = {}
        self.is_full = False  # nothing can be written any more
        self.files, self.functions = _section(overrides, "files"), _section(overrides, "functions")

    def function(self, file, name, level):
        """As `_function`, remembered: a function asks once for itself and once for each of its call sites."""
        key = (file, name, level)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._function(file, name, level)
        return known

    def forget(self):
        """Answer anew: something of this object changed."""
        self._known.clear()

    def only_count(self):
        """Nothing can be written any more: every call is only counted, as those below the depth limit are."""
        self.is_full, self.max_depth = True, -1
        self.budget = "auto" if self.budget == "off" else self.budget
        self.forget()

    def _function(self, file, name, level):
        """How function `name` of `file`, instrumented at `level`, is to be traced now: a map of level and what is captured.

        What `.env.tracing` switches off no override switches on again.
        """
        whole, functions = _section(self.files, file), _section(self.functions, file)
        own = _section(functions, name) or _section(functions, name.rpartition(".")[2])
        chosen = {**whole, **{key: value for key, value in own.items() if value is not None}}
        off = not self.enabled or chosen.get("enabled") is False or not self.excluded.isdisjoint((name, name.rpartition(".")[2]))
        wanted = chosen.get("level")
        level = 0 if off else min(level, wanted) if type(wanted) is int and wanted >= 0 else level
        return {
            "level": min(level, 1) if self.is_full else level,
            "captureParams": self.params and chosen.get("captureParams") is not False,
            "captureReturn": self.returns and chosen.get("captureReturn") is not False,
            "captureAsync": self.waits and chosen.get("captureAsync") is not False,
            "captureVars": self.variables and chosen.get("captureVars"),
        }


def _budget(text):
    """`auto`, `off`, or a percentage as a fraction."""
    text = text.lower()
    if text in ("auto", "off"):
        return text
    try:
        percent = float(text[:-1] if text.endswith("%") else text)
    except ValueError:
        return "auto"
    return percent / 100 if 0 < percent <= 1000 else "auto"


def _share(text):
    """Of a percentage the fraction, of `auto` a twentieth, of `off` None: no limit."""
    text = text.lower()
    if text == "off":
        return None
    try:
        percent = float(text[:-1] if text.endswith("%") else text)
    except ValueError:
        return _VALUE_SHARE
    return percent / 100 if 0 <= percent <= 100 else _VALUE_SHARE


def _section(holder, key):
    value = holder.get(key) if isinstance(holder, dict) else None
    return value if isinstance(value, dict) else {}


def read_values(path):
    """{KEY: value} of a `.env.tracing`; {} where there is none."""
    values = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for line in file:
                name, equals, value = line.strip().partition("=")
                if equals and not name.startswith("#"):
                    values[name.strip()] = value.strip().strip("\"'")
    except OSError:
        return {}
    return values


def read_overrides(path):
    """The parsed `overrides.json`; {} where there is none or it is damaged."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return {}
    import json

    try:
        overrides = json.loads(data)
    except ValueError:
        return {}
    return overrides if isinstance(overrides, dict) else {}


class Files:
    """The two files of one project, read again only when they changed."""

    def __init__(self, config_folder):
        self.paths = (os.path.join(config_folder, ".env.tracing"), os.path.join(config_folder, "overrides.json"))
        self.stamps = None

    def read(self):
        """Settings as the files say now."""
        self.stamps = self._look()
        return Settings(read_values(self.paths[0]), read_overrides(self.paths[1]))

    def changed(self):
        """Whether a file is another one than at the last `read`."""
        return self._look() != self.stamps

    def _look(self):
        stamps = []
        for path in self.paths:
            try:
                status = os.stat(path)
                stamps.append((status.st_mtime_ns, status.st_size, status.st_ino))
            except OSError:
                stamps.append(None)
        return stamps
