//! What can go wrong below the query layer.

use std::fmt::Write as _;

/// A store operation's result.
pub type StoreResult<T> = Result<T, StoreError>;

/// Each variant says what was being done; the cause is for our log, never for a client.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such row, or not within the scope's reach: the two are the same answer.
    #[error("{0}: not found")]
    NotFound(&'static str),
    /// A uniqueness rule or a concurrent change got there first.
    #[error("{operation}: conflict on {constraint}")]
    Conflict {
        /// What was being done.
        operation: &'static str,
        /// The constraint or the rule that was hit.
        constraint: String,
    },
    /// The database did not answer in time or cannot be reached; the caller may try again.
    #[error("{operation}: the database is unavailable")]
    Unavailable {
        /// What was being done.
        operation: &'static str,
        /// Why.
        #[source]
        source: Said,
    },
    /// Anything else the database said.
    #[error("{operation}: database error")]
    Database {
        /// What was being done.
        operation: &'static str,
        /// Why.
        #[source]
        source: Said,
    },
    /// A stored value is outside what the types allow: the database was changed behind our back.
    #[error("{operation}: stored value {what} is not valid")]
    Corrupt {
        /// What was being done.
        operation: &'static str,
        /// Which value.
        what: &'static str,
    },
    /// A change was about to be committed without its audit row, or a read with one: a mistake in this program.
    #[error("{0}: committed without the audit row that its action needs")]
    Unaudited(&'static str),
    /// The role could go around row-level security.
    #[error(
        "the database role {role} {why}; Proofline runs only as a role that row-level security applies to"
    )]
    UnsafeRole {
        /// The connected role.
        role: String,
        /// In what way.
        why: &'static str,
    },
}

/// What the database said, fit for a log: without what stood in the rows and parameters that it said it of.
///
/// PostgreSQL repeats them in the detail of a message (`Key (email)=(…) already exists`, `Failing row contains (…)`) and for
/// some errors in the message itself. The detail is never taken over, the message only of kinds of errors that are not about
/// values, and the names of what was hit always.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Said(String);

/// Classes of SQLSTATE whose messages name things of the schema or the server at most.
const ABOUT_NO_VALUE: [&str; 13] =
    ["08", "0A", "25", "26", "28", "34", "3D", "42", "53", "54", "55", "57", "58"];

impl From<sqlx::Error> for Said {
    fn from(error: sqlx::Error) -> Self {
        let sqlx::Error::Database(cause) = &error else { return Self(error.to_string()) };
        let code = cause.code().unwrap_or_default();
        let mut text = format!("SQLSTATE {code}");
        for (what, name) in [("table", cause.table()), ("constraint", cause.constraint())] {
            if let Some(name) = name {
                let _ = write!(text, ", {what} {name}");
            }
        }
        if ABOUT_NO_VALUE.iter().any(|class| code.starts_with(class)) {
            let _ = write!(text, ": {}", cause.message());
        }
        Self(text)
    }
}

/// The part of PostgreSQL that refuses a row for a policy of row-level security. A missing privilege has the same code.
const POLICY_CHECK: &str = "ExecWithCheckOptions";

/// Names the operation that a database error happened in.
pub(crate) trait During<T> {
    /// Wraps the error with `operation`.
    fn during(self, operation: &'static str) -> StoreResult<T>;
}

impl<T> During<T> for Result<T, sqlx::Error> {
    fn during(self, operation: &'static str) -> StoreResult<T> {
        self.map_err(|source| match &source {
            sqlx::Error::RowNotFound => StoreError::NotFound(operation),
            sqlx::Error::Database(cause)
                if cause.is_unique_violation() || cause.is_foreign_key_violation() =>
            {
                StoreError::Conflict {
                    operation,
                    constraint: cause.constraint().unwrap_or("unknown").to_owned(),
                }
            }
            // Written into what the transaction does not see.
            sqlx::Error::Database(cause)
                if cause.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some_and(|cause| {
                    cause.code() == "42501" && cause.routine() == Some(POLICY_CHECK)
                }) =>
            {
                StoreError::NotFound(operation)
            }
            sqlx::Error::Database(cause) => match cause.code().as_deref() {
                // 57xxx operator intervention, 53xxx resources, 40001 serialisation, 40P01 deadlock, 55P03 lock timeout
                Some(code) if code.starts_with("57") || code.starts_with("53") => {
                    StoreError::Unavailable { operation, source: source.into() }
                }
                Some("40001" | "40P01" | "55P03") => {
                    StoreError::Unavailable { operation, source: source.into() }
                }
                _ => StoreError::Database { operation, source: source.into() },
            },
            sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::Io(_)
            | sqlx::Error::Protocol(_) => StoreError::Unavailable { operation, source: source.into() },
            _ => StoreError::Database { operation, source: source.into() },
        })
    }
}

/// A stored value back as the type it must be.
pub(crate) fn stored<T, E>(
    parsed: Result<T, E>,
    operation: &'static str,
    what: &'static str,
) -> StoreResult<T> {
    parsed.map_err(|_| StoreError::Corrupt { operation, what })
}
