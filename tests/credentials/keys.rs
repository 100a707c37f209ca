//! Keys and certificates made while the tests run, so that none lies about.

use std::sync::OnceLock;

use rcgen::{
    Certificate, CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_RSA_SHA256,
    RsaKeySize,
};
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey as _;
use rsa::pkcs8::{DecodePrivateKey as _, LineEnding};

/// A key and certificates for it.
pub struct Identity {
    pub key: KeyPair,
    pub certificate: Certificate,
}

impl Identity {
    fn rsa() -> Self {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        Self::of(key)
    }

    fn of(key: KeyPair) -> Self {
        let certificate = params("application").self_signed(&key).unwrap();
        Self { key, certificate }
    }

    pub fn certificate_pem(&self) -> String {
        self.certificate.pem()
    }

    /// PKCS#8.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// PKCS#1.
    pub fn pkcs1_pem(&self) -> String {
        let key = RsaPrivateKey::from_pkcs8_pem(&self.key_pem()).unwrap();
        key.to_pkcs1_pem(LineEnding::CRLF).unwrap().to_string()
    }

    pub fn pem(&self) -> String {
        self.key_pem() + &self.certificate_pem()
    }

    /// Another certificate for the same key, with these years of validity.
    pub fn valid(&self, from: i32, to: i32) -> String {
        let mut params = params("application");
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(to, 1, 1);
        params.self_signed(&self.key).unwrap().pem()
    }
}

fn params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// The application's.
pub fn ours() -> &'static Identity {
    static MADE: OnceLock<Identity> = OnceLock::new();
    MADE.get_or_init(Identity::rsa)
}

/// Somebody else's.
pub fn theirs() -> &'static Identity {
    static MADE: OnceLock<Identity> = OnceLock::new();
    MADE.get_or_init(Identity::rsa)
}

/// One that isn't RSA.
pub fn elliptic() -> Identity {
    Identity::of(KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap())
}

/// A 1024-bit key, which nothing takes any more.
pub fn short_key_pem() -> String {
    let key = RsaPrivateKey::new(&mut Counting(1), 1024).unwrap();
    key.to_pkcs1_pem(LineEnding::LF).unwrap().to_string()
}

/// The same numbers each time (splitmix64), for a key that guards nothing.
struct Counting(u64);

impl rsa::rand_core::RngCore for Counting {
    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        rsa::rand_core::impls::fill_bytes_via_next(self, out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), rsa::rand_core::Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl rsa::rand_core::CryptoRng for Counting {}
