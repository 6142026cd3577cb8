import threading

import numpy as np
import pytest

from Fast3DSAM.Logic.embedding_cache import ByteLimitedCache, EmbeddingCache, content_key
from Fast3DSAM.Logic.tiling import Tile
from Testing.logic.intensity_predictor import Intensities, IntensityPredictor

TILE = Tile(1, (0, -8, 16))


def _embedding(value: float) -> Intensities:
    return Intensities(np.full((4, 4, 4), value, np.float32), np.ones((4, 4, 4), bool))


def _forbidden():
    raise AssertionError("the embedding should have been kept")


def test_the_longest_unused_goes_first():
    cache = ByteLimitedCache(3 * 800)
    for name in "abc":
        cache.put(name, np.zeros(100))
    assert cache.get("a") is not None
    cache.put("d", np.zeros(100))
    assert "b" not in cache and all(name in cache for name in "acd") and cache.nbytes == 2400


def test_the_limit_holds_in_bytes_not_in_entries():
    cache = ByteLimitedCache(1000)
    for number in range(50):
        cache.put(number, np.zeros(number % 7 + 1))
        assert cache.nbytes <= 1000
    assert cache.nbytes == sum(cache.get(n).nbytes for n in range(50) if n in cache)


def test_an_entry_larger_than_the_limit_stays_until_the_next():
    cache = ByteLimitedCache(10)
    cache.put("large", np.zeros(100))
    assert "large" in cache
    cache.put("next", np.zeros(1))
    assert "large" not in cache and cache.nbytes == 8


def test_replacing_an_entry_counts_it_once():
    cache = ByteLimitedCache(10_000)
    for _ in range(5):
        cache.put("same", np.zeros(10))
    assert cache.nbytes == 80 and len(cache) == 1
    cache.clear()
    assert cache.nbytes == 0 and cache.get("same") is None


def test_threads_leave_the_count_right():
    cache = ByteLimitedCache(4000)

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(300):
            cache.put(int(rng.integers(30)), np.zeros(int(rng.integers(1, 60))))
            cache.get(int(rng.integers(30)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.nbytes == sum(cache.get(n).nbytes for n in range(30) if n in cache) <= 4000


def test_a_volume_is_named_by_its_content():
    volume = np.random.default_rng(0).integers(0, 100, (6, 7, 8)).astype(np.int16)
    key = content_key(volume, (1, 1, 1))
    assert key == content_key(volume.copy(), (1.0, 1.0, 1.0)) == content_key(np.asfortranarray(volume), (1, 1, 1))
    changed = volume.copy()
    changed[3, 3, 3] += 1
    others = [changed, volume.astype(np.int32), volume.transpose(0, 2, 1), volume.reshape(6, 8, 7)]
    assert key not in [content_key(other, (1, 1, 1)) for other in others]
    assert key != content_key(volume, (2, 1, 1))


def test_an_embedding_is_computed_once():
    cache = EmbeddingCache(IntensityPredictor())
    first = cache.get("volume", TILE, lambda: _embedding(1))
    assert cache.get("volume", TILE, _forbidden) is first and ("volume", TILE) in cache
    assert cache.get("other", TILE, lambda: _embedding(2)) is not first


def test_embeddings_on_disk_serve_another_session(tmp_path):
    EmbeddingCache(IntensityPredictor(), folder=tmp_path).get("volume", TILE, lambda: _embedding(3))
    found = EmbeddingCache(IntensityPredictor(), folder=tmp_path).get("volume", TILE, _forbidden)
    np.testing.assert_array_equal(found.values, _embedding(3).values)
    assert not list(tmp_path.rglob("*.part"))


def test_other_weights_other_volumes_and_other_tiles_have_their_own_files(tmp_path):
    EmbeddingCache(IntensityPredictor(), folder=tmp_path).get("volume", TILE, lambda: _embedding(3))
    retrained = IntensityPredictor()
    retrained.fingerprint = "other weights"
    assert EmbeddingCache(retrained, folder=tmp_path).get("volume", TILE, lambda: _embedding(4)).values[0, 0, 0] == 4
    same = EmbeddingCache(IntensityPredictor(), folder=tmp_path)
    assert same.get("another", TILE, lambda: _embedding(5)).values[0, 0, 0] == 5
    assert same.get("volume", Tile(1, (0, 8, 16)), lambda: _embedding(6)).values[0, 0, 0] == 6


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", None])
def test_a_damaged_file_is_computed_again_and_mended(tmp_path, damage, caplog):
    EmbeddingCache(IntensityPredictor(), folder=tmp_path).get("volume", TILE, lambda: _embedding(3))
    (path,) = tmp_path.rglob("*.npz")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    found = EmbeddingCache(IntensityPredictor(), folder=tmp_path).get("volume", TILE, lambda: _embedding(7))
    assert found.values[0, 0, 0] == 7 and "computed again" in caplog.text
    again = EmbeddingCache(IntensityPredictor(), folder=tmp_path).get("volume", TILE, _forbidden)
    assert again.values[0, 0, 0] == 7


def test_a_file_with_a_flipped_byte_is_computed_again(tmp_path):
    EmbeddingCache(IntensityPredictor(), folder=tmp_path).get("volume", TILE, lambda: _embedding(3))
    (path,) = tmp_path.rglob("*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)
    found = EmbeddingCache(IntensityPredictor(), folder=tmp_path).get("volume", TILE, lambda: _embedding(8))
    assert found.values[0, 0, 0] == 8


def test_a_folder_that_cannot_be_written_is_no_reason_to_stop(tmp_path, caplog):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    cache = EmbeddingCache(IntensityPredictor(), folder=blocked)
    assert cache.get("volume", TILE, lambda: _embedding(9)).values[0, 0, 0] == 9
    assert "goes on without" in caplog.text
