import platform
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource
import torch
from atlop.cli.memory import keep_freed_memory

keep_freed_memory()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(2**24)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another allocator")
def test_memory_that_was_freed_is_taken_again_without_page_faults() -> None:
    done = subprocess.run([sys.executable, "-c", COUNT_FAULTS], capture_output=True, text=True, check=True)
    pages_of_block = 2**24 * 4 // 4096
    assert int(done.stdout) < 5 * pages_of_block  # of 20 blocks; the first find their place
