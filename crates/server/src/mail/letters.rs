//! What stands in each mail.
//!
//! Links carry their token behind a `#`: it reaches no server's log and no Referer header, and a scanner that opens the
//! address uses nothing up.

use proofline_core::Email;

use super::Letter;
use crate::AppState;

/// Characters in a line, as mail is read best.
const WIDTH: usize = 76;

/// Breaks lines between words. A link is one word.
fn wrapped(text: &str) -> String {
    let mut wrapped = String::new();
    for line in text.lines() {
        let mut width = 0;
        for word in line.split(' ') {
            let length = word.chars().count();
            if width > 0 && width + 1 + length > WIDTH {
                wrapped.push('\n');
                width = 0;
            } else if width > 0 {
                wrapped.push(' ');
                width += 1;
            }
            wrapped.push_str(word);
            width += length;
        }
        wrapped.push('\n');
    }
    wrapped.truncate(wrapped.trim_end().len());
    wrapped
}

/// Whether a mail program would make a link of something in a name that somebody gave themselves. Links in a mail of ours are
/// ours.
fn holds_a_link(name: &str) -> bool {
    let chars: Vec<char> = name.chars().collect();
    let dotted =
        chars.windows(3).any(|near| near[1] == '.' && near[0].is_alphanumeric() && near[2].is_alphanumeric());
    dotted || name.contains(['/', '\\', '@']) || name.to_lowercase().contains("www.")
}

/// Writes in the name of one deployment.
pub(crate) struct Letters {
    name: String,
    url: String,
}

impl Letters {
    /// For this deployment.
    pub(crate) fn of(app: &AppState) -> Self {
        Self { name: app.installation_name(), url: app.settings().public_url.clone() }
    }

    fn letter(&self, to: &Email, subject: &str, text: &str) -> Letter {
        let text = format!("Hello,\n\n{}\n\n{}\n{}\n", wrapped(text), self.name, self.url);
        Letter { to: to.clone(), subject: subject.to_owned(), text }
    }

    /// What a letter to a stranger calls the one who invites and the place: what they call themselves, if no link is in it.
    fn inviting(&self, inviter: &str, place: Option<&str>) -> (String, String) {
        let place = place.filter(|place| !holds_a_link(place)).unwrap_or(&self.name).to_owned();
        let inviter = match holds_a_link(inviter) {
            true => format!("Somebody of {place}"),
            false => format!("\"{}\"", inviter.replace('"', "'")),
        };
        (inviter, place)
    }

    /// To somebody who is nobody yet.
    pub(crate) fn invitation(&self, to: &Email, inviter: &str, place: Option<&str>, token: &str) -> Letter {
        let ((inviter, place), url) = (self.inviting(inviter, place), &self.url);
        let text = format!(
            "{inviter} invites you to work with {place} on its compliance. Accept here within 7 days:\n\n\
             {url}/invitation#{token}\n\n\
             The link works once. If you expected nothing of the kind, leave it alone."
        );
        self.letter(to, "You are invited", &text)
    }

    /// To somebody who was invited and has an account already.
    pub(crate) fn invited_again(&self, to: &Email, inviter: &str, place: Option<&str>) -> Letter {
        let (inviter, place) = self.inviting(inviter, place);
        let text = format!(
            "{inviter} wanted to invite you to work with {place}, but this address has an account already, and an \
             account belongs to one place. Nothing was changed. If you want to join, ask for an invitation to another \
             address."
        );
        self.letter(to, "An invitation to an address that has an account", &text)
    }

    /// To somebody who asked for a new password.
    pub(crate) fn password_reset(&self, to: &Email, token: &str) -> Letter {
        let url = &self.url;
        let text = format!(
            "Somebody, hopefully you, asked for a new password. Set it here within 30 minutes:\n\n\
             {url}/reset#{token}\n\n\
             The link works once. If it was not you, leave it alone: nothing has changed."
        );
        self.letter(to, "A new password", &text)
    }

