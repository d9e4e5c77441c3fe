"""Warnings in Korean. Pure."""

from app.early_warning.wording.words import Words, period_in

_CHANCE = "{horizon} 안에 구매할 가능성: {chance}"
_SILENT = "보통 {usual} 안에 다시 구매하지만, 현재 {silent}일째 구매가 없습니다"
_OVERDUE = "{since}까지 결제해야 할 {overdue} 미결제, {ago} 경과."
_OVER = "미수금 {balance}, 한도 초과액 {above}."
_BEHIND = "{period}: 계획 {planned} 중 {actual} 구매. 현재 추세로는 {forecast} 예상, 계획보다 {below} 부족."

WORDS = Words(
    sentences={
        "near_limit": "미수금 {balance}, 한도의 {share} %.",
        "over_limit": _OVER,
        "far_over_limit": _OVER,
        **dict.fromkeys(("overdue", "overdue_31", "overdue_61", "overdue_91"), _OVERDUE),
        "late": f"{_SILENT}.",
        "at_risk": f"{_SILENT}. {_CHANCE}.",
        "lost": f"{_SILENT}. 이탈한 것으로 보입니다. {_CHANCE}.",
        "behind": _BEHIND,
        "far_behind": _BEHIND,
        "forecast_above_budget": "{period}: 예산 {planned} 중 {spent} 지출. 현재 추세로는 {forecast} 예상.",
        "above_budget": "{period}: {spent} 지출, 예산 {planned} 대비 {above} 초과.",
        "share_climbing": "최근 {days} 비용 {spent}, 순매출 대비 {share}. 평소 {usual}.",
        "costs_climbing": "{month}까지 3개월 연속 비용 증가: {first}, {second}, {third}.",
    },
    without_sales="최근 {days} 비용 {spent}, 순매출 없음. 평소 순매출 대비 {usual}.",
    steps={
        "near_limit": "다음 외상 주문 전에 결제를 요청하세요.",
        "over_limit": "오늘 전화하여 결제를 약속받거나 한도 재검토를 요청하세요.",
        "far_over_limit": "외상 판매를 중단하고 금액과 날짜가 명시된 결제 약속을 받으세요.",
        "overdue": "미결제 청구서를 첨부하여 독촉 안내를 보내세요.",
        "overdue_31": "결제 담당자에게 전화하여 지연 사유와 결제일을 확인하세요.",
        "overdue_61": "방문하여 서면 결제 약속을 받고, 이행될 때까지 현금 거래만 하세요.",
        "overdue_91": "재무팀과 함께 공급 중단, 추심, 대손 처리 중에서 결정하세요.",
        "late": "자주 구매하는 상품의 신상품 소식 등 다시 찾을 이유를 전하세요.",
        "at_risk": "담당자가 전화하여 무엇이 달라졌는지 묻고 사유를 기록하세요.",
        "lost": "떠난 이유와 옮겨 간 곳을 한 번 묻고, 재방문 혜택을 한 번 제안하세요.",
        "behind": "지난 기간과 비교해 빠진 상품을 찾아 주문을 제안하는 전화를 하세요.",
        "far_behind": "이번 주에 방문하여 원인을 파악하고, 만회 방법을 합의하거나 계획을 수정하세요.",
        "forecast_above_budget": "이번 기간에 남은 지출을 점검하고 미룰 수 있는 것은 미루세요.",
        "above_budget": "승인 없이 더 지출하지 말고, 예산을 늘리거나 초과 사유를 기록하세요.",
        "share_climbing": "지출과 그로 인한 매출을 비교하여 효과 없는 지출을 중단하세요.",
        "costs_climbing": "증가하는 비용 항목을 찾아 이번 달 상한을 정하세요.",
    },
    holds={
        "behind": "구매가 계획에 미달하여 해제될 때까지 판매가 중지됩니다.",
        "far_behind": "구매가 계획에 크게 미달하여 해제될 때까지 판매가 중지됩니다.",
        "forecast_above_budget": "비용이 예산을 초과할 것으로 예상되어 해제될 때까지 판매가 중지됩니다.",
        "above_budget": "비용이 예산을 초과하여 해제될 때까지 판매가 중지됩니다.",
        "share_climbing": "순매출 대비 비용이 증가하여 해제될 때까지 판매가 중지됩니다.",
        "costs_climbing": "비용이 매달 증가하여 해제될 때까지 판매가 중지됩니다.",
    },
    suspended="외상 판매가 중지되었습니다.",
    no_account="외상 거래 계정이 없는 고객입니다.",
    too_much="남은 한도를 초과하는 금액입니다.",
    more_than_left="{amount}: 남은 한도 {left}을 초과합니다.",
    small="1 % 미만",
    days=lambda count: f"{count:,}일",
    date=lambda day: f"{day.year}년 {day.month}월 {day.day}일",
    period=period_in("{year}년", "{year}년 {quarter}분기", "{year}년 {month}월"),
)
