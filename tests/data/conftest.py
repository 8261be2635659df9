"""A table of five pictures of discs."""

import cv2
import numpy as np
import pytest

from tests.data.tables import write_table


@pytest.fixture
def discs(tmp_path):
    for number in range(5):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.arange(12, dtype=np.uint8).reshape(3, 4) + number)
    return write_table(
        tmp_path,
        """image,patient,sequence,level,bulging,grade,severity,sex,age,split
        0.png,a,t1,L5/S1,1,3,mild,F,40,train
        1.png,a,t2,L5/S1,1,3,mild,F,40,train
        2.png,a,t2,L4/L5,0,2,none,F,40,train
        3.png,b,t2,L5/S1,0,1,severe,M,,test""",
    )
