"""What the compiler warns of in a file, it said when the program compiled it. Compiling the file once more must not say it again, nor fail
where warnings are errors."""

import sys


class Quiet:
    """While it is entered, nothing is warned about file `name`. All other warnings pass, in every thread."""

    def __init__(self, name):
        self.name = name
        self.filter = ("ignore", None, Warning, self, 0)
        self.filters = []

    def match(self, module):
        """As a pattern would; what a file is called for a warning is its name without the ending."""
        return module == self.name or module + ".py" == self.name

    def __enter__(self):
        import _warnings  # where they are in a program that did not load `warnings`

        self.filters = getattr(sys.modules.get("warnings"), "filters", _warnings.filters)
        self.filters.insert(0, self.filter)

    def __exit__(self, *failure):
        if self.filter in self.filters:  # somebody may have reset them
            self.filters.remove(self.filter)
