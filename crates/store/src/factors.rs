//! Second factors: what a person can prove besides a password, and what a session has proved.

use proofline_core::{
    Assurance, FactorRequirement, PartnerId, PasskeyId, Role, SessionId, Timestamp, UserId,
};
use proofline_vault::Sealed;
use sqlx::PgConnection;

use crate::error::{During, stored};
use crate::{Scope, SignIn, StoreResult};

/// What somebody has enrolled, and what is asked of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factors {
    /// When an authenticator app was confirmed.
    pub totp_since: Option<Timestamp>,
    /// How many passkeys.
    pub passkeys: i64,
    /// Recovery codes that were not used yet.
    pub recovery_codes_left: i64,
    /// What the policy asks.
    pub required: FactorRequirement,
}

impl Factors {
    /// Whether there is anything to prove. Recovery codes alone are no factor: they replace one.
    pub const fn enrolled(&self) -> bool {
        self.totp_since.is_some() || self.passkeys > 0
    }

    /// Whether something is enrolled that satisfies the policy.
    pub const fn satisfiable(&self) -> bool {
        match self.required {
            FactorRequirement::Any => self.enrolled(),
            FactorRequirement::Passkey => self.passkeys > 0,
        }
    }
}

/// An authenticator app's secret as stored.
#[derive(Debug, Clone)]
pub struct StoredTotp {
    /// The sealed secret.
    pub secret: Sealed,
    /// When a first code was right.
    pub confirmed_at: Option<Timestamp>,
}

/// A passkey as stored.
#[derive(Debug, Clone)]
pub struct Passkey {
    /// Which.
    pub id: PasskeyId,
    /// What its person calls it.
    pub name: String,
    /// The public key, the counter, and what the authenticator said of itself.
    pub credential: serde_json::Value,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it last proved something.
    pub last_used_at: Option<Timestamp>,
}

/// What a session becomes when something was proved in it.
#[derive(Debug, Clone, Copy)]
pub struct ProvedSession {
    /// Which.
    pub id: SessionId,
    /// The digest of the token that it has from now on.
    pub token_digest: [u8; 32],
    /// What it may reach from now on.
    pub assurance: Assurance,
    /// When it was proved.
    pub at: Timestamp,
}

/// One line of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FactorRule {
    /// Whom it is about.
    pub role: Role,
    /// Only where a partner looks after them; none: on the whole installation.
    pub partner: Option<PartnerId>,
    /// What it asks.
    pub requirement: FactorRequirement,
}

async fn prove_session(connection: &mut PgConnection, proved: &ProvedSession) -> StoreResult<bool> {
    let changed = sqlx::query!(
        "UPDATE session SET token_digest = $2, assurance = $3, proved_at = $4, last_active_at = $4
         WHERE id = $1 AND ended_at IS NULL",
        proved.id.uuid(),
        proved.token_digest.as_slice(),
        proved.assurance.as_str(),
        proved.at
    )
    .execute(connection)
    .await
    .during("prove session")?;
    Ok(changed.rows_affected() == 1)
}

impl SignIn {
    /// Gives a session that was started here what it was started with, where that is more than a password.
    pub async fn prove_session(&mut self, proved: &ProvedSession) -> StoreResult<bool> {
        prove_session(self.connection(), proved).await
    }

    /// What a person has enrolled, and what is asked of them. `partner`: who looks after them, if anybody.
    pub async fn factors(&mut self, user: UserId, partner: Option<PartnerId>) -> StoreResult<Factors> {
        const OPERATION: &str = "read second factors";
        let row = sqlx::query!(
            r#"SELECT (SELECT t.confirmed_at FROM totp_factor t WHERE t.user_id = p.id) AS totp_since,
                (SELECT count(*) FROM passkey k WHERE k.user_id = p.id) AS "passkeys!",
                (SELECT count(*) FROM recovery_code r WHERE r.user_id = p.id AND r.used_at IS NULL) AS "codes!",
                CASE WHEN EXISTS (SELECT FROM factor_policy f WHERE f.role = p.role AND f.requirement = 'passkey'
                    AND (f.partner_id IS NULL OR f.partner_id = $2))
                    THEN 'passkey' ELSE 'any' END AS "required!"
               FROM person p WHERE p.id = $1"#,
            user.uuid(),
            partner.map(PartnerId::uuid)
        )
        .fetch_one(self.connection())
        .await
        .during(OPERATION)?;
        Ok(Factors {
            totp_since: row.totp_since,
            passkeys: row.passkeys,
            recovery_codes_left: row.codes,
            required: stored(row.required.parse(), OPERATION, "requirement")?,
        })
    }
}

