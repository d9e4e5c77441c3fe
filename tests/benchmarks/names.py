"""Names as a company in East Asia meets them: three scripts, and surnames as frequent as they are.

Shares of surnames: Chinese after the Ministry of Public Security's report for 2020, Korean after the 2015 census (both
rounded), Latin after the 2010 census of the United States, flattened.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from app.customers import hangul, pinyin

HAN = (
    "王 726 李 711 张 678 刘 537 陈 462 杨 315 黄 223 赵 207 吴 205 周 205 徐 147 孙 153 马 129 朱 126 胡 131 郭 115 "
    "何 117 林 115 罗 95 高 105 郑 93 梁 86 谢 72 宋 68 唐 64 许 63 韩 68 冯 62 邓 61 曹 60 彭 54 曾 50 萧 38 田 50 "
    "董 50 潘 45 袁 45 蔡 53 蒋 47 余 44 于 43 杜 48 叶 47 程 42 魏 49 苏 41 吕 46 丁 42 任 39 卢 37 姚 38 沈 41 钟 33 "
    "姜 38 崔 37 谭 36 陆 35 范 37 汪 33 廖 35 石 35 金 31 韦 30 贾 33 夏 31 付 30 方 34 邹 29 熊 29 白 27 孟 28 秦 29 "
    "邱 27 侯 28 江 27 尹 26 薛 27 闫 26 段 26 雷 27 龙 24 黎 23 史 25 陶 23 贺 22 毛 23 郝 23 顾 24 龚 22 邵 22 万 22 "
    "覃 20 武 22 钱 21 戴 22 严 21 莫 19 孔 20 向 19 常 20 单 6 解 4 仇 3 欧阳 10 司马 2 诸葛 1"
)
HAN_GIVEN = (
    "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建国文玉兰红春梅海燕志辉云飞鹏宇浩然子涵梓萱雨轩欣怡思佳慧琳"
    "婷雪莹倩颖晨阳博睿俊凯龙斌鑫波东健永林泽民生福德安宁和祥瑞嘉诚天翔航远山峰岩松柏青莲荷菊香月星晴彤瑶琪璐珊珍珠"
    "宝金银铭锋钢铁立新成功胜利家豪振宏伯仲贤良善美凤仪淑贞惠芬芝蓉薇菲娇媛妍姗乐悦心恒毅坚卓越卫兵"
)
KOREAN = (
    "김 2151 이 1470 박 843 최 470 정 433 강 236 조 211 윤 205 장 199 임 166 한 155 오 153 서 151 신 150 권 142 황 140 "
    "안 138 송 137 전 113 홍 112 유 103 고 94 문 93 양 92 손 92 배 80 백 77 허 65 남 56 심 54 노 51 하 46 곽 38 성 40 "
    "차 39 주 40 우 39 구 39 민 34 류 32 나 32 진 31 지 31 엄 29 채 26 원 26 천 24 남궁 4 황보 2"
)
KOREAN_GIVEN = "민서지현준우하윤수연예은영진호성재훈동혁승태경희정미선아유나라은혜원주석용철기상규인찬건도빈율솔별"
FIRST = (
    "james mary john patricia robert jennifer michael linda william elizabeth david barbara richard susan joseph "
    "jessica thomas sarah charles karen christopher nancy daniel lisa matthew margaret anthony betty mark sandra "
    "donald ashley steven dorothy paul kimberly andrew emily joshua donna kenneth michelle kevin carol brian "
    "amanda george melissa edward deborah ronald stephanie timothy rebecca jason laura jeffrey helen ryan sharon "
    "jacob cynthia gary kathleen nicholas amy eric shirley jonathan angela stephen anna larry ruth justin brenda "
    "scott pamela brandon nicole josé maría jürgen björn françois zoë łukasz çağla søren noël ángel inés rené "
    "andré"
)
LAST = (
    "smith johnson williams brown jones garcía miller davis rodríguez martínez hernández lópez gonzález wilson "
    "anderson thomas taylor moore jackson martin pérez thompson white sánchez harris ramírez clark lewis robinson "
    "walker young allen king wright torres hill flores green adams nelson baker hall rivera campbell mitchell "
    "carter roberts phillips evans turner parker collins edwards stewart morris murphy cook rogers morgan "
    "peterson cooper reed bailey bell kelly howard ward cox richardson watson brooks bennett wood james gray ruiz "
    "hughes price myers long foster sanders ross morales powell sullivan russell ortiz jenkins perry butler "
    "barnes fisher müller schmidt schneider weber nguyễn trần dubois lefèvre łuczak øster björklund o'neill "
    "macdonald"
)
COMPANY = ("贸易", "科技", "餐饮", "文化", "建材", "服饰", "食品", "物流")
CITIES = ("上海", "北京", "广州", "深圳", "成都", "贵阳", "杭州", "武汉")


class Name(NamedTuple):
    """A customer's names and e-mail address; a company has no family name."""

    display: str
    family: str | None
    given: str | None
    email: str


def _weighted(text: str) -> tuple[list[str], list[int]]:
    parts = text.split()
    return parts[::2], [int(weight) for weight in parts[1::2]]


def names(count: int, seed: int = 7) -> Iterator[Name]:
    """`count` names, the same ones for a seed: of 20 one a company, one Latin, one Korean, the others Chinese."""
    chooser = random.Random(seed)
    han, korean = _weighted(HAN), _weighted(KOREAN)
    first, last = FIRST.split(), LAST.split()
    rare = [1 / (place + 8) for place in range(len(HAN_GIVEN))]
    for number in range(1, count + 1):
        turn = number % 20
        if number % 50 == 0:
            brand = "".join(chooser.choices(HAN_GIVEN, rare, k=2))
            name = chooser.choice(CITIES) + brand + chooser.choice(COMPANY) + "有限公司"
            yield Name(name, None, None, f"office{number}@example.com")
        elif turn == 1:
            given, family = chooser.choice(first).title(), chooser.choice(last).title()
            mail = f"{given}.{family}{number % 100}@example.com".lower().replace("'", "")
            yield Name(f"{given} {family}", family, given, mail)
        elif turn == 2:
            family, given = chooser.choices(*korean)[0], "".join(chooser.choices(KOREAN_GIVEN, k=2))
            yield Name(family + given, family, given, f"{hangul.romanised(family + given)}{number % 1000}@example.com")
        else:
            family = chooser.choices(*han)[0]
            given = "".join(chooser.choices(HAN_GIVEN, rare, k=1 if chooser.random() < 0.25 else 2))
            mail = "".join(pinyin.syllables(family + given)) + f"{number % 1000}@example.com"
            yield Name(family + given, family, given, mail)
