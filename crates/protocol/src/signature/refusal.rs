//! Why a request is not from whom it says.

/// A request was refused because of its signature or its signer. All answer 401; the code says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// One of the three headers is not there.
    #[error("the request is not signed")]
    SignatureMissing,
    /// The headers are not of the profile, or the signature is not the key's.
    #[error("the signature is not valid")]
    SignatureInvalid,
    /// No appliance has this key.
    #[error("no appliance has this key")]
    KeyUnknown,
    /// The appliance that has this key was revoked.
    #[error("this appliance was revoked")]
    ApplianceRevoked,
    /// The same request arrived before.
    #[error("this request arrived before")]
    Replayed,
    /// Signed more than [`MAX_SKEW_S`](super::MAX_SKEW_S) seconds away from the server's time.
    #[error("the clocks differ by more than 60 seconds")]
    ClockSkew,
    /// The body is not the one that was signed.
    #[error("the body is not the one that was signed")]
    DigestMismatch,
    /// What the request names belongs to another site than its signer.
    #[error("this belongs to another site")]
    WrongSite,
}

impl Refusal {
    /// Every refusal.
    pub const ALL: [Self; 8] = [
        Self::SignatureMissing,
        Self::SignatureInvalid,
        Self::KeyUnknown,
        Self::ApplianceRevoked,
        Self::Replayed,
        Self::ClockSkew,
        Self::DigestMismatch,
        Self::WrongSite,
    ];

    /// The stable `code` of the problem document.
    pub const fn code(self) -> &'static str {
        match self {
            Self::SignatureMissing => "signature_missing",
            Self::SignatureInvalid => "signature_invalid",
            Self::KeyUnknown => "key_unknown",
            Self::ApplianceRevoked => "appliance_revoked",
            Self::Replayed => "replayed",
            Self::ClockSkew => "clock_skew",
            Self::DigestMismatch => "digest_mismatch",
            Self::WrongSite => "wrong_site",
        }
    }

    /// The refusal that has this code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|refusal| refusal.code() == code)
    }
}
