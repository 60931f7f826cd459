//! The profile against the RFC's own example, and every way of tampering against its refusal.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proofline_core::Timestamp;
use proptest::prelude::*;

use super::base::signature_base;
use super::*;

const BODY: &[u8] = br#"{"hello": "world"}"#;

fn at(seconds: i64) -> Timestamp {
    chrono::DateTime::from_timestamp(seconds, 0).expect("in range")
}

fn key() -> SigningKey {
    SigningKey::from_seed(&[7; 32])
}

fn request() -> Request<'static> {
    Request { method: "POST", path: "/api/appliances/evidence", query: "a=1&b=%20", body: BODY }
}

fn signed() -> SignedHeaders {
    sign(&request(), &key(), at(1_800_000_000), [3; 16]).expect("signs")
}

fn check(headers: &[(&str, &str)], request: &Request<'_>, now: Timestamp) -> Result<(), Refusal> {
    let presented = parse(headers.iter().map(|&(name, value)| (name, value.as_bytes())))?;
    presented.verify(request, key().public_key(), now)
}

fn list(headers: &SignedHeaders) -> Vec<(&str, &str)> {
    headers.iter().collect()
}

#[test]
fn the_example_of_rfc_9421_b_2_6_verifies() {
    let components = [
        ("date", ["Tue, 20 Apr 2021 02:07:55 GMT", ""]),
        ("@method", ["POST", ""]),
        ("@path", ["/foo", ""]),
        ("@authority", ["example.com", ""]),
        ("content-type", ["application/json", ""]),
        ("content-length", ["18", ""]),
    ];
    let params = concat!(
        r#"("date" "@method" "@path" "@authority" "content-type" "content-length")"#,
        r#";created=1618884473;keyid="test-key-ed25519""#
    );
    let expected = "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n\
        \"@authority\": example.com\n\"content-type\": application/json\n\"content-length\": 18\n\
        \"@signature-params\": (\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \"content-length\")\
        ;created=1618884473;keyid=\"test-key-ed25519\"";
    let base = signature_base(components, params);
    assert_eq!(std::str::from_utf8(&base), Ok(expected));

    // PKCS #8 of section B.1.4: the seed is its last 32 bytes.
    let pkcs8 =
        STANDARD.decode("MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF").expect("base64");
    let seed: [u8; 32] = pkcs8[16..].try_into().expect("32 bytes");
    let signature =
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    assert_eq!(STANDARD.encode(SigningKey::from_seed(&seed).sign(&base)), signature);
    let spki =
        STANDARD.decode("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=").expect("base64");
    let public = PublicKey::from_bytes(&spki[12..].try_into().expect("32 bytes")).expect("a good key");
    let signature = STANDARD.decode(signature).expect("base64").try_into().expect("64 bytes");
    assert_eq!(public.verify(&base, &signature), Ok(()));
}

