"""What a server and those who ask it send each other."""

import os
import socket

import pytest

from slotscope.kernels.server import wire


def test_descriptors_travel_and_are_closed_in_programs_that_are_run():
    one, two = socket.socketpair()
    with one, two:
        wire.send(one, {"n": 1}, [0, 1])
        wire.send(one, {"n": 2})
        first, descriptors = wire.receive(two)
        assert (first, len(descriptors)) == ({"n": 1}, 2)
        assert not any(os.get_inheritable(descriptor) for descriptor in descriptors)
        wire.close(descriptors)
        assert wire.receive(two) == ({"n": 2}, [])
        one.close()
        with pytest.raises(ConnectionError):
            wire.receive(two)
