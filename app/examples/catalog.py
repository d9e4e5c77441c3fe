"""Bodies for stores, products and categories."""

from typing import Any

STORE, PRODUCT = "S01", "TEA-1"

_STORE = {
    "name": "Zhonghua Road", "kind": "own", "region": "south", "city": "Guiyang", "time_zone": "Asia/Shanghai",
    "currency": "CNY", "phone_region": "CN", "latitude": "26.5783", "longitude": "106.7135",
}  # fmt: skip
_PRODUCT = {
    "name": "Longjing tea, 250 g", "category": "food/tea", "brand": "Lion Peak", "list_price": 16800, "cost": 11200,
    "replaces_after_days": 45,
}  # fmt: skip

BODIES: dict[str, Any] = {
    "PUT /v1/stores/{code}": _STORE,
    "POST /v1/stores/batch": {"items": [{"code": STORE, **_STORE}]},
    "PUT /v1/places/{code}": {"name": "Spring fair", "latitude": "26.647", "longitude": "106.63"},
    "PUT /v1/products/{code}": _PRODUCT,
    "POST /v1/products/batch": {"items": [{"code": PRODUCT, **_PRODUCT}]},
    "POST /v1/categories/batch": {"items": [{"path": "food", "name": "Food"}, {"path": "food/tea", "name": "Tea"}]},
}
