//! Where mail goes: to a mail server, into a folder while developing, or nowhere yet.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use lettre::message::header::{ContentTransferEncoding, ContentType};
use lettre::message::{Body, Mailbox};
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::io::AsyncWriteExt as _;
use url::Url;

use crate::authorities::Authorities;

/// Longest line of a mail without its end: RFC 5322, section 2.1.1.
const MAX_LINE: usize = 998;
/// How long one mail may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Replies about who we are, not about the mail: RFC 4954, section 6. Whoever runs the server sets that right.
const ABOUT_US: [&str; 4] = ["530", "534", "535", "538"];

/// Where mail goes.
#[derive(Clone)]
pub enum MailRoute {
    /// Nowhere: it waits until a mail server is set.
    Nowhere,
    /// To a mail server.
    Server(SmtpServer),
    /// Into files of this folder, for whoever develops.
    Folder(PathBuf),
}

/// A mail server, and the address that we write from.
#[derive(Clone)]
pub struct SmtpServer(Arc<Connection>);

struct Connection {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    host: String,
}

/// Why these settings name no mail server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SmtpFault {
    /// The address of the server.
    #[error("it must be smtps://user:password@host, or smtp://user:password@host?tls=required for STARTTLS")]
    Url,
    /// A connection that anybody on the way can read.
    #[error("without TLS only a mail server on this very machine is used; say smtps:// or ?tls=required")]
    InTheClear,
    /// The sender.
    #[error("it must be an address, for example Proofline <compliance@example.org>")]
    From,
}

/// What an attempt came to, if not that the mail has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It may go another time.
    Later(String),
    /// It never will.
    Never(String),
}

/// A mail in clear, for as long as it takes to send it.
pub(super) struct Clear<'a> {
    pub(super) id: String,
    pub(super) to: &'a str,
    pub(super) subject: &'a str,
    pub(super) text: &'a str,
    pub(super) at: proofline_core::Timestamp,
}

impl SmtpServer {
    /// The server at `url`, written to from `from`. `us` is the host name to greet with.
    pub fn new(url: &str, from: &str, us: &str, authorities: &Authorities) -> Result<Self, SmtpFault> {
        if !is_private(url).ok_or(SmtpFault::Url)? {
            return Err(SmtpFault::InTheClear);
        }
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url).map_err(|_| SmtpFault::Url)?;
        let transport = transport.tls(encryption(url, authorities).ok_or(SmtpFault::Url)?);
        let transport = transport.timeout(Some(PATIENCE)).hello_name(ClientId::Domain(us.to_owned())).build();
        let from = from.parse().map_err(|_| SmtpFault::From)?;
        Ok(Self(Arc::new(Connection { transport, from, host: us.to_owned() })))
    }
}

impl fmt::Debug for SmtpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SmtpServer(redacted)")
    }
}

/// Whether nobody on the way reads along: TLS that is insisted on, or no way at all. `None` for what is no such address.
fn is_private(url: &str) -> Option<bool> {
    let (scheme, rest) = url.split_once("://")?;
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let authority = place.split('/').next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next()?,
        None => host.split(':').next()?,
    };
    let here = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let tls = query.split('&').find_map(|pair| pair.strip_prefix("tls="));
    match scheme {
        _ if host.is_empty() => None,
        "smtps" => Some(true),
        "smtp" => Some(here || tls == Some("required")),
        _ => None,
    }
}

/// The encryption that the address asks for, with these authorities. `None` for what is no address.
fn encryption(url: &str, authorities: &Authorities) -> Option<Tls> {
    let url = Url::parse(url).ok()?;
    let asked = url.query_pairs().find(|(name, _)| name == "tls").map(|(_, value)| value.into_owned());
    let mut parameters = TlsParameters::builder(url.host_str()?.to_owned());
    for authority in authorities.named() {
        parameters = parameters.add_root_certificate(Certificate::from_der(authority.to_vec()).ok()?);
    }
    let parameters = parameters.build_rustls().ok()?;
    Some(match (url.scheme(), asked.as_deref()) {
        ("smtps", _) => Tls::Wrapper(parameters),
        (_, Some("required")) => Tls::Required(parameters),
        (_, Some("opportunistic")) => Tls::Opportunistic(parameters),
        _ => Tls::None,
    })
}

