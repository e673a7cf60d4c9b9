#pragma once

#include <array>
#include <string_view>

// Words that sample data is put together from. People live in their region's time zone; a mail
// address needs ASCII, so a name carries its spelling there where it differs.
namespace keyrota::sample_names {

struct Name {
    std::string_view text;
    std::string_view ascii;  // lower case, for an address
};

struct Region {
    std::string_view time_zone;  // IANA
    int utc_offset_minutes;      // in winter: good enough for when people are awake
    bool family_first;
    std::array<Name, 8> given;
    std::array<Name, 8> family;
};

// One name a line would make a page of each region.
// clang-format off
inline constexpr std::array<Region, 18> kRegions{{
    {"Europe/Berlin", 60, false,
     {{{"Anna", "anna"}, {"Jürgen", "juergen"}, {"Lena", "lena"}, {"Matthias", "matthias"},
       {"Käthe", "kaethe"}, {"Tobias", "tobias"}, {"Franziska", "franziska"}, {"Jonas", "jonas"}}},
     {{{"Müller", "mueller"}, {"Schäfer", "schaefer"}, {"Weiß", "weiss"},
       {"Hoffmann", "hoffmann"}, {"Krüger", "krueger"}, {"Vogel", "vogel"},
       {"von Arnim", "vonarnim"}, {"Brandt", "brandt"}}}},
    {"Europe/Paris", 60, false,
     {{{"Amélie", "amelie"}, {"François", "francois"}, {"Chloé", "chloe"}, {"Mathieu", "mathieu"},
       {"Zoë", "zoe"}, {"Jean-Luc", "jean-luc"}, {"Inès", "ines"}, {"Théo", "theo"}}},
     {{{"Dubois", "dubois"}, {"Lefèvre", "lefevre"}, {"Moreau", "moreau"},
       {"Béranger", "beranger"}, {"Rousseau", "rousseau"}, {"d'Aubigné", "daubigne"},
       {"Garnier", "garnier"}, {"Petit", "petit"}}}},
    {"Europe/London", 0, false,
     {{{"Emily", "emily"}, {"Siobhán", "siobhan"}, {"Oliver", "oliver"}, {"Priyanka", "priyanka"},
       {"Rhys", "rhys"}, {"Charlotte", "charlotte"}, {"Callum", "callum"}, {"Aisha", "aisha"}}},
     {{{"Taylor", "taylor"}, {"O'Brien", "obrien"}, {"Hughes", "hughes"}, {"Patel", "patel"},
       {"MacDonald", "macdonald"}, {"Whitfield", "whitfield"}, {"Okafor", "okafor"},
       {"Clarke", "clarke"}}}},
    {"Europe/Warsaw", 60, false,
     {{{"Łukasz", "lukasz"}, {"Małgorzata", "malgorzata"}, {"Paweł", "pawel"},
       {"Agnieszka", "agnieszka"}, {"Żaneta", "zaneta"}, {"Krzysztof", "krzysztof"},
       {"Zofia", "zofia"}, {"Michał", "michal"}}},
     {{{"Wójcik", "wojcik"}, {"Kowalska", "kowalska"}, {"Dąbrowski", "dabrowski"},
       {"Nowak", "nowak"}, {"Zieliński", "zielinski"}, {"Wróbel", "wrobel"}, {"Gąsior", "gasior"},
       {"Lis", "lis"}}}},
    {"Europe/Copenhagen", 60, false,
     {{{"Søren", "soeren"}, {"Freja", "freja"}, {"Mikkel", "mikkel"}, {"Åse", "aase"},
       {"Rasmus", "rasmus"}, {"Bjørk", "bjoerk"}, {"Signe", "signe"}, {"Emil", "emil"}}},
     {{{"Kjærgaard", "kjaergaard"}, {"Nielsen", "nielsen"}, {"Ørsted", "oersted"},
       {"Lund", "lund"}, {"Møller", "moeller"}, {"Holm", "holm"}, {"Bækgaard", "baekgaard"},
       {"Dahl", "dahl"}}}},
    {"Europe/Madrid", 60, false,
     {{{"Lucía", "lucia"}, {"Íñigo", "inigo"}, {"María José", "mariajose"}, {"Álvaro", "alvaro"},
       {"Nuria", "nuria"}, {"Javier", "javier"}, {"Begoña", "begona"}, {"Sergio", "sergio"}}},
     {{{"García", "garcia"}, {"Núñez", "nunez"}, {"Fernández", "fernandez"}, {"Ibáñez", "ibanez"},
       {"Ortega", "ortega"}, {"Peña", "pena"}, {"de la Cruz", "delacruz"}, {"Vidal", "vidal"}}}},
    {"Europe/Athens", 120, false,
     {{{"Ελένη", "eleni"}, {"Γιώργος", "giorgos"}, {"Μαρία", "maria"}, {"Νίκος", "nikos"},
       {"Δήμητρα", "dimitra"}, {"Κώστας", "kostas"}, {"Σοφία", "sofia"}, {"Άρης", "aris"}}},
     {{{"Παππάς", "pappas"}, {"Νικολάου", "nikolaou"}, {"Οικονόμου", "oikonomou"},
       {"Λάμπρου", "lamprou"}, {"Γεωργίου", "georgiou"}, {"Μακρή", "makri"},
       {"Ιωάννου", "ioannou"}, {"Δήμου", "dimou"}}}},
    {"Europe/Kyiv", 120, false,
     {{{"Олена", "olena"}, {"Тарас", "taras"}, {"Оксана", "oksana"}, {"Андрій", "andrii"},
       {"Катерина", "kateryna"}, {"Богдан", "bohdan"}, {"Ірина", "iryna"}, {"Данило", "danylo"}}},
     {{{"Шевченко", "shevchenko"}, {"Коваленко", "kovalenko"}, {"Бондар", "bondar"},
       {"Мельник", "melnyk"}, {"Ткачук", "tkachuk"}, {"Гнатюк", "hnatiuk"},
       {"Лисенко", "lysenko"}, {"Мороз", "moroz"}}}},
    {"Europe/Istanbul", 180, false,
     {{{"Ayşe", "ayse"}, {"Çağlar", "caglar"}, {"İpek", "ipek"}, {"Mehmet", "mehmet"},
       {"Gül", "gul"}, {"Emre", "emre"}, {"Işıl", "isil"}, {"Ozan", "ozan"}}},
     {{{"Yılmaz", "yilmaz"}, {"Öztürk", "ozturk"}, {"Şahin", "sahin"}, {"Demir", "demir"},
       {"Koç", "koc"}, {"Aydın", "aydin"}, {"Güneş", "gunes"}, {"Kaya", "kaya"}}}},
    {"Africa/Cairo", 120, false,
     {{{"ليلى", "layla"}, {"عمر", "omar"}, {"مريم", "maryam"}, {"يوسف", "youssef"},
       {"نور", "nour"}, {"خالد", "khaled"}, {"سارة", "sara"}, {"طارق", "tarek"}}},
     {{{"حسن", "hassan"}, {"منصور", "mansour"}, {"فاروق", "farouk"}, {"سالم", "salem"},
       {"عبد الله", "abdallah"}, {"نجيب", "naguib"}, {"رمضان", "ramadan"}, {"شريف", "sherif"}}}},
    {"Africa/Lagos", 60, false,
     {{{"Adaeze", "adaeze"}, {"Olúwaṣeun", "oluwaseun"}, {"Ngozi", "ngozi"}, {"Emeka", "emeka"},
       {"Fọlákẹ́", "folake"}, {"Ibrahim", "ibrahim"}, {"Chidinma", "chidinma"},
       {"Tunde", "tunde"}}},
     {{{"Adeyemi", "adeyemi"}, {"Okonkwo", "okonkwo"}, {"Balogun", "balogun"}, {"Eze", "eze"},
       {"Ọlátúnjí", "olatunji"}, {"Musa", "musa"}, {"Nwosu", "nwosu"}, {"Danjuma", "danjuma"}}}},
    {"Asia/Kolkata", 330, false,
     {{{"Ananya", "ananya"}, {"Rohan", "rohan"}, {"Meera", "meera"}, {"Vikram", "vikram"},
       {"Lakshmi", "lakshmi"}, {"Arjun", "arjun"}, {"Divya", "divya"}, {"Karthik", "karthik"}}},
     {{{"Sharma", "sharma"}, {"Iyer", "iyer"}, {"Chatterjee", "chatterjee"}, {"Reddy", "reddy"},
       {"Kulkarni", "kulkarni"}, {"Singh", "singh"}, {"Nair", "nair"}, {"Desai", "desai"}}}},
    {"Asia/Ho_Chi_Minh", 420, true,
     {{{"Thị Lan", "lan"}, {"Văn Hùng", "hung"}, {"Minh Châu", "chau"}, {"Quốc Bảo", "bao"},
       {"Ngọc Ánh", "anh"}, {"Đức Anh", "ducanh"}, {"Thu Hà", "ha"}, {"Tuấn Kiệt", "kiet"}}},
     {{{"Nguyễn", "nguyen"}, {"Trần", "tran"}, {"Lê", "le"}, {"Phạm", "pham"}, {"Đặng", "dang"},
       {"Vũ", "vu"}, {"Bùi", "bui"}, {"Hồ", "ho"}}}},
    {"Asia/Tokyo", 540, true,
     {{{"花子", "hanako"}, {"太郎", "taro"}, {"美咲", "misaki"}, {"健太", "kenta"}, {"陽菜", "hina"},
       {"翔", "sho"}, {"由美子", "yumiko"}, {"大輔", "daisuke"}}},
     {{{"佐藤", "sato"}, {"鈴木", "suzuki"}, {"高橋", "takahashi"}, {"田中", "tanaka"},
       {"渡辺", "watanabe"}, {"中村", "nakamura"}, {"小林", "kobayashi"}, {"山本", "yamamoto"}}}},
    {"Australia/Sydney", 600, false,
     {{{"Matilda", "matilda"}, {"Lachlan", "lachlan"}, {"Chloe", "chloe"}, {"Hamish", "hamish"},
       {"Mei Ling", "meiling"}, {"Jack", "jack"}, {"Tahlia", "tahlia"}, {"Angus", "angus"}}},
     {{{"Nguyen", "nguyen"}, {"Campbell", "campbell"}, {"Papadopoulos", "papadopoulos"},
       {"Walsh", "walsh"}, {"Chen", "chen"}, {"Robertson", "robertson"}, {"Kelly", "kelly"},
       {"Fraser", "fraser"}}}},
    {"America/Sao_Paulo", -180, false,
     {{{"João", "joao"}, {"Conceição", "conceicao"}, {"Thiago", "thiago"}, {"Luíza", "luiza"},
       {"Rafael", "rafael"}, {"Antônia", "antonia"}, {"Caio", "caio"}, {"Beatriz", "beatriz"}}},
     {{{"Silva", "silva"}, {"Gonçalves", "goncalves"}, {"Araújo", "araujo"},
       {"Oliveira", "oliveira"}, {"Brandão", "brandao"}, {"Souza", "souza"}, {"Leão", "leao"},
       {"Ribeiro", "ribeiro"}}}},
    {"America/New_York", -300, false,
     {{{"Jessica", "jessica"}, {"DeShawn", "deshawn"}, {"Rebecca", "rebecca"},
       {"Miguel", "miguel"}, {"Grace", "grace"}, {"Tyrone", "tyrone"}, {"Hannah", "hannah"},
       {"William", "william"}}},
     {{{"Johnson", "johnson"}, {"Rodríguez", "rodriguez"}, {"Goldberg", "goldberg"},
       {"Washington", "washington"}, {"Kim", "kim"}, {"Romano", "romano"}, {"St. John", "stjohn"},
       {"Miller", "miller"}}}},
    {"America/Los_Angeles", -480, false,
     {{{"Ashley", "ashley"}, {"Diego", "diego"}, {"Mei", "mei"}, {"Brandon", "brandon"},
       {"Sofía", "sofia"}, {"Kai", "kai"}, {"Leilani", "leilani"}, {"Ethan", "ethan"}}},
     {{{"Hernández", "hernandez"}, {"Lee", "lee"}, {"Kealoha", "kealoha"},
       {"Anderson", "anderson"}, {"Wong", "wong"}, {"Martínez", "martinez"},
       {"Nakagawa", "nakagawa"}, {"Cooper", "cooper"}}}},
}};
// clang-format on

inline constexpr std::string_view kTeamAreas[] = {
    "Payments", "Search",   "Mobile",  "Identity", "Partner",   "Growth",   "Booking",  "Data",
    "Support",  "Messages", "Pricing", "Catalog",  "Logistics", "Checkout", "Insights", "Fraud"};
inline constexpr std::string_view kTeamUnits[] = {"Platform", "Core", "Integrations", "EMEA",
                                                  "Americas", "APAC", "Tools",        "Operations"};

inline constexpr std::string_view kServices[] = {
    "billing",   "checkout", "orders",     "search",    "crm",         "invoicing",
    "shipping",  "loyalty",  "identity",   "reporting", "catalog",     "bookings",
    "inventory", "payouts",  "newsletter", "fraud",     "webhooks",    "warehouse",
    "support",   "pricing",  "geocoding",  "reviews",   "partner-api", "ledger"};
inline constexpr std::string_view kSecretUses[] = {"prod",  "worker",  "backend", "sync", "export",
                                                   "batch", "prod-eu", "prod-us", "cron", "etl"};
inline constexpr std::string_view kClients[] = {
    "ios-app", "android-app",  "web",    "storefront", "kiosk",
    "widget",  "partner-site", "tv-app", "docs",       "status-page"};
inline constexpr std::string_view kPublicUses[] = {"analytics", "checkout", "search", "maps",
                                                   "embed",     "reviews",  "feed",   "live"};
inline constexpr std::string_view kTestUses[] = {"ci",      "staging",   "dev",
                                                 "sandbox", "load-test", "demo"};

}  // namespace keyrota::sample_names
