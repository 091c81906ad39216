import asyncio


def was_cancelled(error: BaseException) -> bool:
    """Whether the task was cancelled from outside, as opposed to a CancelledError raised in it."""
    if isinstance(error, GeneratorExit):
        return True
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and (task is None or task.cancelling() > 0)
