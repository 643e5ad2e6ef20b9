"""The numbered errors that a suggestion is refused with.

Their numbers and names are published; how an answer spells either is documented nowhere, so both are looked for.

Source: VTEX help center, returns from the API for entering SKUs in the Suggestion module.
"""

import re
from enum import Enum
from typing import Self

from .operations import Meaning

_NUMBER = re.compile(r'(?:code|error|number)"?\s*[:=]?\s*"?(\d{1,3})\b', re.IGNORECASE)
_BARE_NUMBER = re.compile(r'"?(\d{1,3})"?')
_INCOMPLETE = "complete the SKU and notify it again"


class SuggestionError(Enum):
    """Why a suggestion was refused: the number, the published name, and what to do about it."""

    def __new__(cls, number: int, label: str, advice: str, meaning: Meaning = Meaning.DONE) -> Self:
        member = object.__new__(cls)
        member._value_ = number
        return member

    def __init__(self, number: int, label: str, advice: str, meaning: Meaning = Meaning.DONE) -> None:
        self.number = number
        self.label = label
        """As VTEX publishes it."""
        self.advice = advice
        self.meaning = meaning
        """`DONE` where the refusal is one."""

    NOT_SPECIFIED = 0, "NotSpecifiedError", "the marketplace does not say why; ask it"
    NO_CATEGORY = 1, "MatchCategoryIdIsEmpty", f"the category is missing or unknown there; {_INCOMPLETE}"
    NO_BRAND = 2, "MatchBrandIdIsEmpty", f"the brand is missing or unknown there; {_INCOMPLETE}"
    NO_PRODUCT_NAME = 3, "ProductNameIsEmpty", f"product_name is missing; {_INCOMPLETE}"
    NO_SKU_NAME = 4, "SkuNameIsRequired", f"name is missing; {_INCOMPLETE}"
    NO_HEIGHT = 5, "SkuHeightIsRequired", f"height is missing; {_INCOMPLETE}"
    NO_WEIGHT = 6, "SkuWeightIsRequired", f"weight_grams is missing; {_INCOMPLETE}"
    NO_LENGTH = 7, "SkuLengthIsRequired", f"length is missing; {_INCOMPLETE}"
    NO_WIDTH = 8, "SkuWidthIsRequired", f"width is missing; {_INCOMPLETE}"
    NO_IMAGES = 9, "SkuImagesAreRequired", f"images are missing; {_INCOMPLETE}"
    NO_CODE = 10, "EanOrRefIdAreRequired", f"ean and ref_id are both missing; {_INCOMPLETE}"
    BAD_IMAGE = 11, "SkuImageUrlIsInvalid", f"an image's URL cannot be used; {_INCOMPLETE}"
    BAD_SPECIFICATION = (
        12,
        "ProductOrSkuHasInvalidSpecificationLength",
        f"a specification is too long or too short; {_INCOMPLETE}",
    )
    NO_MATCHER = 13, "MatcherIdRequired", "the marketplace's matcher is not set up; ask the marketplace"
    BAD_SKU_MATCH = 14, "MatchSkuRefIsNotValid", "the marketplace's matcher failed; ask the marketplace"
    BAD_SCORE = 15, "MatchScoreIsNotInRange", "the marketplace's matcher failed; ask the marketplace"
    NOT_FOUND = 16, "SuggestionNotFound", "the marketplace has no such suggestion; notify the SKU again"
    OLD_VERSION = 17, "MatchOldVersion", "the marketplace has a newer version of this suggestion", Meaning.NOT_NEEDED
    NOT_PENDING = (
        18,
        "SuggestionIsNotPending",
        "not pending: the marketplace has decided about this SKU already",
        Meaning.NOT_PENDING,
    )
    BAD_BRAND = 19, "MatchBrandIdIsInvalid", f"the marketplace does not have the brand; {_INCOMPLETE}"
    BAD_CATEGORY = 20, "MatchCategoryIdIsInvalid", f"the marketplace does not have the category; {_INCOMPLETE}"
    BAD_PRODUCT = 21, "MatchProductRefIsInvalid", "the marketplace does not have the product; ask the marketplace"
    MARKETPLACE_SKU_TAKEN = (
        22,
        "SellerIdAndMarketplaceSkuIdAlreadyExists",
        "the marketplace's SKU is bound to one of the shop's; if it is this one, `flask vtex-seller catalog adopt`",
    )
    SKU_TAKEN = 23, "SellerIdAndSellerSkuIdAlreadyExists", "the marketplace has the SKU", Meaning.EXISTS
    UNKNOWN = 99, "Unknown error", "the marketplace could not reach its own catalog"
    UNKNOWN_TOO = 999, "Unknown error", "the marketplace could not reach its own catalog"

    @property
    def is_an_end(self) -> bool:
        """Tell whether there is nothing more to do: what was asked for is so, or decided."""
        return self.meaning is not Meaning.DONE

    @property
    def is_passing(self) -> bool:
        """Tell whether the same suggestion may be taken later."""
        return self in (SuggestionError.UNKNOWN, SuggestionError.UNKNOWN_TOO)

    @property
    def words(self) -> str:
        """Return one line for people."""
        return f"error {self.number}, {self.label}: {self.advice}"

    @classmethod
    def read(cls, text: str) -> "SuggestionError | None":
        """Find the error that the body of a refusal names by number or name; None if it names none; never fails."""
        bare = _BARE_NUMBER.fullmatch(text.strip())
        numbers = [bare[1]] if bare else _NUMBER.findall(text)
        by_number = (_BY_NUMBER[int(number)] for number in numbers if int(number) in _BY_NUMBER)
        letters = "".join(filter(str.isalpha, text.lower()))
        by_name = (error for name, error in _BY_NAME.items() if name in letters)
        return next(by_number, None) or next(by_name, None)


_BY_NUMBER = {error.number: error for error in SuggestionError}
_BY_NAME = {error.label.lower(): error for error in SuggestionError if not error.is_passing}
_BY_NAME["notpending"] = SuggestionError.NOT_PENDING
