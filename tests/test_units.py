"""Text to units: the fast ways agree with the five-line reference, and with what the design says, script by script."""

from __future__ import annotations

import gzip
import json
import sys
import unicodedata

import numpy as np
import oracle
import pyarrow as pa
import pytest
from conftest import shared_file
from hypothesis import given, settings
from hypothesis import strategies as st

from zipcal_spark import units
from zipcal_spark.units import split_windows

RULES = ["word", "whitespace"]
ALL = 10**6  # more units than any of the texts has, unless it says so
MEGABYTE = 1 << 20


def windows(texts, unit: str = "word", max_length: int = ALL) -> list[list[str]]:
    """The windows in the order of the texts; each row must come exactly once."""
    array = texts if isinstance(texts, pa.Array) else pa.array(texts, pa.string())
    found: dict[int, list[str]] = {}
    for part in split_windows(array, unit, max_length):
        units = part.units.to_arrow()
        assert len(part.offsets) == len(part.rows) + 1
        assert part.offsets[0] == 0
        assert part.offsets[-1] == len(part.units)
        every = units.to_pylist()
        for row, start, end in zip(part.rows.tolist(), part.offsets[:-1], part.offsets[1:], strict=True):
            assert row not in found, "a row came twice"
            found[row] = every[start:end]
    assert sorted(found) == list(range(len(array))), "rows are missing"
    return [found[row] for row in range(len(array))]


def window(text: str, unit: str = "word", max_length: int = ALL) -> list[str]:
    return windows([text], unit, max_length)[0]


def reference(texts: list[str], unit: str, max_length: int = ALL) -> list[list[str]]:
    return [oracle.units(text, unit)[:max_length] for text in texts]


def assert_as_reference(texts: list[str], unit: str, max_length: int = ALL) -> None:
    got, wanted = windows(texts, unit, max_length), reference(texts, unit, max_length)
    differ = [(ascii(t), g[:9], w[:9]) for t, g, w in zip(texts, got, wanted, strict=True) if g != w]
    assert not differ, differ[:3]


# --- `word`, script by script. Escapes where the very code points matter. ---

