//! The server's signing keys: files in the data directory, readable by the server alone.
//!
//! `<role>.ed25519` is the first key of a role, `<role>.2.ed25519` its successor, and so on; `<role>.2.statement` is what the
//! first one says about the second. The database knows the public halves and when each signs. What it does not know yet is
//! left alone: it is what an interrupted rotation goes on with.
//!
//! A key that the database knows but the folder no longer holds is never replaced silently: everything signed with it
//! would lose its meaning.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use chrono::{SubsecRound as _, TimeDelta};
use proofline_core::{Entropy, InstallationId, Timestamp};
use proofline_evidence::SigningKey;
use proofline_protocol::{KeyRole, MAX_SUCCESSORS};
use proofline_server::ServerKeys;
use proofline_server::keys::{
    KeyChain, KeyChains, KeyLink, KeyRotationState, SuccessionError, ask, rotation_state, succeed,
};
use proofline_store::{ServerKeyRow, Store};

use crate::database::background_scope;
use crate::entropy::SystemEntropy;
use crate::fault::Fault;

const WORK: &str = "server keys";

/// The keys folder of an installation.
pub(crate) struct Folder {
    path: PathBuf,
    installation: InstallationId,
}

/// What came of the command.
pub(crate) enum Outcome {
    /// Nobody asked, and no reason was given to ask with.
    NotAsked,
    /// An administrator has to approve it.
    Waits {
        /// Whether it was asked for just now.
        is_new: bool,
    },
    /// It has begun.
    UnderWay(Box<Rotation>),
}

/// How a rotation stands.
pub(crate) struct Rotation {
    /// The key before, by its id.
    pub(crate) predecessor: String,
    /// The key after.
    pub(crate) link: KeyLink,
    /// Whether it was under way already.
    pub(crate) is_known: bool,
}

impl Folder {
    /// The folder in this data directory.
    pub(crate) fn new(data: &Path, installation: InstallationId) -> Self {
        Self { path: data.join("keys"), installation }
    }

