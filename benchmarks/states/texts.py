"""Texts of products in the languages of TikTok Shop's markets, made up of words. Each half has words of its own.

Half 0 trains the general dictionary, and half 1 measures it: no word of a measured title was seen in the training.
"""

import random
from dataclasses import dataclass
from typing import Final

HALVES: Final = 2


@dataclass(frozen=True)
class Language:
    """The words of one market: of titles, of variants and of categories, with its currency."""

    currency: str
    words: tuple[str, ...]
    variants: tuple[str, ...]
    categories: tuple[str, ...]


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split("|"))


LANGUAGES: Final = (
    Language(
        "VND",
        _split(
            "cà phê|viên nén|hộp quà|áo thun|chính hãng|cao cấp|túi xách|khăn tắm|mềm mịn|nước hoa|"
            "son môi|giày thể thao|đồng hồ|tai nghe|bình giữ nhiệt|sữa rửa mặt|kem chống nắng|"
            "quần jean|ống rộng|miễn phí|dây chuyền|bạc|trẻ em|nhà bếp|chống thấm|sạc nhanh|ốp lưng|"
            "vải cotton"
        ),
        ("Đỏ", "Xanh lá", "Đen tuyền", "Trắng", "Hồng nhạt", "Size M", "Size L", "Vị dâu"),
        ("Đồ ăn & Đồ uống", "Thời trang nữ", "Sắc đẹp & Chăm sóc cá nhân", "Nhà cửa & Đời sống", "Cà phê", "Giày dép"),
    ),
    Language(
        "IDR",
        _split(
            "kopi susu|gula aren|baju kaos|wanita|terbaru|sepatu|sandal jepit|botol minum|tempat makan|"
            "anti bocor|hijab|instan|gamis|motif bunga|lipstik|tahan lama|pembersih wajah|serum|"
            "pencerah|tas ransel|sekolah|mainan anak|edukasi|celana|panjang|pria|murah|original"
        ),
        ("Merah", "Biru dongker", "Hitam", "Putih tulang", "Ukuran XL", "Ukuran M", "Isi 3", "Rasa cokelat"),
        ("Makanan & Minuman", "Pakaian Muslim", "Botol & Stoples", "Perawatan Kulit", "Sepatu Wanita", "Mainan"),
    ),
    Language(
        "THB",
        _split(
            "ชาไทย|เสื้อยืด|ผ้าฝ้าย|กระเป๋า|รองเท้า|ผ้าใบ|ของแท้|ส่งฟรี|ครีมกันแดด|ลิปสติก|ติดทน|"
            "น้ำหอม|ผู้หญิง|กางเกง|ขายาว|แก้วน้ำ|เก็บความเย็น|หูฟัง|ไร้สาย|เคสมือถือ|นาฬิกา|ของเล่น|"
            "เด็ก|ครัว|ผ้าขนหนู|นุ่ม|สร้อยคอ|เงินแท้"
        ),
        ("แดง", "น้ำเงิน", "ดำ", "ขาว", "ชมพู", "ไซส์ M", "ไซส์ XL", "รสมะม่วง"),
        ("อาหารและเครื่องดื่ม", "เสื้อผ้าผู้หญิง", "ความงาม", "เครื่องใช้ในบ้าน", "รองเท้า", "ของเล่น"),
    ),
    Language(
        "USD",
        _split(
            "short boat|invisible socks|wireless earbuds|noise cancelling|stainless steel|water bottle|"
            "leak proof|yoga mat|non slip|phone case|shockproof|magnetic|lip gloss|long lasting|"
            "vitamin C|face serum|hair clips|oversized|graphic tee|high waist|leggings|kitchen|"
            "storage jars|LED strip lights|dog toy|kids|birthday|gift set"
        ),
        ("Red", "Navy Blue", "Black", "Off White", "Rose Gold", "Medium", "X-Large", "Pack of 3"),
        ("Food & Beverages", "Women's Clothing", "Beauty & Personal Care", "Home Supplies", "Shoes", "Pet Supplies"),
    ),
    Language(
        "EUR",
        _split(
            "camiseta|algodón|zapatillas|mujer|botella|térmica|crema facial|hidratante|pendientes|"
            "plata|funda móvil|resistente|bougie|parfumée|sac à main|cuir|robe|été|Kaffeebecher|"
            "Edelstahl|Kopfhörer|kabellos|Kinder|Spielzeug|maglietta|cotone|profumo|donna"
        ),
        ("Rojo", "Bleu", "Schwarz", "Bianco", "Rosa", "Talla M", "Größe L", "Lot de 2"),
        ("Hogar y cocina", "Mode femme", "Schönheit & Pflege", "Calzado", "Spielwaren", "Elettronica"),
    ),
    Language(
        "MYR",
        _split(
            "手工皂|薰衣草|陶瓷杯|限定|保湿面霜|无线耳机|手机壳|防摔|运动鞋|女生|连衣裙|"
            "夏季|纯棉|毛巾|厨房|收纳盒|儿童|玩具|tudung|bawal|kain cotton|"
            "baju kurung|minyak wangi|lelaki|kasut|sukan|beg tangan|murah"
        ),
        ("红色", "蓝色", "黑色", "白色", "Merah jambu", "M 码", "XL 码", "Hijau"),
        ("美妆个护", "女装", "家居用品", "Pakaian Muslim", "鞋靴", "玩具"),
    ),
    Language(
        "PHP",
        _split(
            "pambabae|panlalaki|murang|damit|sapatos|pang-regalo|tsinelas|malambot|tela|pampaganda|"
            "sabon|kojic|whitening|bag pang-eskwela|laruan|pambata|kape|barako|lalagyan|pagkain|"
            "matibay|baso|takip|relo|hikaw|kwintas|medyas|unan"
        ),
        ("Pula", "Asul", "Itim", "Puti", "Lila", "Laki M", "Laki XL", "3 piraso"),
        ("Pagkain at Inumin", "Damit Pambabae", "Kagandahan", "Gamit sa Bahay", "Sapatos", "Laruan"),
    ),
    Language(
        "GBP",
        _split(
            "حقيبة يد|جلد|عطر نسائي|ساعة|قميص قطن|حذاء رياضي|للأطفال|"
            "ワイヤレス|イヤホン|保温|水筒|Tシャツ|綿|レディース|"
            "caneca|térmica|bolsa|feminina|tênis|corrida|fone|sem fio|scented candle|soy wax|tea towel|"
            "linen|duvet cover|double"
        ),
        ("أحمر", "أسود", "青", "黒", "Preto", "Vermelho", "UK 8", "XL / 黒"),
        ("أزياء", "جمال", "家電", "ファッション", "Casa e cozinha", "Home & Living"),
    ),
)


def choose_language(rng: random.Random) -> Language:
    """Choose one of the languages."""
    return rng.choice(LANGUAGES)


def write_title(rng: random.Random, language: Language, half: int) -> str:
    """Write a title of 3 to 7 terms, some with a number of pieces or a model."""
    terms = rng.sample(language.words[half::HALVES], rng.randint(3, 7))
    extra = rng.choice(("", f" {rng.randint(2, 500)}ml", f" {_model(rng)}", f" x{rng.randint(2, 12)}"))
    return " ".join(terms).capitalize() + extra


def write_variant(rng: random.Random, language: Language, half: int) -> str:
    """Write the value of an attribute."""
    return rng.choice(language.variants[half::HALVES])


def write_category(rng: random.Random, language: Language, half: int) -> list[tuple[str, str]]:
    """Write a category's path of 1 to 3 steps, each with its id."""
    steps = rng.sample(language.categories[half::HALVES], rng.randint(1, 3))
    return [(str(rng.randrange(600_000, 999_999)), step) for step in steps]


def _model(rng: random.Random) -> str:
    return "".join(rng.choices("ABCDEFGHKLMNPRSTX", k=2)) + str(rng.randint(10, 9999))
