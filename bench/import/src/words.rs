//! What names, titles and sentences are made of.

/// First names.
#[rustfmt::skip]
pub(crate) const FIRST_NAMES: [&str; 200] = [
    "Aaliyah", "Aaron", "Ada", "Adèle", "Agnès", "Ahmed", "Aiko", "Ajay", "Akira", "Alba", "Alejandro", "Aleksandra",
    "Alice", "Álvaro", "Amara", "Ananya", "Anders", "André", "Aneta", "Ángela", "Anıl", "Anna", "Anton", "Antonín",
    "Apinya", "Arjun", "Asha", "Åsa", "Astrid", "Ayşe", "Beatriz", "Bengt", "Bianca", "Björn", "Bogdan", "Bongani",
    "Brigitte", "Bruno", "Camille", "Carlos", "Carmen", "Cécile", "Cem", "Chen", "Chiara", "Chloé", "Chukwu",
    "Claire", "Cristina", "Cyril", "Daniel", "Daria", "David", "Deepika", "Delphine", "Diego", "Dimitri", "Đorđe",
    "Dong-hyun", "Edith", "Edgar", "Eero", "Efua", "Eleni", "Elías", "Elif", "Élodie", "Emeka", "Emil", "Emma",
    "Erik", "Esther", "Étienne", "Eva", "Fatima", "Felix", "Fernanda", "Filip", "Finn", "Florence", "François",
    "Freya", "Gabriel", "Gaël", "Georgia", "Gérard", "Giulia", "Grace", "Gül", "Gustav", "Hana", "Hannah", "Haruki",
    "Hassan", "Heidi", "Hélène", "Henrik", "Hiroshi", "Hugo", "Ibrahim", "Ida", "Ignacio", "Ines", "Ingrid", "İpek",
    "Irene", "Isabel", "Ivan", "Jacek", "Jaime", "Jakub", "Jana", "Jasmin", "Javier", "Jelena", "Jiří", "Joana",
    "João", "Johan", "José", "Jürgen", "Kaja", "Kamal", "Karin", "Katarzyna", "Kenji", "Kerstin", "Khadija", "Kofi",
    "Kōji", "Krzysztof", "Laila", "Lars", "László", "Laura", "Leïla", "Lena", "Léo", "Lindiwe", "Ljubica", "Łukasz",
    "Luís", "Mads", "Magda", "Mai", "Malik", "Manuel", "Marek", "María", "Márta", "Mateo", "Maud", "Mei", "Mélanie",
    "Mia", "Michał", "Miguel", "Mika", "Milan", "Mireille", "Mohammed", "Nadia", "Naoko", "Natalia", "Néstor",
    "Niamh", "Nils", "Nina", "Noa", "Noé", "Nokuthula", "Olga", "Oliver", "Ömer", "Oscar", "Øystein", "Pablo",
    "Paola", "Pavel", "Pedro", "Petra", "Philippe", "Priya", "Quentin", "Rachel", "Rafał", "Raúl", "Renée", "Ricardo",
    "Rosa", "Ryō", "Saoirse", "Sébastien", "Şule", "Simone", "Sofía", "Søren", "Tomás", "Yuki", "Zoë",
];