SCRIPTS = {
    "latin": ("Élève, ça va! Ñandú—Ågård", ["élève", "ça", "va", "ñandú", "ågård"]),
    "latin-vietnamese": ("Tiếng Việt", ["tiếng", "việt"]),
    "latin-decomposed": ("E\u0301te\u0301 n\u0303", ["\u00e9t\u00e9", "\u00f1"]),
    "latin-compatible-letters": ("\u212b \u212a \u2126", ["\u00e5", "k", "\u03c9"]),  # Ångström, kelvin, ohm
    "greek": ("Ο ΟΔΥΣΣΕΥΣ, ΣΑΣ; φίλος", ["ο", "οδυσσευς", "σας", "φίλος"]),
    "greek-oxia-is-tonos": ("\u1f71", ["\u03ac"]),
    "cyrillic": ("Съешь ЕЩЁ этих; \u0438\u0306", ["съешь", "ещё", "этих", "\u0439"]),
    "arabic": ("اللغة العربية، نعم؟", ["اللغة", "العربية", "نعم"]),
    "arabic-harakat": ("\u0633\u064e\u0644 \u0628\u0650", ["\u0633\u064e\u0644", "\u0628\u0650"]),
    "arabic-harakat-in-canonical-order": ("\u0633\u0651\u064e", ["\u0633\u064e\u0651"]),
    "arabic-tatweel-is-a-letter": ("\u0646\u0640\u0639\u0645", ["\u0646\u0640\u0639\u0645"]),
    "persian-zwnj": ("\u0645\u06cc\u200c\u0631\u0648\u0645", ["\u0645\u06cc", "\u0631\u0648\u0645"]),
    "hebrew-niqqud": (
        "\u05e9\u05c1\u05b8\u05dc\u05d5\u05b9\u05dd \u05d8\u05d5\u05d1",
        ["\u05e9\u05b8\u05c1\u05dc\u05d5\u05b9\u05dd", "\u05d8\u05d5\u05d1"],
    ),
    "hebrew-presentation-form": ("\ufb2a", ["\u05e9\u05c1"]),
    "hebrew-maqaf-and-geresh": ("בית־ספר ג׳ז", ["בית", "ספר", "ג", "ז"]),
    "devanagari": ("हिन्दी में लिखा है।", ["हिन्दी", "में", "लिखा", "है"]),
    "devanagari-nukta": ("\u0958", ["\u0915\u093c"]),
    "tamil": ("தமிழ் மொழி", ["தமிழ்", "மொழி"]),
    "tamil-vowel-in-two-parts": ("\u0b95\u0bc6\u0bbe", ["\u0b95\u0bca"]),
    "bengali": ("বাংলা ভাষা।", ["বাংলা", "ভাষা"]),
    "bengali-nukta": ("\u09dc", ["\u09a1\u09bc"]),
    "telugu": ("తెలుగు భాష", ["తెలుగు", "భాష"]),
    "sinhala": ("සිංහල බස", ["සිංහල", "බස"]),
    "tibetan": ("བོད་ཡིག", ["བོད", "ཡིག"]),
    "thai": ("ภาษาไทย", ["ภ", "า", "ษ", "า", "ไ", "ท", "ย"]),
    "thai-marks": ("ที่น้ำ", ["ที่", "น้", "ำ"]),
    "lao": ("ພາສາລາວ", ["ພ", "າ", "ສ", "າ", "ລ", "າ", "ວ"]),
    "lao-marks": ("ນ້ຳ", ["ນ້", "ຳ"]),
    "khmer": ("ភាសាខ្មែរ", ["ភា", "សា", "ខ្", "មែ", "រ"]),
    "myanmar": ("မြန်မာ", ["မြ", "န်", "မာ"]),
    "han": ("我爱北京。天安门", ["我", "爱", "北", "京", "天", "安", "门"]),
    "han-beyond-the-first-plane": ("\U00020bb7野家", ["\U00020bb7", "野", "家"]),
    "han-iteration-mark": ("人々", ["人", "々"]),
    "han-zero-is-a-digit": ("二〇〇二", ["二", "〇〇", "二"]),
    "han-compatible-ideograph": ("\uf900", ["\u8c48"]),
    "han-with-marks": ("漢\u0301字\u302a\u0301", ["漢\u0301", "字\u302a\u0301"]),
    "han-amid-latin": ("iPhone手机X2", ["iphone", "手", "机", "x2"]),
    "hiragana-and-katakana": ("ひらカタ", ["ひ", "ら", "カ", "タ"]),
    "kana-dakuten-composed": ("\u304c\u30d1", ["\u304c", "\u30d1"]),
    "kana-dakuten-decomposed": ("\u304b\u3099\u30cf\u309a", ["\u304c", "\u30d1"]),
    "kana-dakuten-that-composes-with-nothing": ("\u3042\u3099\u3044", ["\u3042\u3099", "\u3044"]),
    "kana-long-vowel-belongs-to-no-script": ("コーヒー", ["コ", "ー", "ヒ", "ー"]),
    "kana-half-width": ("\uff76\uff9e\uff77", ["\uff76", "\uff9e", "\uff77"]),
    "hangul": ("한국어 문서", ["\ud55c\uad6d\uc5b4", "\ubb38\uc11c"]),
    "hangul-jamo": ("\u1112\u1161\u11ab\u1100\u116e\u11a8", ["\ud55c\uad6d"]),
    "hangul-jamo-that-compose-with-nothing": ("\u11ab\u1161", ["\u11ab\u1161"]),
    "georgian": ("ქართული ენა", ["ქართული", "ენა"]),
    "georgian-capitals": ("\u1c90\u1c91", ["\u10d0\u10d1"]),
    "armenian": ("Հայերեն ԼԵԶՈՒ՝ և", ["հայերեն", "լեզու", "և"]),
    "ethiopic": ("አማርኛ፡ቋንቋ።", ["አማርኛ", "ቋንቋ"]),
    "cherokee": ("\u13e3\u13b3\u13a9", ["\uabb3\uab83\uab79"]),
    "deseret": ("\U00010400\U00010401", ["\U00010428\U00010429"]),
    "tifinagh": ("ⵜⴰⵎⴰⵣⵉⵖⵜ", ["ⵜⴰⵎⴰⵣⵉⵖⵜ"]),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_words_of_a_script(script):
    text, wanted = SCRIPTS[script]
    assert window(text) == wanted
    assert oracle.units(text) == wanted


@pytest.mark.parametrize("unit", RULES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_long_text_of_a_script_is_split_as_the_reference_splits_it(script, unit):
    text = SCRIPTS[script][0]
    texts = [text, text * 40, (text + " ") * 40, "x" * 13 + text * 9]
    for max_length in (1, 2, 7):
        assert_as_reference(texts, unit, max_length)


WORDS = {
    "digits": ("2024 a1b2 007", ["2024", "a1b2", "007"]),
    "digits-of-other-scripts": (
        "\u0662\u0660 \u0e52\u0e55 \uff11\uff12 \u09e7",
        ["\u0662\u0660", "\u0e52\u0e55", "\uff11\uff12", "\u09e7"],
    ),
    "thai-digits-beside-thai-letters": ("\u0e01\u0e52\u0e55\u0e01", ["\u0e01", "\u0e52\u0e55", "\u0e01"]),
    "superscripts-fractions-circled": (
        "x\u00b2 \u00bd \u2460 H\u2082O",
        ["x\u00b2", "\u00bd", "\u2460", "h\u2082o"],
    ),
    "roman-numeral-letters": ("\u2163 \u216b", ["\u2173", "\u217b"]),
    "full-width-letters": ("\uff21\uff22", ["\uff41\uff42"]),
    "point-and-comma-in-numbers": ("3.14 1,000", ["3", "14", "1", "000"]),
    "turkish-dotted-i": (
        "\u0130stanbul ISPARTA \u0131rmak",
        ["i\u0307stanbul", "isparta", "\u0131rmak"],
    ),
    "turkish-dotted-i-decomposed": ("I\u0307", ["i\u0307"]),
    "sharp-s": ("STRASSE Straße GRO\u1e9e", ["strasse", "straße", "groß"]),
    "ligatures": ("\ufb01n \ufb00 \u01c4\u01c5 \u0132", ["\ufb01n", "\ufb00", "\u01c6\u01c6", "\u0133"]),
    "apostrophes": ("don't l\u2019été", ["don", "t", "l", "été"]),
    "apostrophe-that-is-a-letter": ("кам\u02bcян", ["кам\u02bcян"]),
    "hyphens": ("well-known a\u2010b c\u00add e\u2011f", ["well", "known", "a", "b", "c", "d", "e", "f"]),
    "underscore-and-symbols": ("snake_case a+b=c <x> $5", ["snake", "case", "a", "b", "c", "x", "5"]),
    "zero-width-characters": (
        "a\u200bb\u200cc\u200dd\u2060e\ufefff",
        ["a", "b", "c", "d", "e", "f"],
    ),
    "mark-without-a-letter": (" \u0301 .\u0301", ["\u0301", "\u0301"]),
    "marks-without-end": ("a" + "\u0316" * 50, ["a" + "\u0316" * 50]),
    "marks-come-in-canonical-order": ("a\u0301\u0323", ["\u1ea1\u0301"]),
    "control-characters": ("a\0b\x7fc", ["a", "b", "c"]),
    "punctuation": ("... !? — «»", []),
    "nothing": ("", []),
    "blanks": (" \t\r\n\xa0", []),
}


@pytest.mark.parametrize("case", WORDS)
def test_words(case):
    text, wanted = WORDS[case]
    assert window(text) == wanted
    assert oracle.units(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("ΣΑΣ", ["σας"]),
        ("Σ", ["σ"]),
        ("ΑΣ Α", ["ας", "α"]),
        ("ΑΣ.", ["ας"]),
        ("ΑΣ.Α", ["ασ", "α"]),  # a full stop is passed over when it is decided whether a sigma is final
        ("ΑΣ'Α", ["ασ", "α"]),
        ("ΑΣ,Α", ["ας", "α"]),
        ("ΑΣ. Α", ["ας", "α"]),
        ("ΑΣ1", ["ας1"]),
        ("ΑΣ\u0301", ["ας\u0301"]),
        ("ΑΣ\u0301Α", ["ασ\u0301α"]),
        ("ΑΣ\u200dΑ", ["ασ", "α"]),
        ("ΑΣ漢", ["ας", "漢"]),
        ("ΑΣ\u3042Α", ["ας", "\u3042", "α"]),
        (".Σ", ["σ"]),
        ("Α.Σ", ["α", "ς"]),
        ("aΣ", ["aς"]),
    ],
)
def test_sigma_is_final_where_no_letter_with_case_follows(text, wanted):
    assert window(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "👍",
        "👍\U0001f3fd",  # skin tone
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",  # family, by zero-width joiners
        "\U0001f1e9\U0001f1ea",  # flag
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # flag by tags
        "😀 🎉🎉 ☺ ★ ∑ €",
    ],
)
def test_emoji_are_no_words(text):
    assert window(text) == []
    assert window(f"a{text}b") == ["a", "b"]


