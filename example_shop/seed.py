"""The products that a new shop starts with."""

from dataclasses import dataclass

from flask_migrate import upgrade
from sqlalchemy import select

from .catalog.models import Product
from .extensions import db


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    code: str
    name: str
    brand: str
    category: str
    price_cents: int
    list_price_cents: int | None = None
    stock: int
    weight_g: int
    size_cm: tuple[int, int, int]
    """Length, width, height."""
    description: str


_IMAGES = {
    "Coffee & tea": "images/coffee.svg",
    "Kitchen": "images/kitchen.svg",
    "Garden": "images/garden.svg",
    "Stationery": "images/stationery.svg",
    "Home": "images/home.svg",
}

_ROWS = (
    _Row(
        code="CAF-250",
        name="Serra Clara ground coffee, 250 g",
        brand="Serra Clara",
        category="Coffee & tea",
        price_cents=2490,
        list_price_cents=2990,
        stock=120,
        weight_g=270,
        size_cm=(18, 9, 6),
        description="Medium roast from small farms in the hills, with notes of cocoa and orange peel.",
    ),
    _Row(
        code="CAF-1000",
        name="Serra Clara coffee beans, 1 kg",
        brand="Serra Clara",
        category="Coffee & tea",
        price_cents=8490,
        stock=45,
        weight_g=1040,
        size_cm=(28, 14, 9),
        description="The same harvest as our ground coffee, whole, in a bag with a valve.",
    ),
    _Row(
        code="TEA-MATE",
        name="Toasted mate, 40 bags",
        brand="Campo Alto",
        category="Coffee & tea",
        price_cents=1290,
        stock=200,
        weight_g=90,
        size_cm=(14, 8, 7),
        description="Toasted mate leaves in bags; good hot in the morning and cold with lime.",
    ),
    _Row(
        code="TEA-HIB",
        name="Hibiscus flower tea, 100 g",
        brand="Campo Alto",
        category="Coffee & tea",
        price_cents=1890,
        list_price_cents=2190,
        stock=1,
        weight_g=120,
        size_cm=(16, 10, 7),
        description="Dried whole flowers, sour and deep red. The last tin of this harvest.",
    ),
    _Row(
        code="DRIP-02",
        name="Ceramic coffee dripper, size 02",
        brand="Barro Vivo",
        category="Kitchen",
        price_cents=7990,
        stock=32,
        weight_g=480,
        size_cm=(15, 13, 12),
        description="Hand-glazed dripper for two cups, for paper filters of size 02.",
    ),
    _Row(
        code="MUG-TERRA",
        name="Stoneware mug, 300 ml",
        brand="Barro Vivo",
        category="Kitchen",
        price_cents=4590,
        stock=80,
        weight_g=390,
        size_cm=(13, 10, 10),
        description="A heavy mug that keeps its warmth; safe in dishwasher and microwave.",
    ),
    _Row(
        code="PAN-22",
        name="Cast-iron pan, 22 cm",
        brand="Forja Sul",
        category="Kitchen",
        price_cents=15990,
        list_price_cents=18990,
        stock=18,
        weight_g=2350,
        size_cm=(40, 24, 6),
        description="Seasoned with linseed oil and ready to use, for every kind of stove.",
    ),
    _Row(
        code="POT-5L",
        name="Cast-iron pot with lid, 5 l",
        brand="Forja Sul",
        category="Kitchen",
        price_cents=38990,
        stock=0,
        weight_g=6200,
        size_cm=(34, 28, 18),
        description="For beans, stews and bread. Sold out until the foundry's next batch.",
    ),
    _Row(
        code="BOARD-M",
        name="Cutting board of reclaimed wood",
        brand="Oficina do Cedro",
        category="Kitchen",
        price_cents=8990,
        stock=26,
        weight_g=1350,
        size_cm=(38, 24, 3),
        description="Oiled board from reclaimed beams; no two are alike.",
    ),
    _Row(
        code="SEED-HERB",
        name="Kitchen herbs, set of six seeds",
        brand="Quintal",
        category="Garden",
        price_cents=2990,
        stock=150,
        weight_g=60,
        size_cm=(16, 12, 2),
        description="Basil, chives, coriander, parsley, mint and thyme with a sowing calendar.",
    ),
    _Row(
        code="POT-CLAY-S",
        name="Clay plant pot, 14 cm",
        brand="Barro Vivo",
        category="Garden",
        price_cents=2290,
        stock=95,
        weight_g=850,
        size_cm=(15, 15, 14),
        description="Unglazed clay with a saucer, made on the wheel.",
    ),
    _Row(
        code="SOIL-5KG",
        name="Potting soil, 5 kg",
        brand="Quintal",
        category="Garden",
        price_cents=2690,
        stock=60,
        weight_g=5050,
        size_cm=(45, 28, 9),
        description="Peat-free soil of compost and coconut fibre for pots and beds.",
    ),
    _Row(
        code="CAN-3L",
        name="Watering can, 3 l",
        brand="Quintal",
        category="Garden",
        price_cents=9490,
        list_price_cents=10990,
        stock=22,
        weight_g=720,
        size_cm=(38, 16, 24),
        description="Galvanized steel with a long spout that reaches the back row.",
    ),
    _Row(
        code="NOTE-A5",
        name="Dotted notebook A5",
        brand="Papel do Vale",
        category="Stationery",
        price_cents=3990,
        stock=140,
        weight_g=310,
        size_cm=(21, 15, 2),
        description="A hundred and sixty thread-sewn pages that lie flat.",
    ),
    _Row(
        code="PEN-BR",
        name="Brass pen",
        brand="Papel do Vale",
        category="Stationery",
        price_cents=12990,
        stock=35,
        weight_g=45,
        size_cm=(14, 3, 3),
        description="Turned from solid brass; takes standard refills.",
    ),
    _Row(
        code="CAL-WALL",
        name="Wall calendar of Brazilian trees",
        brand="Papel do Vale",
        category="Stationery",
        price_cents=5490,
        list_price_cents=6490,
        stock=70,
        weight_g=280,
        size_cm=(42, 30, 1),
        description="Twelve linocuts of native trees, one a month, with room for notes.",
    ),
    _Row(
        code="ENV-50",
        name="Recycled envelopes, 50",
        brand="Papel do Vale",
        category="Stationery",
        price_cents=1990,
        stock=300,
        weight_g=350,
        size_cm=(24, 13, 5),
        description="Plain brown envelopes with a gummed flap.",
    ),
    _Row(
        code="BLANKET",
        name="Cotton throw, 130 x 180 cm",
        brand="Tear Mineiro",
        category="Home",
        price_cents=17990,
        stock=40,
        weight_g=1280,
        size_cm=(36, 30, 10),
        description="Woven from recycled cotton yarn on shuttle looms.",
    ),
    _Row(
        code="HAMMOCK",
        name="Hammock for two",
        brand="Tear Mineiro",
        category="Home",
        price_cents=24990,
        list_price_cents=28990,
        stock=15,
        weight_g=2100,
        size_cm=(45, 30, 12),
        description="Thick cotton with a crocheted fringe; carries 200 kg.",
    ),
    _Row(
        code="CANDLE",
        name="Palm-wax candle, 180 g",
        brand="Luz de Casa",
        category="Home",
        price_cents=3490,
        stock=110,
        weight_g=340,
        size_cm=(9, 9, 10),
        description="Burns about forty hours in a glass that becomes a cup afterwards.",
    ),
)


