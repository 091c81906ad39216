"""Blocks that are free again go back to the system, whatever stands between them."""

import platform
import subprocess
import sys

import pytest

from tests.conftest import ROOT

BLOCKS = """
import sys
sys.path.insert(0, {root!r})
from app.core.memory import bound_freed_memory
import psutil

def held() -> int:
    return psutil.Process().memory_info().rss

if {bounded}:
    bound_freed_memory()
first = bytearray(3_000_000)
del first  # by default, later blocks of this size are kept
before, blocks, small = held(), [], []
for _ in range(40):
    blocks.append(bytearray(2_900_000))
    small.append(bytearray(2_000))
blocks.clear()
print(held() - before)
"""


def kept_bytes(bounded: bool) -> int:
    code = BLOCKS.format(root=str(ROOT), bounded=bounded)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_large_blocks_are_returned_once_they_are_free() -> None:
    assert kept_bytes(bounded=True) < 10_000_000 < kept_bytes(bounded=False)
