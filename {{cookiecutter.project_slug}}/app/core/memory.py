"""What the C library does with memory that is free again. Where it is not glibc, nothing is changed."""

import contextlib
import ctypes

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_MAX_KEPT_BYTES = 1 << 20
_ARENAS = 2


def bound_freed_memory() -> None:
    """Return freed blocks of a megabyte and more to the system at once, in every thread.

    By default the limit grows to 32 MB with the blocks that are freed, and eight arenas for each core keep as much.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        set_option = ctypes.CDLL(None).mallopt
        set_option(_M_MMAP_THRESHOLD, _MAX_KEPT_BYTES)
        set_option(_M_TRIM_THRESHOLD, _MAX_KEPT_BYTES)
        set_option(_M_ARENA_MAX, _ARENAS)


def release_memory() -> None:
    """Return all free memory to the system: after loading a model, the C library keeps five times its size."""
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
