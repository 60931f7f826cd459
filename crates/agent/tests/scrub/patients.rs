//! Patients that do not exist, written in the ways in which people write them into names, comments and logs.

use proofline_agent::scrub::Kind;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

/// A text, and what of it must not leave.
pub struct Written {
    pub text: String,
    /// What was there before a person wrote into it.
    pub carrier: &'static str,
    pub secrets: Vec<String>,
}

pub struct Patients(StdRng);

const GIVEN: [&str; 16] = [
    "John",
    "Mary",
    "José",
    "Linda",
    "Wei",
    "Fatima",
    "Robert",
    "Anne-Marie",
    "Siobhán",
    "Carlos",
    "Olga",
    "Priya",
    "Hans",
    "Kofi",
    "Emily",
    "Noah",
];

const FAMILY: [&str; 16] = [
    "Smith",
    "Johnson",
    "García",
    "O'Neil",
    "Nguyen",
    "Müller",
    "Okafor",
    "Lee",
    "van Dyke",
    "Patel",
    "Kowalski",
    "Brown",
    "Ivanova",
    "Kim",
    "MacDonald",
    "Jones",
];

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Where agents come across what people wrote; `{}` is where it stands.
const CARRIERS: [&str; 24] = [
    "{}",
    "/srv/scans/{}.pdf",
    "/home/frontdesk/Desktop/{}.docx (0666)",
    "/var/lib/fax/in/2026-11-22/{}.tif",
    "world-writable: /srv/share/{}, /srv/share/tmp",
    "frontdesk:x:1004:1004:{},,,:/home/frontdesk:/bin/bash",
    "jdoe:x:1009:1009:temp account for {}:/home/jdoe:/bin/sh",
    "[share-{}] path=/srv/share read only=no",
    "//nas01/patients/{}",
    "Description=Nightly export ({})",
    "Nov 22 08:14:03 ws-12 scanner[4711]: stored {} in queue 3",
    "2026-11-22T08:14:03.120Z WARN importer: {} already exists",
    "Failed to open '{}': Permission denied (os error 13)",
    "{\"level\":\"error\",\"file\":\"{}\",\"uid\":1004}",
    "<record>{}</record>",
    "GET /api/documents?{}&page=2 HTTP/1.1 200 5120",
    "# added 2026-10-02 by IT: {}",
    "cron: /usr/local/bin/print --title '{}' exited with 1",
    "C:\\Users\\reception\\Documents\\{}.txt",
    "rsync: [sender] link_stat \"/mnt/backup/{}\" failed: No such file or directory (2)",
    "unit backup-{}.service entered failed state",
    "key=\"{}\"; user=frontdesk; ip=192.168.10.44",
    "TODO call back {} before 17:00",
    "cups: job 8812 ({}) stopped",
];

impl Patients {
    pub fn seeded(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        *from.choose(&mut self.0).expect("is not empty")
    }

    fn number(&mut self, from: u32, to: u32) -> u32 {
        self.0.random_range(from..=to)
    }

    fn digits(&mut self, count: usize) -> String {
        (0..count).map(|_| char::from_digit(self.number(0, 9), 10).expect("a digit")).collect()
    }

    fn letter_of(&mut self, letters: &str) -> char {
        let letters: Vec<char> = letters.chars().collect();
        self.pick(&letters)
    }

    fn carried(&mut self, text: &str, secret: String) -> Written {
        let carrier = self.pick(&CARRIERS);
        Written { text: carrier.replacen("{}", text, 1), carrier, secrets: vec![secret] }
    }

    fn name(&mut self) -> String {
        let (given, family) = (self.pick(&GIVEN), self.pick(&FAMILY));
        match self.number(0, 3) {
            0 => format!("{family}_{given}"),
            1 => format!("{family}, {given}"),
            2 => format!("{given} {family}"),
            _ => format!("{}-{}", given.to_lowercase(), family.to_lowercase()),
        }
    }

    /// A label and a value with what people put between them, and sometimes a name around it.
    fn labelled(&mut self, labels: &[&str], value: &str) -> String {
        let label = self.pick(labels);
        let label = match self.number(0, 2) {
            0 => label.to_uppercase(),
            1 => label.to_lowercase(),
            _ => label.to_owned(),
        };
        let between = self.pick(&[
            ":", ": ", " ", "=", "_", "-", "#", " # ", ": #", " = ", " is ", "\":\"", "/", " - ", ". ",
        ]);
        let text = format!("{label}{between}{value}");
        match self.number(0, 4) {
            0 => format!("{}_{text}", self.name()),
            1 => format!("{text}_{}", self.name()),
            2 => format!("{} ({text})", self.name()),
            _ => text,
        }
    }

