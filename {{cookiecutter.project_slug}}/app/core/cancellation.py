import asyncio


def was_cancelled(error: BaseException) -> bool:
    """Whether the task was cancelled from outside, as opposed to a CancelledError raised in it."""
    if isinstance(error, GeneratorExit):
        return True
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling() > 0)


def raise_if_cancelled() -> None:
    """Repeats a cancellation that something swallowed, as `asyncio.wait_for` of Python 3.11 does in a race."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
