//! The Redis server that several nodes share, checked like a secret: its URL holds one.

use proofline_server::Shared;

use crate::fault::Fault;
use crate::secrets::defect;
use crate::settings::Settings;

const URL: &str = "PROOFLINE_REDIS_URL";

/// The server of the settings, not connected yet. None where the node is alone; an empty variable, as a template leaves
/// it, is none. Production refuses several nodes without one, and a password that is no secret. The URL is never printed.
pub(crate) fn configured(settings: &Settings) -> Result<Option<Shared>, Fault> {
    let Some(url) = settings.redis_url.as_deref().filter(|url| !url.is_empty()) else {
        if settings.nodes > 1 && !settings.development {
            return Err(Fault::config(format!(
                "{URL} is not set; {} nodes (PROOFLINE_NODES) have to share a Redis server",
                settings.nodes
            )));
        }
        return Ok(None);
    };
    let wrong = |what: &str| Fault::config(format!("{URL} {what}"));
    if url.trim().is_empty() {
        return Err(wrong("is blank; leave it out or give the server's address"));
    }
    if url != url.trim() {
        return Err(wrong("begins or ends with white space"));
    }
    let shared = Shared::new(url).map_err(|error| wrong(&error.to_string()))?;
    if !settings.development {
        check_password(settings, url).map_err(|what| wrong(&what))?;
    }
    Ok(Some(shared))
}

/// What is wrong with the password in the URL. None is needed where nobody else can connect.
fn check_password(settings: &Settings, url: &str) -> Result<(), String> {
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let authority = rest.split('/').next().unwrap_or_default();
    let (credentials, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let password = credentials.split_once(':').map_or("", |(_, password)| password);
    let on_this_machine = scheme.ends_with("unix")
        || ["127.", "localhost", "[::1]"].iter().any(|local| host.starts_with(local));
    let others = [&settings.csrf_key, &settings.password_pepper, &settings.master_key];
    match password {
        "" if on_this_machine => Ok(()),
        "" => Err("holds no password, and the server is on another machine".to_owned()),
        _ if others.into_iter().flatten().any(|other| other == password) => {
            Err("holds a password that is another secret, too; every secret needs a value of its own"
                .to_owned())
        }
        _ => defect(password).map_or(Ok(()), |defect| Err(format!("holds a password that {defect}"))),
    }
}