def test_marks_within_emoji_are_words_by_the_letter_of_the_rule():
    assert window("1\ufe0f\u20e3") == ["1\ufe0f\u20e3"]  # keycap
    assert window("a ❤\ufe0f b") == ["a", "\ufe0f", "b"]  # variation selector


# --- `whitespace` ---

WHITESPACE = {
    "points-and-commas": (
        "Hello, World. 3.14 e.g., x",
        ["hello", "world", "3", "14", "e", "g", "x"],
    ),
    "other-punctuation-stays": (
        "(Well-known!) don't snake_case: \u201cQ\u201d",
        ["(well-known!)", "don't", "snake_case:", "\u201cq\u201d"],
    ),
    "point-in-text-that-is-not-ascii": ("Élan.Vital,Été", ["élan", "vital", "été"]),
    "wide-punctuation-stays": ("你好，世界。 再见", ["你好，世界。", "再见"]),
    "no-scripts": ("ภาษาไทย 漢字かな", ["ภาษาไทย", "漢字かな"]),
    "emoji": ("👍 OK\U0001f468\u200d\U0001f469", ["👍", "ok\U0001f468\u200d\U0001f469"]),
    "no-normal-form": ("\u00e9 e\u0301", ["\u00e9", "e\u0301"]),
    "turkish-dotted-i": ("\u0130I", ["i\u0307i"]),
    "sigma-is-cased-before-points-become-blanks": ("ΑΣ.Α ΑΣ,Α ΑΣ.", ["ασ", "α", "ας", "α", "ας"]),
    "zero-width-characters-stay": ("a\u200bb c\u200dd e\ufeff", ["a\u200bb", "c\u200dd", "e\ufeff"]),
    "mongolian-vowel-separator-stays": ("a\u180eb", ["a\u180eb"]),
    "control-characters-stay": ("A\0B \x7f \x1bc", ["a\0b", "\x7f", "\x1bc"]),
    "punctuation": ("... ,, .,", []),
    "nothing": ("", []),
    "blanks": (" \t\r\n\xa0", []),
}


