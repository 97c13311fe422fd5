"""UUIDv7: version bits, order of creation, agreement with the wall clock."""

import time
from concurrent.futures import ThreadPoolExecutor

from opendeep.common.ids import new_id


def test_ids_grow_and_carry_the_time() -> None:
    before = time.time_ns() // 1_000_000
    ids = [new_id() for _ in range(2000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 2000
    assert all(i.version == 7 and i.variant == "specified in RFC 4122" for i in ids)
    assert before <= ids[0].int >> 80 <= time.time_ns() // 1_000_000


def test_ids_of_many_threads_never_collide() -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = [i for batch in pool.map(lambda _: [new_id() for _ in range(500)], range(8)) for i in batch]
    assert len(set(ids)) == len(ids)
