"""What runs inside traced programs. Standard library only, nothing imported before the first traced file, and never an exception to the
program."""


def adopt(spec, frame):
    """Entry point of the header: trace the module that runs in `frame`, with the levels of `spec` (see `header`)."""
    from .faults import note

    try:
        from .adoption import adopt as go
    except Exception as error:  # a damaged copy of this package: the program runs untraced
        note(error)
        return
    go(spec, frame)
