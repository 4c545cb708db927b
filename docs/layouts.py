"""Where the parts of the charts stand, written by hand: for a page, and for a phone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from client_access.machines.lifecycle import SIGNS_IN
from client_access.machines.payer import LOCKED

Point = tuple[float, float]


@dataclass(frozen=True)
class Way:
    """The way of an arrow, and where its label stands.

    Parameters:
        points: from where to where, and over which corners.
        label: the middle of the label's side that is next to the arrow.
        side: where the label begins there: "start", "middle" or "end".
    """

    points: str
    label: Point
    side: str = "start"


@dataclass(frozen=True)
class Layout:
    """Where the parts of a chart stand.

    Parameters:
        size: the width and the height.
        states: the middle of each state.
        ways: the way from each state to another one.
        lit: the states that are set off, by what that means.
    """

    size: tuple[int, int]
    states: Mapping[str, Point]
    ways: Mapping[tuple[str, str], Way]
    lit: Mapping[str, Sequence[str]] = field(default_factory=dict)


# ── Layouts ──────────────────────────────────────────────────────────────────────────────────────

START = "start"
"""The dot from which a machine begins, or from which a client is made."""

LIFECYCLE = Layout(
    (750, 580),
    {
        START: (272, 16),
        "inactive": (272, 120),
        "deleted": (54, 120),
        "closed": (54, 270),
        "practice_only": (272, 270),
        "awaiting_activation": (560, 270),
        "disabled": (272, 420),
        "both_access": (560, 420),
        "unmanaged": (560, 550),
    },
    {
        (START, "inactive"): Way("272,16 272,120", (280, 76)),
        (START, "unmanaged"): Way("272,16 740,16 740,550 560,550", (292, 32)),
        ("inactive", "practice_only"): Way("272,120 272,270", (280, 204)),
        ("inactive", "awaiting_activation"): Way("272,120 520,120 520,270", (326, 112)),
        ("inactive", "deleted"): Way("272,120 54,120", (103, 137)),
        ("awaiting_activation", "deleted"): Way("600,270 600,52 54,52 54,120", (608, 150)),
        ("closed", "deleted"): Way("54,270 54,120", (62, 194)),
        ("practice_only", "awaiting_activation"): Way("272,262 560,262", (404, 254), "middle"),
        ("awaiting_activation", "practice_only"): Way("560,278 272,278", (404, 294), "middle"),
        ("disabled", "practice_only"): Way("272,420 272,270", (264, 338), "end"),
        ("awaiting_activation", "both_access"): Way("560,270 560,420", (568, 322)),
        ("both_access", "disabled"): Way("560,428 272,428", (412, 444), "middle"),
        ("disabled", "both_access"): Way("272,412 560,412", (412, 404), "middle"),
        ("both_access", "unmanaged"): Way("590,420 590,550", (598, 489)),
        ("unmanaged", "both_access"): Way("530,550 530,420", (522, 500), "end"),
        ("disabled", "unmanaged"): Way("272,420 272,550 560,550", (290, 542)),
        ("practice_only", "closed"): Way("272,262 54,262", (151, 254), "middle"),
        ("closed", "practice_only"): Way("54,278 272,278", (151, 294), "middle"),
    },
    {"the client can sign in": [status.value for status in SIGNS_IN]},
)

PAYER = Layout(
    (700, 330),
    {
        START: (340, 12),
        "undecided": (340, 66),
        "practice_chosen": (200, 176),
        "client_chosen": (480, 176),
        "practice_locked": (200, 300),
        "client_locked": (480, 300),
    },
    {
        (START, "undecided"): Way("340,12 340,66", (0, 0)),
        ("undecided", "practice_chosen"): Way("340,66 200,66 200,176", (192, 112), "end"),
        ("undecided", "client_chosen"): Way("340,66 480,66 480,176", (488, 112)),
        ("practice_chosen", "client_chosen"): Way("200,168 480,168", (343, 160), "middle"),
        ("client_chosen", "practice_chosen"): Way("480,184 200,184", (343, 200), "middle"),
        ("practice_chosen", "practice_chosen"): Way(
            "164,176 164,216 114,216 114,176 200,176", (106, 204), "end"
        ),
        ("client_chosen", "client_chosen"): Way(
            "516,176 516,216 562,216 562,176 480,176", (570, 204)
        ),
        ("practice_chosen", "practice_locked"): Way("200,176 200,300", (208, 243)),
        ("client_chosen", "client_locked"): Way("480,176 480,300", (472, 243), "end"),
        ("practice_locked", "client_locked"): Way("200,300 480,300", (340, 291), "middle"),
        ("client_locked", "client_locked"): Way(
            "516,300 516,260 562,260 562,300 480,300", (570, 282)
        ),
    },
    {"locked": [state.value for state in LOCKED]},
)

ACTIVATION = Layout(
    (420, 340),
    {START: (190, 12), "not_sent": (190, 66), "pending": (190, 176), "used": (190, 314)},
    {
        (START, "not_sent"): Way("190,12 190,66", (0, 0)),
        ("not_sent", "pending"): Way("206,66 206,176", (214, 125)),
        ("pending", "not_sent"): Way("174,176 174,66", (166, 125), "end"),
        ("pending", "pending"): Way("190,168 276,168 276,216 214,216 214,176", (284, 188)),
        ("pending", "used"): Way("182,176 182,314", (190, 240)),
        ("used", "not_sent"): Way("190,314 70,314 70,66 190,66", (78, 240)),
    },
)

PRACTICE_INVITATION = Layout(
    (420, 220),
    {START: (190, 12), "none": (190, 66), "pending": (190, 194)},
    {
        (START, "none"): Way("190,12 190,66", (0, 0)),
        ("none", "pending"): Way("204,66 204,194", (212, 134)),
        ("pending", "none"): Way("176,194 176,66", (168, 119), "end"),
    },
)

DIRECT_DEBIT = Layout(
    (420, 320),
    {START: (190, 12), "not_asked": (190, 66), "asked": (190, 180), "given": (190, 294)},
    {
        (START, "not_asked"): Way("190,12 190,66", (0, 0)),
        ("not_asked", "asked"): Way("206,66 206,180", (214, 127)),
        ("asked", "not_asked"): Way("174,180 174,66", (166, 127), "end"),
        ("asked", "given"): Way("190,180 190,294", (198, 241)),
        ("not_asked", "given"): Way("190,66 330,66 330,294 190,294", (322, 184), "end"),
    },
)


# ── For a phone ──────────────────────────────────────────────────────────────────────────────────

LIFECYCLE_NARROW = Layout(
    (406, 890),
    {
        START: (180, 14),
        "inactive": (180, 130),
        "deleted": (50, 130),
        "closed": (50, 290),
        "practice_only": (70, 400),
        "awaiting_activation": (318, 400),
        "disabled": (70, 600),
        "both_access": (318, 600),
        "unmanaged": (200, 800),
    },
    {
        (START, "inactive"): Way("180,14 180,130", (188, 84)),
        (START, "unmanaged"): Way("180,14 404,14 404,852 200,852 200,800", (260, 30)),
        ("inactive", "practice_only"): Way("158,130 158,360 100,360 100,400", (164, 200)),
        ("inactive", "awaiting_activation"): Way("180,130 336,130 336,400", (330, 240), "end"),
        ("inactive", "deleted"): Way("180,130 50,130", (152, 163), "end"),
        ("awaiting_activation", "deleted"): Way("385,400 385,52 50,52 50,130", (379, 68), "end"),
        ("closed", "deleted"): Way("38,290 38,130", (46, 222)),
        ("practice_only", "awaiting_activation"): Way("70,392 318,392", (182, 384), "middle"),
        ("awaiting_activation", "practice_only"): Way("318,408 70,408", (182, 424), "middle"),
        ("disabled", "practice_only"): Way("70,600 70,400", (78, 476)),
        ("awaiting_activation", "both_access"): Way("318,400 318,600", (310, 522), "end"),
        ("both_access", "disabled"): Way("318,608 70,608", (188, 624), "middle"),
        ("disabled", "both_access"): Way("70,592 318,592", (188, 584), "middle"),
        ("both_access", "unmanaged"): Way("340,600 340,808 200,808", (295, 824), "middle"),
        ("unmanaged", "both_access"): Way("200,792 300,792 300,600", (292, 690), "end"),
        ("disabled", "unmanaged"): Way("70,600 70,800 200,800", (78, 745)),
        ("practice_only", "closed"): Way("36,400 36,290", (32, 348), "end"),
        ("closed", "practice_only"): Way("66,290 66,400", (74, 348)),
    },
    LIFECYCLE.lit,
)

PAYER_NARROW = Layout(
    (406, 414),
    {
        START: (200, 12),
        "undecided": (200, 66),
        "practice_chosen": (76, 190),
        "client_chosen": (332, 190),
        "practice_locked": (76, 330),
        "client_locked": (332, 330),
    },
    {
        (START, "undecided"): Way("200,12 200,66", (0, 0)),
        ("undecided", "practice_chosen"): Way("200,66 76,66 76,190", (84, 120)),
        ("undecided", "client_chosen"): Way("200,66 332,66 332,190", (324, 136), "end"),
        ("practice_chosen", "client_chosen"): Way("76,182 332,182", (208, 174), "middle"),
        ("client_chosen", "practice_chosen"): Way("332,198 76,198", (208, 214), "middle"),
        ("practice_chosen", "practice_chosen"): Way("50,190 50,228 -3,228 -3,190 76,190", (0, 244)),
        ("client_chosen", "client_chosen"): Way(
            "358,190 358,228 404,228 404,190 332,190", (404, 244), "end"
        ),
        ("practice_chosen", "practice_locked"): Way("120,190 120,330", (126, 280)),
        ("client_chosen", "client_locked"): Way("296,190 296,330", (290, 280), "end"),
        ("practice_locked", "client_locked"): Way("76,330 332,330", (208, 362), "middle"),
        ("client_locked", "client_locked"): Way(
            "358,330 358,368 404,368 404,330 332,330", (404, 384), "end"
        ),
    },
    PAYER.lit,
)
