"""For all tests."""

import signal

# Whoever starts the tests in the background of a shell without job control lets them ignore SIGINT, and what they start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
