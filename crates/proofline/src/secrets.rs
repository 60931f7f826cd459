//! Secrets that come from outside, checked before anything is opened.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use proofline_core::Entropy;
use proofline_server::keys::{KeyMismatch, Keyring};
use proofline_vault::Vault;
use sha2::{Digest, Sha256};

use crate::entropy::SystemEntropy;
use crate::fault::Fault;
use crate::settings::Settings;

const CSRF_KEY: &str = "PROOFLINE_CSRF_KEY";
const PASSWORD_PEPPER: &str = "PROOFLINE_PASSWORD_PEPPER";
const MASTER_KEY: &str = "PROOFLINE_MASTER_KEY";
const EARLIER_CSRF_KEYS: &str = "PROOFLINE_EARLIER_CSRF_KEYS";
const EARLIER_MASTER_KEYS: &str = "PROOFLINE_EARLIER_MASTER_KEYS";
const MIN_CHARS: usize = 32;
/// What templates and guides put where a secret belongs. None of it is met by chance in a random one.
const PLACEHOLDERS: [&str; 12] = [
    "change",
    "replace",
    "insert",
    "your",
    "default",
    "sample",
    "example",
    "placeholder",
    "dummy",
    "fixme",
    "secret",
    "password",
];
/// Fewer different characters are chosen, not drawn.
const MIN_DISTINCT: usize = 8;
/// A longer run of neighbours, as in `01234567`, is chosen, not drawn.
const LONGEST_RUN: usize = 7;

/// The keys made from the secrets.
pub(crate) struct Secrets {
    pub(crate) csrf_key: [u8; 32],
    pub(crate) earlier_csrf_keys: Vec<[u8; 32]>,
    pub(crate) password_pepper: [u8; 32],
    pub(crate) vault: Vault,
    /// Made just now, for a development that has none, and nowhere but here: by name.
    made: Vec<(&'static str, String)>,
}

/// Reads the secrets. Production refuses what is missing, blank, short, a placeholder, padded or used twice, and names
/// every such variable but never a value. Development makes what is missing, and [`Secrets::keep`]s it once the database,
/// which may know of others, was asked.
pub(crate) fn load(settings: &Settings) -> Result<Secrets, Fault> {
    let made = RefCell::new(Vec::new());
    let texts = gather(settings, |name| {
        let text = fresh();
        made.borrow_mut().push((name, text.clone()));
        text
    })?;
    let Texts { once: [csrf_key, password_pepper, master_key], earlier_csrf, earlier_master } = texts;
    let key = |text: &String| -> [u8; 32] { Sha256::digest(text).into() };
    let earlier: Vec<_> = earlier_master.iter().map(key).collect();
    Ok(Secrets {
        csrf_key: key(&csrf_key),
        earlier_csrf_keys: earlier_csrf.iter().map(key).collect(),
        password_pepper: key(&password_pepper),
        vault: Vault::new(&key(&master_key), &earlier),
        made: made.into_inner(),
    })
}

impl Secrets {
    /// What a database remembers of them.
    pub(crate) fn keyring(&self) -> Keyring<'_> {
        Keyring { vault: &self.vault, password_pepper: &self.password_pepper }
    }

    /// Whether all of them were there.
    pub(crate) fn are_there(&self) -> bool {
        self.made.is_empty()
    }

    /// Writes down what was made.
    pub(crate) fn keep(&self, data: &Path) -> Result<(), Fault> {
        self.made.iter().try_for_each(|(name, text)| write(data, name, text))
    }

    /// Says of secrets that are not those of the database what to do about it.
    pub(crate) fn mismatch(&self, data: &Path, error: KeyMismatch) -> Fault {
        let (name, what) = match &error {
            KeyMismatch::Master(_) => (
                MASTER_KEY,
                format!(
                    "{error}: give that key in {MASTER_KEY}, or in {EARLIER_MASTER_KEYS} beside its successor"
                ),
            ),
            KeyMismatch::PasswordPepper => (
                PASSWORD_PEPPER,
                format!("{PASSWORD_PEPPER} is not the right one: {error}, and it can never change"),
            ),
            KeyMismatch::Store(_) => return error.into(),
        };
        if self.made.iter().any(|(made, _)| *made == name) {
            let place = place(data, name);
            return Fault::config(format!(
                "{} is missing, where {name} was kept: restore it from a backup, because a new one is of no use to this \
                 database ({error})",
                place.display()
            ));
        }
        Fault::config(what)
    }
}