#[test]
fn the_headers_have_one_spelling() {
    let headers = signed();
    // The digest is the example of RFC 9530 appendix D.
    assert_eq!(headers.content_digest, "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
    let input = format!(
        r#"sig1=("@method" "@path" "@query" "content-digest");created=1800000000;nonce="AwMDAwMDAwMDAwMDAwMDAw";keyid="{}";alg="ed25519";tag="proofline-agent""#,
        key().id()
    );
    assert_eq!(headers.signature_input, input);
    assert_eq!(check(&list(&headers), &request(), at(1_800_000_000)), Ok(()));
}

#[test]
fn header_names_have_no_case_and_other_headers_are_ignored() {
    let headers = signed();
    let mut named = vec![("Host", "example.com"), ("Accept", "*/*")];
    let upper: Vec<_> = headers.iter().map(|(name, value)| (name.to_uppercase(), value)).collect();
    named.extend(upper.iter().map(|(name, value)| (name.as_str(), *value)));
    assert_eq!(check(&named, &request(), at(1_800_000_000)), Ok(()));
}

#[test]
fn a_missing_header_is_missing() {
    let headers = signed();
    for absent in HEADERS {
        let rest: Vec<_> = headers.iter().filter(|(name, _)| *name != absent).collect();
        assert_eq!(check(&rest, &request(), at(1_800_000_000)), Err(Refusal::SignatureMissing), "{absent}");
    }
}

#[test]
fn a_repeated_header_is_refused() {
    let headers = signed();
    for twice in list(&headers) {
        let mut all = list(&headers);
        all.push(twice);
        assert_eq!(check(&all, &request(), at(1_800_000_000)), Err(Refusal::SignatureInvalid), "{twice:?}");
    }
}

#[test]
fn skew_counts_in_both_directions() {
    let headers = signed();
    for (seconds, expected) in
        [(-60, Ok(())), (60, Ok(())), (-61, Err(Refusal::ClockSkew)), (61, Err(Refusal::ClockSkew))]
    {
        assert_eq!(check(&list(&headers), &request(), at(1_800_000_000 + seconds)), expected, "{seconds}");
    }
}

#[test]
fn each_tampering_has_its_code() {
    let headers = signed();
    let now = at(1_800_000_000);
    let with = |change: &dyn Fn(&mut Request<'static>)| {
        let mut changed = request();
        change(&mut changed);
        check(&list(&headers), &changed, now)
    };
    assert_eq!(with(&|r| r.method = "PUT"), Err(Refusal::SignatureInvalid));
    assert_eq!(with(&|r| r.path = "/api/appliances/checkin"), Err(Refusal::SignatureInvalid));
    assert_eq!(with(&|r| r.query = ""), Err(Refusal::SignatureInvalid));
    assert_eq!(with(&|r| r.body = b"{}"), Err(Refusal::DigestMismatch));
    assert_eq!(with(&|r| r.path = "/x\n\"@query\": ?"), Err(Refusal::SignatureInvalid));

    let presented = parse(headers.iter().map(|(name, value)| (name, value.as_bytes()))).expect("parses");
    let other = SigningKey::from_seed(&[8; 32]);
    assert_eq!(presented.verify(&request(), other.public_key(), now), Err(Refusal::KeyUnknown));
}

#[test]
fn what_is_not_the_profile_is_refused() {
    let headers = signed();
    let input = &headers.signature_input;
    let changed = [
        input.replace("sig1=", "sig2="),
        input.replace(" \"@query\"", ""),
        input.replace("\"@method\"", "\"@authority\""),
        input.replace("content-digest\")", "content-digest\" \"date\")"),
        input.replace("created=1800000000", "created=01800000000"),
        input.replace("created=1800000000", "created=+1800000000"),
        input.replace("created=1800000000", "created=99999999999999999999"),
        input.replace(";created=1800000000", ""),
        input.replace("AwMDAwMDAwMDAwMDAwMDAw", "AwMDAwMDAwMDAwMDAwMDAx"),
        input.replace("AwMDAwMDAwMDAwMDAwMDAw", "AwMDAwMDAwMDAwMDAwMDAw=="),
        input.replace("AwMDAwMDAwMDAwMDAwMDAw", "AwMDAwM"),
        input.replace("alg=\"ed25519\"", "alg=\"hmac-sha256\""),
        input.replace(";alg=\"ed25519\"", ""),
        input.replace(";tag=\"proofline-agent\"", ""),
        input.replace("tag=\"proofline-agent\"", "tag=\"other\""),
        input.replace(&key().id().to_string(), &key().id().to_string().to_uppercase()),
        input.replace(";created", "; created"),
        format!("{input}, sig2=(\"@method\");created=1"),
        format!("{input};expires=1800000060"),
        format!(" {input}"),
        String::new(),
    ];
    for value in changed {
        let all = [HEADERS[0], HEADERS[1], HEADERS[2]];
        let all: Vec<_> =
            all.into_iter().zip([&*headers.content_digest, &*value, &*headers.signature]).collect();
        assert_eq!(check(&all, &request(), at(1_800_000_000)), Err(Refusal::SignatureInvalid), "{value}");
    }
}

#[test]
fn codes_are_stable_and_round_trip() {
    for refusal in Refusal::ALL {
        assert_eq!(Refusal::from_code(refusal.code()), Some(refusal));
    }
    assert_eq!(Refusal::from_code("fine"), None);
}

proptest! {
    #[test]
    fn any_changed_byte_is_refused(part in 0..7_usize, place in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let headers = signed();
        let mut parts: [Vec<u8>; 7] = [
            request().method.into(),
            request().path.into(),
            request().query.into(),
            BODY.into(),
            headers.content_digest.into(),
            headers.signature_input.into(),
            headers.signature.into(),
        ];
        let place = place.index(parts[part].len());
        parts[part][place] ^= flip;
        let [method, path, query, body, content_digest, signature_input, signature] = &parts;
        let lines = [method, path, query].map(|bytes| std::str::from_utf8(bytes));
        // A request line that is not UTF-8 never becomes a request.
        prop_assume!(lines.iter().all(Result::is_ok));
        let [method, path, query] = lines.map(Result::unwrap_or_default);
        let tampered = Request { method, path, query, body };
        let values = [&content_digest[..], signature_input, signature];
        let outcome = parse(HEADERS.into_iter().zip(values))
            .and_then(|presented| presented.verify(&tampered, key().public_key(), at(1_800_000_000)));
        prop_assert!(outcome.is_err());
    }

    #[test]
    fn what_is_signed_verifies(path in "/[!-~&&[^?]]{0,40}", query in "[!-~]{0,40}", body in any::<Vec<u8>>(),
        nonce in any::<[u8; 16]>(), created in 0..4_000_000_000_i64) {
        let request = Request { method: "GET", path: &path, query: &query, body: &body };
        let headers = sign(&request, &key(), at(created), nonce).expect("signs");
        prop_assert_eq!(check(&list(&headers), &request, at(created)), Ok(()));
    }

    #[test]
    fn parsing_never_panics(values in any::<[Vec<u8>; 3]>()) {
        let _ = parse(HEADERS.into_iter().zip(values.iter().map(Vec::as_slice)));
    }
}