    /// To somebody of a practice who asked to be let in.
    pub(crate) fn sign_in_link(&self, to: &Email, token: &str) -> Letter {
        let url = &self.url;
        let text = format!(
            "Somebody, hopefully you, wants to sign in. Do it here within 15 minutes:\n\n\
             {url}/sign-in-link#{token}\n\n\
             The link works once, and asks for your second factor. If it was not you, leave it alone: nothing has changed."
        );
        self.letter(to, "Your link to sign in", &text)
    }

    /// To somebody whose password was changed.
    pub(crate) fn password_changed(&self, to: &Email) -> Letter {
        let text = "Your password was changed, and you were signed out everywhere else. If it was not you, tell your \
                    administrator at once.";
        self.letter(to, "Your password was changed", text)
    }

    /// To somebody whose account can be entered in another way than before.
    pub(crate) fn account_changed(&self, to: &Email, what: &str) -> Letter {
        let text =
            format!("{what} If it was not you, change your password and tell your administrator at once.");
        self.letter(to, "Your account was changed", &text)
    }

    /// To somebody whose second factors an administrator took away.
    pub(crate) fn second_factors_reset(&self, to: &Email) -> Letter {
        let text = "An administrator took away your second factors: passkeys, authenticator app and recovery codes. You were \
                    signed out everywhere, and set up a new one when you next sign in. If you did not ask for it, tell your \
                    administrator at once.";
        self.letter(to, "Your second factors were reset", text)
    }

    /// To an address that is to become somebody's.
    pub(crate) fn confirm_address(&self, to: &Email, token: &str) -> Letter {
        let url = &self.url;
        let text = format!(
            "Confirm here within 24 hours that you will sign in with this address:\n\n\
             {url}/confirm-email#{token}\n\n\
             The link works once. If you asked for nothing of the kind, leave it alone."
        );
        self.letter(to, "Confirm your address", &text)
    }

    /// To an address that was to become somebody's and is somebody else's.
    pub(crate) fn address_in_use(&self, to: &Email) -> Letter {
        let text = "Somebody wanted to use this address for another account. It stays yours, and nothing was changed.";
        self.letter(to, "Your address stays yours", text)
    }

    /// To the address before, when another one was asked for.
    pub(crate) fn address_is_changing(&self, to: &Email) -> Letter {
        let text = "You asked to sign in with another address from now on. It takes effect once the mail to that address \
                    is answered. If it was not you, change your password and tell your administrator at once.";
        self.letter(to, "Your address is about to change", text)
    }

    /// To the address before, when another one took its place.
    pub(crate) fn address_changed(&self, to: &Email) -> Letter {
        let text = "You sign in with another address from now on. If it was not you, tell your administrator at once.";
        self.letter(to, "Your address was changed", text)
    }

    /// To an owner of a practice, when something was decided about who above it sees it.
    pub(crate) fn client_access(&self, to: &Email, practice: &str, said: &str) -> Letter {
        let text = format!(
            "This is about who sees {practice}.\n\n{said}\n\n\
             You find who sees it, and everything that was done, in the console. If this should not be, end it there and \
             ask."
        );
        self.letter(to, "Access to your practice's records", &text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_puts_a_link_into_an_invitation() {
        let letters = Letters { name: "Lab".to_owned(), url: "https://compliance.example".to_owned() };
        let to: Email = "new@clinic.example".parse().expect("valid");
        let text = |inviter: &str, place: Option<&str>| {
            [letters.invitation(&to, inviter, place, "token"), letters.invited_again(&to, inviter, place)]
                .map(|letter| letter.text.replace('\n', " "))
        };
        for said in text("Dr. Ada \"Countess\" Lovelace", Some("Sunrise & Sons")) {
            assert!(
                said.contains("\"Dr. Ada 'Countess' Lovelace\" ") && said.contains("Sunrise & Sons"),
                "{said}"
            );
        }
        for link in ["Pay at https://evil.test", "See evil.test now", "WWW. evil", "a/b", "me@evil"] {
            for said in text(link, Some("Sunrise")) {
                assert!(said.contains("Somebody of Sunrise ") && !said.contains(link), "{said}");
            }
            for said in text("Ada", Some(link)) {
                assert!(said.contains("work with Lab") && !said.contains(link), "{said}");
            }
        }
    }
}
