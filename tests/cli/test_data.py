"""``bench data`` says which data are used, and where they are."""

from bench.data import dataset


def test_data_prints_name_source_folder_hashes_and_shapes(called, small_folder):
    status, out, err = called("data", f"--data={small_folder}")
    data = dataset.find(str(small_folder))
    assert (status, err) == (0, "")
    parts = ("clothes", "the folder given", str(data.folder), "(40, 16) float32", "(10,)")
    for part in (*parts, *data.sha256, *data.sha256.values()):
        assert part in out
