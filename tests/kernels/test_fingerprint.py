"""What kernels must have in common to come from one server."""

from slotscope.kernels.fingerprint import fingerprint


def test_a_relative_path_is_part_of_the_fingerprint():
    def name(path, folder):
        return fingerprint("python", (), {"PYTHONPATH": path}, folder).name

    assert name("/src", "/a") == name("/src", "/b")
    assert name("src", "/a") != name("src", "/b")
