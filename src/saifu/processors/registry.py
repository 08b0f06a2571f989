"""Which processors an installation has, and which of them new charges go to."""

from collections.abc import Mapping

from saifu.refusals import ErrorCode, Refusal

from .contract import Processor


class Processors:
    """The processors of one process, by name.

    Args:
        chosen: the name of the one that new sources and charges go to; None for an installation without any.
    """

    def __init__(self, by_name: Mapping[str, Processor], chosen: str | None) -> None:
        self._by_name = dict(by_name)
        self._chosen = chosen

    @property
    def chosen(self) -> Processor:
        """Whom new sources and charges go to.

        Raises:
            Refusal: UNSUPPORTED_ACTION, this installation has none.
        """
        if self._chosen is None:
            raise Refusal(
                ErrorCode.UNSUPPORTED_ACTION,
                "No processor is configured here, so nothing can be charged: set SAIFU_STRIPE_SECRET_KEY.",
            )
        return self._by_name[self._chosen]

    @property
    def chosen_name(self) -> str | None:
        """The name of the chosen one; None where there is none."""
        return self._chosen

    def named(self, name: str) -> Processor | None:
        """The one that keeps an object made earlier; None when it is not configured any more."""
        return self._by_name.get(name)

    async def close(self) -> None:
        for processor in self._by_name.values():
            await processor.close()
