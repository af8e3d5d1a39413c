"""What a photograph took from the system is used again for the next one, rather than given back in between."""

from __future__ import annotations

import io
import subprocess
import sys

import pytest
from PIL import Image

_RUN = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from saggar.decoding import decode
from saggar.images import InputSpec, preprocess
from saggar_classifier.operations.memory import give_back_large_buffers

give_back_large_buffers()
data = sys.stdin.buffer.read()
def faults(count):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(count):
        preprocess(decode(bytes(bytearray(data)), "photograph", enough_px=448), InputSpec(224))
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / count
with ThreadPoolExecutor(1) as pool:  # as in the service: heaps of threads are given back in another way
    pool.submit(faults, 3).result()
    print(pool.submit(faults, 10).result())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the C library is not glibc")
def test_a_photograph_of_12_megapixels_takes_no_new_pages() -> None:
    buffer = io.BytesIO()
    Image.effect_noise((4000, 3000), 30).convert("RGB").save(buffer, "JPEG", quality=30)
    command = [sys.executable, "-c", _RUN]
    ended = subprocess.run(command, input=buffer.getvalue(), stdout=subprocess.PIPE, check=True, timeout=60)
    pages_of_one = 1000 * 750 * 4 // 4096
    assert float(ended.stdout) < pages_of_one / 4