/// What stands in the configuration.
struct Texts {
    /// CSRF key, password pepper, master key.
    once: [String; 3],
    /// CSRF keys that only verify.
    earlier_csrf: Vec<String>,
    /// Master keys that only open.
    earlier_master: Vec<String>,
}

/// The texts; in development, what is nowhere yet comes from `make`.
fn gather(settings: &Settings, make: impl Fn(&'static str) -> String) -> Result<Texts, Fault> {
    let one = |name: &'static str, value: &Option<String>| match value {
        Some(text) => Ok(Some(text.clone())),
        None if settings.development => Ok(Some(kept(&settings.data, name)?.unwrap_or_else(|| make(name)))),
        None => Ok::<_, Fault>(None),
    };
    let once = [
        one(CSRF_KEY, &settings.csrf_key)?,
        one(PASSWORD_PEPPER, &settings.password_pepper)?,
        one(MASTER_KEY, &settings.master_key)?,
    ];
    let earlier_csrf = several(settings.earlier_csrf_keys.as_deref());
    let earlier_master = several(settings.earlier_master_keys.as_deref());
    let named = [CSRF_KEY, PASSWORD_PEPPER, MASTER_KEY].into_iter().zip(once.iter().map(Option::as_ref));
    let earlier = earlier_csrf.iter().map(|text| (EARLIER_CSRF_KEYS, Some(text)));
    let earlier = earlier.chain(earlier_master.iter().map(|text| (EARLIER_MASTER_KEYS, Some(text))));
    let (mut wrong, mut seen) = (Vec::new(), Vec::<(&str, &str)>::new());
    for (name, text) in named.chain(earlier) {
        let Some(text) = text else {
            wrong.push(format!("{name} is not set"));
            continue;
        };
        match (defect(text), seen.iter().find(|(_, known)| known == text)) {
            (Some(defect), _) => wrong.push(format!("{name} {defect}")),
            (None, Some((other, _))) => wrong.push(format!("{name} equals {other}")),
            (None, None) => seen.push((name, text)),
        }
    }
    match once {
        [Some(csrf_key), Some(password_pepper), Some(master_key)] if wrong.is_empty() => {
            Ok(Texts { once: [csrf_key, password_pepper, master_key], earlier_csrf, earlier_master })
        }
        _ => Err(Fault::config(format!(
            "{}; every secret needs a value of its own, and `proofline admin new-secret` makes one",
            wrong.join(", ")
        ))),
    }
}

/// Secrets of one variable, separated by commas; none where it is not set, or empty as a template leaves it.
fn several(value: Option<&str>) -> Vec<String> {
    value.unwrap_or_default().split(',').filter(|text| !text.is_empty()).map(str::to_owned).collect()
}

/// Why this is no secret, after "it".
pub(crate) fn defect(text: &str) -> Option<&'static str> {
    let lower = text.to_lowercase();
    if text.trim().is_empty() {
        Some("is empty")
    } else if text != text.trim() {
        Some("begins or ends with white space")
    } else if PLACEHOLDERS.iter().any(|p| lower.contains(p)) {
        Some("still holds a placeholder")
    } else if text.chars().count() < MIN_CHARS {
        Some("is shorter than 32 characters")
    } else if is_chosen(&lower) {
        Some("is not random")
    } else {
        None
    }
}

/// Whether somebody made it up: few characters, a text over and over, or a run along the alphabet or the digits.
fn is_chosen(lower: &str) -> bool {
    let chars: Vec<char> = lower.chars().collect();
    let distinct: BTreeSet<char> = chars.iter().copied().collect();
    let repeats = (1..=chars.len() / 2).any(|period| chars[period..] == chars[..chars.len() - period]);
    let runs = |step: fn(u32) -> Option<u32>| {
        let goes_on = |pair: &[char]| step(u32::from(pair[0])) == Some(u32::from(pair[1]));
        chars.windows(LONGEST_RUN + 1).any(|part| part.windows(2).all(goes_on))
    };
    distinct.len() < MIN_DISTINCT || repeats || runs(|c| c.checked_add(1)) || runs(|c| c.checked_sub(1))
}

