"""The people of the demo business: invented names in many scripts, at addresses that can never be anybody's."""

from typing import NamedTuple


class Person(NamedTuple):
    """A customer to be: `home` is the currency they pay in when it is enabled."""

    name: str
    mailbox: str
    locale: str | None
    country: str
    city: str
    home: str = "USD"


PEOPLE = (
    Person("田中 愛子", "aiko.tanaka", "ja", "JP", "東京"),
    Person("Priya Sharma", "priya.sharma", "en", "IN", "Mumbai", "INR"),
    Person("José García Márquez", "jose.garcia", "es", "ES", "Sevilla"),
    Person("Anna Müller", "anna.mueller", "de", "DE", "Köln"),
    Person("王小明", "xiaoming.wang", "zh", "CN", "上海"),
    Person("김서연", "seoyeon.kim", "ko", "KR", "부산"),
    Person("محمد العلي", "mohammed.alali", "ar", "AE", "دبي"),
    Person("Иван Соколов", "ivan.sokolov", "ru", "KZ", "Алматы"),
    Person("נועה לוי", "noa.levi", "he", "IL", "תל אביב"),
    Person("अर्जुन वर्मा", "arjun.varma", "en", "IN", "दिल्ली", "INR"),
    Person("தமிழ்செல்வி ரவி", "tamilselvi.ravi", "en", "IN", "சென்னை", "INR"),
    Person("สมชาย ใจดี", "somchai.jaidee", "th", "TH", "กรุงเทพฯ"),
    Person("Nguyễn Thị Hương", "huong.nguyen", None, "VN", "Hà Nội"),
    Person("Zoë O'Connor-Smith", "zoe.oconnor", "en", "IE", "Dublin"),
    Person("Łukasz Wiśniewski", "lukasz.wisniewski", "pl", "PL", "Kraków"),
    Person("Çağla Öztürk", "cagla.ozturk", "tr", "TR", "İzmir"),
    Person("Élodie Lefèvre", "elodie.lefevre", "fr", "FR", "Lyon"),
    Person("João Conceição", "joao.conceicao", "pt", "BR", "São Paulo"),
    Person("Giulia Rossi", "giulia.rossi", "it", "IT", "Bologna"),
    Person("Sven Åkesson", "sven.akesson", "sv", "SE", "Malmö"),
    Person("Ștefan Ionescu", "stefan.ionescu", "ro", "RO", "Iași"),
    Person("Γιώργος Παπαδόπουλος", "giorgos.papadopoulos", None, "GR", "Θεσσαλονίκη"),
    Person("ნინო ბერიძე", "nino.beridze", None, "GE", "თბილისი"),
    Person("Siti Nurhaliza binti Ahmad", "siti.nurhaliza", "ms", "MY", "Ipoh"),
    Person("Budi", "budi", "id", "ID", "Yogyakarta"),
    Person("Daan van der Berg", "daan.vandenberg", "nl", "NL", "Utrecht"),
    Person("Meritxell Puig i Ferrer", "meritxell.puig", "ca", "ES", "Girona"),
    Person("ফারহানা রহমান", "farhana.rahman", "en", "IN", "কলকাতা", "INR"),
    Person("సాయి కృష్ణ", "sai.krishna", "en", "IN", "హైదరాబాద్", "INR"),
    Person("Chukwuemeka Okonkwo", "emeka.okonkwo", "en", "NG", "Enugu"),
    Person("Þórdís Jónsdóttir", "thordis.jonsdottir", None, "IS", "Reykjavík"),
    Person("佐藤 健", "ken.sato", "ja", "JP", "札幌"),
    Person("陳美玲", "meiling.chen", "zh", "TW", "臺北"),
    Person("Ольга Шевченко", "olha.shevchenko", None, "UA", "Київ"),
    Person("ሰላም ተስፋዬ", "selam.tesfaye", "en", "ET", "አዲስ አበባ"),
    Person("Rahul Mehta", "rahul.mehta", "en", "IN", "Pune", "INR"),
    Person("Emma Johnson", "emma.johnson", "en", "US", "Portland"),
    Person("Liam Nakamura 🌊", "liam.nakamura", "en", "US", "Honolulu"),
    Person("სანდრო / Sandro", "sandro", None, "GE", "ბათუმი"),
    Person("Ananya Iyer", "ananya.iyer", "en", "IN", "Bengaluru", "INR"),
)
BLOCKED = "sandro"
DELETED = "budi"
EMAIL_DOMAIN = "customers.example"
