//! Secrets, assertions and keys are looked for wherever a person or a log could see them, with a token endpoint
//! that echoes all it is sent.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use defender_response::{
    Client, ClientAssertion, ClientCertificate, ClientSecret, FixedToken, Secret, TokenSource,
    Transport, TransportError, WorkloadIdentity,
};
use http::{Request, Response};

use crate::keys::ours;
use crate::setup::{APPLICATION, TENANT, TempFile, call, chain};

const SECRET: &str = "c4nary~+/=&secret";
const ASSERTION: &str = "c4naryheader.c4naryclaims.c4narysignature";

/// Refuses whoever signs in, and says with what they did.
#[derive(Clone, Default)]
struct Echo(Arc<Mutex<Vec<String>>>);

#[async_trait::async_trait]
impl Transport for Echo {
    async fn send(
        &self,
        request: Request<Bytes>,
        _: usize,
    ) -> Result<Response<Bytes>, TransportError> {
        let form: Vec<(String, String)> =
            url::form_urlencoded::parse(request.body()).into_owned().collect();
        let proof = form
            .iter()
            .find(|(name, _)| ["client_secret", "client_assertion"].contains(&name.as_str()));
        let proof = proof.map(|(_, value)| value.clone()).unwrap_or_default();
        let sent = String::from_utf8_lossy(request.body()).into_owned();
        let body = serde_json::json!({
            "error": "invalid_client", "error_codes": [7_000_215],
            "error_description": format!("AADSTS7000215: {proof} of {sent}"),
            "trace_id": proof, "correlation_id": proof,
        });
        self.0.lock().unwrap().push(proof);
        let mut answer = Response::new(Bytes::from(body.to_string()));
        *answer.status_mut() = http::StatusCode::UNAUTHORIZED;
        Ok(answer)
    }
}

/// What tracing writes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything visible of one sign-in that fails, and what was sent to prove it.
async fn seen(credential: impl TokenSource + std::fmt::Debug + 'static) -> (String, Vec<String>) {
    let mut shown = format!("{credential:?} {credential:#?} {}", credential.fingerprint());
    let (echo, log) = (Echo::default(), Log::default());
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let builder = Client::builder(credential).transport(echo.clone());
    write!(shown, "{builder:?}").unwrap();
    let client = builder.build().unwrap();
    write!(shown, "{client:?}").unwrap();
    shown += &chain(&call(&client).await.unwrap_err());
    drop(guard);
    shown += &String::from_utf8_lossy(&log.0.lock().unwrap());
    let sent = echo.0.lock().unwrap().clone();
    (shown, sent)
}

#[tokio::test]
async fn no_credential_shows_what_it_proves_itself_by() {
    let secret = TempFile::holding(SECRET);
    let assertion = TempFile::holding(ASSERTION);
    let pem = ours().pem();
    let results = [
        seen(ClientSecret::new(TENANT, APPLICATION, SECRET)).await,
        seen(ClientSecret::from_file(TENANT, APPLICATION, secret.path())).await,
        seen(ClientSecret::from_provider(TENANT, APPLICATION, || Ok(Secret::new(SECRET)))).await,
        seen(ClientCertificate::from_pem(TENANT, APPLICATION, pem).unwrap()).await,
        seen(ClientAssertion::from_callback(TENANT, APPLICATION, || async {
            Ok(Secret::new(ASSERTION))
        }))
        .await,
        seen(WorkloadIdentity::from_file(TENANT, APPLICATION, assertion.path())).await,
    ];
    for (shown, sent) in results {
        assert!(!sent.is_empty() && shown.contains("AADSTS7000215"), "{shown}");
        for proof in sent {
            assert!(!shown.contains(&proof), "{shown}");
            for part in proof.split('.') {
                assert!(!shown.contains(part), "{shown}");
            }
        }
        assert!(!shown.contains("c4nary"), "{shown}");
        let key = ours().key_pem();
        assert!(key.lines().skip(1).all(|line| !shown.contains(line)), "{shown}");
    }
}

#[tokio::test]
async fn a_fixed_token_is_not_shown() {
    let (shown, _) = seen(FixedToken::new("c4nary-token")).await;
    assert!(!shown.contains("c4nary"), "{shown}");
}
