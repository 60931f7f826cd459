//! What browsers, providers and people hand to the server.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proofline_core::{Email, FixedClock, Role, SeededEntropy, Timestamp};
use proofline_server::parsers;

const KEY: [u8; 32] = [9; 32];
const SESSION: [u8; 32] = [8; 32];
const ACCOUNT: [u8; 32] = [7; 32];
const PUBLIC_URL: &str = "https://compliance.example";

fn now() -> Timestamp {
    Timestamp::from_timestamp(1_795_334_400, 0).expect("in range")
}

fn nonce() -> String {
    "0f".repeat(16)
}

fn device() -> String {
    parsers::device_cookie(&KEY, ACCOUNT, now(), &SeededEntropy::new(3))
}

/// No cookie is read out of another, and no token or device is believed that this server did not make.
pub fn browser(bytes: &[u8]) {
    let name = "__Host-device";
    let text = String::from_utf8_lossy(bytes);
    if let Some(value) = parsers::cookie(bytes, name) {
        assert!(!value.contains(';'));
        let pair = format!("{name}={value}");
        assert_eq!(text.split(';').filter(|part| part.trim() == pair).count(), 1);
        assert_eq!(text.split(';').filter(|part| part.trim().starts_with(&format!("{name}="))).count(), 1);
    }
    let token = parsers::csrf_token(&KEY, &SESSION, text.split('.').next().unwrap_or_default());
    assert_eq!(parsers::csrf_holds(&KEY, &SESSION, &text), token == *text && token.len() == 32 + 1 + 64);
    assert!(!parsers::csrf_holds(&KEY, &ACCOUNT, &text));
    if let Some(account) = parsers::device_account(&KEY, &text, now()) {
        assert_eq!((account, &*text), (ACCOUNT, &*device()));
    }
    assert_eq!(parsers::device_account(&SESSION, &text, now()), None);
}

/// Cookies and tokens.
pub fn browsers() -> Vec<Vec<u8>> {
    let token = parsers::csrf_token(&KEY, &SESSION, &nonce());
    vec![
        format!("__Host-session={}; __Host-csrf={token}; __Host-device={}", "ab".repeat(32), device())
            .into_bytes(),
        token.into_bytes(),
        device().into_bytes(),
    ]
}

/// A cursor that is opened has one spelling.
pub fn cursor(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(key) = parsers::cursor(text) {
        assert_eq!(URL_SAFE_NO_PAD.encode(&key), text);
        assert!(serde_json::from_str::<serde_json::Value>(&key).is_ok() && key.len() <= 1024);
    }
}

/// Keys of lists.
pub fn cursors() -> Vec<Vec<u8>> {
    [r#"["2026-11-22T08:00:00Z","0193f1c2-1234-7123-8123-123456789012"]"#, "17", r#"{"name":"a","id":null}"#]
        .map(|key| URL_SAFE_NO_PAD.encode(key).into_bytes())
        .to_vec()
}

/// The cells of one line of RFC 4180, read strictly.
fn read_csv(line: &str) -> Vec<String> {
    let mut rest = line.strip_suffix("\r\n").expect("a line ends");
    let mut cells = Vec::new();
    loop {
        rest = rest.strip_prefix('"').expect("a cell is quoted");
        let mut cell = String::new();
        loop {
            let (before, after) = rest.split_once('"').expect("a quote ends");
            cell.push_str(before);
            rest = after;
            match rest.strip_prefix('"') {
                Some(more) => {
                    cell.push('"');
                    rest = more;
                }
                None => break,
            }
        }
        cells.push(cell);
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => break,
        }
    }
    assert!(rest.is_empty(), "{rest:?}");
    cells
}

/// What is written as CSV reads as the same cells, and no cell is a formula.
pub fn csv(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '|');
    let cells = [(); 3].map(|()| parts.next().unwrap_or_default());
    let read = read_csv(&parsers::csv_line(cells));
    assert_eq!(read.len(), cells.len());
    for (read, cell) in read.iter().zip(cells) {
        let formula = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
        assert!(!read.trim_start_matches(['\u{200b}', '\u{feff}']).starts_with(formula), "{read:?}");
        assert!(read == cell || read.strip_prefix('\'') == Some(cell), "{read:?} of {cell:?}");
    }
}

/// Cells that spreadsheets like.
pub fn cells() -> Vec<Vec<u8>> {
    ["a|b\"c|d,e\r\nf", "=1+1|@SUM(A1)|-1", "|'=1|\t=1", "＝1|\u{200b}=1|\u{feff}－1"]
        .map(|text| text.as_bytes().to_vec())
        .to_vec()
}

/// Where a sign-in ends is a page of ours, and checking it again changes nothing.
pub fn return_to(bytes: &[u8]) {
    let Ok(asked) = std::str::from_utf8(bytes) else { return };
    if let Some(page) = parsers::return_to(PUBLIC_URL, asked) {
        let path = page.split('?').next().unwrap_or_default();
        assert!(path.starts_with('/') && !path.contains("//") && !path.contains('\\') && page.len() <= 1_000);
        assert!(page.bytes().all(|byte| byte.is_ascii_graphic()), "{page:?}");
        assert_eq!(parsers::return_to(PUBLIC_URL, &page).as_ref(), Some(&page));
    }
}

