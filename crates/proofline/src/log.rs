//! Log lines: JSON for machines, nothing but warnings for people.

use tracing_subscriber::EnvFilter;

use crate::fault::Fault;

/// Who reads the log.
pub(crate) enum Style {
    /// A log collector.
    Json,
    /// A person at a terminal, who wants to see only what went wrong.
    Quiet,
}

const FILTER: &str = "PROOFLINE_LOG";

/// Installs the log for this process. `PROOFLINE_LOG` filters it, for example `info,proofline_server=debug`.
pub(crate) fn install(style: &Style) -> Result<(), Fault> {
    // What an authenticator sends that is none is no error of ours; that it was refused is in the audit log.
    let default = match style {
        Style::Json => "info,sqlx=warn,webauthn_rs_core=off",
        Style::Quiet => "warn,webauthn_rs_core=off",
    };
    let filter = match std::env::var(FILTER) {
        Ok(wanted) if !wanted.is_empty() => EnvFilter::try_new(&wanted)
            .map_err(|error| Fault::config(format!("{FILTER} is {wanted:?}: {error}")))?,
        Ok(_) | Err(_) => EnvFilter::new(default),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match style {
        Style::Json => {
            builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
        }
        Style::Quiet => builder.with_target(false).without_time().init(),
    }
    Ok(())
}