@pytest.mark.parametrize("case", WHITESPACE)
def test_whitespace(case):
    text, wanted = WHITESPACE[case]
    assert window(text, "whitespace") == wanted
    assert oracle.units(text, "whitespace") == wanted


BLANKS = (
    [chr(byte) for byte in (*range(0x09, 0x0E), *range(0x1C, 0x21), 0x85, 0xA0)]
    + [chr(code) for code in (0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)]
)  # fmt: skip


@pytest.mark.parametrize("unit", RULES)
def test_every_blank_separates(unit):
    texts = [f"A{blank}b{blank}{blank}ç{blank}" for blank in BLANKS] + [f"A{blank}b" for blank in BLANKS]
    assert windows(texts, unit) == [["a", "b", "ç"]] * len(BLANKS) + [["a", "b"]] * len(BLANKS)
    assert {chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace()} == set(BLANKS)


@pytest.mark.parametrize("unit", RULES)
def test_every_assigned_character_is_treated_as_the_reference_treats_it(unit):
    # Private use (Co) is 137,468 characters of one kind: a few will do. Surrogates are no text.
    characters = [
        character for character in map(chr, range(0xF0000)) if unicodedata.category(character) not in ("Cn", "Cs", "Co")
    ]
    assert len(characters) > 140_000
    characters += ["\ue000", "\U000f0000", "\U0010fffd"]
    assert_as_reference([f"A{character}Σ{character}B" for character in characters], unit)


