"""Makes instrumented code. Where the interpreter does not take all probes (blocks nested to its limit, expressions to the recursion limit),
the functions that are too much get fewer or none, and it is said which."""

from . import faults, inventory, transform

_TRIALS = 40
_SHOWN = 5
_LESS = (2, 1, 0)


def made(parse, filename, level, levels):
    """(code with placeholders, table, what was left out or ''). `parse` gives the module's tree, a new one each time.

    Raises what the interpreter raises where not even the functions' absence helps.
    """
    compiled = transform.compiled  # absent from a damaged copy of this package: nothing to say of each file
    try:
        code, table = compiled(parse(), filename, level, levels)
    except Exception as error:
        faults.note(error)
        try:
            return _less(parse, filename, _levels(parse, level, levels), error)
        except Exception:
            faults.say_once("%s runs untraced: %s" % (filename, error))
            raise
    return code, table, ""


def _levels(parse, level, levels):
    """{qualified name: level} of all that has one."""
    names = [inventory.MODULE] + [entry.name for entry in inventory.functions(parse())]
    own = {name: levels.get(name, inventory.default_level(name, level)) for name in names}
    return {name: value for name, value in own.items() if value > 0}


def _less(parse, filename, levels, error):
    trial = Trial(parse, filename, levels)
    if not trial.works([]):
        raise error
    heavy = trial.failing(list(levels))
    for least in _LESS:
        lowered = dict(levels, **{name: min(least, levels[name]) for name in heavy})
        try:
            code, table = transform.compiled(parse(), filename, 0, lowered)
        except Exception as again:
            faults.note(again)
        else:
            return code, table, _told(filename, heavy, least, error)
    raise error


def _told(filename, heavy, least, error):
    more = " and %d more" % (len(heavy) - _SHOWN) if len(heavy) > _SHOWN else ""
    how = "at level %d" % least if least else "untraced"
    text = "%s: %s%s of it run %s, as the interpreter takes no more: %s" % (filename, ", ".join(heavy[:_SHOWN]), more, how, error)
    faults.say_once(text)
    return text


class Trial:
    """Finds the functions without which a file compiles, by halves."""

    def __init__(self, parse, filename, levels):
        self.parse, self.filename, self.levels, self.left = parse, filename, levels, _TRIALS

    def works(self, names):
        """Whether the file compiles with probes in `names` alone."""
        self.left -= 1
        try:
            transform.compiled(self.parse(), self.filename, 0, {name: self.levels[name] for name in names})
        except Exception:
            return False
        return True

    def failing(self, names):
        """Those of `names` that do not compile; all of them once too much was tried."""
        if not names or (self.left > 0 and self.works(names)):
            return []
        if len(names) == 1 or self.left <= 0:
            return names
        half = len(names) // 2
        return self.failing(names[:half]) + self.failing(names[half:])
