//! Whose certificates this server trusts where it connects to somebody: OpenID providers, and the mail server.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The public authorities, and those that whoever runs the server names besides.
#[derive(Clone)]
pub struct Authorities(Arc<[CertificateDer<'static>]>);

/// Why a text names no authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthorityFault {
    /// Not PEM, or damaged.
    #[error("it is not in PEM form, or damaged")]
    NotPem,
    /// Nothing in it is a certificate.
    #[error("there is no certificate in it")]
    Empty,
    /// A certificate that cannot be read.
    #[error("a certificate in it cannot be read")]
    Unreadable,
}

impl Authorities {
    /// The public ones alone.
    pub fn public() -> Self {
        Self(Arc::from([]))
    }

    /// The public ones and, of a PEM text, each certificate: one at least, and every one must be sound.
    pub fn with(pem: &[u8]) -> Result<Self, AuthorityFault> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
        let found = found.map_err(|_| AuthorityFault::NotPem)?;
        if found.is_empty() {
            return Err(AuthorityFault::Empty);
        }
        let mut store = RootCertStore::empty();
        for certificate in &found {
            store.add(certificate.clone()).map_err(|_| AuthorityFault::Unreadable)?;
        }
        Ok(Self(found.into()))
    }

    /// Those that are not public.
    pub(crate) fn named(&self) -> &[CertificateDer<'static>] {
        &self.0
    }

    /// All of them.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(self.0.iter().cloned());
        roots
    }
}
