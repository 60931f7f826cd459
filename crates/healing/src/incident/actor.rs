//! Who made a transition.

use std::fmt;
use std::str::FromStr;

use proofline_core::{OrderId, UserId};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Who made a transition. Text form: `agent`, `server`, `l1`, `l2`, `order:ord_…`, `user:user_…`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// The agent, by observing.
    Agent,
    /// Central Command.
    Server,
    /// A deterministic rule.
    L1,
    /// The planner.
    L2,
    /// A signed order that a person's approval produced.
    Order(OrderId),
    /// A person at the console.
    User(UserId),
}

impl Actor {
    /// The person at the console, if it is one.
    pub const fn person(self) -> Option<UserId> {
        match self {
            Self::User(user) => Some(user),
            Self::Agent | Self::Server | Self::L1 | Self::L2 | Self::Order(_) => None,
        }
    }
}

/// The text names no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown actor {0:?}")]
pub struct UnknownActor(pub String);

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent => f.write_str("agent"),
            Self::Server => f.write_str("server"),
            Self::L1 => f.write_str("l1"),
            Self::L2 => f.write_str("l2"),
            Self::Order(order) => write!(f, "order:{order}"),
            Self::User(user) => write!(f, "user:{user}"),
        }
    }
}

impl FromStr for Actor {
    type Err = UnknownActor;

    fn from_str(text: &str) -> Result<Self, UnknownActor> {
        let unknown = || UnknownActor(text.to_owned());
        Ok(match text.split_once(':') {
            None => match text {
                "agent" => Self::Agent,
                "server" => Self::Server,
                "l1" => Self::L1,
                "l2" => Self::L2,
                _ => return Err(unknown()),
            },
            Some(("order", id)) => Self::Order(id.parse().map_err(|_| unknown())?),
            Some(("user", id)) => Self::User(id.parse().map_err(|_| unknown())?),
            Some(_) => return Err(unknown()),
        })
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_round_trips() {
        for text in ["agent", "server", "l1", "l2", "order:ord_01h455vb4pex5vsknk084sn02q"] {
            assert_eq!(text.parse::<Actor>().expect("an actor").to_string(), text);
        }
        for bad in ["", "l3", "order:", "order:user_01h455vb4pex5vsknk084sn02q", "user"] {
            assert!(bad.parse::<Actor>().is_err(), "{bad:?}");
        }
    }
}
