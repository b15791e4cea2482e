"""Conversion to RGB: the quick way through planes gives the bits of swscale's own packed pictures."""

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from affex.pipeline.media.colour import converter

FORMATS = ("yuv420p", "yuvj420p", "yuv422p", "yuv444p", "yuv420p10le", "yuva420p", "nv12", "gray", "rgb24", "gbrp")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("size", [(48, 64), (37, 50), (37, 51), (1, 2)])
def test_planes_have_the_bits_of_packed_pictures(name: str, size: tuple[int, int]) -> None:
    coarse = np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    frame = av.VideoFrame.from_ndarray(cv2.resize(coarse, size[::-1]), format="rgb24").reformat(format=name)
    exact = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT | Interpolation.BITEXACT
    for space in (Colorspace.ITU709, Colorspace.ITU601):
        frame.colorspace = space
        packed = VideoReformatter().reformat(
            frame, format="rgb24", dst_color_range=ColorRange.JPEG, interpolation=exact, threads=1
        )
        np.testing.assert_array_equal(converter()(frame), packed.to_ndarray())