    /// Reads the keys, or makes the first four at the very first start, and registers their public halves.
    pub(crate) async fn load(&self, store: &Store, at: Timestamp) -> Result<ServerKeys, Fault> {
        let mut scope = background_scope(store, WORK).await?;
        let known = scope.server_keys().await?;
        fs::create_dir_all(&self.path)?;
        fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))?;
        for role in KeyRole::ALL {
            if !known.iter().any(|key| key.role == role.as_str()) {
                let public = self.first(role)?.public_key().clone();
                scope
                    .put_server_key(&ServerKeyRow {
                        key_id: public.id().to_string(),
                        role: role.to_string(),
                        public_key: public.as_bytes().to_vec(),
                        created_at: at,
                        retired_at: None,
                    })
                    .await?;
            }
        }
        let known = scope.server_keys().await?;
        scope.commit_unaudited().await?;
        Ok(ServerKeys::new(self.chains(&known, at)?))
    }

    /// Reads the keys again: a rotation takes effect beside the running server.
    pub(crate) async fn reload(&self, store: &Store, at: Timestamp) -> Result<KeyChains, Fault> {
        let mut scope = background_scope(store, WORK).await?;
        let known = scope.server_keys().await?;
        scope.commit_unaudited().await?;
        self.chains(&known, at)
    }

    /// Asks for the successor of a key for a reason and a number of hours, or if an administrator approved that, makes it and
    /// takes it into the database, or goes on with what an interrupted rotation left. While one is under way, there is no
    /// other.
    pub(crate) async fn rotate(
        &self,
        store: &Store,
        role: KeyRole,
        asked: Option<(&str, u16)>,
        at: Timestamp,
    ) -> Result<Outcome, Fault> {
        let mut scope = background_scope(store, WORK).await?;
        let known = scope.server_keys().await?;
        scope.commit_unaudited().await?;
        let of_role = of(role, &known);
        if let Some(absent) = self.absent(role, &known).first() {
            return Err(missing(role, absent));
        }
        let chain = self.chain(role, &known, at)?;
        let last = chain.last().clone();
        if let Some(link) = chain.last_link().filter(|link| link.predecessor_until > at) {
            let predecessor = of_role.iter().rev().nth(1).map(|row| row.key_id.clone()).unwrap_or_default();
            let rotation = Rotation { predecessor, link: link.clone(), is_known: true };
            return Ok(Outcome::UnderWay(Box::new(rotation)));
        }
        let statements =
            KeyRole::ALL.map(|role| of(role, &known).len().saturating_sub(1)).iter().sum::<usize>();
        if statements >= MAX_SUCCESSORS {
            return Err(Fault::config(format!(
                "no more than {MAX_SUCCESSORS} successors fit into a check-in"
            )));
        }
        let (now, key_id) = ((at, &SystemEntropy as &dyn Entropy), last.id().to_string());
        let Some((request, is_new)) = ask(store, (role, &key_id), asked, now).await? else {
            return Ok(Outcome::NotAsked);
        };
        if rotation_state(&request, at) != KeyRotationState::Approved {
            return Ok(Outcome::Waits { is_new });
        }
        let overlap = TimeDelta::hours(request.overlap_hours.into());
        let place = Place::of(&self.path, role, of_role.len() + 1);
        let (seed, said) = (read_key(&place.key)?, read(&place.statement)?);
        let link = match (&seed, said) {
            (None, Some(_)) => return Err(missing(role, &place)),
            (Some(seed), Some(said)) => self.link(role, &last, seed, &said, &place)?,
            (seed, None) => {
                let fresh = || SigningKey::generate(&SystemEntropy);
                let key = seed.as_ref().map_or_else(fresh, SigningKey::clone);
                // In whole seconds, as checkpoints are dated.
                let not_before = at.trunc_subsecs(0) + overlap;
                KeyLink::sign((self.installation, role), &last, key, not_before, not_before + overlap)?
            }
        };
        let keep = || {
            if seed.is_none() {
                write_new(&place.key, &*link.key.seed())?;
            }
            write_new(&place.statement, link.statement.get().as_bytes()).map_err(Unfit::File)
        };
        succeed(store, (role, &last), &link, (at, &SystemEntropy), keep).await.map_err(
            |unfit| match unfit {
                Unfit::Succession(SuccessionError::NotCurrent) => missing(role, &place),
                Unfit::Succession(error) => error.into(),
                Unfit::File(error) => {
                    let what = format!("cannot write into {}", self.path.display());
                    Fault::Failed(anyhow::Error::new(error).context(what))
                }
            },
        )?;
        Ok(Outcome::UnderWay(Box::new(Rotation { predecessor: key_id, link, is_known: false })))
    }

    /// The files of successors that the database knows and the folder lacks.
    pub(crate) fn absent(&self, role: KeyRole, known: &[ServerKeyRow]) -> Vec<Place> {
        let places = (2..=of(role, known).len()).map(|number| Place::of(&self.path, role, number));
        places.filter(|place| !place.key.exists() || !place.statement.exists()).collect()
    }

    /// What is wrong with the keys of a role beside what the database knows, if anything is: without them no server starts.
    pub(crate) fn defect(&self, role: KeyRole, known: &[ServerKeyRow], at: Timestamp) -> Option<Fault> {
        if of(role, known).is_empty() { None } else { self.chain(role, known, at).err() }
    }

    /// Whether an interrupted rotation left something to go on with.
    pub(crate) fn is_unfinished(&self, role: KeyRole, known: &[ServerKeyRow]) -> bool {
        let next = Place::of(&self.path, role, of(role, known).len() + 1);
        next.key.exists() || next.statement.exists()
    }

    fn chains(&self, known: &[ServerKeyRow], at: Timestamp) -> Result<KeyChains, Fault> {
        KeyChains::of_each(|role| self.chain(role, known, at))
    }

    /// The keys of a role that the database knows. A successor that another node made may be missing for as long as it does
    /// not sign.
    fn chain(&self, role: KeyRole, known: &[ServerKeyRow], at: Timestamp) -> Result<KeyChain, Fault> {
        let known = of(role, known);
        let place = Place::of(&self.path, role, 1);
        let first = read_key(&place.key)?.ok_or_else(|| missing(role, &place))?;
        let unlike = |place: &Place| {
            Fault::config(format!(
                "the {role} key at {} is not the one that this database knows; restore the right one",
                place.key.display()
            ))
        };
        if known.first().is_some_and(|row| row.key_id != first.id().to_string()) {
            return Err(unlike(&place));
        }
        let mut chain = KeyChain::new(first);
        for (number, row) in (2..).zip(known.iter().skip(1)) {
            let place = Place::of(&self.path, role, number);
            let (Some(key), Some(said)) = (read_key(&place.key)?, read(&place.statement)?) else {
                if row.created_at > at {
                    let path = place.key.display();
                    tracing::error!(%role, signs_from = %row.created_at, %path, "the successor of a key is missing");
                    break;
                }
                return Err(missing(role, &place));
            };
            let link = self.link(role, chain.last(), &key, &said, &place)?;
            if row.key_id != key.id().to_string() || row.created_at != link.not_before {
                return Err(unlike(&place));
            }
            chain.push(link);
        }
        Ok(chain)
    }

    fn link(
        &self,
        role: KeyRole,
        predecessor: &SigningKey,
        key: &SigningKey,
        said: &[u8],
        place: &Place,
    ) -> Result<KeyLink, Fault> {
        KeyLink::read((self.installation, role), predecessor, key.clone(), said).map_err(|error| {
            Fault::config(format!("{} is not the right statement: {error}", place.statement.display()))
        })
    }

    /// The first key of a role that this database does not know.
    fn first(&self, role: KeyRole) -> Result<SigningKey, Fault> {
        let path = Place::of(&self.path, role, 1).key;
        if let Some(key) = read_key(&path)? {
            return Ok(key);
        }
        let key = SigningKey::generate(&SystemEntropy);
        write_new(&path, &*key.seed()).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(key)
    }
}

