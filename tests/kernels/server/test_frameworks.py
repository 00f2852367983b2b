"""Another framework is one line of the table: whoever asks what there is knows it."""

import subprocess
import sys

ANOTHER = """
from slotscope.kernels.server import frameworks
frameworks.FRAMEWORKS += (
    frameworks.Framework(
        "another", backend=True, kept=True, variables=("ANOTHER_",), parts=("anotherlib",)
    ),
)
from slotscope.kernels import fingerprint
from slotscope.kernels.server import preload
from slotscope.sweep import environment
from slotscope.sweep.declared.notebook_file import _FRAMEWORKS as used
assert "another" in preload.PLAIN
assert "another" in preload.BACKENDS
given = fingerprint.fingerprint("python", (), {"ANOTHER_FLAGS": "1"}, "")
assert given.variables == (("ANOTHER_FLAGS", "1"),)
assert {"another", "anotherlib"} <= set(environment.DISTRIBUTIONS)
assert used.search("import another")
"""


def test_another_framework_is_one_line():
    subprocess.run([sys.executable, "-c", ANOTHER], check=True)
