//! Texts that a strict JSON reader accepts or refuses.

use std::borrow::Cow;

use proofline_evidence::Reason;
use proofline_evidence::encoding::encode;
use proofline_evidence::json::{MAX_DEPTH, MAX_MEMBERS, Value, read};
use serde::Serialize;

const MAX_BYTES: usize = 1_000;

#[derive(Serialize)]
struct Case {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<serde_json::Value>,
}

fn generic(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => value.into(),
        Value::Integer(value) => value.into(),
        Value::Text(text) => Cow::into_owned(text).into(),
        Value::List(elements) => elements.into_iter().map(generic).collect(),
        // Pairs, so that the order shows and no implementation trips over a key named __proto__.
        Value::Object(members) => {
            let pairs = members.into_iter().map(|(key, value)| serde_json::json!([key, generic(value)]));
            serde_json::json!({ "members": pairs.collect::<Vec<_>>() })
        }
    }
}

fn case(name: &str, bytes: &[u8], expected: Option<Reason>) -> Case {
    let result = read(bytes, MAX_BYTES);
    let reason = super::expect(name, &result, expected);
    let text = String::from_utf8(bytes.to_vec()).ok();
    let base64 = text.is_none().then(|| encode(bytes));
    Case { name: name.into(), text, base64, reason, value: result.ok().map(generic) }
}