/// Where a key and the statement about it are.
pub(crate) struct Place {
    number: usize,
    pub(crate) key: PathBuf,
    statement: PathBuf,
}

impl Place {
    fn of(folder: &Path, role: KeyRole, number: usize) -> Self {
        let stem = if number == 1 { role.to_string() } else { format!("{role}.{number}") };
        let (key, statement) = (format!("{stem}.ed25519"), format!("{stem}.statement"));
        Self { number, key: folder.join(key), statement: folder.join(statement) }
    }
}

/// Why a successor is not taken.
enum Unfit {
    Succession(SuccessionError),
    File(std::io::Error),
}

impl From<SuccessionError> for Unfit {
    fn from(error: SuccessionError) -> Self {
        Self::Succession(error)
    }
}

impl From<std::io::Error> for Unfit {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}

fn missing(role: KeyRole, place: &Place) -> Fault {
    let what = if place.number == 1 {
        "restore it from your backup, a new one would not fit what was signed"
    } else {
        "copy the keys folder from the node that made it, or restore it from your backup"
    };
    Fault::config(format!("the {role} key is missing at {}; {what}", place.key.display()))
}

/// The keys of a role, the first one first.
fn of(role: KeyRole, known: &[ServerKeyRow]) -> Vec<&ServerKeyRow> {
    let mut known: Vec<_> = known.iter().filter(|key| key.role == role.as_str()).collect();
    known.sort_by_key(|key| key.created_at);
    known
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, Fault> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(Fault::config(format!(
            "{}: {error}; it has to belong to the user that the server runs as",
            path.display()
        ))),
        Err(error) => Err(anyhow::anyhow!("{}: {error}", path.display()).into()),
    }
}

fn read_key(path: &Path) -> Result<Option<SigningKey>, Fault> {
    let Some(bytes) = read(path)? else { return Ok(None) };
    let seed: [u8; 32] = bytes.try_into().map_err(|_| {
        let path = path.display();
        Fault::config(format!("{path} does not hold a key of 32 bytes; restore it from your backup"))
    })?;
    Ok(Some(SigningKey::from_seed(&seed)))
}

/// All or nothing, for the owner alone, and on disk before the database knows of it.
fn write_new(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(".new");
    let mut file =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}