/// Last names.
#[rustfmt::skip]
pub(crate) const LAST_NAMES: [&str; 200] = [
    "Abe", "Abdullah", "Abreu", "Acosta", "Adams", "Adebayo", "Aguilar", "Ahlström", "Alonso", "Álvarez", "Amari",
    "Andersson", "Antonescu", "Araújo", "Arslan", "Asante", "Baker", "Bakken", "Balogun", "Banerjee", "Barbosa",
    "Bauer", "Beaumont", "Becker", "Benítez", "Berg", "Bergström", "Bianchi", "Blanc", "Boateng", "Bošković",
    "Bouchard", "Brandt", "Bravo", "Brown", "Bruno", "Byrne", "Çelik", "Cárdenas", "Carvalho", "Castillo", "Černý",
    "Chang", "Chatterjee", "Chen", "Choi", "Clark", "Coelho", "Conti", "Cooper", "Costa", "Côté", "Cruz", "Csonka",
    "D'Angelo", "Dahl", "Das", "Delgado", "Demir", "Desai", "Diallo", "Díaz", "Dijkstra", "Dlamini", "Doğan",
    "Dubois", "Dumitrescu", "Dupont", "Dvořák", "Echeverría", "Edwards", "Ekström", "El-Sayed", "Eriksen", "Escobar",
    "Espinoza", "Esposito", "Farkas", "Fernández", "Ferrari", "Fischer", "Fontaine", "Forsberg", "Fournier",
    "Friedman", "Fujimoto", "Gallagher", "García", "Gauthier", "Gomes", "Gonçalves", "Górski", "Grabowski", "Greco",
    "Grønvold", "Guerrero", "Gupta", "Gutiérrez", "Haddad", "Håkansson", "Hansen", "Hashimoto", "Hernández",
    "Herrera", "Hoffmann", "Horák", "Horváth", "Huang", "Ibáñez", "Ilves", "Ito", "Ivanov", "Jääskeläinen",
    "Jankowski", "Janssen", "Jiménez", "Johansson", "Jørgensen", "Kang", "Kapoor", "Kavanagh", "Kaya", "Keller",
    "Khan", "Kılıç", "Kim", "King", "Kovač", "Kovács", "Kowalski", "Krüger", "Kumar", "Kuznetsov", "Lacroix",
    "Lambert", "Larsson", "Lê", "Lefèvre", "León", "Lindqvist", "López", "Lundgren", "Lynch", "Mäkinen", "Malik",
    "Mancini", "Marković", "Martínez", "Matsuda", "Mbeki", "Medina", "Mehta", "Mendes", "Meyer", "Mikkelsen",
    "Mokoena", "Molnár", "Moreau", "Mori", "Müller", "Muñoz", "Murphy", "Nagy", "Nakamura", "Navarro", "Ndiaye",
    "Németh", "Nguyễn", "Nielsen", "Novák", "Núñez", "O'Brien", "O'Neill", "Öberg", "Ødegaard", "Ogunleye", "Okafor",
    "Olsen", "Ortega", "Östlund", "Özdemir", "Park", "Patel", "Pérez", "Peña", "Rossi", "Sánchez", "Šimić",
    "Sørensen", "Tanaka", "Virtanen", "Wójcik", "Xu", "Yamamoto", "Yıldız", "Żukowski", "Žižka", "Zhang", "Zulu",
    "Zúñiga",
];

/// Countries, those that make the most films first.
#[rustfmt::skip]
pub(crate) const COUNTRIES: [&str; 120] = [
    "United States", "India", "United Kingdom", "Japan", "South Korea", "Canada", "Spain", "France", "Mexico",
    "Egypt", "Turkey", "Nigeria", "Australia", "Taiwan", "Indonesia", "Brazil", "Philippines", "Germany",
    "United Arab Emirates", "Thailand", "Argentina", "Hong Kong", "China", "Italy", "Colombia", "South Africa",
    "Belgium", "Lebanon", "Poland", "Singapore", "Malaysia", "Netherlands", "Ireland", "Denmark", "Sweden", "Norway",
    "New Zealand", "Chile", "Russia", "Israel", "Austria", "Switzerland", "Portugal", "Czech Republic", "Pakistan",
    "Kuwait", "Saudi Arabia", "Jordan", "Romania", "Hungary", "Peru", "Finland", "Iceland", "Luxembourg", "Greece",
    "Bulgaria", "Vietnam", "Uruguay", "Kenya", "Ghana", "Cambodia", "Morocco", "Qatar", "Iran", "Ukraine", "Serbia",
    "Venezuela", "Croatia", "Slovenia", "Cyprus", "Malta", "Georgia", "Syria", "Senegal", "Algeria", "Bangladesh",
    "Zimbabwe", "Namibia", "Guatemala", "Jamaica", "Cuba", "Bahamas", "Puerto Rico", "Dominican Republic", "Ecuador",
    "Paraguay", "Nepal", "Kazakhstan", "Armenia", "Latvia", "Lithuania", "Estonia", "Slovakia", "Albania",
    "Montenegro", "Bosnia and Herzegovina", "North Macedonia", "Mauritius", "Mozambique", "Angola", "Uganda",
    "Rwanda", "Tanzania", "Ethiopia", "Sudan", "Somalia", "Botswana", "Malawi", "Zambia", "Cameroon", "Côte d'Ivoire",
    "Burkina Faso", "Mali", "Tunisia", "Palestine", "Iraq", "Afghanistan", "Mongolia", "Sri Lanka", "Bermuda",
];

