"""Warnings in Chinese. Pure."""

from app.early_warning.wording.words import Words, period_in

_CHANCE = "{horizon}内再次购买的可能性为 {chance}"
_SILENT = "通常 {usual}内会再来，现已 {silent} 天未购买"
_OVERDUE = "{overdue} 应于{since}前付清，已逾期 {ago}。"
_OVER = "欠款 {balance}，超出信用额度 {above}。"
_BEHIND = "{period}：计划 {planned}，已完成 {actual}；按此进度预计 {forecast}，比计划少 {below}。"

WORDS = Words(
    sentences={
        "near_limit": "欠款 {balance}，已达信用额度的 {share} %。",
        "over_limit": _OVER,
        "far_over_limit": _OVER,
        **dict.fromkeys(("overdue", "overdue_31", "overdue_61", "overdue_91"), _OVERDUE),
        "late": f"{_SILENT}。",
        "at_risk": f"{_SILENT}；{_CHANCE}。",
        "lost": f"{_SILENT}，很可能已经流失；{_CHANCE}。",
        "behind": _BEHIND,
        "far_behind": _BEHIND,
        "forecast_above_budget": "{period}：预算 {planned}，已支出 {spent}；按此进度预计 {forecast}。",
        "above_budget": "{period}：已支出 {spent}，超出预算 {planned} 达 {above}。",
        "share_climbing": "最近 {days}费用 {spent}，占净销售额的 {share}；通常为 {usual}。",
        "costs_climbing": "费用逐月上升，截至 {month}的三个月依次为 {first}、{second}、{third}。",
    },
    without_sales="最近 {days}费用 {spent}，但没有净销售额；通常占净销售额的 {usual}。",
    steps={
        "near_limit": "下次赊销之前，先请客户付款。",
        "over_limit": "今天致电客户：商定付款，或申请复核信用额度。",
        "far_over_limit": "停止赊销；取得写明金额和日期的付款承诺。",
        "overdue": "发送催款通知，并附上未付发票。",
        "overdue_31": "致电付款负责人：了解原因，并确认付款日期。",
        "overdue_61": "登门拜访，取得书面付款承诺；在兑现之前只做现款交易。",
        "overdue_91": "与财务部门共同决定：停止供货、追收欠款或核销。",
        "late": "发消息或致电，给客户一个回来的理由，例如其常购商品的新品。",
        "at_risk": "请客户经理致电：询问有什么变化，并记录原因。",
        "lost": "询问一次客户离开的原因和去向，并提出一次挽回优惠。",
        "behind": "对照上一期找出缺少的商品，带着订货建议致电客户。",
        "far_behind": "本周拜访客户：查明原因，商定补足办法，或修正计划。",
        "forecast_above_budget": "逐项核对本期尚待支出的费用，能推迟的先推迟。",
        "above_budget": "未经批准不再支出；追加预算，或记录超支原因。",
        "share_climbing": "对照费用与其带来的销售，停止没有效果的支出。",
        "costs_climbing": "找出增长的费用类别，商定本月上限。",
    },
    holds={
        "behind": "采购落后于计划：解除之前停止销售。",
        "far_behind": "采购远远落后于计划：解除之前停止销售。",
        "forecast_above_budget": "费用预计将超出预算：解除之前停止销售。",
        "above_budget": "费用已超出预算：解除之前停止销售。",
        "share_climbing": "费用占净销售额的比例上升：解除之前停止销售。",
        "costs_climbing": "费用逐月上升：解除之前停止销售。",
    },
    suspended="已停止赊销。",
    no_account="该客户没有赊销账户。",
    too_much="金额超过剩余额度。",
    more_than_left="{amount} 超过剩余额度 {left}。",
    small="不到 1 %",
    days=lambda count: f"{count:,} 天",
    date=lambda day: f" {day.year} 年 {day.month} 月 {day.day} 日",
    period=period_in("{year} 年", "{year} 年第 {quarter} 季度", "{year} 年 {month} 月"),
)
