"""What people accepted, by object, of rows that agree."""

from __future__ import annotations

import pytest
from accepted_rows import decided, objects
from saggar.errors import InvalidInputError


def test_rows_of_one_object_come_together_and_must_agree() -> None:
    (both,) = objects(decided(accepted={"glaze": "Celadon"}), decided(row=3, accepted={"type": "Bowl"}))
    assert {task: each.code for task, each in both.classes.items()} == {"glaze": "Celadon", "type": "Bowl"}
    with pytest.raises(InvalidInputError) as caught:
        objects(
            decided(accepted={"glaze": "Celadon"}),
            decided(row=3, accepted={"glaze": "White"}),
            decided(row=4, number=""),
            decided(row=5, accepted={}, corrected={"type": "spaceship"}),
        )
    said = str(caught.value)
    assert "review.csv, row 3: glaze of 故瓷 1 is White here and Celadon in review.csv, row 2" in said
    assert "review.csv, row 4: has no object number" in said
    assert "review.csv, row 5: 'spaceship' is not a class of type" in said
