//! A private key and the certificate that goes with it, found in PEM text.
//!
//! Everything that can be wrong with them is found here, once, so that signing later can't fail for a reason that
//! could have been told when the credential was made.

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::error::KeyRejected;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use x509_parser::asn1_rs::{FromDer as _, Sequence};
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::oid_registry::OID_PKCS1_RSAENCRYPTION;
use x509_parser::x509::AlgorithmIdentifier;

use super::pem::{Block, blocks};
use crate::auth::error::TokenError;
use crate::types::Timestamp;

/// An RSA key that can sign, and what has to be known of its certificate.
pub(super) struct Pair {
    /// Its memory is wiped by the library that holds it.
    pub(super) key: KeyPair,
    /// SHA-256 of the certificate, base64url.
    pub(super) thumbprint: String,
    pub(super) not_before: Timestamp,
    pub(super) not_after: Timestamp,
}

/// Both out of one text.
pub(super) fn read(pem: &[u8]) -> Result<Pair, TokenError> {
    let blocks = blocks(pem)?;
    matching(private_key(&blocks)?, &blocks)
}

/// Each out of its own text; a key beside the certificates isn't looked at.
pub(super) fn read_two(certificates: &[u8], key: &[u8]) -> Result<Pair, TokenError> {
    let certificates = blocks(certificates)?;
    matching(private_key(&blocks(key)?)?, &certificates)
}

fn private_key(blocks: &[Block]) -> Result<KeyPair, TokenError> {
    let wrong = TokenError::permanent;
    let mut keys = blocks.iter().filter(|block| block.label.ends_with("PRIVATE KEY"));
    let block = keys.next().ok_or_else(|| wrong("the PEM text holds no private key"))?;
    if keys.next().is_some() {
        return Err(wrong("the PEM text holds more than one private key: which is meant?"));
    }
    if block.encrypted || block.label == "ENCRYPTED PRIVATE KEY" {
        return Err(wrong("the private key is encrypted: decrypt it first (openssl pkey)"));
    }
    let read = match block.label.as_str() {
        "RSA PRIVATE KEY" => KeyPair::from_der(&block.der),
        "PRIVATE KEY" => match is_rsa(&block.der) {
            Some(false) => return Err(not_rsa()),
            _ => KeyPair::from_pkcs8(&block.der),
        },
        _ => return Err(not_rsa()),
    };
    read.map_err(|why: KeyRejected| {
        wrong("the private key isn't a usable RSA key of 2048 to 8192 bits").caused_by(why)
    })
}

fn not_rsa() -> TokenError {
    TokenError::permanent("the private key isn't an RSA key, and Entra takes no other here")
}

/// `None` if it can't be read as PKCS#8.
fn is_rsa(pkcs8: &[u8]) -> Option<bool> {
    let algorithm = Sequence::from_der_and_then::<_, _, X509Error>(pkcs8, |content| {
        let (rest, _version) = u8::from_der(content).map_err(x509_parser::nom::Err::convert)?;
        AlgorithmIdentifier::from_der(rest)
    });
    let (_, algorithm) = algorithm.ok()?;
    Some(algorithm.algorithm == OID_PKCS1_RSAENCRYPTION)
}

/// The certificate of the key among these, whatever their order; the others are its chain.
fn matching(key: KeyPair, blocks: &[Block]) -> Result<Pair, TokenError> {
    let mut seen = 0;
    let is_certificate =
        |block: &&Block| ["CERTIFICATE", "X509 CERTIFICATE"].contains(&block.label.as_str());
    for block in blocks.iter().filter(is_certificate) {
        seen += 1;
        let unreadable =
            || TokenError::permanent(format!("certificate {seen} of the PEM text can't be read"));
        let (_, certificate) =
            X509Certificate::from_der(&block.der).map_err(|e| unreadable().caused_by(e))?;
        if *certificate.public_key().subject_public_key.data == *key.public_key().as_ref() {
            let validity = certificate.validity();
            return Ok(Pair {
                key,
                thumbprint: URL_SAFE_NO_PAD.encode(digest(&SHA256, certificate.as_raw())),
                not_before: timestamp(validity.not_before.timestamp()),
                not_after: timestamp(validity.not_after.timestamp()),
            });
        }
    }
    Err(TokenError::permanent(match seen {
        0 => "the PEM text holds no certificate".to_owned(),
        1 => "the private key doesn't belong to the certificate".to_owned(),
        n => format!("the private key belongs to none of the {n} certificates"),
    }))
}

/// Certificates may be valid from long before 1970.
fn timestamp(unix_seconds: i64) -> Timestamp {
    let distance = Duration::from_secs(unix_seconds.unsigned_abs());
    let epoch = Timestamp::from(SystemTime::UNIX_EPOCH);
    if unix_seconds < 0 { epoch.minus(distance) } else { epoch.plus(distance) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_on_both_sides_of_1970_are_read() {
        assert_eq!(timestamp(0).to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(-86_400).to_string(), "1969-12-31T00:00:00Z");
        assert_eq!(timestamp(4_102_444_800).to_string(), "2100-01-01T00:00:00Z");
        assert_eq!(timestamp(i64::MAX).to_string().get(..5), Some("9999-"));
    }
}
