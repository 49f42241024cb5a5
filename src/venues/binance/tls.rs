//! Encrypted connections: one configuration for REST and WebSockets, trusting whom this machine trusts.

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "encrypted connections cannot be set up: {0}; are this machine's root certificates installed \
     (package ca-certificates)?"
)]
pub struct TlsError(String);

/// For addresses that are `encrypted`; for others, one that trusts nobody and needs nothing of the machine.
pub(crate) fn config(encrypted: bool) -> Result<ClientConfig, TlsError> {
    let fault = |error: rustls::Error| TlsError(error.to_string());
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(fault)?;
    Ok(if encrypted {
        builder.with_platform_verifier().map_err(fault)?.with_no_client_auth()
    } else {
        builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()
    })
}