@pytest.mark.parametrize("unit", RULES)
def test_every_ascii_character_is_split_alike_beside_ascii_and_beside_other_text(unit):
    texts = [f"A{chr(byte)}B{chr(byte)}" for byte in range(128)]
    ascii_way = windows(texts, unit)
    unicode_way = windows([text + " é" for text in texts], unit)
    assert unicode_way == [[*each, "é"] for each in ascii_way]


# --- Windows ---


@pytest.mark.parametrize("unit", RULES)
@pytest.mark.parametrize("tail", ["", "é"])
@pytest.mark.parametrize("max_length", [1, 2, 128, 10**6])
def test_window_is_the_first_units(unit, tail, max_length):
    words = [f"w{number}" for number in range(1000)]
    text = "  ".join(words) + " " + tail
    assert window(text, unit, max_length) == [*words, *([tail] if tail else [])][:max_length]


@pytest.mark.parametrize("unit", RULES)
@pytest.mark.parametrize("max_length", [1, 2, 128, 10**6])
@pytest.mark.parametrize("letter", ["a", "\u00e9", "\u0915"])
def test_one_unit_of_a_megabyte(letter, max_length, unit):
    text = letter * (MEGABYTE // len(letter.encode()))
    assert window(text, unit, max_length) == [text]
    assert window(text + " b", unit, max_length) == [text, "b"][:max_length]


def test_one_decomposed_unit_of_a_megabyte():
    assert window("e\u0301" * (MEGABYTE // 3), "word", 1) == ["\u00e9" * (MEGABYTE // 3)]
    assert window("a" + "\u0301" * (MEGABYTE // 2), "word", 1) == ["\u00e1" + "\u0301" * (MEGABYTE // 2 - 1)]


def test_a_megabyte_of_han_letters():
    text = "漢" * (MEGABYTE // 3)
    assert window(text, "word", 128) == ["漢"] * 128
    assert window(text, "word", 10**6) == ["漢"] * (MEGABYTE // 3)
    assert window(text, "whitespace", 128) == [text]


@pytest.mark.parametrize("unit", RULES)
@pytest.mark.parametrize("max_length", [1, 128])
@pytest.mark.parametrize("word", ["word", "wörd"])
def test_long_runs_of_blanks(word, max_length, unit):
    blanks = " \n\xa0" * 100_000 if word == "wörd" else " \n\t" * 100_000
    many = [word] * max_length
    assert window(blanks, unit, max_length) == []
    assert window(blanks + word, unit, max_length) == [word]
    assert window(word + blanks, unit, max_length) == [word]
    assert window(word * 50_000 + blanks, unit, max_length) == [word * 50_000]
    assert window(blanks + " ".join(many) + blanks + word, unit, max_length) == many


@pytest.mark.parametrize("unit", RULES)
def test_window_of_long_units_needs_the_whole_text(unit):
    for word in ("a" * 100, "ä" * 100, "Σ" * 100):
        words = [word + str(number) for number in range(200)]
        lower = [each.lower() for each in words]
        assert window(" ".join(words), unit, 128) == lower[:128]
        assert window(" ".join(words[:100]), unit, 128) == lower[:100]


# A text is first cut at 16 * max_length characters: here at 16, with one unit a window.
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x" * 20 + " tail tail", "x" * 20),  # within a unit
        ("x" * 15 + "ä" * 9 + " tail tail", "x" * 15 + "ä" * 9),
        ("x" * 16 + " tail tail", "x" * 16),  # right behind a unit
        ("x" * 15 + "e\u0301 tail tail", "x" * 15 + "\u00e9"),  # right before a combining mark
        ("x" * 15 + "e\u0316\u0301 tail tail", "x" * 15 + "\u00e9\u0316"),
        (" " * 14 + "e\u0316\u0301 tail tail", "\u00e9\u0316"),  # between two marks
        (" " * 15 + "漢\u0301 tail", "漢\u0301"),  # right behind a Han letter with a mark
        (" " * 15 + "\u304b\u3099 tail", "\u304c"),
        (" " * 15 + "\u0e01\u0e48\u0e01\u0e48\u0e01", "\u0e01\u0e48"),
        (" " * 14 + "\u1112\u1161\u11ab tail", "\ud55c"),  # within a syllable
        (" " * 15 + "\u1112\u1161\u11ab tail", "\ud55c"),
        ("Α" * 15 + "ΣΑ tail tail", "α" * 15 + "σα"),  # right behind a sigma that is not final
        ("Α" * 15 + "Σ tail tail", "α" * 15 + "ς"),  # right behind a sigma that is
        ("Α" * 15 + "Σ.Α tail tail", "α" * 15 + "σ"),  # decided by what is behind the cut
        ("Α" * 14 + "Σ.Α tail tail", "α" * 14 + "σ"),
        ("Α" * 14 + "Σ. Α tail tail", "α" * 14 + "ς"),
        ("Α" * 14 + "Σ々Α tail tail", "α" * 14 + "σ"),  # 々 has a unit of its own, and is passed over
        ("Α" * 14 + "Σ\u309dΑ tail tail", "α" * 14 + "σ"),
        ("ä" + " " * 30 + "tail", "ä"),  # within a run of blanks
        (" " * 30 + "ä tail", "ä"),
        ("ä" * 15 + " \u0301 tail", "ä" * 15),  # a mark alone behind the blank
        ("..............ä.b.c.d.e", "ä"),
    ],
)
def test_cut_does_not_show_in_the_word_that_it_meets(text, wanted):
    assert len(text) > 16
    assert window(text, "word", 1) == [wanted]
    assert window("q" * 16 + " " + " " * 15 + text, "word", 2) == ["q" * 16, wanted]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x" * 20 + " tail", "x" * 20),
        ("." * 15 + "xyz tail", "xyz"),
        ("." * 15 + "äyz tail", "äyz"),
        ("e" * 15 + "e\u0301 tail", "e" * 16 + "\u0301"),
        ("Α" * 15 + "Σ.Α tail", "α" * 15 + "σ"),
        ("Α" * 15 + "Σ,Α tail", "α" * 15 + "ς"),
        ("Α" * 14 + "Σ.Α tail", "α" * 14 + "σ"),
        ("漢" * 30 + " tail", "漢" * 30),
        ("ä." + " " * 30 + "b", "ä"),
    ],
)
def test_cut_does_not_show_in_the_unit_between_blanks_that_it_meets(text, wanted):
    assert window(text, "whitespace", 1) == [wanted]


EVENTS = [
    "plain", "e\u0301e\u0301", "漢\u0301字\u3099", "\u304b\u3099\u304d", "ΑΣ.Α", "ΑΣ Α", "ΑΣ'''ΑΣ", "ΑΣ漢", "ΑΣ々Α",
    "\u1112\u1161\u11ab\u1112", "\u0e01\u0e48\u0e33", "1\u066321", "a  \xa0 b", "\x1ca\x1db", "a\u200db", "a\u2019b",
    "👍\U0001f3fd", "\u1ea1\u0301\u0323", "\u0915\u094d\u200d\u0937", "\u1000\u1039\u1000", ",.,.", "\u3007\u4e8c",
    "コーヒー", "ß.ß", "İI",
]  # fmt: skip


@pytest.mark.parametrize("unit", RULES)
@pytest.mark.parametrize("max_length", [1, 2, 3])
def test_cut_at_every_place_within_a_text(unit, max_length):
    cut = 16 * max_length
    texts = [
        filling * (cut - at - 1 - len(lead)) + lead + event + tail
        for event in EVENTS
        for at in range(-1, len(event) + 2)
        for filling in (" ", "x", "Α", "漢")
        for lead in ("", " ", "q ", "q r ")
        for tail in (" tail" * 9, "Σ" * 30, "\u0301" * 30, "", "." * 40 + "Α")
    ]
    assert_as_reference(texts, unit, max_length)


@pytest.mark.parametrize("unit", RULES)
def test_only_the_beginning_of_a_long_text_is_split_where_it_holds_the_window(monkeypatch, unit):
    lengths = []
    split = units._split_unicode

    def watched(texts, rule):
        lengths.extend(map(len, texts.to_pylist()))
        return split(texts, rule)

    monkeypatch.setattr(units, "_split_unicode", watched)
    assert window("wörd\n" * 100_000, unit, 8) == ["wörd"] * 8
    assert len(lengths) == 1
    assert lengths[0] <= 16 * 8
    # ASCII as far as it must be looked at: the other way is not taken.
    assert window("word\n" * 1_000 + "wörd", unit, 8) == ["word"] * 8
    assert len(lengths) == 1


@pytest.mark.parametrize("unit", RULES)
@pytest.mark.parametrize("max_length", [1, 2, 3, 40])
def test_what_follows_the_window_of_a_text_that_begins_as_ascii_does_not_change_it(unit, max_length):
    texts = [
        ("ab " * units_before) + "x" * letters + event
        for units_before in (0, 1, 2, 39, 84, 85, 86)
        for letters in (0, 1, 13, 255 - 3, 256 - 3)
        for event in ("\u0301 y", " \u0301y", "é", ". \u0301\u0301", "\u200dΣ", "Σ", " Σ tail")
    ]
    assert_as_reference(texts, unit, max_length)


# --- Batches ---

MIXED = [
    "Plain ASCII text",
    "",
    "Ünïcödé",
    "long " * 300,
    "lang ü " * 300,
    "x" * 5000,
    "ü" * 5000,
    "...",
    "漢字" * 900,
    " ",
    "",
]


@pytest.mark.parametrize("unit", RULES)
@pytest.mark.parametrize("max_length", [1, 2, 128, 10**6])
def test_mixed_batch_has_each_row_once(unit, max_length):
    assert_as_reference(MIXED * 3, unit, max_length)
    assert_as_reference(MIXED[::-1], unit, max_length)


@pytest.mark.parametrize("unit", RULES)
@pytest.mark.parametrize("type", [pa.string(), pa.large_string()])
def test_slices_of_arrays_are_split_as_they_are_and_not_as_what_they_are_cut_from(type, unit):
    array = pa.array(MIXED, type)
    for start in range(len(MIXED) + 1):
        for length in (0, 1, 2, len(MIXED)):
            texts = MIXED[start : start + length]
            assert windows(array.slice(start, length), unit, 2) == reference(texts, unit, 2)
    ascii_only = pa.array(["one", "two words", "", "three more words"], type).slice(1)
    assert windows(ascii_only, unit, 2) == [["two", "words"], [], ["three", "more"]]


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["", "é", ""], ["", "a", ""], ["\x00", "é"]])
def test_empty_texts_have_empty_windows(texts):
    for unit in RULES:
        assert_as_reference(texts, unit)


def test_array_with_a_bitmap_but_no_nulls():
    array = pa.array(["a b", None, "é f", None, "c"]).drop_null()
    assert windows(array) == [["a", "b"], ["é", "f"], ["c"]]


def test_unknown_rule_is_an_error():
    with pytest.raises(KeyError):
        list(split_windows(pa.array(["a"]), "sentence", 1))


# --- Properties ---

# Unassigned characters differ with the version of Unicode that a library knows.
_characters = st.characters(exclude_categories=("Cs", "Cn"))
TROUBLE = (
    "Σσς.,'· Αa1E\u0301\u0323\u0345\u3099\u309a\u0e48\u1039\u094d漢字々〇ก\u0e33かハー\u1000\u0915"
    "\u1112\u1161\u11ab\u314e\xa0\u0085\x1c\u3000\n٣²Ⅳ👍\U0001f3fd\u200d\ufe0fİIıß\u00ad"
)
_trouble = st.text(st.sampled_from(TROUBLE), max_size=12)


@st.composite
def long_texts(draw):
    """Texts that the cut meets: something short, many times, between others."""
    before, middle, after = draw(_trouble), draw(_trouble), draw(_trouble)
    filling = draw(st.sampled_from(["", " ", "x", "Α", "漢", "\u0301", "xyz "]))
    return before + filling * draw(st.integers(0, 40)) + middle * draw(st.integers(1, 30)) + after


@settings(max_examples=300, deadline=None)
@given(st.lists(st.text(_characters, max_size=60), max_size=6), st.sampled_from(RULES), st.integers(1, 4))
def test_any_text_is_split_as_the_reference_splits_it(texts, unit, max_length):
    assert_as_reference(texts, unit, max_length)
    assert_as_reference(texts, unit, ALL)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.one_of(long_texts(), st.sampled_from(MIXED)), min_size=1, max_size=6),
    st.sampled_from(RULES),
    st.integers(1, 4),
)
def test_troublemakers_are_split_as_the_reference_splits_them(texts, unit, max_length):
    assert_as_reference(texts, unit, max_length)


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(_characters, max_size=60), long_texts()), st.integers(1, 4))
def test_composed_and_decomposed_text_have_the_same_words(text, max_length):
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert window(composed, "word", max_length) == window(decomposed, "word", max_length)


