"""What is planted in the synthetic users, for the analytics pages to find.

The generator takes its chances from here, and the tests ask the product's own questions for what it
took: a feature that retains, an error that costs, an experiment that wins and one that doesn't.

What must not mislead is planted too: heavy users meet more errors of every kind, stay longer and
pay more often, so a comparison that doesn't hold activity fixed hides what the error costs.
"""

from __future__ import annotations

from dataclasses import dataclass

from cortex_otel.locale import _

__all__ = ["TRUTHS", "Truths"]


@dataclass(frozen=True, slots=True)
class Truths:
    """What is planted. Chances are those of the generator; what happens varies around them."""

    stays: float = 0.36
    """Chance that a user of average activity, without any of the below, is there for good."""
    upgrades: float = 0.15
    """Chance that such a user, who doesn't pay yet, comes to pay."""

    retaining_tool: str = "summarize_session"
    """Who uses this tool in the first session stays; nobody else uses it in the first week."""
    retaining_share: float = 0.30
    """Share of the users of the MCP server who do."""
    retaining_stays: float = 0.92
    """Their chance to be there for good. Nothing else distinguishes them."""

    costly_tool: str = "update_memory"
    costly_error: str = "ConflictError"
    """Fails in the first session of some, and never later; the tool's usual errors cost nothing."""
    costly_share: float = 0.22
    """Share of the users of average activity who are hit; heavier ones are hit more often."""
    costly_stays: float = 0.36
    """Factor of a hit user's chance to stay."""
    costly_upgrades: float = 0.20
    """Factor of a hit user's chance to come to pay."""

    winning_flag: str = "smart-context-v2"
    winning_variant: str = "treatment"
    winning_upgrades: float = 2.4
    """Factor of the chance to come to pay in that variant."""
    neutral_flag: str = "memory-tree"
    """An experiment whose variants differ in nothing."""
    variants: tuple[str, str] = ("control", "treatment")
    """Of both experiments, each given to half of their users."""
    in_experiment: float = 0.9
    """Share of all users who are in an experiment, each drawn independently."""
    switches: float = 0.012
    """Share of them who later see the other variant, too."""

    typical_path: tuple[str, ...] = (
        "search_context", "read_memory", "update_memory", "compress_context",
    )  # fmt: skip
    """What most sessions with the tools begin with, in this order."""
    typical_share: float = 0.6
    """Share of those sessions that do."""
    fetched_again: float = 0.22
    """Share of the compressions after which something is looked up again in the same session."""

    resurrects: float = 0.2
    """Share of those who leave that return after weeks."""
    falls_silent: float = 0.15
    """Share of the regular ones among those who stay that are silent since two or three weeks."""
    quits_paying: float = 0.18
    """Share of the paying who go back to free some weeks later."""

    def in_words(self) -> tuple[str, ...]:
        """A sentence for each finding, in the language of the terminal."""
        return (
            _(
                "{tool} in the first session: {high} % stay, otherwise {low} %",
                tool=self.retaining_tool,
                high=_percent(self.retaining_stays),
                low=_percent(self.stays),
            ),
            _(
                "{error} in {tool}: the chance to stay × {stay}, to pay × {pay}",
                error=self.costly_error,
                tool=self.costly_tool,
                stay=f"{self.costly_stays:g}",
                pay=f"{self.costly_upgrades:g}",
            ),
            _(
                "{flag}, {variant}: the chance to pay × {pay}",
                flag=self.winning_flag,
                variant=self.winning_variant,
                pay=f"{self.winning_upgrades:g}",
            ),
            _("{flag}: no difference", flag=self.neutral_flag),
        )


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


TRUTHS = Truths()
"""Those of the demo."""
