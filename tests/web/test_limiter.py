"""Tries run out and come back, one address at a time."""

from rather.web.limiter import MAX_KEYS, Tries


def test_tries_run_out_and_come_back() -> None:
    now = [100.0]
    tries = Tries(capacity=2, seconds_each=6.0, clock=lambda: now[0])
    tries.failed("here")
    assert tries.seconds_to_wait("here") == 0
    tries.failed("here")
    assert tries.seconds_to_wait("here") == 6.0
    assert tries.seconds_to_wait("elsewhere") == 0
    now[0] += 3.0
    assert tries.seconds_to_wait("here") == 3.0
    now[0] += 3.0
    assert tries.seconds_to_wait("here") == 0
    now[0] += 1000.0  # never more than the capacity
    tries.failed("here")
    tries.failed("here")
    assert tries.seconds_to_wait("here") == 6.0


def test_only_so_many_addresses_are_remembered() -> None:
    tries = Tries(capacity=1, seconds_each=6.0, clock=lambda: 0.0)
    for number in range(MAX_KEYS + 1):
        tries.failed(str(number))
    assert tries.seconds_to_wait("0") == 0
    assert tries.seconds_to_wait("1") == 6.0
