from __future__ import annotations

from itertools import combinations

import pytest

from diagnose.core.stage import ROLES
from diagnose.report.palette import DARK_PAGE, LIGHT_PAGE, NO_STAGE, STAGE_COLOURS, stage_colour

Linear = tuple[float, float, float]
Matrix = tuple[Linear, Linear, Linear]

# Machado, Oliveira and Fernandes (2009), doi:10.1109/TVCG.2009.113: severity 1, on linear sRGB.
SIGHTS: dict[str, Matrix] = {
    "normal": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "no red cones": ((0.152, 1.053, -0.205), (0.115, 0.786, 0.099), (-0.004, -0.048, 1.052)),
    "no green cones": ((0.367, 0.861, -0.228), (0.280, 0.673, 0.047), (-0.012, 0.043, 0.969)),
    "no blue cones": ((1.256, -0.077, -0.179), (-0.078, 0.931, 0.148), (0.005, 0.691, 0.304)),
}
# Ottosson (2020), A perceptual color space for image processing.
TO_CONES: Matrix = ((0.4122, 0.5363, 0.0514), (0.2119, 0.6807, 0.1074), (0.0883, 0.2817, 0.63))
TO_OKLAB: Matrix = ((0.2105, 0.7936, -0.0041), (1.978, -2.4286, 0.4506), (0.0259, 0.7828, -0.8087))
TYPICAL = {"retriever", "ranker", "packer", "model"}


def linear(colour: str) -> Linear:
    r, g, b = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return (_straight(r), _straight(g), _straight(b))


def _straight(c: float) -> float:
    return c / 12.92 if c <= 0.04045 else float(((c + 0.055) / 1.055) ** 2.4)


def times(matrix: Matrix, v: Linear) -> Linear:
    a, b, c = (sum(m * x for m, x in zip(row, v, strict=True)) for row in matrix)
    return (a, b, c)


def luminance(colour: str) -> float:
    r, g, b = linear(colour)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    """WCAG 2 contrast, 1 to 21."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def distance(one: str, other: str, sight: Matrix) -> float:
    """Difference in OKLab, times 100."""
    places = []
    for colour in (one, other):
        a, b, c = (max(0.0, x) ** (1 / 3) for x in times(TO_CONES, times(sight, linear(colour))))
        places.append(times(TO_OKLAB, (a, b, c)))
    return 100 * float(sum((x - y) ** 2 for x, y in zip(*places, strict=True)) ** 0.5)


def test_every_role_has_its_colour_in_pipeline_order() -> None:
    assert tuple(STAGE_COLOURS) == ROLES
    assert stage_colour("model") == STAGE_COLOURS["model"]
    assert stage_colour("undecided") == stage_colour("scorer") == NO_STAGE


@pytest.mark.parametrize("name", [*ROLES, "undecided"])
def test_colours_can_be_read_as_text(name: str) -> None:
    colour = stage_colour(name)
    assert contrast(colour.light, LIGHT_PAGE) >= 4.5
    assert contrast(colour.dark, DARK_PAGE) >= 4.5
    assert contrast(colour.terminal, "#ffffff") >= 4.5
    assert contrast(colour.terminal, "#000000") >= 4.5


@pytest.mark.parametrize("page", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHTS)
def test_colours_are_told_apart(page: str, sight: str) -> None:
    for one, other in combinations(ROLES, 2):
        apart = distance(
            getattr(STAGE_COLOURS[one], page), getattr(STAGE_COLOURS[other], page), SIGHTS[sight]
        )
        assert apart >= (12.0 if {one, other} <= TYPICAL else 8.0), (one, other, apart)