/// Pages, and ways out.
pub fn pages() -> Vec<Vec<u8>> {
    [
        "/sites/site_01/evidence/3?kind=gap&check=a%2Fb",
        "/sites/../audit#x",
        "//evil.example",
        "/\\evil.example",
        "/@evil",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}

/// Everybody whom a file brings in has an address, a name and a role; every line counts once.
pub fn people(bytes: &[u8]) {
    let (clock, ids) = (FixedClock::at(now()), SeededEntropy::new(4));
    let Some((people, bad)) = parsers::people(bytes, &clock, &ids) else { return };
    let lines: Vec<serde_json::Value> = serde_json::from_slice(bytes).expect("was read as a list");
    assert_eq!(people.len() + bad.len(), lines.len());
    assert!(bad.windows(2).all(|pair| pair[0] < pair[1]));
    for [email, name, role] in people {
        assert_eq!(email.parse::<Email>().map(|again| again.as_str().to_owned()).as_deref(), Ok(&*email));
        assert!((1..=120).contains(&name.chars().count()) && !name.chars().any(char::is_control), "{name:?}");
        assert!(role.parse::<Role>().is_ok());
    }
}

/// A file with one of each.
pub fn people_files() -> Vec<Vec<u8>> {
    let hash = "sha256$salt$".to_owned() + &"ab".repeat(32);
    let file = format!(
        r#"[{{"email":"eve@clinic.example","name":"Eve","role":"staff_admin","password_hash":"{hash}"}},
        {{"email":"A@b.example","name":"Ada","role":"partner_admin","partner_id":"prt_01m8149t00ezgvny7cp0zbgy5z","password_hash":"{hash}"}},
        {{"email":"x","name":"","role":"nobody","org_id":"x","password_hash":""}}]"#
    );
    vec![file.into_bytes()]
}

/// A public RSA key whose other half signed nothing here (RFC 7515, A.2).
const KEYS: &str = r#"{"keys":[{"kty":"RSA","alg":"RS256","use":"sig","kid":"1","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}]}"#;

const DOCUMENT: &str = r#"{"issuer":"https://id.example","authorization_endpoint":"https://id.example/authorize","token_endpoint":"https://id.example/token","jwks_uri":"https://id.example/keys","response_types_supported":["code"],"subject_types_supported":["public"],"id_token_signing_alg_values_supported":["RS256"],"authorization_response_iss_parameter_supported":true}"#;

/// A provider's documents read the same after they were written, and no token is believed that no provider signed: neither
/// under the keys of one, nor under keys that the bytes bring for algorithms that are not for public keys.
pub fn oidc(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let [document, keys, answer] = [(); 3].map(|()| parts.next().unwrap_or_default());
    if let Some(written) = parsers::discovery(document, keys) {
        // The keys are read from a place of their own and are not part of the document.
        assert_eq!(parsers::discovery(&written, keys).as_ref(), Some(&written));
    }
    for document in [document, DOCUMENT.as_bytes()] {
        assert_eq!(parsers::vouched_for(document, KEYS.as_bytes(), answer, now()), None);
        let _ = parsers::vouched_for(document, keys, answer, now());
    }
}

/// Documents, keys, and answers with a token that is signed with nothing and with what everybody knows.
pub fn oidc_answers() -> Vec<Vec<u8>> {
    let at = now().timestamp();
    let claims = format!(
        r#"{{"iss":"https://id.example","sub":"eve","aud":"ours","nonce":"nonce","iat":{at},"exp":{},"email":"eve@clinic.example","email_verified":true}}"#,
        at + 300
    );
    let signed = |head: &str| {
        let parts = [head, &claims, "not a signature"].map(|part| URL_SAFE_NO_PAD.encode(part));
        let token = parts.join(".");
        format!("{DOCUMENT}\n{KEYS}\n{{\"access_token\":\"a\",\"token_type\":\"Bearer\",\"id_token\":\"{token}\"}}").into_bytes()
    };
    [
        r#"{"alg":"RS256","kid":"1"}"#,
        r#"{"alg":"none"}"#,
        r#"{"alg":"HS256"}"#,
        r#"{"alg":"ES256","kid":"1"}"#,
    ]
    .map(signed)
    .to_vec()
}

/// No answer of an authenticator counts in a ceremony that it was not made for.
pub fn passkey(bytes: &[u8]) {
    assert!(!parsers::passkey_counts(PUBLIC_URL, bytes));
}

/// Answers in the right form.
pub fn passkey_answers() -> Vec<Vec<u8>> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let id = encode(&[1; 32]);
    let client = |kind: &str| {
        encode(format!(r#"{{"type":"webauthn.{kind}","challenge":"{}","origin":"{PUBLIC_URL}","crossOrigin":false}}"#, encode(&[2; 32])).as_bytes())
    };
    // fmt none, an empty statement, and 37 bytes of authenticator data without a credential.
    let mut attestation = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58\x25".to_vec();
    attestation.extend([5; 37]);
    let data = encode(&[5; 37]);
    vec![
        format!(
            r#"{{"id":"{id}","rawId":"{id}","type":"public-key","response":{{"attestationObject":"{}","clientDataJSON":"{}"}},"extensions":{{}}}}"#,
            encode(&attestation),
            client("create")
        )
        .into_bytes(),
        format!(
            r#"{{"id":"{id}","rawId":"{id}","type":"public-key","response":{{"authenticatorData":"{data}","clientDataJSON":"{}","signature":"{id}","userHandle":"{}"}},"extensions":{{}}}}"#,
            client("get"),
            encode(&[6; 16])
        )
        .into_bytes(),
    ]
}