/// Fresh random text, as good as any secret here needs.
pub(crate) fn fresh() -> String {
    hex::encode((&SystemEntropy as &dyn Entropy).bytes::<32>())
}

fn place(data: &Path, name: &str) -> PathBuf {
    data.join("secrets").join(name.to_lowercase())
}

/// What an earlier start in development made.
fn kept(data: &Path, name: &str) -> Result<Option<String>, Fault> {
    let path = place(data, name);
    match fs::read(&path) {
        Ok(bytes) if bytes.len() == 64 => Ok(Some(String::from_utf8(bytes)?)),
        Ok(_) => Err(Fault::config(format!(
            "{} is damaged; restore it or start with a new data directory",
            path.display()
        ))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(anyhow::anyhow!("{}: {error}", path.display()).into()),
    }
}

/// All or nothing, on the disk before the database remembers it.
fn write(data: &Path, name: &str, text: &str) -> Result<(), Fault> {
    let folder = data.join("secrets");
    fs::create_dir_all(&folder)?;
    let path = place(data, name);
    let unfinished = path.with_extension("new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&unfinished, &path)?;
    Ok(fs::File::open(folder)?.sync_all()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Wrapper {
        #[command(flatten)]
        settings: Settings,
    }

    const GOOD: &str = "k3J9dPq8sLw2Zx7Vb5Nm1Qa4Ty6Ru0Io";

    fn settings(csrf: Option<&str>, pepper: Option<&str>) -> Settings {
        let mut settings = Wrapper::parse_from(["proofline"]).settings;
        settings.csrf_key = csrf.map(str::to_owned);
        settings.password_pepper = pepper.map(str::to_owned);
        settings.master_key = Some(GOOD.chars().rev().collect());
        settings
    }

    #[test]
    fn each_bad_secret_is_named_and_never_printed() {
        let long_placeholder = format!("changeme{GOOD}");
        let padded = format!("{GOOD}\n");
        let (few, over_and_over) = ("ab".repeat(20), "k3J9dPq8sLw2Zx7V".repeat(3));
        let (up, down) = (format!("{GOOD}23456789"), format!("hgfedcba{GOOD}"));
        let template = format!("{GOOD}-replace-in-production");
        let chosen = [&few, &over_and_over, &up, &down, &template].map(String::as_str);
        let bad = ["", "   ", &GOOD[1..], &long_placeholder, &padded, GOOD].into_iter().chain(chosen);
        for value in bad.map(Some).chain([None]) {
            let Err(fault) = load(&settings(Some(GOOD), value)) else { panic!("{value:?} was accepted") };
            let text = fault.to_string();
            assert!(matches!(fault, Fault::Config(_)));
            assert!(text.starts_with("PROOFLINE_PASSWORD_PEPPER"), "{text}");
            assert!(value.is_none_or(|v| v.trim().is_empty() || !text.contains(v.trim())), "{text}");
        }
        assert!(load(&settings(Some(GOOD), Some(&GOOD.to_lowercase()))).is_ok());
    }

    #[test]
    fn what_is_drawn_is_a_secret() {
        for _ in 0..100 {
            let text = fresh();
            assert_eq!(defect(&text), None, "{text}");
        }
    }

    #[test]
    fn development_makes_them_once_and_only_when_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = settings(None, None);
        settings.development = true;
        settings.master_key = None;
        settings.data = folder.path().to_owned();
        let first = load(&settings).map_err(|f| f.to_string()).expect("made");
        assert!(!first.are_there() && !folder.path().join("secrets").exists());
        first.keep(&settings.data).map_err(|f| f.to_string()).expect("written");
        let second = load(&settings).map_err(|f| f.to_string()).expect("read again");
        assert!(second.are_there());
        assert_eq!(first.csrf_key, second.csrf_key);
        assert_ne!(first.csrf_key, first.password_pepper);
        assert_eq!(first.vault.current_key(), second.vault.current_key());
    }
}
