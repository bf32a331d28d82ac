# SPDX-License-Identifier: MIT
"""What differs between profiles in what they expect, each rule in words: pure functions.

Where a rule stands, how it is known and what is noted beside it expects nothing of a NIC, and is
not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xdpconform.outputs.diff_change import (
    ADDED,
    DROPPED,
    Change,
    Value,
    members,
    one_for_one,
    values,
)
from xdpconform.profiles.model import (
    ClaimRule,
    Computed,
    Condition,
    Flag,
    Profile,
    Rule,
    SegmentsRule,
    State,
    Variant,
    Waiver,
)


def changes(old: Profile, new: Profile) -> Iterator[Change]:
    """What differs: the profile's own rules first, then variant by variant.

    Args:
        old: the first, with all that it extends.
        new: the second.
    """
    yield from values("", {"name": old.name}, {"name": new.name})
    yield from members("", "driver", old.driver, new.driver)
    yield from one_for_one(members("", "when", when_words(old.when), when_words(new.when)))
    yield from _rules("", old.claim, new.claim)
    yield from _segments("", old.zc_max_segs, new.zc_max_segs)
    yield from _waivers(old.waiver, new.waiver)
    before = {variant.name: variant for variant in old.variant}
    after = {variant.name: variant for variant in new.variant}
    order, later = (
        ", ".join(name for name in side if name in before and name in after)
        for side in (before, after)
    )
    if order != later:  # the first is the driver's usual one
        yield Change("", "order of variants", order, later)
    for name in dict.fromkeys([*before, *after]):
        yield from _variant(name, before.get(name), after.get(name))


def _variant(name: str, old: Variant | None, new: Variant | None) -> Iterator[Change]:
    if old is None:
        yield Change(name, "variant", None, name, ADDED)
    if new is None:
        yield Change(name, "variant", name, None, DROPPED)
    before, after = old or Variant(name=name), new or Variant(name=name)
    yield from one_for_one(members(name, "when", when_words(before.when), when_words(after.when)))
    yield from values(name, {"assume": before.assume}, {"assume": after.assume}, "nothing")
    computed = [_computed(one) for one in (before, after)]
    yield from values(name, computed[0], computed[1], "nothing")
    yield from _rules(name, before.claim, after.claim)
    yield from _segments(name, before.zc_max_segs, after.zc_max_segs)


def _computed(variant: Variant) -> dict[str, Value]:
    return {"computed": computed_words(variant.computed) if variant.computed else None}


def _rules(group: str, old: Sequence[ClaimRule], new: Sequence[ClaimRule]) -> Iterator[Change]:
    for flag in Flag:
        before, after = (
            [claim_words(rule) for rule in side if flag in rule.flags] for side in (old, new)
        )
        yield from one_for_one(members(group, flag.value, before, after))


def _segments(
    group: str, old: Sequence[SegmentsRule], new: Sequence[SegmentsRule]
) -> Iterator[Change]:
    before, after = ([segments_words(rule) for rule in side] for side in (old, new))
    found = one_for_one(members(group, "zc-max-segs", before, after))
    yield from found
    if not found and before != after:  # the first that applies counts
        yield Change(group, "order of zc-max-segs", "; ".join(before), "; ".join(after))


def _waivers(old: Sequence[Waiver], new: Sequence[Waiver]) -> Iterator[Change]:
    for what in dict.fromkeys(map(_waived, [*old, *new])):
        before, after = (
            [waiver_words(one) for one in side if _waived(one) == what] for side in (old, new)
        )
        yield from one_for_one(members("", what, before, after))


def _waived(waiver: Waiver) -> str:
    return f"waiver of {waiver.requirement}" + (f"[{waiver.param}]" if waiver.param else "")


def claim_words(rule: ClaimRule) -> str:
    """What a rule says of each of its flags: ``required, from 6.12, only idle``."""
    return ", ".join([rule.need.value, *_words(rule)])


def segments_words(rule: SegmentsRule) -> str:
    """What a rule says of the segments: ``at least 2, at most 16``."""
    bounds = (
        ("exactly", rule.exactly),
        ("at least", rule.at_least),
        ("at most", rule.at_most),
    )
    return ", ".join(
        [*(f"{word} {number}" for word, number in bounds if number is not None), *_words(rule)]
    )


def _words(rule: Rule) -> Iterator[str]:
    if rule.added is not None:
        yield f"from {rule.added}"
    if rule.removed is not None:
        yield f"removed in {rule.removed}"
    if rule.releases:
        yield f"also on {' and '.join(sorted(rule.releases))}"
    if set(rule.states) != set(State):
        yield f"only {rule.states[0].value}"
    when = list(when_words(rule.when))
    if when:
        yield f"when {' and '.join(when)}"
    if when and rule.undecided == "optional":
        yield "optional where that is not known"


def when_words(when: dict[str, Condition]) -> list[str]:
    """Each condition: ``bus = pci``, ``peer-gro = true``, ``bond-mode = a or b``."""
    return [f"{fact} = {_condition(value)}" for fact, value in sorted(when.items())]


def _condition(value: Condition) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else " or ".join(value)


def computed_words(computed: Computed) -> str:
    """What follows from other devices: ``what all ports claim, without xsk-zerocopy``."""
    without = " and ".join(flag.value for flag in computed.without)
    return f"what all {computed.all_of} claim" + (f", without {without}" if without else "")


def waiver_words(waiver: Waiver) -> str:
    """Until when, where, why."""
    where = [f"on {waiver.release}"] if waiver.release else []
    where += [f"variant {waiver.variant}"] if waiver.variant else []
    words = ", ".join([f"until {waiver.until}", *where])
    return f"{words}: {waiver.reason} ({waiver.link})"