    pub fn write(&mut self, kind: Kind) -> Written {
        let (text, secret) = match kind {
            Kind::Ssn => self.ssn(),
            Kind::Record => self.record(),
            Kind::Birth => self.birth(),
            Kind::Email => self.email(),
            Kind::Phone => self.phone(),
            Kind::Plan => self.plan(),
            Kind::Card => self.card(),
            Kind::Diagnosis => self.diagnosis(),
            Kind::Patient => return self.segment(),
        };
        self.carried(&text, secret)
    }

    /// The same kinds as somebody writes them who has no time.
    pub fn write_untidily(&mut self, kind: Kind) -> Written {
        let name = self.pick(&FAMILY);
        let (text, secret) = match kind {
            Kind::Ssn => {
                let (_, whole) = self.ssn();
                let (area, group, serial) = (&whole[..3], &whole[3..5], &whole[5..]);
                let text = self.pick(&[0, 1, 2, 3, 4, 5]);
                let text = match text {
                    0 => format!("{name} {whole}"),
                    1 => format!("{area} - {group} - {serial}"),
                    2 => format!("SSN for {name} is {whole}"),
                    3 => format!("{whole} (ssn)"),
                    4 => format!("{area}/{group}/{serial}"),
                    _ => format!("sssn {area}-{group}-{serial}"),
                };
                (text, whole)
            }
            Kind::Record => {
                let value = self.digits(7);
                let text = match self.number(0, 5) {
                    0 => format!("{value} (MRN)"),
                    1 => format!("MRN for {name}: {value}"),
                    2 => format!("MNR {value}"),
                    3 => format!("pt {name} {value}"),
                    4 => format!("M.R.N. {value}"),
                    _ => format!("MRN_{}_{}_{}", &value[..2], &value[2..4], &value[4..]),
                };
                (text, value)
            }
            Kind::Birth => {
                let date = self.date();
                let text = match self.number(0, 5) {
                    0 => format!("{date} (DOB)"),
                    1 => format!("DOB of {name}: {date}"),
                    2 => format!("DBO {date}"),
                    3 => format!("b. {date}"),
                    4 => format!("bday {date}"),
                    _ => format!("D O B - {date}"),
                };
                (text, date)
            }
            Kind::Email => {
                let local =
                    format!("{}.{}", self.pick(&GIVEN).to_lowercase(), name.to_lowercase().replace(' ', ""));
                let text = match self.number(0, 3) {
                    0 => format!("{local} @ example.com"),
                    1 => format!("{local} at example dot com"),
                    2 => format!("{local}@example,com"),
                    _ => format!("email:{local}@example.com;"),
                };
                (text, local)
            }
            Kind::Phone => {
                let (_, whole) = self.phone();
                let (area, exchange, line) = (&whole[..3], &whole[3..6], &whole[6..]);
                let text = match self.number(0, 5) {
                    0 => format!("{name} {whole}"),
                    1 => format!("{area} - {exchange} - {line}"),
                    2 => format!("ph {whole}"),
                    3 => format!("{area}-{exchange} {line} x12"),
                    4 => format!("call {exchange}-{line} ({area})"),
                    _ => format!("001 {area} {exchange} {line}"),
                };
                (text, whole)
            }
            Kind::Plan => {
                let value = format!("W{}", self.digits(9));
                let text = match self.number(0, 3) {
                    0 => format!("{value} (member id)"),
                    1 => format!("mem# {value}"),
                    2 => format!("Blue Cross {value}"),
                    _ => format!("member-ID:{value}"),
                };
                (text, value)
            }
            Kind::Diagnosis => {
                let code = self.pick(&["E11.9", "F32.1", "C50.911", "G20.A1"]);
                let text = match self.number(0, 4) {
                    0 => format!("{code} ({name})"),
                    1 => format!("has {code}"),
                    2 => format!("{name}_{}", code.to_lowercase()),
                    3 => format!("dx of {name}: {code}"),
                    _ => format!("{name}, J. {code}"),
                };
                (text, code.to_owned())
            }
            // Machines write these.
            Kind::Card | Kind::Patient => return self.write(kind),
        };
        self.carried(&text, secret)
    }

    fn ssn(&mut self) -> (String, String) {
        let area = loop {
            let area = self.number(1, 899);
            if area != 666 {
                break area;
            }
        };
        let (group, serial) = (self.number(1, 99), self.number(1, 9999));
        let between = self.pick(&["-", "-", "-", " ", ".", "_", "–"]);
        let apart = format!("{area:03}{between}{group:02}{between}{serial:04}");
        let whole = format!("{area:03}{group:02}{serial:04}");
        let labels =
            ["SSN", "Social Security Number", "soc. sec. no", "social-security", "SSN no", "patient_ssn"];
        let text = match self.number(0, 3) {
            0 => self.labelled(&labels, &whole),
            1 => self.labelled(&labels, &apart),
            2 => format!("{}_{}", self.name(), format_args!("{area:03}-{group:02}-{serial:04}")),
            _ => apart,
        };
        (text, whole)
    }

