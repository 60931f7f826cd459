//! Every option and environment variable, in one place.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;
use proofline_server::{Authorities, MailRoute, SmtpFault, SmtpServer};
use url::{Host, Url};

use crate::fault::Fault;

/// What can be chosen about a deployment. Each option has a variable; the option wins.
#[derive(Args, Debug, Clone)]
pub(crate) struct Settings {
    /// Where the embedded database, the server's keys and the published evidence live.
    #[arg(long, env = "PROOFLINE_DATA", default_value = "./data", global = true)]
    pub(crate) data: PathBuf,

    /// Development: secrets are made in the data directory, and only loopback is bound.
    #[arg(long = "dev", env = "PROOFLINE_DEV", value_parser = BoolishValueParser::new(), global = true)]
    pub(crate) development: bool,

    /// Where to listen for the API and the web app. Put a TLS proxy in front of anything but loopback.
    #[arg(long, env = "PROOFLINE_LISTEN", default_value = "127.0.0.1:8800", global = true)]
    pub(crate) listen: SocketAddr,

    /// Where to listen for Prometheus.
    #[arg(long, env = "PROOFLINE_METRICS_LISTEN", default_value = "127.0.0.1:8801", global = true)]
    pub(crate) metrics_listen: SocketAddr,

    /// The address that people and agents use, for example https://compliance.example; required in production.
    #[arg(long, env = "PROOFLINE_PUBLIC_URL", global = true)]
    pub(crate) public_url: Option<String>,

    /// A PostgreSQL server (15 or newer) as the runtime role. Without it a private cluster is supervised in the data
    /// directory.
    #[arg(long, env = "PROOFLINE_DATABASE_URL", hide_env_values = true, global = true)]
    pub(crate) database_url: Option<String>,

    /// The same server as the owner of the schema, for migrations.
    #[arg(long, env = "PROOFLINE_OWNER_DATABASE_URL", hide_env_values = true, global = true)]
    pub(crate) owner_database_url: Option<String>,

    /// The folder of PostgreSQL's programs, for the private cluster. Without it they are looked for in the usual places.
    #[arg(long, env = "PROOFLINE_POSTGRES_PROGRAMS", global = true)]
    pub(crate) postgres_programs: Option<PathBuf>,

    /// Most database connections. One more listens to the other nodes, and one says that this node is there.
    #[arg(long, env = "PROOFLINE_DATABASE_CONNECTIONS", default_value_t = 20, global = true,
          value_parser = clap::value_parser!(u32).range(1..=500))]
    pub(crate) database_connections: u32,

    /// The mail server: smtps://user:password@host, or smtp://user:password@host?tls=required for STARTTLS. Without it mail
    /// waits; in development it is written into the data directory.
    #[arg(long, env = "PROOFLINE_SMTP_URL", hide = true, hide_env_values = true, global = true)]
    pub(crate) smtp_url: Option<String>,

    /// Who mail comes from, for example Proofline <compliance@example.org>. Goes with PROOFLINE_SMTP_URL.
    #[arg(long, env = "PROOFLINE_MAIL_FROM", global = true)]
    pub(crate) mail_from: Option<String>,

    /// A PEM file of certificate authorities that OpenID providers and the mail server may have besides the public ones.
    #[arg(long, env = "PROOFLINE_EXTRA_CA_FILE", global = true)]
    pub(crate) extra_ca_file: Option<String>,

    /// How many proxies in front are trusted to name the client's address in X-Forwarded-For.
    #[arg(long, env = "PROOFLINE_TRUSTED_PROXIES", default_value_t = 0, global = true)]
    pub(crate) trusted_proxies: u8,

    /// A Redis server (6.2 or newer) that all nodes of this deployment share: redis://, rediss:// or redis+unix://.
    #[arg(long, env = "PROOFLINE_REDIS_URL", hide_env_values = true, global = true)]
    pub(crate) redis_url: Option<String>,

    /// How many nodes this deployment has. More than one need PROOFLINE_REDIS_URL. No other server starts beside a single one.
    #[arg(long, env = "PROOFLINE_NODES", default_value_t = 1, global = true,
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) nodes: u32,

    /// Multiplies every request budget; for load tests that come from one address.
    #[arg(long, env = "PROOFLINE_RATE_SCALE", default_value_t = 1, global = true,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate_scale: u32,

    /// Seconds between the check-ins of an appliance.
    #[arg(long, env = "PROOFLINE_CHECK_IN_SECONDS", default_value_t = 60, global = true,
          value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub(crate) check_in_seconds: u64,

    /// Keys the CSRF tokens: at least 32 random characters. Required in production.
    #[arg(long, env = "PROOFLINE_CSRF_KEY", hide = true, hide_env_values = true, global = true)]
    pub(crate) csrf_key: Option<String>,

    /// CSRF keys from before, separated by commas: what was made with them is still taken, nothing new is made.
    #[arg(long, env = "PROOFLINE_EARLIER_CSRF_KEYS", hide = true, hide_env_values = true, global = true)]
    pub(crate) earlier_csrf_keys: Option<String>,

    /// Keys the pre-hash of passwords: at least 32 random characters. Required in production; it can never change.
    #[arg(long, env = "PROOFLINE_PASSWORD_PEPPER", hide = true, hide_env_values = true, global = true)]
    pub(crate) password_pepper: Option<String>,

    /// Seals what the database keeps of other people's secrets: at least 32 random characters. Required in production.
    #[arg(long, env = "PROOFLINE_MASTER_KEY", hide = true, hide_env_values = true, global = true)]
    pub(crate) master_key: Option<String>,

    /// Master keys from before, separated by commas: they open what they sealed until it is sealed anew.
    #[arg(long, env = "PROOFLINE_EARLIER_MASTER_KEYS", hide = true, hide_env_values = true, global = true)]
    pub(crate) earlier_master_keys: Option<String>,
}