#[test]
fn strict_json() {
    let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let members =
        |count| format!("{{{}}}", (0..count).map(|n| format!("\"k{n}\":0")).collect::<Vec<_>>().join(","));
    let accepted: Vec<(&str, String)> = vec![
        ("an object", r#"{"a":1,"b":[true,false,null],"c":{"d":"e"}}"#.into()),
        ("white space everywhere", " \t\r\n{ \"a\" :\n[ 1 , 2 ] , \"b\" : { } }\n".into()),
        ("the empty list", "[]".into()),
        ("a bare string", r#""text""#.into()),
        ("a bare number", "-7".into()),
        ("zero", "[0]".into()),
        ("the largest numbers", "[9007199254740991,-9007199254740991]".into()),
        ("every escape", r#""\" \\ \/ \b \f \n \r \t \u0041 \u00e9 \u20AC""#.into()),
        ("a surrogate pair", r#""\ud83d\ude00""#.into()),
        ("text outside the basic plane", "\"😀 é €\"".into()),
        ("an escaped NUL, for the layer above to refuse", r#""a\u0000b""#.into()),
        ("U+FFFE and U+FEFF inside a string", "\"\u{fffe}\u{feff}\"".into()),
        ("DEL inside a string", "\"\u{7f}\"".into()),
        ("keys that differ by case", r#"{"a":1,"A":2}"#.into()),
        ("a key named __proto__", r#"{"__proto__":1,"constructor":2}"#.into()),
        ("an empty key", r#"{"":1}"#.into()),
        ("as deep as allowed", nested(MAX_DEPTH)),
        ("as many members as allowed", members(MAX_MEMBERS)),
    ];
    let refused: Vec<(&str, String, Reason)> = vec![
        ("nothing", String::new(), Reason::JsonSyntax),
        ("white space only", " \n".into(), Reason::JsonSyntax),
        ("a key twice", r#"{"a":1,"a":1}"#.into(), Reason::JsonDuplicateKey),
        ("a key twice, once escaped", r#"{"a":1,"\u0061":2}"#.into(), Reason::JsonDuplicateKey),
        ("a key twice, deep inside", r#"[{"x":{"a":1,"b":2,"a":3}}]"#.into(), Reason::JsonDuplicateKey),
        ("the key __proto__ twice", r#"{"__proto__":1,"__proto__":2}"#.into(), Reason::JsonDuplicateKey),
        ("a fraction", "[1.0]".into(), Reason::JsonNumber),
        ("an exponent", "[1e2]".into(), Reason::JsonNumber),
        ("a capital exponent", "[1E2]".into(), Reason::JsonNumber),
        ("minus zero", "[-0]".into(), Reason::JsonNumber),
        ("one more than the largest number", "[9007199254740992]".into(), Reason::JsonNumber),
        ("one less than the smallest number", "[-9007199254740992]".into(), Reason::JsonNumber),
        ("the largest of 64 bits", format!("[{}]", i64::MAX), Reason::JsonNumber),
        ("the smallest of 64 bits", format!("[{}]", i64::MIN), Reason::JsonNumber),
        ("the smallest of 64 bits but one", format!("[{}]", i64::MIN + 1), Reason::JsonNumber),
        ("a number of forty digits", format!("[{}]", "9".repeat(40)), Reason::JsonNumber),
        ("a leading zero", "[01]".into(), Reason::JsonSyntax),
        ("a leading plus", "[+1]".into(), Reason::JsonSyntax),
        ("a lone minus", "[-]".into(), Reason::JsonSyntax),
        ("a leading point", "[.5]".into(), Reason::JsonSyntax),
        ("hexadecimal", "[0x10]".into(), Reason::JsonSyntax),
        ("NaN", "[NaN]".into(), Reason::JsonSyntax),
        ("infinity", "[-Infinity]".into(), Reason::JsonSyntax),
        ("a capital word", "[True]".into(), Reason::JsonSyntax),
        ("half a word", "[tru]".into(), Reason::JsonSyntax),
        ("a word with a tail", "[nullx]".into(), Reason::JsonSyntax),
        ("a comma at the end of a list", "[1,]".into(), Reason::JsonSyntax),
        ("a comma at the end of an object", r#"{"a":1,}"#.into(), Reason::JsonSyntax),
        ("two commas", "[1,,2]".into(), Reason::JsonSyntax),
        ("no comma", "[1 2]".into(), Reason::JsonSyntax),
        ("no colon", r#"{"a" 1}"#.into(), Reason::JsonSyntax),
        ("a key without quotes", "{a:1}".into(), Reason::JsonSyntax),
        ("single quotes", "['a']".into(), Reason::JsonSyntax),
        ("a number as key", "{1:1}".into(), Reason::JsonSyntax),
        ("a comment", "[1]/**/".into(), Reason::JsonTrailingBytes),
        ("two values", "{}{}".into(), Reason::JsonTrailingBytes),
        ("a NUL behind", "[]\0".into(), Reason::JsonTrailingBytes),
        ("a byte order mark", "\u{feff}[]".into(), Reason::JsonSyntax),
        ("a no-break space", "[\u{a0}1]".into(), Reason::JsonSyntax),
        ("a vertical tab", "[\u{b}1]".into(), Reason::JsonSyntax),
        ("a list that does not end", "[1".into(), Reason::JsonSyntax),
        ("an object that does not end", r#"{"a":1"#.into(), Reason::JsonSyntax),
        ("a string that does not end", r#"["a"#.into(), Reason::JsonSyntax),
        ("the wrong bracket", "[1}".into(), Reason::JsonSyntax),
        ("a line feed in a string", "[\"a\nb\"]".into(), Reason::JsonSyntax),
        ("a tab in a string", "[\"a\tb\"]".into(), Reason::JsonSyntax),
        ("a NUL in a string", "[\"a\0b\"]".into(), Reason::JsonSyntax),
        ("an unknown escape", r#"["\x41"]"#.into(), Reason::JsonSyntax),
        ("a short escape", r#"["\u041"]"#.into(), Reason::JsonSyntax),
        ("an escape with a sign", r#"["\u+041"]"#.into(), Reason::JsonSyntax),
        ("a lone high surrogate", r#"["\ud83d"]"#.into(), Reason::JsonSyntax),
        ("a lone low surrogate", r#"["\ude00"]"#.into(), Reason::JsonSyntax),
        ("two high surrogates", r#"["\ud83d\ud83d"]"#.into(), Reason::JsonSyntax),
        ("a high surrogate and a letter", r#"["\ud83da"]"#.into(), Reason::JsonSyntax),
        ("a high surrogate and another escape", r#"["\ud83d\n"]"#.into(), Reason::JsonSyntax),
        ("deeper than allowed", nested(MAX_DEPTH + 1), Reason::JsonTooDeep),
        ("more members than allowed", members(MAX_MEMBERS + 1), Reason::JsonTooLarge),
        ("longer than allowed", format!("[{}]", " ".repeat(MAX_BYTES - 1)), Reason::JsonTooLarge),
        ("the first defect counts", r#"{"a":1.5,"a":2"#.into(), Reason::JsonNumber),
    ];
    let invalid_utf8: [(&str, &[u8]); 5] = [
        ("a stray continuation byte", b"[\"\x80\"]"),
        ("an overlong slash", b"[\"\xc0\xaf\"]"),
        ("an encoded surrogate", b"[\"\xed\xa0\x80\"]"),
        ("beyond Unicode", b"[\"\xf4\x90\x80\x80\"]"),
        ("cut inside a character", b"[\"\xe2\x82"),
    ];
    let mut cases: Vec<_> = accepted.iter().map(|(name, text)| case(name, text.as_bytes(), None)).collect();
    cases.extend(refused.iter().map(|(name, text, reason)| case(name, text.as_bytes(), Some(*reason))));
    cases.extend(invalid_utf8.iter().map(|(name, bytes)| case(name, bytes, Some(Reason::JsonNotUtf8))));
    let about = "`text`, or `base64` where it is not UTF-8, read with a limit of 1000 bytes. `value` is what an accepted one means, an object as the list of its `members`.";
    super::hold("json.json", about, &cases);
}