@settings(max_examples=100, deadline=None)
@given(st.lists(long_texts(), min_size=1, max_size=6), st.sampled_from(RULES), st.integers(1, 4), st.data())
def test_window_does_not_depend_on_the_other_rows(texts, unit, max_length, data):
    order = data.draw(st.permutations(range(len(texts))))
    together = windows([texts[row] for row in order], unit, max_length)
    assert together == [window(texts[row], unit, max_length) for row in order]


# --- Real text ---

FILES = [
    "gsm8k", "svamp", "tldr_en", "tldr_multi", "wikitext2", "xcopa_it", "xcopa_ta", "xcopa_th", "xcopa_zh",
    "xquad_ar", "xquad_en", "xquad_es", "xquad_th", "xquad_zh",
]  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_real_text_is_split_as_the_reference_splits_it(name):
    with gzip.open(shared_file(f"{name}.jsonl.gz"), "rt", encoding="utf-8") as lines:
        every = list(lines)
    texts = [json.loads(line)["text"] for line in every[:: 5 if len(every) > 1000 else 1]]
    for unit in RULES:
        assert_as_reference(texts, unit, 128)
    lengths = np.array([len(each) for each in windows(texts, "word", 128)])
    assert lengths.max() <= 128
    assert lengths.min() > 0