    fn record(&mut self) -> (String, String) {
        let count = self.pick(&[5, 6, 7, 8, 10]);
        let digits = self.digits(count);
        let value = match self.number(0, 4) {
            0 => format!("{}{digits}", self.letter_of("AEMNPTX")),
            1 => format!("{}-{}-{}", &digits[..2], &digits[2..4], &digits[4..]),
            2 => format!("H{}-{digits}", self.digits(2)),
            _ => digits,
        };
        let labels = [
            "MRN",
            "mrn no",
            "Medical Record Number",
            "medical-record",
            "Med Rec",
            "Patient ID",
            "patient_id",
            "patientId",
            "PatID",
            "Pt ID",
            "chart",
            "Chart No",
            "Chart Number",
            "encounter",
            "patient",
            "Patient No.",
        ];
        (self.labelled(&labels, &value), value)
    }

    fn date(&mut self) -> String {
        let (year, month, day) = (self.number(1920, 2024), self.number(1, 12), self.number(1, 28));
        let name = MONTHS[month as usize - 1];
        let short = &name[..3];
        match self.number(0, 13) {
            0 | 1 => format!("{year}-{month:02}-{day:02}"),
            2 | 3 => format!("{month:02}/{day:02}/{year}"),
            4 => format!("{month}/{day}/{year}"),
            5 => format!("{month:02}-{day:02}-{year}"),
            6 => format!("{month:02}.{day:02}.{year}"),
            7 => format!("{year}{month:02}{day:02}"),
            8 => format!("{month:02}{day:02}{year}"),
            9 => format!("{name} {day}, {year}"),
            10 => format!("{day} {short} {year}"),
            11 => format!("{day:02}-{}-{year}", short.to_uppercase()),
            12 => format!("{year}_{month:02}_{day:02}"),
            _ => format!("{month:02}/{day:02}/{:02}", year % 100),
        }
    }

    fn birth(&mut self) -> (String, String) {
        let date = self.date();
        let labels = [
            "DOB",
            "D.O.B.",
            "Date of Birth",
            "date_of_birth",
            "dateOfBirth",
            "Birth date",
            "birthdate",
            "born",
            "Birthday",
        ];
        (self.labelled(&labels, &date), date)
    }

    fn email(&mut self) -> (String, String) {
        let (given, family) =
            (self.pick(&GIVEN).to_lowercase(), self.pick(&FAMILY).to_lowercase().replace(' ', ""));
        let local = match self.number(0, 4) {
            0 => format!("{given}.{family}"),
            1 => format!("{}{family}{}", &given[..1], self.number(1, 99)),
            2 => format!("{given}_{family}"),
            3 => format!("{family}+clinic"),
            _ => format!("{given}-{family}.{}", self.number(1950, 2005)),
        };
        let domain = self.pick(&[
            "example.com",
            "mail.example.org",
            "EXAMPLE.NET",
            "clinic-west.example",
            "example.co.uk",
        ]);
        let at = self.pick(&["@", "@", "@", "%40"]);
        let email = format!("{local}{at}{domain}");
        let text = match self.number(0, 3) {
            0 => format!("<{email}>"),
            1 => format!("mailto:{email}"),
            2 => format!("owner {email}"),
            _ => email.clone(),
        };
        (text, local)
    }

    fn phone(&mut self) -> (String, String) {
        let area = format!("{}{}", self.number(2, 9), self.digits(2));
        let (exchange, line) = (format!("{}{}", self.number(2, 9), self.digits(2)), self.digits(4));
        let whole = format!("{area}{exchange}{line}");
        let text = match self.number(0, 9) {
            0 => format!("({area}) {exchange}-{line}"),
            1 => format!("({area}){exchange}-{line}"),
            2 | 3 => format!("{area}-{exchange}-{line}"),
            4 => format!("{area}.{exchange}.{line}"),
            5 => format!("+1 {area} {exchange} {line}"),
            6 => format!("+1{whole}"),
            7 => format!("1-{area}-{exchange}-{line}"),
            8 => format!("{area} {exchange} {line}"),
            _ => self.labelled(&["phone", "Tel", "cell", "Mobile", "Telephone", "fax no"], &whole),
        };
        (text, whole)
    }