impl Scope {
    /// A person's authenticator app, locked until this scope ends.
    pub async fn lock_totp(&mut self, user: UserId) -> StoreResult<Option<StoredTotp>> {
        sqlx::query!(
            "SELECT secret_sealed, secret_key, confirmed_at FROM totp_factor WHERE user_id = $1 FOR UPDATE",
            user.uuid()
        )
        .map(|row| StoredTotp {
            secret: Sealed { key: row.secret_key, token: row.secret_sealed },
            confirmed_at: row.confirmed_at,
        })
        .fetch_optional(self.query())
        .await
        .during("read authenticator app")
    }

    /// Begins an enrolment, in place of one that was never confirmed. `false` where one was.
    pub async fn put_totp(&mut self, user: UserId, secret: &Sealed, at: Timestamp) -> StoreResult<bool> {
        let put = sqlx::query!(
            "INSERT INTO totp_factor AS t (user_id, secret_sealed, secret_key, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (user_id) DO UPDATE SET secret_sealed = $2, secret_key = $3, created_at = $4
             WHERE t.confirmed_at IS NULL",
            user.uuid(),
            secret.token,
            secret.key,
            at
        )
        .execute(self.query())
        .await
        .during("begin authenticator app")?;
        Ok(put.rows_affected() == 1)
    }

    /// Takes the code of a time step, once. `false` where this step, or a later one, was taken before.
    pub async fn take_totp_step(&mut self, user: UserId, step: i64, at: Timestamp) -> StoreResult<bool> {
        let taken = sqlx::query!(
            "UPDATE totp_factor SET last_step = $2, confirmed_at = coalesce(confirmed_at, $3)
             WHERE user_id = $1 AND last_step < $2",
            user.uuid(),
            step,
            at
        )
        .execute(self.query())
        .await
        .during("take code")?;
        Ok(taken.rows_affected() == 1)
    }

    /// Forgets a person's authenticator app. `false` where there is none.
    pub async fn remove_totp(&mut self, user: UserId) -> StoreResult<bool> {
        let removed = sqlx::query!("DELETE FROM totp_factor WHERE user_id = $1", user.uuid())
            .execute(self.query())
            .await
            .during("remove authenticator app")?;
        Ok(removed.rows_affected() == 1)
    }

    /// Replaces a person's recovery codes by these digests.
    pub async fn replace_recovery_codes(
        &mut self,
        user: UserId,
        digests: &[[u8; 32]],
        at: Timestamp,
    ) -> StoreResult<()> {
        const OPERATION: &str = "replace recovery codes";
        sqlx::query!("DELETE FROM recovery_code WHERE user_id = $1", user.uuid())
            .execute(self.query())
            .await
            .during(OPERATION)?;
        let digests: Vec<Vec<u8>> = digests.iter().map(|digest| digest.to_vec()).collect();
        sqlx::query!(
            "INSERT INTO recovery_code (user_id, code_digest, created_at) SELECT $1, d, $3 FROM unnest($2::bytea[]) d",
            user.uuid(),
            &digests,
            at
        )
        .execute(self.query())
        .await
        .during(OPERATION)
        .map(drop)
    }

    /// Uses a recovery code up. Of two callers one gets `true`.
    pub async fn take_recovery_code(
        &mut self,
        user: UserId,
        digest: &[u8; 32],
        at: Timestamp,
    ) -> StoreResult<bool> {
        let taken = sqlx::query!(
            "UPDATE recovery_code SET used_at = $3 WHERE user_id = $1 AND code_digest = $2 AND used_at IS NULL",
            user.uuid(),
            digest.as_slice(),
            at
        )
        .execute(self.query())
        .await
        .during("take recovery code")?;
        Ok(taken.rows_affected() == 1)
    }

