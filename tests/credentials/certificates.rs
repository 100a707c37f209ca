//! Client certificates: what is signed, held against another implementation, and every pair that is refused.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use defender_response::{ClientCertificate, Result, TokenError, TokenErrorKind, TokenSource};
use rsa::RsaPublicKey;
use rsa::pkcs8::DecodePublicKey as _;
use rsa::pss::{Signature, VerifyingKey};
use rsa::sha2::{Digest as _, Sha256};
use rsa::signature::Verifier as _;
use serde_json::Value;

use crate::keys::{Identity, elliptic, ours, short_key_pem, theirs};
use crate::setup::{
    A_TOKENS_LIFE, APPLICATION, START, Stage, TENANT, application, call, chain, refused,
};

fn from_pem(pem: impl AsRef<[u8]>) -> std::result::Result<ClientCertificate, TokenError> {
    ClientCertificate::from_pem(TENANT, APPLICATION, pem)
}

fn thumbprint(identity: &Identity) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(identity.certificate.der()))
}

/// An application with our certificate.
fn stage() -> Stage {
    Stage::of(application().certificate(thumbprint(ours())))
}

fn assertions(stage: &Stage) -> Vec<String> {
    stage.forms().iter().map(|form| form["client_assertion"].clone()).collect()
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn verifies(assertion: &str, identity: &Identity) -> bool {
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = RsaPublicKey::from_public_key_pem(&identity.key.public_key_pem()).unwrap();
    let signature = Signature::try_from(signature.as_slice()).unwrap();
    VerifyingKey::<Sha256>::new(key).verify(signed.as_bytes(), &signature).is_ok()
}

#[tokio::test(start_paused = true)]
async fn another_implementation_verifies_what_was_signed() {
    let stage = stage();
    let client = stage.client(from_pem(ours().pem()).unwrap());
    call(&client).await.unwrap();

    let form = &stage.forms()[0];
    assert!(!form.contains_key("client_secret"));
    assert_eq!(form["client_id"], APPLICATION);
    assert_eq!(
        form["client_assertion_type"],
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    );
    let assertion = &form["client_assertion"];
    assert!(verifies(assertion, ours()), "{assertion}");
    assert!(!verifies(assertion, theirs()), "the check itself tells keys apart");
}

#[tokio::test(start_paused = true)]
async fn the_assertion_says_what_the_page_asks_for() {
    let stage = stage();
    let client = stage.client(from_pem(ours().pem()).unwrap());
    call(&client).await.unwrap();
    tokio::time::sleep(A_TOKENS_LIFE).await;
    call(&client).await.unwrap();

    let mut ids = HashSet::new();
    for (assertion, later) in assertions(&stage).iter().zip([0, A_TOKENS_LIFE.as_secs()]) {
        let parts: Vec<_> = assertion.split('.').collect();
        let (header, mut claims) = (decoded(parts[0]), decoded(parts[1]));
        let known = serde_json::json!({
            "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint(ours()),
        });
        assert_eq!(header, known);

        let jti = claims["jti"].take().as_str().unwrap().to_owned();
        assert_eq!(jti.len(), 36);
        assert!(ids.insert(jti), "each has an id of its own");
        let now = START.parse::<defender_response::Timestamp>().unwrap().unix_seconds()
            + i64::try_from(later).unwrap();
        let authority = stage.emulator.authority().trim_end_matches('/');
        let known = serde_json::json!({
            "aud": format!("{authority}/{TENANT}/oauth2/v2.0/token"),
            "iss": APPLICATION, "sub": APPLICATION, "jti": null,
            "nbf": now, "iat": now, "exp": now + 600,
        });
        assert_eq!(claims, known);
    }
    assert_eq!(ids.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn every_usual_form_of_a_pair_signs_in() {
    let ours = ours();
    let (certificate, chain) = (ours.certificate_pem(), theirs().certificate_pem());
    let bags = format!("Bag Attributes\n    friendlyName: x\n{}", ours.pem());
    for pem in [
        ours.key_pem() + &certificate,
        certificate.clone() + &ours.pkcs1_pem(),
        certificate.clone() + &chain + &ours.key_pem(),
        chain.clone() + &certificate + &ours.key_pem(),
        format!("\u{feff}{}", ours.pem().replace('\n', "\r\n")),
        bags,
    ] {
        let credential = from_pem(&pem).unwrap();
        assert_eq!(credential.thumbprint(), thumbprint(ours));
        let stage = stage();
        call(&stage.client(credential)).await.unwrap();
        assert!(verifies(&assertions(&stage)[0], ours));
    }
    for key in [ours.key_pem(), ours.pkcs1_pem()] {
        let whole = certificate.clone() + &theirs().key_pem();
        let two = ClientCertificate::from_pem_pair(TENANT, APPLICATION, whole, key).unwrap();
        call(&stage().client(two)).await.unwrap();
    }
}

#[test]
fn a_pair_that_can_not_work_is_refused_with_the_reason() {
    let ours = ours();
    let (certificate, key) = (ours.certificate_pem(), ours.key_pem());
    let broken = certificate.replacen("\nMII", "\nMIJ", 1);
    let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let old_way = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
    let cut = key.replace("-----END", "-----");
    let no_key = key.replacen("\nMII", "\nAAA", 1);
    for (pem, wrong) in [
        (String::new(), "isn't PEM"),
        ("s3cret".to_owned(), "isn't PEM"),
        (certificate.clone(), "no private key"),
        (key.clone(), "no certificate"),
        (theirs().key_pem() + &certificate, "doesn't belong to the certificate"),
        (
            elliptic().certificate_pem() + &theirs().certificate_pem() + &key,
            "belongs to none of the 2 certificates",
        ),
        (elliptic().pem(), "isn't an RSA key"),
        (
            "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n".to_owned(),
            "isn't an RSA key",
        ),
        (short_key_pem() + &certificate, "2048 to 8192 bits"),
        (no_key + &certificate, "isn't a usable RSA key"),
        (key.clone() + &theirs().key_pem() + &certificate, "more than one private key"),
        (encrypted + &certificate, "is encrypted"),
        (old_way.to_owned() + &certificate, "is encrypted"),
        (certificate.clone() + &cut, "PRIVATE KEY has no end"),
        (key.clone() + &broken, "certificate 1 of the PEM text can't be read"),
        ("\n".repeat(1 << 20) + &ours.pem(), "longer than 1 MiB"),
    ] {
        let error = from_pem(&pem).unwrap_err();
        let shown = chain(&error);
        assert!(error.is_permanent() && shown.contains(wrong), "{wrong:?} is not in {shown}");
        shows_no_key(&shown);
    }
    let swapped = ClientCertificate::from_pem_pair(TENANT, APPLICATION, key, certificate);
    assert!(swapped.unwrap_err().to_string().contains("no private key"));
    let binary = from_pem(ours.certificate.der()).unwrap_err();
    assert!(binary.to_string().contains("is binary"), "{binary}");
}

#[test]
fn no_damage_to_a_pair_makes_it_panic_or_show_its_key() {
    let block = |label: &str, der: &[u8]| {
        let encoded = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN {label}-----\n{encoded}\n-----END {label}-----\n")
    };
    let (certificate, key) = (ours().certificate.der().to_vec(), ours().key.serialize_der());
    for at in 0..certificate.len().min(key.len()) {
        let damage = u8::try_from(at % 255).unwrap() + 1;
        let (mut certificate, mut key) = (certificate.clone(), key.clone());
        certificate[at] ^= damage;
        if at % 5 == 0 {
            key[at] ^= damage;
        }
        let pem = block("CERTIFICATE", &certificate) + &block("PRIVATE KEY", &key);
        for pem in [pem.as_str(), pem.get(..at * 4).unwrap_or_default()] {
            if let Err(error) = from_pem(pem) {
                shows_no_key(&chain(&error));
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_outside_its_dates_is_refused_when_the_client_is_built() {
    let ours = ours();
    for (from, to, wrong) in [(2001, 2002, "has expired"), (2101, 2102, "isn't valid yet")] {
        let credential = from_pem(ours.key_pem() + &ours.valid(from, to)).unwrap();
        let shown = refused(stage().try_client(credential));
        assert!(shown.contains(wrong), "{shown}");
        let dates = format!("from {from}-01-01T00:00:00Z to {to}-01-01T00:00:00Z");
        assert!(shown.contains(&dates), "{shown}");
    }
    let credential = from_pem(ours.key_pem() + &ours.valid(2001, 2101)).unwrap();
    assert_eq!(credential.expires().unwrap().to_string(), "2101-01-01T00:00:00Z");
    assert!(stage().try_client(credential).is_ok());
}

#[tokio::test]
async fn tenant_and_application_are_checked_as_of_any_credential() {
    let build = |tenant: &str, application: &str| -> Result<_> {
        let pem = ours().pem();
        let credential = ClientCertificate::from_pem(tenant, application, pem).unwrap();
        assert_eq!(credential.tenant(), Some(tenant));
        assert_eq!(credential.application(), Some(application));
        stage().try_client(credential)
    };
    assert!(refused(build("", APPLICATION)).contains("neither a tenant id"));
    assert!(refused(build(TENANT, "my-app")).contains("not a GUID"));
    assert!(build("contoso.example", APPLICATION).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_not_registered_is_entras_error_and_shows_nothing() {
    let stage = stage();
    let client = stage.client(from_pem(theirs().pem()).unwrap());
    let error = call(&client).await.unwrap_err();
    let shown = chain(&error);
    assert!(shown.contains("AADSTS700027"), "{shown}");
    let cause = std::error::Error::source(&error).and_then(|e| e.downcast_ref::<TokenError>());
    assert_eq!(cause.unwrap().kind(), TokenErrorKind::WrongAssertion);
    let assertion = &assertions(&stage)[0];
    assert!(assertion.split('.').all(|part| !shown.contains(part)), "{shown}");
}

#[test]
fn debug_shows_who_signs_in_and_no_key() {
    let credential = from_pem(ours().pem()).unwrap();
    let shown = format!("{credential:?} {credential:#?}");
    assert!(shown.contains(APPLICATION) && shown.contains(&thumbprint(ours())), "{shown}");
    shows_no_key(&shown);
}

/// Neither as text nor as the numbers of a byte slice.
fn shows_no_key(shown: &str) {
    let pem = ours().key_pem();
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    for line in lines {
        assert!(!shown.contains(line), "{shown}");
    }
    let bytes = format!("{:?}", &ours().key.serialize_der()[60..72]);
    assert!(!shown.contains(bytes.trim_matches(['[', ']'])), "{shown}");
}
