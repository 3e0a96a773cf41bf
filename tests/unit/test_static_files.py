from pathlib import Path

import pytest

from lib.static_files import static_files


def test_files_are_read_by_content_in_an_order_of_their_own(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for key in ("parts/b.js", "index.html", "config.json"):
        (tmp_path / key).write_text(f"{key} ä")
    first, second = static_files(tmp_path)
    assert (first.key, first.content_type, first.text) == ("index.html", "text/html; charset=utf-8", "index.html ä")
    assert (second.key, second.content_type) == ("parts/b.js", "text/javascript; charset=utf-8")


def test_a_file_that_browsers_would_not_take_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("")
    with pytest.raises(ValueError, match=r"notes\.md: no content type is known for \.md; add it to CONTENT_TYPES"):
        static_files(tmp_path)