def prepare() -> int:
    """Bring the tables up to date, add the products that are missing, commit, and return how many they were."""
    upgrade()
    added = fill()
    db.session.commit()
    return added


def fill() -> int:
    """Add the products that are missing and return how many they were; existing ones stay as they are.

    Does not commit.
    """
    known = set(db.session.scalars(select(Product.code)))
    missing = [_product(position, row) for position, row in enumerate(_ROWS, start=1) if row.code not in known]
    # In bulk, which is not watched: a whole catalog is told of with `flask vtex-seller sync`.
    db.session.bulk_save_objects(missing)
    return len(missing)


def _product(position: int, row: _Row) -> Product:
    length, width, height = row.size_cm
    return Product(
        code=row.code,
        name=row.name,
        brand=row.brand,
        category=row.category,
        description=row.description,
        # Numbers that begin with 20 are for use inside a shop: they are nobody's.
        ean=_with_check_digit(f"20{position:010d}"),
        weight_g=row.weight_g,
        length_cm=length,
        width_cm=width,
        height_cm=height,
        image=_IMAGES[row.category],
        price_cents=row.price_cents,
        list_price_cents=row.list_price_cents,
        stock=row.stock,
    )


def _with_check_digit(digits: str) -> str:
    """Complete twelve digits to an EAN-13."""
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
