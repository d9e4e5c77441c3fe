"""Made-up names of people and businesses in Chinese, Korean and English. Pure."""

from random import Random
from typing import NamedTuple


class Name(NamedTuple):
    """A person's name and how it is read in Latin letters."""

    shown: str
    given: str
    family: str
    reading: str | None
    gender: str


_ZH_FAMILY = (
    "王 Wang|李 Li|张 Zhang|刘 Liu|陈 Chen|杨 Yang|黄 Huang|赵 Zhao|吴 Wu|周 Zhou|徐 Xu|孙 Sun|马 Ma|朱 Zhu|胡 Hu|"
    "郭 Guo|何 He|"
    "罗 Luo|高 Gao|林 Lin|郑 Zheng|谢 Xie|唐 Tang|冯 Feng|邓 Deng|曹 Cao|彭 Peng|曾 Zeng|田 Tian|潘 Pan|袁 Yuan|蔡 Cai"
)
_ZH_FEMALE = (
    "秀 xiu|丽 li|芳 fang|娜 na|静 jing|敏 min|燕 yan|艳 yan|娟 juan|"
    "梅 mei|雪 xue|倩 qian|婷 ting|怡 yi|琳 lin|雨 yu|桐 tong|兰 lan"
)
_ZH_MALE = (
    "伟 wei|强 qiang|磊 lei|军 jun|洋 yang|勇 yong|杰 jie|涛 tao|明 ming|"
    "超 chao|刚 gang|平 ping|辉 hui|鹏 peng|宇 yu|浩 hao|建 jian|国 guo"
)
_KO_FAMILY = (
    "김 Kim|이 Lee|박 Park|최 Choi|정 Jung|강 Kang|조 Cho|윤 Yoon|장 Jang|임 Lim|한 Han|오 Oh|서 Seo|신 Shin|권 Kwon"
)
_KO_FEMALE = "지 ji|민 min|서 seo|연 yeon|수 su|아 a|은 eun|유 yu|하 ha|윤 yun|채 chae|나 na"
_KO_MALE = "준 jun|호 ho|현 hyeon|우 u|민 min|성 seong|진 jin|태 tae|영 yeong|석 seok|도 do|재 jae"
_EN_FAMILY = (
    "Harrow Whitlock Penning Ashdown Mercer Calloway Thorne Bexley Lindqvist Okoro Santos Pillai Rahman Devlin Marsh "
    "Quill Fairley Novak Abbas Tanaka Roth Kessler Moreau Dunmore"
)
_EN_FEMALE = "Alice Beth Clara Dana Elena Fiona Grace Hana Iris Joan Kiran Leila Mona Nora Priya Ruth Sofia Tess"
_EN_MALE = "Adam Ben Carl Daniel Ewan Felix George Hugo Ivan James Karim Leon Marcus Nikhil Oscar Paul Ravi Simon"


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(one.split()[0], one.split()[1]) for one in text.split("|")]


_PARTS = {
    "zh": (_pairs(_ZH_FAMILY), _pairs(_ZH_FEMALE), _pairs(_ZH_MALE)),
    "ko": (_pairs(_KO_FAMILY), _pairs(_KO_FEMALE), _pairs(_KO_MALE)),
}
_BUSINESS = {
    "zh": (
        ("云岩", "南明", "花溪", "观山湖", "乌当", "红花岗", "汇川", "清镇"),
        ("聚源", "和顺", "青竹", "半山", "百草", "春江", "德丰", "明月", "锦绣", "万家"),
        ("茶楼", "酒店", "园林", "餐饮", "礼品", "商贸", "民宿"),
    ),
    "ko": (
        ("연남", "망원", "성수", "종로", "서촌"),
        ("한솔", "다온", "푸른", "가람", "새봄"),
        ("상사", "다방", "호텔", "식당"),
    ),
    "en": (
        ("Harbour", "Orchard", "Temple", "Marine", "Garden"),
        ("Lane", "Row", "Hill", "Gate", "Wharf"),
        ("Trading", "Tea House", "Hotel", "Catering"),
    ),
}


def person(chance: Random, language: str, family: tuple[str, str] | None = None) -> Name:
    """Somebody's name; `family` (name, reading) is that of the others of the household."""
    gender = chance.choice(("female", "male"))
    if language == "en":
        given = chance.choice((_EN_FEMALE if gender == "female" else _EN_MALE).split())
        name = family[0] if family else chance.choice(_EN_FAMILY.split())
        return Name(f"{given} {name}", given, name, None, gender)
    families, female, male = _PARTS[language]
    name, reading = family or chance.choice(families)
    parts = chance.sample(female if gender == "female" else male, 2)
    if language == "zh" and chance.random() < 0.3:
        parts = parts[:1]
    given = "".join(part for part, _ in parts)
    return Name(f"{name}{given}", given, name, f"{reading} {''.join(read for _, read in parts).capitalize()}", gender)


def business(chance: Random, language: str) -> str:
    """The name of a business."""
    where, what, kind = (chance.choice(part) for part in _BUSINESS[language])
    return f"{where}{what}{kind}" if language == "zh" else f"{where} {what} {kind}"