/// Whether a browser finds a host in it: a name of letters, digits, hyphens and dots, or an address.
fn is_address(url: &str) -> bool {
    match Url::parse(url).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.'),
        Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
        None => false,
    }
}

impl Settings {
    /// The runtime role's URL. An empty variable, as a template leaves it, is none.
    pub(crate) fn external_database(&self) -> Option<&str> {
        self.database_url.as_deref().filter(|url| !url.is_empty())
    }

    /// The owner's URL, likewise.
    pub(crate) fn owner_database(&self) -> Option<&str> {
        self.owner_database_url.as_deref().filter(|url| !url.is_empty())
    }

    /// The public address without a trailing slash. In development it follows from the listening address.
    pub(crate) fn checked_public_url(&self) -> Result<String, Fault> {
        let url = match (&self.public_url, self.development) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, true) => format!("http://localhost:{}", self.listen.port()),
            (None, false) => {
                return Err(Fault::config(
                    "PROOFLINE_PUBLIC_URL is not set; give the address that people and agents use",
                ));
            }
        };
        let secure = url.starts_with("https://") || (self.development && url.starts_with("http://localhost"));
        let rest = url.split_once("://").map_or("", |(_, rest)| rest);
        if !secure || rest.contains(['/', '?', '#', '@', ' ']) || !is_address(&url) {
            return Err(Fault::config(format!(
                "PROOFLINE_PUBLIC_URL is {url:?}; it must be https:// and a host, without a path"
            )));
        }
        Ok(url)
    }

    /// Where mail goes.
    pub(crate) fn mail(&self) -> Result<MailRoute, Fault> {
        let given = |value: &'_ Option<String>| value.clone().filter(|text| !text.is_empty());
        let (url, from) = (given(&self.smtp_url), given(&self.mail_from));
        match (url, from) {
            (Some(url), Some(from)) => {
                let public_url = self.checked_public_url()?;
                let host = public_url.split_once("://").map_or("", |(_, rest)| rest);
                let host = host.split(':').next().unwrap_or_default();
                SmtpServer::new(&url, &from, host, &self.authorities()?).map(MailRoute::Server).map_err(
                    |fault| match fault {
                        SmtpFault::From => Fault::config(format!("PROOFLINE_MAIL_FROM: {fault}")),
                        SmtpFault::Url | SmtpFault::InTheClear => {
                            Fault::config(format!("PROOFLINE_SMTP_URL: {fault}"))
                        }
                    },
                )
            }
            (Some(_), None) => Err(Fault::config("PROOFLINE_SMTP_URL is set and PROOFLINE_MAIL_FROM is not")),
            (None, _) if self.development => Ok(MailRoute::Folder(self.data.join("mail"))),
            (None, _) => Ok(MailRoute::Nowhere),
        }
    }

    /// The file of authorities that are not public. An empty variable, as a template leaves it, is none.
    pub(crate) fn named_authorities(&self) -> Option<&str> {
        self.extra_ca_file.as_deref().filter(|path| !path.is_empty())
    }

    /// Whose certificates outgoing connections trust.
    pub(crate) fn authorities(&self) -> Result<Authorities, Fault> {
        let Some(path) = self.named_authorities() else { return Ok(Authorities::public()) };
        let unfit =
            |why: &dyn std::fmt::Display| Fault::config(format!("PROOFLINE_EXTRA_CA_FILE: {path}: {why}"));
        let pem = std::fs::read(path).map_err(|error| unfit(&error))?;
        Authorities::with(&pem).map_err(|fault| unfit(&fault))
    }

    /// Makes the folder that everything else is made in, where it is missing.
    pub(crate) fn make_data(&self) -> Result<(), Fault> {
        std::fs::create_dir_all(&self.data).map_err(|error| {
            let said = format!("cannot make the data directory {}: {error}", self.data.display());
            match error.kind() {
                ErrorKind::PermissionDenied | ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
                    Fault::config(said)
                }
                _ => Fault::Failed(anyhow::anyhow!(said)),
            }
        })
    }

    /// In development only loopback may be bound.
    pub(crate) fn check_listeners(&self) -> Result<(), Fault> {
        for address in [self.listen, self.metrics_listen] {
            if self.development && !address.ip().is_loopback() {
                return Err(Fault::config(format!(
                    "development mode binds to loopback only, not to {address}"
                )));
            }
        }
        Ok(())
    }
}