    /// Forgets everything that a person has enrolled, so that they enrol anew.
    pub async fn remove_factors(&mut self, user: UserId) -> StoreResult<()> {
        sqlx::query!(
            "WITH t AS (DELETE FROM totp_factor WHERE user_id = $1), r AS (DELETE FROM recovery_code WHERE user_id = $1)
             DELETE FROM passkey WHERE user_id = $1",
            user.uuid()
        )
        .execute(self.query())
        .await
        .during("remove second factors")
        .map(drop)
    }

    /// A person's passkeys, oldest first. Nobody has many: at most twenty can be added.
    pub async fn passkeys(&mut self, user: UserId) -> StoreResult<Vec<Passkey>> {
        sqlx::query!(
            "SELECT id, name, credential, created_at, last_used_at FROM passkey WHERE user_id = $1 ORDER BY created_at, id",
            user.uuid()
        )
        .map(|row| Passkey {
            id: PasskeyId::from_uuid(row.id),
            name: row.name,
            credential: row.credential,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
        })
        .fetch_all(self.query())
        .await
        .during("list passkeys")
    }

    /// How many confirmed authenticator apps (none or one) and passkeys a person has.
    pub async fn factor_counts(&mut self, user: UserId) -> StoreResult<(i64, i64)> {
        sqlx::query!(
            r#"SELECT (SELECT count(*) FROM totp_factor WHERE user_id = $1 AND confirmed_at IS NOT NULL) AS "totp!",
                (SELECT count(*) FROM passkey WHERE user_id = $1) AS "passkeys!""#,
            user.uuid()
        )
        .map(|row| (row.totp, row.passkeys))
        .fetch_one(self.query())
        .await
        .during("count second factors")
    }

    /// Makes whoever changes this person's factors wait for each other.
    pub async fn lock_person(&mut self, user: UserId) -> StoreResult<()> {
        sqlx::query!("SELECT id FROM person WHERE id = $1 FOR NO KEY UPDATE", user.uuid())
            .fetch_one(self.query())
            .await
            .during("lock person")
            .map(drop)
    }

    /// Forgets earlier attempts after a success.
    pub async fn forget_attempts(&mut self, account: &[u8; 32]) -> StoreResult<()> {
        sqlx::query!("DELETE FROM sign_in_attempt WHERE account = $1", account.as_slice())
            .execute(self.query())
            .await
            .during("clear attempts")
            .map(drop)
    }

    /// Gives a live session what was proved in it, under a new token: the one before is dead at once. `false` where the
    /// session ended meanwhile.
    pub async fn prove_session(&mut self, proved: &ProvedSession) -> StoreResult<bool> {
        prove_session(self.query(), proved).await
    }

    /// The policy within reach: of the installation, or of one partner. At most a line per role and partner.
    pub async fn factor_rules(&mut self, partner: Option<PartnerId>) -> StoreResult<Vec<FactorRule>> {
        const OPERATION: &str = "list second factor policy";
        sqlx::query!(
            "SELECT role, partner_id, requirement FROM factor_policy WHERE partner_id IS NOT DISTINCT FROM $1 ORDER BY role",
            partner.map(PartnerId::uuid)
        )
        .fetch_all(self.query())
        .await
        .during(OPERATION)?
        .into_iter()
        .map(|row| {
            Ok(FactorRule {
                role: stored(row.role.parse(), OPERATION, "role")?,
                partner: row.partner_id.map(PartnerId::from_uuid),
                requirement: stored(row.requirement.parse(), OPERATION, "requirement")?,
            })
        })
        .collect()
    }

    /// Sets one line of the policy.
    pub async fn put_factor_rule(&mut self, rule: &FactorRule) -> StoreResult<()> {
        sqlx::query!(
            "INSERT INTO factor_policy (role, partner_id, requirement) VALUES ($1, $2, $3)
             ON CONFLICT (role, partner_id) DO UPDATE SET requirement = $3",
            rule.role.as_str(),
            rule.partner.map(PartnerId::uuid),
            rule.requirement.as_str()
        )
        .execute(self.query())
        .await
        .during("set second factor policy")
        .map(drop)
    }
}