impl MailRoute {
    /// Sends one mail.
    pub(super) async fn deliver(&self, mail: &Clear<'_>) -> Result<(), Refusal> {
        match self {
            Self::Nowhere => Err(Refusal::Later("No mail server is set.".to_owned())),
            Self::Server(SmtpServer(server)) => {
                let message = compose(mail, &server.from, &server.host)?;
                server.transport.send(message).await.map(drop).map_err(|error| refusal(&error, mail.to))
            }
            Self::Folder(folder) => {
                let from = "Proofline <proofline@localhost>".parse();
                let from = from.map_err(|_| Refusal::Never("No sender.".to_owned()))?;
                let message = compose(mail, &from, "localhost")?;
                let written = keep(folder, &mail.id, &message.formatted()).await;
                written.map_err(|error| Refusal::Later(format!("The mail folder: {}.", error.kind())))
            }
        }
    }
}

fn compose(mail: &Clear<'_>, from: &Mailbox, host: &str) -> Result<Message, Refusal> {
    let to =
        mail.to.parse().map_err(|_| Refusal::Never("No mail server takes such an address.".to_owned()))?;
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(mail.subject)
        .date(mail.at.into())
        .message_id(Some(format!("<{}@{host}>", mail.id)))
        .header(ContentType::TEXT_PLAIN)
        .body(body(mail.text))
        .map_err(|_| Refusal::Never("The mail cannot be put together.".to_owned()))
}

/// Plain ASCII goes as it is: in every other encoding a long link is broken in two for whoever reads the source.
fn body(text: &str) -> Body {
    if text.is_ascii() && text.lines().all(|line| line.len() <= MAX_LINE) {
        let lines: String = text.lines().map(|line| format!("{line}\r\n")).collect();
        Body::dangerous_pre_encoded(lines.into_bytes(), ContentTransferEncoding::SevenBit)
    } else {
        Body::new(text.to_owned())
    }
}

async fn keep(folder: &Path, id: &str, bytes: &[u8]) -> std::io::Result<()> {
    tokio::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).await?;
    let mut options = tokio::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(folder.join(format!("{id}.eml"))).await?;
    file.write_all(bytes).await?;
    file.flush().await
}

/// What the server said, without the address that it said it of.
fn refusal(error: &lettre::transport::smtp::Error, to: &str) -> Refusal {
    let code = error.status().map(|code| code.to_string());
    let said: String =
        error.to_string().replace(to, "…").chars().filter(|c| !c.is_control()).take(200).collect();
    let about_us = code.is_some_and(|code| ABOUT_US.contains(&code.as_str()));
    if error.is_permanent() && !about_us { Refusal::Never(said) } else { Refusal::Later(said) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_elsewhere_is_used_with_tls_alone() {
        let server = |url: &str| {
            SmtpServer::new(url, "Proofline <p@example.org>", "us.example", &Authorities::public()).map(drop)
        };
        for good in [
            "smtps://user:secret@mail.example.org",
            "smtp://user:secret@mail.example.org?tls=required",
            "smtp://127.0.0.1:2525",
            "smtp://[::1]:2525",
            "smtp://localhost",
        ] {
            assert_eq!(server(good), Ok(()), "{good}");
        }
        for clear in [
            "smtp://mail.example.org",
            "smtp://127.0.0.1@mail.example.org",
            "smtp://mail.example.org?tls=opportunistic&tls=required",
            "smtp://localhost.example.org",
        ] {
            assert_eq!(server(clear), Err(SmtpFault::InTheClear), "{clear}");
        }
        for bad in ["", "mail.example.org", "http://mail.example.org", "smtp://", "smtps://:25"] {
            assert_eq!(server(bad), Err(SmtpFault::Url), "{bad}");
        }
        let from =
            SmtpServer::new("smtps://mail.example.org", "nobody", "us.example", &Authorities::public())
                .map(drop);
        assert_eq!(from, Err(SmtpFault::From));
    }
}
