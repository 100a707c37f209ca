//! Client secrets: fixed, from a file, from a provider; rotated while the program runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use defender_response::emulator::AppSetup;
use defender_response::{ClientSecret, Secret, Timestamp, TokenError, TokenErrorKind, TokenSource};

use crate::setup::{
    A_TOKENS_LIFE, APPLICATION, START, Stage, TENANT, TempFile, call, chain, refused,
};

/// An application whose secret `old` has expired and `new` hasn't.
fn rotated() -> Stage {
    let started: Timestamp = START.parse().unwrap();
    let application = AppSetup::new(APPLICATION, "new").secret("old", Some(started));
    Stage::of(application.roles(["Machine.Read.All"]))
}

fn secrets(stage: &Stage) -> Vec<String> {
    stage.forms().iter().map(|form| form["client_secret"].clone()).collect()
}

fn from_file(file: &TempFile) -> ClientSecret {
    ClientSecret::from_file(TENANT, APPLICATION, file.path())
}

#[tokio::test(start_paused = true)]
async fn a_file_is_read_again_at_every_fetch() {
    let stage = Stage::of(
        AppSetup::new(APPLICATION, "one").secret("two", None).roles(["Machine.Read.All"]),
    );
    let file = TempFile::holding("\u{feff}one\r\n");
    let client = stage.client(from_file(&file));
    let _ = call(&client).await;
    let _ = call(&client).await;
    file.write("two\n");
    tokio::time::sleep(A_TOKENS_LIFE).await;
    let _ = call(&client).await;
    assert_eq!(secrets(&stage), ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_rotated_while_it_is_sent_is_read_again_and_tried() {
    let stage = rotated();
    let file = Arc::new(TempFile::holding("old"));
    let client = stage.client(from_file(&file));
    let rotating = Arc::clone(&file);
    stage.wire.before_answering(move || rotating.write("new"));
    call(&client).await.unwrap();
    assert_eq!(secrets(&stage), ["old", "new"]);
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_secret_is_tried_only_once() {
    let stage = rotated();
    let file = TempFile::holding("old");
    let error = call(&stage.client(from_file(&file))).await.unwrap_err();
    assert!(chain(&error).contains("AADSTS7000222"), "{error}");
    assert_eq!(secrets(&stage), ["old"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_reading_that_fails_leaves_entras_own_error() {
    let stage = rotated();
    let file = Arc::new(TempFile::holding("old"));
    let client = stage.client(from_file(&file));
    let rotating = Arc::clone(&file);
    stage.wire.before_answering(move || rotating.write(""));
    let error = call(&client).await.unwrap_err();
    assert!(chain(&error).contains("AADSTS7000222"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_provider_is_asked_at_every_fetch_and_once_more_when_its_secret_is_refused() {
    let stage = rotated();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let credential = ClientSecret::from_provider(TENANT, APPLICATION, move || {
        let first = count.fetch_add(1, Ordering::Relaxed) == 0;
        Ok(Secret::new(if first { "wrong" } else { "new" }))
    });
    let client = stage.client(credential.clone());
    assert_eq!(asked.load(Ordering::Relaxed), 0, "building asks for nothing");
    let before = credential.fingerprint();
    call(&client).await.unwrap();
    assert_eq!(secrets(&stage), ["wrong", "new"]);
    assert_ne!(credential.fingerprint(), before);
    tokio::time::sleep(A_TOKENS_LIFE).await;
    call(&client).await.unwrap();
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[tokio::test(start_paused = true)]
async fn other_refusals_are_not_tried_with_another_secret() {
    let stage = Stage::of(AppSetup::new(APPLICATION, "new").disabled());
    let asked = Arc::new(AtomicUsize::new(0));
    let credential = ClientSecret::from_provider(TENANT, APPLICATION, move || {
        Ok(Secret::new(format!("secret {}", asked.fetch_add(1, Ordering::Relaxed))))
    });
    let error = call(&stage.client(credential)).await.unwrap_err();
    assert!(chain(&error).contains("AADSTS7000112"), "{error}");
    assert_eq!(stage.forms().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_gives_panics_or_nothing_is_an_error_and_the_next_call_recovers() {
    let stage = rotated();
    let asked = AtomicUsize::new(0);
    let credential = ClientSecret::from_provider(TENANT, APPLICATION, move || {
        match asked.fetch_add(1, Ordering::Relaxed) {
            0 => Err(TokenError::new(TokenErrorKind::Transient, "the vault is sealed")),
            1 => Ok(Secret::new(" \n")),
            2 => panic!("the vault's library has an error"),
            _ => Ok(Secret::new("new")),
        }
    });
    // A client of its own for each, since one may leave a failing credential alone for a while.
    for wrong in ["the vault is sealed", "gave an empty secret", "provider panicked"] {
        let error = call(&stage.client(credential.clone())).await.unwrap_err();
        assert!(chain(&error).contains(wrong), "{}", chain(&error));
    }
    assert!(stage.forms().is_empty(), "nothing was sent");
    call(&stage.client(credential)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_file_that_goes_bad_is_an_error_of_that_fetch_and_the_next_recovers() {
    let stage = rotated();
    let file = TempFile::holding("new");
    let client = stage.client(from_file(&file));
    call(&client).await.unwrap();
    for (content, wrong) in
        [(None, "can't be opened"), (Some(""), "is empty"), (Some("a\nb"), "more than one line")]
    {
        match content {
            None => file.remove(),
            Some(content) => file.write(content),
        }
        tokio::time::sleep(A_TOKENS_LIFE).await;
        let error = call(&client).await.unwrap_err();
        assert!(chain(&error).contains(wrong), "{}", chain(&error));
        file.write("new");
        call(&client).await.unwrap();
    }
}

#[tokio::test]
async fn what_can_not_work_is_refused_when_the_client_is_built() {
    let stage = rotated();
    let file = TempFile::holding("new");
    let at = |tenant: &str, application: &str| {
        stage.try_client(ClientSecret::from_file(tenant, application, file.path()))
    };
    assert!(refused(at("", APPLICATION)).contains("neither a tenant id"));
    assert!(refused(at("contoso", APPLICATION)).contains("neither a tenant id"));
    assert!(refused(at(TENANT, "my-app")).contains("not a GUID"));
    assert!(at("contoso.example", APPLICATION).is_ok());
    let empty = ClientSecret::new(TENANT, APPLICATION, " ");
    assert!(refused(stage.try_client(empty)).contains("client secret is empty"));

    for (content, wrong) in [
        (" \r\n".to_owned(), "is empty"),
        ("a\nb".to_owned(), "more than one line"),
        ("x".repeat(1 << 20), "longer than 16 KiB"),
    ] {
        file.write(content);
        assert!(refused(at(TENANT, APPLICATION)).contains(wrong));
    }
    let missing = TempFile::missing();
    assert!(refused(stage.try_client(from_file(&missing))).contains("can't be opened"));
}

#[test]
fn what_a_credential_knows_of_itself_can_be_asked() {
    let end: Timestamp = "2027-03-01T00:00:00Z".parse().unwrap();
    let credential = ClientSecret::new(TENANT, format!(" {APPLICATION} "), "s").expires_at(end);
    assert_eq!(credential.tenant(), Some(TENANT));
    assert_eq!(credential.application(), Some(APPLICATION));
    assert_eq!(credential.expires(), Some(end));
    assert_eq!(credential.fingerprint(), credential.clone().fingerprint());

    let file = TempFile::holding("one");
    let credential = from_file(&file);
    let before = credential.fingerprint();
    assert_eq!(before, credential.clone().fingerprint());
    file.write("two");
    assert_ne!(before, credential.fingerprint());
}
