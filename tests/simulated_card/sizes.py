"""On which cards ``tests/gpu`` runs, in gigabytes of memory. Knows no torch."""

GIGABYTES = (8, 12, 16, 24, 80)
ONE = 24
PLANNED = "test_what_is_planned_for_is_what_is_taken"
NO_MORE_ROOM = "test_a_card_with_no_more_room_than_was_planned_does_the_whole_job"
# The second leaves as much free on each card that has as much: the smallest and another will do.
OTHERS = {PLANNED: GIGABYTES, NO_MORE_ROOM: (8, ONE)}
# It compares pixels, of which a card without values has none.
WITHOUT = {"test_half_precision_paints_what_single_precision_does"}
WARNING = "a warning that only CUDA gives"
