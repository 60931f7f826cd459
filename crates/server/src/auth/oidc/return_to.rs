//! Where somebody goes on to after signing in: a page of this app, and nowhere else.
//!
//! What is asked for is read the way a browser reads it, against our own address, and written anew from what was
//! understood. So neither `//evil` nor `/\evil`, a tab, or an encoded slash gets anybody out of here.

use url::Url;

use crate::http::PAGES;

/// Where a sign-in ends if nothing else was asked for.
pub(super) const AFTER_SIGN_IN: &str = "/signed-in";
/// Where a link ends if nothing else was asked for.
pub(super) const AFTER_LINK: &str = "/account";

const LONGEST: usize = 1_000;

/// The path, and the query if there is one, of a page of this app; `None` for everything else.
pub(crate) fn checked(public_url: &str, asked: &str) -> Option<String> {
    if !asked.starts_with('/') || asked.len() > LONGEST || asked.chars().any(char::is_control) {
        return None;
    }
    let own = Url::parse(public_url).ok()?;
    let url = own.join(asked).ok()?;
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.~".contains(&b));
    let mut parts = url.path_segments()?;
    let known = parts.next().is_some_and(|first| PAGES.contains(&first));
    let ours = url.origin() == own.origin() && url.username().is_empty() && url.password().is_none();
    if !(ours && known && parts.all(plain)) || url.path().contains("//") {
        return None;
    }
    let written =
        url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    (written.len() <= LONGEST).then_some(written)
}

/// The path with a reason code for the page to explain.
pub(super) fn with_problem(path: &str, code: &'static str) -> String {
    let separator = if path.contains('?') { '&' } else { '?' };
    format!("{path}{separator}problem={code}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: &str = "https://compliance.example";

    #[test]
    fn pages_of_ours_are_kept() {
        for page in [
            "/",
            "/sites",
            "/sites/site_01/evidence/3?kind=gap&check=a%2Fb",
            "/?x=%2F%2Fevil.example",
            "/audit",
        ] {
            assert_eq!(checked(OURS, page).as_deref(), Some(page));
        }
        assert_eq!(checked(OURS, "/sites/../audit#x").as_deref(), Some("/audit"));
        assert_eq!(with_problem("/account?tab=1", "x"), "/account?tab=1&problem=x");
    }

    #[test]
    fn nothing_leads_out_of_here() {
        for evil in [
            "",
            "evil",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\\/evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/%09/evil.example",
            "/%5cevil.example",
            "/%2fevil.example",
            "/%2f%2fevil.example",
            "%5c%5cevil.example",
            "https://evil.example/sites",
            "https:evil.example",
            "https:///evil.example",
            "javascript:alert(1)",
            "/sites//evil.example",
            "/sites/%2e%2e/%2f/evil",
            "/..//evil.example",
            "/.//evil.example",
            "/@evil.example",
            "//compliance.example@evil.example/sites",
            "/api/auth/logout",
            "/login",
            "/bootstrap",
            "/signed-in",
            " /sites",
            "/sites\0",
            "/Sites",
            "/%73ites",
        ] {
            assert_eq!(checked(OURS, evil), None, "{evil:?}");
        }
        assert_eq!(checked(OURS, &format!("/sites?{}", "x".repeat(LONGEST))), None);
    }
}