/// Genres, the most common first.
#[rustfmt::skip]
pub(crate) const GENRES: [&str; 45] = [
    "International Movies", "Dramas", "Comedies", "International TV Shows", "Documentaries", "Action & Adventure",
    "TV Dramas", "Independent Movies", "Children & Family Movies", "Romantic Movies", "TV Comedies", "Thrillers",
    "Crime TV Shows", "Kids' TV", "Docuseries", "Music & Musicals", "Romantic TV Shows", "Horror Movies",
    "Stand-Up Comedy", "Reality TV", "British TV Shows", "Sci-Fi & Fantasy", "Sports Movies", "Anime Series",
    "Spanish-Language TV Shows", "TV Shows", "TV Action & Adventure", "Korean TV Shows", "Classic Movies",
    "LGBTQ Movies", "TV Mysteries", "Science & Nature TV", "TV Sci-Fi & Fantasy", "TV Horror", "Cult Movies",
    "Anime Features", "Movies", "Faith & Spirituality", "TV Thrillers", "Teen TV Shows",
    "Stand-Up Comedy & Talk Shows", "Classic & Cult TV", "Short Films", "Silent Movies", "Films Noirs",
];

/// Age ratings of films.
#[rustfmt::skip]
pub(crate) const RATINGS: [&str; 10] = [
    "TV-MA", "TV-14", "R", "PG-13", "PG", "TV-PG", "G", "NR", "NC-17", "UR",
];

/// Age ratings of series.
#[rustfmt::skip]
pub(crate) const SERIES_RATINGS: [&str; 6] = [
    "TV-MA", "TV-14", "TV-PG", "TV-Y7", "TV-Y", "TV-G",
];

/// Words of titles.
#[rustfmt::skip]
pub(crate) const ADJECTIVES: [&str; 30] = [
    "Last", "Silent", "Hidden", "Broken", "Golden", "Endless", "Second", "Secret", "Crimson", "Burning", "Frozen",
    "Empty", "Quiet", "Wild", "Lonely", "Perfect", "Forgotten", "Midnight", "Borrowed", "Unfinished", "Paper",
    "Glass", "Electric", "Little", "Invisible", "Distant", "Restless", "Stubborn", "Crooked", "Blue",
];

/// Words of titles.
#[rustfmt::skip]
pub(crate) const NOUNS: [&str; 40] = [
    "River", "Promise", "Witness", "Garden", "Letter", "Winter", "Storm", "Orchard", "Signal", "Harbour", "Mirror",
    "Debt", "Café", "Fiancée", "Summer", "Window", "Bridge", "Journey", "Night", "Map", "Señorita", "Doppelgänger",
    "Clock", "Wedding", "Island", "Detective", "Train", "Voyage", "Daughter", "Neighbour", "Stranger", "Lighthouse",
    "Cellar", "Recipe", "Verdict", "Rehearsal", "Passenger", "Key", "Wolf", "Violin",
];

/// Where it happens.
#[rustfmt::skip]
pub(crate) const PLACES: [&str; 30] = [
    "São Paulo", "Kraków", "Kyōto", "Reykjavík", "Zürich", "Málaga", "Oaxaca", "Lagos", "Bombay", "Seoul",
    "Marseille", "Dublin", "Tromsø", "Łódź", "Győr", "Izmir", "Valparaíso", "Montréal", "Tbilisi", "Cairo", "Jaipur",
    "Taipei", "Bogotá", "Cádiz", "Göteborg", "Århus", "Hanoi", "Dakar", "Ōsaka", "Naples",
];

/// Who it happens to.
#[rustfmt::skip]
pub(crate) const HEROES: [&str; 15] = [
    "a retired detective", "two sisters who have not spoken for years", "a young violinist", "an honest thief",
    "a night nurse", "the last projectionist of a cinema", "a widowed baker", "three schoolfriends",
    "a stubborn judge", "a taxi driver with a secret", "an exiled poet", "a runaway bride", "a crew of smugglers",
    "a tired football coach", "a girl and her grandfather",
];

/// What happens.
#[rustfmt::skip]
pub(crate) const TWISTS: [&str; 10] = [
    "finds a letter that was never meant to arrive", "must choose between the truth and the people it would ruin",
    "takes a job that nobody else wants", "returns to the house where everything began",
    "is mistaken for somebody else", "gets a second chance, and a bill for it",
    "follows a stranger across three borders", "hides a witness for one long night",
    "starts a business with borrowed money", "wakes up without any memory of the week before",
];

/// How it goes on.
#[rustfmt::skip]
pub(crate) const ENDINGS: [&str; 10] = [
    "and learns what silence costs", "while the whole town looks the other way", "and the past comes for dinner",
    "until a storm cuts all the roads", "and nothing goes as it was planned", "with only nine hours left",
    "and the wrong people begin to ask questions", "because somebody has to", "and finds more than was lost",
    "before the first snow falls",
];
