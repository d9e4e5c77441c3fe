"""What the company sells: tea, things for the garden, the kitchen and the table, and gifts. Pure."""

from dataclasses import dataclass
from typing import Any

CATEGORIES = {
    "tea": "茶叶 Tea",
    "tea/green": "绿茶 Green tea",
    "tea/black": "红茶 Black tea",
    "tea/dark": "黑茶 Dark tea",
    "teaware": "茶具 Teaware",
    "teaware/pots": "壶 Pots",
    "teaware/cups": "杯 Cups",
    "garden": "园艺 Garden",
    "garden/plants": "植物 Plants",
    "garden/soil": "土肥 Soil and feed",
    "garden/tools": "工具 Tools",
    "kitchen": "厨房 Kitchen",
    "kitchen/appliances": "电器 Appliances",
    "kitchen/tools": "厨具 Tools",
    "food": "食品 Food",
    "food/snacks": "零食 Snacks",
    "food/sauces": "酱料 Sauces",
    "gifts": "礼品 Gifts",
    "gifts/boxes": "礼盒 Gift boxes",
}


@dataclass(frozen=True, slots=True)
class Product:
    """A product; amounts in fen."""

    code: str
    name: str
    category: str
    brand: str
    price: int
    cost: int
    replaces_after_days: int | None = None
    upgrade_of: str | None = None

    def item(self) -> dict[str, Any]:
        """As it is sent."""
        return {
            "code": self.code, "name": self.name, "category": self.category, "brand": self.brand,
            "list_price": self.price, "cost": self.cost, "replaces_after_days": self.replaces_after_days,
            "upgrade_of": self.upgrade_of,
        }  # fmt: skip


# Category: its short code, the share of the price that is cost (percent), and (name, brand, yuan).
_RANGE: dict[str, tuple[str, int, tuple[tuple[str, str, int], ...]]] = {
    "tea/green": ("GT", 45, (
        ("都匀毛尖 Duyun Maojian", "山岚", 128), ("湄潭翠芽 Meitan Cuiya", "山岚", 98),
        ("明前龙井 Longjing", "溪里", 168),
        ("제주 녹차 Jeju green tea", "담아", 88), ("Jasmine pearls", "Lantern", 76),
    )),
    "tea/black": ("BT", 42, (
        ("遵义红 Zunyi red", "山岚", 118), ("正山小种 Lapsang", "溪里", 138),
        ("Breakfast blend", "Lantern", 58),
        ("홍차 밀크티 Milk tea", "담아", 49),
    )),
    "tea/dark": ("DT", 40, (
        ("普洱熟茶饼 Pu'er cake", "古木", 188), ("陈年茶砖 Aged brick", "古木", 268),
        ("安化黑茶 Anhua dark", "古木", 98),
    )),
    "teaware/pots": ("TP", 48, (
        ("紫砂壶 Zisha pot", "窑火", 398), ("玻璃壶 Glass pot", "窑火", 99), ("백자 주전자 White pot", "담아", 239),
    )),
    "teaware/cups": ("TC", 46, (
        ("品茗杯 Tasting cup", "窑火", 29), ("盖碗 Gaiwan", "窑火", 79), ("保温杯 Flask", "溪里", 129),
        ("찻잔 세트 Cup set", "담아", 149),
    )),
    "garden/plants": ("GP", 55, (
        ("月季苗 Rose", "青禾", 35), ("山茶 Camellia", "青禾", 68), ("多肉组合 Succulents", "青禾", 25),
        ("薄荷 Mint", "青禾", 12), ("桂花树 Osmanthus", "青禾", 228), ("Orchid", "Fernway", 158),
    )),
    "garden/soil": ("GS", 58, (
        ("营养土20升 Potting soil", "青禾", 39), ("缓释肥 Slow feed", "青禾", 28), ("有机肥 Compost", "青禾", 45),
        ("营养土50升 Potting soil, large", "青禾", 79),
    )),
    "garden/tools": ("GL", 50, (
        ("修枝剪 Secateurs", "Fernway", 89), ("喷壶 Watering can", "Fernway", 49), ("园艺手套 Gloves", "Fernway", 19),
        ("花铲 Trowel", "Fernway", 26), ("滴灌套装 Drip kit", "Fernway", 199),
    )),
    "kitchen/tools": ("KT", 52, (
        ("铁锅 Wok", "炊烟", 159), ("菜刀 Cleaver", "炊烟", 119), ("砧板 Board", "炊烟", 69),
        ("蒸笼 Steamer", "炊烟", 59),
    )),
    "food/snacks": ("FS", 62, (
        ("刺梨干 Dried roxburgh rose", "黔味", 22), ("波波糖 Bobo sugar", "黔味", 18),
        ("核桃酥 Walnut crisp", "黔味", 26),
        ("약과 Yakgwa", "담아", 32), ("Ginger biscuits", "Lantern", 24),
    )),
    "food/sauces": ("FC", 60, (
        ("油辣椒 Chilli in oil", "黔味", 15), ("糟辣椒 Pickled chilli", "黔味", 19), ("고추장 Gochujang", "담아", 36),
    )),
    "gifts/boxes": ("GB", 44, (
        ("中秋礼盒 Mid-autumn box", "山岚", 298), ("新年茶礼 New year tea box", "山岚", 368),
        ("추석 선물세트 Chuseok set", "담아", 328), ("Festive hamper", "Lantern", 288),
    )),
}  # fmt: skip
# Each is the next better one of the one before it.
_APPLIANCES = (
    ("KA-001", "电水壶 Kettle", 149),
    ("KA-002", "温控电水壶 Kettle with thermostat", 269),
    ("KA-003", "泡茶机 Tea maker", 599),
    ("KA-004", "全自动泡茶机 Automatic tea maker", 1199),
)


def _range() -> tuple[Product, ...]:
    made = [
        Product(f"{short}-{number:03}", name, category, brand, yuan * 100, yuan * percent)
        for category, (short, percent, rows) in _RANGE.items()
        for number, (name, brand, yuan) in enumerate(rows, 1)
    ]
    lower = None
    for code, name, yuan in _APPLIANCES:
        made.append(Product(code, name, "kitchen/appliances", "炊烟", yuan * 100, yuan * 61, 1095, lower))
        lower = code
    return tuple(made)


PRODUCTS = _range()


def under(*paths: str) -> tuple[Product, ...]:
    """The products in these categories and below them."""
    return tuple(one for one in PRODUCTS if any(f"{one.category}/".startswith(f"{path}/") for path in paths))