    fn plan(&mut self) -> (String, String) {
        const LETTERS: &str = "ACDEFGHJKMNPQRTUVWXY";
        if self.number(0, 1) == 0 {
            let form = "CAXNAXNAANN";
            let value: String = form
                .chars()
                .map(|form| match form {
                    'C' => self.letter_of("123456789"),
                    'N' => self.letter_of("0123456789"),
                    'A' => self.letter_of(LETTERS),
                    _ => self.letter_of(&format!("{LETTERS}0123456789")),
                })
                .collect();
            let (a, b, c) = (&value[..4], &value[4..7], &value[7..]);
            let spelled = match self.number(0, 3) {
                0 => format!("{a}-{b}-{c}"),
                1 => format!("{a} {b} {c}"),
                2 => value.to_lowercase(),
                _ => value.clone(),
            };
            let text =
                if self.number(0, 1) == 0 { spelled } else { self.labelled(&["MBI", "Medicare"], &spelled) };
            return (text, value);
        }
        let value = format!("{}{}", self.pick(&["", "W", "XYZ", "U"]), self.digits(9));
        let labels = [
            "Member ID",
            "member_id",
            "Subscriber ID",
            "Policy Number",
            "policy no",
            "Insurance ID",
            "Medicaid",
            "Health plan",
        ];
        (self.labelled(&labels, &value), value)
    }

    fn card(&mut self) -> (String, String) {
        let (start, length) = self.pick(&[
            ("4", 16),
            ("51", 16),
            ("55", 16),
            ("2221", 16),
            ("6011", 16),
            ("37", 15),
            ("36", 14),
        ]);
        let mut digits = format!("{start}{}", self.digits(length - 1 - start.len()));
        let sum: u32 = digits
            .chars()
            .rev()
            .filter_map(|digit| digit.to_digit(10))
            .enumerate()
            .map(|(n, digit)| if n % 2 == 1 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
            .sum();
        digits.push(char::from_digit((10 - sum % 10) % 10, 10).expect("a digit"));
        let groups = match length {
            16 => vec![&digits[..4], &digits[4..8], &digits[8..12], &digits[12..]],
            _ => vec![&digits[..4], &digits[4..10], &digits[10..]],
        };
        let between = self.pick(&["", " ", "-"]);
        let spelled = groups.join(between);
        let text = match self.number(0, 2) {
            0 => format!("card {spelled} exp 04/29"),
            1 => format!("{}_{spelled}", self.name()),
            _ => spelled,
        };
        (text, digits)
    }

    fn diagnosis(&mut self) -> (String, String) {
        let code = self.pick(&[
            "E11.9", "F32.1", "B20", "C50.911", "I10", "Z21", "O09.90", "F10.20", "G20.A1", "S72.001A",
            "U07.1",
        ]);
        let with_point = code.contains('.');
        let text = match self.number(0, 3) {
            0 | 1 => self.labelled(&["ICD-10", "ICD10", "icd_10_cm", "Dx", "diagnosis", "Diag code"], code),
            2 if with_point => format!("{}_{code}", self.titled_name("_")),
            3 if with_point => format!("{code} {}", self.titled_name(", ")),
            _ => self.labelled(&["dx", "ICD"], code),
        };
        (text, code.to_owned())
    }

    fn titled_name(&mut self, between: &str) -> String {
        format!(
            "{}{between}{}",
            self.pick(&["Smith", "Nguyen", "Okafor", "GARCIA"]),
            self.pick(&["John", "Mary", "LINDA"])
        )
    }

    fn segment(&mut self) -> Written {
        let (number, family, given) =
            (self.digits(7), self.pick(&FAMILY).to_uppercase(), self.pick(&GIVEN).to_uppercase());
        let (year, month, day) = (self.number(1920, 2024), self.number(1, 12), self.number(1, 28));
        let birth = format!("{year}{month:02}{day:02}");
        let segment =
            format!("PID|1||{number}^^^HOSP^MR||{family}^{given}||{birth}|F|||12 ELM ST^^DENVER^CO");
        let before = self.pick(&["", "hl7[881]: rejected ", "MSH|^~\\&|LAB|X\n", "parse error near '"]);
        Written {
            text: format!("{before}{segment}"),
            carrier: before,
            secrets: vec![number, birth, "ELM ST^^DENVER".to_owned()],
        }
    }

    pub fn bare_name(&mut self) -> Written {
        let name = self.name();
        self.carried(&name.clone(), name)
    }

    pub fn bare_number(&mut self) -> Written {
        let number = self.digits(9);
        self.carried(&number.clone(), number)
    }

    pub fn bare_date(&mut self) -> Written {
        let date = self.date();
        let text = format!("{}_{date}", self.name());
        self.carried(&text, date)
    }
}
