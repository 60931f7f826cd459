//! The simulated person's authenticator app: its secret, and the last time step that it used, in a file of the fleet.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proofline_core::{Clock, Secret, SystemClock};
use serde::{Deserialize, Serialize};

/// Seconds of one code.
const STEP: u64 = 30;

/// The app of one account. Codes are given out once each, as the server takes them.
#[derive(Debug)]
pub struct AppCodes {
    file: PathBuf,
    kept: Option<Kept>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    secret: String,
    used: u64,
}

impl AppCodes {
    /// The app whose secret is kept in this file, if it is there.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(file: &Path) -> std::io::Result<Self> {
        let kept = match std::fs::read(file) {
            Ok(bytes) => Some(serde_json::from_slice(&bytes)?),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        Ok(Self { file: file.to_owned(), kept })
    }

    /// Whether an app was set up.
    pub(super) fn is_set_up(&self) -> bool {
        self.kept.is_some()
    }

    /// Takes over a secret in base 32.
    pub(super) fn set_up(&mut self, secret: &Secret) -> std::io::Result<()> {
        self.kept = Some(Kept { secret: secret.expose().to_owned(), used: 0 });
        self.keep()
    }

    /// A code that was not used yet. Waits where that takes it.
    pub(super) async fn next(&mut self) -> std::io::Result<String> {
        let kept =
            self.kept.as_mut().ok_or_else(|| std::io::Error::other("no authenticator app is set up"))?;
        let secret = totp_rs::Secret::try_from_base32(&kept.secret).map_err(std::io::Error::other)?;
        let app = totp_rs::Builder::new().with_secret(secret).build().map_err(std::io::Error::other)?;
        let now = || u64::try_from(SystemClock.now().timestamp()).unwrap_or(0) / STEP;
        let step = now().max(kept.used + 1);
        // The server takes the code of the next step, too, and none after that.
        while step > now() + 1 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        kept.used = step;
        let code = app.generate(step * STEP).to_string();
        self.keep()?;
        Ok(code)
    }

    fn keep(&self) -> std::io::Result<()> {
        use std::io::Write as _;
        use std::os::unix::fs::OpenOptionsExt as _;
        let bytes = serde_json::to_vec(&self.kept)?;
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.file)?;
        file.write_all(&bytes)
    }
}
