"""Reading what a shopper wrote into the checkout form."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..orders.service import Customer

# The form's order: field, label, longest text, whether it must be filled in, the browser's name for it.
FIELDS: tuple[tuple[str, str, int, bool, str], ...] = (
    ("name", "Full name", 120, True, "name"),
    ("email", "E-mail", 120, True, "email"),
    ("document", "CPF or CNPJ", 20, True, "off"),
    ("phone", "Phone", 30, True, "tel"),
    ("street", "Street", 120, True, "address-line1"),
    ("number", "Number", 20, True, "off"),
    ("complement", "Complement", 60, False, "address-line2"),
    ("neighborhood", "Neighborhood", 80, True, "address-level3"),
    ("city", "City", 80, True, "address-level2"),
    ("state", "State", 2, True, "address-level1"),
)
STATES = frozenset(
    "AC AL AM AP BA CE DF ES GO MA MG MS MT PA PB PE PI PR RJ RN RO RR RS SC SE SP TO".split()  # noqa: SIM905
)
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """The form as filled in, and what is wrong with it, by field."""

    values: Mapping[str, str]
    errors: Mapping[str, str]

    def customer(self, postal_code: str) -> Customer:
        """Return the buyer; only of a form without errors."""
        return Customer(postal_code=postal_code, **self.values)


def read(form: Mapping[str, str]) -> Filled:
    """Read and check every field."""
    values = {field: form.get(field, "").strip() for field, *_ in FIELDS}
    values["state"] = values["state"].upper()
    values["document"] = re.sub(r"[.\-/\s]", "", values["document"]).upper()
    errors = {}
    for field, label, longest, required, _ in FIELDS:
        complaint = _complaint(field, values[field], longest, required)
        if complaint:
            errors[field] = f"{label} {complaint}."
    return Filled(values=values, errors=errors)


def _complaint(field: str, value: str, longest: int, required: bool) -> str | None:
    if not value:
        return "is missing" if required else None
    if len(value) > longest:
        return f"is longer than {longest} characters"
    if not value.isprintable():
        return "has characters that cannot be printed"
    if field == "email" and not _EMAIL.fullmatch(value):
        return "does not look like name@example.com"
    if field == "phone" and not 10 <= sum(map(str.isdigit, value)) <= 15:
        return "needs its area code, such as 11 98765-4321"
    if field == "state" and value not in STATES:
        return "must be two letters, such as SP"
    if field == "document" and not is_document(value):
        return "is not a valid number"
    return None


def is_document(text: str) -> bool:
    """Tell whether the text is a CPF (11 digits) or a CNPJ (14 characters) with right check digits."""
    if re.fullmatch(r"[0-9]{11}", text):
        return len(set(text)) > 1 and text[9:] == _check_digits(text[:9], longest_weight=11)
    if re.fullmatch(r"[0-9A-Z]{12}[0-9]{2}", text):
        return len(set(text)) > 1 and text[12:] == _check_digits(text[:12], longest_weight=9)
    return False


def _check_digits(stem: str, *, longest_weight: int) -> str:
    digits = ""
    for _ in range(2):
        # Letters, which a CNPJ may have, count by their distance to the character 0, as digits do.
        values = [ord(character) - ord("0") for character in reversed(stem + digits)]
        weights = [2 + place % (longest_weight - 1) for place in range(len(values))]
        rest = sum(value * weight for value, weight in zip(values, weights, strict=True)) % 11
        digits += str(0 if rest < 2 else 11 - rest)
    return digits
